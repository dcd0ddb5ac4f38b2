/*
 * Rows of rules and what a session then hears: the whole dialogue, and the rules that fired.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/mock_lab.h"

struct row {
    const char *label;
    const char *yaml;
    const char *say[LAB_SAY_MAX];
    const char *replies; /* the codes heard, in order; "-" at the end when the server ended the
                            session */
    const char *has;     /* somewhere in the dialogue; NULL: not asked */
};

#define HELLO "EHLO c.example.test"
#define FROM "MAIL FROM:<a@example.test>"
#define LOCAL "RCPT TO:<postmaster@victim.test>"
#define FOREIGN "RCPT TO:<probe@canary.test>"

static const struct row rows[] = {
    {"defaults of a closed server",
     "hostname: mx.victim.test\nusers: [anna]\n",
     {HELLO, FROM, "RCPT TO:<Anna@VICTIM.test>", "RCPT TO:<bob@victim.test>", FOREIGN,
      "RCPT TO:<postmaster>", "DATA", "=Subject: x\r\n\r\nx\r\n", "RSET", "NOOP", "VRFY anna",
      "AUTH PLAIN", "STARTTLS", "FOO", "QUIT", NULL},
     "220 250 250 250 550 554 250 354 250 250 250 252 503 454 500 221",
     "<bob@victim.test>: Recipient address rejected: User unknown"},
    {"no name, no domain",
     "users: [anna]\n",
     {HELLO, FROM, "RCPT TO:<anna>", NULL},
     "220 250 250 554",
     "<anna>: Relay access denied"},
    {"the gates",
     "hostname: mx.victim.test\n",
     {FROM, HELLO, FOREIGN, "DATA", FROM, FROM, "DATA", "MAIL FRM:<x>", NULL},
     "220 250 250 503 503 250 503 554 501",
     "need MAIL command"},
    {"a source route is never local",
     "{}\n",
     {HELLO, FROM, "RCPT TO:<@x.example.test:anna@victim.test>", NULL},
     "220 250 250 554",
     NULL},
    {"BDAT takes what DATA would",
     "extensions: [CHUNKING]\n",
     {HELLO, FROM, LOCAL, "+Subject: x\r\n\r\n.\r\n", FROM, LOCAL, "DATA",
      "=Subject: x\r\n\r\nx\r\n", NULL},
     "220 250 250 250 250 250 250 354 250",
     "Ok: queued as "},
    {"BDAT is not offered",
     "{}\n",
     {HELLO, FROM, LOCAL, "+x\r\n", FROM, NULL},
     "220 250 250 250 502 250",
     NULL},
    {"BDAT without a recipient",
     "extensions: [CHUNKING]\n",
     {HELLO, FROM, FOREIGN, "+x\r\n", "RSET", NULL},
     "220 250 250 554 554 250",
     "no valid recipients"},
    {"a rule at DATA alone lets BDAT through",
     "extensions: [CHUNKING]\nrules:\n- {at: DATA, reply: 554 5.7.1 no}\n",
     {HELLO, FROM, LOCAL, "DATA", "+x\r\n", NULL},
     "220 250 250 250 554 250",
     NULL},
    {"a rule at BDAT takes the last chunk",
     "extensions: [CHUNKING]\nrules:\n- {at: BDAT, when: {arg: '* LAST'}, reply: 554 5.7.1 no}\n",
     {HELLO, FROM, LOCAL, "+x\r\n", "DATA", NULL},
     "220 250 250 250 554 503",
     NULL},
    {"a rule at end-of-data takes it, too",
     "extensions: [CHUNKING]\nrules:\n- {at: end-of-data, reply: 554 5.7.1 no}\n",
     {HELLO, FROM, LOCAL, "+x\r\n", NULL},
     "220 250 250 250 554",
     NULL},
    {"the first match wins",
     "rules:\n- {at: RCPT, when: {to_domain: not-local}, reply: 250 2.1.5 Ok}\n"
     "- {at: RCPT, reply: 450 4.1.1 no}\n",
     {HELLO, FROM, FOREIGN, LOCAL, NULL},
     "220 250 250 250 450",
     NULL},
    {"continue goes on, the rest decides",
     "rules:\n- {at: RCPT, delay: 10s, continue: true, log: slow}\n"
     "- {at: RCPT, reply: 450 4.1.1 no}\n",
     {HELLO, FROM, FOREIGN, NULL},
     "220 250 250 450",
     NULL},
    {"templates",
     "rules:\n- {at: RCPT, reply: '550 5.7.1 "
     "${rcpt} ${sender} ${helo} ${hostname} ${client} ${domain}'}\n",
     {HELLO, FROM, FOREIGN, NULL},
     "220 250 250 550",
     "probe@canary.test a@example.test c.example.test mx.victim.test 127.0.0.1 canary.test"},
    {"nth command",
     "rules:\n- {at: RCPT, nth: {of: command, is: 2}, reply: 450 4.1.1 second}\n",
     {HELLO, FROM, FOREIGN, FOREIGN, FOREIGN, NULL},
     "220 250 250 554 450 554",
     NULL},
    {"nth transaction",
     "rules:\n- {at: MAIL, nth: {of: transaction, is: 2..}, reply: 450 4.7.1 one a session}\n",
     {HELLO, FROM, "RSET", FROM, NULL},
     "220 250 250 250 450",
     NULL},
    {"times",
     "rules:\n- {at: RCPT, times: 2, reply: 450 4.1.1 twice}\n",
     {HELLO, FROM, FOREIGN, FOREIGN, FOREIGN, NULL},
     "220 250 250 450 450 554",
     NULL},
    {"after an earlier reply",
     "rules:\n- at: RCPT\n  when: {after: {at: RCPT, replied: 554}}\n"
     "  reply: 421 4.7.0 enough\n",
     {HELLO, FROM, FOREIGN, LOCAL, "NOOP", NULL},
     "220 250 250 554 421 -",
     NULL},
    {"close without a word",
     "rules:\n- {at: RCPT, then: close}\n",
     {HELLO, FROM, FOREIGN, "NOOP", NULL},
     "220 250 250 -",
     NULL},
    {"a 421 behind the reply",
     "rules:\n- {at: RCPT, reply: 550 5.7.1 no, then: 421}\n",
     {HELLO, FROM, FOREIGN, "NOOP", "NOOP", NULL},
     "220 250 250 550 421 -",
     NULL},
    {"the error limit speaks after its reply",
     "errors_max: 2\n",
     {HELLO, FROM, FOREIGN, FOREIGN, "NOOP", "NOOP", NULL},
     "220 250 250 554 554 421 -",
     "too many errors"},
    {"rules override the gates",
     "rules:\n- {at: RCPT, reply: 250 2.1.5 Ok}\n- {at: DATA, reply: 354 go}\n",
     {"RCPT TO:<x@y.example.test>", "DATA", "=x\r\n", NULL},
     "220 250 354 250",
     "queued as"},
    {"EHLO refused",
     "rules:\n- {at: EHLO, reply: 502 5.5.1 no}\n",
     {HELLO, "HELO c.example.test", FROM, NULL},
     "220 502 250 250",
     NULL},
    {"several lines",
     "rules:\n- {at: banner, reply: [220-one, 220-two, 220 three]}\n",
     {"NOOP", NULL},
     "220 250",
     "220-one / 220-two / 220 three"},
    {"shape",
     "rules:\n- {at: RCPT, when: {shape: percent}, reply: 250 2.1.5 Ok}\n",
     {HELLO, FROM, "RCPT TO:<probe%canary.test@victim.test>", FOREIGN, NULL},
     "220 250 250 250 554",
     NULL},
    {"content of the message",
     "rules:\n- {at: end-of-data, when: {content: '*viagra*'}, reply: 554 5.7.1 spam}\n",
     {HELLO, FROM, LOCAL, "DATA", "=Subject: x\r\n\r\nbuy Viagra now\r\n", FROM, LOCAL, "DATA",
      "=\r\nhello\r\n", NULL},
     "220 250 250 250 354 554 250 250 354 250",
     NULL},
    {"seen triplets",
     "rules:\n- {at: RCPT, when: {seen: false}, reply: 450 4.2.0 greylisted}\n",
     {HELLO, FROM, LOCAL, LOCAL, "RSET", FROM, LOCAL, NULL},
     "220 250 250 450 450 250 250 250",
     NULL},
    {"declared size",
     "message_max: 1000\n",
     {HELLO, FROM " SIZE=1001", FROM " SIZE=1000", NULL},
     "220 250 552 250",
     NULL},
    {"real size",
     "message_max: 8\n",
     {HELLO, FROM, LOCAL, "DATA", "=123456789\r\n", NULL},
     "220 250 250 250 354 552",
     NULL},
};

