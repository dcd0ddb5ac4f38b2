/*
 * test_conf_errors.c - the whole text of every kind of error in a YAML file
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_things.h"

/* Two octets each; an excerpt has at most 160 of them. */
#define EIGHT "\303\274\303\274\303\274\303\274\303\274\303\274\303\274\303\274"
#define WIDE_SHOWN                                            \
    "x" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT \
    "\303\274\303\274\303\274\303\274\303\274\303\274\303\274"
#define WIDE WIDE_SHOWN EIGHT

static const struct error_row {
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
     "    2 | text: ?\n"
     "      |       ^ text must be UTF-8 without control characters"},
    {"what a terminal would obey", "yes: \033[31m\302\233\n",
     "t.yaml:1:6: error: control characters are not allowed\n"
     "    1 | yes: ?[31m?\n"
     "      |      ^ text must be UTF-8 without control characters"},
    {"cut between characters", WIDE "\n",
     "t.yaml:1:1: error: expected a thing here\n"
     "    1 | " WIDE_SHOWN "...\n"
     "      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ "
     "write keys and values: key: value"},
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

static void errors_word_for_word(void **state)
{
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

/* "a: {k0: x, k1: x, ...}": as many keys as are allowed are looked at, one more is not. */
static void keys_are_counted(void **state)
{
    enum { MAX = 4096 };
    static char text[16 * (MAX + 2)];
    struct strbuf out;
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    for (unsigned extra = 0; extra < 2; extra++) {
        strbuf_init(&out, text, sizeof text);
        strbuf_adds(&out, "one: {");
        for (unsigned i = 0; i < MAX + extra; i++) {
            strbuf_addf(&out, "k%u: x, ", i);
        }
        strbuf_adds(&out, "}\n");
        assert_false(out.truncated);
        assert_false(load(&c, &a, text, &o));
        const char *said = extra == 0 ? "t.yaml:1:7: error: unknown key \"k0\" in a box\n"
                                      : "t.yaml:1:6: error: more than 4096 keys\n";
        if (strncmp(c.error, said, strlen(said)) != 0) {
            fail_msg("%u: %s", extra, c.error);
        }
    }
}

static void a_mistyped_binding_is_named(void **state)
{
    static const struct conf_binding bindings[] = {{"delay", "299s"}};
    static const char text[] = "pause: ${delya}\n";
    struct arena a;
    struct conf c;
    struct outer o;

    (void)state;
    assert_false(load_bound(&c, &a, text, bindings, 1, &o));
    assert_string_equal(
        c.error, "t.yaml:1:8: error: not a duration\n"
                 "    1 | pause: ${delya}\n"
                 "      |        ^^^^^^^^ the matrix has no \"delya\": did you mean \"delay\"?");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_word_for_word),
        cmocka_unit_test(keys_are_counted),
        cmocka_unit_test(a_mistyped_binding_is_named),
        cmocka_unit_test(the_first_error_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
