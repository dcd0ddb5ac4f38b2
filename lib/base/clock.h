/*
 * clock.h - instants and durations, in nanoseconds
 *
 * An instant counts from an arbitrary start that the driver chose (CLOCK_MONOTONIC, or 0 in the
 * simulator); wall-clock time is passed in separately where a Date is written. Nothing here reads a
 * clock.
 *
 * A duration in text is a whole number and a unit without a space: ns us ms s min h d. No number
 * without a unit (except 0), no fractions, no signs.
 */
#ifndef RELAYLAB_LIB_BASE_CLOCK_H
#define RELAYLAB_LIB_BASE_CLOCK_H

#include "lib/base/bytes.h"

#define CLOCK_NEVER INT64_MAX
#define CLOCK_US INT64_C(1000)
#define CLOCK_MS INT64_C(1000000)
#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR (60 * CLOCK_MINUTE)
#define CLOCK_DAY (24 * CLOCK_HOUR)
/* Longest duration that text may give: a year. */
#define CLOCK_DURATION_MAX (366 * CLOCK_DAY)

bool clock_parse(struct span text, int64_t *duration_ns);
/* Shortest exact form with one unit: "300s" is "5min", 1500 ms is "1500ms". */
void clock_print(struct strbuf *out, int64_t duration_ns);
/* For people: "0.214 s", "5 min 00 s", "2 h 05 min". */
void clock_print_human(struct strbuf *out, int64_t duration_ns);
/* now + duration, saturating at CLOCK_NEVER. */
int64_t clock_after(int64_t now_ns, int64_t duration_ns);
/* RFC 5322 3.3 date-time in UTC, from seconds since 1970: "Tue, 24 Nov 2026 06:42:00 +0000". */
void clock_print_rfc5322(struct strbuf *out, int64_t epoch_s);
/* RFC 3339 in UTC: "2026-11-24T06:42:00Z". */
void clock_print_rfc3339(struct strbuf *out, int64_t epoch_s);

#endif
