/*
 * test_probe_order.c - what the probe asks, in which order, when again, and how long it waits
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probe_lab.h"

static unsigned lines_with(const struct lab *lab, const char *glob)
{
    struct span rest = {lab->mx.lines, lab->mx.lines_len};
    struct span line;
    unsigned count = 0;
    while (span_cut(&rest, '\n', &line)) {
        count += span_glob(line, span_of(glob));
    }
    return count;
}

static struct span nth_line(const struct lab *lab, const char *glob, unsigned n)
{
    struct span rest = {lab->mx.lines, lab->mx.lines_len};
    struct span line;
    while (span_cut(&rest, '\n', &line)) {
        if (span_glob(line, span_of(glob)) && n-- == 0) {
            return line;
        }
    }
    return (struct span){NULL, 0};
}

static void a_retry_asks_the_same_triplet(void **state)
{
    static const struct world_row row = {
        "greylist", .rules = {ONCE(AT_RCPT, "450 4.2.0 Greylisted", THEN_GO_ON)}};
    struct lab *lab = lab_run(&row);
    (void)state;
    assert_true(span_equal(nth_line(lab, "MAIL*", 0), nth_line(lab, "MAIL*", 1)));
    assert_true(span_equal(nth_line(lab, "RCPT*", 0), nth_line(lab, "RCPT*", 1)));
    assert_int_equal(lines_with(lab, "MAIL*"), 2);
    assert_true(lab->probe->finished_ns - lab->probe->started_ns >= 301 * CLOCK_SECOND);
    assert_true(lab->probe->finished_ns - lab->probe->started_ns < 303 * CLOCK_SECOND);
    assert_int_equal(lab->probe->results[0].attempts, 2);
    lab_free(lab);
}

static void deferred_forms_are_gathered(void **state)
{
    static const struct world_row row = {
        "greylist",
        .rules = {RULE(AT_RCPT, NULL, 1, 6, "450 4.2.0 Greylisted", THEN_GO_ON, .fate = FATE_NONE)},
        .forms = "S1-R1,S1-R3,S1-R4,S1-R5,S1-R6,S1-R7"};
    struct lab *lab = lab_run(&row);
    (void)state;
    assert_int_equal(lab->probe->target.sessions, 2);
    assert_int_equal(probe_verdict(lab->probe)->verdict, VERDICT_CLOSED);
    lab_free(lab);
}

/* Postfix slows down from the tenth error, Exim hangs up at the fourth syntax error. */
static void no_session_uses_up_the_patience(void **state)
{
    static const struct world_row refused = {"554", .forms = "full"};
    static const struct world_row syntax = {"501",
                                            .rules = {SAY_TO(AT_RCPT, "*%*", "501 5.1.3 syntax"),
                                                      SAY_TO(AT_RCPT, "*!*", "501 5.1.3 syntax")},
                                            .forms = "full"};
    const struct world_row *const worlds[] = {&refused, &syntax};
    const unsigned limits[] = {8, 3};
    (void)state;
    for (size_t i = 0; i < COUNT(worlds); i++) {
        struct lab *lab = lab_run(worlds[i]);
        struct span rest = {lab->mx.lines, lab->mx.lines_len};
        struct span line;
        unsigned refusals = 0;
        while (span_cut(&rest, '\n', &line)) {
            bool counts = i == 0 ? span_istarts(line, SPAN("RCPT")) &&
                                       span_ifind(line, SPAN("postmaster")) == SIZE_MAX
                                 : span_glob(line, SPAN("RCPT*%*")) ||
                                       span_glob(line, SPAN("RCPT*!*"));
            refusals = span_istarts(line, SPAN("EHLO")) ? 0 : refusals + counts;
            assert_true(refusals <= limits[i]);
        }
        assert_int_equal(probe_verdict(lab->probe)->verdict, VERDICT_CLOSED);
        /* Nothing is said any more where a PROXY header was answered. */
        assert_int_equal(lines_with(lab, "QUIT") + lines_with(lab, "PROXY *"),
                         lab->probe->target.sessions);
        lab_free(lab);
    }
}

