/*
 * contest.h - somebody's detector on the stage of a case, in real time
 *
 * The servers and mailboxes of the case live in a libev loop; the detector is a process beside it
 * that talks to them over loopback. What it said and what it did to the target come out.
 *
 * Ownership: contest_new allocates what is kept from case to case. A result borrows from the
 * contest until the next run.
 * Errors: a result whose `trouble` is not empty: the stage or the process could not be made.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_CONTEST_H
#define RELAYLAB_SCENARIOS_ADAPTER_CONTEST_H

#include "scenarios/adapter/process.h"
#include "scenarios/adapter/use.h"

struct contest_result {
    struct said said;
    struct detector_use use;
    const struct record *record;
    unsigned target, deliveries;
    unsigned stragglers;
    int64_t started_ns, elapsed_ns;
    struct span output; /* of the detector, as it came */
    char trouble[256];
};

struct contest;

struct contest *contest_new(const struct adapter *a, const struct adapter_path *where);
void contest_free(struct contest *t); /* NULL is allowed */
/* Why the case cannot be run with this command; NULL: it can. */
const char *contest_cannot(const struct adapter *a, const struct case_file *c);
void contest_run(struct contest *t, const struct case_file *c, uint64_t seed,
                 struct contest_result *out);

#endif
