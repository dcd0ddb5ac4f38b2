/*
 * trial.h - the probe on the stage of a case: one run in one world, and what came of it
 *
 * Ownership: trial_new allocates what a worker keeps from case to case (the simulator, the record,
 * the probe); trial_free gives it back. A result borrows from the trial until the next run. Errors:
 * a result whose `trouble` is not empty has no verdict; it says why in one sentence.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_TRIAL_H
#define RELAYLAB_SCENARIOS_WORLD_TRIAL_H

#include "probe/probe.h"
#include "scenarios/judge/record.h"
#include "scenarios/world/stage.h"

enum trial_world { WORLD_VIRTUAL, WORLD_REAL };

struct trial_result {
    const struct verdict_result *verdict; /* NULL: none was reached */
    int later; /* enum verdict, when all was collected; -1: nothing was */
    const struct form_result *forms;
    const struct evidence *evidence; /* of them */
    size_t form_count;
    const struct record *record;
    struct span report; /* the text report at full length */
    int64_t started_ns, elapsed_ns;
    unsigned target; /* index among the case's servers */
    struct span log; /* the last lines of the target's log, when it is an engine */
    char trouble[2048];
};

struct trial;

struct trial *trial_new(void); /* NULL: no memory */
void trial_free(struct trial *t);
/* What clients of all runs speak TLS with. */
struct tls *trial_tls(struct trial *t);
/* The simulator between runs, at instant 0. */
struct sim *trial_sim(struct trial *t, uint64_t seed);
void trial_run(struct trial *t, const struct case_file *c, enum trial_world world, uint64_t seed,
               struct trial_result *out);
const char *trial_world_name(enum trial_world world);

/* Who asks whom in a case: the probe and the oracle use the same names. */
struct trial_identity {
    struct form_identity who;
    struct endpoint source; /* family 0: any */
    char helo[256];
};
/* The parts of local@domain. */
void trial_split(const char *text, struct span *local, struct span *domain);
void trial_identify(const struct case_file *c, const struct endpoint *target,
                    struct trial_identity *out);
/* The options of a run of the probe on that stage; key and run_id are left out. */
void trial_configure(const struct stage *s, const struct trial_identity *id,
                     struct probe_config *config);
/* A key that follows from the seed; false when OpenSSL has none. */
bool trial_key(uint64_t seed, struct token_key *key);

#endif
