/*
 * test_verdict.c - the rule, every line from both sides
 *
 * A row changes a few facts of a quiet world (greeted, mailbox, both controls home, whole window)
 * and names up to three forms; the first one is the plain form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { /* departures from the quiet world */
       NOT_GREETED = 1 << 0,
       NO_MAILBOX = 1 << 1,
       NO_CONTROL_BEFORE = 1 << 2,
       NO_CONTROL_AFTER = 1 << 3,
       CUT = 1 << 4,
       DEADLINE = 1 << 5,
       INTERRUPTED = 1 << 6,
       TAINTED = 1 << 7,
       CANARY_REFUSED = 1 << 8,
       NOT_SMTP = 1 << 9,
       UNCLEAR = 1 << 10,
       DEAD = 1 << 11,
       NO_ROUTE = 1 << 12,
       TURNED_AWAY = 1 << 13,
       SPENT = 1 << 14,
       NO_MEMORY = 1 << 15
};

enum { HOME = 1 << 0, BACK = 1 << 1, RCPT = 1 << 2, DATA = 1 << 3, GREY = 1 << 4 };

struct one {
    char kind; /* 'E' external, 'A' ambiguous, 'C' control; 0: no such form */
    enum form_state state;
    enum answer answer;
    unsigned flags;
    enum smtp_outcome outcome;
    enum smtp_step step;
};

struct row {
    const char *label;
    enum verdict verdict;
    const char *code;
    unsigned world;
    struct one forms[3];
    enum smtp_outcome last_outcome;
    enum smtp_step last_step;
    enum answer session;
};

#define FORM(k, s, a, ...)                                                         \
    {                                                                              \
        .kind = (k), .state = FORM_##s, .answer = ANSWER_##a, .flags = __VA_ARGS__ \
    }
#define DENIED_PLAIN FORM('E', DENIED, DENIED, 0)

