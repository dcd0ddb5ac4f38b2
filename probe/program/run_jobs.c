/*
 * run_jobs.c - target after target, as many at once as was asked for
 *
 * A job is a target that was begun: its name is looked up, then the questions about it (question.h)
 * are asked one after another. A seat is a probe at work. Everything that ends (a probe, a
 * look-up, a pause for the network's sake) sets one timer, and its turn does what is possible then;
 * so no probe is given back in its own callback.
 *
 * A probe that was reported is kept for a while, since a delivery that comes late changes its
 * verdict; KEPT_MAX of them, so that memory is bounded by what is asked at once and not by the
 * list. What comes later still goes to the ledger, like mail of any earlier run.
 */
#include <stdlib.h>
#include <string.h>

#include "probe/program/run_private.h"

/* A target is begun when its first connection could be made within this time. */
#define PACE_AHEAD_NS CLOCK_SECOND

enum { KNOWN_MAX = 256 }; /* targets in a turn of which nothing is to be asked */

void run_turn_soon(struct app *a)
{
    world_timer_set(loop_world(a->loop), &a->turn, world_now(loop_world(a->loop)));
}

bool run_is_stopping(const struct app *a)
{
    return a->failed || loop_signal(a->loop) != 0;
}

void run_out_of_memory(struct app *a, const char *what)
{
    if (!a->failed)
        strbuf_adds(a->error, what);
    a->failed = true;
}

/* -- jobs */

static void job_free(struct job *j)
{
    struct app *a = j->app;

    if (j->prev != NULL)
        j->prev->next = j->next;
    else
        a->jobs = j->next;
    if (j->next != NULL)
        j->next->prev = j->prev;
    a->job_count--;
    free(j->own);
    free(j->find);
    free(j->notes);
    free(j->rows);
    free(j);
}

void run_job_end(struct job *j)
{
    if (j->row_count > 1 && !j->app->failed && !run_report_summary(j))
        j->app->failed = true;
    j->app->done++;
    j->app->known += j->row_count > 0 && !j->asked;
    job_free(j);
}

/* Nobody can be asked: the report says why. */
static void job_refuse(struct job *j, const struct verdict_result *verdict)
{
    run_count_verdict(j->app, verdict->verdict);
    if (!run_report_unknown(j, verdict))
        j->app->failed = true;
    run_job_end(j);
}

static void job_found(struct job *j)
{
    const struct target *t = run_job_target(j);
    struct verdict_result verdict;
    struct strbuf why;

    run_note_way(j);
    if (t->address_count == 0) {
        target_unfound(t, &verdict);
        job_refuse(j, &verdict);
        return;
    }
    verdict = (struct verdict_result){.verdict = VERDICT_INCONCLUSIVE,
                                      .reason_code = "not-allowed"};
    strbuf_init(&why, verdict.reason, sizeof(verdict.reason));
    if (!options_check_target(j->app->options, t, &why)) {
        job_refuse(j, &verdict);
        return;
    }
    run_ask_first(j);
}

static void on_found(void *self, const struct mx_result *result)
{
    struct job *j = self;

    target_take(j->own, result);
    run_turn_soon(j->app); /* the look-up's memory is in use until this returned */
    j->find->busy = false;
}

static bool open_resolver(struct app *a)
{
    struct dns_ares_config config = {.server = a->options->resolver,
                                     .patience_ns = a->options->resolver_timeout_ns};

    if (a->resolver == NULL)
        a->resolver = dns_ares_new(a->loop, &config, a->error);
    a->failed |= a->resolver == NULL;
    return a->resolver != NULL;
}

/* A host's name is known to this host first, unless a resolver was named. */
static bool find_in_hosts(struct job *j)
{
    struct app *a = j->app;
    struct target *t = j->own;

    if (t->by_mx || a->options->resolver.family != 0)
        return false;
    t->address_count = dns_ares_in_hosts(a->resolver, t->name, t->port, t->address,
                                         TARGET_ADDRESSES_MAX);
    return t->address_count > 0;
}

static bool look_up(struct job *j)
{
    struct app *a = j->app;

    j->find = calloc(1, sizeof(*j->find));
    return j->find != NULL &&
           mx_find_start(j->find, dns_ares_resolver(a->resolver),
                         j->own->by_mx ? MX_BY_RECORDS : MX_BY_NAME, j->own->name, j->own->port,
                         (struct mx_owner){.found = on_found, .self = j});
}

static struct job *job_new(struct app *a, size_t i)
{
    struct job *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return NULL;
    j->app = a;
    j->text = run_target_text(a, i);
    j->next = a->jobs;
    if (a->jobs != NULL)
        a->jobs->prev = j;
    a->jobs = j;
    a->job_count++;
    return j;
}

static void job_begin(struct app *a, size_t i)
{
    struct job *j = job_new(a, i);

    if (j == NULL) {
        run_out_of_memory(a, "no memory for a target");
        return;
    }
    if (a->config->list == NULL) {
        j->target = &a->options->target[i];
        job_found(j);
        return;
    }
    if (!run_job_target(j)->is_name) {
        job_found(j);
        return;
    }
    j->target = j->own = malloc(sizeof(*j->own));
    if (j->own != NULL)
        *j->own = a->scratch;
    if (!open_resolver(a))
        return;
    if (j->own != NULL && find_in_hosts(j))
        job_found(j);
    else if (j->own == NULL || !look_up(j))
        run_out_of_memory(a, "no memory for a target");
}

