/*
 * test_round_trips.c - what a battery costs: connections, round trips, time, in the simulator
 *
 * The whole battery is asked of servers that are far away, and what it takes is counted from the
 * dialogue: the instants at which a session heard something, since the line does nothing but
 * delay. Held against that: what the probe says of itself, what a session may take, and the time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive/sim/sim.h"
#include "mockmta/config/load.h"
#include "mockmta/mock.h"
#include "probe/ask/contexts.h"
#include "probe/probe_state.h"

enum { BLOCK = 1 << 20, NUMBERS = PROBE_SESSIONS_MAX + 1, EPOCH_S = 1795502520 };

/* One way. */
static const int64_t latency_ns = 100 * CLOCK_MS;

struct row {
    const char *label;
    unsigned sessions;
    bool tls;
    unsigned chain; /* round trips after one another, at most; 0: all of them */
    const char *extension;
    unsigned borne; /* sessions that the server bears at the same time; 0: any */
};

struct heard {                /* of a session */
    unsigned trips, own_pace; /* own_pace: what must be waited for by itself */
    int64_t last_ns;
    bool ehlo, tls;
};

struct lab {
    struct sim *sim;
    struct world *world;
    struct probe *probe;
    struct heard heard[NUMBERS];
    unsigned refusals, sessions, at_once, most_at_once;
    bool finished;
};

static bool says(struct span text, const char *word)
{
    return span_istarts(text, span_of(word));
}

/* What costs a round trip by its RFC: EHLO again, AUTH, STARTTLS with the handshake and the group
 * behind it. Without EHLO there is no PIPELINING: MAIL, RCPT, RSET and QUIT are waited for. */
static void note_said(struct heard *h, struct span text)
{
    if (says(text, "EHLO ")) {
        h->own_pace += h->ehlo;
        h->ehlo = true;
    } else if (says(text, "AUTH ")) {
        h->own_pace++;
    } else if (says(text, "STARTTLS")) {
        h->own_pace += 2;
        h->trips++; /* the handshake, of which no line tells */
        h->tls = true;
    } else if (!h->ehlo) {
        h->own_pace += !says(text, "MAIL ") || h->trips > 1;
    }
}

static void on_line(void *self, unsigned number, char direction, struct span text)
{
    struct lab *lab = self;
    assert_true(number < NUMBERS);
    struct heard *h = &lab->heard[number];
    int64_t now = world_now(lab->world);
    lab->sessions = number > lab->sessions ? number : lab->sessions;
    if (direction == 'C') {
        note_said(h, text);
    } else if (direction == 'S') {
        h->trips += now > h->last_ns;
        h->last_ns = now;
        lab->refusals += (text.ptr[0] == '4' || text.ptr[0] == '5') && text.ptr[3] == ' ';
    }
}

static void on_server(void *self, struct mock *m, const struct mock_event *e)
{
    struct lab *lab = self;
    (void)m;
    lab->at_once += e->kind == MOCK_CONNECT;
    lab->at_once -= e->kind == MOCK_CLOSED;
    lab->most_at_once = lab->at_once > lab->most_at_once ? lab->at_once : lab->most_at_once;
}

static void on_finished(void *self, const struct probe *p)
{
    struct lab *lab = self;
    (void)p;
    lab->finished = true;
    world_stop(lab->world);
}

/* Kinds of session that were made beside the plain one. */
static unsigned contexts_of(const struct probe *p)
{
    bool seen[64] = {false};
    unsigned count = 0;
    for (size_t i = 0; i < p->result_count; i++) {
        uint8_t context = p->results[i].form.context;
        const struct form_result *r = &p->results[i];
        bool refused = r->form.why_not == context_of(&r->form)->refused; /* it took a session */
        bool asked = r->state != FORM_NOT_APPLICABLE || refused;
        assert_true(context < sizeof seen);
        count += context != CONTEXT_PLAIN && asked && !seen[context];
        seen[context] |= asked;
    }
    return count;
}

static void check_sessions(const struct row *row, const struct lab *lab)
{
    unsigned sum = 0;
    for (unsigned i = 1; i <= lab->sessions; i++) {
        unsigned most = 3 + lab->heard[i].own_pace;
        if (lab->heard[i].trips > most) {
            fail_msg("%s: session %u took %u round trips, not %u", row->label, i,
                     lab->heard[i].trips, most);
        }
        sum += lab->heard[i].trips;
    }
    assert_int_equal(sum, lab->probe->target.round_trips);
}

