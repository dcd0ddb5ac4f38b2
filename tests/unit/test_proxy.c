/*
 * test_proxy.c - PROXY headers: what is read, at every cut, and what is written
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/proxy.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal) (literal), sizeof(literal) - 1
#define A20 "aaaaaaaaaaaaaaaaaaaa"
#define NAMES " 127.0.0.1 192.0.2.25 "
#define IN4 "\x7f\0\0\1\xc0\0\2\x19\x9c\x40\0\x19"

/* clang-format off */
static const struct {
    const char *label;
    const char *bytes;
    size_t len;
    enum proxy_reading reading;
    const char *client; /* as endpoint_print says it */
    size_t left;        /* octets behind the header */
} rows[] = {
    {"version 1", BYTES("PROXY TCP4" NAMES "40000 25\r\n"), PROXY_SAID,
     "127.0.0.1:40000", 0},
    {"version 1, IPv6, and a command", BYTES("PROXY TCP6 ::1 2001:db8::25 0 65535\r\nEHLO a\r\n"),
     PROXY_SAID, "[::1]:0", 8},
    {"unknown to the proxy", BYTES("PROXY UNKNOWN\r\n"), PROXY_UNSAID, NULL, 0},
    {"unknown, with words", BYTES("PROXY UNKNOWN ffff::1 what ever\r\nX"), PROXY_UNSAID, NULL, 1},
    {"a family of another name", BYTES("PROXY TCP5" NAMES "1 25\r\n"), PROXY_WRONG, NULL, 0},
    {"an address of the other family", BYTES("PROXY TCP4 ::1 192.0.2.25 1 25\r\n"),
     PROXY_WRONG, NULL, 0},
    {"two spaces", BYTES("PROXY TCP4 " NAMES "1 25\r\n"), PROXY_WRONG, NULL, 0},
    {"a port too large", BYTES("PROXY TCP4" NAMES "65536 25\r\n"), PROXY_WRONG, NULL, 0},
    {"a port with a zero before it", BYTES("PROXY TCP4" NAMES "01 25\r\n"),
     PROXY_WRONG, NULL, 0},
    {"a field too few", BYTES("PROXY TCP4" NAMES "1\r\n"), PROXY_WRONG, NULL, 0},
    {"a field too many", BYTES("PROXY TCP4" NAMES "1 25 9\r\n"), PROXY_WRONG, NULL, 0},
    {"UNKNOWN is a whole word", BYTES("PROXY UNKNOWNS\r\n"), PROXY_WRONG, NULL, 0},
    {"no end of line in 107 octets",
     BYTES("PROXY UNKNOWN " A20 A20 A20 A20 A20 "\r"), PROXY_WRONG, NULL, 0},
    {"a greeting", BYTES("EHLO a\r\n"), PROXY_NONE, NULL, 0},
    {"a word that begins alike", BYTES("PROXIMITY\r\n"), PROXY_NONE, NULL, 0},
    {"version 2", BYTES(V2 "\x21\x11\0\x0c" IN4), PROXY_SAID, "127.0.0.1:40000", 0},
    {"version 2, more behind the addresses", BYTES(V2 "\x21\x11\0\x0f" IN4 "tlvEHLO"), PROXY_SAID,
     "127.0.0.1:40000", 4},
    {"version 2, IPv6",
     BYTES(V2 "\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
          "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x25\0\1\0\x19"), PROXY_SAID, "[::1]:1", 0},
    {"version 2, of the proxy itself", BYTES(V2 "\x20\x00\0\0"), PROXY_UNSAID, NULL, 0},
    {"version 2, datagrams", BYTES(V2 "\x21\x12\0\x0c" IN4), PROXY_UNSAID, NULL, 0},
    {"version 2, too short for its family", BYTES(V2 "\x21\x11\0\x04\x7f\0\0\1"),
     PROXY_WRONG, NULL, 0},
    {"version 2, another command", BYTES(V2 "\x22\x11\0\x0c" IN4), PROXY_WRONG, NULL, 0},
    {"version 3", BYTES(V2 "\x31\x11\0\x0c" IN4), PROXY_WRONG, NULL, 0},
    {"version 2, longer than anybody needs", BYTES(V2 "\x21\x11\xff\xff" IN4),
     PROXY_WRONG, NULL, 0},
    {"nearly the signature", BYTES("\r\n\r\n\0\r\nQUIT\r"), PROXY_NONE, NULL, 0},
};
/* clang-format on */

static struct span row_bytes(size_t i)
{
    return (struct span){rows[i].bytes, rows[i].len};
}

/* In a block of its own size, so that a reader that goes too far is seen. */
static enum proxy_reading read_copy(struct span bytes, struct endpoint *client, size_t *used)
{
    char *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    enum proxy_reading reading = proxy_read((struct span){copy, bytes.len}, client, used);
    free(copy);
    return reading;
}

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char memory[ENDPOINT_TEXT_MAX];
        struct strbuf text;
        struct endpoint client = {.family = 0};
        size_t used = 0;
        strbuf_init(&text, memory, sizeof memory);
        if (read_copy(row_bytes(i), &client, &used) != rows[i].reading) {
            fail_msg("%s: %d", rows[i].label, read_copy(row_bytes(i), &client, &used));
        }
        if (rows[i].client != NULL) {
            endpoint_print(&text, &client);
            assert_string_equal(memory, rows[i].client);
        }
        if (rows[i].reading >= PROXY_UNSAID) {
            assert_int_equal(rows[i].len - used, rows[i].left);
        }
    }
}

/* What is not there yet is waited for, unless it can only become wrong. */
static void every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t whole = rows[i].len - rows[i].left;
        for (size_t cut = 0; cut < whole; cut++) {
            struct endpoint client;
            size_t used;
            enum proxy_reading got = read_copy(span_to(row_bytes(i), cut), &client, &used);
            bool final = got == rows[i].reading && got < PROXY_UNSAID;
            if (got != PROXY_UNFINISHED && !final) {
                fail_msg("%s: %d after %zu octets", rows[i].label, got, cut);
            }
        }
    }
}

static void written_headers_are_read(void **state)
{
    static const char *const pairs[][2] = {{"127.0.0.1:40000", "192.0.2.25:25"},
                                           {"[::1]:40000", "[2001:db8::25]:25"}};
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        for (unsigned version = 1; version <= 2; version++) {
            char memory[PROXY_WRITE_MAX];
            struct strbuf out;
            struct endpoint client, server, got;
            size_t used;
            strbuf_init(&out, memory, sizeof memory);
            assert_true(endpoint_parse(span_of(pairs[i][0]), false, &client));
            assert_true(endpoint_parse(span_of(pairs[i][1]), false, &server));
            proxy_write(&out, version, &client, &server);
            assert_false(out.truncated);
            assert_int_equal(proxy_read(strbuf_span(&out), &got, &used), PROXY_SAID);
            assert_int_equal(used, out.len);
            assert_true(endpoint_equal(&got, &client));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(headers_are_read),
                                       cmocka_unit_test(every_cut),
                                       cmocka_unit_test(written_headers_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
