/*
 * token_index.c - many short lists, chosen by twelve bits of the token
 *
 * A slot is four octets: sixteen bits more of the token, and its owner. There are some hundred
 * tokens for each target in flight, so lists grow by a quarter only, and each by itself: one table
 * that doubles would at times be three times as large as what is in it.
 */
#include "probe/home/token_index.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS = 4096, FIRST_CAP = 4 };

struct token_bucket {
    uint32_t *slots;
    uint32_t count, cap;
};

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

static struct token_bucket *bucket_of(const struct token_index *x, uint32_t part)
{
    return &x->buckets[part % BUCKETS];
}

static uint32_t slot_of(uint32_t part, uint32_t owner)
{
    return (part / BUCKETS) << 16 | owner; /* two of the thirty bits are lost */
}

static bool grow(struct token_bucket *b)
{
    uint32_t cap = b->cap + b->cap / 4 + FIRST_CAP;
    uint32_t *slots = realloc(b->slots, cap * sizeof(*slots));

    if (slots == NULL)
        return false;
    b->slots = slots;
    b->cap = cap;
    return true;
}

bool token_index_add(struct token_index *x, const struct token *t, uint32_t owner)
{
    uint32_t part = part_of(span_of(t->text));

    assert(owner < TOKEN_OWNERS_MAX);
    if (x->buckets == NULL)
        x->buckets = calloc(BUCKETS, sizeof(x->buckets[0]));
    if (x->buckets == NULL)
        return false;
    struct token_bucket *b = bucket_of(x, part);
    if (b->count == b->cap && !grow(b))
        return false;
    b->slots[b->count++] = slot_of(part, owner);
    return true;
}

void token_index_remove(struct token_index *x, const struct token *t, uint32_t owner)
{
    uint32_t part = part_of(span_of(t->text));

    if (x->buckets == NULL)
        return;
    struct token_bucket *b = bucket_of(x, part);
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->slots[i] == slot_of(part, owner)) {
            b->slots[i] = b->slots[--b->count];
            return;
        }
    }
}

uint32_t token_index_next(const struct token_index *x, struct span token, size_t *cursor)
{
    uint32_t part = part_of(token);

    if (x->buckets == NULL)
        return TOKEN_NOBODY;
    const struct token_bucket *b = bucket_of(x, part);
    while (*cursor < b->count) {
        uint32_t slot = b->slots[(*cursor)++];

        if (slot >> 16 == slot_of(part, 0) >> 16)
            return slot & (TOKEN_OWNERS_MAX - 1);
    }
    return TOKEN_NOBODY;
}

size_t token_index_octets(const struct token_index *x)
{
    size_t slots = 0;

    for (size_t i = 0; x->buckets != NULL && i < BUCKETS; i++)
        slots += x->buckets[i].cap;
    return x->buckets != NULL ? BUCKETS * sizeof(x->buckets[0]) + slots * sizeof(uint32_t) : 0;
}

void token_index_clear(struct token_index *x)
{
    for (size_t i = 0; x->buckets != NULL && i < BUCKETS; i++)
        free(x->buckets[i].slots);
    free(x->buckets);
    *x = (struct token_index){NULL};
}
