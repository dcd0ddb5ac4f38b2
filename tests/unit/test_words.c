/*
 * test_words.c - words into options, values and arguments; what is wrong, word for word
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/conf/words.h"

static const struct row {
    const char *name, *argument;
    int more; /* what else stands in a row is nobody's concern */
} rows[] = {{"--json", NULL, 1}, {"--file", "FILE", 2},   {"-j", "N", 3},
            {"-q", NULL, 4},     {"--page", "NUMBER", 5}, {"--page", NULL, 6}};

enum { ROWS = sizeof rows / sizeof rows[0], PAGE = 4, WORDS_MAX = 8 };

/* "[option=value]" or "(argument)" for each; in the end what is wrong. */
static void read_all(const char *const *text, size_t hidden, struct strbuf *out)
{
    char *argv[WORDS_MAX] = {NULL};
    int argc = 1;
    struct words w;
    struct word word;
    enum word_kind kind = WORD_OPTION;

    while (argc < WORDS_MAX && text[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)text[argc - 1];
        argc++;
    }
    words_init(&w, rows, ROWS, sizeof rows[0], argc, argv);
    w.hidden = hidden;
    while (kind != WORD_WRONG && (kind = words_next(&w, &word, out)) != WORD_END) {
        if (kind == WORD_ARGUMENT) {
            strbuf_addf(out, "(%s)", word.value);
        } else if (kind == WORD_OPTION && words_once(&word, out)) {
            assert_ptr_equal(word.option, rows[word.row].name);
            strbuf_addf(out, "[%s%s%s]", word.option, word.value != NULL ? "=" : "",
                        word.value != NULL ? word.value : "");
        }
    }
}

static void words_are_read(void **state)
{
    static const struct {
        const char *label, *words[WORDS_MAX], *read;
        size_t hidden;
    } lines[] = {
        {"nothing", {NULL}, "", PAGE},
        {"all kinds", {"a", "--json", "--file", "x", "b"}, "(a)[--json][--file=x](b)", PAGE},
        {"a value behind =", {"--file=x=y"}, "[--file=x=y]", PAGE},
        {"an empty value", {"--file=", "--json"}, "[--file=][--json]", PAGE},
        {"a value like an option", {"--file", "--json"}, "[--file=--json]", PAGE},
        {"one letter", {"-j4"}, "[-j=4]", PAGE},
        {"one letter, apart", {"-j", "4"}, "[-j=4]", PAGE},
        {"one letter and =", {"-j=4"}, "[-j=4]", PAGE},
        {"a letter without a value", {"-q"}, "[-q]", PAGE},
        {"- and an empty word", {"-", ""}, "(-)()", PAGE},
        {"behind --", {"--json", "--", "--json", "--"}, "[--json](--json)(--)", PAGE},
        {"one of two rows", {"--page", "3"}, "[--page](3)", PAGE},
        {"the other", {"--page", "3"}, "[--page=3]", PAGE + 1},
        {"unknown", {"--nothing=1"}, "--nothing: no such option; --help lists all", PAGE},
        {"nearly known",
         {"--jsno"},
         "--jsno: no such option (did you mean --json?); --help lists all",
         PAGE},
        {"abbreviated",
         {"--fil", "x"},
         "--fil: no such option (did you mean --file?); --help lists all",
         PAGE},
        {"letters in a row", {"-qj"}, "-qj: no such option; --help lists all", PAGE},
        {"not to be shown", {"--\033[31m"}, "--\\x1b[31m: no such option; --help lists all", PAGE},
        {"no value", {"a", "--file"}, "(a)--file: a value is missing: --file FILE", PAGE},
        {"no value of a letter", {"-j"}, "-j: a value is missing: -j N", PAGE},
        {"a value too much", {"--json=1"}, "--json: '1': this option takes no value", PAGE},
        {"twice",
         {"--file=x", "--file=y"},
         "[--file=x]--file: 'y': given twice; once is allowed",
         PAGE},
    };
    char memory[512];
    struct strbuf out;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        strbuf_init(&out, memory, sizeof memory);
        read_all(lines[i].words, lines[i].hidden, &out);
        if (strcmp(memory, lines[i].read) != 0) {
            fail_msg("%s: %s instead of %s", lines[i].label, memory, lines[i].read);
        }
    }
}

static void help_is_in_columns(void **state)
{
    char memory[256];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    words_help(&out, "--json", NULL, 12, "as JSON");
    words_help(&out, "--file", "FILE", 12, "into it");
    assert_string_equal(memory, "  --json    as JSON\n  --file FILE into it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(help_is_in_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
