/*
 * known.c - a small table of its own, read by lib/conf and written line by line
 *
 * An entry's reason is the case's title until somebody writes a better one: titles say what fools a
 * detector.
 */
#include "scenarios/adapter/known.h"

#include "mockmta/config/load.h"
#include "scenarios/adapter/ruling.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KNOWN_MEMORY = 8388608, KNOWN_MAX = 4096 };

static const struct conf_field failure_fields[] = {
    {.name = "as",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct known_failure, as),
     .doc = "false alarm, missed relay, undecided, verdict, crashed, timed out, ..."},
    {.name = "why",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct known_failure, why),
     .doc = "one sentence"},
    {.name = "sometimes",
     .type = CONF_BOOL,
     .offset = offsetof(struct known_failure, sometimes),
     .doc = "it fails so, or it passes: a matter of timing"},
};

static const struct conf_table failure_table = {
    .name = "failure",
    .doc = "a case that the detector gets wrong",
    .fields = failure_fields,
    .field_count = sizeof failure_fields / sizeof failure_fields[0],
    .size = sizeof(struct known_failure),
};

static const struct conf_field list_fields[] = {
    {.name = "detector",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct known_list, detector),
     .doc = "the adapter's name"},
    {.name = "fails",
     .type = CONF_MAP,
     .offset = offsetof(struct known_list, item),
     .count_offset = offsetof(struct known_list, count),
     .max = KNOWN_MAX,
     .sub = &failure_table,
     .doc = "by case"},
};

static const struct conf_table list_table = {
    .name = "known failures",
    .doc = "what a detector is known to get wrong",
    .fields = list_fields,
    .field_count = sizeof list_fields / sizeof list_fields[0],
    .size = sizeof(struct known_list),
};

static bool out_of_memory(struct known *k)
{
    bytes_copy(k->error, sizeof k->error, SPAN("out of memory"));
    return false;
}

bool known_open(struct known *k, const struct adapter *a)
{
    struct strbuf b;

    *k = (struct known){.block = NULL};
    strbuf_init(&b, k->path, sizeof k->path);
    strbuf_addf(&b, "%s/expect/%s.yaml", a->directory, a->name);
    FILE *f = b.truncated ? NULL : fopen(k->path, "r");
    if (f == NULL)
        return true;
    (void)fclose(f);
    k->exists = true;
    k->block = malloc(KNOWN_MEMORY);
    if (k->block == NULL)
        return out_of_memory(k);
    arena_init(&k->arena, k->block, KNOWN_MEMORY);
    conf_init(&k->conf, &k->arena, k->path, (struct span){"", 0});
    if (conf_read_file(&k->conf, k->path) && conf_load(&k->conf, &list_table, &k->list))
        return true;
    bytes_copy(k->error, sizeof k->error, span_of(k->conf.error));
    return false;
}

void known_close(struct known *k)
{
    free(k->block);
    k->block = NULL;
}

const struct known_failure *known_find(const struct known *k, const char *id)
{
    for (size_t i = 0; i < k->list.count; i++)
        if (strcmp(k->list.item[i].id, id) == 0)
            return &k->list.item[i];
    return NULL;
}

bool known_holds(const struct known *k, const struct outcome *out, struct strbuf *story)
{
    const struct known_failure *f = known_find(k, out->id);
    bool failed = out->status == OUTCOME_FAILED;

    if (out->status == OUTCOME_SKIPPED || (f == NULL && !failed))
        return true;
    if (f == NULL) {
        strbuf_addf(story, "  a failure (%s) that %s does not know\n", ruling_failed_as(out),
                    k->path);
        return false;
    }
    if (failed ? strcmp(f->as, ruling_failed_as(out)) == 0 : f->sometimes)
        return true;
    if (failed)
        strbuf_addf(story, "  known in %s to fail as: %s; it failed as: %s\n", k->path, f->as,
                    ruling_failed_as(out));
    else
        strbuf_addf(story, "  it passes, and %s says that it fails (%s); --update writes it anew\n",
                    k->path, f->as);
    return false;
}

static void quote(struct strbuf *out, const char *text)
{
    strbuf_addc(out, '"');
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '"' || text[i] == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, text[i]);
    }
    strbuf_addc(out, '"');
}

static void write_entry(struct strbuf *out, const struct known_failure *f)
{
    strbuf_adds(out, "  ");
    quote(out, f->id);
    strbuf_addf(out, ":\n    as: %s\n    why: ", f->as);
    quote(out, f->why);
    strbuf_adds(out, f->sometimes ? "\n    sometimes: true\n" : "\n");
}

static const struct outcome *find_outcome(const struct outcome *outcomes, size_t count,
                                          const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].status != OUTCOME_SKIPPED && strcmp(outcomes[i].id, id) == 0)
            return &outcomes[i];
    return NULL;
}

void known_write(struct strbuf *out, const struct known *k, const struct adapter *a,
                 const struct outcome *outcomes, size_t count)
{
    size_t start;

    strbuf_addf(
        out,
        "# What this detector is known to get wrong. Written by --update; reasons are kept.\n"
        "detector: %s\nfails:\n",
        a->name);
    start = out->len;
    for (size_t i = 0; i < k->list.count; i++) {
        struct known_failure f = k->list.item[i];
        const struct outcome *o = find_outcome(outcomes, count, f.id);

        if (o != NULL && o->status == OUTCOME_FAILED)
            f.as = ruling_failed_as(o);
        if (o == NULL || o->status == OUTCOME_FAILED || f.sometimes)
            write_entry(out, &f);
    }
    for (size_t i = 0; i < count; i++) {
        const struct outcome *o = &outcomes[i];

        if (o->status == OUTCOME_FAILED && known_find(k, o->id) == NULL)
            write_entry(out, &(struct known_failure){
                                 .id = o->id, .as = ruling_failed_as(o), .why = o->title});
    }
    if (out->len == start)
        strbuf_adds(out, "  {}\n");
}

bool known_save(const struct known *k, struct span text)
{
    char folder[ADAPTER_PATH_MAX];

    bytes_copy(folder, sizeof folder, span_to(span_of(k->path), span_rchr(span_of(k->path), '/')));
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return false;
    FILE *f = fopen(k->path, "w");
    if (f == NULL)
        return false;
    bool written = fwrite(text.ptr, 1, text.len, f) == text.len;
    return fclose(f) == 0 && written;
}
