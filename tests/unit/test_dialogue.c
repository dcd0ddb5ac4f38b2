/*
 * test_dialogue.c - patterns, what is replaced before worlds are compared, and the first difference
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/judge/dialogue.h"

#include <string.h>

static void match(void **state)
{
    static const struct {
        const char *label, *line, *pattern;
        bool matches;
    } rows[] = {
        {"equal", "S: 220 mx", "S: 220 mx", true},
        {"case counts", "S: 220 MX", "S: 220 mx", false},
        {"any at the end", "S: 220 mx ESMTP", "S: 220 {any}", true},
        {"any may be empty", "S: 220 ", "S: 220 {any}", true},
        {"any in the middle", "C: RCPT TO:<x@canary.test>", "C: RCPT TO:<{any}@canary.test>", true},
        {"what follows must end the line", "C: RCPT TO:<x@canary.test> X",
         "C: RCPT TO:<{any}@canary.test>", false},
        {"two of them", "S: 554 5.7.1 <a>: Relay access denied", "S: 554 {any}: Relay {any}", true},
        {"the end is not found twice", "ab", "a{any}ab", false},
        {"prefix and suffix may not overlap", "aba", "ab{any}ba", false},
        {"the leftmost is good enough", "axbxb", "a{any}b{any}b", true},
        {"only any", "", "{any}", true},
        {"a star is a star", "S: 220 ***", "S: 220 ***", true},
        {"a star is no wildcard", "S: 220 abc", "S: 220 *", false},
        {"shorter than the pattern", "S:", "S: 220 {any}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (dialogue_match(span_of(rows[i].line), span_of(rows[i].pattern)) != rows[i].matches)
            fail_msg("%s", rows[i].label);
}

static void add(struct record *r, enum mock_event_kind kind, uint64_t connection, const char *text)
{
    record_event(
        r, 0, &(struct mock_event){.kind = kind, .connection = connection, .text = span_of(text)});
}

static void talk(struct record *r)
{
    record_init(r);
    add(r, MOCK_REPLY, 1, "220 mx.victim.test ESMTP\r\n");
    add(r, MOCK_REPLY, 2, "220 other\r\n");
    add(r, MOCK_COMMAND, 1, "EHLO probe.canary.test");
    add(r, MOCK_REPLY, 1, "250-mx.victim.test\r\n250-SIZE\r\n250 8BITMIME\r\n");
    add(r, MOCK_COMMAND, 1, "QUIT");
    add(r, MOCK_REPLY, 1,
        "221 \x01"
        "bye\r\n");
    add(r, MOCK_CLOSED, 1, "closed");
}

static void holds(void **state)
{
    static const struct {
        const char *label, *patterns, *missing;
    } rows[] = {
        {"all lines", "S: 220 {any}\nC: EHLO {any}\nS: 250-{any}\nS: 250 8BITMIME\nC: QUIT", NULL},
        {"lines between are skipped", "S: 220 {any}\nC: QUIT\n", NULL},
        {"order counts", "C: QUIT\nC: EHLO {any}", "C: EHLO {any}"},
        {"one line is used once", "C: QUIT\nC: QUIT", "C: QUIT"},
        {"another connection's lines do not count", "S: 220 other", "S: 220 other"},
        {"control characters are visible", "S: 221 \\x01bye", NULL},
        {"how it ended", "*: closed", NULL},
        {"nothing asked, nothing missing", "\n  \n", NULL},
    };
    struct record r;

    (void)state;
    talk(&r);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span missing = {"", 0};
        bool ok = dialogue_holds(&r, 0, 1, span_of(rows[i].patterns), &missing);

        if (ok != (rows[i].missing == NULL))
            fail_msg("%s", rows[i].label);
        if (!ok && !span_equal(missing, span_of(rows[i].missing)))
            fail_msg("%s: %.*s", rows[i].label, (int)missing.len, missing.ptr);
    }
    record_clear(&r);
}

static void normalise(void **state)
{
    static const struct {
        const char *label, *line, *expected;
    } rows[] = {
        {"nothing to replace", "S: 250 2.1.5 Ok", "S: 250 2.1.5 Ok"},
        {"a token", "C: RCPT TO:<probe+abcdefgh234567ab@canary.test>",
         "C: RCPT TO:<probe+{token}@canary.test>"},
        {"a token in an encoded address",
         "RCPT TO:<IMCEASMTP-p+2Babcdefgh234567ab+40canary+2Etest@t>",
         "RCPT TO:<IMCEASMTP-p+2B{token}+40canary+2Etest@t>"},
        {"a token after one in an encoded address", "+2Babcdefgh234567ab bbcdefgh234567ab",
         "+2B{token} {token}"},
        {"an encoded plus and too many characters", "+2Babcdefgh234567abc", "+2Babcdefgh234567abc"},
        {"two tokens", "abcdefgh234567ab bbcdefgh234567ab", "{token} {token}"},
        {"a queue id", "S: 250 queued as 4F1A2B", "S: 250 queued as {queue-id}"},
        {"a queue id inside a word stays", "S: 250 x4F1A2B", "S: 250 x4F1A2B"},
        {"a date", "S: 220 mx; Tue, 24 Nov 2026 06:42:00 +0000 ready", "S: 220 mx; {date} ready"},
        {"a date with one digit", "Tue, 4 Nov 2026 06:42:00 -0100", "{date}"},
        {"no date", "Tue, 24 Nov 2026 06:42", "Tue, 24 Nov 2026 06:42"},
        {"a port", "EHLO [127.0.0.1]:40123", "EHLO [127.0.0.1]:{port}"},
        {"a port after an address", "127.0.0.1:4012 x", "127.0.0.1:{port} x"},
        {"a time is no port", "at 06:42", "at 06:42"},
    };
    struct record r;

    (void)state;
    record_init(&r);
    record_event(&r, 0, &(struct mock_event){.kind = MOCK_ACCEPTED, .queue_id = "4F1A2B"});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[256];
        struct strbuf out;

        strbuf_init(&out, memory, sizeof memory);
        dialogue_normalise(&r, span_of(rows[i].line), &out);
        if (strcmp(memory, rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].label, memory);
    }
    record_clear(&r);
}

static void printed(void **state)
{
    struct record r;
    char memory[512];
    struct strbuf out;

    (void)state;
    talk(&r);
    strbuf_init(&out, memory, sizeof memory);
    dialogue_print(&r, 0, &out);
    assert_string_equal(memory, "connection 1\nS: 220 mx.victim.test ESMTP\n"
                                "C: EHLO probe.canary.test\nS: 250-mx.victim.test\nS: 250-SIZE\n"
                                "S: 250 8BITMIME\nC: QUIT\nS: 221 \\x01bye\n"
                                "connection 2\nS: 220 other\n");
    record_clear(&r);
}

static void difference(void **state)
{
    static const struct {
        const char *label, *a, *b;
        unsigned line; /* 0: equal */
    } rows[] = {
        {"both empty", "", "", 0},
        {"equal", "a\nb\n", "a\nb\n", 0},
        {"the first line", "a\nb\n", "x\nb\n", 1},
        {"the second", "a\nb\n", "a\nc\n", 2},
        {"one is longer", "a\nb\nc\n", "a\nb\n", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span a, b;
        unsigned line = 0;
        bool differ = dialogue_difference(span_of(rows[i].a), span_of(rows[i].b), &a, &b, &line);

        if (differ != (rows[i].line > 0) || (differ && line != rows[i].line))
            fail_msg("%s: line %u", rows[i].label, line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match),   cmocka_unit_test(holds),      cmocka_unit_test(normalise),
        cmocka_unit_test(printed), cmocka_unit_test(difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
