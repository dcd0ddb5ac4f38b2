/* Both resolvers over the same names: zones in virtual time, c-ares against the mock server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "drive/dns/dns_ares.h"
#include "drive/dns/dns_server.h"
#include "drive/dns/dns_zones.h"
#include "drive/sim/sim.h"
#include "tests/unit/dns_world.h"

/* Sockets take as long as the machine lets them, and longer under valgrind; one name is silent. */
enum { PATIENCE_MS = 350, REAL_PATIENCE_MS = 3000 };

struct asked {
    struct dns_question question;
    const struct dns_world_row *row;
    struct world *world;
    unsigned answers, *left;
};

static void on_answer(void *self, const struct dns_answer *a)
{
    struct asked *asked = self;

    asked->answers++;
    dns_world_check(asked->row, a);
    for (size_t i = 0; i < a->count; i++)
        assert_int_equal(a->records[i].type, asked->row->type);
    if (--*asked->left == 0)
        world_stop(asked->world);
}

/* All at once. */
static void ask_all(struct world *w, struct resolver r, struct asked *asked, unsigned *left)
{
    *left = DNS_WORLD_ROWS;
    for (size_t i = 0; i < DNS_WORLD_ROWS; i++) {
        const struct dns_world_row *row = &dns_world_rows[i];

        asked[i] = (struct asked){.row = row, .world = w, .left = left};
        asked[i].question =
            (struct dns_question){.type = row->type, .answered = on_answer, .self = &asked[i]};
        bytes_copy(asked[i].question.name, sizeof asked[i].question.name, span_of(row->name));
        assert_true(r.ops->ask(r.self, &asked[i].question));
        assert_int_equal(asked[i].answers, 0);
    }
}

static void check_all(const struct asked *asked)
{
    for (size_t i = 0; i < DNS_WORLD_ROWS; i++)
        if (asked[i].answers != 1)
            fail_msg("%s: %u answers", asked[i].row->name, asked[i].answers);
}

static void test_zones(void **state)
{
    static struct asked asked[DNS_WORLD_ROWS];
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1});
    struct dns_zones *z = dns_zones_new(
        sim_world(sim),
        &(struct dns_zones_config){.zone = &dns_world_zone, .patience_ns = PATIENCE_MS * CLOCK_MS});
    unsigned left;

    (void)state;
    assert_non_null(z);
    ask_all(sim_world(sim), dns_zones_resolver(z), asked, &left);
    (void)sim_run(sim, CLOCK_NEVER);
    check_all(asked);
    assert_int_equal(world_now(sim_world(sim)), PATIENCE_MS * CLOCK_MS);
    dns_zones_free(z);
    dns_zones_free(NULL);
    sim_free(sim);
}

struct real {
    struct loop *loop;
    struct dns_server *server;
    struct dns_ares *ares;
};

static void open_real(struct real *r)
{
    static const struct endpoint at = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct dns_ares_config config = {.patience_ns = REAL_PATIENCE_MS * CLOCK_MS};
    char memory[256];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof memory);
    r->loop = loop_new(&(struct loop_config){.links_max = 64}, &error);
    assert_non_null(r->loop);
    r->server = dns_server_new(r->loop, &dns_world_zone, &at, &config.server, &error);
    if (r->server == NULL)
        fail_msg("%s", memory);
    r->ares = dns_ares_new(r->loop, &config, &error);
    assert_non_null(r->ares);
}

static void close_real(struct real *r)
{
    dns_ares_free(r->ares);
    dns_server_free(r->server);
    loop_free(r->loop);
}

static void test_ares(void **state)
{
    static struct asked asked[DNS_WORLD_ROWS];
    struct real r;
    unsigned left;

    (void)state;
    open_real(&r);
    ask_all(loop_world(r.loop), dns_ares_resolver(r.ares), asked, &left);
    loop_run(r.loop);
    check_all(asked);
    close_real(&r);
}

static void never(void *self, const struct dns_answer *a)
{
    (void)self;
    (void)a;
    fail_msg("a cancelled question was answered");
}

static void test_cancelled(void **state)
{
    static struct asked asked[DNS_WORLD_ROWS];
    struct dns_question q = {.type = DNS_A, .name = "mx.test", .answered = never};
    struct dns_question open = {.type = DNS_A, .name = "silent.test", .answered = never};
    struct real r;
    struct resolver resolver;
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1});
    struct dns_zones *z = dns_zones_new(sim_world(sim),
                                        &(struct dns_zones_config){.zone = &dns_world_zone});
    unsigned left;

    (void)state;
    resolver = dns_zones_resolver(z);
    assert_true(resolver.ops->ask(resolver.self, &q));
    resolver.ops->cancel(resolver.self, &q);
    resolver.ops->cancel(resolver.self, &q);
    assert_true(resolver.ops->ask(resolver.self, &open));
    dns_zones_free(z);
    (void)sim_run(sim, CLOCK_NEVER);
    sim_free(sim);

    open_real(&r);
    resolver = dns_ares_resolver(r.ares);
    assert_true(resolver.ops->ask(resolver.self, &q));
    resolver.ops->cancel(resolver.self, &q);
    ask_all(loop_world(r.loop), resolver, asked, &left);
    assert_true(resolver.ops->ask(resolver.self, &open));
    dns_ares_free(r.ares);
    r.ares = NULL;
    close_real(&r);
}

struct dead {
    struct world *world;
    enum dns_status status;
};

static void on_dead(void *self, const struct dns_answer *a)
{
    struct dead *d = self;

    d->status = a->status;
    world_stop(d->world);
}

/* A port where nothing listens. */
static void test_no_server(void **state)
{
    struct dns_question q = {.type = DNS_A, .name = "mx.test", .answered = on_dead};
    struct dead dead = {.status = DNS_FOUND};
    struct real r;
    struct resolver resolver;

    (void)state;
    open_real(&r);
    dns_server_free(r.server);
    r.server = NULL;
    dead.world = loop_world(r.loop);
    q.self = &dead;
    resolver = dns_ares_resolver(r.ares);
    assert_true(resolver.ops->ask(resolver.self, &q));
    assert_int_equal(dead.status, DNS_FOUND);
    loop_run(r.loop);
    assert_int_equal(dead.status, DNS_REFUSED);
    close_real(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_ares),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_no_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
