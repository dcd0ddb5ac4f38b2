/*
 * test_arrivals.c - what comes home, told apart
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/home/arrivals.h"
#include "tests/unit/probe_lab.h"

static struct lab *lab_quiet(void)
{
    static const struct world_row row = {"quiet", .forms = "S1-R1,S2-R1,S3-R1,S1-R6"};
    return lab_run(&row);
}

struct arrival_row {
    const char *label;
    const char *sender, *recipient; /* {0} {1} recipient tokens of forms 0 and 1, {s} sender token
                                       of form 0 */
    const char *content;
    enum arrival_kind kind;
    int form;
};

static const struct arrival_row arrivals[] = {
    {"by the envelope", "p@a.test", "x+{0}@canary.test", "Subject: a\r\n\r\nb", ARRIVAL_DELIVERY,
     0},
    {"by the envelope, whatever its shape", "p@a.test", "x+{0}%canary.test", "Subject: a\r\n\r\nb",
     ARRIVAL_DELIVERY, 0},
    {"by our field", "p@a.test", "z@canary.test", "X-Relaylab-Token: {0}\r\n\r\nb",
     ARRIVAL_DELIVERY, 0},
    {"by our field, null reverse-path", "", "z@canary.test", "X-Relaylab-Token: {0}\r\n\r\nb",
     ARRIVAL_DELIVERY, 0},
    {"upper case", "p@a.test", "X+{0}@CANARY.TEST", "x-relaylab-TOKEN: {0}\r\n\r\nb",
     ARRIVAL_DELIVERY, 0},
    {"null reverse-path and the envelope alone", "", "x+{0}@canary.test", "Subject: a\r\n\r\nb",
     ARRIVAL_DELIVERY, 0},
    {"null reverse-path, the token in the text", "", "x+{0}@canary.test", "Subject: a\r\n\r\n{0}",
     ARRIVAL_DELIVERY, 0},
    {"null reverse-path, the token quoted", "", "x+{0}@canary.test", "Subject: a\r\n\r\n> {0}",
     ARRIVAL_UNCLEAR, 0},
    {"null reverse-path, the token attached", "", "x+{0}@canary.test",
     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{0}\r\n--b--\r\n",
     ARRIVAL_UNCLEAR, 0},
    {"asked in the recipient's own name: the envelope alone", "m@a.test", "x+{1}@canary.test",
     "Subject: a\r\n\r\nb", ARRIVAL_UNCLEAR, 1},
    {"asked in the recipient's own name: our field", "m@a.test", "x+{1}@canary.test",
     "X-Relaylab-Token: {1}\r\n\r\nb", ARRIVAL_DELIVERY, 1},
    {"a reply to the sender", "m@a.test", "x+{s}@canary.test", "Subject: Re: {0}\r\n\r\nb",
     ARRIVAL_UNCLEAR, 0},
    {"quoted in the body", "m@a.test", "z@canary.test", "Subject: a\r\n\r\n> {0}", ARRIVAL_UNCLEAR,
     0},
    {"a message that carried another, in one piece", "p+{s}@a.test", "x@canary.test",
     "X-Relaylab-Form: S1-R1@E16a\r\n\r\nb\n.\nMAIL FROM:<p+{s}@a.test>\r\n"
     "RCPT TO:<x+{0}@canary.test>\r\nDATA\r\nX-Relaylab-Token: {0}\r\n\r\nb",
     ARRIVAL_UNCLEAR, 0},
    {"our field inside the body", "m@a.test", "z@canary.test",
     "Subject: a\r\n\r\nX-Relaylab-Token: {0}\r\n", ARRIVAL_UNCLEAR, 0},
    {"an auto-reply", "m@a.test", "x+{s}@canary.test", "Auto-Submitted: auto-replied\r\n\r\n> {0}",
     ARRIVAL_REPORT, 0},
    {"an auto-reply with our field in it", "m@a.test", "x+{0}@canary.test",
     "Auto-Submitted: auto-replied\r\nX-Relaylab-Token: {0}\r\n\r\nb", ARRIVAL_REPORT, 0},
    {"a report about nobody we know", "", "x+aaaaaaaaaaaaaaaa@canary.test",
     "Auto-Submitted: auto-replied\r\n\r\nb", ARRIVAL_FORGED, ARRIVAL_NO_FORM},
    {"somebody else's mail", "m@a.test", "x@canary.test", "Subject: a\r\n\r\nb", ARRIVAL_FOREIGN,
     ARRIVAL_NO_FORM},
    {"somebody else's token", "m@a.test", "x+aaaaaaaaaaaaaaaa@canary.test", "Subject: a\r\n\r\nb",
     ARRIVAL_FORGED, ARRIVAL_NO_FORM},
    {"a token that lost a character", "m@a.test", "x+aaaaaaaaaaaaaaa@canary.test",
     "Subject: a\r\n\r\nb", ARRIVAL_FORGED, ARRIVAL_NO_FORM},
    {"a token with a character that none has", "m@a.test", "X+aaaaaaaa1aaaaaaa@Canary.test",
     "Subject: a\r\n\r\nb", ARRIVAL_FORGED, ARRIVAL_NO_FORM},
    {"a tag of the user's own", "m@a.test", "x+news@canary.test", "Subject: a\r\n\r\nb",
     ARRIVAL_FOREIGN, ARRIVAL_NO_FORM},
    {"a tag in another domain", "m@a.test", "x+aaaaaaaaaaaaaaaa@example.test",
     "Subject: a\r\n\r\nb", ARRIVAL_FOREIGN, ARRIVAL_NO_FORM},
    {"a forged field", "m@a.test", "x@canary.test", "X-Relaylab-Token: whatever\r\n\r\nb",
     ARRIVAL_FORGED, ARRIVAL_NO_FORM},
    {"an old token in our field", "m@a.test", "x@canary.test",
     "X-Relaylab-Token: oldoldoldoldoldo\r\n\r\nb", ARRIVAL_REPLAYED, ARRIVAL_NO_FORM},
    {"an old token in the envelope, of a report", "", "x+oldoldoldoldoldo@canary.test",
     "Auto-Submitted: auto-replied\r\n\r\nb", ARRIVAL_REPLAYED, ARRIVAL_NO_FORM},
    {"a forged field, but an envelope of ours", "p@a.test", "x+{0}@canary.test",
     "X-Relaylab-Token: aaaaaaaaaaaaaaaa\r\n\r\nb", ARRIVAL_DELIVERY, 0},
    {"a mailer-daemon's letter, with a reverse-path", "MAILER-DAEMON@mx.victim.test",
     "x+{0}@canary.test",
     "From: MAILER-DAEMON@mx.victim.test\r\nSubject: failure notice\r\n\r\n> {0}", ARRIVAL_REPORT,
     0},
    {"the control", "x@canary.test", "x+{c}@canary.test", "Subject: a\r\n\r\nb", ARRIVAL_CONTROL,
     ARRIVAL_BEFORE},
    {"nothing at all", "", "", "", ARRIVAL_FOREIGN, ARRIVAL_NO_FORM},
};

