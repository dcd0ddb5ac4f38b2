/*
 * judge.h - what was expected against what came out, and what must hold whatever was expected
 *
 * Pure: a case, what one run of it gave, and what the oracle saw go in; a mark and the list of
 * failures come out.
 *
 * Two things must hold whatever a case expects: `closed` is never said when a form's message
 * reached a mailbox, and `open` never when none did.
 *
 * Ownership: failures are written into the caller's strbuf, one paragraph each: what, expected,
 * actual.
 */
#ifndef RELAYLAB_SCENARIOS_JUDGE_JUDGE_H
#define RELAYLAB_SCENARIOS_JUDGE_JUDGE_H

#include "scenarios/world/oracle.h"

enum mark {
    MARK_RIGHT,
    MARK_FALSE_ALARM,  /* open was said, or a way of it, of a server that does not relay */
    MARK_MISSED_RELAY, /* the worst: closed was said of an open relay, or where nobody can know */
    MARK_UNDECIDED     /* nothing wrong was said, and nothing was settled */
};

struct judgement {
    enum mark mark; /* MARK_UNDECIDED without a verdict */
    unsigned failures;
    /* The connection of the target that a failure is about; 0: none in particular. */
    uint64_t connection;
};

enum mark judge_mark(int truth, enum verdict verdict);
const char *mark_name(enum mark m);

void judge_truth(const struct case_file *c, const struct oracle_result *oracle,
                 struct judgement *out, struct strbuf *failures);
void judge_run(const struct case_file *c, const struct trial_result *r, struct judgement *out,
               struct strbuf *failures);
void judge_print_range(const struct conf_range *range, struct strbuf *out);

#endif
