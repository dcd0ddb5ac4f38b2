/*
 * endpoint.h - an IP address and port, and networks of them
 *
 * Text forms: "192.0.2.1:25", "[2001:db8::1]:25". No names, no look-ups. Networks in CIDR:
 * "10.0.0.0/8", "::1/128".
 */
#ifndef RELAYLAB_LIB_BASE_ENDPOINT_H
#define RELAYLAB_LIB_BASE_ENDPOINT_H

#include "lib/base/bytes.h"

enum { ENDPOINT_TEXT_MAX = 56 }; /* with NUL */

struct endpoint {
    uint8_t family;    /* 4 or 6; 0 means "none" */
    uint8_t bytes[16]; /* network order; an IPv4 address uses the first four */
    uint16_t port;     /* host order */
};

struct network {
    struct endpoint base; /* port unused */
    uint8_t prefix_bits;
};

enum endpoint_scope { SCOPE_LOOPBACK, SCOPE_LINK_LOCAL, SCOPE_PRIVATE, SCOPE_PUBLIC };

/* ADDR:PORT or [ADDR6]:PORT. Port 0 only where allow_port_0. */
bool endpoint_parse(struct span text, bool allow_port_0, struct endpoint *out);
/* An address alone, IPv6 with or without brackets; port becomes 0. */
bool endpoint_parse_address(struct span text, struct endpoint *out);
/* with port, brackets for IPv6 */
void endpoint_print(struct strbuf *out, const struct endpoint *e);
void endpoint_print_address(struct strbuf *out, const struct endpoint *e); /* alone, no brackets */
/* RFC 5321 4.1.3 address literal: "[192.0.2.1]", "[IPv6:2001:db8::1]". */
void endpoint_print_literal(struct strbuf *out, const struct endpoint *e);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b); /* address and port */
bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b);
/* RFC 1122 127/8, ::1; 169.254/16, fe80::/10; RFC 1918, RFC 4193 fc00::/7, RFC 6598 100.64/10. An
   IPv4-mapped IPv6 address has the scope of its IPv4 address. 0.0.0.0 and :: count as loopback. */
enum endpoint_scope endpoint_scope(const struct endpoint *e);

bool network_parse(struct span text, struct network *out); /* an address without /n is a host */
bool network_contains(const struct network *n, const struct endpoint *e);

#endif
