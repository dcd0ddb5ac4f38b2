/*
 * report.h - what was found out, for people (text) and for programs (JSON)
 *
 * Both say the same: verdict, why, counts, evidence per form with a line that repeats it by hand,
 * notes. The text adds what to do next. The JSON is one object on one line, described by
 * doc/relayprobe.schema.json.
 *
 * Ownership: a report borrows everything; writers fill a strbuf and the caller looks for
 * truncation there.
 * Limits: REPORT_MAX octets hold any report.
 */
#ifndef RELAYLAB_PROBE_REPORT_REPORT_H
#define RELAYLAB_PROBE_REPORT_REPORT_H

#include "probe/probe_state.h"

enum { REPORT_MAX = 524288, REPORT_SCHEMA_VERSION = 1 };

struct json;

struct report {
    struct span target;        /* as the user named it */
    const struct probe *probe; /* finished; NULL: there was no address to ask */
    const struct verdict_result *verdict;
    enum vantage vantage;
    int64_t started_epoch_s, finished_epoch_s; /* used without a probe only */
    const struct span *notes;                  /* the caller's own, before those of the probe */
    size_t note_count;
};

enum report_amount {
    REPORT_BRIEF /* the verdict line */,
    REPORT_NORMAL,
    REPORT_FULL /* each form at length */
};

/* From a probe that is finished. */
void report_of(struct report *r, const struct probe *p, struct span target);
void report_text(struct strbuf *out, const struct report *r, enum report_amount amount,
                 bool colour);
/* One object, without a line end. */
void report_json(struct strbuf *out, const struct report *r);
/* The fate of all forms, "total" to "not_applicable", into the object that is open. */
void report_counts_json(struct json *j, const struct verdict_result *v);

/* Sentences on whatever is worth knowing beside the forms, one call each. */
void report_notes(const struct report *r, void (*emit)(void *self, struct span note), void *self);
/* What the user may do about it: sentences. */
void report_advice(struct strbuf *out, const struct report *r);
/* "same-host", "inside", ... */
const char *report_vantage_name(enum vantage v);
/* How a form's state reads in both reports: "denied", "accepted", "delivered" is not one of them.
 */
const char *report_state_name(enum form_state s);
/* Of an instant of the probe's world, in seconds since 1970. */
int64_t report_epoch(const struct probe *p, int64_t instant_ns);

#endif
