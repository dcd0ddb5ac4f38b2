/*
 * test_soundness.c - whatever server and network do, a verdict never says more than happened
 *
 * For each seed a server, perhaps a next hop, and a network are drawn (random_lab.h), the whole
 * probe runs against them in virtual time, and what the sink received and the server did is
 * compared with what the probe says. The record is our own: raw messages are searched for tokens
 * byte by byte, and what the mocks made themselves (bounces, automatic replies) is known by its own
 * text.
 *
 * RELAYLAB_SEEDS=N runs N seeds (2000), RELAYLAB_SEED=N shows one, with its dialogue. Seeds are
 * dealt out to SHARES processes: this is by far the longest of the unit tests, and under valgrind a
 * second processor would wait for it for minutes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sound_lab.h"

enum { SHARES = 2 };

/* -- what must always hold */

static void complain(struct lab *lab, const char *what, const struct form_result *r)
{
    if (lab->trouble[0] == '\0') {
        (void)snprintf(lab->trouble, sizeof lab->trouble, "%s%s%s", what, r != NULL ? " " : "",
                       r != NULL ? form_id(&r->form).text : "");
    }
}

static void check_form(struct lab *lab, size_t i, enum verdict v)
{
    const struct form_result *r = &lab->probe->results[i];
    const struct form_record *f = &lab->forms[i];
    bool counts = r->form.kind != FORM_CONTROL;
    if (v == VERDICT_CLOSED && lab->probe->config.mailbox && f->copies > 0) {
        complain(lab, "closed, though a message came through", r);
    }
    bool unread = f->visible_ns != 0 && f->copies == 0 && f->visible_ns < lab->probe->window_end_ns;
    if (unread && (v == VERDICT_CLOSED || v == VERDICT_DISCARDS || v == VERDICT_BOUNCES)) {
        complain(lab, "more said than may be, with a message unread in the box", r);
    }
    if (r->delivered && f->copies == 0) {
        complain(lab, "called delivered, nothing came through", r);
    }
    if (counts && f->certain > 0 && v != VERDICT_OPEN && lab->probe->config.mailbox) {
        complain(lab, "not open, though a delivery came through", r);
    }
    if (f->accepted > 1) {
        complain(lab, "more than one accepted message of", r);
    }
    if (r->bounced && f->reports == 0) {
        complain(lab, "called bounced, no report came of", r);
    }
    bool honest = lab->mood < MOOD_LYING;
    if (v == VERDICT_CLOSED && honest && f->taken) {
        complain(lab, "closed, though the server took the recipient of", r);
    }
    bool plain = r == probe_form(lab->probe, SPAN("S1-R1"));
    if (plain && honest && f->ever && lab->probe->verdict.plain_accepted == PLAIN_NO) {
        complain(lab, "never taken, though the server took the recipient of", r);
    }
    if (!counts && r->body_sent) {
        complain(lab, "a message for the control", r);
    }
}

static bool any_copy(const struct lab *lab)
{
    for (size_t i = 0; i < lab->probe->result_count; i++) {
        if (lab->forms[i].copies > 0) {
            return true;
        }
    }
    return false;
}

static unsigned accepted(const struct lab *lab)
{
    unsigned sum = 0;
    for (size_t i = 0; i < lab->probe->result_count; i++) {
        sum += lab->forms[i].accepted;
    }
    return sum;
}

static void check_end(struct lab *lab, const struct probe_config *c)
{
    int64_t longest = c->max_time_ns + c->wait_ns + slack_ns + (lab->stored ? look_ns : 0);
    if (lab->end != SIM_STOPPED || !lab->finished) {
        complain(lab, sim_end_name(lab->end), NULL);
    }
    if (lab->finished_ns - lab->started_ns > longest) {
        complain(lab, "longer than it may take", NULL);
    }
    if (lab->connections > PROBE_SESSIONS_MAX) {
        complain(lab, "too many connections", NULL);
    }
}

static void check_verdict(struct lab *lab)
{
    const struct verdict_result *v = &lab->probe->verdict;
    unsigned sum = v->refused + v->accepted + v->undecided + v->not_asked + v->not_applicable;
    if (v->verdict == VERDICT_OPEN && !any_copy(lab)) {
        complain(lab, "open, and nothing came through", NULL);
    }
    if (v->verdict == VERDICT_DISCARDS && any_copy(lab)) {
        complain(lab, "discards, though something came through", NULL);
    }
    bool settled = v->not_asked + v->undecided == 0;
    if (v->verdict == VERDICT_CLOSED && !settled && strcmp(v->reason_code, "auth-required") != 0) {
        complain(lab, "closed, with forms that have no answer", NULL);
    }
    if (lab->probe->config.max_messages > 0 && accepted(lab) > lab->probe->config.max_messages) {
        complain(lab, "more messages than it may be given", NULL);
    }
    if (sum != v->total) {
        complain(lab, "counts that do not add up", NULL);
    }
    enum verdict expected = lab->target_config.open ? VERDICT_OPEN : VERDICT_CLOSED;
    bool demanded = !lab->target_config.trusts &&
                    (lab->mood == MOOD_PLAIN || lab->mood == MOOD_HEALING);
    if (lab->mood == MOOD_LYING && lab->target_config.open && !lab->target_config.trusts &&
        v->verdict == VERDICT_CLOSED) {
        complain(lab, "open, but for lies about replies, and called closed", NULL);
    }
    if (demanded && v->verdict != expected) {
        complain(lab,
                 lab->target_config.open ? "open at last, and not called so"
                                         : "closed at last, and not called so",
                 NULL);
    }
}

