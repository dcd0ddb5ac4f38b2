/*
 * test_reply.c - replies, however they are cut up
 *
 * Every row is read in one piece, in every two pieces, and byte by byte; each way must give the
 * same struct, and bytes after the reply must be left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/smtp/reply.h"

#include <stdlib.h>
#include <string.h>

enum flag { BARE_LF = 1, EIGHT_BIT = 2, CONTROL = 4, MIXED = 8 };

struct row {
    const char *label;
    struct span bytes;
    enum reply_status status;
    size_t used; /* 0: all */
    int code;
    unsigned lines;
    uint16_t enhanced[3];
    unsigned flags;
    const char *text;
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* clang-format off */
static const struct row ROWS[] = {
    {"one line", BYTES("250 Ok\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, 0, "Ok"},
    {"no text", BYTES("250\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, 0, ""},
    {"no text but a space", BYTES("250 \r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, 0, ""},
    {"no text, bare LF", BYTES("250\n"), REPLY_COMPLETE, 0, 250, 1, {0}, BARE_LF, ""},
    {"more than one", BYTES("250-mx\r\n250-SIZE 1\r\n250 HELP\r\n"), REPLY_COMPLETE, 0, 250, 3,
     {0}, 0,
     "mx\nSIZE 1\nHELP"},
    {"empty lines between", BYTES("250-\r\n250-\r\n250 \r\n"), REPLY_COMPLETE, 0, 250, 3, {0}, 0,
     "\n\n"},
    {"a last line of code alone", BYTES("250-a\r\n250\r\n"), REPLY_COMPLETE, 0, 250, 2, {0}, 0,
     "a\n"},
    {"what follows is left", BYTES("250 a\r\n354 b\r\n"), REPLY_COMPLETE, 7, 250, 1, {0}, 0, "a"},
    {"enhanced", BYTES("550 5.7.1 Relaying denied\r\n"), REPLY_COMPLETE, 0, 550, 1, {5, 7, 1}, 0,
     "5.7.1 Relaying denied"},
    {"enhanced alone", BYTES("250 2.0.0\r\n"), REPLY_COMPLETE, 0, 250, 1, {2, 0, 0}, 0, "2.0.0"},
    {"the longest enhanced", BYTES("450 4.999.123 x\r\n"), REPLY_COMPLETE, 0, 450, 1, {4, 999,
     123}, 0,
     "4.999.123 x"},
    {"of the last line that has one", BYTES("550-5.1.1 a\r\n550-5.7.1 b\r\n550 c\r\n"),
     REPLY_COMPLETE, 0, 550, 3,
     {5, 7, 1}, 0, "5.1.1 a\n5.7.1 b\nc"},
    {"an address is none", BYTES("550 5.1.1.1 x\r\n"), REPLY_COMPLETE, 0, 550, 1, {0}, 0,
     "5.1.1.1 x"},
    {"another class is none", BYTES("550 3.1.1 x\r\n"), REPLY_COMPLETE, 0, 550, 1, {0}, 0,
     "3.1.1 x"},
    {"four digits are none", BYTES("550 5.1000.1 x\r\n"), REPLY_COMPLETE, 0, 550, 1, {0}, 0,
     "5.1000.1 x"},
    {"cut short is none", BYTES("550 5.7.\r\n"), REPLY_COMPLETE, 0, 550, 1, {0}, 0, "5.7."},
    {"later in the text is none", BYTES("550 x 5.7.1\r\n"), REPLY_COMPLETE, 0, 550, 1, {0}, 0,
     "x 5.7.1"},
    {"bare LF", BYTES("220-a\n220 b\r\n"), REPLY_COMPLETE, 0, 220, 2, {0}, BARE_LF, "a\nb"},
    {"CR in the text", BYTES("250 a\rb\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, CONTROL, "a\rb"},
    {"CR CR LF", BYTES("250 a\r\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, CONTROL, "a\r"},
    {"NUL in the text", BYTES("250 a\0b\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, CONTROL, "a"},
    {"escape sequence", BYTES("250 \x1b[2J\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, CONTROL,
     "\x1b[2J"},
    {"a tab is no control", BYTES("250 a\tb\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, 0, "a\tb"},
    {"8-bit", BYTES("250 \xe4\r\n"), REPLY_COMPLETE, 0, 250, 1, {0}, EIGHT_BIT, "\xe4"},
    {"mixed codes", BYTES("250-a\r\n550 b\r\n"), REPLY_COMPLETE, 0, 550, 2, {0}, MIXED, "a\nb"},
    {"lowest and highest", BYTES("200-a\r\n599 b\r\n"), REPLY_COMPLETE, 0, 599, 2, {0}, MIXED,
     "a\nb"},
    {"nothing", BYTES(""), REPLY_INCOMPLETE, 0, 0, 0, {0}, 0, ""},
    {"half a code", BYTES("25"), REPLY_INCOMPLETE, 0, 0, 0, {0}, 0, ""},
    {"a code", BYTES("250"), REPLY_INCOMPLETE, 0, 0, 0, {0}, 0, ""},
    {"a line without end", BYTES("250 Ok"), REPLY_INCOMPLETE, 0, 250, 0, {0}, 0, "Ok"},
    {"a line with half an end", BYTES("250 Ok\r"), REPLY_INCOMPLETE, 0, 250, 0, {0}, 0, "Ok"},
    {"the last line is missing", BYTES("250-a\r\n"), REPLY_INCOMPLETE, 0, 250, 1, {0}, 0, "a"},
    {"an empty line", BYTES("\r\n250 a\r\n"), REPLY_MALFORMED, 2, 0, 0, {0}, 0, ""},
    {"letters", BYTES("HTTP/1.1 400\r\n"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"two digits", BYTES("25\r\n"), REPLY_MALFORMED, 4, 0, 0, {0}, 0, ""},
    {"four digits", BYTES("2500 a\r\n"), REPLY_MALFORMED, 4, 0, 0, {0}, 0, ""},
    {"class 1", BYTES("150 a\r\n"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"class 6", BYTES("650 a\r\n"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"a tab after the code", BYTES("250\ta\r\n"), REPLY_MALFORMED, 4, 0, 0, {0}, 0, ""},
    {"CR within the code", BYTES("25\r0 a\r\n"), REPLY_MALFORMED, 4, 0, 0, {0}, 0, ""},
    {"CR after the code", BYTES("250\ra\r\n"), REPLY_MALFORMED, 5, 0, 0, {0}, 0, ""},
    {"NUL first", BYTES("\0" "250 a\r\n"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"a space first", BYTES(" 250 a\r\n"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"a TLS alert", BYTES("\x15\x03\x01\x00\x02\x02\x46"), REPLY_MALFORMED, 1, 0, 0, {0}, 0, ""},
    {"rubbish in the second line", BYTES("250-a\r\nb\r\n"), REPLY_MALFORMED, 8, 250, 1, {0}, 0,
     "a"},
};
/* clang-format on */

enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0] };

static void check_row(const struct row *row, const struct reply_reader *r, size_t used)
{
    const struct reply *p = &r->reply;
    size_t wanted = row->used > 0 ? row->used : row->bytes.len;
    unsigned flags = (unsigned)p->bare_lf * BARE_LF | (unsigned)p->eight_bit * EIGHT_BIT |
                     (unsigned)p->control * CONTROL | (unsigned)p->mixed_codes * MIXED;
    struct span text = reply_text(p);
    if (r->status != row->status || used != wanted || p->bytes != wanted)
        fail_msg("%s: status %d, used %zu", row->label, (int)r->status, used);
    if (p->code != row->code || p->line_count != row->lines || flags != row->flags)
        fail_msg("%s: code %d, %u lines, flags %u", row->label, p->code, p->line_count, flags);
    if (memcmp(p->enhanced, row->enhanced, sizeof p->enhanced) != 0)
        fail_msg("%s: enhanced", row->label);
    if (!span_starts(text, span_of(row->text)) || (!p->control && text.len != strlen(row->text)))
        fail_msg("%s: text", row->label);
}

/* Feeds len bytes in a block of exactly that size, so that reading past them is seen. */
static size_t feed(struct reply_reader *r, const char *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, data, len);
    size_t used = reply_reader_feed(r, copy, len);
    free(copy);
    return used;
}

static void same_reader(const char *label, const struct reply_reader *a,
                        const struct reply_reader *b)
{
    if (memcmp(&a->reply, &b->reply, offsetof(struct reply, text)) != 0 ||
        memcmp(a->reply.text, b->reply.text, a->reply.text_len) != 0)
        fail_msg("%s: the reply depends on how it was cut", label);
    if (a->status != b->status || a->column != b->column || a->cr != b->cr || a->last != b->last ||
        memcmp(a->head, b->head, sizeof a->head) != 0)
        fail_msg("%s: the reader depends on how it was cut", label);
}

static void clean_reset(struct reply_reader *r)
{
    memset(r, 0, sizeof *r); /* padding too: readers are compared by memcmp */
    reply_reader_reset(r);
}

static void test_one_piece(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct reply_reader r;
        clean_reset(&r);
        size_t used = feed(&r, ROWS[i].bytes.ptr, ROWS[i].bytes.len);
        check_row(&ROWS[i], &r, used);
        bool started = ROWS[i].status == REPLY_INCOMPLETE && ROWS[i].bytes.len > 0;
        assert_int_equal(reply_reader_started(&r), started);
        if (r.status != REPLY_INCOMPLETE) /* sticky */
            assert_int_equal(reply_reader_feed(&r, "250 a\r\n", 7), 0);
    }
}

static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct span bytes = ROWS[i].bytes;
        struct reply_reader whole, bytewise;
        clean_reset(&whole);
        clean_reset(&bytewise);
        (void)feed(&whole, bytes.ptr, bytes.len);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            struct reply_reader r;
            clean_reset(&r);
            size_t used = feed(&r, bytes.ptr, cut);
            if (used == cut)
                used += feed(&r, bytes.ptr + cut, bytes.len - cut);
            check_row(&ROWS[i], &r, used);
            same_reader(ROWS[i].label, &whole, &r);
        }
        for (size_t at = 0; at < bytes.len; at++)
            (void)feed(&bytewise, bytes.ptr + at, 1);
        same_reader(ROWS[i].label, &whole, &bytewise);
    }
}

static void test_many_lines(void **state)
{
    static char bytes[(REPLY_LINES_MAX + 1) * 8];
    struct reply_reader r;
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = "250-abc\n"[i % 8];
    clean_reset(&r);
    assert_int_equal(reply_reader_feed(&r, bytes, sizeof bytes), REPLY_LINES_MAX * 8);
    assert_int_equal(r.status, REPLY_TOO_LONG);
    assert_int_equal(reply_reader_feed(&r, "250 \n", 5), 0);
    bytes[(REPLY_LINES_MAX - 1) * 8 + 3] = ' ';
    clean_reset(&r);
    assert_int_equal(reply_reader_feed(&r, bytes, sizeof bytes), REPLY_LINES_MAX * 8);
    assert_int_equal(r.status, REPLY_COMPLETE);
    assert_int_equal(r.reply.line_count, REPLY_LINES_MAX);
    assert_true(span_equal(reply_line(&r.reply, REPLY_LINES_MAX - 1), SPAN("abc")));
}

static void test_line_without_end(void **state)
{
    static char piece[1000];
    struct reply_reader r;
    size_t sum = 0, used;
    (void)state;
    memset(piece, 'x', sizeof piece);
    clean_reset(&r);
    assert_int_equal(reply_reader_feed(&r, "250 ", 4), 4);
    while ((used = reply_reader_feed(&r, piece, sizeof piece)) > 0)
        sum += used;
    assert_int_equal(sum + 4, REPLY_BYTES_MAX);
    assert_int_equal(r.status, REPLY_TOO_LONG);
    assert_true(r.reply.truncated);
    assert_int_equal(r.reply.text_len, REPLY_TEXT_MAX);
}

/* text_len counts on from 0, so every length around the bound is met. */
static void test_truncation(void **state)
{
    (void)state;
    for (size_t len = REPLY_TEXT_MAX - 20; len < REPLY_TEXT_MAX + 20; len++) {
        static char bytes[REPLY_TEXT_MAX + 100];
        struct reply_reader whole, bytewise;
        struct strbuf b;
        strbuf_init(&b, bytes, sizeof bytes);
        strbuf_adds(&b, "550-");
        for (size_t i = 0; i < len; i++)
            strbuf_addc(&b, 'x');
        strbuf_adds(&b, "\r\n550 5.7.1 no relaying\r\n");
        clean_reset(&whole);
        clean_reset(&bytewise);
        assert_int_equal(feed(&whole, b.ptr, b.len), b.len);
        for (size_t i = 0; i < b.len; i++)
            assert_int_equal(feed(&bytewise, b.ptr + i, 1), 1);
        same_reader("truncated", &whole, &bytewise);
        assert_int_equal(whole.status, REPLY_COMPLETE);
        assert_int_equal(whole.reply.truncated, len + 18 > REPLY_TEXT_MAX);
    }
}

static void test_enhanced_of_a_cut_line(void **state)
{
    static char bytes[REPLY_TEXT_MAX + 100];
    struct reply_reader r;
    struct strbuf b;
    (void)state;
    strbuf_init(&b, bytes, sizeof bytes);
    strbuf_adds(&b, "550 5.7.1 ");
    for (size_t i = 0; i < REPLY_TEXT_MAX; i++)
        strbuf_addc(&b, 'x');
    strbuf_adds(&b, "\r\n");
    clean_reset(&r);
    (void)feed(&r, b.ptr, b.len);
    assert_true(r.reply.truncated);
    assert_int_equal(r.reply.enhanced[1], 7);
    assert_true(reply_has_enhanced(&r.reply));
}

static struct reply_reader read_reply(const char *text)
{
    struct reply_reader r;
    clean_reset(&r);
    (void)reply_reader_feed(&r, text, strlen(text));
    return r;
}

static void test_ehlo_keywords(void **state)
{
    static const struct {
        const char *label, *keyword;
        bool found;
        const char *params;
    } rows[] = {
        {"with a parameter", "SIZE", true, "10240000"},
        {"case folded", "pipelining", true, ""},
        {"more than one", "AUTH", true, "PLAIN LOGIN"},
        {"the last line", "8BITMIME", true, ""},
        {"the beginning of another", "PIPE", false, ""},
        {"the greeting is none", "mx.victim.test", false, ""},
        {"absent", "STARTTLS", false, ""},
        {"the old way with =", "XAUTH", true, "LOGIN"},
    };
    struct reply_reader r = read_reply(
        "250-mx.victim.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n"
        "250-AUTH PLAIN LOGIN \r\n250-XAUTH=LOGIN\r\n250 8bitmime\r\n");
    (void)state;
    assert_int_equal(r.status, REPLY_COMPLETE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span params = {NULL, 0};
        bool found = reply_ehlo_keyword(&r.reply, span_of(rows[i].keyword), &params);
        if (found != rows[i].found || !span_equal(params, span_of(rows[i].params)))
            fail_msg("%s", rows[i].label);
    }
}

static void test_print(void **state)
{
    static const struct {
        const char *reply, *printed;
    } rows[] = {
        {"250 2.1.5 Ok\r\n", "250 2.1.5 Ok"},
        {"250-first\r\n250 second\r\n", "250-first / 250 second"},
        {"250-\r\n250\r\n", "250- / 250"},
        {"250\r\n", "250"},
        {"550 a\x1b[2J\\\r\n", "550 a\\x1b[2J\\\\"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[64];
        struct strbuf out;
        struct reply_reader r = read_reply(rows[i].reply);
        strbuf_init(&out, memory, sizeof memory);
        reply_print(&out, &r.reply);
        assert_string_equal(memory, rows[i].printed);
    }
}

static void test_accessors(void **state)
{
    struct reply_reader r = read_reply("450-a\r\n450 b\r\n");
    (void)state;
    assert_int_equal(reply_class(&r.reply), 4);
    assert_false(reply_has_enhanced(&r.reply));
    assert_true(span_equal(reply_line(&r.reply, 1), SPAN("b")));
    assert_int_equal(reply_line(&r.reply, 2).len, 0);
    reply_reader_reset(&r);
    assert_int_equal(reply_class(&r.reply), 0);
    assert_false(reply_reader_started(&r));
    assert_int_equal(reply_reader_feed(&r, "220 c\r\n", 7), 7);
    assert_true(span_equal(reply_text(&r.reply), SPAN("c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_piece),     cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_many_lines),    cmocka_unit_test(test_line_without_end),
        cmocka_unit_test(test_truncation),    cmocka_unit_test(test_enhanced_of_a_cut_line),
        cmocka_unit_test(test_ehlo_keywords), cmocka_unit_test(test_print),
        cmocka_unit_test(test_accessors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
