/*
 * arena.h - memory that is given back all at once
 *
 * Loaders (YAML, personas, cases) build trees whose parts live and die together. The owner lends
 * one block; the arena hands out aligned, zeroed pieces of it and never more.
 *
 * Ownership: the block is the caller's. Pieces are valid as long as the block is.
 * Errors: arena_get returns NULL when the block is used up; loaders report that as "too large".
 */
#ifndef RELAYLAB_LIB_BASE_ARENA_H
#define RELAYLAB_LIB_BASE_ARENA_H

#include "lib/base/bytes.h"

struct arena {
    char *block;
    size_t cap;
    size_t used;
};

void arena_init(struct arena *a, void *block, size_t cap);
void *arena_get(struct arena *a, size_t count, size_t size); /* zeroed, aligned for any type */
char *arena_text(struct arena *a, struct span s);            /* NUL-terminated copy */

#endif
