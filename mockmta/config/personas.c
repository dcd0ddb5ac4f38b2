/*
 * personas.c - where personas lie
 *
 * A persona's name is checked by the loader (letters, digits, hyphens), so that it cannot lead out
 * of a directory.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "mockmta/config/load.h"

#ifndef RELAYLAB_DATADIR
#define RELAYLAB_DATADIR "/usr/local/share/relaylab"
#endif

static void add_directory(struct persona_path *p, const char *first, const char *second)
{
    struct strbuf out;

    if (p->count == PERSONA_DIRECTORIES_MAX) {
        return;
    }
    strbuf_init(&out, p->memory[p->count], PERSONA_PATH_MAX);
    strbuf_adds(&out, first);
    strbuf_adds(&out, second);
    if (!out.truncated && out.len > 0) {
        p->directory[p->count] = p->memory[p->count];
        p->count++;
    }
}

void persona_path_init(struct persona_path *p, const char *program_directory)
{
    const char *own = getenv("RELAYLAB_PERSONAS");

    memset(p, 0, sizeof *p);
    if (own != NULL) {
        add_directory(p, own, "");
    }
    if (program_directory != NULL) { /* build/, and build/san-.../, and bin/ beside share/ */
        add_directory(p, program_directory, "/../mockmta/personas");
        add_directory(p, program_directory, "/../../mockmta/personas");
        add_directory(p, program_directory, "/../share/relaylab/personas");
    }
    add_directory(p, RELAYLAB_DATADIR, "/personas");
}

/* Keeps the list sorted and each name once; the list is short, insertion is enough. */
static size_t insert_name(struct arena *arena, const char **names, size_t count, size_t max,
                          struct span name)
{
    size_t at = count;
    char *text;

    for (size_t i = 0; i < count; i++) {
        if (span_equal(span_of(names[i]), name)) {
            return count;
        }
    }
    text = count < max ? arena_text(arena, name) : NULL;
    if (text == NULL) {
        return count;
    }
    while (at > 0 && strcmp(names[at - 1], text) > 0) {
        names[at] = names[at - 1];
        at--;
    }
    names[at] = text;
    return count + 1;
}

size_t persona_names(const struct persona_path *p, struct arena *arena, const char **names,
                     size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < p->count; i++) {
        DIR *directory = opendir(p->directory[i]);
        const struct dirent *entry;
        while (directory != NULL && (entry = readdir(directory)) != NULL) {
            struct span name = span_of(entry->d_name);
            if (name.len > 5 && name.ptr[0] != '.' && span_iends(name, SPAN(".yaml"))) {
                count = insert_name(arena, names, count, max, span_to(name, name.len - 5));
            }
        }
        if (directory != NULL) {
            (void)closedir(directory);
        }
    }
    return count;
}
