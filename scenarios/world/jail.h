/*
 * jail.h - a job of a case with real servers, done inside a namespace of its own
 *
 * The forked child does the whole job there (stage, oracle, probe, judge) and sends back what came
 * of it. Whether all is there that it needs is known before: what is missing skips the case with
 * its name and the remedy, or fails it where $RELAYLAB_REQUIRE names it.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_JAIL_H
#define RELAYLAB_SCENARIOS_WORLD_JAIL_H

#include "scenarios/case/case.h"
#include "scenarios/judge/outcome.h"

/* False: `out` is the skip or the failure. */
bool jail_ready(const struct case_file *c, struct outcome *out, struct strbuf *story);
/* `work` fills in out and story in the child; both come back. */
void jail_perform(const struct case_file *c,
                  void (*work)(void *self, struct outcome *out, struct strbuf *story), void *self,
                  struct outcome *out, struct strbuf *story);

#endif