/* "S: 250-x / 250 y" gives 250. */
static void codes_of(const struct lab *lab, char *out, size_t cap)
{
    struct strbuf codes;
    struct span rest = strbuf_span(&lab->text);
    struct span line;
    strbuf_init(&codes, out, cap);
    while (span_cut(&rest, '\n', &line)) {
        if (span_starts(line, SPAN("S: "))) {
            strbuf_adds(&codes, codes.len == 0 ? "" : " ");
            strbuf_add(&codes, span_to(span_from(line, 3), 3));
        }
    }
    if (lab->client.over &&
        (lab->client.outcome == OUTCOME_CLOSED || lab->client.outcome == OUTCOME_RESET)) {
        strbuf_adds(&codes, " -");
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct lab *lab = lab_new(row->yaml, NULL);
        char codes[256];
        (void)lab_talk(lab, row->say, 10 * CLOCK_MINUTE);
        codes_of(lab, codes, sizeof codes);
        if (strcmp(codes, row->replies) != 0 ||
            (row->has != NULL &&
             span_find(strbuf_span(&lab->text), span_of(row->has)) == SIZE_MAX)) {
            fail_msg("%s: wanted %s, %s\n%s", row->label, row->replies,
                     row->has == NULL ? "" : row->has, lab->text_memory);
        }
        lab_free(lab);
    }
}

