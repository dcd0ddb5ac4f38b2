/*
 * loop_private.h - what the libev driver's files know of each other
 *
 * loop.c is the run, the world's calls, timers and signals; loop_listen.c lets connections in;
 * loop_link.c moves bytes.
 */
#ifndef RELAYLAB_DRIVE_LOOP_LOOP_PRIVATE_H
#define RELAYLAB_DRIVE_LOOP_LOOP_PRIVATE_H

#include <ev.h>
#include <signal.h>

#include "drive/link.h"
#include "drive/loop/loop.h"
#include "drive/slab.h"

enum loop_link_state {
    LINK_CONNECTING,
    LINK_LIVE,
    LINK_LINGERING /* the machine is gone, the peer may not know */
};

struct loop_link { /* what the world calls a struct link */
    struct link_core core;
    struct loop *loop;
    struct loop_link *prev;
    struct loop_link *next;
    ev_io io;
    ev_timer timer;   /* not later than what is due next; lazy, see loop_link.c */
    int64_t timer_ns; /* when it fires */
    int64_t deadline_ns;
    uint32_t discarded;
    uint8_t state;  /* enum loop_link_state */
    uint8_t failed; /* enum machine_peer of a connect that failed at once; 0: none */
    bool fin_sent;
    bool broken; /* a write failed: what came before is read, then the peer is PEER_RESET */
};

struct loop_listener { /* what the world calls a struct listener */
    struct loop_listener *next;
    struct loop *loop;
    ev_io io;
    struct endpoint at;
    struct acceptor acceptor;
    unsigned last_iteration; /* of the loop, in which a connection came */
    bool wildcard;           /* listens on any address: a connection's own has to be asked for */
};

struct loop_timer {
    ev_timer ev;
    struct loop *loop;
    struct world_timer *timer;
};

struct loop {
    struct world world; /* first: a struct world pointer is one to the loop */
    struct loop_config config;
    struct ev_loop *ev;
    int64_t now_ns;
    ev_tstamp now_ev; /* ev_now when now_ns was read */
    struct link_pool pool;
    struct slab links;
    struct slab timers;
    struct slab listeners;
    struct slab watches; /* loop_watch.c */
    struct loop_link *link_list;
    struct loop_listener *listener_list;
    unsigned link_count;
    ev_signal on_int;
    ev_signal on_term;
    ev_timer accept_again;
    int signal_number;
    bool stopped;
    bool closing; /* links are being ended: no new ones */
    bool running;
    bool accept_paused; /* for want of descriptors or links */
};

/* loop.c */
int64_t loop_now(struct loop *l);
ev_tstamp loop_delay(struct loop *l, int64_t at_ns); /* for libev: seconds from now */

/* loop_link.c */
struct link *loop_link_connect(struct loop *l, const struct endpoint *source,
                               const struct endpoint *to, struct machine machine);
struct loop_link *loop_link_new(struct loop *l, int fd); /* NULL: no memory, or too many */
void loop_link_start(struct loop_link *k, struct machine machine); /* it was accepted */
void loop_link_free(struct loop_link *k, bool reset); /* closes the socket; no `ended` */
void loop_link_end(struct loop_link *k, bool reset);  /* `ended`, then linger or close */

/* loop_listen.c */
struct listener *loop_listen(struct world *w, const struct endpoint *at, struct acceptor acceptor,
                             struct endpoint *bound, struct strbuf *error);
void loop_unlisten(struct world *w, struct listener *listener);
void loop_accept_pause(struct loop *l); /* no descriptor: try again a little later */
void loop_accept_resume(struct loop *l);

#endif
