/*
 * world.h - what a program may ask of the world; the same for sockets and for the simulator
 *
 * probe/, mockmta/ and scenarios/ are written against this interface, so one program runs in real
 * time on sockets (drive/loop/loop.h) and in virtual time on a simulated network (drive/sim/sim.h).
 *
 * Rules: no call steps a machine or fires a timer before it returns: everything is queued. A link
 * is the world's: it is valid from world_connect or accept until its machine's `ended` was called,
 * which is the last use. A timer is the caller's memory and must stay until it fired or was
 * stopped.
 *
 * Errors: world_connect never fails at once: trouble comes as PEER_REFUSED or PEER_UNREACHABLE in
 * the machine's step. world_listen says why in `error` (a sentence with strerror in the real
 * world).
 */
#ifndef RELAYLAB_DRIVE_WORLD_H
#define RELAYLAB_DRIVE_WORLD_H

#include "lib/base/clock.h"
#include "lib/base/endpoint.h"
#include "lib/machine.h"

struct world;
struct link; /* a connection with a machine at our end */

struct acceptor {
    /* A connection came in. False: refuse it (closed at once). Called between steps. */
    bool (*accept)(void *self, struct link *link, const struct endpoint *local,
                   const struct endpoint *peer, struct machine *machine);
    void *self;
};

struct world_timer {
    void (*fire)(void *self);
    void *self;
    int64_t at_ns; /* CLOCK_NEVER: not set; the world's from set to fire */
    void *priv;    /* the world's */
    uint64_t seq;  /* the world's */
};

struct listener; /* the world's */

struct world_ops {
    int64_t (*now)(struct world *w);
    struct link *(*connect)(struct world *w, const struct endpoint *source,
                            const struct endpoint *to, struct machine machine);
    struct listener *(*listen)(struct world *w, const struct endpoint *at, struct acceptor acceptor,
                               struct endpoint *bound, struct strbuf *error);
    void (*unlisten)(struct world *w, struct listener *l);
    void (*wake)(struct world *w, struct link *link);
    void (*timer_set)(struct world *w, struct world_timer *t, int64_t at_ns);
    void (*timer_stop)(struct world *w, struct world_timer *t);
    void (*stop)(struct world *w);
};

struct world {
    const struct world_ops *ops;
    int64_t epoch_s; /* wall clock at instant 0, for Date headers */
};

int64_t world_now(struct world *w);
int64_t world_epoch(struct world *w); /* seconds since 1970, now */
/* source NULL: any. The machine gets PEER_CONNECTING until the connection stands. NULL when the
   world is out of links (the machine is then not used). */
struct link *world_connect(struct world *w, const struct endpoint *source,
                           const struct endpoint *to, struct machine machine);
/* Port 0: any free one; *bound (may be NULL) says which. NULL on error. */
struct listener *world_listen(struct world *w, const struct endpoint *at, struct acceptor acceptor,
                              struct endpoint *bound, struct strbuf *error);
void world_unlisten(struct world *w, struct listener *l); /* links that stand go on */
/* The machine has something to do though nothing came: step it soon. */
void world_wake(struct world *w, struct link *link);
void world_timer_init(struct world_timer *t, void (*fire)(void *self), void *self);
void world_timer_set(struct world *w, struct world_timer *t, int64_t at_ns); /* moves it when set
                                                                                already */
void world_timer_stop(struct world *w, struct world_timer *t);
bool world_timer_is_set(const struct world_timer *t);
void world_stop(struct world *w); /* let _run return soon */

#endif
