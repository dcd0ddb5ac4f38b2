/*
 * world.c - calls go through the table of the driver, after the checks that both would need
 */
#include "drive/world.h"

int64_t world_now(struct world *w)
{
    return w->ops->now(w);
}

int64_t world_epoch(struct world *w)
{
    return w->epoch_s + w->ops->now(w) / CLOCK_SECOND;
}

struct link *world_connect(struct world *w, const struct endpoint *source,
                           const struct endpoint *to, struct machine machine)
{
    return w->ops->connect(w, source, to, machine);
}

struct listener *world_listen(struct world *w, const struct endpoint *at, struct acceptor acceptor,
                              struct endpoint *bound, struct strbuf *error)
{
    return w->ops->listen(w, at, acceptor, bound, error);
}

void world_unlisten(struct world *w, struct listener *l)
{
    if (l != NULL)
        w->ops->unlisten(w, l);
}

void world_wake(struct world *w, struct link *link)
{
    w->ops->wake(w, link);
}

void world_timer_init(struct world_timer *t, void (*fire)(void *self), void *self)
{
    *t = (struct world_timer){.fire = fire, .self = self, .at_ns = CLOCK_NEVER};
}

void world_timer_set(struct world *w, struct world_timer *t, int64_t at_ns)
{
    if (at_ns == CLOCK_NEVER)
        world_timer_stop(w, t);
    else
        w->ops->timer_set(w, t, at_ns);
}

void world_timer_stop(struct world *w, struct world_timer *t)
{
    if (world_timer_is_set(t))
        w->ops->timer_stop(w, t);
}

bool world_timer_is_set(const struct world_timer *t)
{
    return t->at_ns != CLOCK_NEVER;
}

void world_stop(struct world *w)
{
    w->ops->stop(w);
}
