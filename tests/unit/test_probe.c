/*
 * test_probe.c - the probe against a scripted server in virtual time: servers and verdicts
 *
 * A row is a server (rules over an ordinary closed one), an option or two, and what must come out:
 * verdict, reason code, sessions, DATA commands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probe_lab.h"

struct told {
    const struct lab *lab;
    unsigned rows, wrong;
};

static void see_form(void *self, const struct ledger_form *row)
{
    struct told *told = self;
    const struct probe *p = told->lab->probe;
    const struct form_result *r = probe_form(p, row->form);
    char room[EVIDENCE_TEXT_MAX];
    told->rows++;
    told->wrong += r == NULL || !span_equal(row->state, span_of(report_state_name(r->state))) ||
                   !span_equal(row->answer, span_of(answer_name(r->answer))) ||
                   !span_equal(row->reply,
                               evidence_text(&p->evidence, r, r->reply, room, sizeof(room)));
}

/* In the end the ledger says of every form what the probe says. */
static unsigned check_ledger(const struct lab *lab)
{
    struct told told = {.lab = lab};
    struct ledger_reader reader = ledger_memory_reader(lab->ledger);
    struct ledger_visitor v = {.form = see_form, .self = &told};
    assert_int_equal(reader.ops->show(reader.self, SPAN("a test"), &v), LEDGER_FOUND);
    return told.wrong + (told.rows != lab->probe->result_count);
}

static unsigned check_row(const struct world_row *row)
{
    unsigned wrong = 0;
    struct lab *lab = lab_run(row);
    const struct verdict_result *v = probe_verdict(lab->probe);
    if (v->verdict != row->verdict || strcmp(v->reason_code, row->code) != 0) {
        print_error("%s: %s %s, expected %s %s\n", row->label, verdict_name(v->verdict),
                    v->reason_code, verdict_name(row->verdict), row->code);
        wrong++;
    }
    if (row->sessions != 0 && row->sessions != lab->probe->target.sessions) {
        print_error("%s: %u sessions, expected %u\n", row->label, lab->probe->target.sessions,
                    row->sessions);
        wrong++;
    }
    if (row->data != lab->mx.count[AT_DATA]) {
        print_error("%s: %u DATA, expected %u\n", row->label, lab->mx.count[AT_DATA], row->data);
        wrong++;
    }
    if (check_ledger(lab) > 0) {
        print_error("%s: the ledger does not say what the probe says\n", row->label);
        wrong++;
    }
    lab_free(lab);
    return wrong;
}

