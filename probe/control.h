/*
 * control.h - the positive control: a message of our own, by its own way in
 *
 * Before the first form and after the last one a message goes straight to the canary's mail server.
 * When it comes home, the way home works, and that nothing else came means something. One
 * transaction, no retries: a control that fails costs certainty, never truth.
 *
 * Ownership: the struct is the probe's (probe_state.h); it is in use until `ended` was called.
 */
#ifndef RELAYLAB_PROBE_CONTROL_H
#define RELAYLAB_PROBE_CONTROL_H

#include "probe/probe_state.h"

/* Names the control and makes its tokens; nothing is sent. */
void control_init(struct probe_control *c, struct probe *p, const char *id);
/* False: no way in is known, or the world is out of links; the control is then finished, not
 * accepted. */
bool control_start(struct probe_control *c);
/* Ends soon. */
void control_cancel(struct probe_control *c);

#endif
