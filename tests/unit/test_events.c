/*
 * test_events.c - the stream of results: order, rounds, sums; and what each writer makes of bytes
 * that nobody would send in good faith
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/utf8.h"
#include "scenarios/report/events.h"
#include "scenarios/report/progress.h"
#include "scenarios/report/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"first", "second", "third"};

struct report {
    struct events events;
    char *text;
    size_t len;
};

static void open_report(struct report *r, const struct event_writer *writer, size_t rounds)
{
    memset(r, 0, sizeof *r);
    r->events.writers[0] = *writer;
    r->events.writers[0].to = open_memstream(&r->text, &r->len);
    assert_non_null(r->events.writers[0].to);
    r->events.writer_count = 1;
    assert_true(events_begin(&r->events, names, 3, rounds));
}

static void add(struct report *r, size_t job, enum outcome_status status, int verdict)
{
    struct outcome out = {.status = status, .verdict = verdict, .mark = MARK_RIGHT};

    bytes_copy(out.id, sizeof out.id, span_of(names[job % 3]));
    if (status == OUTCOME_SKIPPED)
        bytes_copy(out.reason, sizeof out.reason, SPAN("time: real"));
    events_add(&r->events, job, "a.yaml", &out, SPAN(""), NULL);
}

static void in_the_order_of_the_list(void **state)
{
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct report r;

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        open_report(&r, &tap_writer, 1);
        for (size_t k = 0; k < 3; k++)
            add(&r, orders[i][k], OUTCOME_PASSED, VERDICT_OPEN);
        assert_true(events_end(&r.events, 0));
        assert_string_equal(r.text,
                            "TAP version 13\n1..3\nok 1 - first\nok 2 - second\nok 3 - third\n");
        free(r.text);
    }
}

static void rounds_without_an_end(void **state)
{
    struct report r;

    (void)state;
    open_report(&r, &tap_writer, 0);
    for (size_t job = 0; job < 5; job++)
        add(&r, job, job == 4 ? OUTCOME_FAILED : OUTCOME_PASSED, VERDICT_OPEN);
    assert_true(events_end(&r.events, 0));
    assert_int_equal(r.events.totals.rounds, 2);
    assert_int_equal(r.events.totals.flaky_count, 1);
    assert_non_null(strstr(r.text, "ok 4 - first, round 2\nnot ok 5 - second, round 2\n"));
    assert_null(strstr(r.text, "1..0"));
    assert_string_equal(r.text + r.len - 5, "1..5\n");
    free(r.text);
}

static void a_signal_tells_what_waits(void **state)
{
    struct report r;

    (void)state;
    open_report(&r, &tap_writer, 1);
    add(&r, 2, OUTCOME_PASSED, VERDICT_OPEN);
    assert_true(events_end(&r.events, 15));
    assert_int_equal(r.events.totals.unfinished, 2);
    assert_non_null(strstr(r.text, "ok 3 - third\nBail out! signal 15, 2 not finished\n"));
    free(r.text);
}

static void a_worker_that_died_has_a_name(void **state)
{
    struct outcome out = {.status = OUTCOME_FAILED, .verdict = -1};
    struct report r;

    (void)state;
    open_report(&r, &junit_writer, 1);
    events_add(&r.events, 0, "a.yaml", &out, SPAN(""), "the worker died of signal 11");
    assert_true(events_end(&r.events, 2));
    assert_non_null(strstr(r.text, "<testcase name=\"first\""));
    assert_non_null(strstr(r.text, "<error message=\"the worker died of signal 11\""));
    assert_non_null(strstr(r.text, "failures=\"0\" errors=\"1\""));
    free(r.text);
}

static void tallies(void **state)
{
    static const struct {
        const char *label;
        struct event_tally t;
        bool flaky;
        unsigned verdicts;
    } rows[] = {
        {"always passes", {.passed = 9, .verdicts = 1}, false, 1},
        {"always fails", {.failed = 9, .verdicts = 4}, false, 1},
        {"both", {.passed = 1, .failed = 1, .verdicts = 1}, true, 1},
        {"two verdicts that pass", {.passed = 2, .verdicts = 5}, true, 2},
        {"never ran", {.skipped = 3}, false, 0},
        {"skipped once", {.passed = 1, .skipped = 1, .verdicts = 2}, false, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (tally_is_flaky(&rows[i].t) != rows[i].flaky ||
            tally_verdicts(&rows[i].t) != rows[i].verdicts)
            fail_msg("%s", rows[i].label);
}

static void the_progress_line(void **state)
{
    struct events e = {
        .name = names, .per_round = 3, .job_count = 3, .next = 1, .done = 2, .totals.failed = 1};
    char memory[256];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    progress_print(&e, 65 * CLOCK_SECOND + 5, &out);
    assert_string_equal(memory, "2 of 3, 1 failed, 1 min 05 s, waiting for second");
    strbuf_reset(&out);
    e.job_count = 0;
    e.done = 7;
    progress_print(&e, 65 * CLOCK_SECOND, &out);
    assert_non_null(strstr(memory, "round 3, 7 done, 1 failed"));
}

/* Every byte, and what each format has of its own, in every place that a peer or a file reaches. */
static void fill_hostile(char *text, size_t cap)
{
    static const char ends[] = "]]>--> ``` </details> | # \\ ... --- ";
    size_t at = 0;

    for (; at < 255 && at < cap - 1; at++)
        text[at] = (char)(at + 1);
    for (size_t i = 0; at < cap - 1; at++, i++)
        text[at] = ends[i % (sizeof ends - 1)];
    text[cap - 1] = '\0';
}

