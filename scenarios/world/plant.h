/*
 * plant.h - mail of others that bears the probe's mark: forged, altered, replayed
 *
 * Each plant of a case is the probe's own message with another token in its envelope, header and
 * body, put into its mailbox at its instant.
 *
 * Ownership: the struct is the caller's and must stay until plants_stop; so must the stage and the
 * probe.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_PLANT_H
#define RELAYLAB_SCENARIOS_WORLD_PLANT_H

#include "probe/probe.h"
#include "scenarios/world/stage.h"

struct plants;

struct plant {
    struct plants *plants;
    const struct case_plant *what;
    unsigned mailbox;
    struct world_timer timer;
};

struct plants {
    struct stage *stage;
    const struct probe *probe;
    const struct token *earlier;
    size_t count;
    struct plant plant[CASE_MAILBOXES_MAX * CASE_PLANTS_MAX];
};

bool case_has_plants(const struct case_file *c);
void plants_start(struct plants *p, struct stage *stage, const struct probe *probe,
                  const struct token *earlier);
void plants_stop(struct plants *p);

#endif
