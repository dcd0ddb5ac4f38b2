/*
 * asking.h - which session is begun when, of one target
 *
 * One after the other by default. When more are allowed (probe_config.sessions) several stand side
 * by side: the first runs alone until it has learnt how the target is asked (TLS, sender,
 * brackets); then each that finds forms which no other is about to ask is begun. A session that
 * breaks in company has shown nothing, since a server may mind their number: what it left
 * unanswered goes back, and from then on there is one at a time.
 *
 * Private to probe/.
 */
#ifndef RELAYLAB_PROBE_ASKING_H
#define RELAYLAB_PROBE_ASKING_H

#include "probe/probe_state.h"

/* Looks at sessions that ended, and begins what can be begun now. True: asking is over. */
bool asking_go_on(struct probe *p);
/* Sessions that stand. */
unsigned asking_active(const struct probe *p);
void asking_cancel(struct probe *p);
/* Gives back all that it took of the probe's memory. */
void asking_clear(struct probe *p);
/* The one of that number that stands, or NULL. */
const struct session *asking_session(const struct probe *p, unsigned number);

#endif
