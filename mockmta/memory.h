/*
 * memory.h - slots of one size from slabs, and buffers that grow
 *
 * Sessions, messages and deliveries come and go all the time: they are taken from slabs and given
 * back to a free list, so that a server in its stride allocates nothing. Slabs are given back
 * together, by slots_clear.
 *
 * Ownership: a slot is the taker's until slots_give. A slot is all zero at first, and keeps its
 * contents from one taker to the next. Errors: NULL or false when there is no memory.
 */
#ifndef RELAYLAB_MOCKMTA_MEMORY_H
#define RELAYLAB_MOCKMTA_MEMORY_H

#include "lib/base/bytes.h"

struct slots_slab;

struct slots {
    size_t size;
    unsigned per_slab;
    unsigned taken;
    void *free_list;
    struct slots_slab *slabs;
};

void slots_init(struct slots *s, size_t size, unsigned per_slab);
void *slots_take(struct slots *s);
void slots_give(struct slots *s, void *slot);
void slots_clear(struct slots *s);
/* Calls `each` on every slot there is, for parts of a slot that outlive its turns (unused slots are
 * all zero). */
void slots_each(struct slots *s, void (*each)(void *slot));

struct grow {
    char *ptr;
    size_t len;
    size_t cap;
};

bool grow_add(struct grow *g, struct span s);
/* Room for so many bytes behind len; false when there is no memory. */
bool grow_room(struct grow *g, size_t extra);
/* Empty again; memory above `keep_max` is given back. */
void grow_reset(struct grow *g, size_t keep_max);
void grow_clear(struct grow *g);
struct span grow_span(const struct grow *g);

#endif
