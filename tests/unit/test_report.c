/*
 * test_report.c - reports of a probe that was filled in by hand: what each verdict must say, in
 * text and JSON, and that nothing a peer said can break out of either
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "probe/report/report.h"
#include "probe/report/reproduce.h"
#include "probe/ask/steps.h"

struct fixture {
    struct world world;
    struct token_key key;
    struct probe probe;
    struct report report;
    char memory[REPORT_MAX];
    struct strbuf out;
};

static void fill_forms(struct probe *p, const char *selection, const struct token_key *key)
{
    struct form forms[FORMS_MAX];
    char memory[200];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof(memory));
    memset(forms, 0, sizeof(forms));
    assert_true(forms_select(span_of(selection), forms, FORMS_MAX, &p->result_count, &error));
    forms_bind(forms, p->result_count, &p->who, key, SPAN("a target"));
    for (size_t i = 0; i < p->result_count; i++) {
        p->results[i].form = forms[i];
        p->results[i].state = forms[i].applicable ? FORM_NOT_ASKED : FORM_NOT_APPLICABLE;
    }
}

static struct fixture *fixture_new(const char *selection)
{
    static const uint8_t secret[TOKEN_SECRET_LEN] = {7};
    struct fixture *f = calloc(1, sizeof(*f));
    struct probe *p;

    assert_non_null(f);
    p = &f->probe;
    assert_true(token_key_init(&f->key, secret));
    f->world.epoch_s = 1795500000;
    p->world = &f->world;
    p->who = (struct form_identity){.canary_local = SPAN("probe"),
                                    .canary_domain = SPAN("canary.test"),
                                    .sender_local = SPAN("probe"),
                                    .sender_domain = SPAN("canary.test"),
                                    .target_name = SPAN("mx.victim.test")};
    assert_true(endpoint_parse(SPAN("10.0.0.1:2525"), false, &p->config.target));
    p->who.target = p->config.target;
    p->config.mailbox = true;
    p->config.control_route = p->config.target;
    p->config.vantage = VANTAGE_PRIVATE;
    p->finished_ns = 90 * CLOCK_SECOND;
    p->helo = memory_text(&p->memory, SPAN("probe.canary.test"));
    strcpy(p->target_text, "10.0.0.1:2525");
    evidence_init(&p->evidence, &p->who, &p->memory);
    p->controls = memory_get(&p->memory, 2 * sizeof(*p->controls));
    p->callouts = memory_get(&p->memory, PROBE_CALLOUTS_MAX * sizeof(*p->callouts));
    p->room_count = FORMS_MAX;
    p->results = memory_get(&p->memory, FORMS_MAX * sizeof(*p->results));
    p->rows = memory_get(&p->memory, FORMS_MAX * sizeof(*p->rows));
    p->plan_forms = memory_get(&p->memory, FORMS_MAX * sizeof(*p->plan_forms));
    fill_forms(p, selection, &f->key);
    strbuf_init(&f->out, f->memory, sizeof(f->memory));
    return f;
}

static void fixture_free(struct fixture *f)
{
    f->probe.canary_count = 1;
    f->probe.callout_kept = PROBE_CALLOUTS_MAX;
    probe_clear(&f->probe);
    token_key_clear(&f->key);
    free(f);
}

static void answered(struct fixture *f, struct form_result *r, enum form_state state,
                     enum answer answer, enum smtp_step step, const char *reply)
{
    r->state = state;
    r->answer = answer;
    r->step = step;
    r->attempts = 1;
    r->sender_used = r->form.sender;
    r->reply = evidence_keep(&f->probe.evidence, r, span_of(reply));
}

static void came_home(struct fixture *f, const struct form_result *r, const char *to, int64_t at_ns)
{
    struct probe *p = &f->probe;
    size_t kept = p->delivery_kept, each = sizeof(*p->deliveries);

    p->deliveries = memory_resize(&p->memory, p->deliveries, kept * each, (kept + 1) * each);
    assert_non_null(p->deliveries);
    p->deliveries[p->delivery_kept++] = (struct probe_delivery){
        .at_ns = at_ns,
        .form = (uint16_t)(r - p->results),
        .to = evidence_keep(&p->evidence, r, span_of(to)),
    };
}

static void conclude(struct fixture *f, enum verdict v, const char *code)
{
    f->probe.verdict.verdict = v;
    f->probe.verdict.reason_code = code;
    strcpy(f->probe.verdict.reason, "because of this");
    report_of(&f->report, &f->probe, SPAN("mx.victim.test:2525"));
}

static const char *text(struct fixture *f, enum report_amount amount, bool colour)
{
    strbuf_reset(&f->out);
    report_text(&f->out, &f->report, amount, colour);
    assert_false(f->out.truncated);
    return f->memory;
}

static const char *json(struct fixture *f)
{
    strbuf_reset(&f->out);
    report_json(&f->out, &f->report);
    assert_false(f->out.truncated);
    assert_null(strchr(f->memory, '\n'));
    return f->memory;
}

static void has(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL)
        fail_msg("no '%s' in:\n%s", part, whole);
}

static void lacks(const char *whole, const char *part)
{
    if (strstr(whole, part) != NULL)
        fail_msg("'%s' in:\n%s", part, whole);
}

static void test_open(void **state)
{
    struct fixture *f = fixture_new("S1-R1,S1-R6");
    struct form_result *r = &f->probe.results[0];
    const char *page;

    (void)state;
    answered(f, r, FORM_ACCEPTED, ANSWER_ACCEPTED, STEP_END_OF_DATA, "250 2.0.0 Ok");
    r->rcpt_accepted = r->data_accepted = r->delivered = true;
    came_home(f, r, "probe+x@canary.test", 214 * CLOCK_MS);
    answered(f, &f->probe.results[1], FORM_DENIED, ANSWER_DENIED, STEP_RCPT, "554 5.7.1 no");
    conclude(f, VERDICT_OPEN, "delivered");
    f->probe.verdict.plain_accepted = PLAIN_END_OF_DATA;
    f->probe.verdict.total = 2;
    f->probe.verdict.refused = f->probe.verdict.accepted = 1;
    page = text(f, REPORT_NORMAL, false);
    assert_true(span_starts(span_of(page),
                            SPAN("mx.victim.test:2525: open (asked from a private network)\n")));
    has(page, "because of this");
    has(page, "of 2 forms, 1 refused, 1 accepted, 0 undecided, 0 not asked, 0 not applicable");
    has(page, "WARNING:  the plain form");
    has(page, "accepted at end-of-data");
    has(page, "came home to <probe+x@canary.test> after 0.214 s");
    has(page,
        "by hand: swaks --server 10.0.0.1 --port 2525 --helo probe.canary.test --from probe+");
    has(page, "reject_unauth_destination");
    lacks(page, "--quit-after"); /* the plain form is repeated whole, the refused one not at all */
    lacks(page, "\033");
    has(text(f, REPORT_FULL, false), "--quit-after RCPT");
    has(text(f, REPORT_NORMAL, true), "\033[1;31mopen\033[0m");
    page = json(f);
    has(page, "{\"schema_version\":1,\"target\":\"mx.victim.test:2525\",\"vantage\":\"private\","
              "\"source\":null,\"family\":\"IPv4\","
              "\"verdict\":\"open\",\"reason_code\":\"delivered\",\"reason\":\"because of this\","
              "\"plain_accepted\":\"end-of-data\"");
    has(page, "\"forms\":{\"total\":2,\"refused\":1,\"accepted\":1,\"undecided\":0,\"not_asked\":0,"
              "\"not_applicable\":0,\"list\":[{\"id\":\"S1-R1\"");
    has(page,
        "\"delivered\":true,\"delivered_to\":\"probe+x@canary.test\",\"delivered_after_ms\":214");
    has(page, "\"elapsed_ms\":90000");
    fixture_free(f);
}

