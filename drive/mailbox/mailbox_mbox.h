/*
 * mailbox_mbox.h - reads an mbox file: one message after another, each behind a "From " line
 *
 * Read only: removing is refused, since that means to rewrite a file in which mail arrives. What is
 * shown begins with the "From " line, which names the reverse-path; one ">" is taken off lines that
 * were quoted as ">From " (mboxrd). A lock is asked for (fcntl, shared) and waited for some
 * seconds; writers who lock otherwise may be met halfway through a message, which is then shown
 * once more, whole, when it is complete: a uid is made from where the message stands and from all
 * that is in it.
 *
 * Ownership: _new allocates, _free ends what is under way, unanswered; not from inside a callback.
 * Limits: MAILBOX_MBOX_SIZE_MAX octets of file; a larger one is refused.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_MAILBOX_MBOX_H
#define RELAYLAB_DRIVE_MAILBOX_MAILBOX_MBOX_H

#include "drive/world.h"
#include "lib/mailbox/mailbox.h"

#define MAILBOX_MBOX_SIZE_MAX (INT64_C(1) << 30)

struct mailbox_mbox;

struct mailbox_mbox *mailbox_mbox_new(struct world *w, const char *path, struct mailbox_user user,
                                      struct strbuf *error);
struct mailbox mailbox_mbox_mailbox(struct mailbox_mbox *m);
void mailbox_mbox_free(struct mailbox_mbox *m); /* NULL is allowed */

#endif
