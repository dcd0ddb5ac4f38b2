/*
 * test_poller.c - when it looks, what it shows, what it removes, and how it takes trouble
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/poller_lab.h"

static void backs_off_while_nothing_comes(void **state)
{
    static const int64_t waits_s[] = {2, 4, 8, 15, 15, 15};
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    tick(lab);
    whole_round(lab);
    assert_string_equal(lab->memory, "well ");
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        /* the interval is doubled at the end of each quiet round */
        assert_int_equal(advance(lab), (i == 0 ? 1 : waits_s[i - 1]) * CLOCK_SECOND);
        answer_list(lab, MAILBOX_OK);
    }
    put(lab, "a");
    (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    answer_fetch(lab, MAILBOX_OK, "x");
    assert_int_equal(advance(lab), CLOCK_SECOND);
    assert_string_equal(lab->memory, "well mail:a ");
    lab_free(lab);
}

static void trouble_backs_off_further(void **state)
{
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    tick(lab);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        answer_list(lab, MAILBOX_TROUBLE);
        assert_false(poller_ready(&lab->poller));
        assert_int_equal(advance(lab), waits_s[i] * CLOCK_SECOND);
    }
    assert_int_equal(lab->troubles, 1);
    answer_list(lab, MAILBOX_OK);
    assert_true(poller_ready(&lab->poller));
    assert_string_equal(lab->memory, "trouble:why well ");
    assert_int_equal(advance(lab), CLOCK_SECOND);
    answer_list(lab, MAILBOX_TROUBLE);
    assert_int_equal(lab->troubles, 2);
    lab_free(lab);
}

static void refusal_is_lasting(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    tick(lab);
    answer_list(lab, MAILBOX_TROUBLE);
    (void)advance(lab);
    answer_list(lab, MAILBOX_REFUSED);
    assert_string_equal(lab->memory, "trouble:why lasting:why ");
    poller_hurry(&lab->poller);
    tick(lab);
    assert_int_equal(lab->asked, ASKED_NOTHING);
    assert_int_equal(advance(lab), 60 * CLOCK_SECOND);
    answer_list(lab, MAILBOX_REFUSED);
    assert_int_equal(lab->lasting, 1);
    (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->wells, 1);
    lab_free(lab);
}

static void shows_each_once(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    put(lab, "a");
    put(lab, "a"); /* moved from new/ to cur/ while it was listed */
    put(lab, "b");
    tick(lab);
    whole_round(lab);
    put(lab, "c");
    whole_round(lab);
    whole_round(lab);
    assert_string_equal(lab->memory, "mail:a mail:b well mail:c ");
    lab_free(lab);
}

static void gone_is_no_trouble(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    put(lab, "stale");
    put(lab, "b");
    tick(lab);
    answer_list(lab, MAILBOX_OK);
    answer_fetch(lab, MAILBOX_GONE, "");
    answer_fetch(lab, MAILBOX_OK, "x");
    whole_round(lab);
    assert_int_equal(lab->fetches, 2);
    assert_string_equal(lab->memory, "mail:b well ");
    lab_free(lab);
}

static void passes_over_what_was_there(void **state)
{
    struct lab *lab = lab_new(true, false, 64);
    (void)state;
    put(lab, "old");
    tick(lab);
    whole_round(lab);
    put(lab, "new");
    whole_round(lab);
    assert_string_equal(lab->memory, "well mail:new ");
    lab_free(lab);
}

static void a_failed_list_is_no_baseline(void **state)
{
    struct lab *lab = lab_new(true, false, 64);
    (void)state;
    put(lab, "old");
    tick(lab);
    answer_list(lab, MAILBOX_TROUBLE);
    assert_false(poller_ready(&lab->poller));
    /* a message is expected from here on: the next list may show it */
    poller_hurry(&lab->poller);
    put(lab, "ours");
    tick(lab);
    whole_round(lab);
    assert_string_equal(lab->memory, "trouble:why mail:ours well ");
    lab_free(lab);
}

static void hurry_looks_now(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    tick(lab);
    whole_round(lab);
    for (unsigned i = 0; i < 5; i++)
        whole_round(lab);
    poller_hurry(&lab->poller);
    assert_int_equal(advance(lab), 0);
    assert_int_equal(lab->asked, ASKED_LIST);
    poller_hurry(&lab->poller); /* while it lists: once more */
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->asked, ASKED_LIST);
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->asked, ASKED_NOTHING);
    lab_free(lab);
}

