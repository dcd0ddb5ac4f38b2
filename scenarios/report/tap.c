/*
 * tap.c - results as TAP 14 (testanything.org): a plan, a line a case, stories as YAML block
 * scalars
 */
#include "scenarios/report/events.h"

static void begin(FILE *to, size_t jobs)
{
    char memory[64];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "TAP version 14\n1..%zu\n", jobs);
    events_write(to, strbuf_span(&out));
}

/* `#` begins a directive and `\` escapes it. */
static void add_escaped(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '#' || *text == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, *text);
    }
}

static void write_story(FILE *to, const struct event *e)
{
    char memory[1024];
    struct strbuf out;
    struct span rest = e->story, line;

    strbuf_init(&out, memory, sizeof memory);
    events_write(to, SPAN("  ---\n"));
    if (e->died != NULL) {
        strbuf_addf(&out, "  died: %s\n", e->died);
        events_write(to, strbuf_span(&out));
    }
    if (rest.len > 0)
        events_write(to, SPAN("  story: |\n"));
    while (span_cut(&rest, '\n', &line)) {
        strbuf_reset(&out);
        strbuf_adds(&out, "    ");
        strbuf_add_visible(&out, line);
        strbuf_addc(&out, '\n');
        events_write(to, strbuf_span(&out));
    }
    events_write(to, SPAN("  ...\n"));
}

static void result(FILE *to, const struct event *e)
{
    char memory[1024];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "%s %zu - ", e->out->status == OUTCOME_FAILED ? "not ok" : "ok", e->number);
    add_escaped(&out, e->out->id[0] != '\0' ? e->out->id : e->path);
    if (e->out->status == OUTCOME_SKIPPED) {
        strbuf_adds(&out, " # SKIP ");
        add_escaped(&out, e->out->reason);
    }
    strbuf_addc(&out, '\n');
    events_write(to, strbuf_span(&out));
    if (e->out->status == OUTCOME_FAILED)
        write_story(to, e);
}

static void end(FILE *to, const struct event_totals *t)
{
    char memory[128];
    struct strbuf out;

    if (t->signal == 0)
        return;
    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "Bail out! signal %d, %zu not finished\n", t->signal, t->unfinished);
    events_write(to, strbuf_span(&out));
}

const struct event_writer tap_writer = {.begin = begin, .result = result, .end = end};
