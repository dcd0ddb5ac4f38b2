/*
 * token_index.h - whose token is this? of many owners at once
 *
 * Holds a part of each token only, to be small: token_index_next may name an owner that has no such
 * token, so ask the owner itself.
 *
 * Ownership: grows by itself; token_index_clear gives the memory back. A zeroed struct is empty.
 * Limits: owners are numbers below TOKEN_OWNERS_MAX.
 */
#ifndef RELAYLAB_PROBE_HOME_TOKEN_INDEX_H
#define RELAYLAB_PROBE_HOME_TOKEN_INDEX_H

#include "lib/base/token.h"

enum { TOKEN_OWNERS_MAX = 65536 };

struct token_bucket;

struct token_index {
    struct token_bucket *buckets; /* NULL: it is empty */
};

#define TOKEN_NOBODY UINT32_MAX

/* False: no memory. */
bool token_index_add(struct token_index *x, const struct token *t, uint32_t owner);
void token_index_remove(struct token_index *x, const struct token *t, uint32_t owner);
/* The next owner from *cursor on (0 at first) that may have this token, or TOKEN_NOBODY. */
uint32_t token_index_next(const struct token_index *x, struct span token, size_t *cursor);
size_t token_index_octets(const struct token_index *x); /* of memory, at present */
void token_index_clear(struct token_index *x);

#endif
