/*
 * mailboxes.h - all mailboxes of a command line: sinks that listen, stored ones that are watched
 *
 * Ownership: mailboxes_open allocates, mailboxes_close ends everything; not from inside a callback,
 * and before the world is gone. URLs and spans of the config are kept by reference.
 * Errors: NULL with one line in `error`: a sink that cannot listen, a password or CA file that
 * cannot be read. Trouble with a stored mailbox is told to the owner, later.
 */
#ifndef RELAYLAB_PROBE_HOME_MAILBOXES_H
#define RELAYLAB_PROBE_HOME_MAILBOXES_H

#include "drive/world.h"
#include "lib/smtp/mail.h"
#include "probe/home/mailbox_url.h"

enum { MAILBOXES_MAX = 8 };

struct mailboxes_owner { /* each may be NULL; name: the URL as given */
    bool (*mail)(void *self, struct span name, const struct mail_view *mail, bool truncated);
    void (*callout)(void *self, struct span sender, struct span recipient);
    void (*refused)(void *self, struct span recipient, struct span reply);
    void (*trouble)(void *self, struct span name, struct span why, bool lasting);
    void (*well)(void *self, struct span name);
    /* Once: each stored mailbox was read, or could not be read for a while. Not from inside
       mailboxes_open. */
    void (*ready)(void *self);
    void *self;
};

struct mailboxes_config {
    struct world *world;
    const struct mailbox_url *urls;
    size_t url_count;
    const char *password_file, *ca_file; /* or NULL */
    const struct span *domains;          /* of ours, for the sinks */
    size_t domain_count;
    int64_t wait_ns;       /* the window that the intervals must fit */
    bool skip_present;     /* what is in a stored mailbox already is no concern */
    bool tidy;             /* what the owner calls ours is removed */
    unsigned sessions_max; /* of a sink, at once; 0: the default */
};

struct mailboxes;

struct mailboxes *mailboxes_open(const struct mailboxes_config *config,
                                 struct mailboxes_owner owner, struct strbuf *error);
struct mailboxes_hurry { /* the wish to look, of one who waits; others may wish as well */
    uint64_t number[MAILBOXES_MAX];
};

/* A message is expected: look soon. */
struct mailboxes_hurry mailboxes_hurry(struct mailboxes *m);
/* All that are read were read whole since then. */
bool mailboxes_are_current(const struct mailboxes *m, const struct mailboxes_hurry *since);
/* All that was in them was shown; with a sink among them never. */
bool mailboxes_are_read(const struct mailboxes *m);
void mailboxes_close(struct mailboxes *m); /* NULL is allowed */

#endif
