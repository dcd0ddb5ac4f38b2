/*
 * whole_file.c - a buffer that doubles, since standard input does not say how long it is
 */
#include "drive/host/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 65536 };

struct growing {
    char *ptr;
    size_t cap, len;
};

static bool grow(struct growing *g)
{
    size_t cap = g->cap == 0 ? FIRST : 2 * g->cap;
    char *ptr = realloc(g->ptr, cap);

    if (ptr == NULL)
        return false;
    g->ptr = ptr;
    g->cap = cap;
    return true;
}

/* NULL, or what went wrong. */
static const char *read_all(FILE *file, struct growing *g)
{
    size_t got = 1;

    while (got > 0) {
        if (g->len + 1 >= g->cap && !grow(g))
            return strerror(ENOMEM);
        got = fread(g->ptr + g->len, 1, g->cap - 1 - g->len, file);
        g->len += got;
        if (g->len > WHOLE_FILE_MAX)
            return "more than 256 MiB";
    }
    g->ptr[g->len] = '\0';
    return ferror(file) ? strerror(errno) : NULL;
}

bool whole_file_read(const char *name, struct span *text, struct strbuf *error)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *file = standard ? stdin : fopen(name, "r");
    struct growing g = {NULL, 0, 0};
    const char *why = file == NULL ? strerror(errno) : read_all(file, &g);

    if (file != NULL && !standard)
        (void)fclose(file);
    *text = (struct span){g.ptr, g.len};
    if (why == NULL)
        return true;
    strbuf_adds(error, standard ? "standard input" : name);
    strbuf_adds(error, ": ");
    strbuf_adds(error, why);
    free(g.ptr);
    return false;
}

void whole_file_free(struct span text)
{
    free((void *)(uintptr_t)text.ptr);
}