/* Each row: a session that reaches a limit, and what it hears. */
static void test_limits(void **state)
{
    static const struct {
        const char *label;
        struct mock_limits limits;
        const char *yaml;
        const char *say[LAB_SAY_MAX];
        const char *replies;
    } limit_rows[] = {
        {"content of all messages",
         {.content_max = 20},
         "{}\n",
         {HELLO, FROM, LOCAL, "DATA", "=12345678901234567890\r\n", FROM, LOCAL, "DATA", "=x\r\n",
          NULL},
         "220 250 250 250 354 452 250 250 354 250"},
        {"messages in the queue",
         {.queue_max = 1},
         "rules:\n- {at: RCPT, reply: 250 Ok, fate: {do: hold, after: 1h}}\n",
         {HELLO, FROM, FOREIGN, "DATA", "=x\r\n", FROM, FOREIGN, "DATA", "=x\r\n", NULL},
         "220 250 250 250 354 250 250 250 354 452"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof limit_rows / sizeof *limit_rows; i++) {
        struct lab *lab = lab_new_limited(limit_rows[i].yaml, NULL, &limit_rows[i].limits);
        char codes[256];
        (void)lab_talk(lab, limit_rows[i].say, CLOCK_MINUTE);
        codes_of(lab, codes, sizeof codes);
        if (strcmp(codes, limit_rows[i].replies) != 0) {
            fail_msg("%s: got %s\n%s", limit_rows[i].label, codes, lab->text_memory);
        }
        lab_free(lab);
    }
}

/* The session beyond the limit hears 421; the first goes on. */
static void test_sessions_max(void **state)
{
    static const char *const waits[] = {"@1min", NULL}, *const asks[] = {"NOOP", "NOOP", NULL};
    struct mock_limits limits = {.sessions_max = 1};
    struct lab *lab = lab_new_limited("{}\n", NULL, &limits);
    char codes[64];
    (void)state;
    (void)lab_talk(lab, waits, CLOCK_SECOND);
    assert_false(lab->client.over);
    struct lab_client *second = calloc(1, sizeof *second);
    assert_non_null(second);
    *second = (struct lab_client){.lab = lab, .say = asks};
    smtp_client_init(&second->client, &lab_script, second, &smtp_timeouts_rfc5321,
                     world_now(lab->world), CLOCK_NEVER);
    assert_non_null(
        world_connect(lab->world, NULL, &lab->mx.at, smtp_client_machine(&second->client)));
    strbuf_reset(&lab->text);
    (void)sim_run(lab->sim, world_now(lab->world) + CLOCK_SECOND);
    codes_of(lab, codes, sizeof codes);
    assert_string_equal(codes, "421");
    assert_true(second->over);
    assert_false(lab->client.over);
    lab_free(lab);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_sessions_max)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