static void fill_tokens(const struct probe *p, const char *pattern, char *room, size_t cap)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    for (const char *at = pattern; *at != '\0'; at++) {
        if (at[0] != '{') {
            strbuf_addc(&out, *at);
            continue;
        }
        const struct form *f = &p->results[at[1] == '1'].form;
        strbuf_adds(&out, at[1] == 's'   ? form_tokens(f).sender.text
                          : at[1] == 'c' ? p->controls[0].tokens.recipient.text
                                         : form_tokens(f).recipient.text);
        at += 2;
    }
}

static bool knows_old(void *self, struct span token, struct strbuf *whose)
{
    (void)self;
    strbuf_adds(whose, "run 1");
    return span_equal(token, SPAN("oldoldoldoldoldo"));
}

static void arrivals_are_told_apart(void **state)
{
    struct lab *lab = lab_quiet();
    lab->probe->config.earlier.known = knows_old;
    (void)state;
    for (size_t i = 0; i < COUNT(arrivals); i++) {
        char to[256], content[512];
        struct arrival a;
        fill_tokens(lab->probe, arrivals[i].recipient, to, sizeof(to));
        fill_tokens(lab->probe, arrivals[i].content, content, sizeof(content));
        struct span recipient = span_of(to);
        struct mail_view mail = {span_of(arrivals[i].sender), &recipient, 1, span_of(content)};
        arrival_judge(lab->probe, &mail, &a);
        if (a.kind != arrivals[i].kind || a.form != arrivals[i].form) {
            fail_msg("%s: kind %d, form %d", arrivals[i].label, (int)a.kind, a.form);
        }
    }
    struct mail_view nobody = {span_of(""), NULL, 0, span_of("")};
    struct arrival a;
    arrival_judge(lab->probe, &nobody, &a);
    assert_int_equal(a.kind, ARRIVAL_FOREIGN);
    lab_free(lab);
}

