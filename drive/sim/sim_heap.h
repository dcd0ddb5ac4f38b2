/*
 * sim_heap.h - the simulator's future: events ordered by (time, sequence)
 *
 * A node is in the heap at most once and knows where, so that it can be moved or taken out.
 *
 * Ownership: nodes are the callers'; the heap owns its array.
 */
#ifndef RELAYLAB_DRIVE_SIM_SIM_HEAP_H
#define RELAYLAB_DRIVE_SIM_SIM_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_NOWHERE UINT32_MAX

struct sim_node {
    uint32_t index; /* in the heap, or SIM_NOWHERE */
    uint8_t kind;   /* enum sim_node_kind */
    void *owner;
};

struct sim_event {
    int64_t at_ns;
    uint64_t seq;
    struct sim_node *node;
};

struct sim_heap {
    struct sim_event *events;
    uint32_t count;
    uint32_t cap;
};

void sim_heap_clear(struct sim_heap *h);
/* Puts the node in, or moves it. False: no memory (only when it was not in). */
bool sim_heap_set(struct sim_heap *h, struct sim_node *node, int64_t at_ns, uint64_t seq);
void sim_heap_remove(struct sim_heap *h, struct sim_node *node); /* nothing when not in */
/* Of a node that is in. */
int64_t sim_heap_at(const struct sim_heap *h, const struct sim_node *node);

#endif
