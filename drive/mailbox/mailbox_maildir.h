/*
 * mailbox_maildir.h - reads a Maildir: new/ and cur/, without changing a thing
 *
 * A message's uid is its name up to the colon, so it stays the same when another reader moves it
 * from new/ to cur/ or changes its flags. Nothing is renamed and no flag is set, so other people's
 * messages keep being new. Removing unlinks the one file that is named. Only plain files are read:
 * no link is followed.
 *
 * Ownership: _new allocates, _free ends what is under way, unanswered; not from inside a callback.
 * Errors: NULL with a sentence in error. A folder that is not there is trouble, not a refusal: many
 * servers make it with the first message.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_MAILBOX_MAILDIR_H
#define RELAYLAB_DRIVE_MAILBOX_MAILBOX_MAILDIR_H

#include "drive/world.h"
#include "lib/mailbox/mailbox.h"

struct mailbox_maildir;

struct mailbox_maildir *mailbox_maildir_new(struct world *w, const char *path,
                                            struct mailbox_user user, struct strbuf *error);
struct mailbox mailbox_maildir_mailbox(struct mailbox_maildir *m);
void mailbox_maildir_free(struct mailbox_maildir *m); /* NULL is allowed */

#endif
