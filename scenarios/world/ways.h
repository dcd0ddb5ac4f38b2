/*
 * ways.h - the canaries' own ways in, looked up in the DNS of a case
 *
 * What relayprobe does for a stored mailbox without --control-route (probe/program/look_up.h).
 *
 * Ownership: the trial's; resolver and config outlive it. `found` is called once, later.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_WAYS_H
#define RELAYLAB_SCENARIOS_WORLD_WAYS_H

#include "lib/dns/mx.h"
#include "probe/home/control_way.h"
#include "probe/probe.h"

struct ways_owner {
    void (*found)(void *self);
    void *self;
};

struct way { /* of one canary */
    struct ways *all;
    struct endpoint *route;
    struct span *trouble, domain;
    struct mx_find find;
    char memory[CONTROL_WAY_WHY_MAX];
};

struct ways {
    struct ways_owner owner;
    struct way way[FORM_CANARIES_MAX];
    size_t open;
};

/* Into config's routes, at that port. False: no memory. */
bool ways_start(struct ways *w, struct resolver resolver, uint16_t port,
                struct probe_config *config, struct ways_owner owner);

#endif
