/*
 * control.h - the positive control: a message of our own, by its own way in
 *
 * Before the first form and after the last one a message goes straight to each canary's mail
 * server. When it comes home, the way home works, and that nothing else came means something. A
 * server that says "later" (greylisting) is asked again while the window lasts; any other no is the
 * end: a control that fails costs certainty, never truth.
 *
 * Ownership: the struct is the probe's (probe_state.h); it is in use until `ended` was called.
 */
#ifndef RELAYLAB_PROBE_HOME_CONTROL_H
#define RELAYLAB_PROBE_HOME_CONTROL_H

#include "probe/probe_state.h"

/* The controls of all canaries, as the config has them; nothing is sent. */
void control_init_all(struct probe *p);
/* Gives back their memory. */
void control_clear_all(struct probe *p);
/* Starts those of one side: `after` the forms, or before them. No attempt begins from until_ns on.
 * One without a way in is finished at once, not accepted; so it is when the world is out of links.
 */
void control_start_all(struct probe *p, bool after, int64_t until_ns);
/* Begins the attempts that are due. Returns when the next one is, or CLOCK_NEVER. */
int64_t control_tick_all(struct probe *p);
/* Ends soon. */
void control_cancel_all(struct probe *p);

/* Of one side: all came home; none is under way or can still come. */
bool control_all_arrived(const struct probe *p, bool after);
bool control_all_failed_or_arrived(const struct probe *p, bool after);
bool control_any_active(const struct probe *p);

#endif
