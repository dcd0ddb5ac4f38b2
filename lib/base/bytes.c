/*
 * bytes.c - spans are compared in place, strbufs are filled by memcpy
 *
 * Case folding is ASCII's alone: SMTP keywords and domains are ASCII, and a locale must not change
 * what a server is understood to have said. The hot helpers (add, addc, addu) avoid printf;
 * strbuf_addf is for the rest.
 */
#include "lib/base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool folded_equal(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fold(a[i]) != fold(b[i]))
            return false;
    return true;
}

struct span span_of(const char *text)
{
    return text ? (struct span){text, strlen(text)} : (struct span){NULL, 0};
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct span span_from(struct span s, size_t start)
{
    if (s.ptr == NULL)
        return s;
    if (start > s.len)
        start = s.len;
    return (struct span){s.ptr + start, s.len - start};
}

struct span span_to(struct span s, size_t len)
{
    return (struct span){s.ptr, len < s.len ? len : s.len};
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_iequal(struct span a, struct span b)
{
    return a.len == b.len && folded_equal(a.ptr, b.ptr, a.len);
}

bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_equal(span_to(s, prefix.len), prefix);
}

bool span_istarts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && folded_equal(s.ptr, prefix.ptr, prefix.len);
}

bool span_iends(struct span s, struct span suffix)
{
    return s.len >= suffix.len && span_iequal(span_from(s, s.len - suffix.len), suffix);
}

/* memchr for the first byte: fast for the texts that are searched here, quadratic only for
 * contrived ones. */
size_t span_find(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    size_t at = 0;
    while (s.len - at >= needle.len) {
        const char *hit = memchr(s.ptr + at, needle.ptr[0], s.len - at - needle.len + 1);
        if (hit == NULL)
            return SIZE_MAX;
        if (memcmp(hit, needle.ptr, needle.len) == 0)
            return (size_t)(hit - s.ptr);
        at = (size_t)(hit - s.ptr) + 1;
    }
    return SIZE_MAX;
}

size_t span_ifind(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    unsigned char first = fold(needle.ptr[0]);
    for (size_t at = 0; s.len - at >= needle.len; at++)
        if (fold(s.ptr[at]) == first && folded_equal(s.ptr + at, needle.ptr, needle.len))
            return at;
    return SIZE_MAX;
}

size_t span_chr(struct span s, char c)
{
    const char *hit = s.len > 0 ? memchr(s.ptr, (unsigned char)c, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t span_rchr(struct span s, char c)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == c)
            return i - 1;
    return SIZE_MAX;
}

bool span_cut(struct span *rest, char separator, struct span *field)
{
    if (rest->ptr == NULL)
        return false;
    size_t end = span_chr(*rest, separator);
    if (end == SIZE_MAX) {
        *field = *rest;
        *rest = (struct span){NULL, 0};
        return true;
    }
    *field = span_to(*rest, end);
    *rest = span_from(*rest, end + 1);
    return true;
}

/* Only the last `*` is ever gone back to: whatever an earlier one could take, the later one can
 * take as well. */
bool span_glob(struct span s, struct span pattern)
{
    size_t si = 0, pi = 0, star = SIZE_MAX, taken = 0;
    while (si < s.len) {
        char p = pi < pattern.len ? pattern.ptr[pi] : '\0';
        if (pi < pattern.len && p == '*') {
            star = pi++;
            taken = si;
        } else if (pi < pattern.len && (p == '?' || fold(p) == fold(s.ptr[si]))) {
            si++;
            pi++;
        } else if (star != SIZE_MAX) {
            pi = star + 1;
            si = ++taken;
        } else {
            return false;
        }
    }
    while (pi < pattern.len && pattern.ptr[pi] == '*')
        pi++;
    return pi == pattern.len;
}

bool span_uint(struct span s, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
        if (sum > max)
            return false;
    }
    *value = sum;
    return true;
}

void strbuf_init(struct strbuf *b, char *memory, size_t cap)
{
    assert(cap >= 1);
    *b = (struct strbuf){.ptr = memory, .cap = cap};
    memory[0] = '\0';
}

void strbuf_reset(struct strbuf *b)
{
    b->len = 0;
    b->truncated = false;
    b->ptr[0] = '\0';
}

void strbuf_add(struct strbuf *b, struct span s)
{
    size_t room = b->cap - 1 - b->len;
    if (b->truncated)
        return;
    if (s.len > room) {
        s.len = room;
        b->truncated = true;
    }
    if (s.len > 0)
        memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
    b->ptr[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *text)
{
    strbuf_add(b, span_of(text));
}

void strbuf_addc(struct strbuf *b, char c)
{
    if (b->truncated || b->cap - 1 == b->len) {
        b->truncated = true;
        return;
    }
    b->ptr[b->len++] = c;
    b->ptr[b->len] = '\0';
}

void strbuf_addu(struct strbuf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    strbuf_add(b, (struct span){digits + at, sizeof digits - at});
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
    if (b->truncated)
        return;
    size_t room = b->cap - b->len;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(b->ptr + b->len, room, format, args);
    va_end(args);
    if (wanted < 0) {
        b->ptr[b->len] = '\0';
        b->truncated = true;
    } else if ((size_t)wanted >= room) {
        b->len = b->cap - 1;
        b->truncated = true;
    } else {
        b->len += (size_t)wanted;
    }
}

static void add_visible_byte(struct strbuf *b, char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    char escape[4] = {'\\', 'x', hex[u >> 4], hex[u & 15]};
    size_t len = 2;
    if (c == '\r')
        escape[1] = 'r';
    else if (c == '\n')
        escape[1] = 'n';
    else if (c == '\t')
        escape[1] = 't';
    else if (c == '\\')
        escape[1] = '\\';
    else
        len = 4;
    strbuf_add(b, (struct span){escape, len});
}

void strbuf_add_visible(struct strbuf *b, struct span s)
{
    size_t plain = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= ' ' && s.ptr[i] < 127 && s.ptr[i] != '\\')
            continue;
        strbuf_add(b, (struct span){s.ptr + plain, i - plain});
        add_visible_byte(b, s.ptr[i]);
        plain = i + 1;
    }
    strbuf_add(b, span_from(s, plain));
}

struct span strbuf_span(const struct strbuf *b)
{
    return (struct span){b->ptr, b->len};
}

bool bytes_copy(char *to, size_t cap, struct span from)
{
    bool fits = from.len < cap;
    size_t len = fits ? from.len : cap - 1;
    if (len > 0)
        memcpy(to, from.ptr, len);
    to[len] = '\0';
    return fits;
}