static void test_brief(void **state)
{
    struct fixture *f = fixture_new("S1-R1");

    (void)state;
    conclude(f, VERDICT_CLOSED, "relay-denied");
    assert_string_equal(text(f, REPORT_BRIEF, false),
                        "mx.victim.test:2525: closed (asked from a private network)\n");
    fixture_free(f);
}

static void test_not_asked_is_named(void **state)
{
    struct fixture *f = fixture_new("S1-R1,S1-R6,S10-R1,S1-R43");
    const char *page;

    (void)state;
    conclude(f, VERDICT_UNREACHABLE, "connection-refused");
    page = text(f, REPORT_NORMAL, false);
    has(page, "not asked: S1-R1, S1-R6, S1-R43\n");
    has(page, "not applicable (--verbose says why): S10-R1\n");
    lacks(page, "by hand");
    lacks(page, "WARNING");
    has(text(f, REPORT_FULL, false), f->probe.results[2].form.why_not);
    has(json(f), "\"controls\":{\"before\":null,\"after\":null,\"forms\":[{\"id\":\"S1-R43\"");
    fixture_free(f);
}

/* Every verdict with every row of advice: something is always said. */
static void test_advice(void **state)
{
    static const struct {
        enum verdict verdict;
        const char *code, *advice;
    } rows[] = {
        {VERDICT_OPEN, "delivered", "reject_unauth_destination"},
        {VERDICT_BOUNCES, "bounced", "at RCPT"},
        {VERDICT_DISCARDS, "discarded", "--wait"},
        {VERDICT_ACCEPTS, "no-mailbox", "--sink"},
        {VERDICT_ACCEPTS, "control-failed", "own way in"},
        {VERDICT_ACCEPTS, "canary-refused", "canary's side"},
        {VERDICT_ACCEPTS, "window-cut", "whole window"},
        {VERDICT_ACCEPTS, "turned-away", "fewer connections"},
        {VERDICT_INCONCLUSIVE, "greylisted", "--max-time"},
        {VERDICT_INCONCLUSIVE, "deferred", "later"},
        {VERDICT_INCONCLUSIVE, "refused-sender", "--sender"},
        {VERDICT_INCONCLUSIVE, "refused-helo", "--helo"},
        {VERDICT_INCONCLUSIVE, "refused-client", "--source"},
        {VERDICT_INCONCLUSIVE, "tls-required", "TLS"},
        {VERDICT_INCONCLUSIVE, "timeout-rcpt", "--timeout"},
        {VERDICT_INCONCLUSIVE, "max-time", "--max-time"},
        {VERDICT_INCONCLUSIVE, "anything-else", "--transcript"},
        {VERDICT_CLOSED, "relay-denied", "Nothing to mend"},
        {VERDICT_UNREACHABLE, "no-such-name", "Check the name"},
        {VERDICT_UNREACHABLE, "reset", "Check address"},
    };
    struct fixture *f = fixture_new("S1-R1");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        conclude(f, rows[i].verdict, rows[i].code);
        strbuf_reset(&f->out);
        report_advice(&f->out, &f->report);
        has(f->memory, rows[i].advice);
    }
    fixture_free(f);
}

