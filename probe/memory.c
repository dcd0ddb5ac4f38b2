/*
 * memory.c - the C library's heap, and a sum
 */
#include "probe/memory.h"

#include <stdlib.h>
#include <string.h>

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

char *memory_text(struct memory *m, struct span text)
{
    char *piece = memory_get(m, text.len + 1);
    if (piece != NULL) {
        (void)bytes_copy(piece, text.len + 1, text);
    }
    return piece;
}

void memory_drop_text(struct memory *m, char *text)
{
    memory_drop(m, text, text != NULL ? strlen(text) + 1 : 0);
}
