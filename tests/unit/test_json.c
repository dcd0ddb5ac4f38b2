/*
 * test_json.c - valid JSON whatever a peer said
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/json.h"

#include <string.h>

static void test_structure(void **state)
{
    char memory[256];
    struct strbuf out;
    struct json j;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_text(&j, "verdict", SPAN("open"));
    json_int(&j, "least", INT64_MIN);
    json_int(&j, "zero", 0);
    json_bool(&j, "sure", true);
    json_string(&j, "none", NULL);
    json_open(&j, "list", '[');
    json_open(&j, NULL, '{');
    json_close(&j);
    json_open(&j, NULL, '[');
    json_close(&j);
    json_null(&j, NULL);
    json_string(&j, NULL, "x");
    json_bool(&j, NULL, false);
    json_close(&j);
    json_int(&j, "most", INT64_MAX);
    json_close(&j);
    assert_string_equal(memory, "{\"verdict\":\"open\",\"least\":-9223372036854775808,\"zero\":0,"
                                "\"sure\":true,\"none\":null,\"list\":[{},[],null,\"x\",false],"
                                "\"most\":9223372036854775807}");
    assert_int_equal(j.depth, 0);
}

#define BAD "\xef\xbf\xbd"

static void test_text(void **state)
{
    static const struct {
        const char *label;
        struct span text;
        const char *wanted;
    } rows[] = {
        {"plain", {"250 Ok", 6}, "\"250 Ok\""},
        {"empty", {NULL, 0}, "\"\""},
        {"quote and backslash", {"a\"b\\", 4}, "\"a\\\"b\\\\\""},
        {"line ends", {"a\r\n\t", 4}, "\"a\\r\\n\\t\""},
        {"NUL", {"a\0b", 3}, "\"a\\u0000b\""},
        {"control", {"\x1b[0m", 4}, "\"\\u001b[0m\""},
        {"DEL", {"\x7f", 1}, "\"\\u007f\""},
        {"two bytes", {"\xc3\xa4", 2}, "\"\xc3\xa4\""},
        {"three bytes", {"\xe2\x82\xac", 3}, "\"\xe2\x82\xac\""},
        {"four bytes", {"\xf0\x9f\x93\xa7", 4}, "\"\xf0\x9f\x93\xa7\""},
        {"Latin-1", {"\xe4!", 2}, "\"" BAD "!\""},
        {"cut off", {"\xe2\x82", 2}, "\"" BAD BAD "\""},
        {"a continuation alone", {"\x80", 1}, "\"" BAD "\""},
        {"overlong", {"\xc0\xaf", 2}, "\"" BAD BAD "\""},
        {"overlong of three", {"\xe0\x80\xaf", 3}, "\"" BAD BAD BAD "\""},
        {"a surrogate", {"\xed\xa0\x80", 3}, "\"" BAD BAD BAD "\""},
        {"beyond Unicode", {"\xf4\x90\x80\x80", 4}, "\"" BAD BAD BAD BAD "\""},
        {"never a lead byte", {"\xff\xfe", 2}, "\"" BAD BAD "\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[64];
        struct strbuf out;
        struct json j;
        strbuf_init(&out, memory, sizeof memory);
        json_init(&j, &out);
        json_text(&j, NULL, rows[i].text);
        if (strcmp(memory, rows[i].wanted) != 0)
            fail_msg("%s: %s", rows[i].label, memory);
    }
}

static void test_truncation_shows(void **state)
{
    char memory[8];
    struct strbuf out;
    struct json j;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_text(&j, NULL, SPAN("longer than that"));
    assert_true(out.truncated);
    assert_string_equal(memory, "\"longer");
}

static void test_deepest(void **state)
{
    char memory[64];
    struct strbuf out;
    struct json j;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    for (unsigned i = 0; i < JSON_DEPTH_MAX; i++)
        json_open(&j, NULL, '[');
    json_int(&j, NULL, 1);
    json_int(&j, NULL, 2);
    for (unsigned i = 0; i < JSON_DEPTH_MAX; i++)
        json_close(&j);
    assert_string_equal(memory, "[[[[[[[[[[[[[[[[1,2]]]]]]]]]]]]]]]]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_truncation_shows),
        cmocka_unit_test(test_deepest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
