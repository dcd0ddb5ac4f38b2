/*
 * store.h - a mailbox of a case that stores mail: what the last server does, and a watch over it
 *
 * `kind: memory`. Mail that reached the mailbox's MX is altered, multiplied, lost or delayed as the
 * case says, gets the fields in which a server writes down the envelope, and becomes visible in a
 * mailbox in memory with the case's faults. A watch reads it as relayprobe reads real ones.
 *
 * Ownership: the case and the world are the caller's; hooks' spans are lent.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_STORE_H
#define RELAYLAB_SCENARIOS_WORLD_STORE_H

#include "probe/home/watch.h"
#include "scenarios/case/case.h"

struct store;

/* wait_ns: the probe's window, which the watch's intervals fit. NULL: no memory. */
struct store *store_new(struct world *w, const struct case_mailbox *m, int64_t wait_ns,
                        struct watch_owner owner);
/* How many copies of the next message reach the mailbox: 0 when the case loses it. */
unsigned store_copies(const struct store *s);
/* False: no memory. */
bool store_put(struct store *s, const struct mail_view *mail);
void store_watch(struct store *s);            /* begins to read */
void store_hurry(struct store *s);            /* a message is expected */
bool store_is_current(const struct store *s); /* read whole since then */
void store_free(struct store *s);             /* NULL is allowed */

#endif
