/*
 * diff.h - what changed between two runs, from what --jsonl wrote of them
 *
 * Cases are the same by id and path; one whose file was moved is found by its id alone. Several
 * results of a case (--repeat, or the files of several shards put together) are one: it passes, it
 * fails, or it is flaky.
 *
 * A regression: a case fails, always or sometimes, that did not fail before, or that is new; or a
 * flaky one fails always; or the new run is not whole, since nobody knows what is missing.
 * A verdict that moved, a case that vanished and one that is skipped now are told, and no
 * regression.
 *
 * Status: 0 no regression, 1 a regression, 2 a file cannot be read, 3 it is not what --jsonl
 * writes.
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_DIFF_H
#define RELAYLAB_SCENARIOS_REPORT_DIFF_H

#include "lib/base/bytes.h"

struct diff_request {
    const char *old, *new;
    bool json;
};

int diff_command(const struct diff_request *request);

#endif
