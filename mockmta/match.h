/*
 * match.h - which rules of the config take an event of a session
 *
 * Looking changes nothing: a decision lists the rules that would fire; counters move when it is
 * carried out (match_fired), so that an event may be judged again after a callout.
 */
#ifndef RELAYLAB_MOCKMTA_MATCH_H
#define RELAYLAB_MOCKMTA_MATCH_H

#include "mockmta/parts.h"

enum { MATCH_FIRED_MAX = 16 };

struct decision {
    const struct rule *rule;                   /* decides; NULL: the default does */
    const struct rule *fired[MATCH_FIRED_MAX]; /* with `continue` rules, in order */
    size_t fired_count;
    bool callout_needed; /* nothing else is valid then */
    int64_t delay_ns;    /* first rule that gives one wins, here and below */
    const struct wire_shape *wire;
    const struct rule_fate *fate;
    enum rewrite rewrite;
};

/* Sorts the rules by event, into memory of m. False: no memory. */
bool match_init(struct mock *m);
void match_clear(struct mock *m);
void match_decide(struct session *s, const struct smtp_command *cmd, struct decision *d);
void match_fired(struct mock *m, const struct decision *d);
/* Notes (client, sender, recipient) for `seen`; after RCPT was judged. */
void match_note_triplet(struct session *s, const struct smtp_command *cmd);

#endif
