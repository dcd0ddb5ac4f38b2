/*
 * events.c - results wait in a list, ordered, until all before them are there
 *
 * The list is as long as one slow case lets it become; nothing is kept of a result that was told
 * but what the sums need, so that a run may repeat itself for days.
 */
#include "scenarios/report/events.h"

#include "drive/host/wall.h"
#include "scenarios/report/progress.h"
#include "scenarios/report/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct event_slot {
    struct event_slot *later;
    size_t job;
    struct outcome out;
    const char *path;
    size_t story_len;
    char died[128];
    char story[]; /* story_len */
};

static void note_trouble(struct event_writer *w)
{
    if (w->trouble == 0 && (w->broken || ferror(w->to) != 0))
        w->trouble = errno != 0 ? errno : EIO;
}

bool events_begin(struct events *e, const char *const *names, size_t per_round, size_t rounds)
{
    e->tally = calloc(per_round + 1, sizeof *e->tally);
    e->name = names;
    e->per_round = per_round;
    e->job_count = per_round * rounds;
    e->repeats = rounds != 1;
    e->next = e->done = 0;
    e->totals = (struct event_totals){.passed = 0};
    e->began_ns = wall_now();
    if (e->tally == NULL)
        return false;
    for (size_t i = 0; i < e->writer_count; i++) {
        e->writers[i].begin(&e->writers[i], e->job_count);
        note_trouble(&e->writers[i]);
    }
    return true;
}

static void count(struct event_totals *t, const struct event *e)
{
    t->died += e->died != NULL;
    t->passed += e->out->status == OUTCOME_PASSED;
    t->failed += e->out->status == OUTCOME_FAILED;
    t->skipped += e->out->status == OUTCOME_SKIPPED;
}

static void tell_first(struct events *e)
{
    struct event_slot *s = e->waiting;
    const struct event event = {
        .number = s->job + 1,
        .round = e->repeats ? s->job / e->per_round + 1 : 0,
        .path = s->path,
        .out = &s->out,
        .story = {s->story, s->story_len},
        .died = s->died[0] != '\0' ? s->died : NULL,
    };

    e->waiting = s->later;
    count(&e->totals, &event);
    tally_add(&e->tally[s->job % e->per_round], &s->out);
    progress_erase(e);
    for (size_t i = 0; i < e->writer_count; i++) {
        e->writers[i].result(&e->writers[i], &event);
        note_trouble(&e->writers[i]);
    }
    free(s);
}

static void tell(struct events *e)
{
    for (; e->waiting != NULL && e->waiting->job == e->next; e->next++)
        tell_first(e);
}

static void tell_the_rest(struct events *e)
{
    size_t told = e->next;

    for (; e->waiting != NULL; told++)
        tell_first(e);
    if (e->job_count > 0)
        e->totals.unfinished = e->job_count - told;
}

static void insert(struct events *e, struct event_slot *s)
{
    struct event_slot **at = &e->waiting;

    while (*at != NULL && (*at)->job < s->job)
        at = &(*at)->later;
    s->later = *at;
    *at = s;
}

void events_add(struct events *e, size_t job, const char *path, const struct outcome *out,
                struct span story, const char *died)
{
    struct event_slot *s = malloc(sizeof *s + story.len);

    if (s == NULL) {
        e->lost = true;
        return;
    }
    s->job = job;
    s->out = *out;
    s->path = path;
    s->died[0] = '\0';
    if (died != NULL)
        bytes_copy(s->died, sizeof s->died, span_of(died));
    if (s->out.id[0] == '\0')
        bytes_copy(s->out.id, sizeof s->out.id, span_of(e->name[job % e->per_round]));
    s->story_len = story.len;
    if (story.len > 0)
        memcpy(s->story, story.ptr, story.len);
    e->done++;
    insert(e, s);
    tell(e);
    progress_draw(e);
}

static bool close_writers(struct events *e)
{
    e->failed = NULL;
    for (size_t i = 0; i < e->writer_count; i++) {
        struct event_writer *w = &e->writers[i];
        bool kept = w->to == stdout || w->to == stderr;

        note_trouble(w);
        if ((kept ? fflush(w->to) : fclose(w->to)) != 0 && w->trouble == 0)
            w->trouble = errno;
        if (w->trouble != 0 && e->failed == NULL)
            e->failed = w;
    }
    e->writer_count = 0;
    return e->failed == NULL && !e->lost;
}

void events_complaint(const struct events *e, struct strbuf *out)
{
    const struct event_writer *w = e->failed;

    if (w == NULL) {
        strbuf_adds(out, "no memory left for a result: the reports are not whole");
        return;
    }
    if (strcmp(w->path, "-") == 0)
        strbuf_adds(out, "standard output");
    else
        strbuf_addf(out, "%s: %s", w->option, w->path);
    strbuf_addf(out, "%s: %s", w->broken ? ": a temporary file" : "", strerror(w->trouble));
}

bool events_end(struct events *e, int signal)
{
    struct event_flaky *flaky = NULL;

    progress_erase(e);
    e->totals.signal = signal;
    if (signal != 0)
        tell_the_rest(e);
    if (e->repeats)
        flaky = tally_flaky(e->tally, e->name, e->per_round, &e->totals.flaky_count);
    e->totals.flaky = flaky;
    e->totals.rounds = e->next == 0 ? 1 : (e->next - 1) / e->per_round + 1;
    e->totals.wall_ns = wall_now() - e->began_ns;
    for (size_t i = 0; i < e->writer_count; i++) {
        e->writers[i].end(&e->writers[i], &e->totals);
        note_trouble(&e->writers[i]);
    }
    free(flaky);
    e->totals.flaky = NULL;
    free(e->tally);
    e->tally = NULL;
    return close_writers(e);
}

void events_drop(struct events *e)
{
    (void)close_writers(e);
}

void events_write(FILE *to, struct span text)
{
    (void)fwrite(text.ptr, 1, text.len, to);
    (void)fflush(to);
}

void events_append(FILE *to, FILE *aside)
{
    char block[4096];
    size_t len;

    rewind(aside);
    while ((len = fread(block, 1, sizeof block, aside)) > 0)
        events_write(to, (struct span){block, len});
    (void)fclose(aside);
}
