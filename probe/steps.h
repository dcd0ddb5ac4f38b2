/*
 * steps.h - how the parts of a probe tell its orchestration that something happened
 *
 * Nothing is done at once: the probe takes its next step from its own timer, so that no part is
 * changed under its own feet. Private to probe/.
 */
#ifndef RELAYLAB_PROBE_STEPS_H
#define RELAYLAB_PROBE_STEPS_H

#include "probe/probe_state.h"

/* Something happened: the probe looks at itself soon. */
void steps_poke(struct probe *p);

#endif
