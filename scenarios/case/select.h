/*
 * select.h - which case files are meant: files, directories, globs, and tags
 *
 * A directory stands for every *.yaml below it, hidden ones excepted; a word with * or ? for every
 * such file below the directory before it whose path matches. What is found is sorted by path and
 * listed once. A link to a file is a file; a link to a directory is not followed, unless it is the
 * argument itself. What lies deeper than SELECT_DEPTH_MAX is not looked at.
 *
 * Tags: "a,!b" holds when tag a is there and tag b is not; of several expressions one must hold.
 *
 * Ownership: selection_clear frees the paths.
 * Errors: a sentence that names the argument.
 */
#ifndef RELAYLAB_SCENARIOS_CASE_SELECT_H
#define RELAYLAB_SCENARIOS_CASE_SELECT_H

#include "lib/conf/conf.h"

enum {
    SELECT_FILES_MAX = 65536,
    SELECT_DIRECTORIES_MAX = 4096, /* below one argument */
    SELECT_DEPTH_MAX = 16          /* directories between the argument and a file */
};

struct selection {
    char **path;
    size_t count, cap;
};

bool selection_add(struct selection *s, const char *argument, struct strbuf *error);
void selection_sort(struct selection *s);
void selection_clear(struct selection *s);
bool select_tags(const struct conf_texts *tags, struct span expression);

#endif
