/*
 * sink.h - the probe's own mailbox: a small SMTP server that only listens
 *
 * It takes mail for the domains it was told and refuses everything else (550 5.7.1: the sink is no relay either). It
 * keeps a message only while it comes in, shows it whole to its owner, and forgets it. Sessions that end before
 * end-of-data are callouts.
 *
 * Limits: sessions at once, octets kept of a message (the rest is counted, not kept; `truncated`), MAIL_RCPT_MAX.
 */
#ifndef RELAYLAB_PROBE_SINK_H
#define RELAYLAB_PROBE_SINK_H

#include "drive/world.h"
#include "lib/smtp/mail.h"

enum { SINK_SESSIONS_MAX = 64, SINK_MESSAGE_MAX = 262144, SINK_DOMAINS_MAX = 4 };

struct sink;

struct sink_owner {
    void (*mail)(void *self, const struct mail_view *mail, bool truncated);
    void (*callout)(void *self, struct span sender, struct span recipient);
    void *self;
};

struct sink *sink_new(struct world *w, struct sink_owner owner); /* NULL: no memory */
bool sink_domain_add(struct sink *s, struct span domain);
bool sink_listen(struct sink *s, const struct endpoint *at, struct endpoint *bound, struct strbuf *error);
void sink_free(struct sink *s);

#endif
