/*
 * collect_run.h - --collect: reads the mailboxes for what came home to earlier runs
 *
 * Every message in them is looked up in the ledger; what is ours is printed, a line each, with the
 * verdict that it changes. Ends when all mailboxes were read whole, or, with a sink among them or
 * --exhaustive, when --wait is over. Ctrl-C ends it; what was found by then is kept.
 *
 * Errors: RUN_SYSTEM when the ledger or a mailbox cannot be read; one line in `error`.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_COLLECT_RUN_H
#define RELAYLAB_PROBE_PROGRAM_COLLECT_RUN_H

#include "probe/program/run.h"

/* Returns the exit status. */
int collect_run(const struct run_config *config, struct strbuf *error);

#endif
