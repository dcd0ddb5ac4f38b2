/*
 * loop.h - the libev driver: sockets on real time
 *
 * One libev loop, non-blocking TCP sockets with TCP_NODELAY. A link lends buffers only while bytes
 * are pending, and one shared scratch buffer serves everybody else, so an idle session costs a few
 * hundred bytes. Timers are lazy: a link has one libev timer that is moved when it fires, not at
 * every byte.
 *
 * Ownership: loop_new allocates, loop_free closes all sockets and ends all links (`ended` is
 * called). Owners unlisten and stop their timers before.
 * Errors: loop_new returns NULL with a sentence in error.
 */
#ifndef RELAYLAB_DRIVE_LOOP_LOOP_H
#define RELAYLAB_DRIVE_LOOP_LOOP_H

#include "drive/world.h"

struct loop;

struct loop_config {
    /* Connections at once; further ones wait in the listen queue. Default 1024 when 0. */
    unsigned links_max;
    /* SIGINT and SIGTERM call on_signal in the loop; a second one ends the process. */
    bool catch_signals;
    void (*on_signal)(void *self, int signal_number);
    void *self;
};

struct loop *loop_new(const struct loop_config *config, struct strbuf *error);
void loop_free(struct loop *l);
struct world *loop_world(struct loop *l);
struct loop *loop_of_world(struct world *w); /* NULL: another kind of world */
/* Until world_stop, or until nothing is left that could happen. */
void loop_run(struct loop *l);
/* 0, or the signal that came. */
int loop_signal(const struct loop *l);

#endif
