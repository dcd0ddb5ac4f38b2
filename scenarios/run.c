/*
 * run.c - the order of things in one job
 *
 * A story is written for whoever must mend what failed: what was expected and what came, why the
 * case is there, what was said on the connection, and the line that repeats it.
 */
#include "scenarios/run.h"

#include "lib/base/utf8.h"
#include "scenarios/adapter/ruling.h"
#include "scenarios/judge/dialogue.h"
#include "scenarios/world/jail.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURES_MAX = 65536, DIALOGUE_MAX = 4194304, TRANSCRIPT_LINES_MAX = 80 };

struct runner {
    struct run_config config;
    struct source source;
    struct trial *trial;
    struct contest *contest; /* of a detector that is a command */
    struct case_file c;
    struct strbuf failures;
    struct strbuf transcript; /* of the failing connection */
    char *dialogue[2];        /* per world, when both are compared; DIALOGUE_MAX each */
    size_t dialogue_len[2];
    enum verdict verdict[2];
    char failures_memory[FAILURES_MAX];
    char transcript_memory[FAILURES_MAX];
};

struct runner *runner_new(const struct run_config *config)
{
    struct runner *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->config = *config;
    r->trial = trial_new();
    if (config->detector != NULL)
        r->contest = contest_new(config->detector, config->adapters);
    if (r->trial == NULL || (config->detector != NULL && r->contest == NULL) ||
        !source_open(&r->source)) {
        runner_free(r);
        return NULL;
    }
    return r;
}

void runner_free(struct runner *r)
{
    if (r->trial != NULL)
        trial_free(r->trial);
    contest_free(r->contest);
    source_close(&r->source);
    free(r->dialogue[0]);
    free(r->dialogue[1]);
    free(r);
}

static const char *time_name(enum case_time time)
{
    return time == TIME_ANY ? "any" : time == TIME_VIRTUAL ? "virtual" : "real";
}

/* The worlds that this job runs in; false: none of those that were asked for. */
static bool choose_world(const struct runner *r, enum run_world *world)
{
    enum case_time time = r->c.time;

    *world = r->contest != NULL ? RUN_REAL : r->config.world;
    if (time == TIME_ANY)
        return true;
    enum run_world only = time == TIME_VIRTUAL ? RUN_VIRTUAL : RUN_REAL;
    if (*world != RUN_BOTH && *world != only)
        return false;
    *world = only;
    return true;
}

