/*
 * address.c - finds the path, then the last unquoted @, then a name for what is odd about it
 *
 * Quoting is RFC 5321's: "..." and backslash; the scanner below is the only place that knows it. A
 * backslash outside of quotes (RFC 821 allowed it) quotes as well: x\@X@T has one @ that counts,
 * and the other is a quoted one.
 */
#include "lib/smtp/address.h"

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63 };

struct scan {
    bool quoted;  /* between quotation marks */
    bool escaped; /* after a backslash */
};

/* Takes one byte in; true when it stands for itself, outside of any quoting. */
static bool scan_plain(struct scan *s, char c)
{
    if (s->escaped) {
        s->escaped = false;
        return false;
    }
    if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->quoted = !s->quoted;
    else
        return !s->quoted;
    return false;
}

enum pick { PICK_FIRST, PICK_LAST };

/* Offset of an unquoted byte that is one of the two, or SIZE_MAX. */
static size_t find_plain(struct span s, char one, char other, enum pick pick)
{
    struct scan scan = {0};
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < s.len; i++) {
        if (!scan_plain(&scan, s.ptr[i]) || (s.ptr[i] != one && s.ptr[i] != other))
            continue;
        found = i;
        if (pick == PICK_FIRST)
            return found;
    }
    return found;
}

static bool balanced_quotes(struct span s)
{
    struct scan scan = {0};
    for (size_t i = 0; i < s.len; i++)
        (void)scan_plain(&scan, s.ptr[i]);
    return !scan.quoted && !scan.escaped;
}

/* A byte that counts only because quotes or a backslash keep it from doing so: the @ in "x@X" and
 * in x\@X. */
static bool has_quoted(struct span s, char wanted)
{
    struct scan scan = {0};
    for (size_t i = 0; i < s.len; i++)
        if (!scan_plain(&scan, s.ptr[i]) && s.ptr[i] == wanted)
            return true;
    return false;
}

/* Finds path and params; false when there is no path. */
static bool find_path(struct span text, struct address *a)
{
    struct span t = span_trim(text);
    a->space_before = text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t');
    a->brackets = t.len > 0 && t.ptr[0] == '<';
    struct span rest = span_from(t, a->brackets);
    size_t end = a->brackets ? find_plain(rest, '>', '>', PICK_FIRST)
                             : find_plain(rest, ' ', '\t', PICK_FIRST);
    if (a->brackets && end == SIZE_MAX)
        return false;
    a->path = span_trim(span_to(rest, end));
    a->params = end == SIZE_MAX ? span_from(t, t.len) : span_trim(span_from(rest, end + 1));
    if (!balanced_quotes(a->path) || find_plain(a->path, '<', '>', PICK_FIRST) != SIZE_MAX)
        return false;
    return a->brackets || a->path.len > 0;
}

/* Length of "@hop,@hop:" at the beginning of the path, or 0. A hop may be an IPv6 literal with
 * colons of its own. */
static size_t route_len(struct span path)
{
    bool literal = false;
    if (path.len == 0 || path.ptr[0] != '@')
        return 0;
    for (size_t i = 1; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '[' || c == ']')
            literal = c == '[';
        else if (c == '"')
            return 0;
        else if (c == ':' && !literal)
            return i + 1;
    }
    return 0;
}

/* "x@X (comment)" goes where "x@X" goes. */
static struct span without_comment(struct span s)
{
    size_t open = find_plain(s, '(', '(', PICK_FIRST);
    bool comment = s.len > 0 && s.ptr[s.len - 1] == ')' && open != SIZE_MAX;
    return comment ? span_trim(span_to(s, open)) : s;
}

static enum address_shape shape_of(const struct address *a, size_t last_at)
{
    bool no_domain = a->domain.len == 0;
    if (a->path.len == 0)
        return SHAPE_NULL;
    if (a->route.len > 0)
        return SHAPE_SOURCE_ROUTE;
    if (has_quoted(a->local, '@'))
        return SHAPE_QUOTED_AT;
    if (has_quoted(a->local, '%'))
        return SHAPE_QUOTED_PERCENT;
    if (last_at != SIZE_MAX && find_plain(a->local, '@', '@', PICK_FIRST) != SIZE_MAX)
        return SHAPE_DOUBLE_AT;
    if (span_chr(a->local, '%') != SIZE_MAX)
        return SHAPE_PERCENT;
    if (span_chr(a->local, '!') != SIZE_MAX)
        return SHAPE_BANG;
    return no_domain ? SHAPE_NO_DOMAIN : SHAPE_PLAIN;
}

