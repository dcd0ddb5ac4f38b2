/*
 * check.h - relaylab adapter check: does a manifest work?
 *
 * One line each: does it load, is its version found, is it calibrated (open of the open server,
 * closed of the closed one), does it say anything where nobody listens, does it end in time at a
 * server that never speaks, does its output fit. Status 0 when all is well, 1 when not, 3 when the
 * manifest is invalid. Mistakes of the detector are not the manifest's.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_CHECK_H
#define RELAYLAB_SCENARIOS_ADAPTER_CHECK_H

#include "mockmta/config/load.h"
#include "scenarios/adapter/manifest.h"
#include "scenarios/options.h"

/* Arguments: check NAME|FILE ... */
int adapter_command(const struct options *o, const struct persona_path *personas,
                    const struct adapter_path *adapters);

#endif
