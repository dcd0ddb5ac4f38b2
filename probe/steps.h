/*
 * steps.h - how the parts of a probe tell its orchestration that something happened
 *
 * Nothing is done at once: the probe takes its next step from its own timer, so that no part is changed under its own
 * feet. Private to probe/.
 */
#ifndef RELAYLAB_PROBE_STEPS_H
#define RELAYLAB_PROBE_STEPS_H

#include "probe/probe_state.h"

/* A control was taken or refused, its connection ended, or it came home. */
void steps_control_moved(struct probe *p);

#endif
