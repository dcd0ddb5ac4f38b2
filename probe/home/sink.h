/*
 * sink.h - the probe's own mailbox: a small SMTP server that only listens
 *
 * It takes mail for the domains it was told and refuses everything else (550 5.7.1: the sink is no
 * relay either). It keeps a message only while it comes in, shows it whole to its owner, and
 * forgets it. Sessions that end before end-of-data are callouts, one for each recipient that was
 * named.
 *
 * Ownership: sink_new allocates; sessions are slots that are kept for the next session. sink_free
 * comes before the world's end, and may come while sessions stand: the memory goes back with the
 * last of them, and the owner is told nothing any more.
 * Limits: sessions at once (further connections are closed at once, and told to the owner), octets
 * kept of a message (the rest is counted, not kept; `truncated`), MAIL_RCPT_MAX recipients (then
 * 452).
 */
#ifndef RELAYLAB_PROBE_HOME_SINK_H
#define RELAYLAB_PROBE_HOME_SINK_H

#include "drive/world.h"
#include "lib/smtp/mail.h"

enum { SINK_SESSIONS_DEFAULT = 64, SINK_MESSAGE_MAX = 262144, SINK_DOMAINS_MAX = 12 };

struct sink;

struct sink_owner { /* each may be NULL */
    void (*mail)(void *self, const struct mail_view *mail, bool truncated);
    void (*callout)(void *self, struct span sender, struct span recipient);
    void *self;
    /* The sink said no: to a recipient (as far as it could be read: it may be empty), or, when
     * recipient.ptr is NULL, to a connection. `reply` is what it said. */
    void (*refused)(void *self, struct span recipient, struct span reply);
};

struct sink *sink_new(struct world *w, struct sink_owner owner); /* NULL: no memory */
/* False: SINK_DOMAINS_MAX are known already, or the name is too long. A domain that is known is
 * taken again. */
bool sink_domain_add(struct sink *s, struct span domain);
bool sink_listen(struct sink *s, const struct endpoint *at, struct endpoint *bound,
                 struct strbuf *error);
/* Sessions at once; default SINK_SESSIONS_DEFAULT. */
void sink_set_sessions_max(struct sink *s, unsigned sessions_max);
void sink_free(struct sink *s); /* NULL is allowed */

#endif
