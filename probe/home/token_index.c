/*
 * token_index.c - open addressing with linear steps; a hole is closed when something is removed
 */
#include "probe/home/token_index.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 1024 };

/* The first 6 characters, 30 bits; tokens are random already (HMAC). */
static uint32_t part_of(struct span text)
{
    uint32_t part = 0;

    for (size_t i = 0; i < 6 && i < text.len; i++) {
        char c = text.ptr[i];
        unsigned value = c >= 'a'   ? (unsigned)(c - 'a')
                         : c >= 'A' ? (unsigned)(c - 'A')
                                    : 26U + (unsigned)(c - '2');
        part = part << 5 | (value & 31U);
    }
    return part;
}

static size_t home(const struct token_index *x, uint32_t part)
{
    return part & (x->size - 1);
}

static void put(struct token_index *x, struct token_slot slot)
{
    size_t at = home(x, slot.part);

    while (x->slots[at].owner != 0)
        at = (at + 1) & (x->size - 1);
    x->slots[at] = slot;
}

static bool grow(struct token_index *x)
{
    struct token_index old = *x;

    x->size = old.size == 0 ? FIRST_SIZE : 2 * old.size;
    x->slots = calloc(x->size, sizeof(x->slots[0]));
    if (x->slots == NULL) {
        *x = old;
        return false;
    }
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].owner != 0)
            put(x, old.slots[i]);
    free(old.slots);
    return true;
}

bool token_index_add(struct token_index *x, const struct token *t, uint32_t owner)
{
    if (4 * (x->count + 1) > 3 * x->size && !grow(x))
        return false;
    put(x, (struct token_slot){.part = part_of(span_of(t->text)), .owner = owner + 1});
    x->count++;
    return true;
}

/* Those behind the hole that could not be found across it move into it. */
static void close_hole(struct token_index *x, size_t hole)
{
    size_t mask = x->size - 1;

    for (size_t at = (hole + 1) & mask; x->slots[at].owner != 0; at = (at + 1) & mask) {
        size_t from_home = (at - home(x, x->slots[at].part)) & mask;

        if (from_home < ((at - hole) & mask))
            continue;
        x->slots[hole] = x->slots[at];
        hole = at;
    }
    x->slots[hole] = (struct token_slot){0, 0};
}

void token_index_remove(struct token_index *x, const struct token *t, uint32_t owner)
{
    uint32_t part = part_of(span_of(t->text));

    if (x->size == 0)
        return;
    for (size_t at = home(x, part); x->slots[at].owner != 0; at = (at + 1) & (x->size - 1)) {
        if (x->slots[at].part != part || x->slots[at].owner != owner + 1)
            continue;
        close_hole(x, at);
        x->count--;
        return;
    }
}

uint32_t token_index_next(const struct token_index *x, struct span token, size_t *cursor)
{
    uint32_t part = part_of(token);

    if (x->size == 0)
        return TOKEN_NOBODY;
    for (;;) {
        const struct token_slot *s = &x->slots[(home(x, part) + *cursor) & (x->size - 1)];

        if (s->owner == 0)
            return TOKEN_NOBODY;
        ++*cursor;
        if (s->part == part)
            return s->owner - 1;
    }
}

void token_index_clear(struct token_index *x)
{
    free(x->slots);
    *x = (struct token_index){NULL, 0, 0};
}
