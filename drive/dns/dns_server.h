/*
 * dns_server.h - a DNS server on loopback that serves made-up zones, with their faults
 *
 * UDP and TCP at one port of the libev loop. Responses wait as long as the zone says; a name that
 * is silent gets none.
 *
 * Ownership: loop and zone are the caller's and outlive it. Limits: DNS_SERVER_WAITING_MAX
 * responses wait at once, and further queries are dropped, as a busy server does;
 * DNS_SERVER_TCP_MAX connections, one query under way in each. Errors: dns_server_new returns NULL
 * with a sentence in error.
 */
#ifndef RELAYLAB_DRIVE_DNS_DNS_SERVER_H
#define RELAYLAB_DRIVE_DNS_DNS_SERVER_H

#include "drive/loop/loop.h"
#include "lib/dns/zone.h"

enum { DNS_SERVER_WAITING_MAX = 64, DNS_SERVER_TCP_MAX = 32 };

struct dns_server;

/* Port 0: any free one; *bound (may be NULL) says which. */
struct dns_server *dns_server_new(struct loop *loop, const struct zone *zone,
                                  const struct endpoint *at, struct endpoint *bound,
                                  struct strbuf *error);
void dns_server_free(struct dns_server *s); /* NULL is allowed */

#endif