static enum arrival_kind kind_of(const struct probe *p, const char *token, size_t len, int *form)
{
    char to[64], content[64];
    struct strbuf text, address;
    struct arrival a;
    strbuf_init(&address, to, sizeof(to));
    strbuf_init(&text, content, sizeof(content));
    strbuf_addf(&address, "x+%.*s@canary.test", (int)len, token);
    strbuf_addf(&text, "X-Relaylab-Token: %.*s\r\n\r\nb", (int)len, token);
    struct span recipient = strbuf_span(&address);
    struct mail_view mail = {SPAN("m@a.test"), &recipient, 1, strbuf_span(&text)};
    arrival_judge(p, &mail, &a);
    *form = a.form;
    return a.kind;
}

/* Every token is its form's and nobody else's; one character more, less or other, and it is
 * nobody's. Tokens of another secret, target or run are other tokens. */
static void a_token_is_all_or_nothing(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct lab *lab = lab_quiet();
    const struct probe *p = lab->probe;
    int form;
    (void)state;
    for (size_t i = 0; i < p->result_count; i++) {
        char token[TOKEN_LEN + 2] = "";
        memcpy(token, form_tokens(&p->results[i].form).recipient.text, TOKEN_LEN);
        assert_int_equal(kind_of(p, token, TOKEN_LEN, &form), ARRIVAL_DELIVERY);
        assert_int_equal(form, (int)i);
        for (size_t at = 0; at < TOKEN_LEN; at++) {
            char kept = token[at];
            assert_int_equal(kind_of(p, token, at, &form),
                             at == 0 ? ARRIVAL_FOREIGN : ARRIVAL_FORGED);
            for (size_t k = 0; letters[k] != '\0'; k++) {
                token[at] = letters[k];
                enum arrival_kind kind = kind_of(p, token, TOKEN_LEN, &form);
                assert_int_equal(kind, letters[k] == kept ? ARRIVAL_DELIVERY : ARRIVAL_FORGED);
            }
            token[at] = kept;
        }
        token[TOKEN_LEN] = 'a';
        assert_int_equal(kind_of(p, token, TOKEN_LEN + 1, &form), ARRIVAL_FORGED);
        const struct token_pair own = form_tokens(&p->results[i].form);
        const char *sender = own.sender.text;
        assert_int_not_equal(kind_of(p, sender, TOKEN_LEN, &form), ARRIVAL_DELIVERY);
    }
    lab_free(lab);
}

static void a_report_is_the_target_s_or_not(void **state)
{
    static const struct {
        const char *reporting, *remote, *diagnostic;
        bool by_target, canary_side;
    } reports[] = {
        {"mx.victim.test", "", "550 5.1.1 no", true, false},
        {"MX.VICTIM.TEST", "", "X-Unix; no such user", true, false},
        {"", "", "550 no", true, false},
        {"mx.victim.test", "mx.victim.test", "550 no", true, false},
        {"mx.victim.test", "sink.canary.test", "550 no", false, true},
        {"mx.victim.test", "", "host sink.canary.test[192.0.2.9] said: 550 no", false, true},
        {"mx.victim.test", "", "Remote host said: 550 no", false, true},
        {"smarthost.example.test", "", "550 no", false, false},
        {"smarthost.example.test", "sink.canary.test", "550 no", false, true},
    };
    struct lab *lab = lab_quiet();
    (void)state;
    for (size_t i = 0; i < COUNT(reports); i++) {
        struct probe_report report;
        struct arrival a = {.kind = ARRIVAL_REPORT, .form = 0};
        a.report.is_report = a.report.is_dsn = true;
        a.report.action = DSN_FAILED;
        a.report.reporting_mta = span_of(reports[i].reporting);
        a.report.remote_mta = span_of(reports[i].remote);
        a.report.diagnostic = span_of(reports[i].diagnostic);
        arrival_read_report(lab->probe, &a, &report);
        assert_int_equal(report.by_target, reports[i].by_target);
        assert_int_equal(report.canary_side, reports[i].canary_side);
        a.report.action = DSN_DELAYED;
        arrival_read_report(lab->probe, &a, &report);
        assert_false(report.by_target || report.canary_side);
    }
    lab_free(lab);
}

