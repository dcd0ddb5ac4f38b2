/*
 * pace.c - one "theoretical arrival time" for all, and one for each network (GCRA)
 *
 * A slot of the table whose time has passed says nothing any more and is taken over by the next
 * network that comes by, so the table holds only those that are busy.
 */
#include "probe/program/pace.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 32 };

struct slot {
    uint64_t network; /* 0: never used */
    int64_t next_ns;
};

struct pace {
    struct pace_config config;
    int64_t next_ns;
    size_t mask;
    struct slot slots[];
};

static uint64_t network_of(const struct endpoint *e)
{
    size_t len = e->family == 4 ? 3 : 8;
    uint64_t h = e->family;

    for (size_t i = 0; i < len; i++)
        h = (h ^ e->bytes[i]) * UINT64_C(0x100000001b3);
    return h == 0 ? 1 : h;
}

/* The network's slot; else one that may be taken over; NULL: all around are busy. */
static struct slot *find(struct pace *p, uint64_t network, int64_t now_ns)
{
    size_t at = (size_t)(network * UINT64_C(0x9e3779b97f4a7c15) >> 32) & p->mask;
    struct slot *spare = NULL;

    for (int i = 0; i < STEPS_MAX; i++, at = (at + 1) & p->mask) {
        struct slot *s = &p->slots[at];

        if (s->network == network)
            return s;
        if (spare == NULL && (s->network == 0 || s->next_ns <= now_ns))
            spare = s;
        if (s->network == 0)
            break;
    }
    return spare;
}

static int64_t interval(unsigned rate)
{
    return CLOCK_MINUTE / rate;
}

/* Of one second's connections, all but one may come at once. */
static int64_t allowance(unsigned rate)
{
    return rate > 60 ? CLOCK_SECOND - interval(rate) : 0;
}

static int64_t due(int64_t next_ns, unsigned rate, int64_t now_ns)
{
    int64_t at = next_ns - allowance(rate);

    return at > now_ns ? at : now_ns;
}

static void reserve(int64_t *next_ns, unsigned rate, int64_t at_ns)
{
    *next_ns = (*next_ns > at_ns ? *next_ns : at_ns) + interval(rate);
}

struct pace *pace_new(const struct pace_config *config)
{
    size_t size = 256;

    while (size < 4 * config->networks)
        size *= 2;
    struct pace *p = calloc(1, sizeof(*p) + size * sizeof(p->slots[0]));
    if (p == NULL)
        return NULL;
    p->config = *config;
    p->mask = size - 1;
    return p;
}

void pace_free(struct pace *p)
{
    free(p);
}

static int64_t when(struct pace *p, const struct endpoint *to, int64_t now_ns, bool take)
{
    unsigned rate = p->config.rate, network_rate = p->config.network_rate;
    struct slot *s = NULL;
    int64_t at = now_ns;

    if (rate > 0)
        at = due(p->next_ns, rate, at);
    if (network_rate > 0) {
        uint64_t network = network_of(to);

        s = find(p, network, now_ns);
        if (s == NULL)
            at = clock_after(at, interval(network_rate));
        else if (s->network == network)
            at = due(s->next_ns, network_rate, at);
    }
    if (!take)
        return at;
    if (rate > 0)
        reserve(&p->next_ns, rate, at);
    if (s != NULL && s->network != network_of(to))
        *s = (struct slot){.network = network_of(to)};
    if (s != NULL)
        reserve(&s->next_ns, network_rate, at);
    return at;
}

int64_t pace_due(const struct pace *p, const struct endpoint *to, int64_t now_ns)
{
    return when((struct pace *)(uintptr_t)p, to, now_ns, false);
}

int64_t pace_take(struct pace *p, const struct endpoint *to, int64_t now_ns)
{
    return when(p, to, now_ns, true);
}
