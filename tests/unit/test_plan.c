/*
 * test_plan.c - when a deferred form is asked again
 *
 * One form, answered with "later" again and again. A row gives the time allowed, what the text asks
 * us to wait, and the instants at which the form is asked: each retry twice as late as the one
 * before, and a last one a minute before the end where the next would come too late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/ask/plan.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { ASKED_MAX = 8, RETRY_S = 301 };

struct deferral_row {
    const char *label;
    int64_t max_time_s;
    unsigned hint_s;
    int64_t asked_s[ASKED_MAX]; /* ends with 0; the first attempt is at 0 and not listed */
};

static const struct deferral_row deferral_rows[] = {
    {"a quarter of an hour: the last one a minute before the end", 900, 0, {301, 840}},
    {"an hour", 3600, 0, {301, 903, 2107, 3540}},
    {"the last one in place of the second", 700, 0, {301, 640}},
    {"just room for the last one", 662, 0, {301, 602}},
    {"one second less", 661, 0, {301}},
    {"no time at all", 300, 0, {0}},
    {"less than the last minute", 30, 0, {0}},
    {"the text asks for less than our patience", 900, 60, {301, 840}},
    {"the text asks for ten minutes", 900, 600, {601}},
    {"the text asks for ten minutes, twice granted", 1262, 600, {601, 1202}},
    {"the text asks for more than we have", 900, 3600, {0}},
    {"six attempts at most", 86400, 0, {301, 903, 2107, 4515, 9331}},
};

static void run_deferrals(const struct deferral_row *row)
{
    struct form_result result = {0};
    struct plan_form form = {0};
    struct plan plan;
    struct plan_session at = {.number = 1};
    size_t asked = 0;

    result.form.sender = &form_senders[0];
    result.form.recipient = &form_recipients[0];
    result.form.applicable = true;
    plan_init(&plan, &result, &form, 1, RETRY_S * CLOCK_SECOND, row->max_time_s * CLOCK_SECOND);
    assert_ptr_equal(plan_next(&plan, &at, 0), &result);
    int64_t now_ns = 0;
    for (;;) {
        result.answer = ANSWER_DEFERRED;
        plan_answered(&plan, &at, &result, now_ns, row->hint_s);
        now_ns = plan_due(&plan);
        if (now_ns == CLOCK_NEVER) {
            break;
        }
        if (asked >= ASKED_MAX || now_ns != row->asked_s[asked] * CLOCK_SECOND) {
            fail_msg("%s: retry %u at %lld s", row->label, (unsigned)asked,
                     (long long)(now_ns / CLOCK_SECOND));
        }
        asked++;
        assert_null(plan_next(&plan, &at, now_ns - 1));
        assert_ptr_equal(plan_next(&plan, &at, now_ns), &result);
    }
    if (asked < ASKED_MAX && row->asked_s[asked] != 0) {
        fail_msg("%s: %u retries only", row->label, (unsigned)asked);
    }
    assert_int_equal(result.state, FORM_UNDECIDED);
}

static void test_deferrals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(deferral_rows); i++) {
        run_deferrals(&deferral_rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deferrals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
