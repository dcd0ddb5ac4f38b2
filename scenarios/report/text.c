/*
 * text.c - results for people: a table that grows line by line, and a story where one is due
 *
 * Of further rounds only what fails is shown.
 */
#include "lib/base/utf8.h"
#include "scenarios/report/events.h"

#include <string.h>

enum { TEXT_MAX = STORY_MAX + 1024 };

static void pad(struct strbuf *out, const char *text, size_t width)
{
    size_t len = strlen(text);

    strbuf_adds(out, text);
    for (; len < width; len++)
        strbuf_addc(out, ' ');
    strbuf_adds(out, "  ");
}

static void write_row(struct strbuf *out, const struct event *e)
{
    const struct outcome *o = e->out;
    char name[256];
    struct strbuf n;

    strbuf_init(&n, name, sizeof name);
    strbuf_adds(&n, o->id);
    if (e->round > 1)
        strbuf_addf(&n, ", round %zu", e->round);
    pad(out, outcome_status_name(o->status), 4);
    pad(out, name, 44);
    if (o->status == OUTCOME_SKIPPED) {
        strbuf_adds(out, "skipped: ");
        utf8_add_line(out, span_of(o->reason));
        strbuf_addc(out, '\n');
        return;
    }
    pad(out, o->verdict >= 0 ? verdict_name((enum verdict)o->verdict) : "-", 12);
    pad(out, o->truth != TRUTH_UNSET ? case_truth_name(o->truth) : "-", 11);
    pad(out, o->verdict >= 0 ? mark_name(o->mark) : "-", 12);
    pad(out, run_world_name(o->world), 7);
    clock_print_human(out, o->elapsed_ns);
    strbuf_addc(out, '\n');
}

static void begin(struct event_writer *w, size_t jobs)
{
    char memory[128];
    struct strbuf out;

    (void)jobs;
    strbuf_init(&out, memory, sizeof memory);
    pad(&out, "", 4);
    pad(&out, "case", 44);
    pad(&out, "verdict", 12);
    pad(&out, "truth", 11);
    pad(&out, "mark", 12);
    strbuf_adds(&out, "world    time\n");
    events_write(w->to, strbuf_span(&out));
}

static void result(struct event_writer *w, const struct event *e)
{
    char memory[2048];
    struct strbuf out;

    if (e->round > 1 && e->out->status != OUTCOME_FAILED && e->story.len == 0)
        return;
    strbuf_init(&out, memory, sizeof memory);
    write_row(&out, e);
    if (e->died != NULL) {
        strbuf_addf(&out, "  %s\n  reproduce: relaylab run ", e->died);
        utf8_add_line(&out, span_of(e->path));
        strbuf_addc(&out, '\n');
    }
    events_write(w->to, strbuf_span(&out));
    events_write(w->to, e->story);
}

static void end(struct event_writer *w, const struct event_totals *t)
{
    char memory[512];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    for (size_t i = 0; i < t->flaky_count; i++) {
        const struct event_flaky *f = &t->flaky[i];

        strbuf_reset(&out);
        strbuf_addf(&out, "flaky %s  passed %u, failed %u, %u verdict%s\n", f->id, f->passed,
                    f->failed, f->verdicts, f->verdicts == 1 ? "" : "s");
        events_write(w->to, strbuf_span(&out));
    }
    strbuf_reset(&out);
    if (t->signal != 0)
        strbuf_addf(&out, "ended by signal %d (%s): %zu not finished\n", t->signal,
                    strsignal(t->signal), t->unfinished);
    if (t->rounds > 1)
        strbuf_addf(&out, "%zu rounds, %zu flaky\n", t->rounds, t->flaky_count);
    strbuf_addf(&out, "%zu passed, %zu failed, %zu skipped\n", t->passed, t->failed, t->skipped);
    events_write(w->to, strbuf_span(&out));
}

const struct event_writer text_writer = {.begin = begin, .result = result, .end = end};
