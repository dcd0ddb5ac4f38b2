/*
 * address_decode.c - a table of encapsulations, undone one after another
 *
 * The order is that of servers: first what an address hides whole, then the routing tricks as long
 * as the domain is one of the server's own. A few rounds are enough for every form that is known,
 * and keep a hostile address from costing more.
 */
#include "lib/smtp/address_decode.h"

enum { ROUNDS_MAX = 6, ROOM = 1024 };

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "x+40X" is x@X: Exchange's plus-encoding, and the xtext of RFC 3461 4. Control characters stay
 * encoded. */
static void add_plus_decoded(struct span text, struct strbuf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = text.ptr[i] == '+' && i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.ptr[i + 2]) : -1;
        int value = low >= 0 ? high * 16 + low : 0;
        strbuf_addc(out, value >= ' ' ? (char)value : text.ptr[i]);
        i += value >= ' ' ? 2 : 0;
    }
}

static bool undo_orcpt(const struct address *a, struct strbuf *out)
{
    struct span rest = a->params, word;
    while (span_cut(&rest, ' ', &word)) {
        if (span_istarts(word, SPAN("ORCPT=rfc822;"))) {
            add_plus_decoded(span_from(word, 13), out);
            return true;
        }
    }
    return false;
}

static bool undo_imcea(const struct address *a, struct strbuf *out)
{
    struct span inner = a->local;
    if (span_starts(inner, SPAN("IMCEASMTP-"))) {
        add_plus_decoded(span_from(inner, 10), out);
        return true;
    }
    if (span_starts(inner, SPAN("\"IMCEA ")) && inner.len > 8) {
        strbuf_add(out, span_to(span_from(inner, 7), inner.len - 8));
        return true;
    }
    return false;
}

/* The text behind the n-th '='; empty when there are fewer. */
static struct span behind_fields(struct span s, unsigned n)
{
    while (n-- > 0) {
        size_t at = span_chr(s, '=');
        s = span_from(s, at == SIZE_MAX ? s.len : at + 1);
    }
    return s;
}

/* SRS0=hash=time=domain=local */
static bool undo_srs0(const struct address *a, struct strbuf *out)
{
    struct span domain = behind_fields(a->local, 3);
    size_t end = span_chr(domain, '=');
    if (!span_istarts(a->local, SPAN("SRS0=")) || end == SIZE_MAX) {
        return false;
    }
    strbuf_add(out, span_from(domain, end + 1));
    strbuf_addc(out, '@');
    strbuf_add(out, span_to(domain, end));
    return true;
}

/* SRS1=hash=host==what SRS0 had behind its name: goes back to that host. */
static bool undo_srs1(const struct address *a, struct strbuf *out)
{
    struct span host = behind_fields(a->local, 2);
    size_t end = span_find(host, SPAN("=="));
    if (!span_istarts(a->local, SPAN("SRS1=")) || end == SIZE_MAX) {
        return false;
    }
    strbuf_adds(out, "SRS0=");
    strbuf_add(out, span_from(host, end + 2));
    strbuf_addc(out, '@');
    strbuf_add(out, span_to(host, end));
    return true;
}

/* prvs=tag=local@domain */
static bool undo_batv(const struct address *a, struct strbuf *out)
{
    struct span local = behind_fields(a->local, 2);
    if (!span_istarts(a->local, SPAN("prvs=")) || local.len == 0) {
        return false;
    }
    strbuf_add(out, local);
    strbuf_addc(out, '@');
    strbuf_add(out, a->domain);
    return true;
}

/* list-local=domain */
static bool undo_verp(const struct address *a, struct strbuf *out)
{
    size_t at = span_rchr(a->local, '=');
    if (!span_istarts(a->local, SPAN("list-")) || at == SIZE_MAX) {
        return false;
    }
    strbuf_add(out, span_from(span_to(a->local, at), 5));
    strbuf_addc(out, '@');
    strbuf_add(out, span_from(a->local, at + 1));
    return true;
}

static bool (*const encapsulations[])(const struct address *a, struct strbuf *out) = {
    undo_orcpt, undo_imcea, undo_srs1, undo_srs0, undo_batv, undo_verp,
};

enum { ENCAPSULATION_COUNT = sizeof(encapsulations) / sizeof(encapsulations[0]) };

/* U+FF41 to U+FF5A are EF BD 81 to EF BD 9A; UTS 46 maps them to a to z. */
static void add_narrow(struct span domain, struct strbuf *out)
{
    for (size_t i = 0; i < domain.len; i++) {
        unsigned char third = i + 2 < domain.len ? (unsigned char)domain.ptr[i + 2] : 0;
        bool wide = third >= 0x81 && third <= 0x9a && (unsigned char)domain.ptr[i] == 0xef &&
                    (unsigned char)domain.ptr[i + 1] == 0xbd;
        strbuf_addc(out, wide ? (char)('a' + (third - 0x81)) : domain.ptr[i]);
        i += wide ? 2 : 0;
    }
}

static bool is_name_in_brackets(struct span domain)
{
    struct endpoint e;
    return domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']' &&
           !address_literal(domain, &e);
}

/* "host:x" is x without a route's @; the domain loses brackets, dot and width. */
static void add_canonical(const struct address *a, struct strbuf *out)
{
    struct span domain = a->domain, local = a->local;
    size_t colon = local.len > 0 && local.ptr[0] != '"' ? span_chr(local, ':') : SIZE_MAX;
    if (is_name_in_brackets(domain)) {
        domain = span_to(span_from(domain, 1), domain.len - 2);
    }
    if (domain.len > 1 && domain.ptr[domain.len - 1] == '.') {
        domain.len--;
    }
    strbuf_add(out, colon == SIZE_MAX ? local : span_from(local, colon + 1));
    strbuf_addc(out, '@');
    add_narrow(domain, out);
}

static bool one_step(const struct address *a, const struct address_locals *locals,
                     struct strbuf *out)
{
    for (size_t i = 0; i < ENCAPSULATION_COUNT; i++) {
        if (encapsulations[i](a, out)) {
            return true;
        }
    }
    bool ours = a->domain.len == 0 || locals->local(locals->self, a->domain);
    bool obeyed = a->route.len > 0 && ours; /* its first hop is where the mail goes */
    return !obeyed && (ours || a->route.len > 0) && address_unwrap(a, out);
}

bool address_decode(const struct address *a, const struct address_locals *locals,
                    struct strbuf *out)
{
    char rooms[2][ROOM];
    struct address now = *a;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        struct strbuf next;
        strbuf_init(&next, rooms[round % 2], ROOM);
        if (!one_step(&now, locals, &next) || next.truncated) {
            break;
        }
        now = address_parse(strbuf_span(&next));
    }
    if (!now.valid || now.route.len > 0 || now.domain.len == 0) {
        return false;
    }
    add_canonical(&now, out);
    if (out->truncated || span_equal(strbuf_span(out), a->path)) {
        strbuf_reset(out);
        return false;
    }
    return true;
}
