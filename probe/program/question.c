/*
 * question.c - one number stands for host, port, family and source; those that make no sense are
 * passed over
 *
 * The source changes fastest: what two vantages see is comparable when they look soon after one
 * another. The family of a host's first address comes first.
 */
#include "probe/program/question.h"

enum { FAMILIES = 2, IPV4 = 4, IPV6 = 6 };

static size_t port_count(const struct options *o, const struct target *t)
{
    return t->has_port || o->port_count == 0 ? 1 : o->port_count;
}

static size_t source_count(const struct options *o)
{
    return o->source_count > 0 ? o->source_count : 1;
}

size_t question_count_max(const struct options *o, const struct target *t)
{
    size_t hosts = o->all_mx && t->found.host_count > 0 ? t->found.host_count : 1;

    return hosts * port_count(o, t) * FAMILIES * source_count(o);
}

/* Where the addresses of that host begin and end; from == address_count: there is no such host. */
static void find_host(const struct options *o, const struct target *t, size_t host, size_t *from,
                      size_t *end)
{
    bool alone = o->all_mx && t->by_mx;

    *from = 0;
    *end = alone ? target_host_end(t, 0) : t->address_count;
    for (; host > 0 && *from < t->address_count; host--) {
        *from = *end;
        *end = *from < t->address_count ? target_host_end(t, *from) : *from;
    }
}

static bool next_of_family(const struct target *t, uint8_t family, size_t *at, size_t end)
{
    while (*at < end && t->address[*at].family != family)
        ++*at;
    return *at < end;
}

/* False: no question has this number; `over`: nor has any that follows. */
static bool decode(struct question *q, const struct options *o, const struct target *t, bool *over)
{
    size_t n = q->number;
    size_t source = n % source_count(o);
    bool other = (n /= source_count(o)) % FAMILIES != 0;
    size_t port = (n /= FAMILIES) % port_count(o, t);
    size_t from;

    find_host(o, t, n / port_count(o, t), &from, &q->end);
    *over = from >= t->address_count;
    if (*over)
        return false;
    uint8_t first = t->address[from].family;
    uint8_t family = !other ? first : first == IPV4 ? IPV6 : IPV4;
    q->source = (struct endpoint){.family = 0};
    if (o->source_count > 0)
        q->source = o->source[source];
    q->source_index = (uint8_t)source;
    if ((o->family != 0 && family != o->family) ||
        (q->source.family != 0 && family != q->source.family) ||
        !next_of_family(t, family, &from, q->end))
        return false;
    q->at = from;
    q->address = t->address[from];
    if (!t->has_port && o->port_count > 0)
        q->address.port = o->port[port];
    return true;
}

static bool find(struct question *q, const struct options *o, const struct target *t)
{
    bool over = false;

    while (!over && !decode(q, o, t, &over))
        q->number++;
    return !over;
}

bool question_first(struct question *q, const struct options *o, const struct target *t)
{
    q->number = 0;
    return find(q, o, t);
}

bool question_next(struct question *q, const struct options *o, const struct target *t)
{
    q->number++;
    return find(q, o, t);
}

bool question_at_other(struct question *q, const struct target *t)
{
    size_t at = q->at + 1;
    uint16_t port = q->address.port;

    if (!next_of_family(t, q->address.family, &at, q->end))
        return false;
    q->at = at;
    q->address = t->address[at];
    q->address.port = port;
    return true;
}

static bool has_both_families(const struct options *o, const struct target *t)
{
    size_t four = 0, six = 0;

    return o->family == 0 && next_of_family(t, IPV4, &four, t->address_count) &&
           next_of_family(t, IPV6, &six, t->address_count);
}

/* A lone IPv6 address needs brackets before a port. */
static void add_text(const struct question *q, const struct options *o, const struct target *t,
                     struct strbuf *out)
{
    bool added = !t->has_port && o->port_count > 0;
    bool bare = added && !t->is_name && t->address[0].family == IPV6 && t->text.ptr[0] != '[';

    strbuf_adds(out, bare ? "[" : "");
    strbuf_add(out, t->text);
    strbuf_adds(out, bare ? "]" : "");
    if (added)
        strbuf_addf(out, ":%u", (unsigned)q->address.port);
}

void question_name(const struct question *q, const struct options *o, const struct target *t,
                   struct strbuf *out)
{
    add_text(q, o, t, out);
    if (o->all_mx && t->by_mx) {
        strbuf_adds(out, " at ");
        strbuf_add(out, target_host(t, &t->address[q->at]));
    }
    if (has_both_families(o, t))
        strbuf_addf(out, " over IPv%u", (unsigned)q->address.family);
    if (o->source_count > 1) {
        strbuf_adds(out, " from ");
        endpoint_print_address(out, &q->source);
    }
}

/* A name's addresses are told apart by their number already, and so are the families. */
void question_key(const struct question *q, const struct options *o, const struct target *t,
                  struct strbuf *out)
{
    if (!t->has_port && o->port_count > 0)
        strbuf_addf(out, "|%u", (unsigned)q->address.port);
    if (o->source_count > 0) {
        strbuf_adds(out, "|from ");
        endpoint_print_address(out, &q->source);
    }
}

void question_others(const struct question *q, const struct target *t, struct strbuf *out)
{
    struct question other = *q;
    bool any = false;

    while (question_at_other(&other, t)) {
        strbuf_adds(out, any ? " " : "The name has other addresses, which were not asked: ");
        endpoint_print(out, &other.address);
        any = true;
    }
}
