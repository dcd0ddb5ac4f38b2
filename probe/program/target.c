/*
 * target.c - an address first, and a name only when it can be no address
 */
#include "probe/program/target.h"

#include <string.h>

#include "lib/smtp/address.h"

void target_say(struct strbuf *error, const char *what, struct span value)
{
    strbuf_adds(error, what);
    strbuf_adds(error, ": '");
    strbuf_add_visible(error, span_to(value, 120));
    strbuf_adds(error, "': ");
}

static bool read_port(struct span text, uint16_t *port)
{
    uint64_t value = 0;

    if (!span_uint(text, 65535, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* An address with or without port. A lone IPv6 address has no port, so its colons are not mistaken
 * for one. */
static bool read_address(struct target *t, struct span text)
{
    struct endpoint *e = &t->address[0];

    if (endpoint_parse(text, false, e)) {
        t->name = span_to(text, span_rchr(text, ':'));
        t->has_port = true;
    } else if (endpoint_parse_address(text, e)) {
        e->port = 25;
        t->name = text;
    } else {
        return false;
    }
    if (t->name.len > 0 && t->name.ptr[0] == '[')
        t->name = (struct span){t->name.ptr + 1, t->name.len - 2};
    t->port = e->port;
    t->address_count = 1;
    return true;
}

/* "10.0.0.256" and the like are wrong addresses, no names (RFC 3696 2: a top-level domain is not
 * all digits). */
static bool ends_in_number(struct span name)
{
    size_t dot = span_rchr(name, '.');
    struct span last = dot == SIZE_MAX ? name : span_from(name, dot + 1);
    uint64_t value;

    return span_uint(last, UINT64_MAX, &value);
}

static bool read_name(struct target *t, struct span text, struct strbuf *error)
{
    size_t colon = span_rchr(text, ':');
    const char *why = "";
    size_t column = 0;

    t->name = span_to(text, colon);
    if (t->name.len > 1 && t->name.ptr[t->name.len - 1] == '.') /* of the root, as dig prints it */
        t->name.len--;
    t->is_name = true;
    t->has_port = colon != SIZE_MAX;
    t->reason_code = "no-such-name";
    t->port = 25;
    if (colon != SIZE_MAX && !read_port(span_from(text, colon + 1), &t->port)) {
        target_say(error, "target", t->text);
        strbuf_adds(error,
                    "write ADDR:PORT, [ADDR6]:PORT, ADDR, NAME or mx:DOMAIN, with a port from 1 to "
                    "65535");
        return false;
    }
    if (t->name.len == 0 || t->name.len >= TARGET_NAME_MAX || ends_in_number(t->name) ||
        t->name.ptr[0] == '[' || !address_check_domain(t->name, &why, &column)) {
        target_say(error, "target", t->text);
        strbuf_adds(
            error,
            "neither an address nor a host name; write ADDR:PORT, [ADDR6]:PORT, ADDR, NAME or "
            "mx:DOMAIN");
        return false;
    }
    return true;
}

bool target_read(struct target *t, struct span text, struct strbuf *error)
{
    struct span prefix = SPAN("mx:");

    memset(t, 0, sizeof(*t));
    t->text = text;
    t->by_mx = span_istarts(text, prefix);
    if (t->by_mx)
        return read_name(t, span_from(text, prefix.len), error);
    return read_address(t, text) || read_name(t, text, error);
}

void target_take(struct target *t, const struct mx_result *found)
{
    struct strbuf trouble;

    t->found = *found;
    t->address_count = found->address_count;
    memcpy(t->address, found->address, sizeof(t->address));
    t->reason_code = mx_reason_code(found);
    strbuf_init(&trouble, t->trouble, sizeof(t->trouble));
    if (found->status != MX_FOUND)
        mx_print_reason(found, &trouble);
}

struct span target_host(const struct target *t, const struct endpoint *at)
{
    size_t i = (size_t)(at - t->address);

    if (t->found.host_count > 0 && i < t->found.address_count)
        return span_of(t->found.hosts[t->found.host_of[i]].name);
    return t->is_name ? t->name : (struct span){NULL, 0};
}

size_t target_host_end(const struct target *t, size_t from)
{
    size_t end = from;

    if (t->found.host_count == 0)
        return t->address_count;
    while (end < t->address_count && t->found.host_of[end] == t->found.host_of[from])
        end++;
    return end;
}

void target_unfound(const struct target *t, struct verdict_result *out)
{
    struct strbuf reason;

    *out = (struct verdict_result){.verdict = VERDICT_UNREACHABLE, .reason_code = t->reason_code};
    strbuf_init(&reason, out->reason, sizeof(out->reason));
    strbuf_adds(&reason,
                t->by_mx ? "the domain's mail server is not found: " : "the name has no address: ");
    strbuf_adds(&reason, t->trouble);
}

static void print_host(const struct target *t, size_t host, struct strbuf *out)
{
    const struct mx_result *m = &t->found;
    const struct mx_host *h = &m->hosts[host];
    bool first = true;

    if (m->way == MX_BY_RECORDS)
        strbuf_addf(out, "%u ", h->preference);
    strbuf_adds(out, h->name);
    if (h->alias)
        strbuf_adds(out, ", an alias");
    strbuf_adds(out, " (");
    for (size_t i = 0; i < m->address_count; i++) {
        if (m->host_of[i] != host)
            continue;
        strbuf_adds(out, first ? "" : ", ");
        endpoint_print_address(out, &m->address[i]);
        first = false;
    }
    if (first)
        strbuf_addf(out, "no address of its own: %s", dns_status_name(h->status));
    strbuf_addc(out, ')');
}

void target_print_way(const struct target *t, struct strbuf *out)
{
    static const char *const ways[] = {[MX_BY_RECORDS] = "Found by the MX records of ",
                                       [MX_IMPLICIT] = "Found as the implicit MX of ",
                                       [MX_BY_NAME] = "Found by the name "};
    const struct mx_result *m = &t->found;

    if (m->host_count == 0)
        return;
    strbuf_adds(out, ways[m->way]);
    strbuf_add_visible(out, t->name);
    strbuf_adds(out, ": ");
    for (size_t i = 0; i < m->host_count; i++) {
        strbuf_adds(out, i > 0 ? ", " : "");
        print_host(t, i, out);
    }
    strbuf_addc(out, '.');
    if (m->left_out > 0)
        strbuf_addf(out, " %zu further MX hosts, which are less preferred, were left out.",
                    m->left_out);
}
