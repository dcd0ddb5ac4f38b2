/*
 * ledger_command.h - --list-runs, --show-run RUN and --export-run RUN
 *
 * Errors: RUN_SYSTEM when there is no ledger or it cannot be read, RUN_USAGE for a run that is not
 * in it; one line in `error`.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_LEDGER_COMMAND_H
#define RELAYLAB_PROBE_PROGRAM_LEDGER_COMMAND_H

#include "probe/program/run.h"

/* Returns the exit status. */
int ledger_command(const struct run_config *config, struct strbuf *error);

#endif
