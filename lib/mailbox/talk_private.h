/*
 * talk_private.h - what the two dialogues share
 */
#ifndef RELAYLAB_LIB_MAILBOX_TALK_PRIVATE_H
#define RELAYLAB_LIB_MAILBOX_TALK_PRIVATE_H

#include "lib/mailbox/talk.h"

/* The task is over. `what` is ours, `said` the server's (may be empty). */
void talk_finish(struct talk *t, enum mailbox_status status, const char *what, struct span said);
/* The server will say no more: over, if a task was under way. */
void talk_break(struct talk *t, const char *what, struct span said);
void talk_keep(struct talk *t, struct span octets); /* of the message's content */
struct span talk_uid(const struct talk *t);

void pop3_begin(struct talk *t);
void pop3_feed(struct talk *t, struct span bytes);

void imap_begin(struct talk *t);
void imap_feed(struct talk *t, struct span bytes);
void imap_leave(struct talk *t);

#endif
