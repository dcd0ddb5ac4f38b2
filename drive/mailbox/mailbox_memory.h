/*
 * mailbox_memory.h - a mailbox that only a case knows: messages with an instant, and faults
 *
 * Whoever plays the delivering server puts messages in, each with the instant from which it is
 * shown. It is nothing but memory and timers, so it works in any world. Faults are kept as they
 * were set: the mailbox is down from one instant to another, slow, refuses for good, breaks off
 * every nth operation, holds foreign messages as noise, lists entries that are gone.
 *
 * Ownership: _new allocates, and copies what is put in; _free ends what is under way, unanswered.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_MAILBOX_MEMORY_H
#define RELAYLAB_DRIVE_MAILBOX_MAILBOX_MEMORY_H

#include "drive/world.h"
#include "lib/mailbox/mailbox.h"

struct mailbox_faults {
    int64_t down_from_ns, down_to_ns; /* instants; equal: never down */
    int64_t slow_ns;                  /* each answer takes so long */
    unsigned drop_every;              /* each nth operation is broken off; 0: none */
    unsigned noise;                   /* foreign messages that were there before */
    unsigned stale;                   /* entries without a message */
    bool refuses;                     /* no operation is allowed */
};

struct mailbox_memory;

struct mailbox_memory *mailbox_memory_new(struct world *w, const struct mailbox_faults *faults,
                                          struct mailbox_user user); /* NULL: no memory */
struct mailbox mailbox_memory_mailbox(struct mailbox_memory *m);
/* False: no memory. */
bool mailbox_memory_put(struct mailbox_memory *m, struct span content, int64_t visible_ns);
/* What of that which was put in is still there, shown already or not. */
size_t mailbox_memory_count(const struct mailbox_memory *m);
void mailbox_memory_free(struct mailbox_memory *m); /* NULL is allowed */

#endif
