/*
 * mx.c - MX first, then A and AAAA of each host in its turn
 *
 * Hosts go into a short sorted list while the records are read, so hundreds of records cost no
 * more memory than eight. One question is under way at a time.
 *
 * What a host's look-up ended with is kept for the report, and decides when no host has an address:
 * trouble of the resolver with any of them means that it is not known whether there is one.
 */
#include "lib/dns/mx.h"

#include <assert.h>
#include <string.h>

static void ask_addresses(struct mx_find *f);

static bool ask(struct mx_find *f, enum dns_type type, const char *name,
                void (*answered)(void *self, const struct dns_answer *answer))
{
    f->question = (struct dns_question){.type = type, .answered = answered, .self = f};
    (void)bytes_copy(f->question.name, sizeof f->question.name, span_of(name));
    return f->resolver.ops->ask(f->resolver.self, &f->question);
}

static void finish(struct mx_find *f, enum mx_status status, enum dns_status trouble)
{
    f->result.status = status;
    f->result.trouble = trouble;
    f->busy = false;
    f->owner.found(f->owner.self, &f->result);
}

/* An answer about the name; everything else is about the resolver. */
static bool says_nothing_there(enum dns_status s)
{
    return s == DNS_NXDOMAIN || s == DNS_NODATA;
}

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int compare_names(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return fold(*a) - fold(*b);
}

static bool goes_before(const struct dns_record *r, const struct mx_host *h)
{
    if (r->preference != h->preference)
        return r->preference < h->preference;
    return compare_names(r->target, h->name) < 0;
}

/* A host that is named twice keeps its better place. */
static bool is_known(struct mx_result *m, const struct dns_record *r)
{
    for (size_t i = 0; i < m->host_count; i++) {
        if (compare_names(m->hosts[i].name, r->target) != 0)
            continue;
        if (r->preference >= m->hosts[i].preference)
            return true;
        memmove(&m->hosts[i], &m->hosts[i + 1], (m->host_count - i - 1) * sizeof m->hosts[0]);
        m->host_count--;
    }
    return false;
}

static void add_host(struct mx_result *m, const struct dns_record *r)
{
    size_t at;

    if (is_known(m, r))
        return;
    at = m->host_count;
    while (at > 0 && goes_before(r, &m->hosts[at - 1]))
        at--;
    if (m->host_count == MX_HOSTS_MAX) {
        m->left_out++;
        if (at == MX_HOSTS_MAX)
            return;
        m->host_count--;
    }
    memmove(&m->hosts[at + 1], &m->hosts[at], (m->host_count - at) * sizeof m->hosts[0]);
    m->hosts[at] = (struct mx_host){.preference = r->preference, .status = DNS_NODATA};
    memcpy(m->hosts[at].name, r->target, sizeof m->hosts[at].name);
    m->host_count++;
}

static void add_only_host(struct mx_find *f, enum mx_way way)
{
    struct dns_record record = {.preference = 0};

    memcpy(record.target, f->domain, sizeof record.target);
    f->result.way = way;
    add_host(&f->result, &record);
}

/* Of a root among other hosts RFC 7505 3 says that it must not be; it can be asked nothing. */
static bool take_hosts(struct mx_find *f, const struct dns_answer *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->records[i].target[0] != '\0')
            add_host(&f->result, &a->records[i]);
    f->result.left_out += a->left_out;
    return f->result.host_count > 0;
}

static void take_mx(void *self, const struct dns_answer *a)
{
    struct mx_find *f = self;

    if (a->status == DNS_NXDOMAIN) {
        finish(f, MX_NO_SUCH_NAME, a->status);
    } else if (a->status == DNS_NODATA) {
        add_only_host(f, MX_IMPLICIT);
        ask_addresses(f);
    } else if (a->status != DNS_FOUND) {
        finish(f, MX_TROUBLE, a->status);
    } else if (take_hosts(f, a)) {
        ask_addresses(f);
    } else {
        finish(f, MX_NULL, DNS_FOUND);
    }
}

static bool is_kept(const struct mx_result *m, const struct endpoint *e)
{
    for (size_t i = 0; i < m->address_count; i++)
        if (endpoint_equal(&m->address[i], e))
            return true;
    return false;
}

static void take_addresses(struct mx_find *f, const struct dns_answer *a)
{
    struct mx_result *m = &f->result;
    struct mx_host *h = &m->hosts[f->at];
    unsigned taken = 0;

    for (size_t i = 0; i < a->count && taken < MX_HOST_ADDRESSES_MAX / 2; i++) {
        struct endpoint e = a->records[i].address;

        e.port = f->port;
        if (m->address_count == MX_ADDRESSES_MAX || is_kept(m, &e))
            continue;
        m->host_of[m->address_count] = (uint8_t)f->at;
        m->address[m->address_count++] = e;
        h->address_count++;
        taken++;
    }
    h->alias = h->alias || !span_iequal(a->canonical, span_of(h->name));
    h->status = DNS_FOUND;
}

