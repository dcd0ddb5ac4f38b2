/*
 * resolve.h - a host name's addresses, by the system's resolver
 *
 * Blocks as long as the system's resolver does: for names on a command line, before any loop runs.
 * An address in text is no name: endpoint_parse reads those.
 *
 * Errors: `error` receives one sentence without the name in front. RESOLVE_NO_NAME is an answer
 * about the name, RESOLVE_TROUBLE is about the resolver or this host.
 */
#ifndef RELAYLAB_DRIVE_DNS_RESOLVE_H
#define RELAYLAB_DRIVE_DNS_RESOLVE_H

#include "lib/base/endpoint.h"

enum { RESOLVE_NAME_MAX = 256 }; /* with NUL */

enum resolve_status { RESOLVE_FOUND, RESOLVE_NO_NAME, RESOLVE_TROUBLE };

/* Up to cap endpoints, each with `port`, in the order that the system prefers (RFC 6724). */
enum resolve_status resolve_host(struct span name, uint16_t port, struct endpoint *out, size_t cap,
                                 size_t *count, struct strbuf *error);

#endif
