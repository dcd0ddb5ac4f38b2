/*
 * test_select.c - tags, and which files a directory and a glob stand for
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/case/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void tags(void **state)
{
    static const char *list[] = {"relay", "open", "smoke"};
    const struct conf_texts own = {list, 3};
    static const struct {
        const char *label, *expression;
        bool holds;
    } rows[] = {
        {"one tag that is there", "open", true},        {"one that is not", "closed", false},
        {"part of a tag is not the tag", "ope", false}, {"both there", "open,smoke", true},
        {"one of two missing", "open,slow", false},     {"negated and absent", "!slow", true},
        {"negated and present", "!smoke", false},       {"a,!b", "open,!slow", true},
        {"a,!b with b there", "open,!smoke", false},    {"spaces around", " open , !slow ", true},
        {"empty words say nothing", ",,", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (select_tags(&own, span_of(rows[i].expression)) != rows[i].holds)
            fail_msg("%s", rows[i].label);
}

static void touch(const char *directory, const char *name)
{
    char path[1024];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void make_tree(char *root)
{
    char path[512];

    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof path, "%s/sub", root);
    assert_int_equal(mkdir(path, 0700), 0);
    touch(root, "b.yaml");
    touch(root, "a.yaml");
    touch(root, ".hidden.yaml");
    touch(root, "note.txt");
    touch(path, "c.yaml");
}

static void drop_tree(const char *root)
{
    static const char *const names[] = {"sub/c.yaml", "a.yaml", "b.yaml", ".hidden.yaml",
                                        "note.txt"};
    char path[512];

    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/sub", root);
    (void)rmdir(path);
    (void)rmdir(root);
}

static void files(void **state)
{
    static const struct {
        const char *label, *argument, *found; /* arguments and results below the root */
    } rows[] = {
        {"a directory, walked and sorted", "", "/a.yaml /b.yaml /sub/c.yaml "},
        {"a directory below", "/sub", "/sub/c.yaml "},
        {"one file, whatever its name", "/note.txt", "/note.txt "},
        {"a glob in one directory", "/?.yaml", "/a.yaml /b.yaml "},
        {"a glob through directories", "/*c.yaml", "/sub/c.yaml "},
        {"a glob that nothing matches", "/z*", ""},
    };
    char root[] = "/tmp/test_select.XXXXXX";

    (void)state;
    make_tree(root);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct selection s = {.path = NULL};
        char memory[512], argument[512], found[1024] = "";
        struct strbuf error, list;

        strbuf_init(&error, memory, sizeof memory);
        strbuf_init(&list, found, sizeof found);
        (void)snprintf(argument, sizeof argument, "%s%s", root, rows[i].argument);
        if (!selection_add(&s, argument, &error))
            fail_msg("%s: %s", rows[i].label, memory);
        selection_sort(&s);
        for (size_t k = 0; k < s.count; k++)
            strbuf_addf(&list, "%s ", s.path[k] + strlen(root));
        if (strcmp(found, rows[i].found) != 0)
            fail_msg("%s: %s", rows[i].label, found);
        selection_clear(&s);
    }
    drop_tree(root);
}

static void twice_is_once(void **state)
{
    struct selection s = {.path = NULL};
    char root[] = "/tmp/test_select.XXXXXX", memory[256];
    struct strbuf error;

    (void)state;
    make_tree(root);
    strbuf_init(&error, memory, sizeof memory);
    assert_true(selection_add(&s, root, &error));
    assert_true(selection_add(&s, root, &error));
    selection_sort(&s);
    assert_int_equal(s.count, 3);
    selection_clear(&s);
    drop_tree(root);
}

static void missing(void **state)
{
    struct selection s = {.path = NULL};
    char memory[256];
    struct strbuf error;

    (void)state;
    strbuf_init(&error, memory, sizeof memory);
    assert_false(selection_add(&s, "/nowhere/at-all.yaml", &error));
    assert_string_equal(memory, "/nowhere/at-all.yaml: No such file or directory");
    selection_sort(&s);
    assert_int_equal(s.count, 0);
    selection_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),
        cmocka_unit_test(files),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
