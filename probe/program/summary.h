/*
 * summary.h - what the questions about one target say together: which ports relay, over which
 * address family, from which of our addresses
 *
 * Ownership: everything is lent for the length of a call.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_SUMMARY_H
#define RELAYLAB_PROBE_PROGRAM_SUMMARY_H

#include "probe/program/options.h"

struct summary_row { /* a question that has its answer */
    uint16_t port;
    uint8_t family;
    uint8_t source; /* index in `sources`, where there are any */
    enum verdict verdict;
};

struct summary {
    struct span target; /* as given */
    const struct summary_row *rows;
    size_t count;
    const struct endpoint *sources;
    size_t source_count;
};

/* Several ports, families or sources were asked. */
bool summary_is_due(const struct summary *s);
/* The verdict that the target has as a whole: the worst. */
enum verdict summary_verdict(const struct summary *s);
/* A line with that verdict; unless brief, a line each on ports, families and sources. */
void summary_text(struct strbuf *out, const struct summary *s, bool brief);
/* One object, without a line end: doc/relayprobe-summary.schema.json. */
void summary_json(struct strbuf *out, const struct summary *s);

#endif
