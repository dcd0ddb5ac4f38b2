/*
 * resolver.h - one operation: records of a type at a name, told later
 *
 * lib/dns/mx.h and the programs ask through this; drive/dns/dns_ares.h answers by c-ares on
 * sockets, drive/dns/dns_zones.h from a case's zones in any world.
 *
 * CNAMEs are followed for every type. The answer always comes after `ask` returned, exactly once,
 * unless the question was cancelled.
 *
 * Ownership: the question is the asker's memory and must stay until it is answered or cancelled.
 * Records are the resolver's, valid during `answered`. Inside `answered` further questions may be
 * asked; the resolver must not be freed there.
 * Limits: DNS_RECORDS_MAX records of an answer, DNS_CNAMES_MAX names in a row.
 */
#ifndef RELAYLAB_LIB_DNS_RESOLVER_H
#define RELAYLAB_LIB_DNS_RESOLVER_H

#include "lib/dns/message.h"

enum { DNS_RECORDS_MAX = 512, DNS_CNAMES_MAX = 8 };

enum dns_status {
    DNS_FOUND,
    DNS_NXDOMAIN,  /* there is no such name */
    DNS_NODATA,    /* the name is there, without records of the type */
    DNS_SERVFAIL,  /* the server failed; also FORMERR and NOTIMP */
    DNS_TIMEOUT,   /* nobody answered in time */
    DNS_REFUSED,   /* the server does not answer us, or nobody listens there */
    DNS_MALFORMED, /* what came is no answer to the question */
    DNS_LOOP,      /* CNAMEs in a circle, or more of them than DNS_CNAMES_MAX */
    DNS_TRUNCATED, /* too large for UDP, and not to be had by TCP */
    DNS_STATUS_COUNT
};

struct dns_answer {
    enum dns_status status;
    const struct dns_record *records; /* of the type that was asked for */
    size_t count;
    size_t left_out;       /* records beyond DNS_RECORDS_MAX */
    struct span canonical; /* where CNAMEs led; else the name that was asked */
};

struct dns_question {
    enum dns_type type;
    char name[DNS_NAME_MAX]; /* valid: dns_name_is_valid */
    void (*answered)(void *self, const struct dns_answer *answer);
    void *self;
    void *priv; /* the resolver's */
};

struct resolver_ops {
    /* False: no memory; the question is then not asked. */
    bool (*ask)(void *self, struct dns_question *q);
    void (*cancel)(void *self, struct dns_question *q);
};

struct resolver {
    const struct resolver_ops *ops;
    void *self;
};

const char *dns_status_name(enum dns_status s); /* "nxdomain", ... */
const char *dns_type_name(enum dns_type t);     /* "MX", ... */

#endif
