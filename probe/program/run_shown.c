/*
 * run_shown.c - the progress line, and the exit status that verdicts add up to
 *
 * One target has a line of its own phase; many have one of counts.
 */
#include <stdio.h>
#include <string.h>

#include "probe/report/progress.h"
#include "probe/program/run_private.h"

/* The worst first, as DESIGN.md orders them. */
static int rank(int status)
{
    static const int order[] = {1, 3, 4, 5, 0};
    int i = 0;

    while (i < 4 && order[i] != status)
        i++;
    return i;
}

void run_count_verdict(struct app *a, enum verdict v)
{
    int status = verdict_exit_status(v);

    a->by_verdict[v]++;
    if (a->worst < 0 || rank(status) < rank(a->worst))
        a->worst = status;
    if (a->options->expect_given && v != a->options->expect)
        a->unexpected = true;
}

void run_clear_progress(struct app *a)
{
    if (a->progress_shown)
        fputs("\r\033[K", stderr);
    a->progress_shown = false;
}

bool run_shows_progress(const struct app *a)
{
    return a->config->terminal && !a->options->quiet && !a->options->verbose;
}

static void add_left(struct strbuf *out, int64_t left_ns)
{
    int64_t left = (left_ns + CLOCK_SECOND - 1) / CLOCK_SECOND;

    strbuf_addf(out, "; about %d:%02d:%02d left", (int)(left / 3600), (int)(left / 60 % 60),
                (int)(left % 60));
}

/* "120 of 1000 done: 3 open, 9 undecided; 64 being asked; about 0:02:10 left" */
static void many_line(struct strbuf *out, const struct app *a)
{
    int64_t spent = world_now(loop_world(a->loop)) - a->begun_ns;
    unsigned done = a->done;
    size_t left = a->target_count - done;

    strbuf_addf(out, "%u of %zu done: %u open, %u undecided; %zu being asked", done,
                a->target_count, a->by_verdict[VERDICT_OPEN],
                a->by_verdict[VERDICT_INCONCLUSIVE] + a->by_verdict[VERDICT_ACCEPTS], a->job_count);
    if (done > a->known)
        add_left(out, spent / (int64_t)(done - a->known) * (int64_t)left);
    if (loop_signal(a->loop) != 0)
        strbuf_adds(out, " (ending)");
}

static bool write_line(struct strbuf *out, struct app *a)
{
    if (run_is_many(a)) {
        many_line(out, a);
        return true;
    }
    if (a->jobs == NULL || a->jobs->seat == NULL || probe_is_finished(&a->jobs->seat->probe))
        return false;
    progress_line(out, &a->jobs->seat->probe);
    return true;
}

void run_show_progress(struct app *a)
{
    char memory[256];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    if (!write_line(&text, a))
        return;
    fputs("\r\033[K", stderr);
    fwrite(memory, 1, text.len, stderr);
    fflush(stderr);
    a->progress_shown = true;
}

/* Every second, since the time that is left is in the line. */
void run_tick(void *self)
{
    struct app *a = self;
    struct world *w = loop_world(a->loop);

    run_show_progress(a);
    world_timer_set(w, &a->tick, clock_after(world_now(w), CLOCK_SECOND));
}

void run_write_down(struct app *a, struct span text)
{
    if (a->transcript.echo != NULL)
        run_clear_progress(a);
    transcript_line(&a->transcript, 0, '*', text);
}
