/*
 * commands.c - selects, checks every file whole, and only then does anything
 *
 * A file that cannot be loaded ends everything before the first case runs: half a run would look
 * like a whole one.
 */
#include "scenarios/commands.h"

#include "scenarios/adapter/check.h"
#include "scenarios/adapter/known.h"
#include "scenarios/adapter/score.h"
#include "scenarios/engine/check.h"
#include "scenarios/report/events.h"
#include "scenarios/explain.h"
#include "scenarios/run.h"
#include "scenarios/select.h"
#include "scenarios/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1048576 };

struct lab {
    const struct options *o;
    const struct persona_path *personas;
    const struct adapter_path *adapters;
    struct manifest manifest; /* of run --detector */
    struct known known;
    struct selection files;
    struct source source;
    struct run_job *jobs;
    size_t job_count, job_cap;
    size_t file_count; /* selected by tags too */
    size_t invalid;
    struct case_file c;
    struct events events;
    struct runner *runner; /* a worker's own */
    char *output;          /* OUTPUT_MAX */
};

static int complain(int status, const char *what)
{
    char memory[CONF_ERROR_MAX + 512];
    struct strbuf line;

    strbuf_init(&line, memory, sizeof memory);
    strbuf_addf(&line, "relaylab: %s\n", what);
    events_write(stderr, strbuf_span(&line));
    return status;
}

static bool tags_hold(const struct lab *l)
{
    if (l->o->tag_count == 0)
        return true;
    for (size_t i = 0; i < l->o->tag_count; i++)
        if (select_tags(&l->c.tags, span_of(l->o->tags[i])))
            return true;
    return false;
}

static bool add_job(struct lab *l, const char *path, size_t combination)
{
    if (l->job_count == l->job_cap) {
        size_t cap = l->job_cap == 0 ? 256 : l->job_cap * 2;
        struct run_job *moved = realloc(l->jobs, cap * sizeof *moved);

        if (moved == NULL)
            return false;
        l->jobs = moved;
        l->job_cap = cap;
    }
    l->jobs[l->job_count++] = (struct run_job){path, combination};
    return true;
}

/* Loads all combinations of one file; its first error is printed. False: no memory. */
static bool check_file(struct lab *l, const char *path)
{
    size_t count = source_count(&l->source, path);

    if (count == 0)
        goto invalid;
    for (size_t i = 0; i < count; i++) {
        if (!source_load(&l->source, l->personas, path, i, &l->c))
            goto invalid;
        if (i == 0 && !tags_hold(l))
            return true;
        l->file_count += i == 0;
        if (!add_job(l, path, i))
            return false;
    }
    return true;
invalid:
    l->invalid++;
    events_write(stderr, span_of(l->source.error));
    if (!span_iends(span_of(l->source.error), SPAN("\n")))
        events_write(stderr, SPAN("\n"));
    return true;
}

static int prepare(struct lab *l)
{
    char memory[4608];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof memory);
    if (l->o->argument_count == 0)
        return complain(STATUS_USAGE, "no case files (name files, directories or globs)");
    for (int i = 0; i < l->o->argument_count; i++)
        if (!selection_add(&l->files, l->o->arguments[i], &error))
            return complain(STATUS_USAGE, memory);
    selection_sort(&l->files);
    for (size_t i = 0; i < l->files.count; i++)
        if (!check_file(l, l->files.path[i]))
            return complain(STATUS_INTERNAL, "out of memory");
    if (l->invalid > 0)
        return STATUS_INVALID;
    if (l->job_count == 0)
        return complain(STATUS_NOTHING, "nothing selected");
    return STATUS_GOOD;
}

static void perform(void *self, size_t job, struct outcome *out, struct strbuf *story)
{
    struct lab *l = self;
    const struct run_config config = {
        .world = l->o->world,
        .seed = l->o->seed,
        .verbose = l->o->verbose,
        .personas = l->personas,
        .detector = l->o->detector_count > 0 ? &l->manifest.adapter : NULL,
        .adapters = l->adapters,
    };

    if (l->runner == NULL)
        l->runner = runner_new(&config);
    if (l->runner == NULL) {
        out->status = OUTCOME_FAILED;
        out->verdict = -1;
        strbuf_adds(story, "out of memory\n");
        return;
    }
    runner_perform(l->runner, &l->jobs[job], out, story);
}

