/*
 * stored.h - the envelope of a stored message, from what the last server wrote on top of it
 *
 * A message in a mailbox has lost its envelope. The server that delivered it wrote the reverse-path
 * into Return-Path (RFC 5321 4.4) and, most of them, the recipient into Delivered-To, X-Original-To
 * or Envelope-To. Only what stands above the first Received field is its word: below it, everybody
 * could write. The "for" of that first Received field names a recipient too. In an mbox the "From "
 * line before the header names the reverse-path.
 *
 * A reverse-path that is not told is given as the null one, which proves less; recipients that are
 * not told are left out.
 *
 * Ownership: everything points into the content; `view` points into the struct, which must not
 * move. Limits: STORED_RCPT_MAX recipients.
 */
#ifndef RELAYLAB_PROBE_HOME_STORED_H
#define RELAYLAB_PROBE_HOME_STORED_H

#include "lib/smtp/mail.h"

enum { STORED_RCPT_MAX = 8 };

struct stored_mail {
    struct mail_view view;
    struct span recipients[STORED_RCPT_MAX];
    bool sender_known;
};

void stored_read(struct stored_mail *out, struct span content);

#endif