struct address address_parse(struct span text)
{
    struct address a = {.shape = SHAPE_NO_DOMAIN};
    a.valid = find_path(text, &a);
    if (!a.valid)
        return a;
    size_t route = route_len(a.path);
    a.route = span_to(a.path, route);
    struct span mailbox = without_comment(span_trim(span_from(a.path, route)));
    size_t at = find_plain(mailbox, '@', '@', PICK_LAST);
    a.local = span_to(mailbox, at);
    a.domain = at == SIZE_MAX ? span_from(mailbox, mailbox.len) : span_from(mailbox, at + 1);
    a.shape = shape_of(&a, at);
    return a;
}

static const char *const SHAPE_NAMES[] = {
    [SHAPE_NULL] = "null",           [SHAPE_SOURCE_ROUTE] = "source-route",
    [SHAPE_QUOTED_AT] = "quoted-at", [SHAPE_QUOTED_PERCENT] = "quoted-percent",
    [SHAPE_DOUBLE_AT] = "double-at", [SHAPE_PERCENT] = "percent",
    [SHAPE_BANG] = "bang",           [SHAPE_NO_DOMAIN] = "no-domain",
    [SHAPE_PLAIN] = "plain",
};

const char *address_shape_name(enum address_shape shape)
{
    return SHAPE_NAMES[shape];
}

bool address_shape_parse(struct span name, enum address_shape *shape)
{
    for (unsigned i = 0; i <= SHAPE_PLAIN; i++) {
        if (!span_iequal(name, span_of(SHAPE_NAMES[i])))
            continue;
        *shape = (enum address_shape)i;
        return true;
    }
    return false;
}

/* Writes text[from, to) without its quoting; returns its length. `out` may be NULL. */
static size_t add_unquoted(struct strbuf *out, struct span text, size_t from, size_t to)
{
    bool escaped = false;
    size_t len = 0;
    for (size_t i = 0; i < to; i++) {
        char c = text.ptr[i];
        bool quoting = !escaped && (c == '\\' || c == '"');
        escaped = !escaped && c == '\\';
        if (i < from || quoting)
            continue;
        len++;
        if (out != NULL)
            strbuf_addc(out, c);
    }
    return len;
}

/* What stands before and after the byte at `at` becomes local part and domain. */
static bool unwrap_at(struct span local, size_t at, struct strbuf *out)
{
    if (at == SIZE_MAX || add_unquoted(NULL, local, 0, at) == 0 ||
        add_unquoted(NULL, local, at + 1, local.len) == 0)
        return false;
    add_unquoted(out, local, 0, at);
    strbuf_addc(out, '@');
    add_unquoted(out, local, at + 1, local.len);
    return true;
}

static bool unwrap_bang(struct span local, struct strbuf *out)
{
    size_t at = span_chr(local, '!');
    if (at == SIZE_MAX || at == 0 || at + 1 >= local.len)
        return false;
    strbuf_add(out, span_from(local, at + 1));
    strbuf_addc(out, '@');
    strbuf_add(out, span_to(local, at));
    return true;
}

static bool unwrap_route(const struct address *a, struct strbuf *out)
{
    if (a->local.len == 0 || a->domain.len == 0)
        return false;
    strbuf_add(out, a->local);
    strbuf_addc(out, '@');
    strbuf_add(out, a->domain);
    return true;
}

bool address_unwrap(const struct address *a, struct strbuf *out)
{
    if (!a->valid)
        return false;
    switch (a->shape) {
    case SHAPE_SOURCE_ROUTE:
        return unwrap_route(a, out);
    case SHAPE_QUOTED_AT:
    case SHAPE_DOUBLE_AT:
        return unwrap_at(a->local, span_rchr(a->local, '@'), out);
    case SHAPE_QUOTED_PERCENT:
    case SHAPE_PERCENT:
        return unwrap_at(a->local, span_rchr(a->local, '%'), out);
    case SHAPE_BANG:
        return unwrap_bang(a->local, out);
    case SHAPE_NULL:
    case SHAPE_NO_DOMAIN:
    case SHAPE_PLAIN:
        break;
    }
    return false;
}

