/*
 * jobs.h - the list of what a command is about: combinations of cases, selected
 *
 * Every file is checked whole. Of what its arguments name, a run keeps the cases that have the
 * --tags, of those the ones that --failed the last time, and of those its --shard. A case is always
 * in the same shard of so many, whatever else is selected: its id decides.
 *
 * Ownership: jobs_open allocates, jobs_close frees.
 * Errors: file by file on standard error as they are found; `error` for the rest.
 */
#ifndef RELAYLAB_SCENARIOS_JOBS_H
#define RELAYLAB_SCENARIOS_JOBS_H

#include "scenarios/case/last.h"
#include "scenarios/options.h"
#include "scenarios/run.h"
#include "scenarios/case/select.h"

struct jobs {
    struct run_job *job;
    char **id; /* of each: "open-relay-proven[delay=299s]" */
    size_t count, cap;
    size_t file_count;   /* selected by tags too */
    size_t case_count;   /* before --failed and --shard */
    size_t failed_count; /* before --shard */
    size_t invalid;
    struct selection files;
    struct source source;
    struct case_file c;
    char error[4608];
};

struct jobs_wanted {
    const struct options *o;
    const struct persona_path *personas;
    const struct last *last;
    const char *detector; /* as `last` knows it */
};

bool jobs_open(struct jobs *j);
void jobs_close(struct jobs *j);
/* An enum exit_status; j->error where it is not STATUS_GOOD, unless the files' errors were
   printed. */
int jobs_select(struct jobs *j, const struct jobs_wanted *wanted);
/* 1-based. */
unsigned jobs_shard(struct span id, unsigned shards);

#endif
