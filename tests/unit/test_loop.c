#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "drive/loop/loop.h"
#include "drive/sim/sim.h"
#include "tests/unit/talker.h"

static const struct endpoint any_port = {.family = 4, .bytes = {127, 0, 0, 1}};

enum { PAIRS_MAX = 40 };

struct rig {           /* one driver, a desk with servers, and their clients */
    struct loop *loop; /* or */
    struct sim *sim;
    struct world *world;
    struct talker clients[PAIRS_MAX];
    struct talker servers[PAIRS_MAX];
    struct talker_desk desk;
    struct endpoint at;
    struct listener *listener;
    struct world_timer closing_time;
};

static void rig_listen(struct rig *r)
{
    char text[128];
    struct strbuf error;
    strbuf_init(&error, text, sizeof text);
    r->desk = (struct talker_desk){.talkers = r->servers, .count = PAIRS_MAX};
    struct acceptor acceptor = {.accept = talker_accept, .self = &r->desk};
    r->listener = world_listen(r->world, &any_port, acceptor, &r->at, &error);
    if (r->listener == NULL)
        fail_msg("%s", text);
}

static struct rig *rig_new(bool real, const struct loop_config *config)
{
    struct rig *r = calloc(1, sizeof *r);
    char text[128];
    struct strbuf error;
    strbuf_init(&error, text, sizeof text);
    if (real)
        r->loop = loop_new(config, &error);
    else
        r->sim = sim_new(&(struct sim_config){.seed = 1});
    r->world = real ? loop_world(r->loop) : sim_world(r->sim);
    rig_listen(r);
    return r;
}

static void rig_free(struct rig *r)
{
    world_unlisten(r->world, r->listener);
    loop_free(r->loop);
    sim_free(r->sim);
    free(r);
}

static bool all_over(const struct rig *r)
{
    unsigned open = 0;
    for (int i = 0; i < PAIRS_MAX; i++) {
        open += r->clients[i].steps > 0 && r->clients[i].ended == 0;
        open += r->servers[i].steps > 0 && r->servers[i].ended == 0;
    }
    return open == 0;
}

/* Looks every few milliseconds whether all sessions are over, and gives up after some seconds. */
static void look(void *self)
{
    struct rig *r = self;
    if (all_over(r))
        world_stop(r->world);
    else
        world_timer_set(r->world, &r->closing_time, world_now(r->world) + 2 * CLOCK_MS);
}

static void stop_run(void *self)
{
    world_stop(self);
}

static void rig_run(struct rig *r)
{
    world_timer_init(&r->closing_time, look, r);
    world_timer_set(r->world, &r->closing_time, world_now(r->world) + 5 * CLOCK_MS);
    if (r->loop != NULL)
        loop_run(r->loop);
    else
        assert_int_equal(sim_run(r->sim, CLOCK_HOUR), SIM_STOPPED);
}

static struct link *rig_connect(struct rig *r, int i, const struct endpoint *to)
{
    struct link *link = world_connect(r->world, NULL, to, talker_machine(&r->clients[i]));
    assert_non_null(link);
    return link;
}

#define ECHO           \
    {                  \
        .echoes = true \
    }
#define MS CLOCK_MS

struct talk_row {
    const char *label;
    struct talker client;
    struct talker server;
    const char *client_saw;
    const char *server_saw;
    size_t client_heard;
    size_t server_heard;
};

/* clang-format off */
static const struct talk_row talk_rows[] = {
    {"one command, one reply",
     {.says = 30, .then = WISH_CLOSE, .then_waits = true}, ECHO, "co", "of", 30, 30},
    {"ping-pong",
     {.says = 300, .per_step = 30, .waits_for_answer = true, .then = WISH_CLOSE,
      .then_waits = true},
     ECHO, "co", "of", 300, 300},
    {"reply byte by byte with gaps",
     {0}, {.says = 10, .per_step = 1, .gap_ns = 2 * MS, .then = WISH_CLOSE}, "cof", "o", 10, 0},
    {"half-close, then the answer",
     {.says = 5, .then = WISH_HALF_CLOSE}, {.says = 7, .gap_ns = 10 * MS}, "cof", "of", 7, 5},
    {"server resets after a line",
     {.says = 9, .stays = true}, {.says = 9, .then = WISH_RESET, .then_waits = true},
     "cox", "o", 9, 9},
    {"client resets",
     {.says = 9, .then = WISH_RESET, .then_waits = true}, ECHO, "co", "ox", 9, 9},
    {"much more than all buffers",
     {.says = 5000000, .then = WISH_CLOSE, .then_waits = true}, ECHO, "co", "of", 5000000, 5000000},
    {"a slow drinker",
     {.says = 200000, .then = WISH_CLOSE}, {.sip = 100}, "co", "of", 0, 200000},
    {"server hangs up on a talker",
     {.says = 9, .stays = true, .patience_ns = 40 * MS}, {.says = 9, .then = WISH_CLOSE},
     "cof", "o", 9, 0},
};
/* clang-format on */

