/*
 * events.h - the stream of results that every report is written from
 *
 * Jobs end in any order; writers see them in the order of the list, each as soon as all before it
 * have ended, and everything is flushed then. A run of several rounds (--repeat) goes through the
 * list again and again: job number `round * per_round + place in the list`.
 *
 * Ownership: events_add copies what must wait. Writers are values; their outputs are closed by
 * events_end, or by events_drop where a run never began.
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_EVENTS_H
#define RELAYLAB_SCENARIOS_REPORT_EVENTS_H

#include "scenarios/judge/outcome.h"

#include <stdio.h>

enum { EVENT_WRITERS_MAX = 8 };

struct event {
    size_t number; /* 1-based */
    size_t round;  /* 1-based; 0: there is only one */
    const char *path;
    const struct outcome *out; /* its id is never empty */
    struct span story;
    const char *died; /* how the worker died; else NULL */
};

/* A case that did not come to the same in all rounds. */
struct event_flaky {
    char id[192];
    unsigned passed, failed;
    unsigned verdicts; /* how many different ones */
};

struct event_totals {
    size_t passed, failed, skipped;
    size_t died;       /* of those that failed */
    size_t unfinished; /* never ended; 0 unless a signal ended the run */
    int signal;        /* which; 0: none */
    size_t rounds;     /* begun; 1 where nothing is repeated */
    int64_t wall_ns;
    const struct event_flaky *flaky;
    size_t flaky_count;
};

struct event_writer {
    /* jobs: 0 where nobody knows how many will come. */
    void (*begin)(struct event_writer *w, size_t jobs);
    void (*result)(struct event_writer *w, const struct event *e);
    void (*end)(struct event_writer *w, const struct event_totals *totals);
    FILE *to;
    const char *option, *path; /* "--tap" and what it named, for complaints; both live to the end */
    int trouble;               /* errno of the first write that failed; 0: none has */
    /* A writer's own, from begin to end: */
    FILE *aside, *told; /* what must stand behind a sum, and behind that */
    bool broken;        /* no temporary files */
    size_t room;
};

struct event_slot;
struct event_tally;

struct events {
    struct event_writer writers[EVENT_WRITERS_MAX];
    size_t writer_count;
    FILE *progress;          /* a terminal; NULL: none */
    const char *const *name; /* of each job of a round; lives to the end */
    size_t per_round;
    size_t job_count; /* 0: as many as come */
    bool repeats;
    struct event_slot *waiting; /* ordered by job */
    struct event_tally *tally;  /* per_round */
    size_t next, done;
    int64_t began_ns, drawn_ns;
    bool drawn;                        /* a progress line stands on the terminal */
    bool lost;                         /* no memory for some result: the reports are not whole */
    const struct event_writer *failed; /* behind the end: the first that is not whole; or NULL */
    struct event_totals totals;
};

/* rounds: 0 until somebody says stop. False: no memory. */
bool events_begin(struct events *e, const char *const *names, size_t per_round, size_t rounds);
/* path names the job's file and must live to the end. */
void events_add(struct events *e, size_t job, const char *path, const struct outcome *out,
                struct span story, const char *died);
/* signal: what ended the run before all jobs were done, or 0; then results that still wait for one
 * before them are told too. False: something could not be written. */
bool events_end(struct events *e, int signal);
/* What, and why. */
void events_complaint(const struct events *e, struct strbuf *out);
void events_drop(struct events *e);
/* Writes and flushes. */
void events_write(FILE *to, struct span text);
/* Copies a temporary file behind what was written, and closes it. */
void events_append(FILE *to, FILE *aside);

extern const struct event_writer text_writer;     /* one line a case, stories, the summary last */
extern const struct event_writer tap_writer;      /* TAP 13, and 14 but for that line */
extern const struct event_writer jsonl_writer;    /* JSON Lines */
extern const struct event_writer junit_writer;    /* JUnit XML */
extern const struct event_writer markdown_writer; /* the page of a CI job */

#endif
