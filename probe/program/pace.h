/*
 * pace.h - how fast connections may be made: to one network, and in all
 *
 * Who wants to connect reserves an instant and waits for it. Connections are spaced evenly; after a
 * pause those of one second may come at once. Networks are /24 and /64.
 *
 * Ownership: pace_new allocates, pace_free takes NULL too.
 * Limits: networks that are busy at the same time (`networks`); of one more than that, each
 * connection waits as if its network had just been asked.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_PACE_H
#define RELAYLAB_PROBE_PROGRAM_PACE_H

#include "lib/base/clock.h"
#include "lib/base/endpoint.h"

struct pace;

struct pace_config {
    unsigned rate, network_rate; /* connections a minute; 0: as many as come */
    size_t networks;
};

struct pace *pace_new(const struct pace_config *config); /* NULL: no memory */
void pace_free(struct pace *p);
/* When the next connection to that address could be made; nothing is reserved. */
int64_t pace_due(const struct pace *p, const struct endpoint *to, int64_t now_ns);
/* The same, reserved. */
int64_t pace_take(struct pace *p, const struct endpoint *to, int64_t now_ns);

#endif