static void test_notes(void **state)
{
    struct fixture *f = fixture_new("S1-R1,S1-R3,S1-R5");
    struct probe *p = &f->probe;
    const char *page;

    (void)state;
    for (size_t i = 1; i < 3; i++) {
        p->results[i].state = FORM_DENIED;
        p->results[i].answer = ANSWER_NONE;
        p->results[i].hang_ups = 2;
    }
    p->target.bare_lf = p->target.helo_used = p->target.quit_unanswered = true;
    p->callout_count = p->callout_kept = 1;
    strcpy(p->callouts[0].recipient, "probe+a@canary.test");
    p->report_count = 3;
    for (int i = 0; i < 3; i++) {
        struct probe_report d = {.form = i, .is_dsn = true, .action = DSN_FAILED};

        strcpy(d.reporting_mta, "mx.victim.test");
        receive_keep_report(p, &d);
    }
    p->canary_count = 1;
    p->controls[0].started = true;
    p->controls[0].id = "control-before";
    p->controls[0].route.family = 4;
    strcpy(p->controls[0].reply, "450 later");
    p->interrupted = true;
    conclude(f, VERDICT_INCONCLUSIVE, "interrupted");
    page = text(f, REPORT_NORMAL, false);
    has(page, "LF alone");
    has(page, "HELO was used");
    has(page, "QUIT was not answered");
    has(page, "a path that cuts can look the same: S1-R3, S1-R5");
    has(page, "Callout: somebody asked our mailbox about <probe+a@canary.test> as <>");
    has(page, "Returned by mx.victim.test: S1-R1; action failed");
    has(page,
        "Backscatter, perhaps taken for local mail: returned by mx.victim.test: S1-R3, S1-R5;");
    has(page, "control-before message did not come home; last reply: 450 later");
    has(page, "Interrupted");
    page = json(f);
    has(page, "\"interrupted\":true");
    has(page, "\"callouts\":1");
    has(page, "\"reports\":[{\"form\":\"S1-R1\",\"action\":\"failed\"");
    fixture_free(f);
}

/* No address to ask: a report without a probe. */
static void test_no_such_name(void **state)
{
    struct fixture *f = fixture_new("S1-R1");
    struct verdict_result verdict = {.verdict = VERDICT_UNREACHABLE,
                                     .reason_code = "no-such-name",
                                     .reason = "the name has no address"};

    (void)state;
    f->report = (struct report){.target = SPAN("nowhere.test"), .verdict = &verdict};
    has(text(f, REPORT_NORMAL, false), "nowhere.test: unreachable\n");
    has(json(f), "\"server\":null");
    has(json(f), "\"vantage\":null");
    fixture_free(f);
}

