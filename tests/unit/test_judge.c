/*
 * test_judge.c - the table of marks, the truth, the two things that always hold, and each
 * expectation
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scenarios/judge/judge.h"

#include <string.h>

static void marks(void **state)
{
    static const struct {
        int truth;
        enum verdict verdict;
        enum mark mark;
    } rows[] = {
        {TRUTH_OPEN, VERDICT_OPEN, MARK_RIGHT},
        {TRUTH_OPEN, VERDICT_BOUNCES, MARK_UNDECIDED},
        {TRUTH_OPEN, VERDICT_DISCARDS, MARK_UNDECIDED},
        {TRUTH_OPEN, VERDICT_ACCEPTS, MARK_UNDECIDED},
        {TRUTH_OPEN, VERDICT_INCONCLUSIVE, MARK_UNDECIDED},
        {TRUTH_OPEN, VERDICT_CLOSED, MARK_MISSED_RELAY},
        {TRUTH_OPEN, VERDICT_UNREACHABLE, MARK_UNDECIDED},
        {TRUTH_CLOSED, VERDICT_OPEN, MARK_FALSE_ALARM},
        {TRUTH_CLOSED, VERDICT_BOUNCES, MARK_RIGHT},
        {TRUTH_CLOSED, VERDICT_DISCARDS, MARK_RIGHT},
        {TRUTH_CLOSED, VERDICT_ACCEPTS, MARK_UNDECIDED},
        {TRUTH_CLOSED, VERDICT_INCONCLUSIVE, MARK_UNDECIDED},
        {TRUTH_CLOSED, VERDICT_CLOSED, MARK_RIGHT},
        {TRUTH_CLOSED, VERDICT_UNREACHABLE, MARK_UNDECIDED},
        {TRUTH_UNDECIDABLE, VERDICT_OPEN, MARK_FALSE_ALARM},
        {TRUTH_UNDECIDABLE, VERDICT_BOUNCES, MARK_FALSE_ALARM},
        {TRUTH_UNDECIDABLE, VERDICT_DISCARDS, MARK_FALSE_ALARM},
        {TRUTH_UNDECIDABLE, VERDICT_ACCEPTS, MARK_RIGHT},
        {TRUTH_UNDECIDABLE, VERDICT_INCONCLUSIVE, MARK_RIGHT},
        {TRUTH_UNDECIDABLE, VERDICT_CLOSED, MARK_MISSED_RELAY},
        {TRUTH_UNDECIDABLE, VERDICT_UNREACHABLE, MARK_RIGHT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (judge_mark(rows[i].truth, rows[i].verdict) != rows[i].mark)
            fail_msg("%s, %s", case_truth_name(rows[i].truth), verdict_name(rows[i].verdict));
}

static void truth(void **state)
{
    /* One row an outcome: agrees with open, closed, undecidable. */
    static const bool rows[][3] = {
        [ORACLE_REACHED] = {true, false, false}, [ORACLE_LOST] = {false, true, false},
        [ORACLE_REFUSED] = {false, true, true},  [ORACLE_DEFERRED] = {false, true, true},
        [ORACLE_CUT] = {false, true, true},      [ORACLE_SILENT] = {false, false, true},
    };

    (void)state;
    for (int outcome = ORACLE_REACHED; outcome <= ORACLE_SILENT; outcome++)
        for (int t = TRUTH_OPEN; t <= TRUTH_UNDECIDABLE; t++)
            if (oracle_agrees((enum oracle_outcome)outcome, t) != rows[outcome][t - TRUTH_OPEN])
                fail_msg("%s, %s", oracle_outcome_name((enum oracle_outcome)outcome),
                         case_truth_name(t));
}

/* A run of one form, S1-R1, with a mail in the mailbox or not. */
struct bench {
    struct case_server server;
    struct case_mailbox mailbox;
    struct case_expect expect;
    struct case_file c;
    struct verdict_result verdict;
    struct form_result form;
    struct record record;
    struct trial_result result;
};

static void bench_init(struct bench *b, int truth_of_case, enum verdict verdict)
{
    *b = (struct bench){.server.name = "mx",
                        .mailbox.name = "canary",
                        .expect = {.verdict = -1, .later = -1}};
    b->c = (struct case_file){.name = "bench",
                              .truth = truth_of_case,
                              .servers = &b->server,
                              .server_count = 1,
                              .mailboxes = &b->mailbox,
                              .mailbox_count = 1,
                              .expect = &b->expect,
                              .expect_count = 1};
    b->verdict = (struct verdict_result){.verdict = verdict, .reason_code = "relay-denied"};
    b->form.form.sender = &form_senders[0];
    b->form.form.recipient = &form_recipients[0];
    token_pack(&(struct token_pair){{"ba765432hgfedcba"}, {"abcdefgh234567ab"}},
               &b->form.form.tokens);
    b->form.form.marked = true;
    b->form.state = FORM_DENIED;
    b->form.answer = ANSWER_DENIED;
    record_init(&b->record);
    b->result = (struct trial_result){
        .verdict = &b->verdict,
        .later = -1,
        .forms = &b->form,
        .form_count = 1,
        .record = &b->record,
        .report = SPAN("verdict: closed"),
        .elapsed_ns = 3 * CLOCK_SECOND};
}

