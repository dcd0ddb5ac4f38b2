/*
 * dns_zones.h - a resolver that answers from made-up zones, in any world, without a network
 *
 * What DNS does on the wire is gone through all the same: queries and responses are written and
 * read as messages, a truncated one is asked for again by TCP, one with a wrong id is not taken,
 * silence lasts until patience is over. Each exchange takes the latency and the zone's own delay.
 *
 * Ownership: zone and world are the caller's and stay. Free it when no question is under way, or
 * when none will be missed: those that are open are forgotten.
 */
#ifndef RELAYLAB_DRIVE_DNS_DNS_ZONES_H
#define RELAYLAB_DRIVE_DNS_DNS_ZONES_H

#include "drive/world.h"
#include "lib/dns/zone.h"

struct dns_zones_config {
    const struct zone *zone;
    int64_t latency_ns;  /* there and back; 0: 1 ms */
    int64_t patience_ns; /* for one question; 0: 15 s */
};

struct dns_zones;

struct dns_zones *dns_zones_new(struct world *w, const struct dns_zones_config *config); /* NULL: no
                                                                                         memory */
void dns_zones_free(struct dns_zones *z); /* NULL is allowed */
struct resolver dns_zones_resolver(struct dns_zones *z);

#endif
