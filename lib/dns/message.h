/*
 * message.h - DNS messages (RFC 1035 4), read and written piece by piece
 *
 * A reader walks a message in order: header, questions, records. Names come out as text without the
 * final dot ("mx.victim.test"; the root is ""). A writer puts pieces behind each other; counts are
 * the caller's to say, in dns_write_counts at the end.
 *
 * Ownership: a reader borrows the message. Limits: names as RFC 1035 2.3.4; a compression pointer
 * must lead backwards, so none can loop. A name with octets that no host name has (a dot or a
 * backslash inside a label, blanks, controls, 8-bit) is not read: no such name is ever asked for.
 * Errors: a read returns false when the message ends early or is none; the reader is then of no
 * further use.
 */
#ifndef RELAYLAB_LIB_DNS_MESSAGE_H
#define RELAYLAB_LIB_DNS_MESSAGE_H

#include "lib/base/endpoint.h"

enum {
    DNS_NAME_MAX = 254,      /* with NUL: 255 octets on the wire are 253 characters */
    DNS_UDP_MAX = 512,       /* RFC 1035 2.3.4 */
    DNS_MESSAGE_MAX = 65535, /* over TCP, RFC 1035 4.2.2 */
    DNS_HEADER_LEN = 12
};

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_SOA = 6, DNS_MX = 15, DNS_AAAA = 28 };

enum dns_rcode {
    DNS_RCODE_OK,
    DNS_RCODE_FORMERR,
    DNS_RCODE_SERVFAIL,
    DNS_RCODE_NXDOMAIN,
    DNS_RCODE_NOTIMP,
    DNS_RCODE_REFUSED
};

struct dns_header {
    uint16_t id;
    bool response, authoritative, truncated, recursion_desired, recursion_available;
    uint8_t opcode, rcode;
    uint16_t questions, answers, authorities, additionals;
};

struct dns_record { /* of one question or answer; a question has owner and type only */
    char owner[DNS_NAME_MAX];
    uint16_t type; /* enum dns_type, or any other number */
    uint32_t ttl;
    struct endpoint address;   /* A, AAAA; port 0 */
    uint16_t preference;       /* MX */
    char target[DNS_NAME_MAX]; /* MX, CNAME; "" is the root (RFC 7505: null MX) */
};

struct dns_reader {
    struct span message;
    size_t at;
};

bool dns_read_header(struct dns_reader *r, struct span message, struct dns_header *out);
bool dns_read_question(struct dns_reader *r, struct dns_record *out);
/* Other types than those above are passed over; their owner and type are said. */
bool dns_read_record(struct dns_reader *r, struct dns_record *out);

/* Text that a name may be: 1 to 253 characters, labels of 1 to 63; one final dot is allowed. */
bool dns_name_is_valid(struct span name);

/* The header, with all counts 0. */
void dns_write_header(struct strbuf *out, const struct dns_header *h);
/* False: no valid name. The class is IN. */
bool dns_write_question(struct strbuf *out, enum dns_type type, struct span name);
/* Of the types A, AAAA, CNAME and MX. An owner equal to the message's first question is written as
   a pointer to it. False: no valid name, another type; what was written is taken back. */
bool dns_write_record(struct strbuf *out, const struct dns_record *record);
/* Goes back to the header at the buffer's start. */
void dns_write_counts(struct strbuf *out, uint16_t questions, uint16_t answers);
/* A question as a whole message, recursion desired. */
bool dns_write_query(struct strbuf *out, uint16_t id, enum dns_type type, struct span name);

#endif
