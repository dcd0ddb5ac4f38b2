/*
 * select.c - a walk without recursion: directories that were found wait in a list
 *
 * A slip of the hand (`run /`) must end soon and say why: so many directories are an error, and
 * nothing is opened but regular files whose name ends as a case's does. A directory that cannot be
 * read is an error too, since half a run would look like a whole one.
 */
#include "scenarios/case/select.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool push(struct selection *s, const char *path)
{
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        char **moved = cap <= SELECT_FILES_MAX ? realloc(s->path, cap * sizeof *moved) : NULL;

        if (moved == NULL)
            return false;
        s->path = moved;
        s->cap = cap;
    }
    size_t len = strlen(path) + 1;
    s->path[s->count] = malloc(len);
    if (s->path[s->count] == NULL)
        return false;
    memcpy(s->path[s->count++], path, len);
    return true;
}

void selection_clear(struct selection *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->path[i]);
    free(s->path);
    *s = (struct selection){.path = NULL};
}

static int by_path(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(*x, *y);
}

void selection_sort(struct selection *s)
{
    size_t kept = 0;

    if (s->count == 0)
        return;
    qsort(s->path, s->count, sizeof *s->path, by_path);
    for (size_t i = 1; i < s->count; i++) {
        if (strcmp(s->path[i], s->path[kept]) == 0)
            free(s->path[i]);
        else
            s->path[++kept] = s->path[i];
    }
    s->count = kept + 1;
}

static bool say(struct strbuf *error, const char *path, const char *why)
{
    strbuf_addf(error, "%s: %s", path, why);
    return false;
}

/* How far `path` lies below `top`; both as visit_entry writes them. */
static unsigned depth_below(const char *top, const char *path)
{
    unsigned depth = 0;

    for (const char *at = path + strlen(top); *at != '\0'; at++)
        depth += *at == '/';
    return depth;
}

static bool visit_entry(const char *directory, const char *name, const char *glob,
                        struct selection *found, struct selection *waiting)
{
    char path[4096];
    struct strbuf b;
    struct stat st;

    if (name[0] == '.')
        return true;
    strbuf_init(&b, path, sizeof path);
    strbuf_addf(&b, "%s%s%s", directory, span_iends(span_of(directory), SPAN("/")) ? "" : "/",
                name);
    if (b.truncated || lstat(path, &st) != 0)
        return true;
    if (S_ISDIR(st.st_mode))
        return depth_below(waiting->path[0], path) > SELECT_DEPTH_MAX || push(waiting, path);
    if (!span_iends(span_of(name), SPAN(".yaml")) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    if (glob != NULL && !span_glob(span_of(path), span_of(glob)))
        return true;
    return push(found, path);
}

static bool walk(const char *directory, const char *glob, struct selection *found,
                 struct strbuf *error)
{
    struct selection waiting = {.path = NULL};
    bool ok = push(&waiting, directory);

    for (size_t i = 0; ok && i < waiting.count; i++) {
        if (waiting.count > SELECT_DIRECTORIES_MAX) {
            ok = say(error, directory, "more than 4096 directories below it");
            break;
        }
        DIR *d = opendir(waiting.path[i]);
        struct dirent *e;

        if (d == NULL) {
            ok = say(error, waiting.path[i], strerror(errno));
            break;
        }
        while (ok && (e = readdir(d)) != NULL)
            ok = visit_entry(waiting.path[i], e->d_name, glob, found, &waiting) ||
                 say(error, waiting.path[i], "too many files");
        closedir(d);
    }
    selection_clear(&waiting);
    return ok;
}

/* The directory before the first wildcard: "scenarios/cases" of "scenarios/cases/re*". */
static bool add_glob(struct selection *s, const char *glob, struct strbuf *error)
{
    char directory[4096];
    struct span fixed = span_to(span_of(glob), strcspn(glob, "*?"));
    size_t slash = span_rchr(fixed, '/');

    if (slash == SIZE_MAX)
        bytes_copy(directory, sizeof directory, SPAN("."));
    else
        bytes_copy(directory, sizeof directory, span_to(fixed, slash == 0 ? 1 : slash));
    if (slash != SIZE_MAX)
        return walk(directory, glob, s, error);
    char below[4096];
    struct strbuf b;
    strbuf_init(&b, below, sizeof below);
    strbuf_addf(&b, "./%s", glob);
    return walk(directory, below, s, error);
}

bool selection_add(struct selection *s, const char *argument, struct strbuf *error)
{
    struct stat st;

    if (stat(argument, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return walk(argument, NULL, s, error);
        return push(s, argument) || say(error, argument, "too many files");
    }
    if (strpbrk(argument, "*?") != NULL)
        return add_glob(s, argument, error);
    return say(error, argument, strerror(errno));
}

static bool has_tag(const struct conf_texts *tags, struct span tag)
{
    for (size_t i = 0; i < tags->count; i++)
        if (span_equal(span_of(tags->item[i]), tag))
            return true;
    return false;
}

bool select_tags(const struct conf_texts *tags, struct span expression)
{
    struct span word;

    while (span_cut(&expression, ',', &word)) {
        bool wanted = true;

        word = span_trim(word);
        if (word.len > 0 && word.ptr[0] == '!') {
            wanted = false;
            word = span_from(word, 1);
        }
        if (word.len > 0 && has_tag(tags, word) != wanted)
            return false;
    }
    return true;
}
