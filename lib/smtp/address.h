/*
 * address.h - SMTP paths taken apart: reverse-path and forward-path (RFC 5321 4.1.2)
 *
 * address_parse takes what stands after "MAIL FROM:" or "RCPT TO:" and finds the path, the
 * parameters, and where mail would go: the domain after the last unquoted @, source route removed.
 * It is lenient, since a laboratory must understand what odd servers and odd probes say: what is
 * unusual is noted, not refused. Strictness is the caller's.
 *
 * Ownership: all spans point into the text that was given.
 * Limits: none of its own; line limits are the reader's.
 */
#ifndef RELAYLAB_LIB_SMTP_ADDRESS_H
#define RELAYLAB_LIB_SMTP_ADDRESS_H

#include "lib/base/endpoint.h"

/* The first that fits, in this order. */
enum address_shape {
    SHAPE_NULL,           /* <> */
    SHAPE_SOURCE_ROUTE,   /* <@hop:x@d>, RFC 5321 appendix C */
    SHAPE_QUOTED_AT,      /* the local part is quoted and holds an @: <"x@X"@T>, <"x@X"> */
    SHAPE_QUOTED_PERCENT, /* the local part is quoted and holds a %: <"x%X"> */
    SHAPE_DOUBLE_AT,      /* two or more unquoted @: <x@X@T> */
    SHAPE_PERCENT,        /* a % in the local part: <x%X@T>, <x%X> */
    SHAPE_BANG,           /* a ! in the local part: <X!x>, <X!x@T> */
    SHAPE_NO_DOMAIN,      /* <user> */
    SHAPE_PLAIN
};

struct address {
    /* false: nothing that could be a path was found (empty, unbalanced brackets or quotes) */
    bool valid;
    bool brackets;     /* stood in < > */
    bool space_before; /* white space between the colon and the path */
    enum address_shape shape;
    struct span path;   /* without brackets */
    struct span route;  /* source route with its colon, or empty */
    struct span local;  /* before the last unquoted @ (after the route), quotes kept */
    struct span domain; /* after it; empty when there is none */
    struct span params; /* after the path, trimmed */
};

struct address address_parse(struct span text);
/* "null", "source-route", "quoted-at", ... */
const char *address_shape_name(enum address_shape shape);
/* Reads a name back; false when there is no such shape. */
bool address_shape_parse(struct span name, enum address_shape *shape);

/*
 * What a server that honours the old routing tricks would make of the recipient: percent x%X@T
 * gives x@X, bang X!x@T gives x@X, source routes are dropped, quoted and double @ are unwrapped one
 * step. False when the shape has no such meaning. `out` receives local@domain.
 */
bool address_unwrap(const struct address *a, struct strbuf *out);

/* True for [192.0.2.1] and [IPv6:...]; gives the address when it is a valid one. */
bool address_literal(struct span domain, struct endpoint *out);

/* A plain mailbox as users give it (probe@canary.test): dot-atom local part up to 64 octets, LDH
   domain with at least one dot up to 255, no control characters. On failure *why is a sentence and
   *column the offending offset. */
bool address_check_mailbox(struct span text, struct span *local, struct span *domain,
                           const char **why, size_t *column);
/* LDH labels, or a literal */
bool address_check_domain(struct span text, const char **why, size_t *column);

#endif
