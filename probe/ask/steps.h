/*
 * steps.h - how the parts of a probe tell its orchestration that something happened
 *
 * Nothing is done at once: the probe takes its next step from its own timer, so that no part is
 * changed under its own feet. Private to probe/.
 */
#ifndef RELAYLAB_PROBE_ASK_STEPS_H
#define RELAYLAB_PROBE_ASK_STEPS_H

#include "probe/probe_state.h"

/* Something happened: the probe looks at itself soon. */
void steps_poke(struct probe *p);
/* The next step; the timer's function, self is the probe. */
void steps_take(void *self);
/* When the first control is waited for no longer. */
int64_t steps_control_until(const struct probe *p);
/* Gives back what arrivals took of the memory. */
void receive_clear(struct probe *p);
/* One more report, when there is room. */
void receive_keep_report(struct probe *p, const struct probe_report *d);
/* Tells the observer. */
void steps_progress(struct probe *p, const char *phase);

#endif
