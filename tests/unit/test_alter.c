/*
 * test_alter.c - what gateways do to messages, and that it can be undone where it is an encoding
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mockmta/queue/alter.h"

#define HEAD "From: a@b.test\r\nX-Token: one\r\n two\r\nMessage-ID: <x@b.test>\r\nSubject: s\r\n"

static const struct row {
    const char *label;
    enum fate_alter how;
    const char *content;
    const char *altered;
} rows[] = {
    {"none", ALTER_NONE, HEAD "\r\nbody\r\n", HEAD "\r\nbody\r\n"},
    {"autoreply copies", ALTER_AUTOREPLY, HEAD "\r\nbody\r\n", HEAD "\r\nbody\r\n"},
    {"stripped, folded lines too", ALTER_STRIP_HEADERS, HEAD "\r\nX-not: a header\r\n",
     "From: a@b.test\r\nSubject: s\r\n\r\nX-not: a header\r\n"},
    {"stripped without a body", ALTER_STRIP_HEADERS, HEAD, "From: a@b.test\r\nSubject: s\r\n"},
    {"stripped to nothing", ALTER_STRIP_HEADERS, "X-a: b\r\n", ""},
    {"nothing to strip", ALTER_STRIP_HEADERS, "", ""},
    {"cut", ALTER_TRUNCATE, "A: b\r\n\r\n1\r\n2\r\n3\r\n", "A: b\r\n\r\n1\r\n2\r\n"},
    {"cut where there is less", ALTER_TRUNCATE, "A: b\r\n\r\n1\r\n", "A: b\r\n\r\n1\r\n"},
    {"quoted-printable", ALTER_QUOTED_PRINTABLE,
     "A: b\r\nContent-Transfer-Encoding: 7bit\r\n\r\na=b\xe4 c\r\nabcdefghijklmnopqrstuvwxyz\r\n",
     "A: b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=E4=20c\r\n"
     "abcdefghijklmnopqrstuvw=\r\nxyz\r\n"},
    {"base64", ALTER_BASE64, "A: b\r\n\r\nfoobar",
     "A: b\r\nContent-Transfer-Encoding: base64\r\n\r\nZm9vYmFy\r\n"},
    {"base64, two over", ALTER_BASE64, "A: b\r\n\r\nfooba",
     "A: b\r\nContent-Transfer-Encoding: base64\r\n\r\nZm9vYmE=\r\n"},
    {"base64, one over", ALTER_BASE64, "A: b\r\n\r\nfoob",
     "A: b\r\nContent-Transfer-Encoding: base64\r\n\r\nZm9vYg==\r\n"},
};

static void alterations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct grow out = {0};

        print_message("%s\n", rows[i].label);
        assert_true(alter_message(&out, span_of(rows[i].content), rows[i].how));
        assert_int_equal(out.len, strlen(rows[i].altered));
        if (out.len > 0)
            assert_memory_equal(out.ptr, rows[i].altered, out.len);
        grow_clear(&out);
    }
}

static void attached_whole(void **state)
{
    const struct span content = SPAN(HEAD "\r\nbody\r\n");
    struct grow out = {0};

    (void)state;
    assert_true(alter_message(&out, content, ALTER_ATTACH));
    assert_true(span_find(grow_span(&out), content) != SIZE_MAX);
    assert_true(span_starts(grow_span(&out), SPAN("From: filter ")));
    assert_true(span_iends(grow_span(&out), SPAN("--attached--\r\n")));
    grow_clear(&out);
}

/* Lines of both encodings keep to 76 characters (RFC 2045 6.7, 6.8). */
static void no_line_too_long(void **state)
{
    char content[4096];
    struct strbuf text;

    (void)state;
    strbuf_init(&text, content, sizeof content);
    strbuf_adds(&text, "A: b\r\n\r\n");
    for (unsigned i = 0; i < 3000; i++)
        strbuf_addc(&text, (char)('!' + i % 90));
    for (enum fate_alter how = ALTER_QUOTED_PRINTABLE; how <= ALTER_BASE64; how++) {
        struct grow out = {0};
        struct span rest, line;

        assert_true(alter_message(&out, strbuf_span(&text), how));
        for (rest = grow_span(&out); span_cut(&rest, '\n', &line);)
            assert_true(line.len <= 77);
        grow_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alterations),
        cmocka_unit_test(attached_whole),
        cmocka_unit_test(no_line_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
