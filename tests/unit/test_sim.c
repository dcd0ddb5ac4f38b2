#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drive/sim/sim.h"
#include "lib/base/prng.h"
#include "tests/unit/talker.h"

static const struct endpoint any_port = {.family = 4, .bytes = {127, 0, 0, 1}};

struct rig {
    struct sim *sim;
    struct talker client;
    struct talker server;
    struct talker_desk desk;
    struct endpoint at;
    struct listener *listener;
};

static void rig_listen(struct rig *r)
{
    char text[128];
    struct strbuf error;
    strbuf_init(&error, text, sizeof text);
    struct acceptor acceptor = {.accept = talker_accept, .self = &r->desk};
    r->listener = world_listen(sim_world(r->sim), &any_port, acceptor, &r->at, &error);
    assert_non_null(r->listener);
}

static void rig_start(struct rig *r, const struct sim_config *config)
{
    memset(r, 0, sizeof *r);
    r->sim = sim_new(config);
    assert_non_null(r->sim);
    rig_listen(r);
}

static void rig_stop(struct rig *r)
{
    world_unlisten(sim_world(r->sim), r->listener);
    sim_free(r->sim);
}

/* One conversation. */
static enum sim_end rig_talk(struct rig *r, const struct talker *client,
                             const struct talker *server)
{
    r->client = *client;
    r->server = *server;
    r->desk = (struct talker_desk){.talkers = &r->server, .count = 1};
    assert_non_null(world_connect(sim_world(r->sim), NULL, &r->at, talker_machine(&r->client)));
    return sim_run(r->sim, CLOCK_NEVER);
}

struct talk_row {
    const char *label;
    struct talker client;
    struct talker server;
    struct sim_path path;
    const char *client_saw;
    const char *server_saw;
    size_t client_heard;
    size_t server_heard;
    int64_t over_ns; /* client's last step */
};

#define ECHO           \
    {                  \
        .echoes = true \
    }
#define MS CLOCK_MS

/* clang-format off */
static const struct talk_row talk_rows[] = {
    {"one command, one reply",
     {.says = 30, .then = WISH_CLOSE, .then_waits = true}, ECHO, {0}, "co", "of", 30, 30, 4 * MS},
    {"ping-pong",
     {.says = 300, .per_step = 30, .waits_for_answer = true, .then = WISH_CLOSE,
      .then_waits = true},
     ECHO, {0}, "co", "of", 300, 300, 22 * MS},
    {"latency of the path",
     {.says = 3, .then = WISH_CLOSE, .then_waits = true}, ECHO, {.latency_ns = 50 * MS},
     "co", "of", 3, 3, 200 * MS},
    {"reply byte by byte with gaps",
     {0}, {.says = 20, .per_step = 1, .gap_ns = 10 * MS, .then = WISH_CLOSE}, {0},
     "cof", "o", 20, 0, 202 * MS},
    {"half-close, then the answer",
     {.says = 5, .then = WISH_HALF_CLOSE}, {.says = 7, .gap_ns = 30 * MS}, {0},
     "cof", "of", 7, 5, 32 * MS},
    {"server resets after a line",
     {.stays = true}, {.says = 9, .then = WISH_RESET}, {0}, "cox", "o", 9, 0, 2 * MS},
    {"client resets",
     {.says = 9, .then = WISH_RESET}, ECHO, {0}, "co", "ox", 0, 9, 2 * MS},
    {"refused",
     {.says = 9}, ECHO, {.connect = SIM_CONNECT_REFUSE}, "cr", "", 0, 0, 2 * MS},
    {"unreachable",
     {.says = 9}, ECHO, {.connect = SIM_CONNECT_UNREACHABLE}, "cu", "", 0, 0, 2 * MS},
    {"silent",
     {.says = 9, .patience_ns = 700 * MS}, ECHO, {.connect = SIM_CONNECT_SILENT},
     "c", "", 0, 0, 700 * MS},
    {"more than all buffers",
     {.says = 300000, .then = WISH_CLOSE, .then_waits = true}, ECHO, {0},
     "co", "of", 300000, 300000, -1},
    {"a window of three bytes",
     {.says = 100, .then = WISH_CLOSE, .then_waits = true}, ECHO, {.window = 3},
     "co", "of", 100, 100, -1},
    {"a slow drinker",
     {.says = 100000, .then = WISH_CLOSE}, {.sip = 1000}, {.window = 5000},
     "co", "of", 0, 100000, -1},
    {"segments of one byte",
     {.says = 40, .then = WISH_CLOSE, .then_waits = true}, ECHO, {.segment_max = 1},
     "co", "of", 40, 40, 4 * MS},
    {"reset after 10 bytes",
     {.stays = true}, {.says = 40, .stays = true}, {.reset_after = 10}, "cox", "ox", 10, 0, 2 * MS},
    {"fin after 10 bytes",
     {0}, {.says = 40}, {.fin_after = 10}, "cof", "of", 10, 0, 2 * MS},
    {"fin after exactly all",
     {0}, {.says = 40}, {.fin_after = 40}, "cof", "of", 40, 0, 2 * MS},
    {"stall after 10 bytes",
     {.patience_ns = 500 * MS}, {.says = 40}, {.stall_after = 10}, "co", "ox", 10, 0, 502 * MS},
    {"first of two faults",
     {0}, {.says = 40}, {.reset_after = 20, .fin_after = 10}, "cof", "of", 10, 0, 2 * MS},
    {"deaf server, closed window",
     {.says = 200000, .patience_ns = 10000 * MS}, {.deaf = true, .stays = true}, {0},
     "co", "o", 0, 0, -1},
};
/* clang-format on */