static void cancels_what_is_not_answered(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    put(lab, "a");
    tick(lab);
    assert_int_equal(advance(lab), 60 * CLOCK_SECOND);
    assert_int_equal(lab->cancels, 1);
    assert_string_equal(lab->memory, "trouble:no answer within 1min ");
    (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->asked, ASKED_FETCH);
    assert_int_equal(advance(lab), 60 * CLOCK_SECOND);
    assert_int_equal(lab->cancels, 2);
    assert_int_equal(lab->troubles, 1);
    (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    answer_fetch(lab, MAILBOX_OK, "x");
    assert_int_equal(lab->mails, 1);
    assert_int_equal(lab->wells, 1);
    lab_free(lab);
}

/* One message cannot be fetched: all others are, and the mailbox is not well and ill by turns. */
static void one_bad_message_stops_no_other(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    put(lab, "bad1");
    put(lab, "bad2");
    put(lab, "c");
    put(lab, "d");
    tick(lab);
    for (unsigned round = 0; round < 6; round++) {
        if (lab->asked == ASKED_NOTHING)
            (void)advance(lab);
        answer_list(lab, MAILBOX_OK);
        while (lab->asked == ASKED_FETCH)
            answer_fetch(lab, lab->uid[0] == 'b' ? MAILBOX_TROUBLE : MAILBOX_OK, "x");
    }
    assert_string_equal(lab->memory, "trouble:why mail:c mail:d ");
    lab_free(lab);
}

static void tidy_removes_only_ours(void **state)
{
    struct lab *lab = lab_new(false, true, 64);
    (void)state;
    put(lab, "theirs");
    put(lab, "ours1");
    put(lab, "ours2");
    tick(lab);
    answer_list(lab, MAILBOX_OK);
    answer_fetch(lab, MAILBOX_OK, "theirs");
    answer_fetch(lab, MAILBOX_OK, "ours");
    answer_fetch(lab, MAILBOX_OK, "ours");
    assert_int_equal(lab->asked, ASKED_REMOVE);
    assert_string_equal(lab->uid, "ours1");
    answer_remove(lab, MAILBOX_TROUBLE); /* kept for the next round */
    assert_int_equal(lab->asked, ASKED_NOTHING);
    (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->asked, ASKED_REMOVE);
    assert_string_equal(lab->uid, "ours1");
    answer_remove(lab, MAILBOX_OK);
    assert_string_equal(lab->uid, "ours2");
    answer_remove(lab, MAILBOX_REFUSED);
    assert_int_equal(lab->asked, ASKED_NOTHING);
    assert_int_equal(lab->removes, 3);
    assert_string_equal(lab->memory,
                        "mail:theirs mail:ours1 mail:ours2 trouble:why left:ours2 well ");
    lab_free(lab);
}

static void without_tidy_nothing_is_removed(void **state)
{
    struct lab *lab = lab_new(false, false, 64);
    (void)state;
    lab->ours = true;
    put(lab, "ours");
    tick(lab);
    whole_round(lab);
    assert_int_equal(lab->removes, 0);
    lab_free(lab);
}

static void more_ours_than_wait_for_removal(void **state)
{
    struct lab *lab = lab_new(false, true, 512);
    char uid[16];
    (void)state;
    lab->ours = true;
    for (unsigned i = 0; i < POLLER_REMOVALS_MAX + 3; i++) {
        (void)snprintf(uid, sizeof uid, "%u", i);
        put(lab, uid);
    }
    tick(lab);
    whole_round(lab);
    while (lab->asked == ASKED_REMOVE)
        answer_remove(lab, MAILBOX_OK);
    assert_int_equal(lab->removes, POLLER_REMOVALS_MAX);
    assert_int_equal(lab->lefts, 3);
    lab_free(lab);
}

static void stops_anywhere(void **state)
{
    static const char *const labels[] = {"at rest", "listing", "in the mail callback"};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct lab *lab = lab_new(false, true, 64);
        print_message("%s\n", labels[i]);
        lab->ours = true;
        lab->stop_at_mail = i == 2;
        put(lab, "a");
        put(lab, "b");
        if (i > 0)
            tick(lab);
        if (i == 2) {
            answer_list(lab, MAILBOX_OK);
            answer_fetch(lab, MAILBOX_OK, "ours");
        } else {
            poller_stop(&lab->poller);
        }
        assert_int_equal(poller_deadline(&lab->poller), CLOCK_NEVER);
        tick(lab);
        assert_int_equal(lab->asked, ASKED_NOTHING);
        assert_int_equal(lab->cancels, i == 1);
        assert_int_equal(lab->mails, i == 2);
        assert_int_equal(lab->removes, 0);
        lab_free(lab);
    }
}

static void uids_that_cannot_be_asked_for(void **state)
{
    char huge[MAILBOX_UID_MAX + 2];
    struct lab *lab = lab_new(false, false, 64);
    struct mailbox_user user = poller_user(&lab->poller);
    (void)state;
    memset(huge, 'x', sizeof huge);
    tick(lab);
    user.entry(user.self, SPAN(""), 1);
    user.entry(user.self, (struct span){huge, MAILBOX_UID_MAX + 1}, 1);
    user.entry(user.self, (struct span){huge, MAILBOX_UID_MAX}, 1);
    answer_list(lab, MAILBOX_OK);
    assert_int_equal(lab->asked, ASKED_FETCH);
    answer_fetch(lab, MAILBOX_OK, "x");
    assert_int_equal(lab->fetches, 1);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backs_off_while_nothing_comes),
        cmocka_unit_test(trouble_backs_off_further),
        cmocka_unit_test(refusal_is_lasting),
        cmocka_unit_test(shows_each_once),
        cmocka_unit_test(gone_is_no_trouble),
        cmocka_unit_test(passes_over_what_was_there),
        cmocka_unit_test(a_failed_list_is_no_baseline),
        cmocka_unit_test(hurry_looks_now),
        cmocka_unit_test(cancels_what_is_not_answered),
        cmocka_unit_test(one_bad_message_stops_no_other),
        cmocka_unit_test(tidy_removes_only_ours),
        cmocka_unit_test(without_tidy_nothing_is_removed),
        cmocka_unit_test(more_ours_than_wait_for_removal),
        cmocka_unit_test(stops_anywhere),
        cmocka_unit_test(uids_that_cannot_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
