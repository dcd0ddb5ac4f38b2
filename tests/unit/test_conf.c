/*
 * test_conf.c - values by type, and the whole text of every kind of error
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/conf/conf.h"

enum colour { RED, GREEN };

struct inner {
    const char *name; /* of a map's item */
    uint64_t size;
    struct conf_position at;
};

struct shared {
    const char *label;
    bool checked;
};

struct outer {
    const char *text;
    bool yes;
    uint64_t number;
    int64_t pause_ns;
    int colour;
    struct conf_texts words;
    struct conf_range range;
    struct inner one;
    struct inner *many;
    size_t many_count;
    struct inner *named;
    size_t named_count;
    char odd[8];
    bool number_set;
    struct shared shared;
};

static const struct conf_name colours[] = {{"red", RED, ""}, {"green", GREEN, ""}, {NULL, 0, NULL}};

static const struct conf_field inner_fields[] = {
    {.name = "size",
     .type = CONF_UINT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct inner, size),
     .min = 1,
     .max = 10,
     .doc = "how large",
     .example = "3"},
};

static const struct conf_table inner_table = {
    .name = "box",
    .fields = inner_fields,
    .field_count = 1,
    .size = sizeof(struct inner),
    .position_offset = offsetof(struct inner, at),
};

static const struct conf_field shared_fields[] = {
    {.name = "label", .type = CONF_TEXT, .offset = offsetof(struct shared, label)},
};

static bool check_shared(struct conf *c, const struct conf_node *n, void *target)
{
    struct shared *s = target;

    s->checked = true;
    return s->label == NULL || strcmp(s->label, "bad") != 0 ||
           conf_fail(c, n, NULL, "the label is bad");
}

static const struct conf_table shared_table = {
    .name = "tag",
    .fields = shared_fields,
    .field_count = 1,
    .size = sizeof(struct shared),
    .check = check_shared,
};

static bool parse_odd(struct conf *c, const struct conf_node *n, void *target)
{
    const char *text = conf_scalar(c, n);

    if (text == NULL) {
        return false;
    }
    (void)snprintf(target, 8, "%.7s", text);
    return text[0] == 'o' || conf_fail(c, n, "write o...", "not odd");
}

#define AT(member) offsetof(struct outer, member)
static const struct conf_field outer_fields[] = {
    {.name = "text", .type = CONF_TEXT, .offset = AT(text)},
    {.name = "yes", .type = CONF_BOOL, .offset = AT(yes)},
    {.name = "number", .type = CONF_UINT, .offset = AT(number), .set_offset = AT(number_set)},
    {.name = "pause", .type = CONF_DURATION, .offset = AT(pause_ns)},
    {.name = "colour", .type = CONF_ENUM, .offset = AT(colour), .names = colours},
    {.name = "words", .type = CONF_TEXTS, .offset = AT(words)},
    {.name = "range", .type = CONF_RANGE, .offset = AT(range)},
    {.name = "one", .type = CONF_STRUCT, .offset = AT(one), .sub = &inner_table},
    {.name = "many",
     .type = CONF_STRUCTS,
     .offset = AT(many),
     .count_offset = AT(many_count),
     .max = 2,
     .sub = &inner_table},
    {.name = "named",
     .type = CONF_MAP,
     .offset = AT(named),
     .count_offset = AT(named_count),
     .max = 2,
     .sub = &inner_table},
    {.name = "odd", .type = CONF_CUSTOM, .offset = AT(odd), .parse = parse_odd},
    {.name = "shared", .type = CONF_INCLUDE, .offset = AT(shared), .sub = &shared_table},
};
#undef AT

static void outer_defaults(void *target)
{
    ((struct outer *)target)->number = 7;
}

static const struct conf_table outer_table = {
    .name = "thing",
    .fields = outer_fields,
    .field_count = sizeof outer_fields / sizeof outer_fields[0],
    .size = sizeof(struct outer),
    .defaults = outer_defaults,
};

static char block[1 << 20];

static bool load(struct conf *c, struct arena *a, const char *text, struct outer *out)
{
    arena_init(a, block, sizeof block);
    conf_init(c, a, "t.yaml", span_of(text));
    return conf_load(c, &outer_table, out);
}

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
    arena_init(&a, block, sizeof block);
    conf_init(&c, &a, "t.yaml", span_of(text));
    c.bindings = bindings;
    c.binding_count = 2;
    if (!conf_load(&c, &outer_table, &o)) {
        fail_msg("%s", c.error);
    }
    assert_int_equal(o.pause_ns, 299 * CLOCK_SECOND);
    assert_string_equal(o.text, "12 of ${rcpt} ${n");
    assert_int_equal(o.number, 123);
}

static void a_mistyped_binding_is_named(void **state)
{
    static const struct conf_binding bindings[] = {{"delay", "299s"}};
    static const char text[] = "pause: ${delya}\n";
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    arena_init(&a, block, sizeof block);
    conf_init(&c, &a, "t.yaml", span_of(text));
    c.bindings = bindings;
    c.binding_count = 1;
    assert_false(conf_load(&c, &outer_table, &o));
    assert_string_equal(
        c.error, "t.yaml:1:8: error: not a duration\n"
                 "    1 | pause: ${delya}\n"
                 "      |        ^^^^^^^^ the matrix has no \"delya\": did you mean \"delay\"?");
}

