/*
 * progress.h - one line on what a probe is doing, and what it waits for
 *
 * For a terminal; without a line end, and short enough for 100 columns. What stands in it is our
 * own text only.
 */
#ifndef RELAYLAB_PROBE_REPORT_PROGRESS_H
#define RELAYLAB_PROBE_REPORT_PROGRESS_H

#include "probe/probe_state.h"

void progress_line(struct strbuf *out, const struct probe *p);

#endif
