/*
 * test_question.c - what a target is asked, in which order, and how each question is named
 *
 * A row is a command line and the addresses of the target "mx.test" (or what its text says); its
 * questions stand as "NAME -> ADDRESS", one after another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "probe/program/summary.h"
#include "probe/program/question.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { WORDS_MAX = 12, ADDRESSES_MAX = 4 };

struct row {
    const char *label;
    const char *words[WORDS_MAX];
    const char *addresses[ADDRESSES_MAX]; /* of a name; each a host's own with --all-mx */
    const char *questions;
};

static const struct row rows[] = {
    {"an address", {"127.0.0.1"}, {NULL}, "127.0.0.1 -> 127.0.0.1:25\n"},
    {"ports of an address",
     {"--ports", "25,587", "::1"},
     {NULL},
     "[::1]:25 -> [::1]:25\n[::1]:587 -> [::1]:587\n"},
    {"ports are for others", {"--ports", "25,587", "[::1]:26"}, {NULL}, "[::1]:26 -> [::1]:26\n"},
    {"a name, one family",
     {"mx.test"},
     {"127.0.0.1", "127.0.0.2"},
     "mx.test -> 127.0.0.1:25 127.0.0.2:25\n"},
    {"a name, both families",
     {"mx.test"},
     {"::1", "127.0.0.1", "127.0.0.2"},
     "mx.test over IPv6 -> [::1]:25\nmx.test over IPv4 -> 127.0.0.1:25 127.0.0.2:25\n"},
    {"one family wanted",
     {"--family", "4", "mx.test"},
     {"::1", "127.0.0.1"},
     "mx.test -> 127.0.0.1:25\n"},
    {"two sources",
     {"--source", "127.0.0.8", "--source", "127.0.0.9", "mx.test:26"},
     {"127.0.0.1"},
     "mx.test:26 from 127.0.0.8 -> 127.0.0.1:26\nmx.test:26 from 127.0.0.9 -> 127.0.0.1:26\n"},
    {"sources of both families, ports",
     {"--source", "::1", "--source", "127.0.0.9", "--ports", "25,26", "mx.test"},
     {"127.0.0.1", "::1"},
     "mx.test:25 over IPv4 from 127.0.0.9 -> 127.0.0.1:25\n"
     "mx.test:25 over IPv6 from ::1 -> [::1]:25\n"
     "mx.test:26 over IPv4 from 127.0.0.9 -> 127.0.0.1:26\n"
     "mx.test:26 over IPv6 from ::1 -> [::1]:26\n"},
    {"no source fits", {"--source", "::1", "mx.test"}, {"127.0.0.1"}, ""},
    {"hosts of a domain",
     {"--all-mx", "--ports", "25,26", "mx:mx.test"},
     {"127.0.0.1", "127.0.0.2"},
     "mx:mx.test:25 at h0.test -> 127.0.0.1:25\nmx:mx.test:26 at h0.test -> 127.0.0.1:26\n"
     "mx:mx.test:25 at h1.test -> 127.0.0.2:25\nmx:mx.test:26 at h1.test -> 127.0.0.2:26\n"},
};

static void give_addresses(struct target *t, const struct row *row)
{
    struct mx_result found = {.status = MX_FOUND};

    for (size_t i = 0; i < ADDRESSES_MAX && row->addresses[i] != NULL; i++) {
        struct endpoint *e = &found.address[found.address_count];

        assert_true(endpoint_parse_address(span_of(row->addresses[i]), e));
        e->port = t->port;
        found.host_of[found.address_count++] = (uint8_t)i;
        found.hosts[i] = (struct mx_host){.name = {'h', (char)('0' + i), '.', 't', 'e', 's', 't'}};
        found.host_count++;
    }
    if (found.address_count > 0)
        target_take(t, &found);
}

static size_t write_questions(struct strbuf *out, const struct options *o, const struct target *t)
{
    struct question q;
    size_t count = 0;

    for (bool more = question_first(&q, o, t); more; more = question_next(&q, o, t), count++) {
        question_name(&q, o, t, out);
        strbuf_adds(out, " -> ");
        endpoint_print(out, &q.address);
        while (question_at_other(&q, t)) {
            strbuf_addc(out, ' ');
            endpoint_print(out, &q.address);
        }
        strbuf_addc(out, '\n');
    }
    return count;
}

