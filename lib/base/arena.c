/*
 * arena.c - a bump pointer
 *
 * Alignment is reckoned from the address, not from the offset: the block may begin anywhere (a char
 * array does).
 */
#include "lib/base/arena.h"

#include <stdalign.h>
#include <string.h>

void arena_init(struct arena *a, void *block, size_t cap)
{
    *a = (struct arena){.block = block, .cap = cap};
}

/* count * size bytes at the next address that `align` allows, or NULL. */
static char *take(struct arena *a, size_t count, size_t size, size_t align)
{
    size_t skip = (align - (uintptr_t)(a->block + a->used) % align) % align;
    size_t room = a->cap - a->used;
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    if (room < skip || room - skip < count * size)
        return NULL;
    char *piece = a->block + a->used + skip;
    a->used += skip + count * size;
    return piece;
}

void *arena_get(struct arena *a, size_t count, size_t size)
{
    char *piece = take(a, count, size, alignof(max_align_t));
    if (piece != NULL)
        memset(piece, 0, count * size);
    return piece;
}

char *arena_text(struct arena *a, struct span s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = take(a, s.len + 1, 1, 1);
    if (copy != NULL)
        bytes_copy(copy, s.len + 1, s);
    return copy;
}
