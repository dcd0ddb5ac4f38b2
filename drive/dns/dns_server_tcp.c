/*
 * dns_server_tcp.c - RFC 1035 4.2.2: two octets of length before each message
 *
 * A session is a machine: it waits for a whole query, then hands out the response as room comes.
 * A connection without a query for ten seconds is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "drive/dns/dns_server_private.h"

enum { LENGTH_OCTETS = 2, IDLE_S = 10 };

struct tcp_session {
    struct dns_tcp *owner;
    bool used, answering;
    int64_t deadline_ns; /* idle, or when the response is due */
    size_t sent, len;    /* of response, with its length in front */
    char response[LENGTH_OCTETS + DNS_MESSAGE_MAX + 1];
};

struct dns_tcp {
    struct world *world;
    const struct zone *zone;
    unsigned sessions;
    bool closing;
    struct tcp_session *session[DNS_SERVER_TCP_MAX]; /* made when first used */
};

/* A whole query at the front of the input; false: not yet. */
static bool take_query(struct machine_io *io, struct span *query)
{
    size_t have = io->in_len - io->in_used, len;
    const char *in = io->in + io->in_used;

    if (have < LENGTH_OCTETS)
        return false;
    len = (size_t)(uint8_t)in[0] << 8 | (uint8_t)in[1];
    if (have < LENGTH_OCTETS + len)
        return false;
    *query = (struct span){in + LENGTH_OCTETS, len};
    io->in_used += LENGTH_OCTETS + len;
    return true;
}

/* False: silence. */
static bool prepare(struct tcp_session *s, struct span query, int64_t now_ns)
{
    struct zone_effect effect;
    struct strbuf out;
    unsigned turn = 0;

    strbuf_init(&out, s->response + LENGTH_OCTETS, sizeof s->response - LENGTH_OCTETS);
    do
        effect = zone_answer(s->owner->zone, query, ZONE_BY_TCP, turn++, &out);
    while (effect.again);
    if (effect.silent)
        return false;
    s->response[0] = (char)(uint8_t)(out.len >> 8);
    s->response[1] = (char)(uint8_t)out.len;
    s->len = LENGTH_OCTETS + out.len;
    s->sent = 0;
    s->answering = true;
    s->deadline_ns = clock_after(now_ns, effect.delay_ns);
    return true;
}

static void hand_out(struct tcp_session *s, struct machine_io *io)
{
    size_t room = io->out_cap - io->out_len, n = s->len - s->sent;

    if (n > room)
        n = room;
    memcpy(io->out + io->out_len, s->response + s->sent, n);
    io->out_len += n;
    io->out_ready = io->out_len;
    s->sent += n;
    s->answering = s->sent < s->len;
    s->deadline_ns = clock_after(io->now_ns, IDLE_S * CLOCK_SECOND);
}

static enum machine_wish step(void *self, struct machine_io *io)
{
    struct tcp_session *s = self;
    struct span query;

    if (io->peer == PEER_RESET)
        return WISH_CLOSE;
    if (!s->answering && take_query(io, &query) && !prepare(s, query, io->now_ns))
        return WISH_CLOSE;
    if (s->answering && (s->sent > 0 || io->now_ns >= s->deadline_ns))
        hand_out(s, io);
    else if (!s->answering && (io->now_ns >= s->deadline_ns || io->peer == PEER_FIN))
        return WISH_CLOSE;
    return WISH_OPEN;
}

static int64_t deadline(const void *self)
{
    const struct tcp_session *s = self;

    return s->deadline_ns;
}

static void ended(void *self)
{
    struct tcp_session *s = self;

    s->used = false;
    s->owner->sessions--;
    if (s->owner->closing && s->owner->sessions == 0)
        dns_tcp_free(s->owner);
}

static struct tcp_session *unused(struct dns_tcp *t)
{
    for (size_t i = 0; i < DNS_SERVER_TCP_MAX; i++) {
        if (t->session[i] == NULL)
            t->session[i] = calloc(1, sizeof *t->session[i]);
        if (t->session[i] == NULL || !t->session[i]->used)
            return t->session[i];
    }
    return NULL;
}

static bool accept_link(void *self, struct link *link, const struct endpoint *local,
                        const struct endpoint *peer, struct machine *machine)
{
    static const struct machine_ops ops = {
        .name = "dns-tcp", .step = step, .deadline = deadline, .ended = ended};
    struct dns_tcp *t = self;
    struct tcp_session *s = t->closing ? NULL : unused(t);

    (void)link;
    (void)local;
    (void)peer;
    if (s == NULL)
        return false;
    s->owner = t;
    s->used = true;
    s->answering = false;
    s->deadline_ns = clock_after(world_now(t->world), IDLE_S * CLOCK_SECOND);
    t->sessions++;
    *machine = (struct machine){.ops = &ops, .self = s};
    return true;
}

struct dns_tcp *dns_tcp_new(struct world *w, const struct zone *zone)
{
    struct dns_tcp *t = calloc(1, sizeof *t);

    if (t != NULL) {
        t->world = w;
        t->zone = zone;
    }
    return t;
}

/* Sessions that stand are the world's until it ends them; the last one takes all with it. */
void dns_tcp_free(struct dns_tcp *t)
{
    if (t == NULL)
        return;
    t->closing = true;
    if (t->sessions > 0)
        return;
    for (size_t i = 0; i < DNS_SERVER_TCP_MAX; i++)
        free(t->session[i]);
    free(t);
}

struct acceptor dns_tcp_acceptor(struct dns_tcp *t)
{
    return (struct acceptor){.accept = accept_link, .self = t};
}
