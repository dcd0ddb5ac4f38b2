/*
 * tap.c - results as TAP (testanything.org): a plan, a line a case, stories as YAML block scalars
 *
 * All of it is TAP 14 but for the first line, which says 13: Perl's TAP::Harness, and with it
 * prove, takes a 14 there for an error. Where nobody knows how many results will come, the plan
 * stands at the end (w->room: how many were planned at the beginning).
 */
#include "lib/base/utf8.h"
#include "scenarios/report/events.h"

static void begin(struct event_writer *w, size_t jobs)
{
    char memory[64];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "TAP version 13\n");
    if (jobs > 0)
        strbuf_addf(&out, "1..%zu\n", jobs);
    w->room = jobs;
    events_write(w->to, strbuf_span(&out));
}

/* `#` begins a directive and `\` escapes it. A line end in a file's name must not begin a line. */
static void add_escaped(struct strbuf *out, const char *text)
{
    struct span rest = span_of(text);

    while (rest.len > 0) {
        size_t len = utf8_len(rest);
        unsigned char c = (unsigned char)rest.ptr[0];

        if (len == 0 || c < 0x20 || c == 0x7f) {
            strbuf_addf(out, "\\\\x%02x", (unsigned)c);
        } else {
            if (c == '#' || c == '\\')
                strbuf_addc(out, '\\');
            strbuf_add(out, span_to(rest, len));
        }
        rest = span_from(rest, len > 0 ? len : 1);
    }
}

/* The first line says how far a block scalar is indented, so it is never the story's. */
static void write_story(struct event_writer *w, const struct event *e)
{
    char memory[1024];
    struct strbuf out;
    struct span rest = e->story, line;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "  ---\n");
    if (e->died != NULL)
        strbuf_addf(&out, "  died: %s\n", e->died);
    strbuf_addf(&out, "  story: |\n    mark: %s\n",
                e->out->verdict >= 0 ? mark_name(e->out->mark) : "none");
    events_write(w->to, strbuf_span(&out));
    while (rest.len > 0 && span_cut(&rest, '\n', &line)) {
        strbuf_reset(&out);
        strbuf_adds(&out, "    ");
        utf8_add_line(&out, line);
        events_write(w->to, strbuf_span(&out));
        events_write(w->to, SPAN("\n")); /* however long the line is */
    }
    events_write(w->to, SPAN("  ...\n"));
}

static void result(struct event_writer *w, const struct event *e)
{
    char memory[4096];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "%s %zu - ", e->out->status == OUTCOME_FAILED ? "not ok" : "ok", e->number);
    add_escaped(&out, e->out->id);
    if (e->round > 0)
        strbuf_addf(&out, ", round %zu", e->round);
    if (e->out->status == OUTCOME_SKIPPED) {
        strbuf_adds(&out, " # SKIP ");
        add_escaped(&out, e->out->reason);
    }
    strbuf_addc(&out, '\n');
    events_write(w->to, strbuf_span(&out));
    if (e->out->status == OUTCOME_FAILED)
        write_story(w, e);
}

static void end(struct event_writer *w, const struct event_totals *t)
{
    char memory[128];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    if (w->room == 0)
        strbuf_addf(&out, "1..%zu\n", t->passed + t->failed + t->skipped);
    if (t->signal != 0)
        strbuf_addf(&out, "Bail out! signal %d, %zu not finished\n", t->signal, t->unfinished);
    events_write(w->to, strbuf_span(&out));
}

const struct event_writer tap_writer = {.begin = begin, .result = result, .end = end};
