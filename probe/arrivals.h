/*
 * arrivals.h - what reached our mailbox, and which form it belongs to
 *
 * A delivery is a complete message whose outermost header carries a form's recipient token in our
 * own field, or whose envelope recipient carries it, and which is not a report. A report is never a
 * delivery, whichever mailbox it reached. Tokens of the controls make controls; no token of ours
 * makes a foreign message; and what carries a token in a place that a delivery and a quotation
 * share is unclear.
 */
#ifndef RELAYLAB_PROBE_ARRIVALS_H
#define RELAYLAB_PROBE_ARRIVALS_H

#include "probe/probe_state.h"

enum { ARRIVAL_NO_FORM = -1, ARRIVAL_BEFORE = -2, ARRIVAL_AFTER = -3 };

struct arrival {
    enum arrival_kind kind;
    int form;              /* index in results, or one of the above */
    struct span recipient; /* envelope recipient that matched, or the first */
    struct dsn_report report;
};

void arrival_judge(const struct probe *p, const struct mail_view *mail, struct arrival *out);
/* Which form a text names by a token of either role: index, ARRIVAL_BEFORE/AFTER, or
 * ARRIVAL_NO_FORM. */
int arrival_form_in(const struct probe *p, struct span text);
/* The same, by the recipient's token only: the sender's is in callouts and in bounces. */
int arrival_recipient_in(const struct probe *p, struct span text);
/* The report in words of struct probe_report: who refused, the target or the canary's side. */
void arrival_read_report(const struct probe *p, const struct arrival *a, struct probe_report *out);

#endif
