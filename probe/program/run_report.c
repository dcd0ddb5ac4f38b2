/*
 * run_report.c - what is printed of a target, when it is known; each report is flushed
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/report/report.h"
#include "probe/program/run_private.h"

bool run_print(struct span text, struct strbuf *error)
{
    if (fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return true;
    strbuf_addf(error, "standard output: %s", strerror(errno));
    return false;
}

/* An address is short to read, and long to keep. */
const struct target *run_job_target(struct job *j)
{
    if (j->target != NULL)
        return j->target;
    (void)target_read(&j->app->scratch, j->text, j->app->error);
    return &j->app->scratch;
}

/* -- notes of this program */

static bool note_begin(struct job *j, struct strbuf *text)
{
    if (j->notes == NULL)
        j->notes = calloc(1, sizeof(*j->notes));
    if (j->notes == NULL || j->notes->count == NOTES_MAX)
        return false;
    strbuf_init(text, j->notes->memory[j->notes->count], NOTE_LEN);
    return true;
}

static void note_end(struct job *j, const struct strbuf *text)
{
    if (text->len > 0)
        j->notes->note[j->notes->count++] = strbuf_span(text);
}

/* The first note; what was noted before goes. */
void run_note_way(struct job *j)
{
    const struct target *t = run_job_target(j);
    struct strbuf text;

    if (j->notes != NULL)
        j->notes->count = 0;
    if (t->found.host_count == 0 || !note_begin(j, &text))
        return;
    strbuf_init(&text, j->notes->way, sizeof(j->notes->way));
    target_print_way(t, &text);
    note_end(j, &text);
}

void run_note_unreachable(struct job *j, const struct endpoint *at, const struct probe *p)
{
    struct strbuf text;

    if ((j->notes != NULL && j->notes->count >= NOTES_MAX - 2) || !note_begin(j, &text))
        return;
    endpoint_print(&text, at);
    strbuf_addf(&text, " was asked first and was unreachable: %s", p->verdict.reason);
    note_end(j, &text);
}

void run_note_others(struct job *j)
{
    struct strbuf text;

    if (!note_begin(j, &text))
        return;
    question_others(&j->question, run_job_target(j), &text);
    note_end(j, &text);
}

/* Mail that has our mark and is nobody's may be of any target that was being asked. */
static void note_strays(struct job *j, const struct seat *s)
{
    unsigned count = j->app->strays - s->strays_ago;
    struct strbuf text;

    if (count == 0 || !note_begin(j, &text))
        return;
    strbuf_addf(&text,
                "While several targets were asked, %u message%s came with a mark of ours and a "
                "token of none of them (forged, altered or replayed). That counts for nothing.",
                count, count == 1 ? "" : "s");
    note_end(j, &text);
}

/* -- reports */

static bool print_report(struct app *a, const struct job_notes *notes, struct report *r)
{
    const struct options *o = a->options;
    struct strbuf out;

    strbuf_init(&out, a->config->page, REPORT_MAX);
    r->notes = notes != NULL ? notes->note : NULL;
    r->note_count = notes != NULL ? notes->count : 0;
    run_clear_progress(a);
    if (o->json) {
        report_json(&out, r);
        strbuf_addc(&out, '\n');
    } else {
        report_text(&out, r,
                    o->quiet     ? REPORT_BRIEF
                    : o->verbose ? REPORT_FULL
                                 : REPORT_NORMAL,
                    a->config->colour);
        if (!o->quiet && a->target_count > 1)
            strbuf_addc(&out, '\n');
    }
    return run_print(strbuf_span(&out), a->error);
}

bool run_report_seat(struct job *j, struct seat *s, struct span name)
{
    struct app *a = j->app;
    struct report report;

    note_strays(j, s);
    report_of(&report, &s->probe, name);
    return print_report(a, j->notes, &report);
}

static bool report_without_probe(struct app *a, const struct job_notes *notes, struct span target,
                                 const struct verdict_result *verdict)
{
    struct report report = {.target = target, .verdict = verdict};

    report.started_epoch_s = report.finished_epoch_s = world_epoch(loop_world(a->loop));
    return print_report(a, notes, &report);
}

bool run_report_unknown(struct job *j, const struct verdict_result *verdict)
{
    return report_without_probe(j->app, j->notes, j->text, verdict);
}

bool run_report_not_asked(struct app *a, struct span target)
{
    struct verdict_result verdict = {.verdict = VERDICT_INCONCLUSIVE,
                                     .reason_code = "not-asked",
                                     .reason = "interrupted before it was asked anything"};
    struct strbuf out;

    if (a->options->json)
        return report_without_probe(a, NULL, target, &verdict);
    strbuf_init(&out, a->config->page, REPORT_MAX);
    strbuf_add_visible(&out, target);
    strbuf_adds(&out, ": not asked\n");
    run_clear_progress(a);
    return run_print(strbuf_span(&out), a->error);
}

/* Nothing where there was one question only. */
bool run_report_summary(struct job *j)
{
    struct app *a = j->app;
    const struct options *o = a->options;
    struct summary s = {j->text, j->rows, j->row_count, o->source, o->source_count};
    struct strbuf out;

    if (!summary_is_due(&s))
        return true;
    strbuf_init(&out, a->config->page, REPORT_MAX);
    run_clear_progress(a);
    if (o->json)
        summary_json(&out, &s);
    else
        summary_text(&out, &s, o->quiet);
    if (o->json || !o->quiet)
        strbuf_addc(&out, '\n');
    return run_print(strbuf_span(&out), a->error);
}
