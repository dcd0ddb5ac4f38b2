/*
 * last.h - which cases failed the last time they ran
 *
 * A text file: a line that says what it is, then a line for each case that failed, with tabs
 * between: detector ("-": the probe), id, path. A run changes the lines of the cases that it ran
 * and leaves the others alone; lines of files that are gone are forgotten. The path is absolute, so
 * that one file serves whatever folder a run begins in. Cases whose path has a tab or a line end
 * are not kept.
 *
 * Ownership: last_close frees what last_open read. Errors: false with a sentence.
 */
#ifndef RELAYLAB_SCENARIOS_CASE_LAST_H
#define RELAYLAB_SCENARIOS_CASE_LAST_H

#include "lib/base/bytes.h"

enum { LAST_PATH_MAX = 4096, LAST_ENTRIES_MAX = 65536 };

struct last_entry {
    char *line; /* the three texts, a NUL behind each */
    const char *detector, *id, *path;
    bool healed;
};

struct last {
    char path[LAST_PATH_MAX]; /* of the file; empty: nowhere to keep it */
    bool existed;
    struct last_entry *entry;
    size_t count, cap;
};

/* file: NULL for the usual place. A file that does not exist is none that failed. */
bool last_open(struct last *l, const char *file, struct strbuf *error);
void last_close(struct last *l);
bool last_failed(const struct last *l, const char *detector, const char *id, const char *path);
/* False: no memory. */
bool last_note(struct last *l, const char *detector, const char *id, const char *path, bool failed);
/* The file is whole, the old or the new, whenever somebody looks. */
bool last_save(const struct last *l, struct strbuf *error);

#endif