static void finished(void *self, size_t job, const struct outcome *out, struct span story,
                     const char *died)
{
    struct lab *l = self;
    struct outcome judged = *out;
    char memory[STORY_MAX];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof memory);
    if (l->o->detector_count > 0 && died == NULL) {
        const struct known_failure *f = known_find(&l->known, out->id);
        bool holds = known_holds(&l->known, out, &text);

        if (out->status != OUTCOME_SKIPPED)
            judged.status = holds ? OUTCOME_PASSED : OUTCOME_FAILED;
        if (holds && f != NULL && !l->o->verbose)
            story.len = 0;
    }
    strbuf_add(&text, story);
    events_add(&l->events, job, l->jobs[job].path, &judged, strbuf_span(&text), died);
}

static bool add_writer(struct lab *l, const struct event_writer *writer, const char *path)
{
    struct event_writer *w = &l->events.writers[l->events.writer_count];

    *w = *writer;
    w->to = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (w->to == NULL)
        return false;
    l->events.writer_count++;
    return true;
}

static int open_writers(struct lab *l)
{
    const char *const path[] = {l->o->tap, l->o->jsonl};
    const struct event_writer *const writer[] = {&tap_writer, &jsonl_writer};
    bool to_stdout = false;

    for (size_t i = 0; i < 2; i++) {
        char what[4608];
        struct strbuf b;

        if (path[i] == NULL)
            continue;
        to_stdout |= strcmp(path[i], "-") == 0;
        if (add_writer(l, writer[i], path[i]))
            continue;
        strbuf_init(&b, what, sizeof what);
        strbuf_addf(&b, "%s: %s: %s", i == 0 ? "--tap" : "--jsonl", path[i], strerror(errno));
        return complain(STATUS_USAGE, what);
    }
    /* Whoever asked for a report on standard output gets nothing else there. */
    if (!to_stdout)
        (void)add_writer(l, &text_writer, "-");
    return STATUS_GOOD;
}

/* One detector, its manifest and what it is known to get wrong. */
static int open_detector(struct lab *l)
{
    if (l->o->detector_count == 0)
        return STATUS_GOOD;
    if (l->o->detector_count > 1)
        return complain(STATUS_USAGE, "run takes one --detector; score takes several");
    if (!manifest_open(&l->manifest, l->adapters, l->o->detectors[0]))
        return complain(l->manifest.unreadable ? STATUS_USAGE : STATUS_INVALID, l->manifest.error);
    if (!known_open(&l->known, &l->manifest.adapter))
        return complain(STATUS_INVALID, l->known.error);
    return STATUS_GOOD;
}

static int command_run(struct lab *l)
{
    const struct workers w = {l->o->jobs, l->o->wall_s, l->job_count, perform, finished, l};
    char memory[256];
    struct strbuf error;
    int status = open_detector(l), ended_by = 0;

    strbuf_init(&error, memory, sizeof memory);
    if (status == STATUS_GOOD)
        status = open_writers(l);
    if (status != STATUS_GOOD)
        return status;
    if (!events_begin(&l->events, l->job_count))
        return complain(STATUS_INTERNAL, "out of memory");
    bool ran = workers_run(&w, &ended_by, &error);
    bool written = events_end(&l->events, ended_by);
    const struct event_totals *t = &l->events.totals;
    if (!ran)
        return complain(STATUS_INTERNAL, memory);
    if (!written)
        return complain(STATUS_INTERNAL, "a report could not be written");
    if (ended_by != 0)
        return STATUS_SIGNAL + ended_by;
    if (t->failed > 0)
        return STATUS_FAILED;
    return t->passed == 0 ? STATUS_SKIPPED : STATUS_GOOD;
}

static void each_case(struct lab *l, void (*print)(const struct case_file *c, struct strbuf *out))
{
    for (size_t i = 0; i < l->job_count; i++) {
        struct strbuf out;

        strbuf_init(&out, l->output, OUTPUT_MAX);
        if (!source_load(&l->source, l->personas, l->jobs[i].path, l->jobs[i].combination, &l->c))
            continue;
        if (i > 0 && print == explain_case)
            strbuf_addc(&out, '\n');
        print(&l->c, &out);
        events_write(stdout, strbuf_span(&out));
    }
}

