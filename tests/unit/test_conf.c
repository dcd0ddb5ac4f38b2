/*
 * test_conf.c - values by type, limits, names that are near
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_things.h"

static void values_of_every_type(void **state)
{
    static const char text[] =
        "text: 'a: b'\n"
        "yes: true\n"
        "pause: 300s\n"
        "colour: green\n"
        "words: [on, 010, \"\"]\n"
        "range: 2..\n"
        "one: {size: 3}\n"
        "many:\n"
        "  - size: 1\n"
        "  - {size: 2}\n"
        "named:\n"
        "  left: {size: 4}\n"
        "odd: oddly\n"
        "label: here\n";
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    if (!load(&c, &a, text, &o)) {
        fail_msg("%s", c.error);
    }
    assert_string_equal(o.text, "a: b");
    assert_true(o.yes);
    assert_int_equal(o.number, 7);
    assert_false(o.number_set);
    assert_int_equal(o.pause_ns, 300 * CLOCK_SECOND);
    assert_int_equal(o.colour, GREEN);
    assert_int_equal(o.words.count, 3);
    assert_string_equal(o.words.item[0], "on");
    assert_string_equal(o.words.item[1], "010");
    assert_string_equal(o.words.item[2], "");
    assert_true(o.range.min == 2 && o.range.max == UINT64_MAX);
    assert_int_equal(o.one.size, 3);
    assert_int_equal(o.many_count, 2);
    assert_int_equal(o.many[1].size, 2);
    assert_int_equal(o.many[1].at.line, 10);
    assert_int_equal(o.many[1].at.column, 5);
    assert_int_equal(o.named_count, 1);
    assert_string_equal(o.named[0].name, "left");
    assert_string_equal(o.odd, "oddly");
    assert_string_equal(o.shared.label, "here");
    assert_true(o.shared.checked);
}

static void one_struct_counts_as_a_list_of_one(void **state)
{
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    assert_true(load(&c, &a, "many: {size: 9}\nnumber: 0\nwords: []\n", &o));
    assert_int_equal(o.many_count, 1);
    assert_int_equal(o.many[0].size, 9);
    assert_true(o.number_set);
    assert_int_equal(o.number, 0);
    assert_int_equal(o.words.count, 0);
    assert_non_null(o.words.item);
}

static void a_mark_of_byte_order_is_passed_over(void **state)
{
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    assert_true(load(&c, &a, "\xEF\xBB\xBFnumber: 3\r\nyes: true\r\n", &o));
    assert_int_equal(o.number, 3);
    assert_true(o.yes);
    assert_false(load(&c, &a, "\xEF\xBB\xBFnumber: x\n", &o));
    assert_non_null(strstr(c.error, "t.yaml:1:9: error: "));
}

static void ranges(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t min, max;
    } rows[] = {
        {"3", true, 3, 3},     {"1..", true, 1, UINT64_MAX}, {"..4", true, 0, 4},
        {"2..5", true, 2, 5},  {"none", true, 0, 0},         {"0", true, 0, 0},
        {"5..2", false, 0, 0}, {"..", false, 0, 0},          {"1...3", false, 0, 0},
        {"-1", false, 0, 0},   {"01", false, 0, 0},          {"1..2..3", false, 0, 0},
        {"x", false, 0, 0},    {"1 ..", false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a;
        struct conf c;
        struct outer o;
        char text[64];
        (void)snprintf(text, sizeof text, "range: \"%s\"\n", rows[i].text);
        if (load(&c, &a, text, &o) != rows[i].good) {
            fail_msg("%s: %s", rows[i].text, c.error);
        }
        assert_true(!rows[i].good || (o.range.min == rows[i].min && o.range.max == rows[i].max));
    }
}

static void bindings_are_replaced_before_typing(void **state)
{
    static const struct conf_binding bindings[] = {{"delay", "299s"}, {"n", "12"}};
    static const char text[] = "pause: ${delay}\n"
                               "text: \"${n} of ${rcpt} ${n\"\n"
                               "number: ${n}3\n";
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    if (!load_bound(&c, &a, text, bindings, 2, &o)) {
        fail_msg("%s", c.error);
    }
    assert_int_equal(o.pause_ns, 299 * CLOCK_SECOND);
    assert_string_equal(o.text, "12 of ${rcpt} ${n");
    assert_int_equal(o.number, 123);
}

static void a_small_arena_is_an_error_not_a_crash(void **state)
{
    static const char text[] = "text: abcdefgh\nwords: [a, b, c]\nmany: [{size: 1}, {size: 2}]\n";
    struct arena a;
    struct conf c;
    struct outer o;
    bool whole = false;

    (void)state;
    for (size_t cap = 0; cap < 1024 && !whole; cap++) {
        arena_init(&a, block, cap);
        conf_init(&c, &a, "t.yaml", span_of(text));
        whole = conf_load(&c, &outer_table, &o);
        assert_true(whole || strstr(c.error, "the file is too large") != NULL);
    }
    assert_true(whole);
}

static void every_prefix_is_survived(void **state)
{
    static const char text[] = "text: \"a\\x41\"\nmany:\n  - {size: 1}\nnamed: {a: {size: 2}}\n"
                               "words: [a, 'b', \"c\"]\nodd: |\n  odd\n";
    char prefix[sizeof text];
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        memcpy(prefix, text, len);
        prefix[len] = '\0';
        if (!load(&c, &a, prefix, &o)) {
            assert_true(c.failed && c.error[0] != '\0');
        }
    }
    assert_true(load(&c, &a, text, &o));
}

static void size_is_limited(void **state)
{
    static char large[CONF_SIZE_MAX + 2];
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    memset(large, '\n', sizeof large - 1);
    arena_init(&a, block, sizeof block);
    conf_init(&c, &a, "t.yaml", (struct span){large, CONF_SIZE_MAX + 1});
    assert_false(conf_load(&c, &outer_table, &o));
    assert_string_equal(c.error, "t.yaml: error: larger than 1048576 octets");
}

static void nearest_names(void **state)
{
    static const char *const names[] = {"delay", "at", "reply", "to_domain"};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"delya", "delay"},
        {"dela", "delay"},
        {"Reply", "reply"},
        {"rpely", "reply"},
        {"to-domain", "to_domain"},
        {"x", NULL},
        {"when", NULL},
        {"", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *nearest = conf_nearest(rows[i].word, names, 4);
        if (rows[i].nearest == NULL ? nearest != NULL
                                    : nearest == NULL || strcmp(nearest, rows[i].nearest) != 0) {
            fail_msg("%s: %s", rows[i].word, nearest != NULL ? nearest : "(none)");
        }
    }
}

static void schema_and_reference_name_every_key(void **state)
{
    static char memory[65536];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    conf_schema(&outer_table, "things", &out);
    assert_false(out.truncated);
    assert_non_null(strstr(memory, "\"title\":\"things\""));
    assert_non_null(strstr(memory, "\"required\":[\"size\"]"));
    assert_non_null(strstr(memory, "\"label\":{"));
    assert_non_null(strstr(memory, "#/definitions/box"));
    strbuf_init(&out, memory, sizeof memory);
    conf_reference(&outer_table, &out);
    assert_non_null(strstr(memory, "| `colour` | one of `red`, `green` |"));
    assert_non_null(
        strstr(memory, "| `size` (required) | number | how large (for instance `3`) |"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(one_struct_counts_as_a_list_of_one),
        cmocka_unit_test(a_mark_of_byte_order_is_passed_over),
        cmocka_unit_test(ranges),
        cmocka_unit_test(bindings_are_replaced_before_typing),
        cmocka_unit_test(a_small_arena_is_an_error_not_a_crash),
        cmocka_unit_test(every_prefix_is_survived),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(schema_and_reference_name_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