static bool is_pattern(const struct talker *t)
{
    for (size_t i = 0; i < t->heard_len && i < TALKER_KEEPS; i++)
        if (t->heard[i] != talker_byte(i))
            return false;
    return true;
}

static void check_talk(struct rig *r, const struct talk_row *row)
{
    const struct talker *c = &r->client;
    const struct talker *s = &r->server;
    if (strcmp(c->peers, row->client_saw) != 0 || strcmp(s->peers, row->server_saw) != 0)
        fail_msg("%s: client saw %s, server saw %s", row->label, c->peers, s->peers);
    if (c->heard_len != row->client_heard || s->heard_len != row->server_heard)
        fail_msg("%s: client heard %zu, server heard %zu", row->label, c->heard_len, s->heard_len);
    if (!is_pattern(c) || !is_pattern(s))
        fail_msg("%s: other bytes", row->label);
    if (c->ended != 1 || s->ended != (row->server_saw[0] != '\0'))
        fail_msg("%s: client ended %u times, server %u", row->label, c->ended, s->ended);
    if (row->over_ns >= 0 && c->last_ns != row->over_ns)
        fail_msg("%s: over at %lld ns", row->label, (long long)c->last_ns);
}

static void test_talks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof talk_rows / sizeof talk_rows[0]; i++) {
        struct rig r;
        rig_start(&r, &(struct sim_config){.seed = 1});
        sim_at(r.sim, &r.at, &talk_rows[i].path);
        assert_int_equal(rig_talk(&r, &talk_rows[i].client, &talk_rows[i].server), SIM_IDLE);
        check_talk(&r, &talk_rows[i]);
        rig_stop(&r);
    }
}

/* The same bytes arrive, however the network cuts, delays and narrows. */
static void test_talks_cut_by_seed(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 1});
    for (uint64_t seed = 0; seed < 300; seed++) {
        sim_reset(r.sim, seed);
        const struct talk_row *row = &talk_rows[seed % 5];
        struct sim_path path = row->path;
        path.segment_random = true;
        path.jitter_ns = 20 * MS;
        path.window = seed % 3 == 0 ? 16 : 0;
        sim_at(r.sim, &r.at, &path);
        struct talk_row expected = *row;
        expected.over_ns = -1;
        assert_int_equal(rig_talk(&r, &row->client, &row->server), SIM_IDLE);
        check_talk(&r, &expected);
    }
    rig_stop(&r);
}

