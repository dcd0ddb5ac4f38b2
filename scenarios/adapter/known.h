/*
 * known.h - what a detector is known to get wrong, with a reason; as data
 *
 * The file expect/NAME.yaml beside a manifest: case by case how it fails (the words of
 * ruling_failed_as) and why. A failure that is known is no surprise; one that fails in another way,
 * or passes, is: the file must tell the truth. `sometimes: true` is for what hangs on how packets
 * fall: it fails so, or passes. `--update` writes the file anew, and keeps the reasons and the
 * `sometimes` of what stays.
 *
 * Ownership: known_open reads into a block of its own, known_close frees it. No file: nothing is
 * known. Errors: conf's, or one line.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_KNOWN_H
#define RELAYLAB_SCENARIOS_ADAPTER_KNOWN_H

#include "scenarios/adapter/manifest.h"
#include "scenarios/judge/outcome.h"

struct known_failure {
    const char *id; /* of the case, with its combination */
    const char *as, *why;
    bool sometimes;
};

struct known_list {
    const char *detector;
    struct known_failure *item;
    size_t count;
};

struct known {
    void *block;
    struct arena arena;
    struct conf conf;
    struct known_list list;
    bool exists;
    char path[ADAPTER_PATH_MAX];
    char error[CONF_ERROR_MAX + 256];
};

bool known_open(struct known *k, const struct adapter *a);
void known_close(struct known *k);
const struct known_failure *known_find(const struct known *k, const char *id);
/* Holds an outcome against the file. True: as known (or neither known nor failed). False: `story`
 * says what is unexpected. */
bool known_holds(const struct known *k, const struct outcome *out, struct strbuf *story);
/* A new file from what the cases came to: reasons are kept, and entries of cases that did not run.
 */
void known_write(struct strbuf *out, const struct known *k, const struct adapter *a,
                 const struct outcome *outcomes, size_t count);
/* False: the file could not be written; errno says why. */
bool known_save(const struct known *k, struct span text);

#endif
