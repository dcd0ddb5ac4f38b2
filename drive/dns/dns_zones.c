/*
 * dns_zones.c - one timer for each question, set to when its next message arrives
 *
 * The message is made when it arrives, not when it is asked for: one buffer is enough for all.
 */
#include "drive/dns/dns_zones.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dns/chase.h"

enum { ZONES_LATENCY_MS = 1, ZONES_PATIENCE_S = 15, QUERY_ID = 0x2a2a };

struct open_question {
    struct open_question *next;
    struct dns_zones *owner;
    struct dns_question *question;
    struct world_timer timer;
    struct dns_chase chase;
    int64_t deadline_ns;
    enum zone_transport transport;
    unsigned turn;
    bool ready; /* the message is known and was delayed; else it is to be made */
};

struct dns_zones {
    struct world *world;
    struct dns_zones_config config;
    struct open_question *open;
    struct dns_record records[DNS_RECORDS_MAX];
    char query[DNS_UDP_MAX], response[DNS_MESSAGE_MAX + 1];
};

static void forget(struct open_question *o)
{
    struct open_question **at = &o->owner->open;

    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    world_timer_stop(o->owner->world, &o->timer);
    free(o);
}

/* Forgotten last: the answer borrows from the chase. */
static void answer(struct open_question *o, const struct dns_answer *a)
{
    struct dns_question *q = o->question;

    q->priv = NULL;
    o->question = NULL;
    q->answered(q->self, a);
    forget(o);
}

static void answer_status(struct open_question *o, enum dns_status status)
{
    struct dns_answer a = {.status = status, .canonical = span_of(o->chase.name)};

    answer(o, &a);
}

/* The first leg: the exchange takes its time, or comes to nothing. */
static void exchange(struct open_question *o, int64_t more_ns)
{
    struct dns_zones *z = o->owner;
    int64_t at = clock_after(world_now(z->world), z->config.latency_ns);

    at = clock_after(at, more_ns);
    world_timer_set(z->world, &o->timer, at < o->deadline_ns ? at : o->deadline_ns);
}

static struct zone_effect make_response(struct open_question *o, struct strbuf *response)
{
    struct dns_zones *z = o->owner;
    struct strbuf query;

    strbuf_init(&query, z->query, sizeof z->query);
    strbuf_init(response, z->response, sizeof z->response);
    if (!dns_write_query(&query, QUERY_ID, o->chase.type, span_of(o->chase.name)))
        return (struct zone_effect){.silent = true};
    return zone_answer(z->config.zone, strbuf_span(&query), o->transport, o->turn, response);
}

static bool has_our_id(const struct strbuf *response)
{
    struct dns_reader r;
    struct dns_header h;

    return dns_read_header(&r, strbuf_span(response), &h) && h.id == QUERY_ID;
}

static void take_response(struct open_question *o, struct span response)
{
    struct dns_answer a;

    switch (dns_chase_read(&o->chase, response, &a)) {
    case DNS_CHASE_OVER:
        answer(o, &a);
        break;
    case DNS_CHASE_NEXT:
        o->transport = ZONE_BY_UDP;
        exchange(o, 0);
        break;
    case DNS_CHASE_TCP:
        if (o->transport == ZONE_BY_TCP) {
            answer_status(o, DNS_TRUNCATED);
            break;
        }
        o->transport = ZONE_BY_TCP;
        exchange(o, 0);
        break;
    }
}

static void on_timer(void *self)
{
    struct open_question *o = self;
    struct strbuf response;
    struct zone_effect effect;

    if (world_now(o->owner->world) >= o->deadline_ns) {
        answer_status(o, o->transport == ZONE_BY_TCP ? DNS_TRUNCATED : DNS_TIMEOUT);
        return;
    }
    o->turn = 0;
    do {
        effect = make_response(o, &response);
        o->turn++;
    } while (effect.again && !has_our_id(&response));
    if (effect.delay_ns > 0 && !o->ready) {
        o->ready = true;
        exchange(o, effect.delay_ns - o->owner->config.latency_ns);
        return;
    }
    o->ready = false;
    if (effect.silent || !has_our_id(&response))
        world_timer_set(o->owner->world, &o->timer, o->deadline_ns);
    else
        take_response(o, strbuf_span(&response));
}

static bool ask(void *self, struct dns_question *q)
{
    struct dns_zones *z = self;
    struct open_question *o = calloc(1, sizeof *o);

    q->priv = o;
    if (o == NULL)
        return false;
    o->next = z->open;
    z->open = o;
    o->owner = z;
    o->question = q;
    o->deadline_ns = clock_after(world_now(z->world), z->config.patience_ns);
    dns_chase_init(&o->chase, q->type, span_of(q->name), z->records, DNS_RECORDS_MAX);
    world_timer_init(&o->timer, on_timer, o);
    exchange(o, 0);
    return true;
}

static void cancel(void *self, struct dns_question *q)
{
    (void)self;
    if (q->priv != NULL)
        forget(q->priv);
    q->priv = NULL;
}

struct dns_zones *dns_zones_new(struct world *w, const struct dns_zones_config *config)
{
    struct dns_zones *z = calloc(1, sizeof *z);

    if (z == NULL)
        return NULL;
    z->world = w;
    z->config = *config;
    if (z->config.latency_ns == 0)
        z->config.latency_ns = ZONES_LATENCY_MS * CLOCK_MS;
    if (z->config.patience_ns == 0)
        z->config.patience_ns = ZONES_PATIENCE_S * CLOCK_SECOND;
    return z;
}

void dns_zones_free(struct dns_zones *z)
{
    if (z == NULL)
        return;
    while (z->open != NULL) {
        struct open_question *o = z->open;

        z->open = o->next;
        world_timer_stop(z->world, &o->timer);
        free(o);
    }
    free(z);
}

struct resolver dns_zones_resolver(struct dns_zones *z)
{
    static const struct resolver_ops ops = {.ask = ask, .cancel = cancel};

    return (struct resolver){.ops = &ops, .self = z};
}
