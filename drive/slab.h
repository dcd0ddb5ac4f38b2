/*
 * slab.h - many pieces of one size, lent and given back without malloc in between
 *
 * Ownership: slab_clear frees all chunks at once, whoever still holds a piece. Pieces are not
 * zeroed.
 * Limits: a piece has room for a pointer at least.
 */
#ifndef RELAYLAB_DRIVE_SLAB_H
#define RELAYLAB_DRIVE_SLAB_H

#include <stddef.h>

struct slab_piece;
struct slab_chunk;

struct slab {
    struct slab_piece *free_list;
    struct slab_chunk *chunks;
    size_t size;
    unsigned per_chunk;
};

void slab_init(struct slab *s, size_t size, unsigned per_chunk);
void slab_clear(struct slab *s);
void *slab_get(struct slab *s); /* NULL: no memory */
void slab_put(struct slab *s, void *piece);

#endif
