/*
 * loop.c - the run, and what the world is asked
 *
 * Time: one reading of CLOCK_MONOTONIC serves a whole turn of the loop. libev reads the clock
 * itself once a turn, and a changed ev_now is how we know that a turn has begun. libev's own
 * number is not used: it is wall-clock time and jumps.
 *
 * libev runs until no watcher is active, which is just "nothing is left that could happen":
 * listeners, links (lingering ones too) and timers all have one. Signal watchers alone do not keep
 * it running.
 */
#include "drive/loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drive/loop/loop_private.h"
#include "drive/loop/loop_watch.h"

enum { LINKS_MAX_DEFAULT = 1024 };

static struct loop *loop_of(struct world *w)
{
    return (struct loop *)w;
}

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

int64_t loop_now(struct loop *l)
{
    ev_tstamp now_ev = ev_now(l->ev);
    if (now_ev < l->now_ev || now_ev > l->now_ev || !l->running) {
        l->now_ev = now_ev;
        l->now_ns = clock_ns(CLOCK_MONOTONIC);
    }
    return l->now_ns;
}

/* A little late rather than early: a turn of the loop that finds nothing due is wasted. */
ev_tstamp loop_delay(struct loop *l, int64_t at_ns)
{
    int64_t left_ns = at_ns - loop_now(l);
    return left_ns > 0 ? (ev_tstamp)left_ns * 1e-9 + 20e-6 : 0.;
}

static int64_t loop_world_now(struct world *w)
{
    return loop_now(loop_of(w));
}

static struct link *loop_world_connect(struct world *w, const struct endpoint *source,
                                       const struct endpoint *to, struct machine machine)
{
    return loop_link_connect(loop_of(w), source, to, machine);
}

static void loop_wake(struct world *w, struct link *link)
{
    ev_feed_event(loop_of(w)->ev, &((struct loop_link *)link)->timer, EV_CUSTOM);
}

static void loop_stop(struct world *w)
{
    loop_of(w)->stopped = true;
    ev_break(loop_of(w)->ev, EVBREAK_ALL);
}

static void timer_forget(struct loop_timer *k)
{
    ev_timer_stop(k->loop->ev, &k->ev);
    k->timer->priv = NULL;
    k->timer->at_ns = CLOCK_NEVER;
    slab_put(&k->loop->timers, k);
}

static void on_world_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    (void)revents;
    struct loop_timer *k = w->data;
    struct world_timer *t = k->timer;
    int64_t at_ns = t->at_ns;
    if (loop_now(k->loop) < at_ns) {
        ev_timer_set(&k->ev, loop_delay(k->loop, at_ns), 0.);
        ev_timer_start(k->loop->ev, &k->ev);
        return;
    }
    timer_forget(k);
    t->fire(t->self);
}

static void loop_timer_set(struct world *w, struct world_timer *t, int64_t at_ns)
{
    struct loop *l = loop_of(w);
    struct loop_timer *k = t->priv;
    if (!world_timer_is_set(t)) {
        k = slab_get(&l->timers);
        if (k == NULL) {
            loop_stop(w); /* a run without its timers would hang */
            return;
        }
        *k = (struct loop_timer){.loop = l, .timer = t};
        ev_timer_init(&k->ev, on_world_timer, 0., 0.);
        k->ev.data = k;
        t->priv = k;
    }
    t->at_ns = at_ns;
    ev_timer_stop(l->ev, &k->ev);
    ev_timer_set(&k->ev, loop_delay(l, at_ns), 0.);
    ev_timer_start(l->ev, &k->ev);
}

static void loop_timer_stop(struct world *w, struct world_timer *t)
{
    (void)w;
    timer_forget(t->priv);
}

static const struct world_ops loop_ops = {
    .now = loop_world_now,
    .connect = loop_world_connect,
    .listen = loop_listen,
    .unlisten = loop_unlisten,
    .wake = loop_wake,
    .timer_set = loop_timer_set,
    .timer_stop = loop_timer_stop,
    .stop = loop_stop};

