/*
 * sim_link.c - the two ends of a simulated connection
 *
 * Both ends lie in one struct, which lives until the second is over. An end whose machine is gone
 * takes bytes and drops them, as loop_link.c does while it waits for the peer's FIN.
 *
 * The timer is lazy. Most deadlines move away with each reply long before they come, so an end's
 * timer node is moved only when it has to come earlier; when it comes too early it is set to the
 * real deadline then.
 */
#include <assert.h>

#include "drive/sim/sim_private.h"

static void arm(struct sim_link *l)
{
    int64_t due_ns = l->deadline_ns < l->wake_ns ? l->deadline_ns : l->wake_ns;
    if (due_ns == CLOCK_NEVER)
        return;
    struct sim *s = l->sim;
    if (due_ns < s->now_ns)
        due_ns = s->now_ns;
    if (l->timer.index == SIM_NOWHERE || due_ns < sim_heap_at(&s->heap, &l->timer))
        (void)sim_schedule(s, &l->timer, due_ns, ++s->seq);
}

/* The head may come as soon as there is room for it. */
static void arm_arrival(struct sim_link *l)
{
    if (l->head == NULL || l->arrive.index != SIM_NOWHERE)
        return;
    if (l->head->kind == SEGMENT_DATA && link_room(&l->core) == 0)
        return;
    struct sim *s = l->sim;
    int64_t at_ns = l->head->at_ns > s->now_ns ? l->head->at_ns : s->now_ns;
    (void)sim_schedule(s, &l->arrive, at_ns, l->head->seq);
}

void sim_link_wake(struct sim_link *l, int64_t at_ns)
{
    if (l->state != END_LIVE)
        return;
    if (at_ns < l->wake_ns)
        l->wake_ns = at_ns;
    arm(l);
}

static void end_init(struct sim_link *l, struct sim *s, struct sim_conn *c, uint8_t side)
{
    *l = (struct sim_link){.sim = s,
                           .conn = c,
                           .arrive = {.index = SIM_NOWHERE, .kind = NODE_ARRIVE, .owner = l},
                           .timer = {.index = SIM_NOWHERE, .kind = NODE_TIMER, .owner = l},
                           .deadline_ns = CLOCK_NEVER,
                           .wake_ns = CLOCK_NEVER,
                           .side = side,
                           .state = END_NONE};
    l->tail = &l->head;
}

static void end_live(struct sim_link *l, struct machine machine, enum machine_peer peer)
{
    link_init(&l->core, machine, peer);
    l->state = END_LIVE;
}

static struct endpoint source_of(struct sim *s, const struct endpoint *source,
                                 const struct endpoint *to)
{
    struct endpoint e = {.family = to->family};
    if (source != NULL && source->family != 0) {
        e = *source;
    } else if (to->family == 4) {
        e.bytes[0] = 127;
        e.bytes[3] = 1;
    } else {
        e.bytes[15] = 1;
    }
    if (e.port == 0) {
        e.port = s->next_source_port++;
        if (s->next_source_port == 0)
            s->next_source_port = s->config.ephemeral;
    }
    return e;
}

struct link *sim_connect(struct sim *s, const struct endpoint *source, const struct endpoint *to,
                         struct machine machine)
{
    struct sim_conn *c = s->closing ? NULL : slab_get(&s->conns);
    if (c == NULL)
        return NULL;
    c->source = source_of(s, source, to);
    c->to = *to;
    c->number = ++s->links;
    c->prev = NULL;
    c->next = s->conn_list;
    if (c->next != NULL)
        c->next->prev = c;
    s->conn_list = c;
    end_init(&c->end[SIM_CLIENT], s, c, SIM_CLIENT);
    end_init(&c->end[SIM_SERVER], s, c, SIM_SERVER);
    end_live(&c->end[SIM_CLIENT], machine, PEER_CONNECTING);
    sim_link_wake(&c->end[SIM_CLIENT], s->now_ns);
    sim_net_route(s, c);
    return (struct link *)&c->end[SIM_CLIENT];
}

static void conn_free(struct sim *s, struct sim_conn *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->conn_list = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    slab_put(&s->conns, c);
}

/* The stream from the server says nothing more once the path has cut it. */
static void tell_peer(struct sim_link *l, enum sim_segment_kind kind)
{
    if (l->side == SIM_CLIENT || l->conn->cut == CUT_NONE)
        sim_net_tell(sim_peer(l), kind, 1);
}

static void send_fin(struct sim_link *l)
{
    if (l->fin_sent)
        return;
    l->fin_sent = true;
    tell_peer(l, SEGMENT_FIN);
}

