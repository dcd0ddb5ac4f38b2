/*
 * commands.c - selects, checks every file whole, and only then does anything
 */
#include "scenarios/commands.h"

#include "drive/host/wall.h"
#include "scenarios/adapter/check.h"
#include "scenarios/adapter/known.h"
#include "scenarios/adapter/score.h"
#include "scenarios/engine/check.h"
#include "scenarios/report/events.h"
#include "scenarios/case/explain.h"
#include "scenarios/jobs.h"
#include "scenarios/case/last.h"
#include "scenarios/report/diff.h"
#include "scenarios/run.h"
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
    struct jobs jobs;
    struct last last;
    struct events events;
    size_t failures;       /* so far, whether told or not */
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
    int64_t began_ns = wall_now();
    runner_seed(l->runner, l->o->seed + job / l->jobs.count);
    runner_perform(l->runner, &l->jobs.job[job % l->jobs.count], out, story);
    out->wall_ns = wall_now() - began_ns;
}

static const char *detector_name(const struct lab *l)
{
    return l->manifest.adapter.name != NULL ? l->manifest.adapter.name : "-";
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
    size_t place = job % l->jobs.count;
    l->failures += judged.status == OUTCOME_FAILED;
    const char *path = l->jobs.job[place].path;
    events_add(&l->events, job, path, &judged, strbuf_span(&text), died);
    if (judged.status != OUTCOME_SKIPPED)
        (void)last_note(&l->last, detector_name(l), l->jobs.id[place], path,
                        judged.status == OUTCOME_FAILED);
}

static bool enough(void *self)
{
    const struct lab *l = self;

    return l->o->until_fail && l->failures > 0;
}

static bool add_writer(struct lab *l, const struct event_writer *writer, const char *option,
                       const char *path)
{
    struct event_writer *w = &l->events.writers[l->events.writer_count];

    *w = *writer;
    w->option = option;
    w->path = path;
    w->to = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (w->to == NULL)
        return false;
    l->events.writer_count++;
    return true;
}

static int open_writers(struct lab *l)
{
    const char *const path[] = {l->o->tap, l->o->jsonl, l->o->junit, l->o->page};
    const struct event_writer *const writer[] = {&tap_writer, &jsonl_writer, &junit_writer,
                                                 &markdown_writer};
    static const char *const option[] = {"--tap", "--jsonl", "--junit", "--markdown"};
    bool to_stdout = false;

    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        char what[4608];
        struct strbuf b;

        if (path[i] == NULL)
            continue;
        to_stdout |= strcmp(path[i], "-") == 0;
        if (add_writer(l, writer[i], option[i], path[i]))
            continue;
        strbuf_init(&b, what, sizeof what);
        strbuf_addf(&b, "%s: %s: %s", option[i], path[i], strerror(errno));
        return complain(STATUS_USAGE, what);
    }
    /* Whoever asked for a report on standard output gets nothing else there. */
    if (!to_stdout)
        (void)add_writer(l, &text_writer, NULL, "-");
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

/* Rounds one behind the other: a round is no border for the workers. */
static size_t count_rounds(const struct options *o)
{
    if (o->until_fail)
        return o->repeat > 0 ? o->repeat : OPTIONS_REPEAT_MAX;
    return o->repeat > 0 ? o->repeat : 1;
}

static int conclude(struct lab *l, bool ran, int ended_by, const char *why)
{
    char memory[LAST_PATH_MAX + 512];
    struct strbuf error;
    const struct event_totals *t = &l->events.totals;
    bool written = events_end(&l->events, ended_by);

    strbuf_init(&error, memory, sizeof memory);
    if (!ran)
        return complain(STATUS_INTERNAL, why);
    if (!written) {
        events_complaint(&l->events, &error);
        return complain(STATUS_INTERNAL, memory);
    }
    /* Where no state is kept (a home that is read-only) nobody misses it, unless asked for. */
    if (!last_save(&l->last, &error) && l->o->last != NULL)
        return complain(STATUS_INTERNAL, memory);
    if (ended_by != 0)
        return STATUS_SIGNAL + ended_by;
    if (t->failed > 0)
        return STATUS_FAILED;
    return t->passed == 0 && l->jobs.count > 0 ? STATUS_SKIPPED : STATUS_GOOD;
}

