/*
 * oracle.h - what really happens to mail from outside: the case's truth, verified
 *
 * Before the probe runs, a message of the runner's own goes to a fresh instance of the same
 * servers, in virtual time (the mocks are the same in both worlds, and patience costs nothing
 * there), or in real time where a server is a real one. The oracle is slow to give up: in virtual
 * time an hour per reply, retries of what was deferred for five hours, three days for the delivery.
 * It asks the plain form; when that does not get through, the forms that the case itself says the
 * server is open by (`relayed_by`).
 *
 * Ownership: a result is a value.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_ORACLE_H
#define RELAYLAB_SCENARIOS_WORLD_ORACLE_H

#include "scenarios/world/trial.h"

enum oracle_outcome {
    ORACLE_REACHED,  /* the message is in a mailbox */
    ORACLE_LOST,     /* taken, and never arrived */
    ORACLE_REFUSED,  /* 5yz */
    ORACLE_DEFERRED, /* 4yz, to the last attempt */
    ORACLE_CUT,      /* greeted, then the connection ended or fell silent */
    ORACLE_SILENT    /* no greeting, or no connection */
};

struct oracle_result {
    enum oracle_outcome outcome;
    unsigned attempts;
    char form[FORM_ID_MAX];
    char reply[2048]; /* the last one, visible; or how the session ended */
};

/* False: the stage could not be built; `reply` says why. */
bool oracle_ask(struct trial *t, const struct case_file *c, uint64_t seed,
                struct oracle_result *out);
/* The outcome is possible under that truth. */
bool oracle_agrees(enum oracle_outcome outcome, int truth);
const char *oracle_outcome_name(enum oracle_outcome outcome);

#endif
