/*
 * test_bytes.c - spans, bounded writers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/bytes.h"

#include <stdlib.h>
#include <string.h>

static void test_trim(void **state)
{
    static const struct {
        const char *label, *text, *wanted;
    } rows[] = {
        {"nothing to do", "a b", "a b"},      {"both sides", " \ta b\t ", "a b"},
        {"only blanks", " \t ", ""},          {"empty", "", ""},
        {"line ends stay", "a\r\n", "a\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span s = span_trim(span_of(rows[i].text));
        if (!span_equal(s, span_of(rows[i].wanted)))
            fail_msg("%s", rows[i].label);
    }
    assert_null(span_of(NULL).ptr);
    assert_int_equal(span_trim(span_of(NULL)).len, 0);
}

static void test_cuts(void **state)
{
    struct span s = SPAN("abc");
    (void)state;
    assert_true(span_equal(span_from(s, 1), SPAN("bc")));
    assert_int_equal(span_from(s, 3).len, 0);
    assert_int_equal(span_from(s, SIZE_MAX).len, 0);
    assert_int_equal(span_from(span_of(NULL), 5).len, 0);
    assert_true(span_equal(span_to(s, 2), SPAN("ab")));
    assert_true(span_equal(span_to(s, SIZE_MAX), s));
}

static void test_comparisons(void **state)
{
    (void)state;
    assert_true(span_equal(span_of(NULL), SPAN("")));
    assert_false(span_equal(SPAN("a"), SPAN("A")));
    assert_true(span_iequal(SPAN("Size"), SPAN("sIZE")));
    assert_false(span_iequal(SPAN("@"), SPAN("`")));
    assert_false(span_iequal(SPAN("\xc4"), SPAN("\xe4")));
    assert_true(span_starts(SPAN("abc"), SPAN("ab")));
    assert_true(span_starts(SPAN("abc"), SPAN("")));
    assert_false(span_starts(SPAN("a"), SPAN("ab")));
    assert_true(span_istarts(SPAN("ABC"), SPAN("ab")));
    assert_true(span_iends(SPAN("mx.Victim.TEST"), SPAN(".victim.test")));
    assert_false(span_iends(SPAN("test"), SPAN(".victim.test")));
}

static void test_find(void **state)
{
    static const struct {
        const char *label, *text, *needle;
        size_t exact, folded;
    } rows[] = {
        {"empty needle", "abc", "", 0, 0},
        {"empty both", "", "", 0, 0},
        {"in nothing", "", "a", SIZE_MAX, SIZE_MAX},
        {"at the beginning", "abc", "a", 0, 0},
        {"at the end", "abc", "bc", 1, 1},
        {"case differs", "aBC", "bc", SIZE_MAX, 1},
        {"longer than the text", "ab", "abc", SIZE_MAX, SIZE_MAX},
        {"a false start", "aab", "ab", 1, 1},
        {"false starts up to the end", "aaaa", "ab", SIZE_MAX, SIZE_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span text = span_of(rows[i].text), needle = span_of(rows[i].needle);
        if (span_find(text, needle) != rows[i].exact || span_ifind(text, needle) != rows[i].folded)
            fail_msg("%s", rows[i].label);
    }
    assert_int_equal(span_find(span_of(NULL), SPAN("a")), SIZE_MAX);
    assert_int_equal(span_chr(SPAN("a.b.c"), '.'), 1);
    assert_int_equal(span_rchr(SPAN("a.b.c"), '.'), 3);
    assert_int_equal(span_chr(span_of(NULL), '.'), SIZE_MAX);
    assert_int_equal(span_rchr(SPAN(""), '.'), SIZE_MAX);
}

static void test_fields(void **state)
{
    static const struct {
        const char *label, *text, *joined; /* each field and a "|" */
    } rows[] = {
        {"two", "a,b", "a|b|"},
        {"empty text is one empty field", "", "|"},
        {"separators alone", ",,", "|||"},
        {"one at the end", "a,", "a||"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[64];
        struct strbuf out;
        struct span rest = span_of(rows[i].text), field;
        strbuf_init(&out, memory, sizeof memory);
        while (span_cut(&rest, ',', &field)) {
            strbuf_add(&out, field);
            strbuf_addc(&out, '|');
        }
        if (strcmp(memory, rows[i].joined) != 0)
            fail_msg("%s: %s", rows[i].label, memory);
    }
}

