/*
 * commands.h - what relaylab does: run, list, lint, explain, schema
 *
 * Each returns the exit status: 0 all as expected, 1 some case failed, 2 usage, 3 a case file is
 * invalid, 4 internal error, 5 nothing selected, 77 everything skipped.
 */
#ifndef RELAYLAB_SCENARIOS_COMMANDS_H
#define RELAYLAB_SCENARIOS_COMMANDS_H

#include "scenarios/adapter/manifest.h"
#include "scenarios/options.h"

enum exit_status {
    STATUS_GOOD = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_INVALID = 3,
    STATUS_INTERNAL = 4,
    STATUS_NOTHING = 5,
    STATUS_SKIPPED = 77,
    STATUS_SIGNAL = 128 /* and the signal's number */
};

int command_perform(const struct options *o, const struct persona_path *personas,
                    const struct adapter_path *adapters);

#endif
