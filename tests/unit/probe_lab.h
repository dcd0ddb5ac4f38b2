/*
 * probe_lab.h - a probe, a scripted server and the canary's mailbox in one simulated world, for
 * tests
 *
 * Include after cmocka.h.
 */
#ifndef RELAYLAB_TESTS_PROBE_LAB_H
#define RELAYLAB_TESTS_PROBE_LAB_H

#include <stdlib.h>

#include "drive/ledger/ledger_memory.h"
#include "probe/report/report.h"
#include "tests/unit/fake_mx.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Rules: what is said at an event, always or once, then perhaps an end; and what becomes of a
 * message. */
#define RULE(e, g, f, t, r, th, ...)                                                            \
    {                                                                                           \
        .at = (e), .glob = (g), .from = (f), .to = (t), .reply = (r), .then = (th), __VA_ARGS__ \
    }
#define SAY_TO(at, glob, reply) RULE(at, glob, 0, 0, reply, THEN_GO_ON, .fate = FATE_NONE)
#define SAY(at, reply) SAY_TO(at, NULL, reply)
#define EVER(at, reply, then) RULE(at, NULL, 0, 0, reply, then, .fate = FATE_NONE)
#define ONCE(at, reply, then) RULE(at, NULL, 1, 1, reply, then, .fate = FATE_NONE)
#define CLOSE_AT(at, glob) RULE(at, glob, 0, 0, NULL, THEN_CLOSE, .fate = FATE_NONE)
#define AT_DOT(reply, f) RULE(AT_END_OF_DATA, NULL, 0, 0, reply, THEN_GO_ON, .fate = (f))
#define ACCEPT_RCPT SAY(AT_RCPT, "250 2.1.5 Ok")
#define GREY SAY(AT_RCPT, "450 4.2.0 Greylisted")

enum {
    NO_BOX = 1,
    NO_TARGET = 2,
    NO_DOMAIN = 4,
    LOSE_BEFORE = 8,
    LOSE_AFTER = 16,
    EXHAUSTIVE = 32
};

struct world_row {
    const char *label;
    enum verdict verdict;
    const char *code;
    unsigned sessions; /* 0: any */
    struct fake_rule rules[FAKE_RULES_MAX];
    const char *forms; /* NULL: the plain one */
    unsigned options;
    int64_t interrupt_ns; /* 0: never */
    int64_t max_time_ns;  /* 0: the default */
    unsigned data;        /* DATA commands */
    size_t memory_max;    /* 0: as much as there is */
};

struct lab {
    struct sim *sim;
    struct probe *probe;
    struct fake_mx mx, canary;
    struct token_key key;
    struct ledger_memory *ledger;
    struct world_timer interrupt;
    bool finished;
};

static void on_finished(void *self, const struct probe *p)
{
    struct lab *lab = self;
    assert_false(lab->finished);
    assert_ptr_equal(p, lab->probe);
    lab->finished = true;
}

static void on_interrupt(void *self)
{
    struct lab *lab = self;
    probe_interrupt(lab->probe);
}

static struct probe_config config_of(const struct world_row *row, const struct lab *lab)
{
    struct probe_config c = {
        .canary_local = SPAN("x"),
        .canary_domain = SPAN("canary.test"),
        .contact = SPAN("postmaster@canary.test"),
        .target_name = SPAN("mx.victim.test"),
        .local_domain = (row->options & NO_DOMAIN) != 0 ? (struct span){NULL, 0}
                                                        : SPAN("victim.test"),
        .forms = span_of(row->forms != NULL ? row->forms : "S1-R1"),
        .mailbox = (row->options & NO_BOX) == 0,
        .max_time_ns = row->max_time_ns,
        .memory_max = row->memory_max,
        .exhaustive = (row->options & EXHAUSTIVE) != 0,
        .key = &lab->key,
        .run_id = SPAN("a test"),
        .ledger = ledger_memory_ledger(lab->ledger),
    };
    assert_true(endpoint_parse(SPAN("192.0.2.1:25"), false, &c.target));
    if (c.mailbox) {
        assert_true(endpoint_parse(SPAN("192.0.2.9:25"), false, &c.control_route));
    }
    return c;
}

static struct lab *lab_new(void)
{
    static const uint8_t secret[TOKEN_SECRET_LEN] = {7};
    struct sim_config config = {.seed = 1, .epoch_s = 1700000000};
    struct lab *lab = calloc(1, sizeof(*lab));
    assert_non_null(lab);
    lab->sim = sim_new(&config);
    lab->probe = calloc(1, probe_size());
    lab->ledger = ledger_memory_new();
    assert_non_null(lab->sim);
    assert_non_null(lab->ledger);
    assert_non_null(lab->probe);
    assert_true(token_key_init(&lab->key, secret));
    return lab;
}

static void lab_free(struct lab *lab)
{
    sim_free(lab->sim);
    ledger_memory_free(lab->ledger);
    token_key_clear(&lab->key);
    probe_clear(lab->probe);
    free(lab->probe);
    free(lab);
}

static struct lab *lab_run(const struct world_row *row)
{
    struct lab *lab = lab_new();
    struct world *w = sim_world(lab->sim);
    struct probe_config config = config_of(row, lab);
    struct probe_observer observer = {.finished = on_finished, .self = lab};
    lab->mx.rules = row->rules;
    lab->mx.probe = lab->canary.probe = lab->probe;
    lab->canary.canary = true;
    lab->canary.lose_from = (row->options & LOSE_BEFORE) != 0  ? 1
                            : (row->options & LOSE_AFTER) != 0 ? 2
                                                               : 0;
    lab->canary.lose_to = lab->canary.lose_from;
    if ((row->options & NO_TARGET) == 0) {
        fake_listen(&lab->mx, w, "192.0.2.1:25");
    }
    fake_listen(&lab->canary, w, "192.0.2.9:25");
    world_timer_init(&lab->interrupt, on_interrupt, lab);
    if (row->interrupt_ns > 0) {
        world_timer_set(w, &lab->interrupt, row->interrupt_ns);
    }
    probe_start(lab->probe, w, &config, &observer);
    sim_run(lab->sim, CLOCK_NEVER);
    assert_true(lab->finished);
    assert_true(probe_is_finished(lab->probe));
    return lab;
}

#endif
