/*
 * chase.c - walks the answer section once for each link of a CNAME chain
 *
 * Records may stand in any order (RFC 1034 3.6.2 promises none), so a chain is not followed by one
 * pass. A chain is followed before the return code is believed: RFC 6604 2 says that the code is
 * that of the last name. Several CNAMEs at one name are wrong (RFC 2181 10.1); the first counts.
 */
#include "lib/dns/chase.h"

#include <string.h>

void dns_chase_init(struct dns_chase *c, enum dns_type type, struct span name,
                    struct dns_record *records, size_t cap)
{
    *c = (struct dns_chase){.type = type, .records = records, .cap = cap};
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    (void)bytes_copy(c->name, sizeof c->name, name);
}

static enum dns_chase_step settle(struct dns_chase *c, struct dns_answer *out,
                                  enum dns_status status)
{
    out->status = status;
    out->canonical = span_of(c->name);
    if (status != DNS_FOUND)
        out->count = out->left_out = 0;
    return DNS_CHASE_OVER;
}

/* The records of that type at the name. False: the message breaks off. */
static bool collect(struct dns_chase *c, struct dns_reader r, size_t count, unsigned type,
                    struct dns_answer *out, struct dns_record *first, bool *found)
{
    struct dns_record record;

    *found = false;
    out->count = out->left_out = 0;
    for (size_t i = 0; i < count; i++) {
        if (!dns_read_record(&r, &record))
            return false;
        if (record.type != type || !span_iequal(span_of(record.owner), span_of(c->name)))
            continue;
        if (!*found)
            *first = record;
        *found = true;
        if (out->count < c->cap)
            c->records[out->count++] = record;
        else
            out->left_out++;
    }
    return true;
}

static enum dns_status status_of(uint8_t rcode)
{
    switch (rcode) {
    case DNS_RCODE_OK:
        return DNS_NODATA;
    case DNS_RCODE_NXDOMAIN:
        return DNS_NXDOMAIN;
    case DNS_RCODE_REFUSED:
        return DNS_REFUSED;
    default:
        return DNS_SERVFAIL;
    }
}

/* The question comes back as it was asked; some servers that refuse send none. */
static bool is_about(const struct dns_chase *c, struct dns_reader *r, const struct dns_header *h)
{
    struct dns_record q;

    if (!h->response || h->opcode != 0 || h->questions > 1)
        return false;
    if (h->questions == 0)
        return h->rcode != DNS_RCODE_OK && h->rcode != DNS_RCODE_NXDOMAIN;
    return dns_read_question(r, &q) && q.type == c->type &&
           span_iequal(span_of(q.owner), span_of(c->name));
}

enum dns_chase_step dns_chase_read(struct dns_chase *c, struct span message, struct dns_answer *out)
{
    struct dns_reader r;
    struct dns_header h;
    struct dns_record first;
    bool found, followed = false;

    *out = (struct dns_answer){.records = c->records};
    if (!dns_read_header(&r, message, &h) || !is_about(c, &r, &h))
        return settle(c, out, DNS_MALFORMED);
    if (h.truncated)
        return DNS_CHASE_TCP;
    for (;;) {
        if (!collect(c, r, h.answers, c->type, out, &first, &found))
            return settle(c, out, DNS_MALFORMED);
        if (found)
            return settle(c, out, DNS_FOUND);
        if (!collect(c, r, h.answers, DNS_CNAME, out, &first, &found))
            return settle(c, out, DNS_MALFORMED);
        if (!found)
            break;
        if (++c->cnames > DNS_CNAMES_MAX)
            return settle(c, out, DNS_LOOP);
        if (first.target[0] == '\0')
            return settle(c, out, DNS_NXDOMAIN);
        memcpy(c->name, first.target, sizeof c->name);
        followed = true;
    }
    out->count = out->left_out = 0;
    return followed && h.rcode == DNS_RCODE_OK && h.authorities == 0
               ? DNS_CHASE_NEXT
               : settle(c, out, status_of(h.rcode));
}