static const struct row rows[] = {
    /* open */
    {"delivered", VERDICT_OPEN, "delivered", .forms = {FORM('E', ACCEPTED, ACCEPTED, HOME)}},
    {"delivered by an ambiguous form alone", VERDICT_OPEN, "delivered",
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, HOME)}},
    {"delivered though refused after the dot", VERDICT_OPEN, "delivered",
     .forms = {FORM('E', OFFERED, DENIED, HOME)}},
    {"delivered, and everything else went wrong", VERDICT_OPEN, "delivered",
     .world = NO_CONTROL_AFTER | CUT | INTERRUPTED | UNCLEAR | CANARY_REFUSED,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, HOME | BACK)}},

    /* bounces */
    {"bounced", VERDICT_BOUNCES, "bounced", .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},
    {"an ambiguous form bounced: backscatter, closed", VERDICT_CLOSED, "relay-denied",
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, BACK)}},
    {"bounced, window cut", VERDICT_ACCEPTS, "window-cut", .world = CUT,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},
    {"bounced, first control lost", VERDICT_ACCEPTS, "control-failed", .world = NO_CONTROL_BEFORE,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},

    /* discards */
    {"nothing came", VERDICT_DISCARDS, "discarded", .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"one external of many", VERDICT_DISCARDS, "discarded",
     .forms = {DENIED_PLAIN, FORM('E', ACCEPTED, ACCEPTED, 0)}},

    /* accepts */
    {"no mailbox", VERDICT_ACCEPTS, "no-mailbox",
     .world = NO_MAILBOX | NO_CONTROL_BEFORE | NO_CONTROL_AFTER,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"ambiguous, no mailbox", VERDICT_ACCEPTS, "no-mailbox", .world = NO_MAILBOX,
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, 0)}},
    {"second control lost", VERDICT_ACCEPTS, "control-failed", .world = NO_CONTROL_AFTER,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"ambiguous, control lost", VERDICT_ACCEPTS, "control-failed", .world = NO_CONTROL_AFTER,
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, 0)}},
    {"the mailbox cannot be read", VERDICT_ACCEPTS, "mailbox-dead",
     .world = DEAD | NO_CONTROL_AFTER, .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"the mailbox died after both controls, and a bounce was seen", VERDICT_ACCEPTS, "mailbox-dead",
     .world = DEAD, .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},
    {"the mailbox cannot be read, all refused", VERDICT_CLOSED, "relay-denied",
     .world = DEAD | NO_CONTROL_BEFORE | NO_CONTROL_AFTER, .forms = {DENIED_PLAIN}},
    {"ambiguous, the mailbox cannot be read", VERDICT_ACCEPTS, "mailbox-dead", .world = DEAD,
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, 0)}},
    {"the mailbox cannot be read, window cut", VERDICT_ACCEPTS, "window-cut", .world = DEAD | CUT,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"delivered before the mailbox died", VERDICT_OPEN, "delivered", .world = DEAD,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, HOME)}},
    {"our mailbox was full once", VERDICT_ACCEPTS, "turned-away", .world = TURNED_AWAY,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"our mailbox was full once, and a control stayed away", VERDICT_ACCEPTS, "turned-away",
     .world = TURNED_AWAY | NO_CONTROL_AFTER, .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},
    {"our mailbox was full once, and the wait was cut", VERDICT_ACCEPTS, "window-cut",
     .world = TURNED_AWAY | CUT, .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"our mailbox was full once, ambiguous", VERDICT_ACCEPTS, "turned-away", .world = TURNED_AWAY,
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, 0)}},
    {"our mailbox was full once, all refused", VERDICT_CLOSED, "relay-denied", .world = TURNED_AWAY,
     .forms = {DENIED_PLAIN}},
    {"our mailbox was full once, refused behind the dot", VERDICT_INCONCLUSIVE, "fate-unseen",
     .world = TURNED_AWAY, .forms = {FORM('E', OFFERED, DENIED, RCPT | DATA)}},
    {"no way in for the control", VERDICT_ACCEPTS, "no-control-route",
     .world = NO_ROUTE | NO_CONTROL_BEFORE | NO_CONTROL_AFTER,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"no way in for the control, all refused", VERDICT_CLOSED, "relay-denied",
     .world = NO_ROUTE | NO_CONTROL_BEFORE | NO_CONTROL_AFTER, .forms = {DENIED_PLAIN}},
    {"no way in for the control, window cut", VERDICT_ACCEPTS, "window-cut",
     .world = NO_ROUTE | NO_CONTROL_BEFORE | NO_CONTROL_AFTER | CUT,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"window cut", VERDICT_ACCEPTS, "window-cut", .world = CUT,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"window cut and control lost", VERDICT_ACCEPTS, "window-cut",
     .world = CUT | NO_CONTROL_AFTER | INTERRUPTED, .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"canary side refused", VERDICT_ACCEPTS, "canary-refused", .world = CANARY_REFUSED,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"canary side refused, and it bounced", VERDICT_ACCEPTS, "canary-refused",
     .world = CANARY_REFUSED, .forms = {FORM('E', ACCEPTED, ACCEPTED, BACK)}},
    {"unclear arrival", VERDICT_ACCEPTS, "unclear-arrival", .world = UNCLEAR,
     .forms = {FORM('E', ACCEPTED, ACCEPTED, 0)}},
    {"unclear arrival though all was refused", VERDICT_ACCEPTS, "unclear-arrival", .world = UNCLEAR,
     .forms = {FORM('E', OFFERED, DENIED, 0)}},

    /* closed */
    {"denied", VERDICT_CLOSED, "relay-denied", .forms = {DENIED_PLAIN}},
    {"denied, no mailbox, no controls", VERDICT_CLOSED, "relay-denied",
     .world = NO_MAILBOX | NO_CONTROL_BEFORE | NO_CONTROL_AFTER, .forms = {DENIED_PLAIN}},
    {"unknown no that R43 speaks for", VERDICT_CLOSED, "relay-denied",
     .forms = {FORM('E', DENIED, DENIED_UNKNOWN, 0)}},
    {"no such user, R43 speaks for it", VERDICT_CLOSED, "relay-denied",
     .forms = {FORM('E', DENIED, NO_MAILBOX, 0)}},
    {"auth", VERDICT_CLOSED, "auth-required", .forms = {FORM('E', DENIED, DENIED_AUTH, 0)}},
    {"auth before the first question", VERDICT_CLOSED, "auth-required",
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .session = ANSWER_DENIED_AUTH},
    {"auth wanted after a message went out", VERDICT_INCONCLUSIVE, "desynchronised",
     .world = TAINTED, .forms = {FORM('E', NOT_ASKED, NONE, 0), FORM('E', OFFERED, NONE, 0)},
     .session = ANSWER_DENIED_AUTH},
    {"auth wanted after a deferral", VERDICT_INCONCLUSIVE, "desynchronised", .world = TAINTED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0), FORM('E', UNDECIDED, DEFERRED, 0)},
     .session = ANSWER_DENIED_AUTH},
    {"auth wanted after a refusal", VERDICT_CLOSED, "auth-required",
     .forms = {FORM('E', NOT_ASKED, NONE, 0), DENIED_PLAIN}, .session = ANSWER_DENIED_AUTH},
    {"others closed by syntax and by sender", VERDICT_CLOSED, "relay-denied",
     .forms = {DENIED_PLAIN, FORM('A', DENIED, SYNTAX, 0), FORM('E', DENIED, REFUSED_SENDER, 0)}},
    {"not applicable does not matter", VERDICT_CLOSED, "relay-denied",
     .forms = {DENIED_PLAIN, FORM('A', NOT_APPLICABLE, NONE, 0)}},
    {"controls do not matter", VERDICT_CLOSED, "relay-denied", .world = CUT,
     .forms = {DENIED_PLAIN, FORM('C', ACCEPTED, ACCEPTED, 0), FORM('C', UNDECIDED, DEFERRED, 0)}},
    {"ambiguous accepted, nothing came", VERDICT_CLOSED, "relay-denied",
     .forms = {DENIED_PLAIN, FORM('A', ACCEPTED, ACCEPTED, 0)}},
    {"denied after the dot, nothing came", VERDICT_CLOSED, "relay-denied",
     .forms = {FORM('E', OFFERED, DENIED, RCPT | DATA)}},
    {"denied after the dot, no mailbox: believed", VERDICT_CLOSED, "relay-denied",
     .world = NO_MAILBOX | NO_CONTROL_BEFORE | NO_CONTROL_AFTER,
     .forms = {FORM('E', OFFERED, DENIED, RCPT | DATA)}},
    {"hung up on one form", VERDICT_CLOSED, "relay-denied",
     .forms = {DENIED_PLAIN, FORM('A', DENIED, NONE, 0, OUTCOME_CLOSED, STEP_RCPT)}},
    {"closed, then interrupted", VERDICT_CLOSED, "relay-denied", .world = INTERRUPTED,
     .forms = {DENIED_PLAIN}},

    /* inconclusive */
    {"interrupted", VERDICT_INCONCLUSIVE, "interrupted", .world = INTERRUPTED,
     .forms = {DENIED_PLAIN, FORM('A', NOT_ASKED, NONE, 0)}},
    {"interrupted before the greeting", VERDICT_INCONCLUSIVE, "interrupted",
     .world = INTERRUPTED | NOT_GREETED, .forms = {FORM('E', NOT_ASKED, NONE, 0)}},
    {"denied after the dot, fate not watched", VERDICT_INCONCLUSIVE, "fate-unseen",
     .world = NO_CONTROL_AFTER, .forms = {FORM('E', OFFERED, DENIED, RCPT | DATA)}},
    {"taken in a group, refused alone", VERDICT_INCONCLUSIVE, "taken-once",
     .forms = {DENIED_PLAIN, FORM('E', UNDECIDED, DENIED, RCPT, OUTCOME_CLOSED_BY_US, STEP_RCPT)}},
    {"taken in a group, and cut off", VERDICT_INCONCLUSIVE, "lost-rcpt",
     .forms = {DENIED_PLAIN, FORM('E', UNDECIDED, NONE, RCPT, OUTCOME_CLOSED, STEP_RCPT)}},
    {"tls", VERDICT_INCONCLUSIVE, "tls-required", .forms = {FORM('E', UNDECIDED, TLS_REQUIRED, 0)}},
    {"the handshake failed", VERDICT_INCONCLUSIVE, "tls-failed",
     .forms = {DENIED_PLAIN, FORM('E', UNDECIDED, NONE, 0, OUTCOME_TLS, STEP_TLS)}},
    {"the handshake was not answered", VERDICT_INCONCLUSIVE, "timeout-tls",
     .forms = {DENIED_PLAIN, FORM('E', UNDECIDED, NONE, 0, OUTCOME_TIMEOUT, STEP_TLS)}},
    {"closed in the handshake", VERDICT_INCONCLUSIVE, "lost-tls",
     .forms = {DENIED_PLAIN, FORM('E', UNDECIDED, NONE, 0, OUTCOME_CLOSED, STEP_TLS)}},
    {"client", VERDICT_INCONCLUSIVE, "refused-client",
     .forms = {FORM('E', UNDECIDED, REFUSED_CLIENT, 0)}},
    {"client, by the greeting", VERDICT_INCONCLUSIVE, "refused-client",
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .session = ANSWER_REFUSED_CLIENT},
    {"helo", VERDICT_INCONCLUSIVE, "refused-helo",
     .forms = {FORM('E', UNDECIDED, REFUSED_HELO, 0)}},
    {"sender", VERDICT_INCONCLUSIVE, "refused-sender",
     .forms = {FORM('E', UNDECIDED, REFUSED_SENDER, 0)}},
    {"greylisted", VERDICT_INCONCLUSIVE, "greylisted",
     .forms = {FORM('E', UNDECIDED, DEFERRED, GREY)}},
    {"deferred", VERDICT_INCONCLUSIVE, "deferred", .forms = {FORM('E', UNDECIDED, DEFERRED, 0)}},
    {"deferred, time over", VERDICT_INCONCLUSIVE, "deferred", .world = DEADLINE,
     .forms = {FORM('E', UNDECIDED, DEFERRED, 0)}},
    {"another form deferred", VERDICT_INCONCLUSIVE, "deferred",
     .forms = {DENIED_PLAIN, FORM('A', UNDECIDED, DEFERRED, 0)}},
    {"busy", VERDICT_INCONCLUSIVE, "service-unavailable",
     .forms = {FORM('E', UNDECIDED, SERVICE, 0)}},
    {"content", VERDICT_INCONCLUSIVE, "refused-content",
     .forms = {FORM('E', OFFERED, REFUSED_CONTENT, RCPT | DATA)}},
    {"verify", VERDICT_INCONCLUSIVE, "refused-verify",
     .forms = {FORM('E', UNDECIDED, REFUSED_VERIFY, 0)}},
    {"plain form not understood", VERDICT_INCONCLUSIVE, "syntax",
     .forms = {FORM('E', DENIED, SYNTAX, 0)}},
    {"time over, form left", VERDICT_INCONCLUSIVE, "max-time", .world = DEADLINE,
     .forms = {DENIED_PLAIN, FORM('A', NOT_ASKED, NONE, 0)}},
    {"time over in the middle", VERDICT_INCONCLUSIVE, "max-time", .world = DEADLINE,
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_CANCELLED, STEP_RCPT)}},
    {"no message left, form left", VERDICT_INCONCLUSIVE, "max-messages", .world = SPENT,
     .forms = {DENIED_PLAIN, FORM('A', NOT_ASKED, NONE, RCPT)}},
    {"no message left, a form deferred", VERDICT_INCONCLUSIVE, "deferred", .world = SPENT,
     .forms = {DENIED_PLAIN, FORM('A', UNDECIDED, DEFERRED, 0)}},
    {"no message left, and none was wanted", VERDICT_CLOSED, "relay-denied", .world = SPENT,
     .forms = {DENIED_PLAIN}},
    {"denied, and something could not be kept", VERDICT_INCONCLUSIVE, "no-memory",
     .world = NO_MEMORY, .forms = {DENIED_PLAIN}},
    {"timeout at RCPT", VERDICT_INCONCLUSIVE, "timeout-rcpt",
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_TIMEOUT, STEP_RCPT)}},
    {"timeout behind the dot", VERDICT_INCONCLUSIVE, "timeout-end-of-data",
     .forms = {FORM('E', OFFERED, NONE, RCPT | DATA, OUTCOME_TIMEOUT, STEP_END_OF_DATA)}},
    {"closed at MAIL", VERDICT_INCONCLUSIVE, "lost-mail",
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_CLOSED, STEP_MAIL)}},
    {"reset at DATA", VERDICT_INCONCLUSIVE, "lost-data",
     .forms = {FORM('E', UNDECIDED, NONE, RCPT, OUTCOME_RESET, STEP_DATA)}},
    {"nonsense at RCPT", VERDICT_INCONCLUSIVE, "lost-rcpt",
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_MALFORMED, STEP_RCPT)}},
    {"endless reply at RCPT", VERDICT_INCONCLUSIVE, "lost-rcpt",
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_TOO_LONG, STEP_RCPT)}},
    {"tainted", VERDICT_INCONCLUSIVE, "desynchronised", .world = TAINTED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_UNSOLICITED,
     .last_step = STEP_RCPT},
    {"timeout at EHLO", VERDICT_INCONCLUSIVE, "timeout-ehlo",
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_TIMEOUT,
     .last_step = STEP_EHLO},
    {"closed at EHLO", VERDICT_INCONCLUSIVE, "lost-ehlo", .forms = {FORM('E', NOT_ASKED, NONE, 0)},
     .last_outcome = OUTCOME_CLOSED, .last_step = STEP_EHLO},
    {"broken off by us at a form, the session was silent", VERDICT_INCONCLUSIVE, "timeout-mail",
     .forms = {FORM('E', OFFERED, NONE, RCPT | DATA, OUTCOME_CANCELLED, STEP_END_OF_DATA)},
     .last_outcome = OUTCOME_TIMEOUT, .last_step = STEP_MAIL},
    {"broken off by us at a form, the next session was lost", VERDICT_INCONCLUSIVE, "lost-ehlo",
     .forms = {FORM('E', OFFERED, NONE, RCPT | DATA, OUTCOME_CANCELLED, STEP_END_OF_DATA)},
     .last_outcome = OUTCOME_RESET, .last_step = STEP_EHLO},
    {"closed at a form, the next session was silent", VERDICT_INCONCLUSIVE, "lost-end-of-data",
     .forms = {FORM('E', OFFERED, NONE, RCPT | DATA, OUTCOME_CLOSED, STEP_END_OF_DATA)},
     .last_outcome = OUTCOME_TIMEOUT, .last_step = STEP_EHLO},
    {"silent at a form, the next session was lost", VERDICT_INCONCLUSIVE, "timeout-rcpt",
     .forms = {FORM('E', UNDECIDED, NONE, 0, OUTCOME_TIMEOUT, STEP_RCPT)},
     .last_outcome = OUTCOME_RESET, .last_step = STEP_EHLO},
    {"plain form not in the list", VERDICT_INCONCLUSIVE, "not-asked",
     .forms = {FORM(0, DENIED, DENIED, 0), FORM('A', DENIED, DENIED, 0)}},
    {"external undecided, others accepted ambiguously", VERDICT_INCONCLUSIVE, "deferred",
     .forms = {FORM('E', UNDECIDED, DEFERRED, 0), FORM('A', ACCEPTED, ACCEPTED, 0)}},

    /* unreachable */
    {"refused", VERDICT_UNREACHABLE, "connection-refused", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_REFUSED},
    {"no route", VERDICT_UNREACHABLE, "no-route", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_UNREACHABLE},
    {"filtered", VERDICT_UNREACHABLE, "timeout-connect", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_TIMEOUT,
     .last_step = STEP_CONNECT},
    {"no handshake", VERDICT_UNREACHABLE, "tls-failed", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_TLS, .last_step = STEP_TLS},
    {"a handshake without an answer", VERDICT_UNREACHABLE, "timeout-tls", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_TIMEOUT,
     .last_step = STEP_TLS},
    {"silent", VERDICT_UNREACHABLE, "timeout-greeting", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_TIMEOUT,
     .last_step = STEP_GREETING},
    {"reset", VERDICT_UNREACHABLE, "reset", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_RESET,
     .last_step = STEP_GREETING},
    {"closed at once", VERDICT_UNREACHABLE, "no-greeting", .world = NOT_GREETED,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_CLOSED,
     .last_step = STEP_GREETING},
    {"ssh", VERDICT_UNREACHABLE, "not-smtp", .world = NOT_GREETED | NOT_SMTP,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_MALFORMED,
     .last_step = STEP_GREETING},
    {"ssh, time over", VERDICT_UNREACHABLE, "not-smtp", .world = NOT_GREETED | NOT_SMTP | DEADLINE,
     .forms = {FORM('E', NOT_ASKED, NONE, 0)}, .last_outcome = OUTCOME_MALFORMED},
};

