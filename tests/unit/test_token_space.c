/*
 * test_token_space.c - every valid token is taken; every change of one character, every
 * truncation, every swap between forms, targets or runs, and every other secret is refused
 *
 * Asked three ways: of the tokens themselves, of a running probe that is shown mail, and of a
 * ledger that is asked whose a token is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "drive/ledger/ledger_memory.h"
#include "probe/home/arrivals.h"
#include "probe/home/collect.h"
#include "tests/unit/probe_lab.h"

/* What may stand in a token, and some of what may not. */
static const char characters[] = "abcdefghijklmnopqrstuvwxyz234567018 -.+@\r\n\x80";

/* -- every change of a token, one after the other */

enum {
    CHARACTERS = sizeof(characters) - 1,
    REPLACED = TOKEN_LEN * CHARACTERS,
    CUT_END = TOKEN_LEN, /* the first 0 to 15 characters */
    CUT_BEGIN = TOKEN_LEN,
    LONGER = 2 * CHARACTERS,
    LEFT_OUT = TOKEN_LEN,
    TURNED = TOKEN_LEN - 1, /* neighbours that changed places */
    CHANGES = REPLACED + CUT_END + CUT_BEGIN + LONGER + LEFT_OUT + TURNED
};

/* A character before or after that could be part of none leaves the token whole. */
static bool lengthen(const char *token, unsigned n, char out[TOKEN_LEN + 2])
{
    char c = characters[n / 2];
    bool before = n % 2 == 0;
    memcpy(out + before, token, TOKEN_LEN);
    out[before ? 0 : TOKEN_LEN] = c;
    out[TOKEN_LEN + 1] = '\0';
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

/* The nth change; false: it changes nothing. */
static bool change(const char *token, unsigned n, char out[TOKEN_LEN + 2])
{
    strcpy(out, token);
    if (n < REPLACED) {
        out[n / CHARACTERS] = characters[n % CHARACTERS];
        return out[n / CHARACTERS] != token[n / CHARACTERS];
    }
    n -= REPLACED;
    if (n < CUT_END) {
        out[n] = '\0';
        return true;
    }
    n -= CUT_END;
    if (n < CUT_BEGIN) {
        memmove(out, token + n + 1, TOKEN_LEN - n);
        return true;
    }
    n -= CUT_BEGIN;
    if (n < LONGER) {
        return lengthen(token, n, out);
    }
    n -= LONGER;
    if (n < LEFT_OUT) {
        memmove(out + n, token + n + 1, TOKEN_LEN - n);
        return true;
    }
    n -= LEFT_OUT;
    out[n] = token[n + 1];
    out[n + 1] = token[n];
    return token[n] != token[n + 1];
}

/* -- tokens among themselves: runs, targets, forms, roles, secrets */

static void no_token_is_another_s(void **state)
{
    enum { SECRETS = 2, RUNS = 3, TARGETS = 3, FORMS = 5, ALL = SECRETS * RUNS * TARGETS * FORMS };
    static const char *const runs[RUNS] = {"3f9a", "3f9a-2", "3f9b"};
    static const char *const targets[TARGETS] = {"192.0.2.1:25", "192.0.2.1:2", "[2001:db8::1]:25"};
    static const char *const forms[FORMS] = {"S1-R1", "S1-R10", "S2-R1", "S1-R1.2",
                                             "control-before"};
    static struct token_pair pairs[ALL];
    size_t count = 0;
    (void)state;
    for (unsigned i = 0; i < SECRETS * RUNS * TARGETS; i++) {
        uint8_t secret[TOKEN_SECRET_LEN] = {1};
        char memory[64];
        struct strbuf input;
        struct token_key key;
        secret[TOKEN_SECRET_LEN - 1] = (uint8_t)(i % SECRETS);
        strbuf_init(&input, memory, sizeof(memory));
        strbuf_addf(&input, "%s|%s", runs[i / SECRETS % RUNS], targets[i / SECRETS / RUNS]);
        assert_true(token_key_init(&key, secret));
        for (unsigned f = 0; f < FORMS; f++) {
            token_make(&key, strbuf_span(&input), span_of(forms[f]), &pairs[count++]);
        }
        token_key_clear(&key);
    }
    for (size_t i = 0; i < count; i++) {
        assert_false(token_equal(&pairs[i].sender, span_of(pairs[i].recipient.text)));
        for (size_t j = 0; j < count; j++) {
            bool same = i == j;
            assert_int_equal(token_equal(&pairs[i].sender, span_of(pairs[j].sender.text)), same);
            assert_int_equal(token_equal(&pairs[i].recipient, span_of(pairs[j].recipient.text)),
                             same);
            assert_false(token_equal(&pairs[i].sender, span_of(pairs[j].recipient.text)));
        }
    }
}

/* -- a probe that is shown mail */

enum place { IN_FIELD, IN_ENVELOPE, PLACES };

static void judge(const struct lab *lab, enum place place, const char *token, struct arrival *out)
{
    char content[256], to[128];
    struct strbuf text, address;
    strbuf_init(&text, content, sizeof(content));
    strbuf_init(&address, to, sizeof(to));
    strbuf_addf(&text, "Subject: a\r\n%s%s\r\n\r\nb\r\n",
                place == IN_FIELD ? MAIL_TOKEN_HEADER ": " : "X: ",
                place == IN_FIELD ? token : "b");
    strbuf_addf(&address, "x+%s@canary.test", place == IN_ENVELOPE ? token : "none");
    struct span recipient = strbuf_span(&address);
    struct mail_view mail = {SPAN("p@a.test"), &recipient, 1, strbuf_span(&text)};
    arrival_judge(lab->probe, &mail, out);
}

static struct lab *lab_all_forms(void)
{
    static const struct world_row row = {"all forms", .forms = "full"};
    return lab_run(&row);
}

static void a_probe_takes_its_own_tokens_only(void **state)
{
    struct lab *lab = lab_all_forms();
    const struct probe *p = lab->probe;
    (void)state;
    unsigned looked_at = 0;
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        const struct token_pair own = form_tokens(&r->form);
        const char *token = own.recipient.text;
        if (!r->form.applicable || r->form.kind == FORM_CONTROL) {
            continue;
        }
        looked_at++;
        for (int place = 0; place < PLACES; place++) {
            struct arrival a;
            bool own_name = place == IN_ENVELOPE && strstr(r->form.sender->template, "{x}") != NULL;
            judge(lab, (enum place)place, token, &a);
            assert_int_equal(a.form, i);
            assert_int_equal(a.kind, own_name ? ARRIVAL_UNCLEAR : ARRIVAL_DELIVERY);
            judge(lab, (enum place)place, own.sender.text, &a);
            assert_int_not_equal(a.kind, ARRIVAL_DELIVERY);
            for (unsigned n = 0; n < CHANGES; n++) {
                char changed[TOKEN_LEN + 2];
                if (!change(token, n, changed)) {
                    continue;
                }
                judge(lab, (enum place)place, changed, &a);
                if (a.kind == ARRIVAL_DELIVERY || a.kind == ARRIVAL_CONTROL || a.form >= 0) {
                    fail_msg("%s, place %d, change %u: %s", form_id(&r->form).text, place, n,
                             changed);
                }
            }
        }
    }
    assert_true(looked_at > 15);
    lab_free(lab);
}

