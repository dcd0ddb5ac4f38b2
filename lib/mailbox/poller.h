/*
 * poller.h - reads a mailbox again and again: what is new, when to look, when to give up
 *
 * Pure like a machine: it is told the time, says when it wants to be called again, and asks its
 * mailbox for operations. It owns back-off (first quickly, then slower; slower still in trouble),
 * and remembers what it has seen, so that a message is shown once however often it is listed. With
 * skip_present all that the first list shows counts as seen: in a fresh run nothing of ours can be
 * there yet, and ten thousand foreign messages cost one list.
 *
 * Ownership: the seen table is the caller's memory (poller_seen_size bytes for `capacity` uids);
 * when it is full the oldest knowledge goes, and a message may be shown twice: owners must take
 * that.
 */
#ifndef RELAYLAB_LIB_MAILBOX_POLLER_H
#define RELAYLAB_LIB_MAILBOX_POLLER_H

#include "lib/base/clock.h"
#include "lib/mailbox/mailbox.h"

enum { POLLER_PENDING_MAX = 256 /* new messages fetched per list; more wait for the next one */ };

struct poller_owner {
    /* A message that was not seen before. True: it is ours and may be removed when tidy is set. */
    bool (*mail)(void *self, struct span uid, struct span content, bool truncated);
    /* The mailbox cannot be read now; `lasting` when it will not heal by itself. Told once until it
     * is well again. */
    void (*trouble)(void *self, struct span why, bool lasting);
    void (*well)(void *self); /* it could be read (again) */
    void *self;
    /* Ours, to be removed, and left all the same. May be NULL. */
    void (*left)(void *self, struct span uid, struct span why);
};

struct poller_config {
    int64_t first_ns;     /* first interval; default 1 s */
    int64_t slow_ns;      /* longest interval while nothing comes; default 15 s */
    int64_t trouble_ns;   /* longest interval in trouble; default 60 s */
    int64_t operation_ns; /* an operation without an answer for so long is cancelled; default 60 s
                           */
    bool skip_present;
    bool tidy;
};

struct poller; /* in poller_state.h; poller_size() bytes */

size_t poller_size(void);
size_t poller_seen_size(size_t capacity);
void poller_init(struct poller *p, const struct poller_config *config, struct mailbox mailbox,
                 struct poller_owner owner, void *seen_memory, size_t capacity);
/* What the executor calls back. */
struct mailbox_user poller_user(struct poller *p);
/* Does what is due. Call it first once, then whenever `deadline` has come and after each callback.
 */
void poller_tick(struct poller *p, int64_t now_ns);
int64_t poller_deadline(const struct poller *p);
/*
 * Look now, whatever the schedule says: a message is expected. So what the first list shows is not
 * passed over when it has not been asked for yet. While the mailbox refuses us for good it changes
 * nothing: tries cost accounts their lives. Returns the number of this wish.
 */
uint64_t poller_hurry(struct poller *p);
/* True when nothing that poller_hurry asked for is still to be answered by a whole round. */
bool poller_is_current(const struct poller *p);
/* True when a whole round answered that wish, though others may have come since. */
bool poller_is_answered(const struct poller *p, uint64_t hurry);
/* True when the mailbox was listed without trouble at least once (skip_present's baseline stands).
 */
bool poller_ready(const struct poller *p);
/* True between rounds, when the last one showed all that was in the mailbox. */
bool poller_is_read(const struct poller *p);
void poller_stop(struct poller *p); /* cancels what is under way; nothing is called back any more */

#endif
