/*
 * ready.h - waits until something listens
 *
 * For servers of other people's, which do not say when they are ready. Blocks: call it where no
 * loop runs, or one that `pause` runs.
 */
#ifndef RELAYLAB_DRIVE_HOST_READY_H
#define RELAYLAB_DRIVE_HOST_READY_H

#include "lib/base/clock.h"
#include "lib/base/endpoint.h"

#define READY_STANDS (5 * CLOCK_SECOND)

struct ready {
    struct endpoint at;
    bool greets;       /* it is ready when it says something, not when it takes connections */
    bool may_wait;     /* or when a connection stood for READY_STANDS: for a PROXY header */
    int64_t limit_ns;  /* of patience, by a coarse clock */
    const char *ended; /* the wait is over as soon as this file exists; NULL: none */
    /* Lets some 5 ms pass: whoever waits may have to serve the server meanwhile. NULL: sleeps. */
    void (*pause)(void *self);
    void *self;
};

/* True when it is ready. The connection that showed it is closed. */
bool ready_wait(const struct ready *r);

#endif