static void deliver(struct bench *b, const char *recipient, const char *content)
{
    const struct span to = span_of(recipient);
    const struct mail_view mail = {SPAN("probe@canary.test"), &to, 1, span_of(content)};

    record_mail(&b->record, 0, 0, &mail, false);
    record_match(&b->record, &b->form, 1);
}

static const char plain[] = "Subject: probe\r\nX-Relaylab-Token: abcdefgh234567ab\r\n\r\nhello\r\n";
static const char bounce[] =
    "From: <mailer-daemon@victim.test>\r\nAuto-Submitted: auto-replied\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nX-Relaylab-Token: abcdefgh234567ab\r\n"
    "--b--\r\n";

static unsigned judge(struct bench *b, char *text, size_t cap)
{
    struct judgement j = {.failures = 0};
    struct strbuf out;

    strbuf_init(&out, text, cap);
    judge_run(&b->c, &b->result, &j, &out);
    record_clear(&b->record);
    return j.failures;
}

static void always(void **state)
{
    static const struct {
        const char *label;
        int truth;
        enum verdict verdict;
        const char *to, *content; /* NULL: nothing arrived */
        const char *failure;      /* NULL: none */
    } rows[] = {
        {"closed and nothing arrived", TRUTH_CLOSED, VERDICT_CLOSED, NULL, NULL, NULL},
        {"closed and a form arrived", TRUTH_CLOSED, VERDICT_CLOSED, "x@canary.test", plain,
         "closed was said, and a form's message reached"},
        {"closed and it arrived by its recipient", TRUTH_CLOSED, VERDICT_CLOSED,
         "probe+abcdefgh234567ab@canary.test", "Subject: x\r\n\r\ny\r\n", "closed was said"},
        {"closed and only a report arrived", TRUTH_CLOSED, VERDICT_CLOSED, "probe@canary.test",
         bounce, NULL},
        {"closed and the token stands in the body only", TRUTH_CLOSED, VERDICT_CLOSED,
         "x@canary.test", "Subject: x\r\n\r\nabcdefgh234567ab\r\n", NULL},
        {"open and it arrived", TRUTH_OPEN, VERDICT_OPEN, "x@canary.test", plain, NULL},
        {"open and nothing arrived", TRUTH_OPEN, VERDICT_OPEN, NULL, NULL,
         "open was said, and no form's message"},
        {"open and a stranger's mail arrived", TRUTH_OPEN, VERDICT_OPEN, "x@canary.test",
         "Subject: offer\r\n\r\nbuy\r\n", "open was said"},
        {"a missed relay is a failure", TRUTH_OPEN, VERDICT_CLOSED, NULL, NULL, "missed relay"},
        {"a false alarm too", TRUTH_CLOSED, VERDICT_OPEN, "x@canary.test", plain, "false alarm"},
        {"undecided is none", TRUTH_OPEN, VERDICT_INCONCLUSIVE, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        char text[8192];

        bench_init(&b, rows[i].truth, rows[i].verdict);
        if (rows[i].to != NULL)
            deliver(&b, rows[i].to, rows[i].content);
        unsigned failures = judge(&b, text, sizeof text);
        if ((failures == 0) != (rows[i].failure == NULL) ||
            (rows[i].failure != NULL && strstr(text, rows[i].failure) == NULL))
            fail_msg("%s: %s", rows[i].label, text);
    }
}

static struct case_count one(const char *name, uint64_t min, uint64_t max)
{
    return (struct case_count){name, {min, max}};
}

/* Each function sets one expectation that does not hold. */
static void expect_verdict(struct bench *b)
{
    b->expect.verdict = VERDICT_DISCARDS;
}
static void expect_reason(struct bench *b)
{
    b->expect.reason_code = "greylisted";
}
static void expect_plain(struct bench *b)
{
    b->expect.plain_accepted = "rcpt";
}
static void expect_delivered(struct bench *b)
{
    static struct case_count count;

    count = one("canary", 1, UINT64_MAX);
    b->expect.delivered = &count;
    b->expect.delivered_count = 1;
}
static void expect_commands(struct bench *b)
{
    static struct case_count count;

    count = one("QUIT", 2, 2);
    b->expect.commands = &count;
    b->expect.command_count = 1;
}
static void expect_log(struct bench *b)
{
    static struct case_count count;

    count = one("relay attempt", 1, UINT64_MAX);
    b->expect.log = &count;
    b->expect.log_count = 1;
}
static void expect_form(struct bench *b)
{
    static struct case_form form = {"S1-R1", "deferred"};

    b->expect.forms = &form;
    b->expect.form_count = 1;
}
static void expect_unknown_form(struct bench *b)
{
    static struct case_form form = {"S1-R99", "denied"};

    b->expect.forms = &form;
    b->expect.form_count = 1;
}
static void expect_relayed(struct bench *b)
{
    static const char *list[] = {"S1-R1"};

    b->expect.relayed_by = (struct conf_texts){list, 1};
}
static void expect_report(struct bench *b)
{
    static const char *list[] = {"proved by delivery"};

    b->expect.report_has = (struct conf_texts){list, 1};
}
static void expect_elapsed(struct bench *b)
{
    b->expect.elapsed_set = true;
    b->expect.elapsed_s = (struct conf_range){4, 10};
}
static void expect_connections(struct bench *b)
{
    b->expect.connections_set = true;
    b->expect.connections = (struct conf_range){1, 1};
}
static void expect_dialogue(struct bench *b)
{
    static struct case_dialogue dialogue = {.connection = 1, .lines = "S: 220 {any}"};

    b->c.dialogue = &dialogue;
    b->c.dialogue_count = 1;
}
static void expect_later(struct bench *b)
{
    b->expect.later = VERDICT_OPEN;
    b->result.later = VERDICT_DISCARDS;
}
static void expect_later_without_ledger(struct bench *b)
{
    b->expect.later = VERDICT_OPEN;
}
static void no_verdict(struct bench *b)
{
    b->result.verdict = NULL;
    strcpy(b->result.trouble, "nothing was left to happen");
}

static void expectations(void **state)
{
    static const struct {
        const char *label;
        void (*set)(struct bench *b);
        const char *failure;
    } rows[] = {
        {"verdict", expect_verdict, "expected: discards\n  actual:   closed"},
        {"later", expect_later, "expected: open\n  actual:   discards"},
        {"later, without a ledger", expect_later_without_ledger,
         "expected: open\n  actual:   none: the ledger could not be read"},
        {"reason", expect_reason, "expected: greylisted\n  actual:   relay-denied"},
        {"plain_accepted", expect_plain, "expected: rcpt\n  actual:   no"},
        {"delivered", expect_delivered, "deliveries in mailbox canary\n  expected: 1..\n"},
        {"commands", expect_commands, "QUIT commands at the target\n  expected: 2\n  actual:   0"},
        {"log", expect_log, "log lines of the target with \"relay attempt\""},
        {"form", expect_form, "expected: S1-R1: deferred\n  actual:   S1-R1: answer denied"},
        {"a form that is not there", expect_unknown_form, "there was no such form"},
        {"relayed_by", expect_relayed, "S1-R1 is delivered"},
        {"report_has", expect_report, "a report with \"proved by delivery\""},
        {"elapsed", expect_elapsed, "seconds to the verdict\n  expected: 4..10\n  actual:   3"},
        {"connections", expect_connections, "connections of the target"},
        {"dialogue", expect_dialogue, "expected: S: 220 {any}"},
        {"no verdict", no_verdict, "nothing was left to happen"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        char text[8192];

        bench_init(&b, TRUTH_CLOSED, VERDICT_CLOSED);
        rows[i].set(&b);
        unsigned failures = judge(&b, text, sizeof text);
        if (failures != 1 || strstr(text, rows[i].failure) == NULL)
            fail_msg("%s: %u failures: %s", rows[i].label, failures, text);
    }
}

/* An expectation for another value of the matrix says nothing. */
static void conditions(void **state)
{
    static struct case_if condition = {"delay", "301s"};
    struct bench b;
    char text[1024];

    (void)state;
    bench_init(&b, TRUTH_CLOSED, VERDICT_CLOSED);
    b.expect.verdict = VERDICT_DISCARDS;
    b.expect.conditions = &condition;
    b.expect.condition_count = 1;
    b.c.bindings[0] = (struct conf_binding){"delay", "299s"};
    b.c.binding_count = 1;
    assert_int_equal(judge(&b, text, sizeof text), 0);
    record_init(&b.record);
    b.c.bindings[0].value = "301s";
    assert_int_equal(judge(&b, text, sizeof text), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks),        cmocka_unit_test(truth),      cmocka_unit_test(always),
        cmocka_unit_test(expectations), cmocka_unit_test(conditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
