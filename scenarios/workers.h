/*
 * workers.h - jobs spread over forked processes, so that a crash or an endless loop fails one job
 *
 * A worker takes one job at a time from its parent and sends back an outcome and a story. One that
 * dies, or works on one job for longer than the wall limit, fails that job; another takes its
 * place. Fork happens before any event loop exists in the process: the parent never makes one.
 * Workers never outlive their parent, however it ends. SIGINT and SIGTERM to the parent end them at
 * once; what had finished by then was told. The two signals stay blocked afterwards: the caller is
 * about to write its report and leave.
 *
 * Ownership: `perform` runs in the worker, `finished` in the parent, in the order in which jobs
 * end. Errors: false with a sentence when processes or pipes are not to be had.
 */
#ifndef RELAYLAB_SCENARIOS_WORKERS_H
#define RELAYLAB_SCENARIOS_WORKERS_H

#include "scenarios/judge/outcome.h"

enum { WORKERS_MAX = 64 };

struct workers {
    unsigned count;  /* processes */
    unsigned wall_s; /* limit for one job */
    size_t job_count;
    void (*perform)(void *self, size_t job, struct outcome *out, struct strbuf *story);
    /* died: the text says how, and outcome has the status only. */
    void (*finished)(void *self, size_t job, const struct outcome *out, struct span story,
                     const char *died);
    void *self;
    /* Asked after each job; once it is true no more are given out. NULL: all are. */
    bool (*enough)(void *self);
};

/* *signal_seen: what ended the work before all jobs were done, or 0. */
bool workers_run(const struct workers *w, int *signal_seen, struct strbuf *error);

#endif