static void print_row(const struct case_file *c, struct strbuf *out)
{
    static const char *const times[] = {"any", "virtual", "real"};
    size_t start = out->len;

    strbuf_adds(out, c->name);
    case_print_bindings(c, out);
    while (out->len - start < 44)
        strbuf_addc(out, ' ');
    strbuf_addf(out, "  %-7s  %-11s  %s\n", times[c->time], case_truth_name(c->truth), c->path);
}

/* Of case files, or of adapters' manifests. */
static bool schema_of(const struct lab *l, struct arena *arena, const struct conf_table **table,
                      const char **title)
{
    const struct options *o = l->o;

    *table = o->argument_count == 0 ? case_table(arena) : manifest_table();
    *title = o->argument_count == 0 ? "relaylab case" : "relaylab adapter";
    return o->argument_count == 0 ||
           (o->argument_count == 1 && strcmp(o->arguments[0], "adapter") == 0);
}

static int command_schema(struct lab *l)
{
    const struct conf_table *table;
    const char *title;
    struct arena arena;
    struct strbuf out;

    arena_init(&arena, l->source.block, SOURCE_MEMORY);
    strbuf_init(&out, l->output, OUTPUT_MAX);
    if (!schema_of(l, &arena, &table, &title))
        return complain(STATUS_USAGE, "schema: takes no argument, or adapter");
    if (l->o->markdown)
        conf_reference(table, &out);
    else
        conf_schema(table, title, &out);
    events_write(stdout, strbuf_span(&out));
    if (out.len > 0 && out.ptr[out.len - 1] != '\n')
        events_write(stdout, SPAN("\n"));
    return out.truncated ? STATUS_INTERNAL : STATUS_GOOD;
}

static int command_lint(struct lab *l)
{
    struct strbuf out;

    strbuf_init(&out, l->output, OUTPUT_MAX);
    strbuf_addf(&out, "%zu files, %zu cases, no errors\n", l->file_count, l->job_count);
    events_write(stdout, strbuf_span(&out));
    return STATUS_GOOD;
}

static int command_check(const struct options *o)
{
    if (o->argument_count != 1)
        return complain(STATUS_USAGE, "check: name one engine: postfix, exim, opensmtpd, sendmail");
    if (o->config == NULL)
        return complain(STATUS_USAGE, "check: say --config DIRECTORY or FILE");
    return check_command(
        &(struct check_request){o->arguments[0], o->config, o->inside, o->domain, o->seed});
}

static int dispatch(struct lab *l)
{
    if (l->o->command == COMMAND_SCHEMA)
        return command_schema(l);
    if (l->o->command == COMMAND_ADAPTER)
        return adapter_command(l->o, l->personas, l->adapters);
    if (l->o->command == COMMAND_CHECK)
        return command_check(l->o);
    int status = prepare(l);
    if (status != STATUS_GOOD)
        return status;
    switch (l->o->command) {
    case COMMAND_RUN:
        return command_run(l);
    case COMMAND_LIST:
        each_case(l, print_row);
        return STATUS_GOOD;
    case COMMAND_LINT:
        return command_lint(l);
    case COMMAND_EXPLAIN:
        each_case(l, explain_case);
        return STATUS_GOOD;
    case COMMAND_SCORE:
        return score_command(
            &(struct score_task){l->o, l->personas, l->adapters, l->jobs, l->job_count});
    case COMMAND_ADAPTER:
    case COMMAND_CHECK:
    case COMMAND_SCHEMA:
    case COMMAND_HELP:
    case COMMAND_VERSION:
        break;
    }
    return STATUS_USAGE;
}

int command_perform(const struct options *o, const struct persona_path *personas,
                    const struct adapter_path *adapters)
{
    struct lab *l = calloc(1, sizeof *l);
    int status;

    if (l == NULL || (l->output = malloc(OUTPUT_MAX)) == NULL || !source_open(&l->source)) {
        if (l != NULL)
            free(l->output);
        free(l);
        return complain(STATUS_INTERNAL, "out of memory");
    }
    l->o = o;
    l->personas = personas;
    l->adapters = adapters;
    status = dispatch(l);
    manifest_close(&l->manifest);
    known_close(&l->known);
    source_close(&l->source);
    selection_clear(&l->files);
    free(l->jobs);
    free(l->output);
    free(l);
    return status;
}