static const struct answer_row grey_row = {"greylist",      0,       400, 499, NULL, NULL,
                                           ANSWER_DEFERRED, "a test"};

static size_t set_forms(const struct row *row, struct form_result results[3])
{
    size_t count = 0;
    memset(results, 0, 3 * sizeof(results[0]));
    for (size_t i = 0; i < 3; i++) {
        const struct one *o = &row->forms[i];
        if (o->kind == 0) {
            continue;
        }
        struct form_result *r = &results[count++];
        r->form.sender = &form_senders[0];
        r->form.recipient = &form_recipients[i];
        r->form.kind = o->kind == 'E'   ? FORM_EXTERNAL
                       : o->kind == 'A' ? FORM_AMBIGUOUS
                                        : FORM_CONTROL;
        r->state = o->state;
        r->answer = o->answer;
        r->row = (o->flags & GREY) != 0 ? &grey_row : NULL;
        r->delivered = (o->flags & HOME) != 0;
        r->bounced = (o->flags & BACK) != 0;
        r->rcpt_accepted = (o->flags & RCPT) != 0;
        r->data_accepted = (o->flags & DATA) != 0;
        r->outcome = o->outcome;
        r->step = o->step;
    }
    return count;
}

static struct verdict_facts facts_of(const struct row *row, const struct form_result *results,
                                     size_t count)
{
    unsigned w = row->world;
    return (struct verdict_facts){
        .forms = results,
        .form_count = count,
        .plain = row->forms[0].kind != 0 ? &results[0] : NULL,
        .greeted = (w & NOT_GREETED) == 0,
        .last_outcome = row->last_outcome,
        .last_step = row->last_step,
        .session_answer = row->session,
        .mailbox = (w & NO_MAILBOX) == 0,
        .mailbox_dead = (w & DEAD) != 0,
        .no_control_route = (w & NO_ROUTE) != 0,
        .control_before = (w & NO_CONTROL_BEFORE) == 0,
        .control_after = (w & NO_CONTROL_AFTER) == 0,
        .turned_away = (w & TURNED_AWAY) != 0,
        .window_whole = (w & CUT) == 0,
        .deadline_passed = (w & DEADLINE) != 0,
        .messages_spent = (w & SPENT) != 0,
        .no_memory = (w & NO_MEMORY) != 0,
        .interrupted = (w & INTERRUPTED) != 0,
        .tainted = (w & TAINTED) != 0,
        .canary_refused = (w & CANARY_REFUSED) != 0,
        .not_smtp = (w & NOT_SMTP) != 0,
        .undecidable_arrival = (w & UNCLEAR) != 0,
    };
}

