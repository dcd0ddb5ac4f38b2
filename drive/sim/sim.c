/*
 * sim.c - the run, and what the world is asked
 *
 * One loop: take the first event, move the clock to it, hand it to its owner. Nothing else moves
 * the clock.
 */
#include "drive/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sim/sim_private.h"

#define EVENTS_MAX_DEFAULT UINT64_C(10000000)
#define BYTES_MAX_DEFAULT (UINT64_C(1) << 30)
enum { WINDOW_DEFAULT = 65536, EPHEMERAL_DEFAULT = 40000, LISTEN_PORT_FIRST = 20000 };

static struct sim *sim_of(struct world *w)
{
    return (struct sim *)w;
}

bool sim_schedule(struct sim *s, struct sim_node *node, int64_t at_ns, uint64_t seq)
{
    if (sim_heap_set(&s->heap, node, at_ns, seq))
        return true;
    s->no_memory = true;
    return false;
}

static int64_t sim_now(struct world *w)
{
    return sim_of(w)->now_ns;
}

static struct link *sim_world_connect(struct world *w, const struct endpoint *source,
                                      const struct endpoint *to, struct machine machine)
{
    return sim_connect(sim_of(w), source, to, machine);
}

static bool covers(const struct endpoint *at, const struct endpoint *to)
{
    static const uint8_t any[16] = {0};
    size_t len = at->family == 4 ? 4 : 16;
    return at->family == to->family && at->port == to->port &&
           (memcmp(at->bytes, any, len) == 0 || memcmp(at->bytes, to->bytes, len) == 0);
}

struct sim_listener *sim_listener_at(struct sim *s, const struct endpoint *to)
{
    for (struct sim_listener *l = s->listener_list; l != NULL; l = l->next)
        if (covers(&l->at, to))
            return l;
    return NULL;
}

static bool port_taken(const struct sim *s, uint16_t port)
{
    for (const struct sim_listener *l = s->listener_list; l != NULL; l = l->next)
        if (l->at.port == port)
            return true;
    return false;
}

static uint16_t free_port(struct sim *s)
{
    for (;;) {
        uint16_t port = s->next_listen_port++;
        if (s->next_listen_port == 0)
            s->next_listen_port = LISTEN_PORT_FIRST;
        if (!port_taken(s, port))
            return port;
    }
}

static struct listener *sim_listen(struct world *w, const struct endpoint *at,
                                   struct acceptor acceptor, struct endpoint *bound,
                                   struct strbuf *error)
{
    struct sim *s = sim_of(w);
    struct endpoint where = *at;
    if (where.port == 0)
        where.port = free_port(s);
    bool taken = sim_listener_at(s, &where) != NULL;
    struct sim_listener *l = taken ? NULL : slab_get(&s->listeners);
    if (l == NULL) {
        strbuf_adds(error, "cannot listen on ");
        endpoint_print(error, &where);
        strbuf_adds(error, taken ? ": Address already in use" : ": Cannot allocate memory");
        return NULL;
    }
    *l = (struct sim_listener){.next = s->listener_list, .at = where, .acceptor = acceptor};
    s->listener_list = l;
    if (bound != NULL)
        *bound = where;
    return (struct listener *)l;
}

static void sim_unlisten(struct world *w, struct listener *listener)
{
    struct sim *s = sim_of(w);
    struct sim_listener **at = &s->listener_list;
    while (*at != (struct sim_listener *)listener) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    struct sim_listener *l = *at;
    *at = l->next;
    slab_put(&s->listeners, l);
}

static void sim_wake(struct world *w, struct link *link)
{
    sim_link_wake((struct sim_link *)link, sim_of(w)->now_ns);
}

static void sim_timer_set(struct world *w, struct world_timer *t, int64_t at_ns)
{
    struct sim *s = sim_of(w);
    struct sim_node *node = t->priv;
    if (!world_timer_is_set(t)) {
        node = slab_get(&s->timers);
        if (node == NULL) {
            s->no_memory = true;
            return;
        }
        *node = (struct sim_node){.index = SIM_NOWHERE, .kind = NODE_WORLD, .owner = t};
        t->priv = node;
    }
    t->at_ns = at_ns;
    t->seq = ++s->seq;
    (void)sim_schedule(s, node, at_ns > s->now_ns ? at_ns : s->now_ns, t->seq);
}

static void sim_timer_stop(struct world *w, struct world_timer *t)
{
    struct sim *s = sim_of(w);
    sim_heap_remove(&s->heap, t->priv);
    slab_put(&s->timers, t->priv);
    t->priv = NULL;
    t->at_ns = CLOCK_NEVER;
}

static void sim_stop(struct world *w)
{
    sim_of(w)->stopped = true;
}

static const struct world_ops sim_ops = {
    .now = sim_now,
    .connect = sim_world_connect,
    .listen = sim_listen,
    .unlisten = sim_unlisten,
    .wake = sim_wake,
    .timer_set = sim_timer_set,
    .timer_stop = sim_timer_stop,
    .stop = sim_stop};

static void start(struct sim *s, uint64_t seed)
{
    s->config.seed = seed;
    prng_init(&s->prng, seed);
    s->now_ns = 0;
    s->seq = 0;
    s->events = 0;
    s->bytes = 0;
    s->links = 0;
    s->hash = seed;
    s->next_source_port = s->config.ephemeral;
    s->next_listen_port = LISTEN_PORT_FIRST;
    s->stopped = false;
    s->closing = false;
    s->no_memory = false;
}

