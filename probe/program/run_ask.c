/*
 * run_ask.c - the questions about one target, one after another
 *
 * Each is asked by a probe of its own, at the first of its addresses where an SMTP server answers.
 * What --resume finds in the ledger is not asked again, and counts in the target's summary.
 */
#include <stdlib.h>

#include "probe/program/run_private.h"

static int64_t take_slot(void *self, const struct endpoint *to)
{
    struct app *a = self;

    return pace_take(a->pace, to, world_now(loop_world(a->loop)));
}

static void note_target(struct app *a, const struct question *q)
{
    char memory[2 * ENDPOINT_TEXT_MAX + 16];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, "target ");
    endpoint_print(&text, &q->address);
    strbuf_adds(&text, q->source.family != 0 ? " from " : "");
    if (q->source.family != 0)
        endpoint_print_address(&text, &q->source);
    run_write_down(a, strbuf_span(&text));
}

static void ask_address(struct job *j)
{
    struct app *a = j->app;
    struct seat *s = run_seat_new(a, j);

    if (s == NULL) {
        run_out_of_memory(a, "no memory for a probe");
        return;
    }
    struct probe_observer observer = {
        .line = run_see_line,
        .arrival = run_see_arrival,
        .progress = run_see_progress,
        .expect = run_see_expect,
        .looked = run_has_looked,
        .finished = run_see_finished,
        .self = s};
    const struct target *t = run_job_target(j);

    a->addresses++;
    j->asked = true;
    run_name(j, s->run_id);
    struct probe_config config = run_probe_config(a->config, t, &j->question, span_of(s->run_id));
    if (a->pace != NULL)
        config.pace = (struct probe_pace){take_slot, a};
    note_target(a, &j->question);
    j->seat = s;
    probe_start(&s->probe, loop_world(a->loop), &config, &observer);
    run_seat_register(s);
    run_tell_trouble(a, s);
}

/* A port that nobody listens on, a family that is not spoken: that counts where the host answered
 * nowhere else. */
static void end_host(struct job *j)
{
    if (j->unreachable && !j->answered)
        run_count_verdict(j->app, VERDICT_UNREACHABLE);
    j->unreachable = j->answered = false;
}

static void name_question(struct job *j, struct strbuf *name, char *memory)
{
    strbuf_init(name, memory, QUESTION_NAME_MAX);
    question_name(&j->question, j->app->options, run_job_target(j), name);
}

static void next_question(struct job *j)
{
    size_t end = j->question.end;

    j->more = question_next(&j->question, j->app->options, run_job_target(j));
    if (j->more && j->question.end != end)
        end_host(j);
}

/* The present question has its answer; `counts`: it was found out in this run. */
static void take_answer(struct job *j, enum verdict v, bool counts)
{
    const struct question *q = &j->question;
    size_t room = question_count_max(j->app->options, run_job_target(j));

    if (j->rows == NULL)
        j->rows = calloc(room, sizeof(*j->rows));
    if (j->rows == NULL) {
        run_out_of_memory(j->app, "no memory for answers");
        return;
    }
    j->rows[j->row_count++] = (struct summary_row){q->address.port, q->address.family,
                                                   q->source_index, v};
    j->answered |= v != VERDICT_UNREACHABLE;
    j->unreachable |= counts && v == VERDICT_UNREACHABLE;
    if (counts && v != VERDICT_UNREACHABLE)
        run_count_verdict(j->app, v);
    next_question(j);
}

/* Ctrl-C: nothing is known of these, and the summary says so. */
static void report_rest(struct job *j)
{
    char memory[QUESTION_NAME_MAX];
    struct strbuf name;

    while (j->more && !j->app->failed) {
        name_question(j, &name, memory);
        if (!run_report_not_asked(j->app, strbuf_span(&name)))
            j->app->failed = true;
        take_answer(j, VERDICT_INCONCLUSIVE, false);
    }
}

/* The next question that nothing is known of; after the last one the job is over. */
static void job_go_on(struct job *j)
{
    enum verdict verdict;

    while (j->more && !run_is_stopping(j->app)) {
        if (!run_is_known(j, &verdict)) {
            ask_address(j);
            return;
        }
        if (verdict != VERDICT_UNREACHABLE || !question_at_other(&j->question, run_job_target(j)))
            take_answer(j, verdict, false);
    }
    report_rest(j);
    end_host(j);
    run_job_end(j);
}

void run_ask_first(struct job *j)
{
    j->more = question_first(&j->question, j->app->options, run_job_target(j));
    job_go_on(j);
}

void run_ask_settle(struct job *j)
{
    struct app *a = j->app;
    struct seat *s = j->seat;
    const struct endpoint at = j->question.address;
    enum verdict verdict = s->probe.verdict.verdict;
    char memory[QUESTION_NAME_MAX];
    struct strbuf name;

    j->seat = NULL;
    if (verdict == VERDICT_UNREACHABLE && !run_is_stopping(a) &&
        question_at_other(&j->question, run_job_target(j))) {
        run_note_unreachable(j, &at, &s->probe);
        run_seat_keep(a, s);
        job_go_on(j);
        return;
    }
    run_note_others(j);
    name_question(j, &name, memory);
    if (!run_report_seat(j, s, strbuf_span(&name)))
        a->failed = true;
    run_seat_keep(a, s);
    take_answer(j, verdict, true);
    run_note_way(j);
    job_go_on(j);
}
