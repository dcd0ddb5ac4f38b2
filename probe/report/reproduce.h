/*
 * reproduce.h - a line for the shell that asks a form by hand
 *
 * swaks where it can say the form; where it cannot (it always writes angle brackets), printf into
 * nc. Both carry the tokens that the probe used. Every argument is quoted for a POSIX shell,
 * whatever stands in it.
 */
#ifndef RELAYLAB_PROBE_REPORT_REPRODUCE_H
#define RELAYLAB_PROBE_REPORT_REPRODUCE_H

#include "probe/probe_state.h"

void reproduce_line(struct strbuf *out, const struct probe *p, const struct form_result *r);
/* The paths as the target heard them: with a stand-in sender, and bare where it wanted them so. */
void reproduce_sender(struct strbuf *out, const struct probe *p, const struct form_result *r);
void reproduce_recipient(struct strbuf *out, const struct probe *p, const struct form_result *r);
/* One shell word. */
void reproduce_quote(struct strbuf *out, struct span word);

#endif
