/*
 * dry_run.h - prints what would be said to a target, and says nothing
 *
 * The dialogue as it goes when the server answers every form with its refusal or acceptance at
 * once: what retries, reconnects and stand-in senders would add depends on the server and is not
 * shown.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_DRY_RUN_H
#define RELAYLAB_PROBE_PROGRAM_DRY_RUN_H

#include "probe/probe.h"

/* False: the forms cannot be chosen (they were checked before), or the text is larger than `out`.
 */
bool dry_run_print(struct strbuf *out, const struct probe_config *config);

#endif
