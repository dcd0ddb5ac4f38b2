/*
 * last.c - a list that is searched from the front: who has many failures has other worries
 *
 * Two runs at once each write a whole file; the later one's list is what stays.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "scenarios/case/last.h"

#include "drive/host/state_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] = "relaylab last-run 1\n";

static bool add(struct last *l, struct span detector, struct span id, struct span path)
{
    size_t len = detector.len + id.len + path.len + 3;

    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct last_entry *moved = cap <= LAST_ENTRIES_MAX ? realloc(l->entry, cap * sizeof *moved)
                                                           : NULL;

        if (moved == NULL)
            return false;
        l->entry = moved;
        l->cap = cap;
    }
    char *line = calloc(1, len);
    if (line == NULL)
        return false;
    struct last_entry *e = &l->entry[l->count++];
    *e = (struct last_entry){.line = line, .detector = line};
    memcpy(line, detector.ptr, detector.len);
    line += detector.len + 1;
    e->id = line;
    memcpy(line, id.ptr, id.len);
    line += id.len + 1;
    e->path = line;
    memcpy(line, path.ptr, path.len);
    return true;
}

static bool still_there(const char *path)
{
    FILE *f = fopen(path, "r");

    if (f == NULL)
        return errno != ENOENT && errno != ENOTDIR;
    (void)fclose(f);
    return true;
}

static bool read_line(struct last *l, struct span line)
{
    struct span detector, id;

    if (line.len > 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    if (!span_cut(&line, '\t', &detector) || !span_cut(&line, '\t', &id) || line.len == 0)
        return false;
    if (!add(l, detector, id, line))
        return false;
    struct last_entry *e = &l->entry[l->count - 1];
    e->healed = !still_there(e->path);
    return true;
}

static bool read_lines(struct last *l, FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, f);
    bool ok = len >= 0 && strcmp(line, head) == 0;

    while (ok && (len = getline(&line, &cap, f)) > 0)
        ok = read_line(l, (struct span){line, (size_t)len});
    free(line);
    return ok;
}

bool last_open(struct last *l, const char *file, struct strbuf *error)
{
    struct strbuf path;

    *l = (struct last){.count = 0};
    strbuf_init(&path, l->path, sizeof l->path);
    if (file != NULL)
        strbuf_adds(&path, file);
    else if (!state_file_path(&path, "last-run", error))
        path.truncated = true;
    if (path.truncated) {
        l->path[0] = '\0';
        return file == NULL;
    }
    FILE *f = fopen(l->path, "r");
    if (f == NULL && errno == ENOENT)
        return true;
    l->existed = f != NULL;
    bool ok = f != NULL && read_lines(l, f);
    if (f == NULL)
        strbuf_addf(error, "%s: %s", l->path, strerror(errno));
    else if (!ok)
        strbuf_addf(error, "%s: not a list of relaylab's last run", l->path);
    if (f != NULL)
        (void)fclose(f);
    return ok;
}

void last_close(struct last *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->entry[i].line);
    free(l->entry);
    *l = (struct last){.count = 0};
}

static struct last_entry *find(const struct last *l, const char *detector, const char *id,
                               const char *path)
{
    char whole[PATH_MAX];

    if (l->count == 0 || realpath(path, whole) == NULL)
        return NULL;
    for (size_t i = 0; i < l->count; i++) {
        struct last_entry *e = &l->entry[i];

        if (strcmp(e->id, id) == 0 && strcmp(e->path, whole) == 0 &&
            strcmp(e->detector, detector) == 0)
            return e;
    }
    return NULL;
}

bool last_failed(const struct last *l, const char *detector, const char *id, const char *path)
{
    const struct last_entry *e = find(l, detector, id, path);

    return e != NULL && !e->healed;
}

static bool fits_a_line(const char *text)
{
    return strpbrk(text, "\t\n") == NULL;
}

bool last_note(struct last *l, const char *detector, const char *id, const char *path, bool failed)
{
    struct last_entry *e = find(l, detector, id, path);
    char whole[PATH_MAX];

    if (e != NULL)
        e->healed = !failed;
    if (e != NULL || !failed || realpath(path, whole) == NULL || !fits_a_line(whole))
        return true;
    return add(l, span_of(detector), span_of(id), span_of(whole));
}

static bool write_lines(const struct last *l, FILE *f)
{
    bool ok = fputs(head, f) >= 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct last_entry *e = &l->entry[i];

        if (!e->healed)
            ok &= fprintf(f, "%s\t%s\t%s\n", e->detector, e->id, e->path) > 0;
    }
    return ok;
}

bool last_save(const struct last *l, struct strbuf *error)
{
    char memory[LAST_PATH_MAX + 8];
    struct strbuf path, own;

    if (l->path[0] == '\0')
        return true;
    strbuf_init(&path, memory, sizeof memory);
    strbuf_adds(&path, l->path);
    if (!state_file_folders(&path, error))
        return false;
    strbuf_init(&own, memory, sizeof memory);
    strbuf_addf(&own, "%s.XXXXXX", l->path);
    int fd = mkstemp(memory);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = f != NULL && write_lines(l, f);
    if (f != NULL)
        ok &= fclose(f) == 0;
    if (ok && rename(memory, l->path) == 0)
        return true;
    strbuf_addf(error, "%s: %s", l->path, strerror(errno));
    if (fd >= 0)
        (void)remove(memory);
    return false;
}
