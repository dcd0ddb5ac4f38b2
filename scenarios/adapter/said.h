/*
 * said.h - what a detector said: from its output, its exit status or its file to one verdict
 *
 * Pure: the end of the process and the bytes go in. A manifest's patterns come first, then its
 * exit map; a manifest with neither has a detector that writes RELAY_OUT. A crash, a time limit
 * and an answer that cannot be read are no verdicts, each by its own name.
 *
 * Ownership: a said is a value.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_SAID_H
#define RELAYLAB_SCENARIOS_ADAPTER_SAID_H

#include "drive/host/spawn.h"
#include "scenarios/adapter/manifest.h"

enum {
    SAID_EXIT_UNDECIDED = 75,   /* could not decide */
    SAID_EXIT_UNSUPPORTED = 89, /* must be declared in the manifest */
    SAID_FILE_MAX = 65536
};

enum said_kind {
    SAID_VERDICT,
    SAID_UNSUPPORTED,
    SAID_NOTHING, /* no pattern matched, no status fits, no file */
    SAID_WRONG,   /* RELAY_OUT is not what the contract asks for */
    SAID_CRASHED,
    SAID_TIMED_OUT,
    SAID_BROKEN /* it could not be started: 126, 127 */
};

struct said {
    enum said_kind kind;
    int verdict;    /* enum verdict; -1 */
    int confidence; /* index into adapter_confidence_names */
    char note[256]; /* why there is no verdict; or the detector's own words */
};

/* file: what stands in RELAY_OUT; ptr NULL when there is no such file. */
void said_read(const struct adapter *a, const struct spawn_result *end, struct span file,
               struct said *out);
const char *said_kind_name(enum said_kind k);
/* The version in the output of the manifest's version command; false: the pattern does not match.
 */
bool said_version(const char *pattern, struct span output, char *version, size_t cap);

#endif
