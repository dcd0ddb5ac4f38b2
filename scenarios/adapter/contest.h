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

struct contest_use { /* what the detector cost the target */
    uint64_t mails;  /* messages whose content was asked for: 354 */
    uint64_t connections, commands;
    uint64_t after_quit; /* commands behind QUIT on the same connection */
    uint64_t bare_lfs;   /* line ends without CR, in commands and content */
};

struct contest_result {
    struct said said;
    struct contest_use use;
    const struct record *record;
    unsigned target, deliveries;
    unsigned stragglers;
    int64_t started_ns, elapsed_ns;
    struct span output; /* of the detector, as it came */
    uint64_t output_total;
    char trouble[256];
};

struct contest;

struct contest *contest_new(const struct adapter *a, const struct adapter_path *where);
void contest_free(struct contest *t); /* NULL is allowed */
void contest_run(struct contest *t, const struct case_file *c, uint64_t seed,
                 struct contest_result *out);

#endif
