/*
 * test_received.c - trace fields as servers write them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/received.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    const char *label, *value, *from, *address, *by, *with, *date;
} fields[] = {
    {"Postfix",
     "from probe.canary.test (unknown [192.0.2.7])\r\n\tby mx.victim.test (Postfix) with ESMTP id "
     "4XyZ\r\n\tfor <x@canary.test>; Tue, 24 Nov 2026 06:42:00 +0000 (UTC)",
     "probe.canary.test", "192.0.2.7", "mx.victim.test", "ESMTP",
     "Tue, 24 Nov 2026 06:42:00 +0000 (UTC)"},
    {"folded before the date", "from a.test by mx.victim.test;\r\n\tTue, 24 Nov 2026", "a.test", "",
     "mx.victim.test", "", "Tue, 24 Nov 2026"},
    {"Postfix, IPv6",
     "from a.test (localhost [IPv6:::1]) by mx.victim.test (Postfix) with ESMTPS; Tue", "a.test",
     "::1", "mx.victim.test", "ESMTPS", "Tue"},
    {"Exim",
     "from [192.0.2.7] (helo=probe.canary.test) by mx.victim.test with esmtp (Exim 4.96); x",
     "192.0.2.7", "192.0.2.7", "mx.victim.test", "esmtp", "x"},
    {"Exim, name known", "from a.test ([192.0.2.7]) by mx with esmtp; x", "a.test", "192.0.2.7",
     "mx", "esmtp", "x"},
    {"qmail", "from unknown (HELO probe.canary.test) (192.0.2.7)\n  by 0 with SMTP; 24 Nov 2026",
     "unknown", "192.0.2.7", "0", "SMTP", "24 Nov 2026"},
    {"Sendmail", "from a.test (b.test [192.0.2.7] (may be forged)) by mx (8.17/8.17) with ESMTP; x",
     "a.test", "192.0.2.7", "mx", "ESMTP", "x"},
    {"by a pipe, nobody's", "by mx.victim.test (Postfix, from userid 1000) id 4X; x", "", "",
     "mx.victim.test", "", "x"},
    {"words in comments are no words", "(from by with) from a.test (by b with c) by d; x", "a.test",
     "", "d", "", "x"},
    {"an address in the clause of by", "from a.test by mx ([192.0.2.9]); x", "a.test", "", "mx", "",
     "x"},
    {"nothing", "", "", "", "", "", ""},
    {"from at the end", "from", "", "", "", "", ""},
    {"only parentheses", "((([[;))", "", "", "", "", "))"},
    {"a closing one too many", ") from a.test by b", "a.test", "", "b", "", ""},
};

static void check(const char *label, struct span got, const char *want)
{
    if (!span_equal(got, span_of(want))) {
        fail_msg("%s: '%.*s', not '%s'", label, (int)got.len, got.ptr, want);
    }
}

static void fields_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        struct received r;
        received_read(span_of(fields[i].value), &r);
        check(fields[i].label, r.from, fields[i].from);
        check(fields[i].label, r.address, fields[i].address);
        check(fields[i].label, r.by, fields[i].by);
        check(fields[i].label, r.with, fields[i].with);
        check(fields[i].label, r.date, fields[i].date);
    }
}

/* Cut at every place, in memory that ends there. */
static void cut_fields_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        size_t len = strlen(fields[i].value);
        for (size_t cut = 1; cut <= len; cut++) {
            char *copy = malloc(cut);
            struct received r;
            assert_non_null(copy);
            memcpy(copy, fields[i].value, cut);
            received_read((struct span){copy, cut}, &r);
            assert_true(r.from.len <= cut && r.date.len <= cut);
            free(copy);
        }
    }
}

static void a_chain_is_walked(void **state)
{
    struct span headers = SPAN(
        "Received: from b by c; 2\r\nSubject: a\r\nReceived: from a\r\n by b; 1\r\n");
    struct received r;
    size_t at = 0;
    (void)state;
    assert_true(received_next(headers, &at, &r));
    check("newest", r.by, "c");
    assert_true(received_next(headers, &at, &r));
    check("oldest", r.by, "b");
    check("oldest", r.from, "a");
    assert_false(received_next(headers, &at, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(cut_fields_do_no_harm),
        cmocka_unit_test(a_chain_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
