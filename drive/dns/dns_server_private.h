/*
 * dns_server_private.h - the TCP side of the mock DNS server, for dns_server.c
 */
#ifndef RELAYLAB_DRIVE_DNS_DNS_SERVER_PRIVATE_H
#define RELAYLAB_DRIVE_DNS_DNS_SERVER_PRIVATE_H

#include "drive/dns/dns_server.h"

struct dns_tcp;

/* NULL: no memory. */
struct dns_tcp *dns_tcp_new(struct world *w, const struct zone *zone);
void dns_tcp_free(struct dns_tcp *t); /* after the world ended its links */
struct acceptor dns_tcp_acceptor(struct dns_tcp *t);

#endif
