/*
 * zone.c - one name after another along its CNAMEs, into one response
 *
 * A chain is followed a little further than any resolver of ours does, so that a circle is seen as
 * one. What does not fit a datagram is not cut in the middle: the response is empty and says so.
 */
#include "lib/dns/zone.h"

#include <string.h>

enum { CHAIN_MAX = DNS_CNAMES_MAX + 2, TTL_S = 60, MORE_MX_FIRST = 100 };

struct response {
    struct strbuf *out;
    struct dns_record record; /* that is being written */
    size_t limit;
    unsigned answers;
    bool overflow;
};

static const struct zone_name *find(const struct zone *z, const char *name)
{
    for (size_t i = 0; i < z->count; i++)
        if (span_iequal(span_of(z->names[i].name), span_of(name)))
            return &z->names[i];
    return NULL;
}

static void put(struct response *r)
{
    r->record.ttl = TTL_S;
    if (dns_write_record(r->out, &r->record) && r->out->len <= r->limit)
        r->answers++;
    else
        r->overflow = true;
}

static void put_mx(struct response *r, unsigned preference, const char *host)
{
    r->record.type = DNS_MX;
    r->record.preference = (uint16_t)preference;
    (void)bytes_copy(r->record.target, sizeof r->record.target,
                     strcmp(host, ".") == 0 ? SPAN("") : span_of(host));
    put(r);
}

static void put_more_mx(struct response *r, const struct zone_name *n)
{
    for (uint64_t i = 0; i < n->more_mx; i++) {
        char host[DNS_NAME_MAX];
        struct strbuf text;

        strbuf_init(&text, host, sizeof host);
        strbuf_adds(&text, "host-");
        strbuf_addu(&text, i);
        strbuf_addc(&text, '.');
        strbuf_adds(&text, n->name);
        put_mx(r, (unsigned)(MORE_MX_FIRST + i), host);
    }
}

static void put_records(struct response *r, const struct zone_name *n, unsigned type)
{
    for (size_t i = 0; type == DNS_MX && i < n->mx_count; i++)
        put_mx(r, n->mx[i].preference, n->mx[i].host);
    if (type == DNS_MX)
        put_more_mx(r, n);
    for (size_t i = 0; i < n->address_count; i++) {
        r->record.type = n->addresses[i].family == 4 ? DNS_A : DNS_AAAA;
        r->record.address = n->addresses[i];
        if (r->record.type == type)
            put(r);
    }
}

static uint8_t put_chain(struct response *r, const struct zone *z, const struct dns_record *q)
{
    const struct zone_name *n = find(z, q->owner);

    (void)bytes_copy(r->record.owner, sizeof r->record.owner, span_of(q->owner));
    for (int i = 0; i < CHAIN_MAX && n != NULL && n->cname != NULL; i++) {
        r->record.type = DNS_CNAME;
        (void)bytes_copy(r->record.target, sizeof r->record.target, span_of(n->cname));
        put(r);
        if (n->fault == ZONE_APART)
            return DNS_RCODE_OK;
        memcpy(r->record.owner, r->record.target, sizeof r->record.owner);
        n = find(z, r->record.owner);
    }
    if (n == NULL)
        return DNS_RCODE_NXDOMAIN;
    put_records(r, n, q->type);
    return DNS_RCODE_OK;
}

static void begin(struct strbuf *out, const struct dns_header *query, const struct dns_record *q,
                  uint8_t rcode, bool truncated)
{
    struct dns_header h = {.id = query->id,
                           .response = true,
                           .authoritative = true,
                           .truncated = truncated,
                           .recursion_desired = query->recursion_desired,
                           .recursion_available = true,
                           .rcode = rcode};

    strbuf_reset(out);
    dns_write_header(out, &h);
    (void)dns_write_question(out, (enum dns_type)q->type, span_of(q->owner));
    dns_write_counts(out, 1, 0);
}

static uint8_t fault_rcode(int fault)
{
    return fault == ZONE_NXDOMAIN   ? DNS_RCODE_NXDOMAIN
           : fault == ZONE_SERVFAIL ? DNS_RCODE_SERVFAIL
           : fault == ZONE_REFUSED  ? DNS_RCODE_REFUSED
                                    : DNS_RCODE_OK;
}

static void respond(const struct zone *z, const struct dns_header *h, const struct dns_record *q,
                    enum zone_transport transport, int fault, struct strbuf *out)
{
    struct response r = {.out = out,
                         .limit = transport == ZONE_BY_TCP ? (size_t)DNS_MESSAGE_MAX
                                                           : (size_t)DNS_UDP_MAX};
    bool too_large = transport == ZONE_BY_UDP && (fault == ZONE_TRUNCATED || fault == ZONE_NO_TCP);

    begin(out, h, q, fault_rcode(fault), too_large);
    if (too_large || fault_rcode(fault) != DNS_RCODE_OK)
        return;
    uint8_t rcode = put_chain(&r, z, q);
    if (r.overflow || out->truncated) {
        begin(out, h, q, rcode, true);
        return;
    }
    dns_write_counts(out, 1, (uint16_t)r.answers);
    out->ptr[3] = (char)((uint8_t)out->ptr[3] | rcode);
}

static void spoil_id(struct strbuf *out)
{
    out->ptr[1] = (char)((uint8_t)out->ptr[1] ^ 0x55);
}

struct zone_effect zone_answer(const struct zone *z, struct span query,
                               enum zone_transport transport, unsigned turn, struct strbuf *out)
{
    struct zone_effect effect = {.silent = true};
    struct dns_reader r;
    struct dns_header h;
    struct dns_record q;

    if (!dns_read_header(&r, query, &h) || h.response || h.questions != 1 ||
        !dns_read_question(&r, &q) || q.owner[0] == '\0')
        return effect;
    const struct zone_name *n = find(z, q.owner);
    int fault = n != NULL ? n->fault : ZONE_SOUND;

    if (fault == ZONE_SILENT || (fault == ZONE_NO_TCP && transport == ZONE_BY_TCP))
        return effect;
    effect = (struct zone_effect){.delay_ns = n != NULL ? n->delay_ns : 0};
    if (fault == ZONE_FORGED && turn == 0) {
        begin(out, &h, &q, DNS_RCODE_NXDOMAIN, false);
        spoil_id(out);
        effect.again = true;
        return effect;
    }
    respond(z, &h, &q, transport, fault, out);
    if (fault == ZONE_WRONG_ID)
        spoil_id(out);
    /* An answer is promised and none comes: the count is behind the last octet of the header. */
    if (fault == ZONE_MALFORMED)
        dns_write_counts(out, 1, UINT16_MAX);
    return effect;
}