/* The machines must not be able to tell the drivers apart. */
static bool is_pattern(const struct talker *t)
{
    for (size_t i = 0; i < t->heard_len && i < TALKER_KEEPS; i++)
        if (t->heard[i] != talker_byte(i))
            return false;
    return true;
}

static void check_talk(const struct rig *r, const struct talk_row *row)
{
    const char *where = r->loop != NULL ? "on sockets" : "simulated";
    const struct talker *c = &r->clients[0];
    const struct talker *s = &r->servers[0];
    if (strcmp(c->peers, row->client_saw) != 0 || strcmp(s->peers, row->server_saw) != 0)
        fail_msg("%s, %s: client saw %s, server saw %s", row->label, where, c->peers, s->peers);
    if (c->heard_len != row->client_heard || s->heard_len != row->server_heard)
        fail_msg("%s, %s: client heard %zu, server %zu", row->label, where, c->heard_len,
                 s->heard_len);
    if (!is_pattern(c) || !is_pattern(s))
        fail_msg("%s, %s: other bytes", row->label, where);
    if (c->ended != 1 || s->ended != 1)
        fail_msg("%s, %s: ended %u and %u times", row->label, where, c->ended, s->ended);
}

static void test_talks_in_both_worlds(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof talk_rows / sizeof talk_rows[0]; i++) {
        const struct talk_row *row = &talk_rows[i / 2];
        struct rig *r = rig_new(i % 2 == 0, &(struct loop_config){0});
        r->clients[0] = row->client;
        r->servers[0] = row->server;
        (void)rig_connect(r, 0, &r->at);
        rig_run(r);
        check_talk(r, row);
        rig_free(r);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    world_unlisten(r->world, r->listener);
    (void)rig_connect(r, 0, &r->at);
    loop_run(r->loop); /* ends by itself: nothing is left */
    assert_string_equal(r->clients[0].peers, "cr");
    assert_int_equal(r->clients[0].ended, 1);
    rig_listen(r);
    rig_free(r);
}

static void test_source_that_is_not_ours(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    struct endpoint foreign = {.family = 4, .bytes = {192, 0, 2, 1}};
    (void)world_connect(r->world, &foreign, &r->at, talker_machine(&r->clients[0]));
    struct endpoint own = {.family = 4, .bytes = {127, 0, 0, 9}};
    r->clients[1] = (struct talker){.says = 3, .then = WISH_CLOSE};
    (void)world_connect(r->world, &own, &r->at, talker_machine(&r->clients[1]));
    rig_run(r);
    assert_string_equal(r->clients[0].peers, "u");
    assert_int_equal(r->clients[0].ended, 1);
    assert_int_equal(r->servers[0].heard_len, 3);
    assert_int_equal(r->desk.peer.bytes[3], 9);
    rig_free(r);
}

static void test_listen_error_names_the_address(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    char text[128];
    char expected[128];
    struct strbuf error;
    strbuf_init(&error, text, sizeof text);
    assert_null(world_listen(r->world, &r->at, (struct acceptor){0}, NULL, &error));
    (void)snprintf(expected, sizeof expected,
                   "cannot listen on 127.0.0.1:%u: Address already in use", r->at.port);
    assert_string_equal(text, expected);
    rig_free(r);
}

/* Unread bytes at close would turn into a reset, which may overtake the last words. */
static void test_last_words_arrive(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    for (int i = 0; i < 20; i++) {
        r->clients[i] = (struct talker){.says = 500000};
        r->servers[i] = (struct talker){.says = 3000, .deaf = true, .then = WISH_CLOSE};
        (void)rig_connect(r, i, &r->at);
    }
    rig_run(r);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(r->clients[i].heard_len, 3000);
        assert_int_equal(r->clients[i].ended, 1);
    }
    rig_free(r);
}

static void test_more_clients_than_links(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){.links_max = 30});
    for (int i = 0; i < 29; i++) {
        r->clients[i] =
            (struct talker){.says = 9, .then = WISH_CLOSE, .then_waits = true, .stays = true};
        r->servers[i] = (struct talker){.echoes = true};
        (void)rig_connect(r, i, &r->at);
    }
    rig_run(r);
    for (int i = 0; i < 29; i++)
        assert_int_equal(r->clients[i].heard_len, 9);
    for (int i = 0; i < 30; i++)
        assert_non_null(world_connect(r->world, NULL, &r->at, talker_machine(&r->servers[0])));
    assert_null(world_connect(r->world, NULL, &r->at, talker_machine(&r->servers[0])));
    rig_free(r);
}

