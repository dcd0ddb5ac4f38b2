/*
 * endpoint.c - addresses from text and back, without the resolver
 *
 * inet_pton and inet_ntop do the work: they are pure, strict about IPv4 (four decimal numbers, no
 * octal), and print the form of RFC 5952. Zone indices (fe80::1%eth0) are refused: they name an
 * interface of one host.
 */
#include "lib/base/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

bool endpoint_parse_address(struct span text, struct endpoint *out)
{
    char copy[INET6_ADDRSTRLEN];
    struct endpoint e = {0};
    bool bracketed = text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
    if (bracketed)
        text = span_to(span_from(text, 1), text.len - 2);
    if (text.len == 0 || span_chr(text, '\0') != SIZE_MAX || !bytes_copy(copy, sizeof copy, text))
        return false;
    if (!bracketed && inet_pton(AF_INET, copy, e.bytes) == 1)
        e.family = 4;
    else if (inet_pton(AF_INET6, copy, e.bytes) == 1)
        e.family = 6;
    else
        return false;
    *out = e;
    return true;
}

bool endpoint_parse(struct span text, bool allow_port_0, struct endpoint *out)
{
    size_t colon = span_rchr(text, ':');
    struct endpoint e;
    uint64_t port;
    if (colon == SIZE_MAX || !endpoint_parse_address(span_to(text, colon), &e))
        return false;
    if (e.family == 6 && text.ptr[0] != '[') /* ::1:25 is an address as it stands */
        return false;
    if (!span_uint(span_from(text, colon + 1), UINT16_MAX, &port) || text.len - colon > 6)
        return false;
    if (port == 0 && !allow_port_0)
        return false;
    e.port = (uint16_t)port;
    *out = e;
    return true;
}

void endpoint_print_address(struct strbuf *out, const struct endpoint *e)
{
    char text[INET6_ADDRSTRLEN] = "none";
    if (e->family == 4 || e->family == 6)
        inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->bytes, text, sizeof text);
    strbuf_adds(out, text);
}

void endpoint_print(struct strbuf *out, const struct endpoint *e)
{
    if (e->family == 6)
        strbuf_addc(out, '[');
    endpoint_print_address(out, e);
    if (e->family == 6)
        strbuf_addc(out, ']');
    if (e->family == 0)
        return;
    strbuf_addc(out, ':');
    strbuf_addu(out, e->port);
}

void endpoint_print_literal(struct strbuf *out, const struct endpoint *e)
{
    strbuf_adds(out, e->family == 6 ? "[IPv6:" : "[");
    endpoint_print_address(out, e);
    strbuf_addc(out, ']');
}

static size_t address_len(const struct endpoint *e)
{
    return e->family == 4 ? 4 : e->family == 6 ? 16 : 0;
}

bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_len(a)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && endpoint_same_address(a, b);
}

static bool prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

struct scope_row {
    uint8_t bytes[4];
    uint8_t bits;
    enum endpoint_scope scope;
};

static const struct scope_row SCOPES_4[] = {
    {{127}, 8, SCOPE_LOOPBACK},         {{0}, 32, SCOPE_LOOPBACK},
    {{169, 254}, 16, SCOPE_LINK_LOCAL}, {{10}, 8, SCOPE_PRIVATE},
    {{172, 16}, 12, SCOPE_PRIVATE},     {{192, 168}, 16, SCOPE_PRIVATE},
    {{100, 64}, 10, SCOPE_PRIVATE},
};

static const struct scope_row SCOPES_6[] = {
    {{0xfe, 0x80}, 10, SCOPE_LINK_LOCAL},
    {{0xfc}, 7, SCOPE_PRIVATE},
};

static enum endpoint_scope scope_from(const struct scope_row *rows, size_t count,
                                      const uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++)
        if (prefix_matches(bytes, rows[i].bytes, rows[i].bits))
            return rows[i].scope;
    return SCOPE_PUBLIC;
}

enum endpoint_scope endpoint_scope(const struct endpoint *e)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t zeros[15] = {0};
    const size_t count_4 = sizeof SCOPES_4 / sizeof SCOPES_4[0];
    const size_t count_6 = sizeof SCOPES_6 / sizeof SCOPES_6[0];
    if (e->family == 4)
        return scope_from(SCOPES_4, count_4, e->bytes);
    if (e->family != 6)
        return SCOPE_PUBLIC; /* "none": nobody may rely on it being near */
    if (memcmp(e->bytes, mapped, sizeof mapped) == 0)
        return scope_from(SCOPES_4, count_4, e->bytes + 12);
    if (memcmp(e->bytes, zeros, sizeof zeros) == 0 && e->bytes[15] <= 1)
        return SCOPE_LOOPBACK;
    return scope_from(SCOPES_6, count_6, e->bytes);
}

/* Host bits must be zero in what is kept, but need not be in the text: 10.1.2.3/8 is 10.0.0.0/8. */
static void clear_host_bits(struct network *n)
{
    for (unsigned i = 0; i < sizeof n->base.bytes; i++) {
        unsigned first = i * 8;
        if (first >= n->prefix_bits)
            n->base.bytes[i] = 0;
        else if (n->prefix_bits - first < 8)
            n->base.bytes[i] &= (uint8_t)(0xff << (8 - (n->prefix_bits - first)));
    }
}

bool network_parse(struct span text, struct network *out)
{
    struct network n = {0};
    size_t slash = span_chr(text, '/');
    if (!endpoint_parse_address(span_to(text, slash), &n.base))
        return false;
    uint64_t most = address_len(&n.base) * 8, bits = most;
    if (slash != SIZE_MAX) {
        struct span digits = span_from(text, slash + 1);
        if (digits.len > 3 || !span_uint(digits, most, &bits))
            return false;
    }
    n.prefix_bits = (uint8_t)bits;
    clear_host_bits(&n);
    *out = n;
    return true;
}

bool network_contains(const struct network *n, const struct endpoint *e)
{
    return n->base.family != 0 && n->base.family == e->family &&
           prefix_matches(n->base.bytes, e->bytes, n->prefix_bits);
}