static void test_glob(void **state)
{
    static const struct {
        const char *label, *text, *pattern;
        bool wanted;
    } rows[] = {
        {"literal", "abc", "abc", true},
        {"case folded", "ABC", "abc", true},
        {"shorter", "ab", "abc", false},
        {"longer", "abcd", "abc", false},
        {"star alone", "anything", "*", true},
        {"star and nothing", "", "*", true},
        {"empty pattern", "a", "", false},
        {"empty both", "", "", true},
        {"suffix", "mx.victim.test", "*.victim.test", true},
        {"suffix without its dot", "victim.test", "*.victim.test", false},
        {"two stars", "a-b-c", "a*b*c", true},
        {"star goes back", "aab", "*ab", true},
        {"question mark", "abc", "a?c", true},
        {"question mark needs one", "ac", "a?c", false},
        {"literal star in the text", "a*c", "a?c", true},
        {"stars at the end", "a", "a***", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_glob(span_of(rows[i].text), span_of(rows[i].pattern)) != rows[i].wanted)
            fail_msg("%s", rows[i].label);
}

static void test_glob_hostile(void **state)
{
    static char text[4096], pattern[64];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 == 0 ? 'a' : '*';
    struct span p = {pattern, sizeof pattern};
    pattern[sizeof pattern - 1] = 'b';
    assert_false(span_glob((struct span){text, sizeof text}, p));
}

static void test_uint(void **state)
{
    static const struct {
        const char *label, *text;
        uint64_t max;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"zero", "0", 10, true, 0},
        {"the bound", "10", 10, true, 10},
        {"above it", "11", 10, false, 0},
        {"nothing", "", 10, false, 0},
        {"a sign", "-1", 10, false, 0},
        {"a plus", "+1", 10, false, 0},
        {"a blank", " 1", 10, false, 0},
        {"hexadecimal", "0x1", 99, false, 0},
        {"trailing rubbish", "1a", 99, false, 0},
        {"the largest", "18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"one more", "18446744073709551616", UINT64_MAX, false, 0},
        {"far more", "99999999999999999999999", UINT64_MAX, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 0;
        bool ok = span_uint(span_of(rows[i].text), rows[i].max, &value);
        if (ok != rows[i].ok || value != rows[i].value)
            fail_msg("%s", rows[i].label);
    }
}

static void test_strbuf_bounds(void **state)
{
    (void)state;
    for (size_t cap = 1; cap <= 16; cap++) {
        char *memory = malloc(cap); /* exact, so that a byte too much is seen */
        struct strbuf b;
        strbuf_init(&b, memory, cap);
        strbuf_adds(&b, "ab");
        strbuf_addc(&b, 'c');
        strbuf_addu(&b, 1234);
        strbuf_addf(&b, "%d", 56);
        strbuf_add_visible(&b, SPAN("\r"));
        size_t wanted = cap - 1 < 11 ? cap - 1 : 11;
        assert_int_equal(b.len, wanted);
        assert_int_equal(strlen(memory), wanted);
        assert_memory_equal(memory, "abc123456\\r", wanted);
        assert_int_equal(b.truncated, cap - 1 < 11);
        strbuf_reset(&b);
        assert_false(b.truncated);
        assert_int_equal(strbuf_span(&b).len, 0);
        free(memory);
    }
}

static void test_strbuf_stays_truncated(void **state)
{
    char memory[4];
    struct strbuf b;
    (void)state;
    strbuf_init(&b, memory, sizeof memory);
    strbuf_adds(&b, "ab");
    strbuf_adds(&b, "cde");
    strbuf_addc(&b, 'f');
    strbuf_addf(&b, "g");
    assert_string_equal(memory, "abc");
    assert_true(b.truncated);
}

static void test_numbers(void **state)
{
    char memory[64];
    struct strbuf b;
    (void)state;
    strbuf_init(&b, memory, sizeof memory);
    strbuf_addu(&b, 0);
    strbuf_addc(&b, ' ');
    strbuf_addu(&b, UINT64_MAX);
    assert_string_equal(memory, "0 18446744073709551615");
}

static void test_visible(void **state)
{
    char memory[64];
    struct strbuf b;
    (void)state;
    strbuf_init(&b, memory, sizeof memory);
    strbuf_add_visible(&b, SPAN("a\r\n\t\\\0\x7f\xff z"));
    assert_string_equal(memory, "a\\r\\n\\t\\\\\\x00\\x7f\\xff z");
}

static void test_copy(void **state)
{
    char to[4];
    (void)state;
    assert_true(bytes_copy(to, sizeof to, SPAN("abc")));
    assert_string_equal(to, "abc");
    assert_false(bytes_copy(to, sizeof to, SPAN("wxyz")));
    assert_string_equal(to, "wxy");
    assert_true(bytes_copy(to, sizeof to, span_of(NULL)));
    assert_string_equal(to, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trim),          cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_comparisons),   cmocka_unit_test(test_find),
        cmocka_unit_test(test_fields),        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_glob_hostile),  cmocka_unit_test(test_uint),
        cmocka_unit_test(test_strbuf_bounds), cmocka_unit_test(test_strbuf_stays_truncated),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_visible),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
