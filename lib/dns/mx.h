/*
 * mx.h - from a domain, or a host name, to the addresses that its mail server is asked at
 *
 * RFC 5321 5.1: the MX hosts by preference; a domain without MX records is its own host (implicit
 * MX); an error of the resolver is no such domain, and nothing is guessed then. RFC 7505: one MX
 * record that names the root says that there is no mail here. Hosts of equal preference are sorted
 * by name: RFC 5321 wants chance there, which spreads load; a detector wants to ask the same host
 * again.
 *
 * mx_find asks question after question and calls `found` once, never before it returned.
 *
 * Ownership: the caller's memory until `found` or mx_cancel. Limits: MX_HOSTS_MAX hosts are kept,
 * those that are preferred; MX_ADDRESSES_MAX addresses, MX_HOST_ADDRESSES_MAX of each host.
 */
#ifndef RELAYLAB_LIB_DNS_MX_H
#define RELAYLAB_LIB_DNS_MX_H

#include "lib/dns/resolver.h"

enum { MX_HOSTS_MAX = 8, MX_HOST_ADDRESSES_MAX = 4, MX_ADDRESSES_MAX = 16 };

enum mx_status {
    MX_FOUND,
    MX_NO_SUCH_NAME, /* NXDOMAIN; or no address at all */
    MX_NULL,         /* RFC 7505 */
    MX_TROUBLE       /* the resolver's; `trouble` says which */
};

enum mx_way {
    MX_BY_RECORDS, /* MX records */
    MX_IMPLICIT,   /* a domain without any */
    MX_BY_NAME     /* a host name was given */
};

struct mx_host {
    char name[DNS_NAME_MAX];
    uint16_t preference;
    uint8_t address_count;
    enum dns_status status; /* DNS_FOUND, or why it has no address */
    bool alias;             /* the name is a CNAME, which RFC 2181 10.3 forbids */
};

struct mx_result {
    enum mx_status status;
    enum mx_way way;
    enum dns_status trouble; /* of MX_TROUBLE, of MX_NO_SUCH_NAME too */
    struct mx_host hosts[MX_HOSTS_MAX];
    size_t host_count;
    size_t left_out;                           /* hosts beyond MX_HOSTS_MAX */
    struct endpoint address[MX_ADDRESSES_MAX]; /* in the order to be asked */
    uint8_t host_of[MX_ADDRESSES_MAX];         /* index into hosts */
    size_t address_count;
};

struct mx_owner {
    void (*found)(void *self, const struct mx_result *result);
    void *self;
};

struct mx_find {
    struct mx_result result;
    struct mx_owner owner;
    struct resolver resolver;
    struct dns_question question;
    char domain[DNS_NAME_MAX];
    uint16_t port;
    size_t at; /* host that is looked up */
    bool busy;
};

/* By MX (way MX_BY_RECORDS; it may become MX_IMPLICIT), or of the name itself (MX_BY_NAME). The
   name is valid (dns_name_is_valid). False: no memory; `found` is not called. */
bool mx_find_start(struct mx_find *f, struct resolver resolver, enum mx_way way, struct span name,
                   uint16_t port, struct mx_owner owner);
void mx_find_cancel(struct mx_find *f); /* allowed when it is over, too */
/* "no-such-name", "null-mx", "resolver-timeout", "servfail", "resolver-refused",
   "resolver-malformed", "cname-loop", "resolver-truncated"; of MX_FOUND "found". */
const char *mx_reason_code(const struct mx_result *r);
/* One clause of that kind: "there is no such name". */
void mx_print_reason(const struct mx_result *r, struct strbuf *out);

#endif
