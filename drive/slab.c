/*
 * slab.c - chunks of pieces and one free list
 *
 * The last piece given back is lent first: it is the one that the processor's caches still know.
 * Chunks are never returned before slab_clear, so the memory of a run is that of its busiest
 * moment.
 */
#include "drive/slab.h"

#include <stdlib.h>

enum { SLAB_ALIGN = 16 };

struct slab_piece {
    struct slab_piece *next;
};

struct slab_chunk {
    struct slab_chunk *next;
    char pad[SLAB_ALIGN - sizeof(struct slab_chunk *)];
    char bytes[];
};

void slab_init(struct slab *s, size_t size, unsigned per_chunk)
{
    size_t rounded = (size + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
    *s = (struct slab){.size = rounded, .per_chunk = per_chunk};
}

void slab_clear(struct slab *s)
{
    while (s->chunks != NULL) {
        struct slab_chunk *next = s->chunks->next;
        free(s->chunks);
        s->chunks = next;
    }
    s->free_list = NULL;
}

static void slab_grow(struct slab *s)
{
    struct slab_chunk *chunk = malloc(sizeof *chunk + s->size * s->per_chunk);
    if (chunk == NULL)
        return;
    chunk->next = s->chunks;
    s->chunks = chunk;
    for (unsigned i = s->per_chunk; i > 0; i--)
        slab_put(s, chunk->bytes + (i - 1) * s->size);
}

void *slab_get(struct slab *s)
{
    if (s->free_list == NULL)
        slab_grow(s);
    struct slab_piece *piece = s->free_list;
    if (piece != NULL)
        s->free_list = piece->next;
    return piece;
}

void slab_put(struct slab *s, void *piece)
{
    struct slab_piece *p = piece;
    p->next = s->free_list;
    s->free_list = p;
}
