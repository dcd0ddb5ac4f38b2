/*
 * ruling.h - what a detector's word is worth in a case
 *
 * A detector of seven words is judged strictly: by the verdict that the case expects. One of four
 * words (open, closed, inconclusive, unreachable) is judged by the truth, leniently: where the case
 * expects bounces, discards or accepts, inconclusive and closed are right and open is a false
 * alarm; closed of an open relay is a missed relay, whatever the reason.
 *
 * Pure. Failures are paragraphs, as in judge.h.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_RULING_H
#define RELAYLAB_SCENARIOS_ADAPTER_RULING_H

#include "scenarios/adapter/contest.h"
#include "scenarios/judge/outcome.h"

/* The verdict that this combination of the case expects; -1: it does not say. */
int ruling_expected(const struct case_file *c);
enum mark ruling_mark(enum adapter_words words, int truth, int expected, enum verdict said);
/* Fills in verdict, mark, use and reason; returns the number of failures. */
unsigned ruling_judge(const struct adapter *a, const struct case_file *c,
                      const struct contest_result *r, struct outcome *out, struct strbuf *failures);
/* How an outcome that did not pass failed: "false alarm", "missed relay", "undecided", "verdict"
 * (none of these, and not what was expected), "crashed", "timed out", ... */
const char *ruling_failed_as(const struct outcome *out);

#endif
