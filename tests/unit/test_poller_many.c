/*
 * test_poller_many.c - mailboxes with ten thousand messages, and a memory that is too small
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/poller_lab.h"

static void fill(struct lab *lab, unsigned count)
{
    char uid[16];
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(uid, sizeof uid, "m%u", i);
        put(lab, uid);
    }
}

static void ten_thousand_that_were_there(void **state)
{
    struct lab *lab = lab_new(true, false, CAPACITY);
    (void)state;
    fill(lab, 10000);
    tick(lab);
    whole_round(lab);
    put(lab, "ours");
    whole_round(lab);
    whole_round(lab);
    assert_int_equal(lab->lists, 3);
    assert_int_equal(lab->fetches, 1);
    assert_string_equal(lab->memory, "well mail:ours ");
    lab_free(lab);
}

/* Each is fetched once, so many a list, without a pause between the lists. */
static void ten_thousand_that_are_new(void **state)
{
    struct lab *lab = lab_new(false, false, CAPACITY);
    (void)state;
    fill(lab, 10000);
    tick(lab);
    while (lab->asked != ASKED_NOTHING)
        whole_round(lab);
    assert_int_equal(lab->now_ns, 0);
    assert_int_equal(lab->fetches, 10000);
    assert_int_equal(lab->lists, 10000 / POLLER_PENDING_MAX + 1);
    lab_free(lab);
}

/* The oldest knowledge goes; what is remembered is still found, whatever the table went through. */
static void forgets_the_oldest(void **state)
{
    struct lab *lab = lab_new(false, false, 100);
    char uid[16];
    (void)state;
    tick(lab);
    for (unsigned i = 0; i < 3000; i++) {
        lab->uid_count = 0;
        for (unsigned k = i > 99 ? i - 99 : 0; k <= i; k++) {
            (void)snprintf(uid, sizeof uid, "m%u", k);
            put(lab, uid);
        }
        whole_round(lab);
        strbuf_reset(&lab->told);
    }
    assert_int_equal(lab->fetches, 3000);
    lab->uid_count = 0;
    put(lab, "m0");
    whole_round(lab);
    assert_int_equal(lab->fetches, 3001);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_that_were_there),
        cmocka_unit_test(ten_thousand_that_are_new),
        cmocka_unit_test(forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