/* A run that the seed alone decides: faults, paths and conversations. */
static uint64_t run_of_seed(struct rig *r, uint64_t seed)
{
    sim_reset(r->sim, seed);
    struct prng p;
    prng_init(&p, seed ^ 0x5eed);
    struct sim_path path = {.jitter_ns = (int64_t)prng_range(&p, 0, 9 * (uint64_t)MS),
                            .segment_random = prng_chance(&p, 1, 2),
                            .window = prng_chance(&p, 1, 3) ? (uint32_t)prng_range(&p, 1, 99) : 0,
                            .reset_after = prng_chance(&p, 1, 5) ? prng_range(&p, 1, 600) : 0,
                            .fin_after = prng_chance(&p, 1, 5) ? prng_range(&p, 1, 600) : 0,
                            .stall_after = prng_chance(&p, 1, 5) ? prng_range(&p, 1, 600) : 0};
    sim_at(r->sim, &r->at, &path);
    struct talker client = {.says = (size_t)prng_range(&p, 0, 500),
                            .per_step = 50,
                            .waits_for_answer = true,
                            .then = prng_chance(&p, 1, 2) ? WISH_CLOSE : WISH_HALF_CLOSE,
                            .then_waits = true,
                            .patience_ns = CLOCK_MINUTE};
    struct talker server = {.echoes = true,
                            .gap_ns = prng_chance(&p, 1, 2) ? MS : 0,
                            .per_step = (size_t)prng_range(&p, 0, 40)};
    assert_int_equal(rig_talk(r, &client, &server), SIM_IDLE);
    assert_int_equal(r->client.ended, 1);
    assert_int_equal(r->server.ended, 1);
    return sim_hash(r->sim);
}

static void test_seeds_forwards_and_backwards(void **state)
{
    (void)state;
    enum { SEEDS = 1000 };
    static uint64_t hashes[SEEDS];
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 0});
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        hashes[seed] = run_of_seed(&r, seed);
    for (uint64_t seed = SEEDS; seed-- > 0;)
        if (run_of_seed(&r, seed) != hashes[seed])
            fail_msg("seed %llu: another hash after another past", (unsigned long long)seed);
    unsigned same = 0;
    for (size_t i = 1; i < SEEDS; i++)
        same += hashes[i] == hashes[i - 1];
    assert_int_equal(same, 0);
    rig_stop(&r);
    rig_start(&r, &(struct sim_config){.seed = 0});
    assert_int_equal(run_of_seed(&r, 77), hashes[77]);
    rig_stop(&r);
}

static void test_refused_without_listener(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 1});
    world_unlisten(sim_world(r.sim), r.listener);
    assert_int_equal(rig_talk(&r, &(struct talker){.says = 1}, &(struct talker){0}), SIM_IDLE);
    assert_string_equal(r.client.peers, "cr");
    assert_int_equal(r.client.ended, 1);
    sim_free(r.sim);
}

static void test_not_accepted_is_closed_at_once(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 1});
    r.desk = (struct talker_desk){.count = 0};
    r.client = (struct talker){0};
    assert_non_null(world_connect(sim_world(r.sim), NULL, &r.at, talker_machine(&r.client)));
    assert_int_equal(sim_run(r.sim, CLOCK_NEVER), SIM_IDLE);
    assert_string_equal(r.client.peers, "cof");
    assert_int_equal(r.client.ended, 1);
    rig_stop(&r);
}

static void test_addresses_and_ports(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 1});
    assert_int_equal(r.at.port, 20000);
    struct endpoint other;
    char text[128];
    struct strbuf error;
    strbuf_init(&error, text, sizeof text);
    struct acceptor acceptor = {.accept = talker_accept, .self = &r.desk};
    struct listener *l = world_listen(sim_world(r.sim), &any_port, acceptor, &other, &error);
    assert_int_equal(other.port, 20001);
    assert_null(world_listen(sim_world(r.sim), &other, acceptor, NULL, &error));
    assert_string_equal(text, "cannot listen on 127.0.0.1:20001: Address already in use");
    (void)rig_talk(&r, &(struct talker){.says = 1, .then = WISH_CLOSE}, &(struct talker){0});
    assert_int_equal(r.desk.peer.port, 40000);
    assert_int_equal(r.desk.peer.bytes[0], 127);
    r.desk.next = 0;
    r.client = (struct talker){.says = 1, .then = WISH_CLOSE};
    r.server = (struct talker){0};
    struct endpoint source = {.family = 4, .bytes = {192, 0, 2, 7}};
    (void)world_connect(sim_world(r.sim), &source, &r.at, talker_machine(&r.client));
    (void)sim_run(r.sim, CLOCK_NEVER);
    assert_int_equal(r.desk.peer.port, 40001);
    assert_int_equal(r.desk.peer.bytes[0], 192);
    world_unlisten(sim_world(r.sim), l);
    rig_stop(&r);
}

struct bell {
    struct world *world;
    struct world_timer timer;
    int64_t rang_ns[4];
    unsigned rang;
    int64_t again_ns;
};

static void ring(void *self)
{
    struct bell *b = self;
    assert_false(world_timer_is_set(&b->timer));
    b->rang_ns[b->rang++ % 4] = world_now(b->world);
    if (b->again_ns > 0)
        world_timer_set(b->world, &b->timer, world_now(b->world) + b->again_ns);
}

