/*
 * callout.h - sender verification: asks the route of the reverse-path's domain whether it would
 * take mail for it
 *
 * One callout belongs to one session and one reverse-path; its answer is kept until the session
 * asks about another. MAIL FROM:<>, RCPT TO:<sender>, QUIT: never a message. Only a refusal for
 * good (5yz), or a domain without a route, counts as refused; no answer and 4yz do not.
 *
 * Ownership: callouts sit in slots of the mock; a session that ends first lets its callout run out
 * alone. Limits: 30 seconds.
 */
#ifndef RELAYLAB_MOCKMTA_QUEUE_CALLOUT_H
#define RELAYLAB_MOCKMTA_QUEUE_CALLOUT_H

#include "mockmta/parts.h"

enum callout_answer { CALLOUT_UNKNOWN, CALLOUT_TAKEN, CALLOUT_REFUSED, CALLOUT_NO_ANSWER };

void callout_init(struct mock *m);
/* What is known of the reverse-path of cmd (at MAIL) or of the session's envelope. */
enum callout_answer callout_answer(const struct session *s, const struct smtp_command *cmd);
/* Asks; the session is resumed when the answer is there. Without a route or memory the answer is
   there at once and false is returned: judge again without waiting. */
bool callout_start(struct session *s, const struct smtp_command *cmd);
void callout_forget(struct session *s); /* the session ends, or asks about another sender */
void callout_cancel_all(struct mock *m);

#endif
