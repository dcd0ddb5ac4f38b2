/*
 * events.h - the stream of results that every report is written from
 *
 * Jobs end in any order; writers see them in the order of the list, each as soon as all before it
 * have ended, and everything is flushed then.
 *
 * Ownership: events_add copies what must wait. Writers are values; their outputs are closed by
 * events_end.
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_EVENTS_H
#define RELAYLAB_SCENARIOS_REPORT_EVENTS_H

#include "scenarios/outcome.h"

#include <stdio.h>

enum { EVENT_WRITERS_MAX = 4 };

struct event {
    size_t number; /* 1-based */
    const char *path;
    const struct outcome *out;
    struct span story;
    const char *died; /* how the worker died; else NULL */
};

struct event_totals {
    size_t passed, failed, skipped;
    size_t unfinished; /* never ended; 0 unless a signal ended the run */
    int signal;        /* which; 0: none */
};

struct event_writer {
    void (*begin)(FILE *to, size_t jobs);
    void (*result)(FILE *to, const struct event *e);
    void (*end)(FILE *to, const struct event_totals *totals);
    FILE *to;
};

struct event_slot;

struct events {
    struct event_writer writers[EVENT_WRITERS_MAX];
    size_t writer_count;
    struct event_slot *slots;
    size_t job_count, next;
    struct event_totals totals;
};

bool events_begin(struct events *e, size_t job_count); /* false: no memory */
/* path names the job's file and must live to the end. */
void events_add(struct events *e, size_t job, const char *path, const struct outcome *out,
                struct span story, const char *died);
/* signal: what ended the run before all jobs were done, or 0; then results that still wait for one
 * before them are told too. False: something could not be written. */
bool events_end(struct events *e, int signal);
/* Writes and flushes. */
void events_write(FILE *to, struct span text);

extern const struct event_writer text_writer;  /* one line a case, stories, the summary last */
extern const struct event_writer tap_writer;   /* TAP 14 */
extern const struct event_writer jsonl_writer; /* JSON Lines */

#endif