/* The first signal is ours; with the watchers gone a second one has its usual effect. */
static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
    (void)revents;
    struct loop *l = w->data;
    l->signal_number = w->signum;
    ev_ref(ev);
    ev_signal_stop(ev, &l->on_int);
    ev_ref(ev);
    ev_signal_stop(ev, &l->on_term);
    if (l->config.on_signal != NULL)
        l->config.on_signal(l->config.self, l->signal_number);
    else
        loop_stop(&l->world);
}

static void signal_start(struct loop *l, ev_signal *w, int signal_number)
{
    ev_signal_init(w, on_signal, signal_number);
    w->data = l;
    ev_signal_start(l->ev, w);
    ev_unref(l->ev);
}

static void on_accept_again(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    (void)revents;
    loop_accept_resume(w->data);
}

static void set_up(struct loop *l)
{
    slab_init(&l->links, sizeof(struct loop_link), 64);
    slab_init(&l->timers, sizeof(struct loop_timer), 64);
    slab_init(&l->listeners, sizeof(struct loop_listener), 8);
    loop_watch_set_up(l);
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    l->world = (struct world){.ops = &loop_ops,
                              .epoch_s = (clock_ns(CLOCK_REALTIME) - now_ns) / CLOCK_SECOND};
    ev_timer_init(&l->accept_again, on_accept_again, 0., 0.);
    l->accept_again.data = l;
    (void)signal(SIGPIPE, SIG_IGN);
    if (l->config.catch_signals) {
        signal_start(l, &l->on_int, SIGINT);
        signal_start(l, &l->on_term, SIGTERM);
    }
}

struct loop *loop_new(const struct loop_config *config, struct strbuf *error)
{
    struct loop *l = calloc(1, sizeof *l);
    bool pool = l != NULL && link_pool_init(&l->pool);
    unsigned flags = EVFLAG_NOENV | EVBACKEND_EPOLL;
#ifdef EVFLAG_NOTIMERFD
    flags |= EVFLAG_NOTIMERFD;
#endif
    struct ev_loop *ev = pool ? ev_loop_new(flags) : NULL;
    if (ev == NULL) {
        strbuf_adds(error, "cannot make an event loop: ");
        strbuf_adds(error, strerror(pool ? errno : ENOMEM));
        if (pool)
            link_pool_clear(&l->pool);
        free(l);
        return NULL;
    }
    l->ev = ev;
    l->config = *config;
    if (l->config.links_max == 0)
        l->config.links_max = LINKS_MAX_DEFAULT;
    set_up(l);
    return l;
}

static void end_all(struct loop *l)
{
    l->closing = true;
    while (l->link_list != NULL) {
        if (l->link_list->state == LINK_LINGERING)
            loop_link_free(l->link_list, false);
        else
            loop_link_end(l->link_list, false);
    }
    while (l->listener_list != NULL)
        loop_unlisten(&l->world, (struct listener *)l->listener_list);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    end_all(l);
    ev_timer_stop(l->ev, &l->accept_again);
    if (l->config.catch_signals && l->signal_number == 0) {
        ev_ref(l->ev);
        ev_signal_stop(l->ev, &l->on_int);
        ev_ref(l->ev);
        ev_signal_stop(l->ev, &l->on_term);
    }
    ev_loop_destroy(l->ev);
    link_pool_clear(&l->pool);
    slab_clear(&l->links);
    slab_clear(&l->timers);
    slab_clear(&l->listeners);
    slab_clear(&l->watches);
    free(l);
}

struct world *loop_world(struct loop *l)
{
    return &l->world;
}

struct loop *loop_of_world(struct world *w)
{
    return w->ops == &loop_ops ? loop_of(w) : NULL;
}

void loop_run(struct loop *l)
{
    if (!l->stopped) {
        ev_now_update(l->ev);
        (void)loop_now(l);
        l->running = true;
        (void)ev_run(l->ev, 0);
        l->running = false;
    }
    l->stopped = false;
}

int loop_signal(const struct loop *l)
{
    return l->signal_number;
}