static void read_words(struct options *o, const struct row *row)
{
    char *argv[WORDS_MAX + 3] = {(char *)(uintptr_t) "relayprobe",
                                 (char *)(uintptr_t) "--canary=probe@canary.test"};
    char memory[256];
    struct strbuf error;
    int argc = 2;

    for (size_t i = 0; i < WORDS_MAX && row->words[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)row->words[i];
    strbuf_init(&error, memory, sizeof(memory));
    if (!options_parse(o, argc, argv, &error))
        fail_msg("%s: %s", row->label, memory);
}

static void test_order_and_names(void **state)
{
    struct options *o = malloc(sizeof(*o));

    (void)state;
    assert_non_null(o);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char memory[1024];
        struct strbuf out;

        read_words(o, &rows[i]);
        give_addresses(&o->target[0], &rows[i]);
        strbuf_init(&out, memory, sizeof(memory));
        size_t count = write_questions(&out, o, &o->target[0]);
        if (strcmp(memory, rows[i].questions) != 0)
            fail_msg("%s:\n%s", rows[i].label, memory);
        assert_true(count <= question_count_max(o, &o->target[0]));
    }
    free(o);
}

/* The names of runs, and with them tokens, hang on it. */
static void test_keys(void **state)
{
    static const struct row row = {
        "keys",
        {"--source", "127.0.0.8", "--source", "127.0.0.9", "--ports", "25,26", "127.0.0.1"},
        {NULL},
        ""};
    struct options *o = malloc(sizeof(*o));
    char memory[256];
    struct strbuf out;
    struct question q;

    (void)state;
    assert_non_null(o);
    read_words(o, &row);
    strbuf_init(&out, memory, sizeof(memory));
    for (bool more = question_first(&q, o, &o->target[0]); more;
         more = question_next(&q, o, &o->target[0])) {
        question_key(&q, o, &o->target[0], &out);
        strbuf_addc(&out, '\n');
    }
    assert_string_equal(memory, "|25|from 127.0.0.8\n|25|from 127.0.0.9\n"
                                "|26|from 127.0.0.8\n|26|from 127.0.0.9\n");
    free(o);
}

static const struct {
    const char *label;
    struct summary_row rows[4];
    size_t count;
    const char *text;
} sums[] = {
    {"one question", {{25, 4, 0, VERDICT_CLOSED}}, 1, NULL},
    {"one port twice, by two hosts",
     {{25, 4, 0, VERDICT_CLOSED}, {25, 4, 0, VERDICT_OPEN}},
     2,
     NULL},
    {"one port relays",
     {{25, 4, 0, VERDICT_CLOSED}, {587, 4, 0, VERDICT_OPEN}},
     2,
     "mx.test, all together: open\n  ports:    relays on 587 only: open on 587, closed on 25\n"},
    {"not \"only\": nothing is known of the other",
     {{25, 4, 0, VERDICT_INCONCLUSIVE}, {587, 4, 0, VERDICT_OPEN}},
     2,
     "mx.test, all together: open\n"
     "  ports:    relays on 587: open on 587, inconclusive on 25\n"},
    {"both relay",
     {{25, 4, 0, VERDICT_OPEN}, {25, 6, 0, VERDICT_OPEN}},
     2,
     "mx.test, all together: open\n"
     "  families: relays over IPv4, IPv6: open over IPv4, IPv6\n"},
    {"none relays",
     {{25, 4, 0, VERDICT_DISCARDS}, {25, 4, 1, VERDICT_UNREACHABLE}},
     2,
     "mx.test, all together: discards\n"
     "  sources:  discards from 127.0.0.8, unreachable from ::1\n"},
    {"a port has the worst of its verdicts",
     {{25, 4, 0, VERDICT_CLOSED},
      {25, 6, 0, VERDICT_OPEN},
      {26, 4, 0, VERDICT_CLOSED},
      {26, 6, 0, VERDICT_CLOSED}},
     4,
     "mx.test, all together: open\n  ports:    relays on 25 only: open on 25, closed on 26\n"
     "  families: relays over IPv6 only: open over IPv6, closed over IPv4\n"},
};

static void test_summaries(void **state)
{
    struct endpoint sources[2];

    (void)state;
    assert_true(endpoint_parse_address(SPAN("127.0.0.8"), &sources[0]));
    assert_true(endpoint_parse_address(SPAN("::1"), &sources[1]));
    for (size_t i = 0; i < COUNT(sums); i++) {
        struct summary s = {SPAN("mx.test"), sums[i].rows, sums[i].count, sources, 2};
        char memory[1024];
        struct strbuf out;

        strbuf_init(&out, memory, sizeof(memory));
        if (summary_is_due(&s) != (sums[i].text != NULL))
            fail_msg("%s", sums[i].label);
        summary_text(&out, &s, false);
        if (sums[i].text != NULL && strcmp(memory, sums[i].text) != 0)
            fail_msg("%s:\n%s", sums[i].label, memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_names),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
