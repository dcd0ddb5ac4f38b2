/*
 * junit.c - results as JUnit XML, in the form that Ant's schema and Jenkins' both accept
 *
 * The sums are attributes of the first element, so cases wait in a temporary file until the end.
 * The time of a case is that of the wall: a CI system adds it up. What a case that passed has to
 * tell (--verbose) is in the suite's system-out, since Ant's schema has no other place.
 *
 * A case that failed is a failure, one whose worker died an error. The class is the folder.
 */
#include "drive/host/wall.h"
#include "lib/base/utf8.h"
#include "lib/base/xml.h"
#include "scenarios/report/events.h"

#include <string.h>

enum { PIECE_MAX = 4096, ELEMENT_MAX = 8192 };

/* Where a stream of text may be cut: not inside a character. */
static size_t piece_len(struct span s)
{
    size_t len = s.len < PIECE_MAX ? s.len : PIECE_MAX;

    for (size_t back = 0; len < s.len && back < 3 && len > 1; back++, len--)
        if (((unsigned char)s.ptr[len] & 0xc0) != 0x80)
            break;
    return len;
}

static void write_text(FILE *to, struct span text)
{
    char memory[6 * PIECE_MAX + 1];
    struct strbuf out;

    while (text.len > 0) {
        size_t len = piece_len(text);

        strbuf_init(&out, memory, sizeof memory);
        xml_add_text(&out, span_to(text, len));
        events_write(to, strbuf_span(&out));
        text = span_from(text, len);
    }
}

static void add_seconds(struct strbuf *out, int64_t ns)
{
    uint64_t ms = ns < 0 ? 0 : (uint64_t)(ns / CLOCK_MS);

    strbuf_addf(out, " time=\"%llu.%03u\"", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

/* "scenarios/cases/wire/a.yaml" is of the class "scenarios.cases.wire". */
static void add_class(struct strbuf *out, const char *path)
{
    char memory[1024];
    struct span folder = span_of(path);
    size_t slash = span_rchr(folder, '/');
    struct strbuf name;

    strbuf_init(&name, memory, sizeof memory);
    folder = slash == SIZE_MAX ? SPAN("") : span_to(folder, slash);
    for (size_t i = 0; i < folder.len; i++) {
        bool joins = folder.ptr[i] == '/';

        if (!joins || (name.len > 0 && memory[name.len - 1] != '.'))
            strbuf_addc(&name, joins ? '.' : folder.ptr[i]);
    }
    xml_add_attribute(out, "classname", name.len > 0 ? strbuf_span(&name) : SPAN("cases"));
}

static void add_message(struct strbuf *out, const struct event *e)
{
    const struct outcome *o = e->out;
    char memory[512];
    struct strbuf text;
    struct span rest = e->story, line = {"", 0};

    strbuf_init(&text, memory, sizeof memory);
    (void)span_cut(&rest, '\n', &line);
    if (e->died != NULL)
        strbuf_adds(&text, e->died);
    else if (o->verdict >= 0)
        strbuf_addf(&text, "%s: verdict %s, truth %s; ", mark_name(o->mark),
                    verdict_name((enum verdict)o->verdict), case_truth_name(o->truth));
    if (e->died == NULL)
        strbuf_add(&text, span_trim(line));
    xml_add_attribute(out, "message", strbuf_span(&text));
}

static void write_trouble(FILE *to, const struct event *e)
{
    const char *element = e->died != NULL ? "error" : "failure";
    char memory[ELEMENT_MAX];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, ">\n      <%s", element);
    add_message(&out, e);
    xml_add_attribute(&out, "type",
                      span_of(e->died != NULL       ? "worker"
                              : e->out->verdict < 0 ? "no verdict"
                                                    : mark_name(e->out->mark)));
    strbuf_addc(&out, '>');
    events_write(to, strbuf_span(&out));
    write_text(to, e->story);
    strbuf_reset(&out);
    strbuf_addf(&out, "</%s>\n    </testcase>\n", element);
    events_write(to, strbuf_span(&out));
}

static void write_skip(FILE *to, const struct event *e)
{
    char memory[ELEMENT_MAX];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, ">\n      <skipped");
    xml_add_attribute(&out, "message", span_of(e->out->reason));
    strbuf_adds(&out, "/>\n    </testcase>\n");
    events_write(to, strbuf_span(&out));
}

static void begin(struct event_writer *w, size_t jobs)
{
    (void)jobs;
    w->aside = tmpfile();
    w->told = tmpfile();
    w->broken = w->aside == NULL || w->told == NULL;
}

static void write_told(FILE *to, const struct event *e)
{
    if (e->story.len == 0)
        return;
    write_text(to, span_of(e->out->id));
    events_write(to, SPAN("\n"));
    write_text(to, e->story);
}

static void result(struct event_writer *w, const struct event *e)
{
    char memory[ELEMENT_MAX], name[256];
    struct strbuf out, n;

    if (w->broken)
        return;
    strbuf_init(&n, name, sizeof name);
    strbuf_adds(&n, e->out->id);
    if (e->round > 0)
        strbuf_addf(&n, ", round %zu", e->round);
    strbuf_init(&out, memory, sizeof memory);
    strbuf_adds(&out, "    <testcase");
    xml_add_attribute(&out, "name", strbuf_span(&n));
    add_class(&out, e->path);
    add_seconds(&out, e->out->wall_ns);
    events_write(w->aside, strbuf_span(&out));
    switch (e->out->status) {
    case OUTCOME_PASSED:
        events_write(w->aside, SPAN("/>\n"));
        write_told(w->told, e);
        break;
    case OUTCOME_FAILED:
        write_trouble(w->aside, e);
        break;
    case OUTCOME_SKIPPED:
        write_skip(w->aside, e);
        break;
    }
}

static void add_head(struct strbuf *out, const struct event_totals *t)
{
    char memory[64];
    struct strbuf at;

    strbuf_init(&at, memory, sizeof memory);
    clock_print_rfc3339(&at, wall_epoch_s() - t->wall_ns / CLOCK_SECOND);
    strbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                     "  <testsuite name=\"relaylab\" package=\"relaylab\" id=\"0\" "
                     "hostname=\"localhost\"");
    /* Ant's schema wants the time without its zone. */
    xml_add_attribute(out, "timestamp", span_to(strbuf_span(&at), strlen("2026-11-24T06:42:00")));
    strbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
                t->passed + t->failed + t->skipped, t->failed - t->died, t->died, t->skipped);
    add_seconds(out, t->wall_ns);
    strbuf_adds(out,
                ">\n    <properties>\n      <property name=\"relaylab\" value=\"" RELAYLAB_VERSION
                "\"/>\n");
    if (t->signal != 0)
        strbuf_addf(out,
                    "      <property name=\"signal\" value=\"%d\"/>\n"
                    "      <property name=\"unfinished\" value=\"%zu\"/>\n",
                    t->signal, t->unfinished);
    strbuf_adds(out, "    </properties>\n");
}

static void end(struct event_writer *w, const struct event_totals *t)
{
    char memory[ELEMENT_MAX];
    struct strbuf out;

    if (w->broken)
        return;
    strbuf_init(&out, memory, sizeof memory);
    add_head(&out, t);
    events_write(w->to, strbuf_span(&out));
    events_append(w->to, w->aside);
    events_write(w->to, SPAN("    <system-out>"));
    events_append(w->to, w->told);
    events_write(w->to, SPAN("</system-out>\n    <system-err/>\n  </testsuite>\n</testsuites>\n"));
}

const struct event_writer junit_writer = {.begin = begin, .result = result, .end = end};
