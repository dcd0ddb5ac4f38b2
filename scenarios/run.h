/*
 * run.h - one job from file to outcome: load, ask the oracle, let the probe run, judge, tell the
 * story
 *
 * Ownership: a runner belongs to one process and is made after the fork; memory is kept from job to
 * job.
 */
#ifndef RELAYLAB_SCENARIOS_RUN_H
#define RELAYLAB_SCENARIOS_RUN_H

#include "scenarios/adapter/manifest.h"
#include "scenarios/judge/outcome.h"
#include "scenarios/case/source.h"

struct run_job {
    const char *path;
    size_t combination;
};

struct run_config {
    enum run_world world; /* RUN_BOTH: `any` cases in both, others where they belong */
    uint64_t seed;
    bool verbose; /* transcripts and the report though all is well */
    const struct persona_path *personas;
    const struct adapter *detector; /* NULL: the probe; else a command, in real time */
    const struct adapter_path *adapters;
};

struct runner;

struct runner *runner_new(const struct run_config *config); /* NULL: no memory */
void runner_free(struct runner *r);
void runner_seed(struct runner *r, uint64_t seed); /* of what is performed from now on */
void runner_perform(struct runner *r, const struct run_job *job, struct outcome *out,
                    struct strbuf *story);

#endif
