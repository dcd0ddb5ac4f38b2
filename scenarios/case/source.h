/*
 * source.h - the text of a case file, read and loaded
 *
 * Ownership: source_open allocates one block that holds the text and all that is loaded from it,
 * source_reset empties it for the next file, source_close frees it. Errors: one line without a
 * position when the file cannot be read, else conf's message (several lines).
 */
#ifndef RELAYLAB_SCENARIOS_CASE_SOURCE_H
#define RELAYLAB_SCENARIOS_CASE_SOURCE_H

#include "scenarios/case/case.h"

enum { SOURCE_MEMORY = 33554432 };

struct source {
    void *block;
    struct arena arena;
    struct conf conf;
    const char *path;
    bool unreadable; /* the error is the host's, not the file's */
    char error[CONF_ERROR_MAX + 256];
};

bool source_open(struct source *s);
void source_close(struct source *s);
/* Combinations of the file; 0 with s->error. */
size_t source_count(struct source *s, const char *path);
bool source_load(struct source *s, const struct persona_path *personas, const char *path,
                 size_t combination, struct case_file *out);

#endif