/* A letter in plain words counts as a DSN does. */
static void a_letter_is_the_target_s_or_not(void **state)
{
    static const struct {
        const char *reporting, *words;
        bool by_target, canary_side;
    } letters[] = {
        {"", "no such user", true, false},
        {"mx.victim.test", "no such user", true, false},
        {"victim.test", "no such user", true, false},
        {"ictim.test", "no such user", false, false},
        {"smarthost.example.test", "no such user", false, false},
        {"victim.test", "host sink.canary.test said: 550", false, true},
        {"victim.test", "error from remote server", false, true},
    };
    struct lab *lab = lab_quiet();
    (void)state;
    for (size_t i = 0; i < COUNT(letters); i++) {
        struct probe_report report;
        struct arrival a = {.kind = ARRIVAL_REPORT, .form = 0};
        a.report.is_report = a.report.failed_in_words = true;
        a.report.reporting_mta = span_of(letters[i].reporting);
        a.report.words = span_of(letters[i].words);
        arrival_read_report(lab->probe, &a, &report);
        assert_true(report.in_words);
        if (report.by_target != letters[i].by_target ||
            report.canary_side != letters[i].canary_side) {
            fail_msg("%s, %s", letters[i].reporting, letters[i].words);
        }
        a.report.failed_in_words = false;
        arrival_read_report(lab->probe, &a, &report);
        assert_false(report.by_target || report.canary_side);
    }
    lab_free(lab);
}

static void callouts_and_refusals_are_noted(void **state)
{
    static const struct world_row row = {"wait",
                                         .rules = {ACCEPT_RCPT, AT_DOT("250 2.0.0 Ok", FATE_NONE)}};
    struct lab *lab = lab_run(&row);
    char to[64];
    (void)state;
    fill_tokens(lab->probe, "x+{0}@canary.test", to, sizeof(to));
    probe_callout(lab->probe, span_of(""), span_of(to));
    probe_callout(lab->probe, span_of("m@a.test"), span_of("z@canary.test\x01"));
    assert_int_equal(lab->probe->callout_count, 2);
    assert_int_equal(lab->probe->callouts[0].form, 0);
    assert_int_equal(lab->probe->callouts[1].form, -1);
    assert_string_equal(lab->probe->callouts[1].recipient, "z@canary.test\\x01");
    for (unsigned i = 0; i < 2 * PROBE_CALLOUTS_MAX; i++) {
        probe_callout(lab->probe, span_of(""), span_of(to));
    }
    probe_canary_refused(lab->probe, span_of("z@canary.test"), span_of("550 no"));
    assert_false(lab->probe->canary_refused);
    probe_canary_refused(lab->probe, span_of(to), span_of("550 no"));
    assert_true(lab->probe->canary_refused);
    const struct probe *p = lab->probe;
    assert_true(span_equal(evidence_plain(&p->evidence, p->canary_refusal), SPAN("550 no")));
    struct verdict_facts facts;
    lab->probe->window_whole = true;
    probe_facts(lab->probe, &facts);
    assert_true(facts.window_whole);
    probe_canary_refused(lab->probe, SPAN(""), span_of("501 5.1.3 Bad forward-path"));
    probe_facts(lab->probe, &facts);
    assert_false(facts.turned_away);
    probe_canary_refused(lab->probe, (struct span){NULL, 0}, span_of("(too many sessions)"));
    probe_facts(lab->probe, &facts);
    assert_true(facts.turned_away);
    assert_true(facts.window_whole);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals_are_told_apart),
        cmocka_unit_test(a_token_is_all_or_nothing),
        cmocka_unit_test(a_report_is_the_target_s_or_not),
        cmocka_unit_test(a_letter_is_the_target_s_or_not),
        cmocka_unit_test(callouts_and_refusals_are_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