static void tell_hostile(struct report *r, const struct event_writer *writer)
{
    struct outcome out = {.status = OUTCOME_FAILED, .verdict = VERDICT_OPEN};
    char path[600], story[20000];

    open_report(r, writer, 1);
    fill_hostile(out.id, sizeof out.id);
    fill_hostile(out.title, sizeof out.title);
    fill_hostile(out.reason, sizeof out.reason);
    fill_hostile(path, sizeof path);
    for (size_t i = 0; i < sizeof story; i++)
        story[i] = (char)(i * 7 + i / 256);
    events_add(&r->events, 0, path, &out, (struct span){story, sizeof story}, NULL);
    out.status = OUTCOME_SKIPPED;
    events_add(&r->events, 1, path, &out, SPAN(""), NULL);
    out.status = OUTCOME_PASSED;
    events_add(&r->events, 2, path, &out, (struct span){story, sizeof story}, NULL);
    assert_true(events_end(&r->events, 0));
}

static void hostile_bytes(void **state)
{
    static const struct {
        const char *label;
        const struct event_writer *writer;
    } rows[] = {{"tap", &tap_writer},
                {"jsonl", &jsonl_writer},
                {"junit", &junit_writer},
                {"markdown", &markdown_writer}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report r;

        tell_hostile(&r, rows[i].writer);
        for (struct span rest = {r.text, r.len}; rest.len > 0;) {
            size_t len = utf8_len(rest);
            unsigned char c = (unsigned char)rest.ptr[0];

            if (len == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
                fail_msg("%s: octet %02x at %zu", rows[i].label, c, (size_t)(rest.ptr - r.text));
            rest = span_from(rest, len);
        }
        free(r.text);
    }
}

/* Lines that begin anything in TAP: three results, and nothing that a story made up. */
static void hostile_tap_has_three_results(void **state)
{
    struct report r;
    struct span rest, line;
    unsigned results = 0;

    (void)state;
    tell_hostile(&r, &tap_writer);
    rest = (struct span){r.text, r.len};
    while (span_cut(&rest, '\n', &line))
        results += span_starts(line, SPAN("ok ")) || span_starts(line, SPAN("not ok "));
    assert_int_equal(results, 3);
    free(r.text);
}

/* Nothing on a page but what the writer itself put there ends a block or begins an element. */
static void hostile_markdown_stays_text(void **state)
{
    struct report r;
    struct span rest, line;

    (void)state;
    tell_hostile(&r, &markdown_writer);
    rest = (struct span){r.text, r.len};
    while (span_cut(&rest, '\n', &line)) {
        if (span_starts(line, SPAN("    ")))
            continue;
        size_t at = span_find(line, SPAN("<"));
        struct span tag = at == SIZE_MAX ? SPAN("<br>") : span_from(line, at);
        if (!span_starts(tag, SPAN("<br>")) && !span_equal(tag, SPAN("</details>")) &&
            !span_equal(tag, SPAN("<details><summary>Skipped</summary>")))
            fail_msg("%.*s", (int)line.len, line.ptr);
    }
    free(r.text);
}

/* A page of CI has a limit. */
static void many_failures_fit_a_page(void **state)
{
    struct outcome out = {.status = OUTCOME_FAILED, .verdict = VERDICT_OPEN, .id = "x"};
    static char story[100000];
    struct report r;

    (void)state;
    memset(story, 'x', sizeof story);
    open_report(&r, &markdown_writer, 2000);
    for (size_t job = 0; job < 6000; job++)
        events_add(&r.events, job, "a.yaml", &out, (struct span){story, sizeof story}, NULL);
    assert_true(events_end(&r.events, 0));
    assert_true(r.len > 100000 && r.len < 1048576);
    free(r.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_order_of_the_list),
        cmocka_unit_test(rounds_without_an_end),
        cmocka_unit_test(a_signal_tells_what_waits),
        cmocka_unit_test(a_worker_that_died_has_a_name),
        cmocka_unit_test(tallies),
        cmocka_unit_test(the_progress_line),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(hostile_tap_has_three_results),
        cmocka_unit_test(hostile_markdown_stays_text),
        cmocka_unit_test(many_failures_fit_a_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
