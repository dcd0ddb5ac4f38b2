/*
 * sim_heap.c - a heap with four children per event
 *
 * Four children make the tree half as deep as two, and the four lie together in memory: taking the
 * first event out is the dearest thing the simulator does per segment. Events are copied, nodes
 * are not.
 */
#include "drive/sim/sim_heap.h"

#include <assert.h>
#include <stdlib.h>

enum { HEAP_WAYS = 4, HEAP_FIRST_CAP = 64 };

void sim_heap_clear(struct sim_heap *h)
{
    free(h->events);
    *h = (struct sim_heap){0};
}

static inline bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->seq < b->seq);
}

static inline void place(struct sim_heap *h, uint32_t i, struct sim_event event)
{
    h->events[i] = event;
    event.node->index = i;
}

static void sift_up(struct sim_heap *h, uint32_t i, struct sim_event event)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / HEAP_WAYS;
        if (!before(&event, &h->events[parent]))
            break;
        place(h, i, h->events[parent]);
        i = parent;
    }
    place(h, i, event);
}

static void sift_down(struct sim_heap *h, uint32_t i, struct sim_event event)
{
    for (;;) {
        uint32_t first = i * HEAP_WAYS + 1;
        uint32_t end = first + HEAP_WAYS < h->count ? first + HEAP_WAYS : h->count;
        if (first >= end)
            break;
        uint32_t least = first;
        for (uint32_t child = first + 1; child < end; child++)
            if (before(&h->events[child], &h->events[least]))
                least = child;
        if (!before(&h->events[least], &event))
            break;
        place(h, i, h->events[least]);
        i = least;
    }
    place(h, i, event);
}

static bool grow(struct sim_heap *h)
{
    uint32_t cap = h->cap == 0 ? HEAP_FIRST_CAP : h->cap * 2;
    struct sim_event *events = realloc(h->events, cap * sizeof *events);
    if (events == NULL)
        return false;
    h->events = events;
    h->cap = cap;
    return true;
}

bool sim_heap_set(struct sim_heap *h, struct sim_node *node, int64_t at_ns, uint64_t seq)
{
    struct sim_event event = {.at_ns = at_ns, .seq = seq, .node = node};
    if (node->index != SIM_NOWHERE) {
        uint32_t i = node->index;
        if (before(&event, &h->events[i]))
            sift_up(h, i, event);
        else
            sift_down(h, i, event);
        return true;
    }
    if (h->count == h->cap && !grow(h))
        return false;
    sift_up(h, h->count++, event);
    return true;
}

void sim_heap_remove(struct sim_heap *h, struct sim_node *node)
{
    uint32_t i = node->index;
    if (i == SIM_NOWHERE)
        return;
    assert(i < h->count && h->events[i].node == node);
    node->index = SIM_NOWHERE;
    struct sim_event last = h->events[--h->count];
    if (i == h->count)
        return;
    if (i > 0 && before(&last, &h->events[(i - 1) / HEAP_WAYS]))
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}

int64_t sim_heap_at(const struct sim_heap *h, const struct sim_node *node)
{
    assert(node->index < h->count);
    return h->events[node->index].at_ns;
}
