/*
 * score.c - two rounds of jobs: calibration, then cases
 *
 * Jobs are numbered detector by detector, so that a worker makes a new runner only when it comes to
 * the next detector.
 */
#include "scenarios/adapter/score.h"

#include "scenarios/adapter/process.h"
#include "scenarios/adapter/ruling.h"
#include "scenarios/commands.h"
#include "scenarios/report/events.h"
#include "scenarios/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPLAINT_MAX = CONF_ERROR_MAX + 512 };

struct round { /* jobs of some detectors over some cases */
    struct score *s;
    const struct run_job *jobs;
    size_t job_count; /* for each */
    size_t who[OPTIONS_DETECTORS_MAX];
    size_t who_count;
    bool calibration;
    struct runner *runner; /* a worker's own, of detector `of` */
    size_t of;
};

static int complain(int status, const char *what)
{
    char memory[COMPLAINT_MAX];
    struct strbuf line;

    strbuf_init(&line, memory, sizeof memory);
    strbuf_addf(&line, "relaylab: %s\n", what);
    events_write(stderr, strbuf_span(&line));
    return status;
}

static void perform(void *self, size_t job, struct outcome *out, struct strbuf *story)
{
    struct round *r = self;
    const struct score_task *t = &r->s->task;
    size_t who = r->who[job / r->job_count];
    const struct run_config config = {.world = RUN_REAL,
                                      .seed = t->o->seed,
                                      .personas = t->personas,
                                      .detector = &r->s->detectors[who].manifest.adapter,
                                      .adapters = t->adapters};

    if (r->runner != NULL && r->of != who) {
        runner_free(r->runner);
        r->runner = NULL;
    }
    if (r->runner == NULL)
        r->runner = runner_new(&config);
    r->of = who;
    if (r->runner == NULL) {
        out->status = OUTCOME_FAILED;
        out->verdict = -1;
        out->said = (int)SAID_BROKEN;
        strbuf_adds(story, "out of memory\n");
        return;
    }
    runner_perform(r->runner, &r->jobs[job % r->job_count], out, story);
}

/* Only what contradicts the expectation file is told: a scorecard is no list of failures. */
static void compare(struct score_detector *d, const struct outcome *out, struct span story)
{
    char memory[STORY_MAX];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof memory);
    strbuf_addf(&text, "%s: %s\n", d->manifest.adapter.name, out->id);
    if (!d->known.exists || known_holds(&d->known, out, &text))
        return;
    d->surprises++;
    strbuf_add(&text, story);
    events_write(stderr, strbuf_span(&text));
}

static void finished(void *self, size_t job, const struct outcome *out, struct span story,
                     const char *died)
{
    struct round *r = self;
    struct score_detector *d = &r->s->detectors[r->who[job / r->job_count]];
    size_t index = job % r->job_count;
    struct outcome *cell = r->calibration ? &d->calibration[index] : &d->cells[index];

    *cell = *out;
    if (died != NULL) {
        cell->said = (int)SAID_CRASHED;
        cell->verdict = -1;
        bytes_copy(cell->id, sizeof cell->id, span_of(r->jobs[index].path));
        bytes_copy(cell->reason, sizeof cell->reason, span_of(died));
    }
    if (!r->calibration)
        score_keep_story(d, index, story);
    if (!r->calibration && !r->s->task.o->update)
        compare(d, cell, story);
}

static int run_round(struct round *r)
{
    const struct options *o = r->s->task.o;
    const struct workers w = {.count = o->jobs,
                              .wall_s = o->wall_s,
                              .job_count = r->job_count * r->who_count,
                              .perform = perform,
                              .finished = finished,
                              .self = r};
    char memory[256];
    struct strbuf error;
    int ended_by = 0;

    strbuf_init(&error, memory, sizeof memory);
    if (r->who_count > 0 && !workers_run(&w, &ended_by, &error))
        return complain(STATUS_INTERNAL, memory);
    return ended_by != 0 ? STATUS_SIGNAL + ended_by : STATUS_GOOD;
}

/* Says the same of an open and of a closed server, or nothing: its words mean nothing. */
static void judge_calibration(struct score_detector *d)
{
    struct strbuf why;

    strbuf_init(&why, d->unscored, sizeof d->unscored);
    for (size_t i = 0; i < CALIBRATION_COUNT; i++) {
        const struct outcome *o = &d->calibration[i];

        if (o->said == (int)SAID_VERDICT && o->verdict >= 0)
            continue;
        strbuf_addf(&why, "%s at the %s calibration case: %s",
                    said_kind_name((enum said_kind)o->said),
                    i == CALIBRATION_OPEN ? "open" : "closed", o->reason);
        return;
    }
    if (!d->manifest.adapter.baseline && d->calibration[0].verdict == d->calibration[1].verdict)
        strbuf_addf(&why, "constant: says %s of the open and of the closed calibration case",
                    adapter_verdict_name(d->calibration[0].verdict));
}