static void fill_defaults(struct sim_config *config)
{
    if (config->latency_ns == 0)
        config->latency_ns = CLOCK_MS;
    if (config->window == 0)
        config->window = WINDOW_DEFAULT;
    if (config->events_max == 0)
        config->events_max = EVENTS_MAX_DEFAULT;
    if (config->time_max_ns == 0)
        config->time_max_ns = 30 * CLOCK_DAY;
    if (config->bytes_max == 0)
        config->bytes_max = BYTES_MAX_DEFAULT;
    if (config->ephemeral == 0)
        config->ephemeral = EPHEMERAL_DEFAULT;
}

struct sim *sim_new(const struct sim_config *config)
{
    struct sim *s = calloc(1, sizeof *s);
    if (s == NULL || !link_pool_init(&s->pool)) {
        free(s);
        return NULL;
    }
    s->world = (struct world){.ops = &sim_ops, .epoch_s = config->epoch_s};
    s->config = *config;
    fill_defaults(&s->config);
    slab_init(&s->conns, sizeof(struct sim_conn), 32);
    slab_init(&s->timers, sizeof(struct sim_node), 64);
    slab_init(&s->listeners, sizeof(struct sim_listener), 16);
    slab_init(&s->routes, sizeof(struct sim_route), 16);
    sim_net_init(s);
    start(s, config->seed);
    return s;
}

/* `ended` may stop timers and wake links, but gets no new links. */
static void end_all(struct sim *s)
{
    s->closing = true;
    while (s->conn_list != NULL) {
        struct sim_conn *c = s->conn_list;
        sim_link_end(&c->end[c->end[SIM_CLIENT].state == END_LIVE ? SIM_CLIENT : SIM_SERVER], true);
    }
    while (s->heap.count > 0) {
        struct sim_node *node = s->heap.events[s->heap.count - 1].node;
        assert(node->kind == NODE_WORLD);
        sim_timer_stop(&s->world, node->owner);
    }
    while (s->route_list != NULL) {
        struct sim_route *next = s->route_list->next;
        slab_put(&s->routes, s->route_list);
        s->route_list = next;
    }
}

void sim_free(struct sim *s)
{
    if (s == NULL)
        return;
    end_all(s);
    sim_heap_clear(&s->heap);
    link_pool_clear(&s->pool);
    slab_clear(&s->conns);
    slab_clear(&s->timers);
    slab_clear(&s->listeners);
    slab_clear(&s->routes);
    for (int i = 0; i < SIM_SEGMENT_SIZES; i++)
        slab_clear(&s->segments[i]);
    free(s);
}

void sim_reset(struct sim *s, uint64_t seed)
{
    end_all(s);
    start(s, seed);
}

struct world *sim_world(struct sim *s)
{
    return &s->world;
}

void sim_at(struct sim *s, const struct endpoint *to, const struct sim_path *path)
{
    struct sim_route *r = s->route_list;
    while (r != NULL && !endpoint_equal(&r->to, to))
        r = r->next;
    if (r == NULL) {
        r = slab_get(&s->routes);
        if (r == NULL) {
            s->no_memory = true;
            return;
        }
        r->next = s->route_list;
        r->to = *to;
        s->route_list = r;
    }
    r->path = *path;
}

static void fire(struct sim *s, struct world_timer *t)
{
    slab_put(&s->timers, t->priv);
    t->priv = NULL;
    t->at_ns = CLOCK_NEVER;
    t->fire(t->self);
}

static void dispatch(struct sim *s, struct sim_node *node)
{
    switch ((enum sim_node_kind)node->kind) {
    case NODE_ARRIVE:
        sim_link_arrive(node->owner);
        break;
    case NODE_TIMER:
        sim_link_timer(node->owner);
        break;
    case NODE_WORLD:
        fire(s, node->owner);
        break;
    }
}

/* Whether the run may go on to the next event. */
static bool may_go_on(const struct sim *s, int64_t until_ns, enum sim_end *end)
{
    if (s->no_memory)
        *end = SIM_MEMORY;
    else if (s->stopped)
        *end = SIM_STOPPED;
    else if (s->heap.count == 0)
        *end = SIM_IDLE;
    else if (s->heap.events[0].at_ns > until_ns || s->heap.events[0].at_ns > s->config.time_max_ns)
        *end = SIM_TIME;
    else if (s->events >= s->config.events_max)
        *end = SIM_EVENTS;
    else if (s->bytes >= s->config.bytes_max)
        *end = SIM_BYTES;
    else
        return true;
    return false;
}

enum sim_end sim_run(struct sim *s, int64_t until_ns)
{
    enum sim_end end = SIM_IDLE;
    while (may_go_on(s, until_ns, &end)) {
        struct sim_event event = s->heap.events[0];
        sim_heap_remove(&s->heap, event.node);
        s->now_ns = event.at_ns;
        s->events++;
        dispatch(s, event.node);
    }
    s->stopped = false;
    if (end == SIM_TIME) {
        int64_t reached_ns = until_ns < s->config.time_max_ns ? until_ns : s->config.time_max_ns;
        if (reached_ns > s->now_ns)
            s->now_ns = reached_ns;
    }
    return end;
}

uint64_t sim_hash(const struct sim *s)
{
    return s->hash;
}

uint64_t sim_events(const struct sim *s)
{
    return s->events;
}

const char *sim_end_name(enum sim_end end)
{
    static const char *const names[] = {
        [SIM_IDLE] = "idle", [SIM_STOPPED] = "stopped", [SIM_EVENTS] = "events",
        [SIM_TIME] = "time", [SIM_BYTES] = "bytes",     [SIM_MEMORY] = "memory"};
    return names[end];
}
