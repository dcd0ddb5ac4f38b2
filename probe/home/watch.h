/*
 * watch.h - reads a mailbox in a world: a poller, its seen table, and a timer
 *
 *     struct watch *w = watch_new(&config, owner);
 *     watch_start(w, mailbox made with watch_user(w));
 *
 * What is in the mailbox at first is passed over, unless config.poll says otherwise; so wait for
 * `ready` before anything of ours is sent. `ready` comes once: when the mailbox has been read, or
 * when it could not be read for patience_ns, or refuses us for good. Then nothing is passed over
 * any more.
 *
 * Ownership: watch_new allocates; watch_free cancels what is under way and is not for callbacks.
 * The mailbox is the caller's and is closed after watch_free. Names and mails are lent.
 */
#ifndef RELAYLAB_PROBE_HOME_WATCH_H
#define RELAYLAB_PROBE_HOME_WATCH_H

#include "drive/world.h"
#include "lib/mailbox/poller.h"
#include "lib/smtp/mail.h"

enum { WATCH_NAME_MAX = 256 };

struct watch_owner { /* each may be NULL */
    /* True: it is ours, and may be removed when the poller is tidy. */
    bool (*mail)(void *self, struct span name, const struct mail_view *mail, bool truncated);
    void (*trouble)(void *self, struct span name, struct span why, bool lasting);
    void (*well)(void *self, struct span name);
    void (*ready)(void *self, struct span name);
    void *self;
};

struct watch_config {
    struct world *world;
    struct span name;          /* the URL, without a password */
    struct poller_config poll; /* watch_poll_for, then skip_present and tidy */
    size_t capacity;           /* of uids; default 65,536: should be more than the mailbox holds */
    int64_t patience_ns;       /* with a mailbox that cannot be read; default 10 s */
};

struct watch;

/* Intervals that fit a window: at least some looks fall into it. */
struct poller_config watch_poll_for(int64_t wait_ns);
struct watch *watch_new(const struct watch_config *config, struct watch_owner owner); /* or NULL */
struct mailbox_user watch_user(struct watch *w);
void watch_start(struct watch *w, struct mailbox mailbox);
/* A message is expected. Returns the number of this wish. */
uint64_t watch_hurry(struct watch *w);
bool watch_is_ready(const struct watch *w);
bool watch_is_read(const struct watch *w); /* all that was in the mailbox was shown */
/* True when the mailbox was read whole since the last watch_hurry. */
bool watch_is_current(const struct watch *w);
/* The same, since that wish; later ones may still be open. */
bool watch_is_answered(const struct watch *w, uint64_t hurry);
void watch_stop(struct watch *w); /* nothing is called back any more */
void watch_free(struct watch *w); /* NULL is allowed */

#endif
