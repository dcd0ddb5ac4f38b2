/*
 * test_target_list.c - lists, lines that are wrong, shards
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/program/target_list.h"

static const struct target_shard whole = {0, 0};
static const struct target_check none = {NULL, NULL};

struct list_row {
    const char *label, *text, *targets; /* "a b c" */
    size_t repeated;
};

static const struct list_row lists[] = {
    {"one, without a line end", "10.0.0.1", "10.0.0.1", 0},
    {"two", "10.0.0.1\n10.0.0.2:25\n", "10.0.0.1 10.0.0.2:25", 0},
    {"line ends of other systems", "10.0.0.1\r\n10.0.0.2\r\n", "10.0.0.1 10.0.0.2", 0},
    {"a mark of byte order",
     "\xEF\xBB\xBF"
     "10.0.0.1\n",
     "10.0.0.1", 0},
    {"blanks around", " \t10.0.0.1 \n", "10.0.0.1", 0},
    {"empty lines and comments", "\n# a\n  # b\n10.0.0.1 # c\n\n", "10.0.0.1", 0},
    {"all kinds", "[::1]:25\n::1\nmx.example.test:26\nmx:example.test\n",
     "[::1]:25 ::1 mx.example.test:26 mx:example.test", 0},
    {"repeated", "10.0.0.1\n10.0.0.2\n10.0.0.1\n10.0.0.1\n", "10.0.0.1 10.0.0.2", 2},
    {"repeated in other letters", "A.example.test\na.EXAMPLE.test\n", "A.example.test", 1},
};

static void lists_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct list_row *row = &lists[i];
        char memory[512], error[512];
        struct strbuf got, why;
        struct target_list list;

        strbuf_init(&got, memory, sizeof memory);
        strbuf_init(&why, error, sizeof error);
        if (!target_list_read(&list, "list", span_of(row->text), whole, none, &why))
            fail_msg("%s: %s", row->label, error);
        for (size_t k = 0; k < list.count; k++) {
            strbuf_adds(&got, k > 0 ? " " : "");
            strbuf_add(&got, target_list_text(&list, k));
        }
        if (strcmp(memory, row->targets) != 0 || list.repeated != row->repeated)
            fail_msg("%s: '%s', %zu repeated", row->label, memory, list.repeated);
        target_list_clear(&list);
    }
}

struct wrong_row {
    const char *label, *text, *error;
};

static const struct wrong_row wrongs[] = {
    {"nothing", "", "list: no target in it: write one a line, like 192.0.2.1:25"},
    {"nothing but comments", "# a\n\n \t# b\n",
     "list: no target in it: write one a line, like 192.0.2.1:25"},
    {"no address", "10.0.0.1\n 10.0.0.256\n",
     "list:2:2: '10.0.0.256': neither an address nor a host name; write ADDR:PORT, [ADDR6]:PORT, "
     "ADDR, NAME or mx:DOMAIN\n    2 |  10.0.0.256\n      |  ^^^^^^^^^^"},
    {"two on a line", "10.0.0.1 10.0.0.2",
     "list:1:10: one target a line; nothing behind it\n    1 | 10.0.0.1 10.0.0.2\n"
     "      |          ^^^^^^^^"},
    {"three of them", "10.0.0.256\n10.0.0.256\n10.0.0.256\n",
     "list:1:1: '10.0.0.256': neither an address nor a host name; write ADDR:PORT, [ADDR6]:PORT, "
     "ADDR, NAME or mx:DOMAIN\n    1 | 10.0.0.256\n      | ^^^^^^^^^^\nand 2 more lines are wrong"},
};

static void wrong_lines_are_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char error[512];
        struct strbuf why;
        struct target_list list;

        strbuf_init(&why, error, sizeof error);
        assert_false(target_list_read(&list, "list", span_of(wrongs[i].text), whole, none, &why));
        if (strcmp(error, wrongs[i].error) != 0)
            fail_msg("%s:\n%s\nis not\n%s", wrongs[i].label, error, wrongs[i].error);
    }
}

static void hostile_lines_stay_on_their_line(void **state)
{
    char text[4096], error[1024];
    struct strbuf why;
    struct target_list list;
    (void)state;

    memset(text, 'x', sizeof text);
    for (int control = 1; control < 256; control++) {
        if (control == '\n')
            continue;
        text[7] = (char)control;
        strbuf_init(&why, error, sizeof error);
        (void)target_list_read(&list, "list", (struct span){text, sizeof text}, whole, none, &why);
        for (size_t i = 0; i < why.len; i++)
            assert_true(error[i] == '\n' || (error[i] >= 32 && error[i] < 127));
        target_list_clear(&list);
    }
}

static void shards_make_up_the_list(void **state)
{
    static char text[40000];
    struct strbuf all, why;
    char error[128];
    (void)state;

    strbuf_init(&all, text, sizeof text);
    strbuf_init(&why, error, sizeof error);
    for (unsigned i = 0; i < 2000; i++)
        strbuf_addf(&all, "10.0.%u.%u\n", i / 256, i % 256);
    for (unsigned parts = 1; parts < 12; parts++) {
        size_t sum = 0;

        for (unsigned i = 0; i < parts; i++) {
            struct target_list list;
            struct target_shard shard = {i, parts};

            assert_true(target_list_read(&list, "list", strbuf_span(&all), shard, none, &why));
            for (size_t k = 0; k < list.count; k++)
                assert_int_equal(target_hash(target_list_text(&list, k)) % parts, i);
            assert_true(list.count * parts > 2000 * 7 / 10 && list.count * parts < 2000 * 13 / 10);
            sum += list.count;
            target_list_clear(&list);
        }
        assert_int_equal(sum, 2000);
    }
}

/* These numbers are a promise: shards of different releases must not overlap. */
static void the_hash_never_changes(void **state)
{
    (void)state;
    assert_true(target_hash(SPAN("")) == UINT64_C(0xefd01f60ba992926));
    assert_true(target_hash(SPAN("192.0.2.1:25")) == target_hash(SPAN("192.0.2.1:25")));
    assert_true(target_hash(SPAN("MX.example.TEST")) == target_hash(SPAN("mx.example.test")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(wrong_lines_are_shown),
        cmocka_unit_test(hostile_lines_stay_on_their_line),
        cmocka_unit_test(shards_make_up_the_list),
        cmocka_unit_test(the_hash_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