bool address_literal(struct span domain, struct endpoint *out)
{
    static const uint8_t family_of_tag[2] = {4, 6};
    if (domain.len < 3 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']')
        return false;
    struct span inner = span_to(span_from(domain, 1), domain.len - 2);
    bool tagged = span_istarts(inner, SPAN("IPv6:"));
    struct endpoint e;
    if (tagged)
        inner = span_from(inner, 5);
    if (inner.len == 0 || inner.ptr[0] == '[' || !endpoint_parse_address(inner, &e))
        return false;
    if (e.family != family_of_tag[tagged])
        return false;
    *out = e;
    return true;
}

static bool reject(const char *sentence, size_t at, const char **why, size_t *column)
{
    *why = sentence;
    *column = at;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool check_label(struct span label, size_t at, const char **why, size_t *column)
{
    if (label.len == 0)
        return reject("A domain has no empty labels.", at, why, column);
    if (label.len > LABEL_MAX)
        return reject("A label of a domain is longer than 63 characters.", at, why, column);
    for (size_t i = 0; i < label.len; i++)
        if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return reject("A domain has letters, digits, hyphens and dots only.", at + i, why,
                          column);
    if (label.ptr[0] == '-')
        return reject("A label of a domain does not begin with a hyphen.", at, why, column);
    if (label.ptr[label.len - 1] == '-')
        return reject("A label of a domain does not end with a hyphen.", at + label.len - 1, why,
                      column);
    return true;
}

static bool check_labels(struct span text, size_t offset, const char **why, size_t *column)
{
    if (text.len == 0)
        return reject("The domain is missing.", offset, why, column);
    if (text.len > DOMAIN_MAX)
        return reject("The domain is longer than 255 characters.", offset + DOMAIN_MAX, why,
                      column);
    struct span rest = text, label;
    while (span_cut(&rest, '.', &label))
        if (!check_label(label, offset + (size_t)(label.ptr - text.ptr), why, column))
            return false;
    return true;
}

bool address_check_domain(struct span text, const char **why, size_t *column)
{
    struct endpoint e;
    if (text.len == 0 || text.ptr[0] != '[')
        return check_labels(text, 0, why, column);
    if (!address_literal(text, &e))
        return reject("This is no address literal like [192.0.2.1] or [IPv6:2001:db8::1].", 0, why,
                      column);
    return true;
}

/* RFC 5321 4.1.2 Dot-string. */
static bool check_local(struct span local, const char **why, size_t *column)
{
    if (local.len == 0)
        return reject("The local part before the @ is missing.", 0, why, column);
    if (local.len > LOCAL_MAX)
        return reject("The local part is longer than 64 characters.", LOCAL_MAX, why, column);
    for (size_t i = 0; i < local.len; i++) {
        char c = local.ptr[i];
        if (c == '.' && (i == 0 || i + 1 == local.len || local.ptr[i - 1] == '.'))
            return reject("A dot of the local part stands between other characters.", i, why,
                          column);
        if (c == '\0' || (!is_alnum(c) && span_chr(SPAN("!#$%&'*+-/=?^_`{|}~."), c) == SIZE_MAX))
            return reject("The local part has a character that a plain mailbox cannot have.", i,
                          why, column);
    }
    return true;
}

bool address_check_mailbox(struct span text, struct span *local, struct span *domain,
                           const char **why, size_t *column)
{
    size_t at = span_rchr(text, '@');
    if (at == SIZE_MAX)
        return reject("A mailbox has an @ and a domain.", text.len, why, column);
    struct span name = span_to(text, at), host = span_from(text, at + 1);
    if (!check_local(name, why, column) || !check_labels(host, at + 1, why, column))
        return false;
    if (span_chr(host, '.') == SIZE_MAX)
        return reject("The domain has at least one dot.", at + 1, why, column);
    *local = name;
    *domain = host;
    return true;
}