static void the_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct form_result results[3];
        struct verdict_result v;
        size_t count = set_forms(&rows[i], results);
        struct verdict_facts facts = facts_of(&rows[i], results, count);
        verdict_decide(&facts, &v);
        if (v.verdict != rows[i].verdict || strcmp(v.reason_code, rows[i].code) != 0) {
            fail_msg("%s: %s %s, expected %s %s", rows[i].label, verdict_name(v.verdict),
                     v.reason_code, verdict_name(rows[i].verdict), rows[i].code);
        }
        assert_true(strlen(v.reason) > 0);
        if (v.verdict == VERDICT_INCONCLUSIVE) { /* code and sentence tell the same story */
            assert_int_equal(strncmp(v.reason_code, "timeout-", 8) == 0,
                             strstr(v.reason, "did not answer in time") != NULL);
            assert_int_equal(strncmp(v.reason_code, "lost-", 5) == 0,
                             strstr(v.reason, "was lost before") != NULL);
        }
        assert_int_equal(v.total,
                         v.refused + v.accepted + v.undecided + v.not_asked + v.not_applicable);
    }
}

static void forms_are_counted(void **state)
{
    static const struct row row = {"counts", VERDICT_INCONCLUSIVE, "",
                                   .forms = {FORM('E', OFFERED, DENIED, RCPT | DATA),
                                             FORM('A', OFFERED, NONE, 0),
                                             FORM('C', ACCEPTED, ACCEPTED, 0)}};
    struct form_result results[3];
    struct verdict_result v;
    (void)state;
    struct verdict_facts facts = facts_of(&row, results, set_forms(&row, results));
    verdict_decide(&facts, &v);
    assert_int_equal(v.total, 2);
    assert_int_equal(v.refused, 1);
    assert_int_equal(v.undecided, 1);
    assert_int_equal(v.accepted, 0);
}