static const struct world_row rows[] = {
    {"closed", VERDICT_CLOSED, "relay-denied", 1, .data = 0},
    {"closed, whole battery, three sessions under eight refusals", VERDICT_CLOSED, "relay-denied",
     3, .forms = "first"},
    {"closed with 454", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY(AT_RCPT, "454 4.7.1 Relay access denied")}},
    {"open", VERDICT_OPEN, "delivered", 1,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)}, .data = 1},
    {"refuses after the dot, delivers all the same", VERDICT_OPEN, "delivered", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("550 5.7.1 no", FATE_RELAY)}, .data = 1},
    {"silent after the dot, delivers all the same", VERDICT_OPEN, "delivered", 0,
     .rules = {ACCEPT_RCPT, RULE(AT_END_OF_DATA, NULL, 0, 0, NULL, THEN_STALL, .fate = FATE_RELAY)},
     .data = 1},
    {"4yz after the dot is never sent again", VERDICT_INCONCLUSIVE, "deferred", 1,
     .rules = {ACCEPT_RCPT, AT_DOT("451 4.3.0 later", FATE_NONE)}, .data = 1},
    {"closes after the dot: never sent again", VERDICT_INCONCLUSIVE, "lost-end-of-data", 1,
     .rules = {ACCEPT_RCPT, EVER(AT_END_OF_DATA, NULL, THEN_CLOSE)}, .data = 1},
    {"discards", VERDICT_DISCARDS, "discarded", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .data = 1},
    {"bounces", VERDICT_BOUNCES, "bounced", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_BOUNCE)}, .data = 1},
    {"the canary's side bounced it", VERDICT_ACCEPTS, "canary-refused", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_REMOTE_BOUNCE)}, .data = 1},
    {"quoted by somebody who does not say so", VERDICT_ACCEPTS, "unclear-arrival", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_ECHO)}, .data = 1},
    {"accepted, no mailbox", VERDICT_ACCEPTS, "no-mailbox", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .options = NO_BOX, .data = 1},
    {"refused after the dot, no mailbox: believed", VERDICT_CLOSED, "relay-denied", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("550 5.7.1 no", FATE_NONE)}, .options = NO_BOX, .data = 1},
    {"accepted, first control lost", VERDICT_ACCEPTS, "control-failed", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .options = LOSE_BEFORE, .data = 1},
    {"accepted, second control lost", VERDICT_ACCEPTS, "control-failed", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .options = LOSE_AFTER, .data = 1},
    {"closed needs no control", VERDICT_CLOSED, "relay-denied", 0, .options = LOSE_BEFORE},
    {"refused at DATA", VERDICT_CLOSED, "relay-denied", 0,
     .rules = {ACCEPT_RCPT, SAY(AT_DATA, "554 5.7.1 no")}, .data = 1},
    {"content refused", VERDICT_INCONCLUSIVE, "refused-content", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("550 5.7.1 spam", FATE_NONE)}, .data = 1},
    {"greylisted, then denied", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_RCPT, "450 4.2.0 Greylisted", THEN_GO_ON)}},
    {"greylisted, then open", VERDICT_OPEN, "delivered", 2,
     .rules = {ONCE(AT_RCPT, "450 4.2.0 Greylisted", THEN_GO_ON), ACCEPT_RCPT,
               AT_DOT("250 2.0.0 Ok", FATE_RELAY)},
     .data = 1},
    {"greylisted for ever", VERDICT_INCONCLUSIVE, "greylisted", 3, .rules = {GREY}},
    {"no time for a retry", VERDICT_INCONCLUSIVE, "greylisted", 1, .rules = {GREY},
     .max_time_ns = CLOCK_MINUTE},
    {"told to wait longer", VERDICT_INCONCLUSIVE, "greylisted", 2,
     .rules = {SAY(AT_RCPT, "450 4.2.0 Greylisted, try again in 600 seconds")}},
    {"deferred without a word", VERDICT_INCONCLUSIVE, "deferred", 0,
     .rules = {SAY(AT_RCPT, "451 4.3.0 later")}},
    {"EHLO unknown, HELO taken", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY(AT_EHLO, "502 5.5.2 what")}},
    {"hangs up on EHLO, takes HELO", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {CLOSE_AT(AT_EHLO, NULL)}},
    {"both refused", VERDICT_INCONCLUSIVE, "refused-client", 1,
     .rules = {SAY(AT_EHLO, "554 no"), SAY(AT_HELO, "554 no")}},
    {"our name refused", VERDICT_INCONCLUSIVE, "refused-helo", 1,
     .rules = {SAY(AT_EHLO, "501 invalid helo"), SAY(AT_HELO, "501 invalid helo")}},
    {"EHLO wants authentication", VERDICT_CLOSED, "auth-required", 1,
     .rules = {SAY(AT_EHLO, "530 no"), SAY(AT_HELO, "530 Authentication required")}},
    {"banner 554", VERDICT_INCONCLUSIVE, "refused-client", 1,
     .rules = {SAY(AT_BANNER, "554 mx.victim.test no")}},
    {"banner 421 once", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_BANNER, "421 busy", THEN_CLOSE)}},
    {"banner 421 for ever", VERDICT_INCONCLUSIVE, "service-unavailable", 0,
     .rules = {EVER(AT_BANNER, "421 busy", THEN_CLOSE)}},
    {"STARTTLS first", VERDICT_INCONCLUSIVE, "tls-required", 1,
     .rules = {SAY(AT_MAIL, "530 5.7.0 Must issue a STARTTLS command first")}},
    {"authentication at MAIL", VERDICT_CLOSED, "auth-required", 1,
     .rules = {SAY(AT_MAIL, "530 5.7.0 Authentication required")}},
    {"blocked", VERDICT_INCONCLUSIVE, "refused-client", 1,
     .rules = {SAY(AT_RCPT, "554 5.7.1 Client host blocked using bl.example.test")}},
    {"asks the canary's side", VERDICT_INCONCLUSIVE, "refused-verify", 1,
     .rules = {SAY(AT_RCPT,
                   "550 5.1.1 Recipient address rejected: undeliverable address: host said")}},
    {"sender refused, the next one denied", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_MAIL, "*<x+*@canary.test>", "450 4.1.8 no")}},
    {"sender refused at RCPT, the next one relayed", VERDICT_OPEN, "delivered", 1,
     .rules = {ONCE(AT_RCPT, "550 5.1.8 Sender address rejected: Domain not found", THEN_GO_ON),
               ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)},
     .data = 1},
    {"every sender refused", VERDICT_INCONCLUSIVE, "refused-sender", 0,
     .rules = {SAY(AT_MAIL, "550 5.1.8 no")}},
    {"MAIL without brackets", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_MAIL, "*<*", "501 5.1.7 syntax")}},
    {"RCPT without brackets", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_RCPT, "*<*", "501 5.1.3 syntax")}},
    {"RCPT without brackets, open", VERDICT_OPEN, "delivered", 0,
     .rules = {SAY_TO(AT_RCPT, "*<*", "501 5.1.3 syntax"), ACCEPT_RCPT,
               AT_DOT("250 2.0.0 Ok", FATE_RELAY)},
     .data = 1},
    {"no syntax will do", VERDICT_INCONCLUSIVE, "syntax", 0,
     .rules = {SAY(AT_RCPT, "501 5.1.3 syntax")}},
    {"unknown no, postmaster taken", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_RCPT, "*canary*", "550 Invalid recipient")}},
    {"unknown no to everybody", VERDICT_INCONCLUSIVE, "refused-client", 1,
     .rules = {SAY(AT_RCPT, "550 Invalid recipient")}},
    {"unknown no, postmaster later", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_RCPT, "*canary*", "550 no"), SAY(AT_RCPT, "450 4.2.0 later")}},
    {"unknown no, postmaster taken at its domain only", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_RCPT, "*canary*", "550 no"), SAY_TO(AT_RCPT, "*<postmaster>", "550 no")}},
    {"no such user, to everybody", VERDICT_INCONCLUSIVE, "refused-client", 1,
     .rules = {SAY(AT_RCPT, "550 5.1.1 User unknown")}},
    {"unknown no to every form, control in each session", VERDICT_CLOSED, "relay-denied", 3,
     .rules = {SAY_TO(AT_RCPT, "*canary*", "550 no")}, .forms = "first"},
    {"421 at RCPT once", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_RCPT, "421 4.3.0 bye", THEN_CLOSE)}},
    {"421 at every RCPT", VERDICT_INCONCLUSIVE, "service-unavailable", 0,
     .rules = {EVER(AT_RCPT, "421 4.3.0 bye", THEN_CLOSE)}},
    {"closes at RCPT once", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_RCPT, NULL, THEN_CLOSE)}},
    {"closes at every RCPT", VERDICT_INCONCLUSIVE, "lost-rcpt", 2,
     .rules = {CLOSE_AT(AT_RCPT, NULL)}},
    {"breaks at MAIL once", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_MAIL, NULL, THEN_RESET)}},
    {"hangs up on one form only", VERDICT_CLOSED, "relay-denied", 3,
     .rules = {CLOSE_AT(AT_RCPT, "*%*")}, .forms = "S1-R1,S1-R6,S1-R9"},
    {"hangs up on several forms", VERDICT_CLOSED, "relay-denied", 7,
     .rules = {CLOSE_AT(AT_RCPT, "*%*")}, .forms = "S1-R1,S1-R5,S1-R6,S1-R7,S1-R9"},
    {"drops at the third refusal", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {RULE(AT_RCPT, NULL, 3, 3, "421 4.7.0 too many errors", THEN_CLOSE,
                    .fate = FATE_NONE)},
     .forms = "S1-R1,S1-R2,S1-R3,S1-R4,S1-R5"},
    {"closes before the greeting", VERDICT_UNREACHABLE, "no-greeting", 2,
     .rules = {CLOSE_AT(AT_BANNER, NULL)}},
    {"closes before the greeting once", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_BANNER, NULL, THEN_CLOSE)}},
    {"nobody there", VERDICT_UNREACHABLE, "connection-refused", 1, .options = NO_TARGET},
    {"ssh", VERDICT_UNREACHABLE, "not-smtp", 1, .rules = {SAY(AT_BANNER, "SSH-2.0-OpenSSH_9.2")}},
    {"silent", VERDICT_UNREACHABLE, "timeout-greeting", 1,
     .rules = {EVER(AT_BANNER, NULL, THEN_STALL)}},
    {"silent, little time", VERDICT_UNREACHABLE, "timeout-greeting", 1,
     .rules = {EVER(AT_BANNER, NULL, THEN_STALL)}, .max_time_ns = 10 * CLOCK_SECOND},
    {"RCPT one second before the timeout", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {RULE(AT_RCPT, NULL, 0, 0, "554 5.7.1 Relay access denied", THEN_GO_ON,
                    .delay_ns = 299 * CLOCK_SECOND)}},
    {"RCPT one second after the timeout", VERDICT_INCONCLUSIVE, "timeout-rcpt", 2,
     .rules = {RULE(AT_RCPT, NULL, 0, 0, "554 5.7.1 Relay access denied", THEN_GO_ON,
                    .delay_ns = 301 * CLOCK_SECOND)},
     .max_time_ns = 2 * CLOCK_HOUR},
    {"time over before all was asked", VERDICT_INCONCLUSIVE, "max-time", 0,
     .rules = {RULE(AT_RCPT, NULL, 0, 0, "554 5.7.1 Relay access denied", THEN_GO_ON,
                    .delay_ns = 250 * CLOCK_SECOND)},
     .forms = "first"},
    {"two replies to every RCPT", VERDICT_INCONCLUSIVE, "desynchronised", 3,
     .rules = {SAY(AT_RCPT, "554 5.7.1 Relay access denied\r\n554 5.7.1 Relay access denied")}},
    {"two replies to one RCPT", VERDICT_CLOSED, "relay-denied", 2,
     .rules = {ONCE(AT_RCPT, "554 5.7.1 no relay\r\n554 5.7.1 no relay", THEN_GO_ON)}},
    {"two replies to MAIL make no acceptance", VERDICT_INCONCLUSIVE, "desynchronised", 3,
     .rules = {SAY(AT_MAIL, "250 2.1.0 Ok\r\n250 2.1.0 Ok")}},
    {"two replies to RSET: nobody knows since when", VERDICT_INCONCLUSIVE, "desynchronised", 3,
     .rules = {SAY(AT_RSET, "250 2.0.0 Ok\r\n250 2.0.0 Ok")}},
    {"two replies to one RSET", VERDICT_CLOSED, "relay-denied", 3, .forms = "S1-R1,S1-R5",
     .rules = {ONCE(AT_RSET, "250 2.0.0 Ok\r\n250 2.0.0 Ok", THEN_GO_ON)}},
    {"two replies to QUIT", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY(AT_QUIT, "221 2.0.0 Bye\r\n221 2.0.0 Bye")}},
    {"RSET refused", VERDICT_INCONCLUSIVE, "desynchronised", 3,
     .rules = {SAY(AT_RSET, "554 5.5.0 no")}},
    {"DATA answered with 250", VERDICT_INCONCLUSIVE, "desynchronised", 3,
     .rules = {ACCEPT_RCPT, SAY(AT_DATA, "250 2.0.0 Ok")}, .data = 3},
    {"RSET closes: the answer before it stands", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {CLOSE_AT(AT_RSET, NULL)}},
    {"RSET answered with 421: the answer before it stands", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY(AT_RSET, "421 4.3.0 bye")}},
    {"QUIT unanswered", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {EVER(AT_QUIT, NULL, THEN_STALL)}},
    {"QUIT answered with nonsense", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY(AT_QUIT, "what\r\nwhat")}},
    {"interrupted while asking", VERDICT_INCONCLUSIVE, "interrupted", 1,
     .rules = {EVER(AT_RCPT, NULL, THEN_STALL)}, .interrupt_ns = 10 * CLOCK_SECOND},
    {"interrupted while waiting", VERDICT_ACCEPTS, "window-cut", 0,
     .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}, .interrupt_ns = 60 * CLOCK_SECOND,
     .data = 1},
    {"interrupted between retries", VERDICT_INCONCLUSIVE, "interrupted", 1, .rules = {GREY},
     .interrupt_ns = 60 * CLOCK_SECOND},
    {"ambiguous taken, nothing came", VERDICT_CLOSED, "relay-denied", 0,
     .rules = {SAY_TO(AT_RCPT, "*%*", "250 2.1.5 Ok"), AT_DOT("250 2.0.0 Ok", FATE_NONE)},
     .forms = "S1-R1,S1-R5", .data = 1},
    {"ambiguous taken and relayed", VERDICT_OPEN, "delivered", 0,
     .rules = {SAY_TO(AT_RCPT, "*%*", "250 2.1.5 Ok"), AT_DOT("250 2.0.0 Ok", FATE_RELAY)},
     .forms = "S1-R1,S1-R5", .data = 1},
    {"ambiguous taken and bounced: backscatter", VERDICT_CLOSED, "relay-denied", 0,
     .rules = {SAY_TO(AT_RCPT, "*%*", "250 2.1.5 Ok"), AT_DOT("250 2.0.0 Ok", FATE_BOUNCE)},
     .forms = "S1-R1,S1-R5", .data = 1},
    {"ambiguous taken, no mailbox", VERDICT_ACCEPTS, "no-mailbox", 0,
     .rules = {SAY_TO(AT_RCPT, "*%*", "250 2.1.5 Ok"), AT_DOT("250 2.0.0 Ok", FATE_NONE)},
     .forms = "S1-R1,S1-R5", .options = NO_BOX, .data = 1},
    {"controls get no DATA", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_RCPT, "*invalid*", "250 2.1.5 Ok")}, .forms = "S1-R1,R41,R42,R43,R43d",
     .data = 0},
    {"plain sender refused for a sender form only", VERDICT_CLOSED, "relay-denied", 1,
     .rules = {SAY_TO(AT_MAIL, "*<>*", "550 5.7.1 no null senders")}, .forms = "S1-R1,S3-R1"},
};

static void servers_and_verdicts(void **state)
{
    unsigned wrong = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        wrong += check_row(&rows[i]);
    }
    assert_int_equal(wrong, 0);
}

/* With what malloc adds, that is 24 KiB for a target in flight, the struct included. */
static void a_target_costs_little(void **state)
{
    static const struct {
        const char *label;
        enum verdict verdict;
        struct fake_rule rules[3];
    } servers[] = {
        {"refuses", VERDICT_CLOSED, {{0}}},
        {"relays", VERDICT_OPEN, {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_RELAY)}},
        {"discards", VERDICT_DISCARDS, {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(servers); i++) {
        struct world_row row = {.label = servers[i].label,
                                .forms = "standard",
                                .memory_max = (size_t)22 * 1024 - probe_size()};
        memcpy(row.rules, servers[i].rules, sizeof(servers[i].rules));
        struct lab *lab = lab_run(&row);
        const struct verdict_result *v = probe_verdict(lab->probe);
        if (v->verdict != servers[i].verdict || lab->probe->memory.failed) {
            fail_msg("%s: %s (%s)", row.label, verdict_name(v->verdict), v->reason_code);
        }
        lab_free(lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_and_verdicts),
        cmocka_unit_test(a_target_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
