/*
 * chase.h - what one DNS message says to one question
 *
 * For resolvers: the message is held against the question, CNAMEs in it are followed, the records
 * of the type are taken out. Where a chain leads out of the message, `name` is to be asked next.
 *
 * Ownership: records are the caller's array; an answer borrows from it and from the chase.
 */
#ifndef RELAYLAB_LIB_DNS_CHASE_H
#define RELAYLAB_LIB_DNS_CHASE_H

#include "lib/dns/resolver.h"

enum dns_chase_step {
    DNS_CHASE_OVER, /* out->status stands */
    DNS_CHASE_NEXT, /* `name` is the one to be asked now */
    DNS_CHASE_TCP   /* truncated */
};

struct dns_chase {
    enum dns_type type;
    char name[DNS_NAME_MAX]; /* that is asked now */
    unsigned cnames;         /* followed so far */
    struct dns_record *records;
    size_t cap;
};

void dns_chase_init(struct dns_chase *c, enum dns_type type, struct span name,
                    struct dns_record *records, size_t cap);
/* Ids are the transport's business and not looked at. */
enum dns_chase_step dns_chase_read(struct dns_chase *c, struct span message,
                                   struct dns_answer *out);

#endif