static void plain_acceptance_is_told(void **state)
{
    static const struct {
        struct one plain;
        enum plain_accepted reached;
        const char *name;
    } steps[] = {
        {DENIED_PLAIN, PLAIN_NO, "no"},
        {FORM('E', DENIED, DENIED, RCPT), PLAIN_RCPT, "rcpt"},
        {FORM('E', OFFERED, DENIED, RCPT | DATA), PLAIN_DATA, "data"},
        {FORM('E', ACCEPTED, ACCEPTED, RCPT | DATA), PLAIN_END_OF_DATA, "end-of-data"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct row row = {.label = "", .forms = {steps[i].plain}};
        struct form_result results[3];
        struct verdict_result v;
        struct verdict_facts facts = facts_of(&row, results, set_forms(&row, results));
        verdict_decide(&facts, &v);
        assert_int_equal(v.plain_accepted, steps[i].reached);
        assert_string_equal(plain_accepted_name(v.plain_accepted), steps[i].name);
    }
}

static void words_and_statuses(void **state)
{
    static const struct {
        const char *name;
        int status;
    } words[] = {
        [VERDICT_OPEN] = {"open", 1},
        [VERDICT_BOUNCES] = {"bounces", 3},
        [VERDICT_DISCARDS] = {"discards", 3},
        [VERDICT_ACCEPTS] = {"accepts", 3},
        [VERDICT_CLOSED] = {"closed", 0},
        [VERDICT_INCONCLUSIVE] = {"inconclusive", 4},
        [VERDICT_UNREACHABLE] = {"unreachable", 5},
    };
    enum verdict v;
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_string_equal(verdict_name((enum verdict)i), words[i].name);
        assert_int_equal(verdict_exit_status((enum verdict)i), words[i].status);
        assert_true(verdict_parse(span_of(words[i].name), &v));
        assert_int_equal(v, i);
    }
    assert_false(verdict_parse(SPAN("opened"), &v));
    assert_false(verdict_parse(SPAN(""), &v));
    for (int step = 0; step < STEP_COUNT; step++) {
        const char *name = smtp_step_name((enum smtp_step)step);
        assert_string_equal(verdict_step_code(true, (enum smtp_step)step) + strlen("timeout-"),
                            name);
        assert_string_equal(verdict_step_code(false, (enum smtp_step)step) + strlen("lost-"), name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule),
        cmocka_unit_test(forms_are_counted),
        cmocka_unit_test(plain_acceptance_is_told),
        cmocka_unit_test(words_and_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
