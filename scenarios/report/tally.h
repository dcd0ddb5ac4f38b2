/*
 * tally.h - what each case came to over all rounds
 *
 * Ownership: tally_flaky allocates its list; the caller frees it.
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_TALLY_H
#define RELAYLAB_SCENARIOS_REPORT_TALLY_H

#include "scenarios/report/events.h"

struct event_tally {
    unsigned passed, failed, skipped;
    unsigned verdicts; /* a bit each */
};

void tally_add(struct event_tally *t, const struct outcome *out);
/* Passed and failed, or gave different verdicts. */
bool tally_is_flaky(const struct event_tally *t);
unsigned tally_verdicts(const struct event_tally *t); /* how many */
/* *count entries, or NULL. */
struct event_flaky *tally_flaky(const struct event_tally *t, const char *const *names,
                                size_t per_round, size_t *count);

#endif
