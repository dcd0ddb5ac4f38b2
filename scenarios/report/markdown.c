/*
 * markdown.c - results as a page of Markdown: the sums, what failed with its story, what was
 * flaky, what was skipped and why
 *
 * For the page of a CI job, which has a limit (GitHub: 1 MiB for a step): stories are cut, and when
 * half of that is full further failures are only named. Passing cases are counted, not listed.
 */
#include "lib/base/utf8.h"
#include "scenarios/report/events.h"

#include <string.h>

enum { ROOM = 524288, STORY_SHOWN_MAX = 16384, ROW_MAX = 8192 };

/* Nothing in it is Markdown or HTML. */
static void add_plain(struct strbuf *out, struct span s)
{
    while (s.len > 0) {
        size_t len = utf8_len(s);
        unsigned char c = (unsigned char)s.ptr[0];

        if (len == 0)
            strbuf_adds(out, "\xef\xbf\xbd");
        else if (c < 0x20 || c == 0x7f)
            strbuf_addc(out, ' ');
        else if (c == '<')
            strbuf_adds(out, "&lt;");
        else if (c == '&')
            strbuf_adds(out, "&amp;");
        else if (len == 1 && strchr("\\`*_{}[]()#|~>!@:", (char)c) != NULL)
            strbuf_addf(out, "\\%c", (char)c);
        else
            strbuf_add(out, span_to(s, len));
        s = span_from(s, len > 0 ? len : 1);
    }
}

static void add_line(struct strbuf *out, struct span s)
{
    while (s.len > 0) {
        size_t len = utf8_len(s);
        unsigned char c = (unsigned char)s.ptr[0];

        if (len == 0)
            strbuf_adds(out, "\xef\xbf\xbd");
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            strbuf_addf(out, "\\x%02x", (unsigned)c);
        else
            strbuf_add(out, span_to(s, len));
        s = span_from(s, len > 0 ? len : 1);
    }
}

/* As an indented block would, but for lists: every line is behind four spaces, so that no line of
   a dialogue ends the block. */
static size_t write_story(FILE *to, struct span story)
{
    char memory[ROW_MAX];
    struct strbuf out;
    struct span rest = span_to(story, STORY_SHOWN_MAX), line;
    size_t written = 0;

    events_write(to, SPAN("\n"));
    while (rest.len > 0 && span_cut(&rest, '\n', &line)) {
        strbuf_init(&out, memory, sizeof memory);
        strbuf_adds(&out, "    ");
        add_line(&out, span_to(line, 1000));
        strbuf_addc(&out, '\n');
        events_write(to, strbuf_span(&out));
        written += out.len;
    }
    if (story.len > STORY_SHOWN_MAX)
        events_write(to, SPAN("    ... (cut; the other reports have all of it)\n"));
    return written;
}

static void begin(struct event_writer *w, size_t jobs)
{
    (void)jobs;
    w->aside = tmpfile();
    w->told = tmpfile();
    w->broken = w->aside == NULL || w->told == NULL;
    w->room = ROOM;
}

static void write_failure(struct event_writer *w, const struct event *e)
{
    const struct outcome *o = e->out;
    char memory[ROW_MAX];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "\n### ");
    add_plain(&out, span_of(o->id));
    if (e->round > 0)
        strbuf_addf(&out, ", round %zu", e->round);
    strbuf_adds(&out, "\n\n");
    add_plain(&out, span_of(o->title));
    if (o->title[0] != '\0')
        strbuf_adds(&out, "<br>\n");
    if (e->died != NULL)
        add_plain(&out, span_of(e->died));
    else if (o->verdict >= 0)
        strbuf_addf(&out, "verdict **%s**, truth **%s**, %s",
                    verdict_name((enum verdict)o->verdict), case_truth_name(o->truth),
                    mark_name(o->mark));
    else
        strbuf_adds(&out, "no verdict");
    strbuf_addc(&out, '\n');
    events_write(w->aside, strbuf_span(&out));
    size_t written = out.len + (e->story.len > 0 ? write_story(w->aside, e->story) : 0);
    w->room -= written < w->room ? written : w->room;
}

static void write_name(struct event_writer *w, const struct event *e)
{
    char memory[ROW_MAX];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "\n- failed too: ");
    add_plain(&out, span_of(e->out->id));
    strbuf_addc(&out, '\n');
    w->room -= out.len < w->room ? out.len : w->room;
    events_write(w->aside, strbuf_span(&out));
}

static void write_skip(struct event_writer *w, const struct event *e)
{
    char memory[ROW_MAX];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "- ");
    add_plain(&out, span_of(e->out->id));
    strbuf_adds(&out, ": ");
    add_plain(&out, span_of(e->out->reason));
    strbuf_addc(&out, '\n');
    if (out.len > w->room)
        return;
    w->room -= out.len;
    events_write(w->told, strbuf_span(&out));
}

static void result(struct event_writer *w, const struct event *e)
{
    if (w->broken)
        return;
    if (e->out->status == OUTCOME_SKIPPED && e->round <= 1)
        write_skip(w, e);
    if (e->out->status != OUTCOME_FAILED || w->room == 0)
        return;
    if (w->room > ROOM / 4)
        write_failure(w, e);
    else
        write_name(w, e);
}

static void add_sums(struct strbuf *out, const struct event_totals *t)
{
    strbuf_addf(out, "## relaylab: %s\n\n",
                t->signal != 0   ? "not finished"
                : t->failed > 0  ? "failed"
                : t->passed == 0 ? "all skipped"
                                 : "passed");
    strbuf_adds(out, "| passed | failed | skipped | flaky | time |\n|---:|---:|---:|---:|---:|\n");
    strbuf_addf(out, "| %zu | %zu | %zu | %zu | ", t->passed, t->failed, t->skipped,
                t->flaky_count);
    clock_print_human(out, t->wall_ns);
    strbuf_adds(out, " |\n");
    if (t->rounds > 1)
        strbuf_addf(out, "\n%zu rounds.\n", t->rounds);
    if (t->signal != 0)
        strbuf_addf(out, "\nEnded by signal %d; %zu not finished.\n", t->signal, t->unfinished);
}

static void write_flaky(FILE *to, const struct event_totals *t)
{
    char memory[ROW_MAX];
    struct strbuf out;

    if (t->flaky_count > 0)
        events_write(to, SPAN("\n## Flaky\n\n"));
    for (size_t i = 0; i < t->flaky_count; i++) {
        strbuf_init(&out, memory, sizeof memory);
        strbuf_adds(&out, "- ");
        add_plain(&out, span_of(t->flaky[i].id));
        strbuf_addf(&out, " passed %u, failed %u, %u verdicts\n", t->flaky[i].passed,
                    t->flaky[i].failed, t->flaky[i].verdicts);
        events_write(to, strbuf_span(&out));
    }
}

static void end(struct event_writer *w, const struct event_totals *t)
{
    char memory[ROW_MAX];
    struct strbuf out;

    if (w->broken)
        return;
    strbuf_init(&out, memory, sizeof memory);
    add_sums(&out, t);
    events_write(w->to, strbuf_span(&out));
    if (t->failed > 0)
        events_write(w->to, SPAN("\n## Failed\n"));
    events_append(w->to, w->aside);
    write_flaky(w->to, t);
    if (t->skipped > 0)
        events_write(w->to, SPAN("\n<details><summary>Skipped</summary>\n\n"));
    events_append(w->to, w->told);
    if (t->skipped > 0)
        events_write(w->to, SPAN("\n</details>\n"));
}

const struct event_writer markdown_writer = {.begin = begin, .result = result, .end = end};
