/*
 * test_clock.c - durations and dates as text
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"

#include <string.h>

static void test_parse(void **state)
{
    static const struct {
        const char *label, *text;
        bool ok;
        int64_t ns;
    } rows[] = {
        {"zero without a unit", "0", true, 0},
        {"zero with one", "0s", true, 0},
        {"nanoseconds", "7ns", true, 7},
        {"microseconds", "7us", true, 7 * CLOCK_US},
        {"milliseconds", "1500ms", true, 1500 * CLOCK_MS},
        {"seconds", "300s", true, 300 * CLOCK_SECOND},
        {"minutes", "5min", true, 5 * CLOCK_MINUTE},
        {"hours", "2h", true, 2 * CLOCK_HOUR},
        {"days", "1d", true, CLOCK_DAY},
        {"the longest", "366d", true, CLOCK_DURATION_MAX},
        {"longer", "367d", false, -1},
        {"longer in seconds", "31622401s", false, -1},
        {"overflow", "99999999999999999999d", false, -1},
        {"no unit", "5", false, -1},
        {"no number", "s", false, -1},
        {"nothing", "", false, -1},
        {"unknown unit", "5m", false, -1},
        {"case", "5S", false, -1},
        {"a space", "5 s", false, -1},
        {"a space before", " 5s", false, -1},
        {"a space after", "5s ", false, -1},
        {"a sign", "-5s", false, -1},
        {"a plus", "+5s", false, -1},
        {"a fraction", "1.5s", false, -1},
        {"two of them", "1min30s", false, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ns = -1;
        bool ok = clock_parse(span_of(rows[i].text), &ns);
        if (ok != rows[i].ok || (ok && ns != rows[i].ns))
            fail_msg("%s: %d %lld", rows[i].label, ok, (long long)ns);
    }
    int64_t ns;
    assert_false(clock_parse(SPAN("5s\0"), &ns));
}

static void test_print(void **state)
{
    static const struct {
        const char *label;
        int64_t ns;
        const char *exact, *human;
    } rows[] = {
        {"zero", 0, "0s", "0.000 s"},
        {"least", 1, "1ns", "0.000 s"},
        {"milliseconds", 214 * CLOCK_MS, "214ms", "0.214 s"},
        {"one and a half seconds", 1500 * CLOCK_MS, "1500ms", "1.500 s"},
        {"five minutes", 300 * CLOCK_SECOND, "5min", "5 min 00 s"},
        {"under a minute", 59999 * CLOCK_MS, "59999ms", "59.999 s"},
        {"two hours and five minutes", 125 * CLOCK_MINUTE, "125min", "2 h 05 min"},
        {"a day", CLOCK_DAY, "1d", "1 d 00 h"},
        {"never", CLOCK_NEVER, "never", "never"},
        {"backwards", -CLOCK_SECOND, "-1s", "-1.000 s"},
        {"the most negative", INT64_MIN, "-9223372036854775808ns", "-106751 d 23 h"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char exact[64], human[64];
        struct strbuf e, h;
        strbuf_init(&e, exact, sizeof exact);
        strbuf_init(&h, human, sizeof human);
        clock_print(&e, rows[i].ns);
        clock_print_human(&h, rows[i].ns);
        if (strcmp(exact, rows[i].exact) != 0 || strcmp(human, rows[i].human) != 0)
            fail_msg("%s: %s, %s", rows[i].label, exact, human);
    }
}

static void test_after(void **state)
{
    (void)state;
    assert_int_equal(clock_after(5, 7), 12);
    assert_true(clock_after(5, CLOCK_NEVER) == CLOCK_NEVER);
    assert_true(clock_after(CLOCK_NEVER, 1) == CLOCK_NEVER);
    assert_true(clock_after(CLOCK_NEVER - 1, 1) == CLOCK_NEVER);
    assert_int_equal(clock_after(5, -7), -2);
    assert_true(clock_after(INT64_MIN, -1) == INT64_MIN);
}

static void test_dates(void **state)
{
    static const struct {
        const char *label;
        int64_t epoch_s;
        const char *mail, *iso;
    } rows[] = {
        {"the epoch", 0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"},
        {"the second before", -1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59Z"},
        {"the header's example", 1795502520, "Tue, 24 Nov 2026 06:42:00 +0000",
         "2026-11-24T06:42:00Z"},
        {"a leap day", 951782400, "Tue, 29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00Z"},
        {"the day after it", 951868800, "Wed, 01 Mar 2000 00:00:00 +0000", "2000-03-01T00:00:00Z"},
        {"no leap day in 2100", 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000",
         "2100-03-01T00:00:00Z"},
        {"beyond 32 bits", 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000", "2038-01-19T03:14:08Z"},
        {"clamped", INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59Z"},
        {"clamped below", INT64_MIN, "Sat, 01 Jan 0000 00:00:00 +0000", "0000-01-01T00:00:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char mail[64], iso[64];
        struct strbuf m, o;
        strbuf_init(&m, mail, sizeof mail);
        strbuf_init(&o, iso, sizeof iso);
        clock_print_rfc5322(&m, rows[i].epoch_s);
        clock_print_rfc3339(&o, rows[i].epoch_s);
        if (strcmp(mail, rows[i].mail) != 0 || strcmp(iso, rows[i].iso) != 0)
            fail_msg("%s: %s, %s", rows[i].label, mail, iso);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_after),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