static int command_run(struct lab *l)
{
    const struct workers w = {.count = l->o->jobs,
                              .wall_s = l->o->wall_s,
                              .job_count = l->jobs.count * count_rounds(l->o),
                              .perform = perform,
                              .finished = finished,
                              .self = l,
                              .enough = enough};
    char memory[256];
    struct strbuf error;
    int status = open_writers(l), ended_by = 0;

    strbuf_init(&error, memory, sizeof memory);
    if (status != STATUS_GOOD) {
        events_drop(&l->events);
        return status;
    }
    if (l->o->terminal)
        l->events.progress = stderr;
    if (!events_begin(&l->events, (const char *const *)l->jobs.id, l->jobs.count,
                      l->o->until_fail ? 0 : count_rounds(l->o)))
        return complain(STATUS_INTERNAL, "out of memory");
    bool ran = l->jobs.count == 0 || workers_run(&w, &ended_by, &error);
    return conclude(l, ran, ended_by, memory);
}

static void each_case(struct lab *l, void (*print)(const struct case_file *c, struct strbuf *out))
{
    struct jobs *j = &l->jobs;

    for (size_t i = 0; i < j->count; i++) {
        struct strbuf out;

        strbuf_init(&out, l->output, OUTPUT_MAX);
        if (!source_load(&j->source, l->personas, j->job[i].path, j->job[i].combination, &j->c))
            continue;
        if (i > 0 && print == explain_case)
            strbuf_addc(&out, '\n');
        print(&j->c, &out);
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

    arena_init(&arena, l->jobs.source.block, SOURCE_MEMORY);
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
    strbuf_addf(&out, "%zu files, %zu cases, no errors\n", l->jobs.file_count, l->jobs.case_count);
    events_write(stdout, strbuf_span(&out));
    return STATUS_GOOD;
}

static int command_check(const struct options *o)
{
    if (o->argument_count != 1)
        return complain(STATUS_USAGE, "check: name one engine: postfix, exim, opensmtpd, sendmail");
    if (o->config == NULL)
        return complain(STATUS_USAGE, "check: say --config DIRECTORY or FILE");
    return check_command(&(struct check_request){
        .engine = o->arguments[0],
        .config = o->config,
        .inside = o->inside,
        .domain = o->domain,
        .seed = o->seed,
        .json = o->json});
}

static int command_diff(const struct options *o)
{
    if (o->argument_count != 2)
        return complain(STATUS_USAGE,
                        "diff: name two files that --jsonl wrote, the older one first");
    return diff_command(&(struct diff_request){o->arguments[0], o->arguments[1], o->json});
}

/* What failed last time is of interest to `run`, and to whoever asks for --failed. */
static int prepare(struct lab *l)
{
    const struct options *o = l->o;
    char memory[LAST_PATH_MAX + 512];
    struct strbuf error;
    bool has_one = o->command == COMMAND_RUN || (o->command == COMMAND_LIST && o->failed);
    int status = has_one ? open_detector(l) : STATUS_GOOD;

    strbuf_init(&error, memory, sizeof memory);
    if (status != STATUS_GOOD)
        return status;
    if (o->command == COMMAND_RUN && o->markdown)
        return complain(STATUS_USAGE, "--markdown: takes a file, and stands behind `run`");
    if ((o->command == COMMAND_RUN || o->failed) && !last_open(&l->last, o->last, &error))
        return complain(STATUS_USAGE, memory);
    status = jobs_select(&l->jobs,
                         &(struct jobs_wanted){o, l->personas, &l->last, detector_name(l)});
    return status == STATUS_GOOD || l->jobs.error[0] == '\0'
               ? status
               : complain(status, l->jobs.error);
}

static int dispatch(struct lab *l)
{
    if (l->o->command == COMMAND_SCHEMA)
        return command_schema(l);
    if (l->o->command == COMMAND_ADAPTER)
        return adapter_command(l->o, l->personas, l->adapters);
    if (l->o->command == COMMAND_CHECK)
        return command_check(l->o);
    if (l->o->command == COMMAND_DIFF)
        return command_diff(l->o);
    int status = prepare(l);
    if (status != STATUS_GOOD)
        return status;
    switch (l->o->command) {
    case COMMAND_RUN:
        if (!l->o->list)
            return command_run(l);
        each_case(l, print_row);
        return STATUS_GOOD;
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
            &(struct score_task){l->o, l->personas, l->adapters, l->jobs.job, l->jobs.count});
    case COMMAND_ADAPTER:
    case COMMAND_CHECK:
    case COMMAND_DIFF:
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

    if (l == NULL || (l->output = malloc(OUTPUT_MAX)) == NULL || !jobs_open(&l->jobs)) {
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
    jobs_close(&l->jobs);
    last_close(&l->last);
    free(l->output);
    free(l);
    return status;
}