/* Trouble is kept rather than "nothing there", and an address rather than trouble. */
static void keep_status(struct mx_host *h, enum dns_status status)
{
    if (h->status == DNS_FOUND)
        return;
    if (says_nothing_there(h->status))
        h->status = status;
}

static void conclude(struct mx_find *f)
{
    struct mx_result *m = &f->result;
    enum dns_status worst = DNS_NXDOMAIN;

    if (m->address_count > 0) {
        finish(f, MX_FOUND, DNS_FOUND);
        return;
    }
    for (size_t i = 0; i < m->host_count; i++)
        if (says_nothing_there(worst))
            worst = m->hosts[i].status;
    finish(f, says_nothing_there(worst) ? MX_NO_SUCH_NAME : MX_TROUBLE, worst);
}

static void take_aaaa(void *self, const struct dns_answer *a)
{
    struct mx_find *f = self;

    if (a->status == DNS_FOUND)
        take_addresses(f, a);
    else
        keep_status(&f->result.hosts[f->at], a->status);
    f->at++;
    if (f->at < f->result.host_count && f->result.address_count < MX_ADDRESSES_MAX)
        ask_addresses(f);
    else
        conclude(f);
}

static void take_a(void *self, const struct dns_answer *a)
{
    struct mx_find *f = self;

    if (a->status == DNS_FOUND)
        take_addresses(f, a);
    else
        keep_status(&f->result.hosts[f->at], a->status);
    if (!ask(f, DNS_AAAA, f->result.hosts[f->at].name, take_aaaa))
        finish(f, MX_TROUBLE, DNS_SERVFAIL);
}

static void ask_addresses(struct mx_find *f)
{
    if (!ask(f, DNS_A, f->result.hosts[f->at].name, take_a))
        finish(f, MX_TROUBLE, DNS_SERVFAIL);
}

bool mx_find_start(struct mx_find *f, struct resolver resolver, enum mx_way way, struct span name,
                   uint16_t port, struct mx_owner owner)
{
    assert(dns_name_is_valid(name));
    *f = (struct mx_find){.resolver = resolver, .owner = owner, .port = port, .busy = true};
    if (name.ptr[name.len - 1] == '.')
        name.len--;
    (void)bytes_copy(f->domain, sizeof f->domain, name);
    f->result.way = way;
    if (way != MX_BY_NAME)
        return ask(f, DNS_MX, f->domain, take_mx);
    add_only_host(f, way);
    return ask(f, DNS_A, f->domain, take_a);
}

void mx_find_cancel(struct mx_find *f)
{
    if (f->busy)
        f->resolver.ops->cancel(f->resolver.self, &f->question);
    f->busy = false;
}

const char *mx_reason_code(const struct mx_result *r)
{
    static const char *const troubles[DNS_STATUS_COUNT] = {
        [DNS_FOUND] = "found",
        [DNS_NXDOMAIN] = "no-such-name",
        [DNS_NODATA] = "no-such-name",
        [DNS_SERVFAIL] = "servfail",
        [DNS_TIMEOUT] = "resolver-timeout",
        [DNS_REFUSED] = "resolver-refused",
        [DNS_MALFORMED] = "resolver-malformed",
        [DNS_LOOP] = "cname-loop",
        [DNS_TRUNCATED] = "resolver-truncated"};

    return r->status == MX_NULL ? "null-mx" : troubles[r->trouble];
}

static const char *trouble_text(enum dns_status s)
{
    static const char *const texts[DNS_STATUS_COUNT] = {
        [DNS_FOUND] = "it is found",
        [DNS_NXDOMAIN] = "there is no such name",
        [DNS_NODATA] = "it has no address",
        [DNS_SERVFAIL] = "the resolver failed to find out (SERVFAIL)",
        [DNS_TIMEOUT] = "the resolver did not answer in time",
        [DNS_REFUSED] = "the resolver refused to answer, or nobody listens there",
        [DNS_MALFORMED] = "the resolver's answer cannot be read",
        [DNS_LOOP] = "its CNAMEs lead in a circle, or too far",
        [DNS_TRUNCATED] = "the answer was cut short, and TCP gave none"};

    return texts[s];
}

void mx_print_reason(const struct mx_result *r, struct strbuf *out)
{
    if (r->status == MX_NULL) {
        strbuf_adds(out, "the domain takes no mail (null MX, RFC 7505)");
        return;
    }
    if (r->way == MX_BY_RECORDS && r->host_count > 0)
        strbuf_addf(out, "none of its MX hosts (%s%s) has a known address: ", r->hosts[0].name,
                    r->host_count > 1 ? " and others" : "");
    strbuf_adds(out, trouble_text(r->trouble));
}
