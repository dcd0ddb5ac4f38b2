/*
 * mailbox_open.h - from a mailbox's URL to something that can be polled
 *
 * Every kind but the sink (probe/home/sink.h), which is not read but told. Nothing is connected or
 * opened before the first operation, except that a password and a CA file are checked by whoever
 * reads them.
 *
 * Ownership: mailbox_open allocates, mailbox_close ends what is under way, unanswered, and frees;
 * not from inside a callback. Close it before the world ends. The url and the config need not
 * outlive the call.
 */
#ifndef RELAYLAB_PROBE_HOME_MAILBOX_OPEN_H
#define RELAYLAB_PROBE_HOME_MAILBOX_OPEN_H

#include "drive/world.h"
#include "lib/mailbox/mailbox.h"
#include "probe/home/mailbox_url.h"

struct mailbox_open_config {
    struct span password; /* empty: ~/.netrc (see drive/host/password.h for the other places) */
    const char *ca_file;  /* NULL: the system's */
    int64_t silence_ns;   /* a server that says nothing for so long is in trouble; 0: 30 s */
};

struct open_mailbox;

/* NULL, with a sentence in error: no memory, a sink, or a remote mailbox in a world without
 * sockets. */
struct open_mailbox *mailbox_open(const struct mailbox_url *url, struct world *w,
                                  const struct mailbox_open_config *config,
                                  struct mailbox_user user, struct strbuf *error);
struct mailbox mailbox_opened(struct open_mailbox *m);
void mailbox_close(struct open_mailbox *m); /* NULL is allowed */

#endif
