/*
 * test_arena.c - pieces of a lent block
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/arena.h"

#include <stdalign.h>
#include <string.h>

static void test_pieces_are_aligned_and_zeroed(void **state)
{
    char block[512];
    (void)state;
    for (size_t offset = 0; offset < 16; offset++) {
        struct arena a;
        memset(block, 0xaa, sizeof block);
        arena_init(&a, block + offset, sizeof block - offset);
        assert_non_null(arena_text(&a, SPAN("x")));
        uint64_t *numbers = arena_get(&a, 3, sizeof *numbers);
        assert_non_null(numbers);
        assert_int_equal((uintptr_t)numbers % alignof(max_align_t), 0);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(numbers[i], 0);
        assert_true(a.used <= a.cap);
    }
}

static void test_text(void **state)
{
    char block[6];
    struct arena a;
    (void)state;
    arena_init(&a, block, sizeof block);
    char *first = arena_text(&a, SPAN("ab"));
    char *second = arena_text(&a, SPAN("cd"));
    assert_string_equal(first, "ab");
    assert_string_equal(second, "cd");
    assert_null(arena_text(&a, SPAN("")));
}

static void test_used_up(void **state)
{
    static const struct {
        const char *label;
        size_t count, size;
    } rows[] = {
        {"one byte too many", 1, 65},
        {"product overflows", SIZE_MAX / 2, 4},
        {"sum overflows", SIZE_MAX, 1},
        {"many of little", 65, 1},
    };
    alignas(max_align_t) char block[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a;
        arena_init(&a, block, sizeof block);
        if (arena_get(&a, rows[i].count, rows[i].size) != NULL)
            fail_msg("%s", rows[i].label);
        assert_int_equal(a.used, 0);
        assert_non_null(arena_get(&a, 64, 1));
        assert_null(arena_get(&a, 1, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_zeroed),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
