/*
 * test_prng.c - the same seed, the same run
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/prng.h"

/* First outputs for the state 1 2 3 4, from the reference implementation of xoshiro256**. */
static void test_reference(void **state)
{
    static const uint64_t wanted[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    struct prng p = {{1, 2, 3, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_true(prng_next(&p) == wanted[i]);
}

/* splitmix64 of seed 0 begins with e220a8397b1dcdaf. */
static void test_seeding(void **state)
{
    struct prng p, q;
    (void)state;
    prng_init(&p, 0);
    assert_true(p.state[0] == UINT64_C(0xe220a8397b1dcdaf));
    prng_init(&p, 7);
    prng_init(&q, 7);
    for (unsigned i = 0; i < 100; i++)
        assert_true(prng_next(&p) == prng_next(&q));
    prng_init(&q, 8);
    assert_true(prng_next(&p) != prng_next(&q));
}

static void test_range(void **state)
{
    static const struct {
        const char *label;
        uint64_t low, high;
    } rows[] = {
        {"one value", 5, 5},
        {"a die", 1, 6},
        {"everything", 0, UINT64_MAX},
        {"more than half", 0, UINT64_MAX / 2 + 1},
        {"at the top", UINT64_MAX - 1, UINT64_MAX},
    };
    struct prng p;
    (void)state;
    prng_init(&p, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned n = 0; n < 1000; n++) {
            uint64_t draw = prng_range(&p, rows[i].low, rows[i].high);
            if (draw < rows[i].low || draw > rows[i].high)
                fail_msg("%s", rows[i].label);
        }
}

static void test_every_face(void **state)
{
    unsigned count[7] = {0};
    struct prng p;
    (void)state;
    prng_init(&p, 1);
    for (unsigned n = 0; n < 6000; n++)
        count[prng_range(&p, 1, 6)]++;
    for (unsigned face = 1; face <= 6; face++)
        assert_in_range(count[face], 850, 1150);
}

static void test_chance(void **state)
{
    struct prng p;
    unsigned hits = 0;
    (void)state;
    prng_init(&p, 1);
    for (unsigned n = 0; n < 1000; n++) {
        assert_false(prng_chance(&p, 0, 4));
        assert_true(prng_chance(&p, 4, 4));
        hits += prng_chance(&p, 1, 4);
    }
    assert_in_range(hits, 200, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_seeding),
        cmocka_unit_test(test_range),     cmocka_unit_test(test_every_face),
        cmocka_unit_test(test_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
