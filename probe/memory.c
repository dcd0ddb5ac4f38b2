/*
 * memory.c - the C library's heap, and a sum
 */
#include "probe/memory.h"

#include <stdlib.h>

static bool fits(struct memory *m, size_t more)
{
    bool fine = m->limit == 0 || (m->bytes <= m->limit && more <= m->limit - m->bytes);
    m->failed |= !fine;
    return fine;
}

void *memory_get(struct memory *m, size_t bytes)
{
    void *piece = fits(m, bytes) ? calloc(1, bytes) : NULL;
    m->failed |= piece == NULL;
    m->bytes += piece != NULL ? bytes : 0;
    return piece;
}

void *memory_resize(struct memory *m, void *piece, size_t before, size_t bytes)
{
    void *moved = bytes <= before || fits(m, bytes - before) ? realloc(piece, bytes) : NULL;
    m->failed |= moved == NULL;
    if (moved != NULL) {
        m->bytes = m->bytes - before + bytes;
    }
    return moved;
}

void memory_drop(struct memory *m, void *piece, size_t bytes)
{
    if (piece != NULL) {
        m->bytes -= bytes;
        free(piece);
    }
}
