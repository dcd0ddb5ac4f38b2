/*
 * record.h - what the ledger is told of a run, and when
 *
 * The run when it starts and when more is known of it, a form when it is settled, a message before
 * its first byte is offered to the socket, an arrival when it is seen, the verdict when it is
 * reached and when it changes. Without a ledger nothing happens. What could not be written is noted
 * once in the probe (ledger_failed); only a message can be held back for it.
 */
#ifndef RELAYLAB_PROBE_HOME_RECORD_H
#define RELAYLAB_PROBE_HOME_RECORD_H

#include "probe/home/arrivals.h"

void record_run(struct probe *p);
void record_form(struct probe *p, const struct form_result *r);
/* Forms whose row is no longer true: a session that lost its trust took back what it had said. */
void record_forms_changed(struct probe *p);
/* The same, and forms that no session settled: they were not asked, or can not be. */
void record_forms_left(struct probe *p);
/* False: it could not be written, and the user wants nothing sent that is not written. */
bool record_form_message(struct probe *p, const struct form_result *r, const struct mail_probe *m);
bool record_control_message(struct probe *p, const struct probe_control *c,
                            const struct mail_probe *m);
void record_arrival(struct probe *p, const struct arrival *a, struct span mailbox,
                    const struct mail_view *mail);
/* An arrival's head: the envelope in front, as lines of a header. */
void record_head(struct strbuf *out, const struct mail_view *mail);
void record_callout(struct probe *p, int form, struct span sender, struct span recipient);
void record_verdict(struct probe *p);

#endif
