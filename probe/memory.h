/*
 * memory.h - what a probe takes of the heap: counted, bounded, given back
 *
 * A probe's struct holds what every target needs; what grows with what is learnt (results,
 * evidence, arrivals) or is needed for a while only (a session's buffers) is taken from here. So a
 * target in flight costs what was learnt of it, and not what could be.
 *
 * Ownership: whoever got a piece gives it back with the size it was got with. Errors: NULL, and
 * `failed` from then on; the probe then ends without a verdict on what it could not ask.
 */
#ifndef RELAYLAB_PROBE_MEMORY_H
#define RELAYLAB_PROBE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"

struct memory {
    size_t bytes; /* at present */
    size_t limit; /* 0: the heap's */
    bool failed;
};

void *memory_get(struct memory *m, size_t bytes); /* zeroed */
/* NULL: the piece stays as it was. What is new is not zeroed. */
void *memory_resize(struct memory *m, void *piece, size_t before, size_t bytes);
void memory_drop(struct memory *m, void *piece, size_t bytes); /* NULL: nothing happens */
/* A text without NUL, in a piece of its size, with NUL behind it. */
char *memory_text(struct memory *m, struct span text);
void memory_drop_text(struct memory *m, char *text); /* as it was got; NULL: nothing happens */

#endif
