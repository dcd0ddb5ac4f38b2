/*
 * loop_watch.h - descriptors that are somebody else's, in the libev loop
 *
 * For libraries with sockets of their own (libcurl). A watch may be freed inside its own call.
 *
 * Ownership: the loop's memory; free a watch before its descriptor is closed, and before the loop.
 */
#ifndef RELAYLAB_DRIVE_LOOP_LOOP_WATCH_H
#define RELAYLAB_DRIVE_LOOP_LOOP_WATCH_H

#include "drive/loop/loop.h"

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

struct loop_watch;

struct watcher {
    void (*ready)(void *self, int fd, unsigned events);
    void *self;
};

/* NULL: no memory. No event is watched yet. */
struct loop_watch *loop_watch_new(struct loop *l, int fd, struct watcher watcher);
void loop_watch_set(struct loop_watch *k, unsigned events); /* 0: none for the time being */
void loop_watch_free(struct loop_watch *k);                 /* NULL is allowed */

void loop_watch_set_up(struct loop *l); /* for loop.c */

#endif