static void errors_word_for_word(void **state)
{
    static const struct {
        const char *label, *text, *error;
    } rows[] = {
        {"duration", "text: a\npause: 5 minutes\n",
         "t.yaml:2:8: error: not a duration\n"
         "    2 | pause: 5 minutes\n"
         "      |        ^^^^^^^^^ write a number and a unit: 300s, 5min, 250ms"},
        {"duration without unit", "pause: 300\n",
         "t.yaml:1:8: error: not a duration\n"
         "    1 | pause: 300\n"
         "      |        ^^^ write a number and a unit: 300s, 5min, 250ms"},
        {"unknown key, near", "colr: red\n",
         "t.yaml:1:1: error: unknown key \"colr\" in a thing\n"
         "    1 | colr: red\n"
         "      | ^^^^ did you mean \"colour\"?"},
        {"unknown key, nested", "one: {size: 1, zzzzzz: 2}\n",
         "t.yaml:1:16: error: unknown key \"zzzzzz\" in a box\n"
         "    1 | one: {size: 1, zzzzzz: 2}\n"
         "      |                ^^^^^^ one of: size"},
        {"missing key", "one: {}\n",
         "t.yaml:1:6: error: a box needs \"size\"\n"
         "    1 | one: {}\n"
         "      |      ^^ add size: 3"},
        {"key twice", "text: a\nyes: true\ntext: b\n",
         "t.yaml:3:1: error: key \"text\" is given twice\n"
         "    3 | text: b\n"
         "      | ^^^^ first given on line 1"},
        {"number with leading zero", "number: 010\n",
         "t.yaml:1:9: error: not a whole number that fits here\n"
         "    1 | number: 010\n"
         "      |         ^^^ decimal digits, no leading zero; at least 0"},
        {"number too large", "one: {size: 11}\n",
         "t.yaml:1:13: error: not a whole number that fits here\n"
         "    1 | one: {size: 11}\n"
         "      |             ^^ decimal digits, no leading zero; at least 1, at most 10"},
        {"truth value", "yes: on\n",
         "t.yaml:1:6: error: not a truth value\n"
         "    1 | yes: on\n"
         "      |      ^^ write true or false"},
        {"enum, near", "colour: gren\n",
         "t.yaml:1:9: error: unknown value \"gren\"\n"
         "    1 | colour: gren\n"
         "      |         ^^^^ did you mean \"green\"?"},
        {"enum, far", "colour: violet\n",
         "t.yaml:1:9: error: unknown value \"violet\"\n"
         "    1 | colour: violet\n"
         "      |         ^^^^^^ one of: red, green"},
        {"range", "range: many\n",
         "t.yaml:1:8: error: not a count or range of counts\n"
         "    1 | range: many\n"
         "      |        ^^^^ write 3, 1.., ..4, 2..5 or none"},
        {"no value", "text:\n",
         "t.yaml:1:6: error: no value is given\n"
         "    1 | text:\n"
         "      |      ^ write \"\" for an empty text"},
        {"list for a value", "text: [a]\n",
         "t.yaml:1:7: error: expected one value, not a list\n"
         "    1 | text: [a]\n"
         "      |       ^^^"},
        {"scalar for a struct", "one: 3\n",
         "t.yaml:1:6: error: expected a box here\n"
         "    1 | one: 3\n"
         "      |      ^ write keys and values: key: value"},
        {"scalar for a list", "many: 3\n",
         "t.yaml:1:7: error: expected a list, each of it a box\n"
         "    1 | many: 3\n"
         "      |       ^"},
        {"too many", "many: [{size: 1}, {size: 1}, {size: 1}]\n",
         "t.yaml:1:7: error: more than 2 of \"many\"\n"
         "    1 | many: [{size: 1}, {size: 1}, {size: 1}]\n"
         "      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"},
        {"custom", "odd: even\n",
         "t.yaml:1:6: error: not odd\n"
         "    1 | odd: even\n"
         "      |      ^^^^ write o..."},
        {"check of an included table", "label: bad\n",
         "t.yaml:1:1: error: the label is bad\n"
         "    1 | label: bad\n"
         "      | ^^^^^^^^^^"},
        {"colon in a text", "text: 550 5.7.1 <x>: no\n",
         "t.yaml:1:20: error: mapping values are not allowed in this context\n"
         "    1 | text: 550 5.7.1 <x>: no\n"
         "      |                    ^ a text that holds \": \" must be quoted: "
         "text: \"550 5.7.1 <x>: no\""},
        {"colon in a text with quotes", "text: say \"x\": no\n",
         "t.yaml:1:14: error: mapping values are not allowed in this context\n"
         "    1 | text: say \"x\": no\n"
         "      |              ^ a text that holds \": \" must be quoted: text: 'say \"x\": no'"},
        {"colon in a flow text", "one: {size: 5 <x>: no}\n",
         "t.yaml:1:18: error: did not find expected ',' or '}'\n"
         "    1 | one: {size: 5 <x>: no}\n"
         "      |                  ^ a text that holds \": \" must be quoted"},
        {"anchor", "text: &a b\n",
         "t.yaml:1:7: error: anchors are not allowed\n"
         "    1 | text: &a b\n"
         "      |       ^^^^ a text that begins with & must be quoted"},
        {"alias", "text: *a\n",
         "t.yaml:1:7: error: aliases are not allowed\n"
         "    1 | text: *a\n"
         "      |       ^^ a text that begins with * must be quoted"},
        {"glob taken for an alias", "text: *@canary.test\n",
         "t.yaml:1:8: error: did not find expected alphabetic or numeric character\n"
         "    1 | text: *@canary.test\n"
         "      |        ^ a text that begins with * or & must be quoted"},
        {"tag", "text: !x b\n",
         "t.yaml:1:7: error: tags are not allowed\n"
         "    1 | text: !x b\n"
         "      |       ^^^^ a text that begins with ! must be quoted"},
        {"two documents", "text: a\n---\ntext: b\n",
         "t.yaml:2:1: error: a second document begins here\n"
         "    2 | ---\n"
         "      | ^^^ put it into a file of its own"},
        {"directive", "%YAML 1.1\n---\ntext: b\n",
         "t.yaml:1:1: error: directives are not allowed\n"
         "    1 | %YAML 1.1\n"
         "      | ^^^^^^^^^"},
        {"tab", "one:\n\tsize: 3\n",
         "t.yaml:2:1: error: found character that cannot start any token\n"
         "    2 |  size: 3\n"
         "      | ^ indent with spaces, not with tabs"},
        {"at sign", "text: @x\n",
         "t.yaml:1:7: error: found character that cannot start any token\n"
         "    1 | text: @x\n"
         "      |       ^ a text that begins so must be quoted"},
        {"quote never closed", "text: \"abc\nyes: true\n",
         "t.yaml:1:7: error: found unexpected end of stream\n"
         "    1 | text: \"abc\n"
         "      |       ^ this quote is never closed"},
        {"control character", "text: a\001b\n",
         "t.yaml:1:8: error: control characters are not allowed\n"
         "    1 | text: a?b\n"
         "      |        ^ text must be UTF-8 without control characters"},
        {"bad UTF-8", "yes: true\ntext: \377\n",
         "t.yaml:2:7: error: invalid leading UTF-8 octet\n"
         "    2 | text: \377\n"
         "      |       ^ text must be UTF-8 without control characters"},
        {"NUL by escape", "text: \"a\\0b\"\n",
         "t.yaml:1:7: error: a NUL is not allowed here\n"
         "    1 | text: \"a\\0b\"\n"
         "      |       ^^^^^^ where raw bytes are meant, write \\0 in single quotes"},
        {"caret under UTF-8", "words: [\"\303\274\303\266\", [x]]\n",
         "t.yaml:1:15: error: expected one value, not a list\n"
         "    1 | words: [\"\303\274\303\266\", [x]]\n"
         "      |               ^^^"},
        {"key is no text", "[a]: b\n",
         "t.yaml:1:1: error: a key must be a text\n"
         "    1 | [a]: b\n"
         "      | ^^^"},
        {"too deep", "words: [[[[[[[[a]]]]]]]]\n",
         "t.yaml:1:15: error: nested deeper than 8 levels\n"
         "    1 | words: [[[[[[[[a]]]]]]]]\n"
         "      |               ^"},
        {"no mapping", "- a\n",
         "t.yaml:1:1: error: expected a thing here\n"
         "    1 | - a\n"
         "      | ^^^ write keys and values: key: value"},
        {"empty", "", "t.yaml: error: the file is empty"},
        {"comment only", "# nothing\n", "t.yaml: error: the file is empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a;
        struct conf c;
        struct outer o;
        if (load(&c, &a, rows[i].text, &o)) {
            fail_msg("%s: was taken", rows[i].label);
        }
        if (strcmp(c.error, rows[i].error) != 0) {
            fail_msg("%s:\n%s\ninstead of\n%s", rows[i].label, c.error, rows[i].error);
        }
    }
}

static void the_first_error_stays(void **state)
{
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    assert_false(load(&c, &a, "yes: on\npause: x\n", &o));
    assert_false(conf_fail(&c, NULL, NULL, "another"));
    assert_non_null(strstr(c.error, "not a truth value"));
    assert_null(strstr(c.error, "another"));
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
        cmocka_unit_test(ranges),
        cmocka_unit_test(bindings_are_replaced_before_typing),
        cmocka_unit_test(a_mistyped_binding_is_named),
        cmocka_unit_test(errors_word_for_word),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(a_small_arena_is_an_error_not_a_crash),
        cmocka_unit_test(every_prefix_is_survived),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(schema_and_reference_name_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