static void check(const struct row *row, const struct lab *lab)
{
    const struct probe *p = lab->probe;
    const struct target_notes *n = &p->target;
    unsigned most = (lab->refusals + 8) / 9 + contexts_of(p);
    int64_t took_ns = p->asking_ended_ns - n->first_connect_ns;
    double trip_ns = 2.0 * (double)latency_ns;
    print_message("  %s: %u forms, %u sessions, %u round trips, %u after one another, %.1f s\n",
                  row->label, p->verdict.total, n->sessions, n->round_trips, n->longest,
                  (double)took_ns / 1e9);
    assert_int_equal(p->verdict.verdict, VERDICT_CLOSED);
    assert_int_equal(p->verdict.undecided + p->verdict.not_asked, 0);
    assert_int_equal(n->sessions, lab->sessions);
    if (row->borne > 0) {
        assert_true(n->sessions <= most + row->sessions);
        return;
    }
    check_sessions(row, lab);
    if (n->sessions > most) {
        fail_msg("%s: %u connections, not %u", row->label, n->sessions, most);
    }
    if ((double)took_ns > 1.1 * trip_ns * n->longest ||
        (double)took_ns < 0.9 * trip_ns * n->longest) {
        fail_msg("%s: %.1f s for %u round trips after one another", row->label,
                 (double)took_ns / 1e9, n->longest);
    }
    assert_int_equal(lab->most_at_once, row->sessions);
    assert_true(n->longest <= (row->chain > 0 ? row->chain : n->round_trips));
    assert_true(row->sessions > 1 || n->longest == n->round_trips);
}

static void load(const struct row *row, struct arena *arena, struct server_config *config)
{
    static const char *words[16];
    struct persona_path path;
    struct conf conf;
    persona_path_init(&path, "build");
    conf_init(&conf, arena, "postfix-554", SPAN(""));
    if (!server_load_persona(&conf, &path, "postfix-554", config)) {
        fail_msg("%s", conf.error);
    }
    config->tls = row->tls ? MOCK_TLS_STARTTLS : MOCK_TLS_NONE;
    for (size_t i = 0; i < config->extensions.count; i++) {
        words[i] = config->extensions.item[i];
    }
    if (row->extension != NULL) {
        words[config->extensions.count] = row->extension;
        config->extensions = (struct conf_texts){words, config->extensions.count + 1};
    }
}

static struct probe_config config_of(const struct row *row, const struct token_key *key,
                                     struct tls *tls)
{
    struct probe_config config = {
        .canary_local = SPAN("probe"),
        .canary_domain = SPAN("canary.test"),
        .contact = SPAN("postmaster@canary.test"),
        .target_name = SPAN("mx.victim.test"),
        .local_domain = SPAN("victim.test"),
        .forms = SPAN("standard"),
        .max_time_ns = CLOCK_HOUR,
        .pipelining = true,
        .sessions = row->sessions,
        .rate = PROBE_SESSIONS_MAX,
        .tls = tls,
        .key = key,
        .run_id = SPAN("round trips")};
    assert_true(endpoint_parse(SPAN("192.0.2.1:25"), false, &config.target));
    return config;
}

static void run(const struct row *row)
{
    static char block[BLOCK];
    static const uint8_t secret[TOKEN_SECRET_LEN] = {7};
    struct lab lab = {
        .sim = sim_new(
            &(struct sim_config){.seed = 1, .epoch_s = EPOCH_S, .latency_ns = latency_ns})};
    struct arena arena;
    struct server_config server;
    struct token_key key;
    char memory[160];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    arena_init(&arena, block, sizeof block);
    load(row, &arena, &server);
    assert_non_null(lab.sim);
    assert_true(token_key_init(&key, secret));
    lab.world = sim_world(lab.sim);
    lab.probe = calloc(1, probe_size());
    assert_non_null(lab.probe);
    struct tls *tls = tls_client_new(&(struct tls_client_config){.now_s = EPOCH_S}, &error);
    struct probe_config config = config_of(row, &key, tls);
    const struct mock_limits limits = {.sessions_max = row->borne};
    struct mock *mock = mock_new(lab.world, &server, NULL, 0, &limits,
                                 (struct mock_observer){.see = on_server, .self = &lab});
    assert_non_null(mock);
    assert_true(mock_listen(mock, NULL, &config.target, NULL, &error));
    probe_start(lab.probe, lab.world, &config,
                &(struct probe_observer){.line = on_line, .finished = on_finished, .self = &lab});
    assert_int_equal(sim_run(lab.sim, CLOCK_NEVER), SIM_STOPPED);
    assert_true(lab.finished);
    check(row, &lab);
    mock_free(mock);
    probe_clear(lab.probe);
    sim_free(lab.sim);
    tls_free(tls);
    token_key_clear(&key);
    free(lab.probe);
}

static const struct row rows[] = {
    {.label = "one after another", .sessions = 1},
    {.label = "two side by side", .sessions = 2, .chain = 34},
    {.label = "four", .sessions = 4, .chain = 20},
    {.label = "eight", .sessions = 8, .chain = 14},
    {.label = "with STARTTLS", .sessions = 1, .tls = true},
    {.label = "with STARTTLS, four", .sessions = 4, .tls = true, .chain = 28},
    {.label = "with AUTH", .sessions = 1, .extension = "AUTH PLAIN"},
    {.label = "one is borne, four are tried", .sessions = 4, .borne = 1},
    {.label = "two are borne, eight are tried", .sessions = 8, .borne = 2},
};

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        run(&rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_servers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
