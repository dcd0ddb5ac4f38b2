/*
 * jobs.c - files in the order of their paths, combinations in the order of the matrix
 *
 * A file that cannot be loaded ends everything before the first case runs: half a run would look
 * like a whole one.
 */
#include "scenarios/jobs.h"

#include "scenarios/commands.h"
#include "scenarios/report/events.h"

#include <stdlib.h>
#include <string.h>

bool jobs_open(struct jobs *j)
{
    *j = (struct jobs){.count = 0};
    return source_open(&j->source);
}

void jobs_close(struct jobs *j)
{
    for (size_t i = 0; i < j->count; i++)
        free(j->id[i]);
    free(j->id);
    free(j->job);
    source_close(&j->source);
    selection_clear(&j->files);
}

static int refuse(struct jobs *j, int status, const char *why)
{
    bytes_copy(j->error, sizeof j->error, span_of(why));
    return status;
}

/* FNV-1a, and the upper half folded in, since its low bits alone are poor. */
unsigned jobs_shard(struct span id, unsigned shards)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.ptr[i]) * UINT64_C(0x100000001b3);
    return (unsigned)((hash ^ hash >> 32) % shards) + 1;
}

static bool tags_hold(const struct jobs *j, const struct options *o)
{
    if (o->tag_count == 0)
        return true;
    for (size_t i = 0; i < o->tag_count; i++)
        if (select_tags(&j->c.tags, span_of(o->tags[i])))
            return true;
    return false;
}

static bool grow(struct jobs *j)
{
    size_t cap = j->cap == 0 ? 256 : j->cap * 2;
    struct run_job *job = realloc(j->job, cap * sizeof *job);
    char **id = job != NULL ? realloc(j->id, cap * sizeof *id) : NULL;

    if (job != NULL)
        j->job = job;
    if (id == NULL)
        return false;
    j->id = id;
    j->cap = cap;
    return true;
}

/* The loaded combination, if it is wanted. False: no memory. */
static bool consider(struct jobs *j, const struct jobs_wanted *w, const char *path,
                     size_t combination)
{
    const struct options *o = w->o;
    char memory[sizeof((struct outcome *)NULL)->id];
    struct strbuf id;

    strbuf_init(&id, memory, sizeof memory);
    strbuf_adds(&id, j->c.name);
    case_print_bindings(&j->c, &id);
    j->case_count++;
    if (o->failed && !last_failed(w->last, w->detector, memory, path))
        return true;
    j->failed_count++;
    if (o->shards > 0 && jobs_shard(strbuf_span(&id), o->shards) != o->shard)
        return true;
    if (j->count == j->cap && !grow(j))
        return false;
    char *kept = malloc(id.len + 1);
    if (kept == NULL)
        return false;
    memcpy(kept, memory, id.len + 1);
    j->job[j->count] = (struct run_job){path, combination};
    j->id[j->count++] = kept;
    return true;
}

/* Loads all combinations of one file; its first error is printed. False: no memory. */
static bool check_file(struct jobs *j, const struct jobs_wanted *w, const char *path)
{
    size_t count = source_count(&j->source, path);

    if (count == 0)
        goto invalid;
    for (size_t i = 0; i < count; i++) {
        if (!source_load(&j->source, w->personas, path, i, &j->c))
            goto invalid;
        if (i == 0 && !tags_hold(j, w->o))
            return true;
        j->file_count += i == 0;
        if (!consider(j, w, path, i))
            return false;
    }
    return true;
invalid:
    j->invalid++;
    events_write(stderr, span_of(j->source.error));
    if (!span_iends(span_of(j->source.error), SPAN("\n")))
        events_write(stderr, SPAN("\n"));
    return true;
}

static bool add_files(struct jobs *j, const struct jobs_wanted *w)
{
    const struct options *o = w->o;
    struct strbuf error;

    strbuf_init(&error, j->error, sizeof j->error);
    for (int i = 0; i < o->argument_count; i++)
        if (!selection_add(&j->files, o->arguments[i], &error))
            return false;
    /* Without arguments --failed means all that failed, wherever it is. */
    for (size_t i = 0; o->argument_count == 0 && i < w->last->count; i++) {
        const struct last_entry *e = &w->last->entry[i];

        if (!e->healed && strcmp(e->detector, w->detector) == 0 &&
            !selection_add(&j->files, e->path, &error))
            return false;
    }
    selection_sort(&j->files);
    return true;
}

int jobs_select(struct jobs *j, const struct jobs_wanted *w)
{
    const struct options *o = w->o;

    if (o->argument_count == 0 && !o->failed)
        return refuse(j, STATUS_USAGE, "no case files (name files, directories or globs)");
    if (o->failed && !w->last->existed)
        return refuse(j, STATUS_USAGE, "--failed: no earlier run is known (--last names its file)");
    if (!add_files(j, w))
        return STATUS_USAGE;
    for (size_t i = 0; i < j->files.count; i++)
        if (!check_file(j, w, j->files.path[i]))
            return refuse(j, STATUS_INTERNAL, "out of memory");
    if (j->invalid > 0)
        return STATUS_INVALID;
    if (j->case_count == 0 && !o->failed)
        return refuse(j, STATUS_NOTHING, "nothing selected");
    return STATUS_GOOD;
}
