/*
 * carrier.h - a message to a recipient of the target's, with the form's own transaction inside
 * (E16)
 *
 * Its text ends with what some server may take for the end of data (context_row.false_end); behind
 * that stand MAIL, RCPT, DATA and the form's message, whose end is the true one. No token is in the
 * carrier's header: whoever gets all of it got a message about the test, and no delivery.
 *
 * Its lines are to be sent as they stand, never stuffed (smtp_client_raw).
 */
#ifndef RELAYLAB_PROBE_ASK_CARRIER_H
#define RELAYLAB_PROBE_ASK_CARRIER_H

#include "probe/ask/contexts.h"

/* `from` is the sender that the form is asked with, `inner` describes the form's message. */
void carrier_write(struct strbuf *out, const struct form *f, const struct form_identity *who,
                   const struct sender_row *from, const struct mail_probe *inner);

#endif