static void test_timers(void **state)
{
    (void)state;
    struct sim *s = sim_new(&(struct sim_config){.seed = 1, .epoch_s = 1000});
    struct bell bells[3] = {0};
    for (int i = 0; i < 3; i++) {
        bells[i].world = sim_world(s);
        world_timer_init(&bells[i].timer, ring, &bells[i]);
        world_timer_set(sim_world(s), &bells[i].timer, (i + 1) * CLOCK_HOUR);
    }
    world_timer_set(sim_world(s), &bells[0].timer, 7 * CLOCK_HOUR); /* moved away */
    world_timer_set(sim_world(s), &bells[2].timer, CLOCK_HOUR / 2); /* moved near */
    world_timer_stop(sim_world(s), &bells[1].timer);
    world_timer_stop(sim_world(s), &bells[1].timer);
    assert_int_equal(sim_run(s, CLOCK_HOUR), SIM_TIME);
    assert_int_equal(world_now(sim_world(s)), CLOCK_HOUR);
    assert_int_equal(world_epoch(sim_world(s)), 1000 + 3600);
    assert_int_equal(bells[2].rang_ns[0], CLOCK_HOUR / 2);
    assert_int_equal(sim_run(s, CLOCK_NEVER), SIM_IDLE);
    assert_int_equal(bells[0].rang_ns[0], 7 * CLOCK_HOUR);
    assert_int_equal(bells[1].rang, 0);
    bells[1].again_ns = CLOCK_SECOND;
    world_timer_set(sim_world(s), &bells[1].timer, 0); /* past: at once */
    assert_int_equal(sim_run(s, 7 * CLOCK_HOUR + 2 * CLOCK_SECOND), SIM_TIME);
    assert_int_equal(bells[1].rang, 3);
    sim_reset(s, 2);
    assert_false(world_timer_is_set(&bells[1].timer));
    assert_int_equal(world_now(sim_world(s)), 0);
    sim_free(s);
}

static void test_caps(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct sim_config config;
        enum sim_end end;
    } rows[] = {{"events", {.seed = 1, .events_max = 50}, SIM_EVENTS},
                {"time", {.seed = 1, .time_max_ns = CLOCK_SECOND}, SIM_TIME},
                {"bytes", {.seed = 1, .bytes_max = 5000}, SIM_BYTES}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig r;
        rig_start(&r, &rows[i].config);
        struct talker client = {.says = SIZE_MAX, .per_step = 10, .waits_for_answer = true};
        assert_int_equal(rig_talk(&r, &client, &(struct talker){.echoes = true}), rows[i].end);
        assert_string_equal(sim_end_name(rows[i].end), rows[i].label);
        assert_int_equal(r.client.ended, 0);
        rig_stop(&r); /* ends what is alive */
        assert_int_equal(r.client.ended, 1);
        assert_int_equal(r.server.ended, 1);
    }
}

static void stop_run(void *self)
{
    world_stop(self);
}

static void test_stop_and_wake(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r, &(struct sim_config){.seed = 1});
    struct world *w = sim_world(r.sim);
    struct world_timer timer;
    world_timer_init(&timer, stop_run, w);
    world_timer_set(w, &timer, CLOCK_SECOND);
    r.client = (struct talker){0};
    r.server = (struct talker){0};
    r.desk = (struct talker_desk){.talkers = &r.server, .count = 1};
    struct link *link = world_connect(w, NULL, &r.at, talker_machine(&r.client));
    assert_int_equal(sim_run(r.sim, CLOCK_NEVER), SIM_STOPPED);
    unsigned steps = r.client.steps;
    r.client.says = 4;
    r.client.then = WISH_CLOSE;
    world_wake(w, link);
    assert_int_equal(r.client.steps, steps); /* only queued */
    assert_int_equal(sim_run(r.sim, CLOCK_NEVER), SIM_IDLE);
    assert_int_equal(r.server.heard_len, 4);
    assert_int_equal(r.client.ended, 1);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks),
        cmocka_unit_test(test_talks_cut_by_seed),
        cmocka_unit_test(test_seeds_forwards_and_backwards),
        cmocka_unit_test(test_refused_without_listener),
        cmocka_unit_test(test_not_accepted_is_closed_at_once),
        cmocka_unit_test(test_addresses_and_ports),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_stop_and_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