/* -- which target is next */

static unsigned opening(const struct app *a)
{
    unsigned count = 0;

    /* A job leaves its app's list before it is freed; the analyzer takes j->app for another app.
       The same holds wherever the list is walked behind settle_all.
       NOLINTBEGIN(clang-analyzer-unix.Malloc) */
    for (const struct job *j = a->jobs; j != NULL; j = j->next)
        count += j->seat != NULL && j->seat->probe.phase == PROBE_CONTROL_BEFORE;
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    return count;
}

static bool has_turn(struct app *a, size_t i, int64_t *due_ns)
{
    int64_t now = world_now(loop_world(a->loop));
    struct target *t = &a->scratch;

    if (a->pace == NULL || a->config->list == NULL)
        return true;
    if (!target_read(t, run_target_text(a, i), a->error) || t->is_name)
        return true;
    int64_t due = pace_due(a->pace, &t->address[0], now);
    *due_ns = due < *due_ns ? due : *due_ns;
    return due <= clock_after(now, PACE_AHEAD_NS);
}

/* SIZE_MAX: none has its turn now; *due_ns is when one has. */
static size_t pick(struct app *a, int64_t *due_ns)
{
    for (size_t i = 0; i < a->held_count; i++) {
        size_t picked = a->held[i];

        if (!has_turn(a, picked, due_ns))
            continue;
        a->held_count--;
        memmove(&a->held[i], &a->held[i + 1], (a->held_count - i) * sizeof(a->held[0]));
        return picked;
    }
    while (a->next < a->target_count) {
        if (has_turn(a, a->next, due_ns))
            return a->next++;
        if (a->held_count == HELD_MAX)
            break;
        a->held[a->held_count++] = a->next++;
    }
    return SIZE_MAX;
}

static void begin_some(struct app *a)
{
    int64_t due_ns = CLOCK_NEVER;
    unsigned open = opening(a), known = 0;

    while (a->job_count < a->concurrency && !run_is_stopping(a)) {
        size_t before = a->job_count;

        if (open >= OPENING_MAX)
            return; /* a control that is over pokes us */
        if (known >= KNOWN_MAX) {
            run_turn_soon(a);
            return;
        }
        size_t i = pick(a, &due_ns);
        if (i == SIZE_MAX)
            break;
        job_begin(a, i);
        open += a->job_count > before;
        known += a->job_count == before;
    }
    if (due_ns != CLOCK_NEVER && a->job_count < a->concurrency)
        world_timer_set(loop_world(a->loop), &a->turn, due_ns - PACE_AHEAD_NS);
}

static void settle_all(struct app *a)
{
    while (a->over != NULL) {
        struct seat *s = a->over;

        a->over = s->next;
        run_ask_settle(s->job);
    }
    for (struct job *j = a->jobs, *next; j != NULL; j = next) {
        next = j->next;
        if (j->find == NULL || j->find->busy)
            continue;
        free(j->find);
        j->find = NULL;
        job_found(j);
    }
}

/* -- the end */

static void list_not_asked(struct app *a)
{
    bool fine = true;

    for (size_t i = 0; i < a->held_count && fine; i++)
        fine = run_report_not_asked(a, run_target_text(a, a->held[i]));
    while (a->next < a->target_count && fine)
        fine = run_report_not_asked(a, run_target_text(a, a->next++));
    a->failed |= !fine;
}

/* Those whose names are still looked up were not asked. */
static void drop_look_ups(struct app *a)
{
    for (struct job *j = a->jobs, *next; j != NULL; j = next) {
        next = j->next; /* NOLINT(clang-analyzer-unix.Malloc): see opening */
        if (j->find == NULL)
            continue;
        mx_find_cancel(j->find);
        a->failed |= !run_report_not_asked(a, j->text);
        job_free(j);
    }
}

void run_take_turn(void *self)
{
    struct app *a = self;

    settle_all(a);
    if (run_is_stopping(a))
        drop_look_ups(a);
    else
        begin_some(a);
    bool left = a->next < a->target_count || a->held_count > 0;
    if (a->failed || (a->job_count == 0 && (run_is_stopping(a) || !left))) {
        if (!a->failed)
            list_not_asked(a);
        a->ended = true;
        world_stop(loop_world(a->loop));
    }
}

void run_stop_asking(struct app *a)
{
    for (struct job *j = a->jobs; j != NULL; j = j->next)
        if (j->seat != NULL)
            probe_interrupt(&j->seat->probe);
    if (a->ready)
        run_turn_soon(a);
    else
        world_stop(loop_world(a->loop));
}

void run_jobs_free(struct app *a)
{
    while (a->jobs != NULL) {
        struct job *j = a->jobs;

        if (j->find != NULL) /* NOLINT(clang-analyzer-unix.Malloc): see opening */
            mx_find_cancel(j->find);
        if (j->seat != NULL)
            run_seat_free(j->seat);
        job_free(j);
    }
    while (a->kept != NULL) {
        struct seat *s = a->kept;

        a->kept = s->next;
        run_seat_free(s);
    }
    token_index_clear(&a->tokens);
}