/* A peer's reply is visible text when it comes here; a user's target may be anything. */
static void test_hostile(void **state)
{
    struct fixture *f = fixture_new("S1-R1");
    struct form_result *r = &f->probe.results[0];

    (void)state;
    answered(f, r, FORM_DENIED, ANSWER_DENIED, STEP_RCPT, "554 \",\"verdict\":\"open\\n");
    conclude(f, VERDICT_CLOSED, "relay-denied");
    f->report.target = SPAN("a\033[2J\nb");
    has(text(f, REPORT_NORMAL, false), "a\\x1b[2J\\nb: closed");
    has(json(f), "\"reply\":\"554 \\\",\\\"verdict\\\":\\\"open\\\\n\"");
    fixture_free(f);
}

/* Everything at its longest fits. */
static void test_largest(void **state)
{
    struct fixture *f = fixture_new("full");
    struct probe *p = &f->probe;

    (void)state;
    for (size_t i = p->result_count; i < FORMS_MAX; i++)
        p->results[i] = p->results[i % p->result_count];
    p->result_count = FORMS_MAX;
    for (size_t i = 0; i < FORMS_MAX; i++) {
        struct form_result *r = &p->results[i];

        char reply[SESSION_REPLY_MAX] = "", home[MAIL_PATH_MAX] = "";

        memset(reply, '"', sizeof(reply) - 1);
        memset(home, '\\', sizeof(home) - 1);
        answered(f, r, FORM_ACCEPTED, ANSWER_ACCEPTED, STEP_END_OF_DATA, reply);
        came_home(f, r, home, 0);
        r->rcpt_accepted = r->delivered = true;
    }
    p->callout_count = p->callout_kept = PROBE_CALLOUTS_MAX;
    for (int i = 0; i < PROBE_CALLOUTS_MAX; i++)
        memset(p->callouts[i].recipient, '\001', sizeof(p->callouts[i].recipient) - 1);
    p->report_count = PROBE_REPORTS_MAX;
    for (int i = 0; i < PROBE_REPORTS_MAX; i++) {
        struct probe_report d = {.form = i};

        memset(d.diagnostic, 'a' + i % 26, sizeof(d.diagnostic) - 1);
        receive_keep_report(p, &d);
    }
    conclude(f, VERDICT_OPEN, "delivered");
    text(f, REPORT_FULL, true);
    json(f);
    fixture_free(f);
}

static void test_quoting(void **state)
{
    static const struct {
        const char *label, *word, *quoted;
    } rows[] = {
        {"plain", "probe+x@canary.test", "probe+x@canary.test"},
        {"empty", "", "''"},
        {"double quotes", "\"x@X\"", "'\"x@X\"'"},
        {"a single quote", "o'x", "'o'\\''x'"},
        {"history", "X!x", "'X!x'"},
        {"command", "$(id)`id`;&|", "'$(id)`id`;&|'"},
        {"angle brackets", "<>", "'<>'"},
        {"brackets", "[10.0.0.1]", "'[10.0.0.1]'"},
    };
    char memory[200];
    struct strbuf out;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strbuf_init(&out, memory, sizeof(memory));
        reproduce_quote(&out, span_of(rows[i].word));
        if (strcmp(memory, rows[i].quoted) != 0)
            fail_msg("%s: %s instead of %s", rows[i].label, memory, rows[i].quoted);
    }
}

static void test_reproduce(void **state)
{
    static const struct {
        const char *form, *has;
        bool whole;
    } rows[] = {
        {"S1-R1", "--quit-after RCPT", false},
        {"S1-R2", "printf '%s\\r\\n' 'EHLO probe.canary.test' 'MAIL FROM:<", false},
        {"S1-R2", " DATA 'Subject: relay test' '' 'relay test' . QUIT | nc -w 30 10.0.0.1 2525",
         true},
        {"S3-R1", "--from '<>' --to probe+", true},
        {"S1-R19", "--to 'canary.test!probe+", true},
        {"S1-R3", "@canary.test\"'", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = fixture_new(rows[i].form);

        f->probe.results[0].rcpt_accepted = rows[i].whole;
        reproduce_line(&f->out, &f->probe, &f->probe.results[0]);
        has(f->memory, rows[i].has);
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),    cmocka_unit_test(test_brief),
        cmocka_unit_test(test_advice),  cmocka_unit_test(test_not_asked_is_named),
        cmocka_unit_test(test_notes),   cmocka_unit_test(test_no_such_name),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_quoting), cmocka_unit_test(test_reproduce),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