static void add_time(struct strbuf *out, int64_t ns)
{
    uint64_t ms = ns < 0 ? 0 : (uint64_t)(ns / CLOCK_MS);

    strbuf_addf(out, "%8llu.%03u s  ", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

/* One connection of the target, with the time of each line. */
static void write_connection(const struct trial_result *t, uint64_t connection, struct strbuf *out)
{
    char memory[RECORD_LINE_MAX];
    struct strbuf line;
    struct record_cursor cursor = {0};
    unsigned lines = 0;

    strbuf_init(&line, memory, sizeof memory);
    while (record_line(t->record, t->target, connection, &cursor, &line)) {
        if (lines++ == TRANSCRIPT_LINES_MAX) {
            strbuf_adds(out, "             ...\n");
            break;
        }
        add_time(out, cursor.at_ns - t->started_ns);
        strbuf_add(out, span_to(strbuf_span(&line), 160));
        strbuf_addc(out, '\n');
    }
}

static void write_transcript(const struct trial_result *t, uint64_t wanted, struct strbuf *out)
{
    uint64_t count = record_connections(t->record, t->target);
    uint64_t connection = wanted > 0 ? wanted : 1;

    if (count == 0) {
        strbuf_adds(out, "the target saw no connection\n");
        return;
    }
    strbuf_addf(out, "connection %llu of %llu at the target:\n", (unsigned long long)connection,
                (unsigned long long)count);
    write_connection(t, connection, out);
    if (count != connection && wanted == 0) {
        strbuf_addf(out, "connection %llu:\n", (unsigned long long)count);
        write_connection(t, count, out);
    }
}

static void write_log(const struct trial_result *t, struct strbuf *out)
{
    if (t->log.len == 0)
        return;
    strbuf_adds(out, "the end of the server's log:\n");
    strbuf_add(out, t->log);
}

static void fill_outcome(struct outcome *out, const struct trial_result *t, enum mark mark)
{
    out->mark = mark;
    out->elapsed_ns = t->elapsed_ns;
    out->connections = record_connections(t->record, t->target);
    out->deliveries = record_deliveries(t->record, UINT_MAX);
    if (t->verdict == NULL) {
        out->verdict = -1;
        bytes_copy(out->reason, sizeof out->reason, span_of(t->trouble));
        return;
    }
    out->verdict = (int)t->verdict->verdict;
    bytes_copy(out->reason_code, sizeof out->reason_code, span_of(t->verdict->reason_code));
    bytes_copy(out->reason, sizeof out->reason, span_of(t->verdict->reason));
}

static void keep_dialogue(struct runner *r, enum trial_world world, const struct trial_result *t)
{
    struct strbuf b;

    if (r->dialogue[world] == NULL)
        r->dialogue[world] = malloc(DIALOGUE_MAX);
    if (r->dialogue[world] == NULL)
        return;
    strbuf_init(&b, r->dialogue[world], DIALOGUE_MAX);
    dialogue_print(t->record, t->target, &b);
    r->dialogue_len[world] = b.len;
    r->verdict[world] = t->verdict != NULL ? t->verdict->verdict : VERDICT_UNREACHABLE;
}

static unsigned run_world(struct runner *r, enum trial_world world, struct outcome *out)
{
    struct trial_result t;
    struct judgement j = {.failures = 0};

    trial_run(r->trial, &r->c, world, r->config.seed, &t);
    size_t start = r->failures.len;
    if (out->world == RUN_BOTH)
        strbuf_addf(&r->failures, "in %s time:\n", trial_world_name(world));
    judge_run(&r->c, &t, &j, &r->failures);
    if (j.failures == 0) {
        r->failures.len = start;
        r->failures.ptr[start] = '\0';
    }
    fill_outcome(out, &t, j.mark);
    if (out->world == RUN_BOTH)
        keep_dialogue(r, world, &t);
    if (j.failures > 0 || r->config.verbose) {
        strbuf_addf(&r->transcript, "%s time, ", trial_world_name(world));
        write_transcript(&t, j.connection, &r->transcript);
        write_log(&t, &r->transcript);
    }
    if (r->config.verbose)
        strbuf_add(&r->transcript, t.report);
    return j.failures;
}

enum { SHOWN_OUTPUT_MAX = 4096 };

static void write_output(const struct contest_result *t, struct strbuf *out)
{
    struct span rest = span_to(t->output, SHOWN_OUTPUT_MAX), line;

    strbuf_addf(out, "the detector printed %llu octets:\n", (unsigned long long)t->use.output);
    while (rest.len > 0 && span_cut(&rest, '\n', &line)) {
        strbuf_adds(out, "  ");
        strbuf_add_visible(out, line);
        strbuf_addc(out, '\n');
    }
}

static unsigned run_detector(struct runner *r, struct outcome *out)
{
    struct contest_result t;

    contest_run(r->contest, &r->c, r->config.seed, &t);
    unsigned failures = ruling_judge(r->config.detector, &r->c, &t, out, &r->failures);
    if (failures > 0 || r->config.verbose) {
        const struct trial_result seen = {
            .record = t.record, .target = t.target, .started_ns = t.started_ns};

        write_output(&t, &r->transcript);
        write_transcript(&seen, 0, &r->transcript);
    }
    return failures;
}

static unsigned compare_worlds(struct runner *r)
{
    struct span line[2];
    unsigned number;

    if (r->verdict[0] != r->verdict[1]) {
        strbuf_addf(&r->failures, "parity of verdicts\n  virtual:  %s\n  real:     %s\n",
                    verdict_name(r->verdict[0]), verdict_name(r->verdict[1]));
        return 1;
    }
    bool ordered = r->c.probe.sessions <= 1; /* else the world decides which session is quicker */
    if (r->dialogue[0] == NULL || r->dialogue[1] == NULL || !ordered)
        return 0;
    struct span a = {r->dialogue[0], r->dialogue_len[0]}, b = {r->dialogue[1], r->dialogue_len[1]};
    if (!dialogue_difference(a, b, &line[0], &line[1], &number))
        return 0;
    strbuf_addf(&r->failures, "parity of dialogues, line %u\n  virtual:  %.*s\n  real:     %.*s\n",
                number, (int)line[0].len, line[0].ptr, (int)line[1].len, line[1].ptr);
    return 1;
}

static unsigned run_worlds(struct runner *r, struct outcome *out)
{
    struct oracle_result oracle;
    struct judgement truth = {.failures = 0};
    unsigned failures = 0;

    if (!oracle_ask(r->trial, &r->c, r->config.seed, &oracle)) {
        strbuf_addf(&r->failures, "the oracle's stage\n  actual:   %s\n", oracle.reply);
        return 1;
    }
    judge_truth(&r->c, &oracle, &truth, &r->failures);
    if (r->contest != NULL)
        return truth.failures + run_detector(r, out);
    if (out->world != RUN_REAL)
        failures += run_world(r, WORLD_VIRTUAL, out);
    if (out->world != RUN_VIRTUAL)
        failures += run_world(r, WORLD_REAL, out);
    if (out->world == RUN_BOTH)
        failures += compare_worlds(r);
    return truth.failures + failures;
}

/* A case that must fail passes when it fails as it says. */
static bool passes(struct runner *r, unsigned failures)
{
    struct span wanted = span_of(r->c.fails_with);

    if (r->c.fails_with == NULL)
        return failures == 0;
    if (failures > 0 && span_find(strbuf_span(&r->failures), wanted) != SIZE_MAX)
        return true;
    strbuf_addf(&r->failures,
                "this case must fail\n  expected: a failure with \"%s\"\n"
                "  actual:   %s\n",
                r->c.fails_with, failures == 0 ? "it passed" : "it failed otherwise");
    return false;
}

static void add_indented(struct strbuf *out, struct span text)
{
    struct span line;

    while (span_cut(&text, '\n', &line)) {
        if (line.len == 0 && text.len == 0)
            break;
        strbuf_adds(out, "  ");
        strbuf_add(out, line);
        strbuf_addc(out, '\n');
    }
}

static void add_reproduce(const struct runner *r, const struct outcome *out, struct strbuf *story)
{
    strbuf_adds(story, "  reproduce: relaylab run ");
    utf8_add_line(story, span_of(r->c.path));
    if (r->contest != NULL) {
        strbuf_adds(story, " --detector ");
        utf8_add_line(story, span_of(r->config.detector->path));
    } else {
        strbuf_addf(story, " --time %s", run_world_name(out->world));
    }
    strbuf_addf(story, " --seed %llu\n", (unsigned long long)out->seed);
}

static void tell(struct runner *r, const struct outcome *out, struct strbuf *story)
{
    add_indented(story, strbuf_span(&r->failures));
    if (out->status == OUTCOME_FAILED) {
        strbuf_adds(story, "  why: ");
        strbuf_adds(story, r->c.why);
        strbuf_addc(story, '\n');
    }
    add_indented(story, strbuf_span(&r->transcript));
    if (out->status == OUTCOME_FAILED)
        add_reproduce(r, out, story);
}

static void name_job(const struct runner *r, struct outcome *out)
{
    struct strbuf id;

    strbuf_init(&id, out->id, sizeof out->id);
    strbuf_adds(&id, r->c.name);
    case_print_bindings(&r->c, &id);
    bytes_copy(out->title, sizeof out->title, span_of(r->c.title));
    strbuf_init(&id, out->caveat, sizeof out->caveat);
    for (size_t i = 0; i < r->c.caveat.count; i++)
        strbuf_addf(&id, "%s%s", i > 0 ? " " : "", r->c.caveat.item[i]);
    out->truth = r->c.truth;
}

/* The case is not for this run; the outcome says why. */
static bool is_skipped(const struct runner *r, struct outcome *out)
{
    const char *why = NULL;
    struct strbuf reason;

    strbuf_init(&reason, out->reason, sizeof out->reason);
    if (r->contest != NULL)
        why = contest_cannot(r->config.detector, &r->c);
    if (why != NULL)
        strbuf_adds(&reason, why);
    else if (!choose_world(r, &out->world))
        strbuf_addf(&reason, "time: %s", time_name(r->c.time));
    else if (r->contest != NULL &&
             (why = adapter_declines(r->config.detector, &r->c.tags)) != NULL) {
        out->declined = true;
        strbuf_adds(&reason, why);
    }
    return reason.len > 0;
}

/* In the worker, or inside a namespace where a server is a real one. */
static void work(void *self, struct outcome *out, struct strbuf *story)
{
    struct runner *r = self;
    unsigned failures = run_worlds(r, out);
    bool passed = passes(r, failures);

    out->status = passed ? OUTCOME_PASSED : OUTCOME_FAILED;
    if (!passed || r->config.verbose)
        tell(r, out, story);
}

/* Somebody's detector must not reach the Internet; where the host has no namespaces to give, it
   runs on loopback all the same, since the contract gives it no other address. */
static void perform_jailed(struct runner *r, struct outcome *out, struct strbuf *story)
{
    jail_perform(&r->c, work, r, out, story);
    if (out->status != OUTCOME_SKIPPED || case_has_engine(&r->c))
        return;
    out->reason[0] = '\0';
    work(r, out, story);
}

void runner_seed(struct runner *r, uint64_t seed)
{
    r->config.seed = seed;
}

void runner_perform(struct runner *r, const struct run_job *job, struct outcome *out,
                    struct strbuf *story)
{
    out->seed = r->config.seed;
    out->verdict = -1;
    out->world = r->config.world;
    out->mark = MARK_UNDECIDED;
    strbuf_init(&r->failures, r->failures_memory, sizeof r->failures_memory);
    strbuf_init(&r->transcript, r->transcript_memory, sizeof r->transcript_memory);
    if (!source_load(&r->source, r->config.personas, job->path, job->combination, &r->c)) {
        out->status = OUTCOME_FAILED;
        strbuf_adds(story, r->source.error);
        return;
    }
    name_job(r, out);
    if (is_skipped(r, out)) {
        out->status = OUTCOME_SKIPPED;
        return;
    }
    if (r->contest == NULL && !case_has_engine(&r->c))
        work(r, out, story);
    else if (jail_ready(&r->c, out, story))
        perform_jailed(r, out, story);
}

const char *outcome_status_name(enum outcome_status s)
{
    static const char *const names[] = {"pass", "fail", "skip"};

    return names[s];
}

const char *run_world_name(enum run_world w)
{
    static const char *const names[] = {"virtual", "real", "both"};

    return names[w];
}
