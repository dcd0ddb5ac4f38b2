/*
 * target_list.h - many targets from a text: one a line, comments from '#' on
 *
 * The whole text is read, and every line is checked, before anything is asked. A target that stands
 * there twice is asked once. A shard is the part of a list that one of several machines asks: a
 * target belongs to the shard that its hash names, whatever else is in the list. A shard may be
 * empty, a list may not.
 *
 * Ownership: entries point into the text, which must stay; target_list_clear gives back the rest.
 * Errors: one in `error`: "NAME:LINE:COLUMN: what is wrong", the line, a caret; and how many more.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_TARGET_LIST_H
#define RELAYLAB_PROBE_PROGRAM_TARGET_LIST_H

#include "probe/program/target.h"

struct target_entry {
    const char *text;
    uint32_t len, line;
};

struct target_list {
    struct target_entry *entries;
    size_t count, room;
    size_t repeated, elsewhere; /* left out: known by an earlier line, of another shard */
};

struct target_shard { /* of `count` parts the one with this index, from 0; count 0: all of it */
    unsigned index, count;
};

struct target_check { /* further rules; may be NULL: none */
    bool (*fine)(void *self, const struct target *t, struct strbuf *error);
    void *self;
};

bool target_list_read(struct target_list *list, const char *name, struct span text,
                      struct target_shard shard, struct target_check check, struct strbuf *error);
void target_list_clear(struct target_list *list);
struct span target_list_text(const struct target_list *list, size_t i);
/* The same on every machine, in every release: FNV-1a of the text in lower case, well mixed. */
uint64_t target_hash(struct span text);

#endif
