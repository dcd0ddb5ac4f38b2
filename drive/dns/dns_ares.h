/*
 * dns_ares.h - a resolver on the libev loop, by c-ares
 *
 * Asks one server that is named, or those of the host's resolv.conf(5); over UDP first, over TCP
 * when an answer is truncated. Answers with another id or question, or from elsewhere, are not
 * taken (c-ares sees to that); what is in a message that is taken, lib/dns/chase.h reads. No name
 * is tried with domains behind it. /etc/hosts is looked into by dns_ares_in_hosts only.
 *
 * Ownership: the loop is the caller's and outlives it. Not to be freed inside `answered`; open
 * questions are forgotten then.
 * Errors: dns_ares_new returns NULL with a sentence in error.
 */
#ifndef RELAYLAB_DRIVE_DNS_DNS_ARES_H
#define RELAYLAB_DRIVE_DNS_DNS_ARES_H

#include "drive/loop/loop.h"
#include "lib/dns/resolver.h"

struct dns_ares_config {
    struct endpoint server; /* family 0: the system's */
    int64_t patience_ns;    /* for one question and transport; 0: 15 s */
};

struct dns_ares;

struct dns_ares *dns_ares_new(struct loop *loop, const struct dns_ares_config *config,
                              struct strbuf *error);
void dns_ares_free(struct dns_ares *a); /* NULL is allowed */
struct resolver dns_ares_resolver(struct dns_ares *a);
/* The name's addresses in hosts(5), the first of each family, each with `port`; returns how many.
   Reads a file, and waits for nothing else. */
size_t dns_ares_in_hosts(struct dns_ares *a, struct span name, uint16_t port, struct endpoint *out,
                         size_t cap);

#endif
