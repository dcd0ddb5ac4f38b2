/*
 * zone.h - the names of a made-up world, and a DNS server's answers from them
 *
 * Pure: a query in, a response out. drive/dns/dns_zones.h resolves from it without any network;
 * drive/dns/dns_server.h serves it on sockets. Names that are not there do not exist (NXDOMAIN).
 *
 * Ownership: everything is borrowed.
 */
#ifndef RELAYLAB_LIB_DNS_ZONE_H
#define RELAYLAB_LIB_DNS_ZONE_H

#include "lib/dns/resolver.h"

enum zone_fault { /* how a name's server misbehaves when that name is asked for */
                  ZONE_SOUND,
                  ZONE_NXDOMAIN,
                  ZONE_SERVFAIL,
                  ZONE_REFUSED,
                  ZONE_SILENT,   /* no answer */
                  ZONE_WRONG_ID, /* answers, but never to the question's id */
                  ZONE_FORGED, /* a wrong answer with a wrong id comes first, then the right one */
                  ZONE_TRUNCATED, /* always too large for UDP */
                  ZONE_NO_TCP,    /* the same, and nothing comes by TCP */
                  ZONE_MALFORMED,
                  ZONE_APART /* a CNAME comes without what it leads to */
};

struct zone_mx {
    uint16_t preference;
    const char *host; /* "" or ".": the root */
};

struct zone_name {
    const char *name;
    const struct zone_mx *mx;
    size_t mx_count;
    uint64_t more_mx; /* so many more, of hosts that do not exist, from preference 100 on */
    const struct endpoint *addresses; /* of both families */
    size_t address_count;
    const char *cname; /* or NULL */
    int fault;         /* enum zone_fault */
    int64_t delay_ns;
};

struct zone {
    const struct zone_name *names;
    size_t count;
};

struct zone_effect {
    int64_t delay_ns; /* before the response goes out */
    bool silent;      /* there is none */
    bool again;       /* one more response comes behind this one: ask with the next `turn` */
};

enum zone_transport { ZONE_BY_UDP, ZONE_BY_TCP };

/* turn: 0, then 1 where `again` was said. What is no query gets no answer. */
struct zone_effect zone_answer(const struct zone *z, struct span query,
                               enum zone_transport transport, unsigned turn, struct strbuf *out);

#endif