/* Valgrind keeps to the limit by closing what accept4 returned, so that nothing can wait. */
static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* Connections wait in the queue while there are no descriptors, and come in once there are. */
static void test_no_descriptors(void **state)
{
    (void)state;
    if (under_valgrind())
        skip();
    struct rig *r = rig_new(true, &(struct loop_config){0});
    for (int i = 0; i < 4; i++) {
        r->clients[i] = (struct talker){
            .says = 9, .then = WISH_CLOSE, .then_waits = true, .patience_ns = 5 * CLOCK_SECOND};
        r->servers[i] = (struct talker){.echoes = true};
        (void)rig_connect(r, i, &r->at);
    }
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = open("/dev/null", O_RDONLY);
    struct rlimit low = {.rlim_cur = (rlim_t)lowest + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_null(world_connect(r->world, NULL, &r->at, talker_machine(&r->clients[9])));
    world_timer_init(&r->closing_time, look, r);
    struct world_timer stop;
    world_timer_init(&stop, stop_run, r->world);
    world_timer_set(r->world, &stop, world_now(r->world) + 60 * MS);
    clock_t cpu = clock();
    loop_run(r->loop);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 33); /* of 60 ms: it did not spin */
    assert_int_equal(r->desk.next, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(lowest);
    rig_run(r);
    for (int i = 0; i < 4; i++)
        assert_int_equal(r->clients[i].heard_len, 9);
    rig_free(r);
}

struct bell {
    struct world *world;
    struct world_timer timer;
    int64_t set_ns;
    int64_t rang_ns;
    unsigned rang;
};

static void ring(void *self)
{
    struct bell *b = self;
    b->rang_ns = world_now(b->world);
    b->rang++;
}

static void test_timers(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    world_unlisten(r->world, r->listener);
    static const int64_t after_ns[] = {0, 1000, 3 * MS, 10 * MS};
    struct bell bells[5];
    int64_t now_ns = world_now(r->world);
    for (int i = 0; i < 5; i++) {
        bells[i] = (struct bell){.world = r->world};
        world_timer_init(&bells[i].timer, ring, &bells[i]);
        bells[i].set_ns = i < 4 ? now_ns + after_ns[i] : now_ns + CLOCK_HOUR;
        world_timer_set(r->world, &bells[i].timer, bells[i].set_ns);
    }
    world_timer_set(r->world, &bells[0].timer, now_ns + 5 * MS);
    world_timer_stop(r->world, &bells[4].timer);
    loop_run(r->loop);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(bells[i].rang, 1);
        assert_true(bells[i].rang_ns >= bells[i].set_ns);
    }
    assert_true(bells[0].rang_ns >= now_ns + 5 * MS);
    assert_int_equal(bells[4].rang, 0);
    rig_listen(r);
    rig_free(r);
}

static void raise_term(void *self)
{
    (void)self;
    (void)raise(SIGTERM);
}

static void note_signal(void *self, int signal_number)
{
    struct rig **r = self;
    assert_int_equal(signal_number, SIGTERM);
    world_stop((*r)->world);
}

static void test_signal(void **state)
{
    (void)state;
    struct rig *r = NULL;
    r = rig_new(true,
                &(struct loop_config){.catch_signals = true, .on_signal = note_signal, .self = &r});
    struct world_timer timer;
    world_timer_init(&timer, raise_term, NULL);
    world_timer_set(r->world, &timer, world_now(r->world));
    loop_run(r->loop); /* the listener alone would keep it running */
    assert_int_equal(loop_signal(r->loop), SIGTERM);
    rig_free(r);
    r = rig_new(true, &(struct loop_config){.catch_signals = true}); /* another loop may have them
                                                                        after that */
    rig_free(r);
}

static void test_wake_and_stop(void **state)
{
    (void)state;
    for (int real = 0; real < 2; real++) {
        struct rig *r = rig_new(real == 1, &(struct loop_config){0});
        struct world_timer stop;
        world_timer_init(&stop, stop_run, r->world);
        world_timer_set(r->world, &stop, world_now(r->world) + 10 * MS);
        struct link *link = rig_connect(r, 0, &r->at);
        if (real == 1)
            loop_run(r->loop);
        else
            (void)sim_run(r->sim, CLOCK_NEVER);
        assert_string_equal(r->servers[0].peers, "o");
        r->clients[0].says = 4;
        r->clients[0].then = WISH_CLOSE;
        unsigned steps = r->clients[0].steps;
        world_wake(r->world, link);
        world_wake(r->world, link);
        assert_int_equal(r->clients[0].steps, steps);
        rig_run(r);
        assert_int_equal(r->servers[0].heard_len, 4);
        rig_free(r);
    }
}

static void test_free_ends_what_is_alive(void **state)
{
    (void)state;
    struct rig *r = rig_new(true, &(struct loop_config){0});
    static struct talker client;
    client = (struct talker){0};
    assert_non_null(world_connect(r->world, NULL, &r->at, talker_machine(&client)));
    rig_free(r);
    assert_int_equal(client.ended, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks_in_both_worlds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_source_that_is_not_ours),
        cmocka_unit_test(test_listen_error_names_the_address),
        cmocka_unit_test(test_last_words_arrive),
        cmocka_unit_test(test_more_clients_than_links),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_wake_and_stop),
        cmocka_unit_test(test_free_ends_what_is_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
