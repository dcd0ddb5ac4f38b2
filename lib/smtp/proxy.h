/*
 * proxy.h - the header by which a proxy tells a server for whom it speaks (haproxy's PROXY
 * protocol)
 *
 * Version 1 is a line of text, version 2 is binary; either is the first thing on a connection,
 * before the server says a word and before TLS. A server that reads it believes what it says: it is
 * for proxies alone.
 *
 * proxy_front is a machine that says such a header, and is the inner machine from then on.
 *
 * Ownership: a proxy_front is the caller's, and lives until the driver called its `ended`.
 * Limits: PROXY_READ_MAX octets of a header that is read; addresses of TCP over IPv4 and IPv6.
 */
#ifndef RELAYLAB_LIB_SMTP_PROXY_H
#define RELAYLAB_LIB_SMTP_PROXY_H

#include "lib/base/endpoint.h"
#include "lib/machine.h"

enum { PROXY_WRITE_MAX = 112, PROXY_READ_MAX = 1024 };

/* A header that says: I speak for `client`, who wants to reach `server`, both of one family. */
void proxy_write(struct strbuf *out, unsigned version, const struct endpoint *client,
                 const struct endpoint *server);

enum proxy_reading {
    PROXY_UNFINISHED, /* it may become a header */
    PROXY_NONE,       /* it is none */
    PROXY_WRONG,      /* it begins like one, and the connection is to be given up */
    PROXY_UNSAID,     /* a header that names nobody (UNKNOWN, LOCAL): whoever connected counts */
    PROXY_SAID        /* *client is set */
};

/* What the connection's first bytes are. `used` is set where a header ended. */
enum proxy_reading proxy_read(struct span bytes, struct endpoint *client, size_t *used);

struct proxy_front {
    struct machine inner;
    size_t len; /* of what is still to be said */
    char header[PROXY_WRITE_MAX];
};

void proxy_front_init(struct proxy_front *f, struct machine inner, struct span header);
struct machine proxy_front_machine(struct proxy_front *f);

#endif