void sim_link_end(struct sim_link *l, bool reset)
{
    struct sim *s = l->sim;
    assert(l->state == END_LIVE);
    if (reset)
        tell_peer(l, SEGMENT_RESET);
    else
        send_fin(l);
    l->state = END_CLOSED;
    l->closed_ns = s->now_ns;
    sim_net_drop(l);
    sim_heap_remove(&s->heap, &l->timer);
    link_clear(&l->core, &s->pool);
    if (sim_peer(l)->state == END_LIVE && sim_peer(l)->blocked)
        sim_link_wake(sim_peer(l), clock_after(s->now_ns, l->conn->latency_ns));
    if (l->core.machine.ops->ended != NULL)
        l->core.machine.ops->ended(l->core.machine.self);
    if (sim_peer(l)->state != END_LIVE)
        conn_free(s, l->conn);
}

/* After a pump: what the machine wished, and when it wants to be stepped next. The link may be gone
 * afterwards. */
static void settle(struct sim_link *l, bool sound)
{
    struct sim *s = l->sim;
    struct link_core *core = &l->core;
    if (!sound || core->wish == WISH_RESET) {
        sim_link_end(l, core->peer <= PEER_FIN);
        return;
    }
    if (core->peer > PEER_FIN || (core->wish == WISH_CLOSE && !link_unsent(core))) {
        sim_link_end(l, false);
        return;
    }
    if (core->wish == WISH_HALF_CLOSE && !link_unsent(core))
        send_fin(l);
    struct sim_link *peer = sim_peer(l);
    if (peer->blocked && peer->state == END_LIVE && sim_net_window(l) > 0) {
        peer->blocked = false;
        sim_link_wake(peer, clock_after(s->now_ns, l->conn->latency_ns));
    }
    l->deadline_ns = link_deadline(core, s->now_ns);
    arm(l);
    arm_arrival(l);
}

static void pump(struct sim_link *l, const char *data, size_t len)
{
    struct link_out out = {.send = sim_net_send, .driver_link = l};
    settle(l, link_pump(&l->core, &l->sim->pool, l->sim->now_ns, data, len, &out));
}

void sim_link_timer(struct sim_link *l)
{
    int64_t now_ns = l->sim->now_ns;
    bool woken = l->wake_ns <= now_ns;
    bool due = l->deadline_ns <= now_ns;
    if (!woken && !due) {
        arm(l);
        return;
    }
    if (woken)
        l->wake_ns = CLOCK_NEVER;
    if (due && link_overdue(&l->core, now_ns, l->deadline_ns)) {
        sim_link_end(l, true);
        return;
    }
    pump(l, NULL, 0);
}

/* The client's SYN is at the server. */
static void knock(struct sim_link *client)
{
    struct sim *s = client->sim;
    struct sim_link *server = sim_peer(client);
    struct sim_listener *listener = sim_listener_at(s, &client->conn->to);
    if (listener == NULL) {
        sim_net_tell(client, SEGMENT_REFUSED, 1);
        return;
    }
    struct machine machine = {0};
    struct acceptor acceptor = listener->acceptor;
    sim_net_tell(client, SEGMENT_OPEN, 1);
    server->closed_ns = s->now_ns;
    if (!acceptor.accept(acceptor.self, (struct link *)server, &client->conn->to,
                         &client->conn->source, &machine)) {
        sim_net_tell(client, SEGMENT_FIN, 1);
        return;
    }
    end_live(server, machine, PEER_OPEN);
    sim_net_trace(server, SEGMENT_KNOCK, NULL, 0);
    pump(server, NULL, 0);
}

static void arrive_data(struct sim_link *l)
{
    struct sim_segment *segment = l->head;
    size_t left = segment->end - segment->start;
    size_t room = link_room(&l->core);
    size_t len = left < room ? left : room;
    if (len == 0)
        return; /* settle arms the arrival again when the machine made room */
    const char *data = segment->bytes + segment->start;
    sim_net_trace(l, SEGMENT_DATA, data, len);
    segment->start += (uint32_t)len;
    l->queued -= (uint32_t)len;
    bool whole = len == left;
    struct sim *s = l->sim;
    if (whole)
        (void)sim_net_take(l);
    pump(l, data, len);
    if (whole)
        sim_net_free(s, segment);
}

static void arrive_news(struct sim_link *l, enum sim_segment_kind kind)
{
    static const uint8_t news[] = {
        [SEGMENT_DATA] = PEER_OPEN,       [SEGMENT_KNOCK] = PEER_CONNECTING,
        [SEGMENT_OPEN] = PEER_OPEN,       [SEGMENT_FIN] = PEER_FIN,
        [SEGMENT_REFUSED] = PEER_REFUSED, [SEGMENT_UNREACHABLE] = PEER_UNREACHABLE,
        [SEGMENT_RESET] = PEER_RESET};
    sim_net_trace(l, kind, NULL, 0);
    l->core.peer = news[kind];
    pump(l, NULL, 0);
}

void sim_link_arrive(struct sim_link *l)
{
    enum sim_segment_kind kind = (enum sim_segment_kind)l->head->kind;
    if (kind == SEGMENT_DATA) {
        arrive_data(l);
        return;
    }
    sim_net_free(l->sim, sim_net_take(l));
    if (kind != SEGMENT_KNOCK) {
        arrive_news(l, kind);
        return;
    }
    knock(l);
    arm_arrival(l);
}
