/*
 * events.c - results wait in a slot per job until all before them are there
 */
#include "scenarios/report/events.h"

#include <stdlib.h>
#include <string.h>

struct event_slot {
    bool there;
    struct outcome out;
    const char *path;
    char *story;
    size_t story_len;
    char died[128];
};

bool events_begin(struct events *e, size_t job_count)
{
    e->slots = calloc(job_count + 1, sizeof *e->slots);
    e->job_count = job_count;
    e->next = 0;
    e->totals = (struct event_totals){.passed = 0};
    if (e->slots == NULL)
        return false;
    for (size_t i = 0; i < e->writer_count; i++)
        e->writers[i].begin(e->writers[i].to, job_count);
    return true;
}

static void count(struct event_totals *t, enum outcome_status status)
{
    switch (status) {
    case OUTCOME_PASSED:
        t->passed++;
        return;
    case OUTCOME_FAILED:
        t->failed++;
        return;
    case OUTCOME_SKIPPED:
        t->skipped++;
        return;
    }
}

static void tell_one(struct events *e, size_t job)
{
    struct event_slot *s = &e->slots[job];
    const struct event event = {
        .number = job + 1,
        .path = s->path,
        .out = &s->out,
        .story = {s->story != NULL ? s->story : "", s->story_len},
        .died = s->died[0] != '\0' ? s->died : NULL,
    };

    count(&e->totals, s->out.status);
    for (size_t i = 0; i < e->writer_count; i++)
        e->writers[i].result(e->writers[i].to, &event);
    free(s->story);
    s->story = NULL;
}

static void tell(struct events *e)
{
    for (; e->next < e->job_count && e->slots[e->next].there; e->next++)
        tell_one(e, e->next);
}

static void tell_the_rest(struct events *e)
{
    for (; e->next < e->job_count; e->next++) {
        if (e->slots[e->next].there)
            tell_one(e, e->next);
        else
            e->totals.unfinished++;
    }
}

void events_add(struct events *e, size_t job, const char *path, const struct outcome *out,
                struct span story, const char *died)
{
    struct event_slot *s = &e->slots[job];

    s->there = true;
    s->out = *out;
    s->path = path;
    if (died != NULL)
        bytes_copy(s->died, sizeof s->died, span_of(died));
    s->story = story.len > 0 ? malloc(story.len) : NULL;
    if (s->story != NULL) {
        memcpy(s->story, story.ptr, story.len);
        s->story_len = story.len;
    }
    tell(e);
}

bool events_end(struct events *e, int signal)
{
    bool ok = true;

    e->totals.signal = signal;
    if (signal != 0)
        tell_the_rest(e);
    for (size_t i = 0; i < e->writer_count; i++) {
        FILE *to = e->writers[i].to;

        e->writers[i].end(to, &e->totals);
        ok &= ferror(to) == 0 && fflush(to) == 0;
        if (to != stdout && to != stderr)
            ok &= fclose(to) == 0;
    }
    free(e->slots);
    e->slots = NULL;
    return ok;
}

void events_write(FILE *to, struct span text)
{
    (void)fwrite(text.ptr, 1, text.len, to);
    (void)fflush(to);
}
