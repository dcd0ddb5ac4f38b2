/*
 * progress.h - one line at the bottom of a terminal, for runs that take longer than a second
 */
#ifndef RELAYLAB_SCENARIOS_REPORT_PROGRESS_H
#define RELAYLAB_SCENARIOS_REPORT_PROGRESS_H

#include "scenarios/report/events.h"

void progress_erase(struct events *e);
/* Draws, though not more often than anybody can read it. */
void progress_draw(struct events *e);
/* The line itself; failed counts what was told so far. */
void progress_print(const struct events *e, int64_t elapsed_ns, struct strbuf *out);

#endif
