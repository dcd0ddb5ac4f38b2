/*
 * The free list runs through the slots' own memory, but behind their first bytes: a slot may hold
 * buffers that outlive its turns (a message's content), so slots are zeroed once, when their slab
 * is made, and the link of the free list has a place of its own before each slot.
 */
#include "mockmta/memory.h"

#include <stdlib.h>
#include <string.h>

struct slots_slab {
    struct slots_slab *next;
};

union slot_head {
    union slot_head *next;
    long double align;
    int64_t align_int;
};

static size_t slot_stride(const struct slots *s)
{
    size_t unit = sizeof(union slot_head);
    return unit + (s->size + unit - 1) / unit * unit;
}

static size_t slab_head(void)
{
    size_t unit = sizeof(union slot_head);
    return (sizeof(struct slots_slab) + unit - 1) / unit * unit;
}

static char *slab_slot(const struct slots *s, struct slots_slab *slab, unsigned i)
{
    return (char *)slab + slab_head() + i * slot_stride(s);
}

void slots_init(struct slots *s, size_t size, unsigned per_slab)
{
    *s = (struct slots){.size = size, .per_slab = per_slab};
}

static bool slab_add(struct slots *s)
{
    struct slots_slab *slab = calloc(1, slab_head() + s->per_slab * slot_stride(s));
    if (slab == NULL) {
        return false;
    }
    slab->next = s->slabs;
    s->slabs = slab;
    for (unsigned i = s->per_slab; i-- > 0;) {
        union slot_head *head = (void *)slab_slot(s, slab, i);
        head->next = s->free_list;
        s->free_list = head;
    }
    return true;
}

void *slots_take(struct slots *s)
{
    union slot_head *head = s->free_list != NULL || slab_add(s) ? s->free_list : NULL;
    if (head == NULL) {
        return NULL;
    }
    s->free_list = head->next;
    s->taken++;
    return head + 1;
}

void slots_give(struct slots *s, void *slot)
{
    union slot_head *head = (union slot_head *)slot - 1;
    head->next = s->free_list;
    s->free_list = head;
    s->taken--;
}

void slots_each(struct slots *s, void (*each)(void *slot))
{
    for (struct slots_slab *slab = s->slabs; slab != NULL; slab = slab->next) {
        for (unsigned i = 0; i < s->per_slab; i++) {
            each((union slot_head *)(void *)slab_slot(s, slab, i) + 1);
        }
    }
}

void slots_clear(struct slots *s)
{
    while (s->slabs != NULL) {
        struct slots_slab *next = s->slabs->next;
        free(s->slabs);
        s->slabs = next;
    }
    s->free_list = NULL;
    s->taken = 0;
}

bool grow_room(struct grow *g, size_t extra)
{
    if (g->cap - g->len >= extra) {
        return true;
    }
    size_t cap = g->cap == 0 ? 1024 : g->cap;
    while (cap - g->len < extra) {
        cap *= 2;
    }
    char *ptr = realloc(g->ptr, cap);
    if (ptr == NULL) {
        return false;
    }
    g->ptr = ptr;
    g->cap = cap;
    return true;
}

bool grow_add(struct grow *g, struct span s)
{
    if (s.len == 0) {
        return true;
    }
    if (!grow_room(g, s.len)) {
        return false;
    }
    memcpy(g->ptr + g->len, s.ptr, s.len);
    g->len += s.len;
    return true;
}

void grow_reset(struct grow *g, size_t keep_max)
{
    if (g->cap > keep_max) {
        grow_clear(g);
    }
    g->len = 0;
}

void grow_clear(struct grow *g)
{
    free(g->ptr);
    *g = (struct grow){0};
}

struct span grow_span(const struct grow *g)
{
    return (struct span){g->len == 0 ? "" : g->ptr, g->len};
}