static void a_probe_refuses_other_runs_targets_and_secrets(void **state)
{
    static const struct {
        const char *label, *target;
        uint8_t secret;
    } others[] = {
        {"another run", "another test|192.0.2.1:25", 7},
        {"another target", "a test|192.0.2.2:25", 7},
        {"another port", "a test|192.0.2.1:26", 7},
        {"another secret", "a test|192.0.2.1:25", 8},
    };
    struct lab *lab = lab_all_forms();
    (void)state;
    for (size_t n = 0; n < COUNT(others); n++) {
        uint8_t secret[TOKEN_SECRET_LEN] = {others[n].secret};
        struct token_key key;
        assert_true(token_key_init(&key, secret));
        for (size_t i = 0; i < lab->probe->result_count; i++) {
            struct token_pair pair;
            struct arrival a;
            token_make(&key, span_of(others[n].target),
                       span_of(form_id(&lab->probe->results[i].form).text), &pair);
            for (int place = 0; place < PLACES; place++) {
                judge(lab, (enum place)place, pair.recipient.text, &a);
                if (a.kind != ARRIVAL_FORGED || a.form != ARRIVAL_NO_FORM) {
                    fail_msg("%s: form %zu, kind %d", others[n].label, i, (int)a.kind);
                }
            }
        }
        token_key_clear(&key);
    }
    lab_free(lab);
}

/* -- a ledger */

static void a_ledger_knows_its_own_tokens_only(void **state)
{
    static const char *const runs[] = {"run-a", "run-b"};
    static const char *const forms[] = {"S1-R1", "S1-R2"};
    struct ledger_memory *m = ledger_memory_new();
    struct ledger l = ledger_memory_ledger(m);
    struct ledger_reader r = ledger_memory_reader(m);
    struct token_pair pairs[4], unsent;
    struct token_key key;
    (void)state;
    assert_true(token_key_init(&key, (const uint8_t[TOKEN_SECRET_LEN]){9}));
    for (size_t i = 0; i < 4; i++) {
        struct ledger_run run = {.run = span_of(runs[i / 2])};
        struct ledger_message message = {
            .run = span_of(runs[i / 2]), .form = span_of(forms[i % 2]), .tokens = &pairs[i]};
        token_make(&key, span_of(runs[i / 2]), span_of(forms[i % 2]), &pairs[i]);
        assert_true(l.ops->run(l.self, &run) && l.ops->message(l.self, &message));
    }
    for (unsigned i = 0; i < 8; i++) {
        const struct token_pair *pair = &pairs[i / 2];
        const char *token = i % 2 == 0 ? pair->sender.text : pair->recipient.text;
        struct ledger_match match;
        assert_int_equal(r.ops->token(r.self, span_of(token), &match), LEDGER_FOUND);
        assert_string_equal(match.run, runs[i / 4]);
        assert_string_equal(match.form, forms[i / 2 % 2]);
        assert_int_equal(match.role, i % 2 == 0 ? LEDGER_SENDER : LEDGER_RECIPIENT);
        for (unsigned n = 0; n < CHANGES; n++) {
            char changed[TOKEN_LEN + 2];
            if (change(token, n, changed)) {
                assert_int_equal(r.ops->token(r.self, span_of(changed), &match), LEDGER_UNKNOWN);
            }
        }
    }
    token_make(&key, SPAN("run-a"), SPAN("S1-R3"), &unsent); /* valid, and never sent */
    struct ledger_match match;
    assert_int_equal(r.ops->token(r.self, span_of(unsent.recipient.text), &match), LEDGER_UNKNOWN);
    token_key_clear(&key);
    ledger_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_token_is_another_s),
        cmocka_unit_test(a_probe_takes_its_own_tokens_only),
        cmocka_unit_test(a_probe_refuses_other_runs_targets_and_secrets),
        cmocka_unit_test(a_ledger_knows_its_own_tokens_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