static int calibrate(struct score *s)
{
    char path[CALIBRATION_COUNT][ADAPTER_PATH_MAX];
    struct run_job jobs[CALIBRATION_COUNT];
    struct round r = {.s = s, .jobs = jobs, .job_count = CALIBRATION_COUNT, .calibration = true};
    static const char *const names[] = {"calibration/open", "calibration/closed"};

    for (size_t i = 0; i < CALIBRATION_COUNT; i++) {
        if (!adapter_path_find(s->task.adapters, names[i], path[i]))
            return complain(STATUS_USAGE, "the calibration cases are not found "
                                          "(calibration/ in the folder of adapters)");
        jobs[i] = (struct run_job){path[i], 0};
    }
    for (size_t i = 0; i < s->detector_count; i++)
        r.who[r.who_count++] = i;
    int status = run_round(&r);
    for (size_t i = 0; i < s->detector_count; i++)
        judge_calibration(&s->detectors[i]);
    return status;
}

static int run_cases(struct score *s)
{
    struct round r = {.s = s, .jobs = s->task.jobs, .job_count = s->task.job_count};

    for (size_t i = 0; i < s->detector_count; i++)
        if (s->detectors[i].unscored[0] == '\0')
            r.who[r.who_count++] = i;
    return run_round(&r);
}

static int open_one(struct score *s, struct score_detector *d, const char *name)
{
    const struct adapter *a = &d->manifest.adapter;
    char memory[256];
    struct strbuf why;

    if (!manifest_open(&d->manifest, s->task.adapters, name))
        return complain(d->manifest.unreadable ? STATUS_USAGE : STATUS_INVALID, d->manifest.error);
    if (!known_open(&d->known, a))
        return complain(STATUS_INVALID, d->known.error);
    d->cells = calloc(s->task.job_count, sizeof *d->cells);
    if (s->task.o->explain)
        d->stories = calloc(s->task.job_count, sizeof *d->stories);
    if (d->cells == NULL || (s->task.o->explain && d->stories == NULL))
        return complain(STATUS_INTERNAL, "out of memory");
    strbuf_init(&why, memory, sizeof memory);
    if (a->version.argv.count > 0)
        (void)process_version(a, s->task.adapters, d->version, sizeof d->version, &why);
    return STATUS_GOOD;
}

static int open_detectors(struct score *s)
{
    const struct options *o = s->task.o;
    int status = STATUS_GOOD;

    if (o->detector_count == 0)
        return complain(STATUS_USAGE, "no detector (--detector NAME|FILE, several times)");
    s->detectors = calloc(o->detector_count, sizeof *s->detectors);
    if (s->detectors == NULL)
        return complain(STATUS_INTERNAL, "out of memory");
    for (size_t i = 0; i < o->detector_count && status == STATUS_GOOD; i++) {
        s->detector_count++;
        status = open_one(s, &s->detectors[i], o->detectors[i]);
    }
    return status;
}

static int write_known(struct score *s, struct score_detector *d, char *memory)
{
    struct strbuf out;
    char what[ADAPTER_PATH_MAX + 128];

    strbuf_init(&out, memory, SCORE_OUTPUT_MAX);
    known_write(&out, &d->known, &d->manifest.adapter, d->cells, s->task.job_count);
    if (d->unscored[0] != '\0' || known_save(&d->known, strbuf_span(&out)))
        return STATUS_GOOD;
    strbuf_init(&out, what, sizeof what);
    strbuf_addf(&out, "%s: %s", d->known.path, strerror(errno));
    return complain(STATUS_USAGE, what);
}

static int report(struct score *s)
{
    char *memory = malloc(SCORE_OUTPUT_MAX);
    struct strbuf out;
    int status = STATUS_GOOD;
    unsigned surprises = 0;

    if (memory == NULL)
        return complain(STATUS_INTERNAL, "out of memory");
    for (size_t i = 0; i < s->detector_count; i++) {
        score_sum_group(s, &s->detectors[i], NULL, &s->detectors[i].sum);
        surprises += s->detectors[i].surprises;
        if (s->task.o->update && status == STATUS_GOOD)
            status = write_known(s, &s->detectors[i], memory);
    }
    score_list_groups(s);
    strbuf_init(&out, memory, SCORE_OUTPUT_MAX);
    if (s->task.o->json)
        score_json(s, &out);
    else if (s->task.o->markdown)
        score_markdown(s, &out);
    else
        score_text(s, &out);
    events_write(stdout, strbuf_span(&out));
    if (out.truncated)
        status = complain(STATUS_INTERNAL, "the scorecard is too large");
    if (!s->task.o->json)
        score_explain(s, s->task.o->markdown, stdout);
    free(memory);
    return status == STATUS_GOOD && surprises > 0 ? STATUS_FAILED : status;
}

int score_command(const struct score_task *task)
{
    struct score *s = calloc(1, sizeof *s);

    if (s == NULL)
        return complain(STATUS_INTERNAL, "out of memory");
    s->task = *task;
    int status = open_detectors(s);
    if (status == STATUS_GOOD)
        status = calibrate(s);
    if (status == STATUS_GOOD)
        status = run_cases(s);
    if (status == STATUS_GOOD)
        status = report(s);
    for (size_t i = 0; i < s->detector_count; i++) {
        manifest_close(&s->detectors[i].manifest);
        known_close(&s->detectors[i].known);
        score_forget_stories(&s->detectors[i], s->task.job_count);
        free(s->detectors[i].cells);
    }
    free(s->detectors);
    free(s);
    return status;
}
