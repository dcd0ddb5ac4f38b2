/*
 * bytes.h - borrowed byte ranges and bounded writers
 *
 * A span is somebody else's bytes; a strbuf writes into somebody else's memory and never past it.
 * Neither allocates. A strbuf that ran out of room keeps what fitted, is `truncated` from then on,
 * and stays NUL-terminated (cap counts the NUL).
 *
 * Ownership: the caller owns the memory behind both, and it must outlive them.
 * Limits: a strbuf needs cap >= 1.
 */
#ifndef RELAYLAB_LIB_BASE_BYTES_H
#define RELAYLAB_LIB_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *ptr;
    size_t len;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

struct span span_of(const char *text); /* NULL gives an empty span */
struct span span_trim(struct span s);  /* without leading and trailing SP and HT */
/* the rest from start; empty when past the end */
struct span span_from(struct span s, size_t start);
struct span span_to(struct span s, size_t len); /* the first len bytes, or all */
bool span_equal(struct span a, struct span b);
bool span_iequal(struct span a, struct span b); /* ASCII case folded */
bool span_starts(struct span s, struct span prefix);
bool span_istarts(struct span s, struct span prefix);
bool span_iends(struct span s, struct span suffix);
/* Offset of the first needle, or SIZE_MAX. An empty needle is found at 0. */
size_t span_find(struct span s, struct span needle);
size_t span_ifind(struct span s, struct span needle);
size_t span_chr(struct span s, char c);  /* first, or SIZE_MAX */
size_t span_rchr(struct span s, char c); /* last, or SIZE_MAX */
/* Cuts the next field off *rest at `separator`; false when *rest is used up (ptr NULL). */
bool span_cut(struct span *rest, char separator, struct span *field);
/* Shell-like match with `*` and `?`, ASCII case folded; linear in practice, never recursive. */
bool span_glob(struct span s, struct span pattern);
/* Decimal digits only, no sign, the whole span; false when anything else or above max. */
bool span_uint(struct span s, uint64_t max, uint64_t *value);

struct strbuf {
    char *ptr;
    size_t cap;
    size_t len;
    bool truncated;
};

void strbuf_init(struct strbuf *b, char *memory, size_t cap);
void strbuf_reset(struct strbuf *b);
void strbuf_add(struct strbuf *b, struct span s);
void strbuf_adds(struct strbuf *b, const char *text);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addu(struct strbuf *b, uint64_t value); /* decimal, without printf */
void strbuf_addf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Control and 8-bit bytes as \r \n \t \\ \xHH, so that a dialogue can be printed on any
   terminal. */
void strbuf_add_visible(struct strbuf *b, struct span s);
struct span strbuf_span(const struct strbuf *b);

/* Copies into a fixed array, NUL-terminated; false (and cut) when it did not fit. */
bool bytes_copy(char *to, size_t cap, struct span from);

#endif