static void an_unknown_no_is_followed_by_the_control(void **state)
{
    static const struct world_row row = {"unknown",
                                         .rules = {SAY_TO(AT_RCPT, "*canary*", "550 no")}};
    static const char *const order[] = {
        "EHLO*",
        "MAIL*",
        "RCPT*canary*",
        "RSET",
        "MAIL*",
        "RCPT*<postmaster>",
        "RCPT*<postmaster@victim.test>",
        "RSET",
        "QUIT"};
    struct lab *lab = lab_run(&row);
    struct span rest = {lab->mx.lines, lab->mx.lines_len};
    struct span line;
    size_t at = 0;
    (void)state;
    while (span_cut(&rest, '\n', &line) && at < COUNT(order)) {
        if (line.len > 0) {
            assert_true(span_glob(line, span_of(order[at])));
            at++;
        }
    }
    assert_int_equal(at, COUNT(order));
    lab_free(lab);
}

static int64_t seconds_of(const struct world_row *row)
{
    struct lab *lab = lab_run(row);
    int64_t seconds = (lab->probe->finished_ns - lab->probe->started_ns) / CLOCK_SECOND;
    lab_free(lab);
    return seconds;
}

static void the_wait_is_as_long_as_it_must_be(void **state)
{
    static const struct world_row denied = {"denied", .data = 0};
    static const struct world_row delivered = {
        "delivered", .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)}};
    static const struct world_row patient = {
        "delivered", .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)},
        .options = EXHAUSTIVE};
    static const struct world_row discarded = {
        "discarded", .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}};
    static const struct world_row blind = {
        "no mailbox", .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .options = NO_BOX};
    static const struct world_row lost = {"control lost", .options = LOSE_BEFORE};
    (void)state;
    assert_int_equal(seconds_of(&denied), 0);
    assert_int_equal(seconds_of(&delivered), 0);
    assert_int_equal(seconds_of(&patient), 120);
    assert_int_equal(seconds_of(&discarded), 120);
    assert_int_equal(seconds_of(&blind), 0);
    assert_int_equal(seconds_of(&lost), 120);
}

static void the_first_form_waits_for_the_control(void **state)
{
    static const struct world_row row = {"control lost", .options = LOSE_BEFORE};
    struct lab *lab = lab_run(&row);
    (void)state;
    assert_true(lab->probe->controls[0].accepted);
    assert_false(lab->probe->controls[0].arrived);
    assert_true(lab->probe->target.first_connect_ns >= 120 * CLOCK_SECOND);
    assert_false(lab->probe->controls[1].started);
    lab_free(lab);
}

static void a_lost_control_leaves_time_to_ask(void **state)
{
    static const struct world_row row = {"control lost, less time than patience",
                                         .options = LOSE_BEFORE, .max_time_ns = CLOCK_MINUTE};
    struct lab *lab = lab_run(&row);
    (void)state;
    assert_true(lab->probe->results[0].state == FORM_DENIED);
    assert_true(lab->probe->target.first_connect_ns <= 16 * CLOCK_SECOND);
    lab_free(lab);
}

static void the_sender_that_was_used_is_noted(void **state)
{
    static const struct world_row row = {
        "sender", .rules = {SAY_TO(AT_MAIL, "*<x+*@canary.test>", "450 4.1.8 no")}};
    struct lab *lab = lab_run(&row);
    (void)state;
    assert_string_equal(lab->probe->results[0].sender_used->id, "S3");
    assert_int_equal(lines_with(lab, "MAIL FROM:<>"), 1);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_asks_the_same_triplet),
        cmocka_unit_test(deferred_forms_are_gathered),
        cmocka_unit_test(no_session_uses_up_the_patience),
        cmocka_unit_test(an_unknown_no_is_followed_by_the_control),
        cmocka_unit_test(the_wait_is_as_long_as_it_must_be),
        cmocka_unit_test(the_first_form_waits_for_the_control),
        cmocka_unit_test(a_lost_control_leaves_time_to_ask),
        cmocka_unit_test(the_sender_that_was_used_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
