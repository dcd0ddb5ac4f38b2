/*
 * arrivals.h - what reached our mailbox, and which form it belongs to
 *
 * A delivery is a complete message whose outermost header carries a form's recipient token in our
 * own field, or whose envelope recipient carries it, and which is not a report. A report is never a
 * delivery, whichever mailbox it reached. Tokens of the controls make controls; no token of ours
 * makes a foreign message; and what carries a token in a place that a delivery and a quotation
 * share is unclear. A foreign message with our mark (our header field, or a tag in an address of
 * ours) was forged, altered or replayed: it never counts, and is told apart so that it can be
 * reported.
 *
 * Who owns a token is asked of a book: a running probe has one, and so has whoever reads old runs.
 *
 * Ownership: an arrival borrows from the mail. Limits: MARKS_MAX marks of a message are looked up.
 */
#ifndef RELAYLAB_PROBE_HOME_ARRIVALS_H
#define RELAYLAB_PROBE_HOME_ARRIVALS_H

#include "probe/probe_state.h"

/* Owners below zero: none, and the controls of the first canary; ARRIVAL_AFTER - 1 and - 2 are
 * those of the second, and so on. */
enum { ARRIVAL_NO_FORM = -1, ARRIVAL_BEFORE = -2, ARRIVAL_AFTER = -3 };

enum token_role { ROLE_SENDER = 1, ROLE_RECIPIENT = 2, ROLE_EITHER = 3 };

struct arrival_book {
    /* Whose token it is: a form's index, a control, or ARRIVAL_NO_FORM. */
    int (*owner)(const void *self, struct span token, enum token_role role);
    /* The form was asked in the recipient's own name. */
    bool (*own_name)(const void *self, int owner);
    /* A local part and domain of ours, with something in a token's place: `tag`. */
    bool (*tagged)(const void *self, struct span address, struct span *tag);
    /* A token of an earlier run, and which. May be NULL. */
    bool (*earlier)(const void *self, struct span token, struct strbuf *whose);
    /* The target's names: as given, and as it greets; empty when not known. */
    struct span (*target_name)(const void *self, int owner);
    struct span (*greeting_name)(const void *self, int owner);
    const void *self;
};

struct arrival {
    enum arrival_kind kind;
    int form;              /* index in results, or one of the above */
    struct span recipient; /* envelope recipient that matched, or the first */
    struct span mark;      /* of a forged or replayed one: what stands in the token's place */
    char whose[64];        /* of a replayed one */
    struct dsn_report report;
};

void arrival_judge_by(const struct arrival_book *book, const struct mail_view *mail,
                      struct arrival *out);
/* The report in words of struct probe_report: who refused, the target or the canary's side. */
void arrival_read_report_by(const struct arrival_book *book, const struct arrival *a,
                            struct probe_report *out);

/* The same by the probe's own book. */
struct arrival_book arrival_book_of(const struct probe *p);
void arrival_judge(const struct probe *p, const struct mail_view *mail, struct arrival *out);
void arrival_read_report(const struct probe *p, const struct arrival *a, struct probe_report *out);
/* Which form a text names by a token of either role: index, a control, or ARRIVAL_NO_FORM. */
int arrival_form_in(const struct probe *p, struct span text);
/* The same, by the recipient's token only: the sender's is in callouts and in bounces. */
int arrival_recipient_in(const struct probe *p, struct span text);
/* The control that an owner below ARRIVAL_NO_FORM names, or NULL. */
struct probe_control *arrival_control(struct probe *p, int owner);

#endif
