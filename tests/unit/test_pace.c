/*
 * test_pace.c - the rate in all and of a network, and whose token it is
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/prng.h"
#include "probe/program/pace.h"
#include "probe/home/token_index.h"

static struct endpoint at(const char *text)
{
    struct endpoint e;

    assert_true(endpoint_parse(span_of(text), false, &e));
    return e;
}

struct pace_row {
    const char *label;
    unsigned rate, network_rate;
    const char *to[4];
    int64_t due_ms[4]; /* all want to connect at instant 0 */
};

static const struct pace_row rows[] = {
    {"no rate", 0, 0, {"10.0.0.1:25", "10.0.0.1:25", "10.0.0.1:25", "10.0.0.1:25"}, {0, 0, 0, 0}},
    {"one a second",
     60,
     0,
     {"10.0.0.1:25", "10.1.0.1:25", "[::1]:25", "10.0.0.1:25"},
     {0, 1000, 2000, 3000}},
    {"four a second: a second's worth at once",
     240,
     0,
     {"10.0.0.1:25", "10.0.0.2:25", "10.0.0.3:25", "10.0.0.4:25"},
     {0, 0, 0, 0}},
    {"a network",
     0,
     60,
     {"10.0.0.1:25", "10.0.0.2:25", "10.0.1.1:25", "10.0.0.255:26"},
     {0, 1000, 0, 2000}},
    {"networks of IPv6",
     0,
     30,
     {"[2001:db8::1]:25", "[2001:db8::2]:25", "[2001:db8:0:1::1]:25", "[2001:db8::ffff:1]:25"},
     {0, 2000, 0, 4000}},
    {"both",
     120,
     60,
     {"10.0.0.1:25", "10.0.0.2:25", "10.0.1.1:25", "10.0.1.2:25"},
     {0, 1000, 1000, 2000}},
};

static void connections_are_spaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct pace_row *row = &rows[i];
        struct pace *p = pace_new(&(struct pace_config){row->rate, row->network_rate, 4});

        assert_non_null(p);
        for (int k = 0; k < 4; k++) {
            struct endpoint to = at(row->to[k]);
            int64_t due = pace_due(p, &to, 0), taken = pace_take(p, &to, 0);

            if (taken != due || taken != row->due_ms[k] * CLOCK_MS)
                fail_msg("%s: connection %d at %lld ms", row->label, k,
                         (long long)(taken / CLOCK_MS));
        }
        pace_free(p);
    }
}

/* More networks than the table was made for: still never more than the rate in any minute. */
static void no_network_is_asked_faster(void **state)
{
    enum { NETWORKS = 3000, ROUNDS = 8 };
    static int64_t last[NETWORKS];
    struct pace *p = pace_new(&(struct pace_config){0, 60, 8});
    int64_t now = 0;
    (void)state;

    memset(last, 0xFF, sizeof last);
    for (int round = 0; round < ROUNDS; round++, now += 300 * CLOCK_MS) {
        for (unsigned n = 0; n < NETWORKS; n++) {
            struct endpoint to = {4, {10, (uint8_t)(n / 256), (uint8_t)(n % 256), 1}, 25};
            int64_t taken = pace_take(p, &to, now);

            assert_true(taken >= now);
            if (last[n] >= 0 && taken < last[n] + CLOCK_SECOND)
                assert_true(taken == clock_after(now, CLOCK_SECOND)); /* of one too many */
            last[n] = taken;
        }
    }
    pace_free(p);
}

static void draw(struct prng *r, struct token *t)
{
    for (int i = 0; i < TOKEN_LEN; i++)
        t->text[i] = "abcdefghijklmnopqrstuvwxyz234567"[prng_next(r) % 32];
    t->text[TOKEN_LEN] = '\0';
}

static bool finds(const struct token_index *x, const struct token *t, uint32_t owner)
{
    size_t cursor = 0;
    uint32_t found;

    while ((found = token_index_next(x, span_of(t->text), &cursor)) != TOKEN_NOBODY)
        if (found == owner)
            return true;
    return false;
}

static void every_token_is_found_until_it_is_removed(void **state)
{
    enum { COUNT = 5000 };
    static struct token tokens[COUNT];
    static bool there[COUNT];
    struct token_index x = {NULL};
    struct prng r;
    size_t cursor = 0;
    (void)state;

    assert_int_equal(token_index_next(&x, SPAN("abcdefghijklmnop"), &cursor), TOKEN_NOBODY);
    prng_init(&r, 1);
    for (int i = 0; i < COUNT; i++)
        draw(&r, &tokens[i]);
    for (int step = 0; step < 20 * COUNT; step++) {
        size_t i = prng_next(&r) % COUNT;

        if (there[i])
            token_index_remove(&x, &tokens[i], (uint32_t)i % 97);
        else
            assert_true(token_index_add(&x, &tokens[i], (uint32_t)i % 97));
        there[i] = !there[i];
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(finds(&x, &tokens[i], (uint32_t)i % 97), there[i]);
    token_index_clear(&x);
}

static void an_index_is_small(void **state)
{
    enum { COUNT = 200000, TABLE = 65536 };
    struct token_index x = {NULL};
    struct token t;
    struct prng r;
    (void)state;

    assert_int_equal(token_index_octets(&x), 0);
    prng_init(&r, 2);
    for (int i = 0; i < COUNT; i++) {
        draw(&r, &t);
        assert_true(token_index_add(&x, &t, (uint32_t)i % TOKEN_OWNERS_MAX));
    }
    assert_true(token_index_octets(&x) < TABLE + 6 * COUNT);
    token_index_clear(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_spaced),
        cmocka_unit_test(no_network_is_asked_faster),
        cmocka_unit_test(every_token_is_found_until_it_is_removed),
        cmocka_unit_test(an_index_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
