/*
 * test_xml.c - any bytes become text that XML 1.0 allows, or a line for a terminal
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/utf8.h"
#include "lib/base/xml.h"

#include <string.h>

static const struct {
    const char *label;
    struct span text;
    const char *content, *quoted;
} rows[] = {
    {"nothing", {"", 0}, "", "\"\""},
    {"plain", {"250 Ok", 6}, "250 Ok", "\"250 Ok\""},
    {"markup", {"<a&b>", 5}, "&lt;a&amp;b&gt;", "\"&lt;a&amp;b&gt;\""},
    {"the end of CDATA", {"]]>", 3}, "]]&gt;", "\"]]&gt;\""},
    {"quotes", {"\"'", 2}, "&quot;&apos;", "\"&quot;&apos;\""},
    {"line ends", {"a\r\nb\tc", 6}, "a&#13;\nb\tc", "\"a&#13;&#10;b&#9;c\""},
    {"NUL and ESC", {"\0\033[0m", 5}, "\\x00\\x1b[0m", "\"\\x00\\x1b[0m\""},
    {"DEL", {"\177", 1}, "\\x7f", "\"\\x7f\""},
    {"two octets", {"\xc3\xa4", 2}, "\xc3\xa4", "\"\xc3\xa4\""},
    {"four octets", {"\xf0\x9f\x93\xa7", 4}, "\xf0\x9f\x93\xa7", "\"\xf0\x9f\x93\xa7\""},
    {"a lone continuation", {"\x80", 1}, "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"cut in the middle", {"\xc3", 1}, "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"overlong", {"\xc0\xaf", 2}, "\xef\xbf\xbd\xef\xbf\xbd", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"a surrogate",
     {"\xed\xa0\x80", 3},
     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
     "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"no character: FFFE", {"\xef\xbf\xbe", 3}, "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"no character: FFFF", {"\xef\xbf\xbf", 3}, "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"before the noncharacters", {"\xef\xbf\xbd", 3}, "\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
};

static void escapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[256];
        struct strbuf out;

        strbuf_init(&out, memory, sizeof memory);
        xml_add_text(&out, rows[i].text);
        if (strcmp(memory, rows[i].content) != 0)
            fail_msg("%s: content %s", rows[i].label, memory);
        strbuf_reset(&out);
        xml_add_quoted(&out, rows[i].text);
        if (strcmp(memory, rows[i].quoted) != 0)
            fail_msg("%s: quoted %s", rows[i].label, memory);
    }
}

static void attribute(void **state)
{
    char memory[64];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    xml_add_attribute(&out, "name", SPAN("a<b"));
    assert_string_equal(memory, " name=\"a&lt;b\"");
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        const char bytes[3] = {(char)(pair >> 8), (char)(pair & 255), 'x'};
        char memory[64];
        struct strbuf out;

        strbuf_init(&out, memory, sizeof memory);
        xml_add_text(&out, (struct span){bytes, sizeof bytes});
        for (struct span rest = strbuf_span(&out); rest.len > 0;) {
            size_t len = utf8_len(rest);
            unsigned char c = (unsigned char)rest.ptr[0];

            if (len == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == '<' || c == '>')
                fail_msg("bytes %02x %02x: %02x is in the output", pair >> 8, pair & 255, c);
            rest = span_from(rest, len);
        }
        assert_int_equal(memory[out.len - 1], 'x');
    }
}

static void a_line(void **state)
{
    static const struct {
        const char *label;
        struct span bytes;
        const char *shown;
    } lines[] = {
        {"nothing", {"", 0}, ""},
        {"plain, backslash, quotes", {"a\\b \"#\"", 7}, "a\\b \"#\""},
        {"line ends, NUL, ESC, DEL", {"\r\n\t\0\x1b\x7f", 6}, "\\x0d\\x0a\\x09\\x00\\x1b\\x7f"},
        {"characters of two to four octets",
         {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7", 9},
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7"},
        {"U+2028", {"\xe2\x80\xa8", 3}, "\\xe2\\x80\\xa8"},
        {"U+0085, U+009B, U+00A0", {"\xc2\x85\xc2\x9b\xc2\xa0", 6}, "\\xc2\\x85\\xc2\\x9b\xc2\xa0"},
        {"no UTF-8", {"\xff\xc0\x80\xe2\x82", 5}, "\\xff\\xc0\\x80\\xe2\\x82"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char memory[128];
        struct strbuf out;

        strbuf_init(&out, memory, sizeof memory);
        utf8_add_line(&out, lines[i].bytes);
        if (!span_equal(strbuf_span(&out), span_of(lines[i].shown)))
            fail_msg("%s: %s", lines[i].label, memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(attribute),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
