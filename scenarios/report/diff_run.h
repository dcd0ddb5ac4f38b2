/*
 * diff_run.h - one run as JSON Lines tell it: what each case came to
 *
 * Ownership: diff_run_read allocates, diff_run_clear frees. Errors: false with one line that names
 * file and line.
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_DIFF_RUN_H
#define RELAYLAB_SCENARIOS_REPORT_DIFF_RUN_H

#include "scenarios/report/tally.h"

enum diff_state { DIFF_PASSES, DIFF_FAILS, DIFF_FLAKY, DIFF_SKIPPED };

struct diff_case {
    char id[192], path[1024];
    struct event_tally tally;
    char what[256]; /* the first line of a failure's story, or why it was skipped */
};

struct diff_run {
    const char *file;
    struct diff_case *item; /* ordered by id, then by path; never NULL once read */
    size_t count, cap;
    bool whole; /* it ends with its summary, and no signal ended it */
    bool unreadable;
};

bool diff_run_read(struct diff_run *r, const char *file, struct strbuf *error);
void diff_run_clear(struct diff_run *r);
enum diff_state diff_case_state(const struct diff_case *c);
const char *diff_state_name(enum diff_state s);
/* "closed", "closed and open", "-". */
void diff_case_verdicts(const struct diff_case *c, struct strbuf *out);

#endif
