/*
 * outcome.h - what one job came to: the event that every report is made of
 *
 * A job is one combination of one case file, in one world or in both. Outcomes are plain values,
 * since they come over a pipe from the worker that ran the job; what is long (the story of a
 * failure) comes beside them.
 */
#ifndef RELAYLAB_SCENARIOS_JUDGE_OUTCOME_H
#define RELAYLAB_SCENARIOS_JUDGE_OUTCOME_H

#include "scenarios/adapter/use.h"
#include "scenarios/judge/judge.h"

enum outcome_status { OUTCOME_PASSED, OUTCOME_FAILED, OUTCOME_SKIPPED };

enum run_world { RUN_VIRTUAL, RUN_REAL, RUN_BOTH };

enum { STORY_MAX = 131072 };

struct outcome {
    enum outcome_status status;
    enum run_world world;
    int verdict; /* enum verdict; -1: none */
    int truth;   /* enum case_truth */
    enum mark mark;
    int64_t elapsed_ns; /* in the (last) world, from start to verdict */
    int64_t wall_ns;    /* of the worker, all in all */
    uint64_t seed;
    unsigned deliveries;
    uint64_t connections, commands; /* seen by the target */
    /* Of a detector that is run as a command (--detector). */
    int said; /* enum said_kind */
    int confidence;
    bool decidable; /* the truth is open or closed, and can be seen: the case expects no less */
    bool declined;  /* skipped since the manifest declares such cases unsupported */
    struct detector_use use;
    char id[192]; /* "open-relay-proven[delay=299s]" */
    char title[160];
    char caveat[64]; /* "A7 C21" */
    char reason_code[64];
    char reason[256]; /* of the verdict; why it was skipped */
};

const char *outcome_status_name(enum outcome_status s);
const char *run_world_name(enum run_world w);

#endif
