/*
 * loop_watch.c - one libev watcher for each descriptor, started while an event is wanted
 */
#include "drive/loop/loop_watch.h"

#include "drive/loop/loop_private.h"

struct loop_watch {
    ev_io io;
    struct loop *loop;
    struct watcher watcher;
    int fd;
};

static void on_event(struct ev_loop *ev, ev_io *io, int revents)
{
    struct loop_watch *k = io->data;
    unsigned events = ((revents & EV_READ) != 0 ? (unsigned)WATCH_READ : 0u) |
                      ((revents & EV_WRITE) != 0 ? (unsigned)WATCH_WRITE : 0u);
    (void)ev;
    k->watcher.ready(k->watcher.self, k->fd, events);
}

void loop_watch_set_up(struct loop *l)
{
    slab_init(&l->watches, sizeof(struct loop_watch), 8);
}

struct loop_watch *loop_watch_new(struct loop *l, int fd, struct watcher watcher)
{
    struct loop_watch *k = slab_get(&l->watches);
    if (k == NULL)
        return NULL;
    *k = (struct loop_watch){.loop = l, .watcher = watcher, .fd = fd};
    ev_io_init(&k->io, on_event, fd, EV_NONE);
    k->io.data = k;
    return k;
}

void loop_watch_set(struct loop_watch *k, unsigned events)
{
    int wanted = ((events & WATCH_READ) != 0 ? EV_READ : 0) |
                 ((events & WATCH_WRITE) != 0 ? EV_WRITE : 0);
    ev_io_stop(k->loop->ev, &k->io);
    ev_io_set(&k->io, k->fd, wanted);
    if (wanted != 0)
        ev_io_start(k->loop->ev, &k->io);
}

void loop_watch_free(struct loop_watch *k)
{
    if (k == NULL)
        return;
    ev_io_stop(k->loop->ev, &k->io);
    slab_put(&k->loop->watches, k);
}