/* The form that the server trusts was asked, and nothing interfered. */
static void check_trusted(struct lab *lab)
{
    const char *id = lab->target_config.shown_by;
    const struct form_result *r = id != NULL ? probe_form(lab->probe, span_of(id)) : NULL;
    bool asked = r != NULL && r->state != FORM_NOT_APPLICABLE;
    bool by_domain = id != NULL && (strcmp(id, "S10-R1") == 0 || strcmp(id, "S1-R1@E5d") == 0);
    bool by_name = id != NULL && strcmp(id, "S1-R1@E5t") == 0;
    asked &= !by_domain || lab->probe->config.local_domain.len > 0; /* else {D} is a guess */
    asked &= !by_name || lab->probe->config.target_name.len > 0;
    if (asked && lab->mood < MOOD_LYING && lab->probe->verdict.verdict != VERDICT_OPEN) {
        complain(lab, "trusted, and not called open:", r);
    }
}

static void check(struct lab *lab, const struct probe_config *config)
{
    check_end(lab, config);
    if (lab->finished) {
        for (size_t i = 0; i < lab->probe->result_count; i++) {
            check_form(lab, i, lab->probe->verdict.verdict);
        }
        check_verdict(lab);
        check_trusted(lab);
    }
}

static void show(const struct lab *lab, uint64_t seed)
{
    const struct verdict_result *v = &lab->probe->verdict;
    printf("seed %u: %s\n  verdict %s, %s: %s\n", (unsigned)seed,
           lab->trouble[0] != '\0' ? lab->trouble : "as it should be", verdict_name(v->verdict),
           v->reason_code, v->reason);
    printf("  max-time %.0f s, wait %.0f s, took %.0f s\n",
           (double)lab->probe->config.max_time_ns / 1e9, (double)lab->probe->config.wait_ns / 1e9,
           (double)(lab->finished_ns - lab->started_ns) / 1e9);
    random_show(&lab->target_config);
}

static struct lab *lab_new(void)
{
    uint8_t secret[TOKEN_SECRET_LEN] = {5};
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    lab->sim = sim_new(&(struct sim_config){.seed = 1, .epoch_s = EPOCH_S});
    lab->probe = calloc(1, sizeof *lab->probe);
    assert_non_null(lab->sim);
    assert_non_null(lab->probe);
    lab->world = sim_world(lab->sim);
    assert_true(token_key_init(&lab->key, secret));
    char why[160];
    struct strbuf error;
    strbuf_init(&error, why, sizeof why);
    lab->tls = tls_client_new(&(struct tls_client_config){.now_s = EPOCH_S}, &error);
    assert_non_null(lab->tls);
    lab->target_at = (struct endpoint){.family = 4, .bytes = {127, 0, 0, 2}, .port = 25};
    lab->hop_at = (struct endpoint){.family = 4, .bytes = {127, 0, 0, 3}, .port = 25};
    lab->sink_at = (struct endpoint){.family = 4, .bytes = {127, 0, 0, 4}, .port = 25};
    return lab;
}

static void lab_free(struct lab *lab)
{
    sim_free(lab->sim);
    token_key_clear(&lab->key);
    tls_free(lab->tls);
    free(lab->probe);
    free(lab);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* True when all holds. */
static bool try_seed(struct lab *lab, uint64_t seed)
{
    struct probe_config config;
    run_seed(lab, seed, &config);
    uint64_t hash = lab->hash;
    check(lab, &config);
    bool well = lab->trouble[0] == '\0';
    if (!well || lab->verbose) {
        show(lab, seed);
    }
    close_run(lab);
    if (well && seed % 4 == 0 && config.tls == NULL) { /* ciphertext has no fixed length */
        run_seed(lab, seed, &config);
        if (lab->hash != hash) {
            printf("seed %u: another run, another hash\n", (unsigned)seed);
            well = false;
        }
        close_run(lab);
    }
    return well;
}

/* From `first` to `last`, `step` apart; how many went wrong. */
static unsigned try_seeds(uint64_t first, uint64_t last, uint64_t step, bool verbose)
{
    struct lab *lab = lab_new();
    unsigned failures = 0;
    lab->verbose = verbose;
    for (uint64_t seed = first; seed <= last && failures < 10; seed += step) {
        failures += !try_seed(lab, seed);
    }
    lab_free(lab);
    return failures;
}

static void verdicts_are_sound(void **state)
{
    uint64_t one = number("RELAYLAB_SEED", 0);
    (void)state;
    if (one != 0) {
        assert_int_equal(try_seeds(one, one, 1, true), 0);
        return;
    }
    pid_t shares[SHARES];
    (void)fflush(stdout);
    for (size_t i = 0; i < SHARES; i++) {
        shares[i] = fork();
        assert_int_not_equal(shares[i], -1);
        if (shares[i] == 0) {
            exit(try_seeds(1 + i, number("RELAYLAB_SEEDS", SEEDS_DEFAULT), SHARES, false) > 0);
        }
    }
    unsigned failures = 0;
    for (size_t i = 0; i < SHARES; i++) {
        int status = -1;
        failures += waitpid(shares[i], &status, 0) != shares[i] || status != 0;
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts_are_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
