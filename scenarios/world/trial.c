/*
 * trial.c - builds the stage, lets the probe run to its verdict, keeps what it found
 *
 * The simulator, the record and the probe are large and are used again from case to case; the loop
 * of the real world is made for each run, since it holds sockets. Secrets follow from the seed, so
 * that a run can be repeated.
 *
 * When the probe is done, its last words (a QUIT whose answer it does not await) are still under
 * way. The target hears them out for a moment, so that both worlds tell the same story; what
 * reaches the probe then changes nothing any more.
 */
#include "scenarios/world/trial.h"

#include "scenarios/world/later.h"
#include "scenarios/world/plant.h"
#include "scenarios/world/ways.h"

#include "drive/host/wall.h"
#include "drive/loop/loop.h"
#include "lib/base/prng.h"
#include "scenarios/case/case_names.h"
#include "scenarios/hunt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-24T06:42:00Z: the wall clock at virtual instant 0. */
enum { TRIAL_EPOCH_S = 1795502520 };

enum { LOG_MAX = 8192 };

enum { LINGER_MS = 500, LINGER_STEP_MS = 2 };

struct trial {
    struct sim *sim;
    struct record record;
    struct probe first, *probe; /* the present one; further ones are the hunt's */
    struct hunt hunt;           /* for a target that is given by name */
    struct ways ways;           /* for controls by way of the MX */
    struct verdict_result unfound;
    struct world_timer again;
    bool is_unfound, interrupted;
    struct stage stage;
    struct world *world;
    struct tls *tls; /* of clients */
    struct token_key key;
    bool has_key;
    struct world_timer interrupt, linger;
    int64_t linger_end_ns, started_ns;
    unsigned target;
    bool over; /* the probe has its verdict */
    bool started;
    unsigned awaited;      /* mailboxes that are not ready yet */
    struct trial_trouble { /* of a mailbox, before the probe began */
        bool now, lasting;
        char why[128];
    } trouble[CASE_MAILBOXES_MAX];
    struct trial_identity id;
    struct probe_config config;
    struct later later;
    struct plants plants;
    struct token_pair earlier;
    char run_id[32];
    char report[REPORT_MAX];
    char log[LOG_MAX];
};

struct trial *trial_new(void)
{
    struct trial *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    record_init(&t->record);
    t->sim = sim_new(&(struct sim_config){.seed = 1, .epoch_s = TRIAL_EPOCH_S});
    char memory[160];
    struct strbuf error;

    strbuf_init(&error, memory, sizeof memory);
    t->tls = tls_client_new(&(struct tls_client_config){.now_s = wall_epoch_s()}, &error);
    if (t->sim == NULL || t->tls == NULL) {
        tls_free(t->tls);
        if (t->sim != NULL)
            sim_free(t->sim);
        free(t);
        return NULL;
    }
    return t;
}

void trial_free(struct trial *t)
{
    record_clear(&t->record);
    probe_clear(&t->first);
    hunt_clear(&t->hunt);
    if (t->has_key)
        token_key_clear(&t->key);
    sim_free(t->sim);
    tls_free(t->tls);
    free(t);
}

struct tls *trial_tls(struct trial *t)
{
    return t->tls;
}

struct sim *trial_sim(struct trial *t, uint64_t seed)
{
    sim_reset(t->sim, seed);
    return t->sim;
}

const char *trial_world_name(enum trial_world world)
{
    return world == WORLD_VIRTUAL ? "virtual" : "real";
}

bool trial_key(uint64_t seed, struct token_key *key)
{
    uint8_t secret[TOKEN_SECRET_LEN];
    struct prng p;

    prng_init(&p, seed);
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)prng_range(&p, 0, 255);
    return token_key_init(key, secret);
}

static struct span mailbox_name(const struct trial *t, unsigned mailbox)
{
    return span_of(t->stage.c->mailboxes[mailbox].name);
}

static bool listens(const struct trial *t)
{
    return t->started && !t->over && !t->stage.c->probe.no_mailbox;
}

static bool on_read(void *self, unsigned mailbox, const struct mail_view *mail)
{
    struct trial *t = self;

    if (t->later.collecting)
        return later_mail(&t->later, mailbox_name(t, mailbox), mail, world_epoch(t->world));
    return listens(t) && probe_arrival_in(t->probe, mailbox_name(t, mailbox), mail);
}

static void on_mail(void *self, unsigned mailbox, const struct mail_view *mail)
{
    (void)on_read(self, mailbox, mail);
}

static void on_trouble(void *self, unsigned mailbox, struct span why, bool lasting)
{
    struct trial *t = self;
    struct trial_trouble *trouble = &t->trouble[mailbox];

    trouble->now = true;
    trouble->lasting = lasting;
    (void)bytes_copy(trouble->why, sizeof trouble->why, why);
    if (listens(t))
        probe_mailbox_trouble(t->probe, mailbox_name(t, mailbox), why, lasting);
}

static void on_well(void *self, unsigned mailbox)
{
    struct trial *t = self;

    t->trouble[mailbox].now = false;
    if (listens(t))
        probe_mailbox_well(t->probe, mailbox_name(t, mailbox));
}

static void on_callout(void *self, struct span sender, struct span recipient)
{
    struct trial *t = self;

    if (listens(t))
        probe_callout(t->probe, sender, recipient);
}

static void on_refused(void *self, struct span recipient, struct span reply)
{
    struct trial *t = self;

    if (listens(t))
        probe_canary_refused(t->probe, recipient, reply);
}

static void on_finished(void *self, const struct probe *p)
{
    struct trial *t = self;

    if (!case_target_is_name(t->stage.c)) {
        world_stop(t->world);
    } else if (hunt_on(&t->hunt, p, !t->interrupted)) {
        world_timer_set(t->world, &t->again, world_now(t->world));
    } else {
        t->probe = hunt_probe(&t->hunt, &t->first); /* the one with the last word */
        world_stop(t->world);
    }
}

static void on_interrupt(void *self)
{
    struct trial *t = self;

    t->interrupted = true;
    if (t->started)
        probe_interrupt(t->probe);
}

static void report_on(struct trial *t, struct trial_result *out)
{
    struct report report;
    struct strbuf text;

    if (!t->is_unfound) {
        out->verdict = probe_verdict(t->probe);
        out->forms = t->probe->results;
        out->evidence = &t->probe->evidence;
        out->form_count = t->probe->result_count;
    }
    record_match(&t->record, out->forms, out->form_count);
    strbuf_init(&text, t->report, sizeof t->report);
    if (case_target_is_name(t->stage.c))
        hunt_report(&t->hunt, t->is_unfound ? NULL : t->probe, &t->unfound, &report);
    else
        report_of(&report, t->probe,
                  span_of(t->stage.c->probe.unnamed ? t->probe->target_text
                                                    : t->stage.c->target->config.hostname));
    out->verdict = report.verdict;
    report_text(&text, &report, REPORT_FULL, false);
    out->report = strbuf_span(&text);
}

static void trouble(struct trial_result *out, const char *why)
{
    bytes_copy(out->trouble, sizeof out->trouble, span_of(why));
}

static void run_world(struct trial *t, struct loop *loop, struct trial_result *out)
{
    enum sim_end end = SIM_STOPPED;

    if (loop != NULL)
        loop_run(loop);
    else
        end = sim_run(t->sim, CLOCK_NEVER);
    if (t->is_unfound || (t->started && probe_is_finished(t->probe)))
        return;
    if (loop != NULL || end == SIM_STOPPED)
        trouble(out, "the world stopped before there was a verdict");
    else if (end == SIM_IDLE)
        trouble(out, "nothing was left to happen, and there was no verdict");
    else
        (void)snprintf(out->trouble, sizeof out->trouble, "the simulator ended the run: %s",
                       sim_end_name(end));
}

static void on_linger(void *self)
{
    struct trial *t = self;
    int64_t now = world_now(t->world);

    if (now >= t->linger_end_ns || record_open_sessions(&t->record, t->target) == 0)
        world_stop(t->world);
    else
        world_timer_set(t->world, &t->linger, clock_after(now, LINGER_STEP_MS * CLOCK_MS));
}

static void on_stop(void *self)
{
    world_stop(((struct trial *)self)->world);
}

static void linger(struct trial *t, struct loop *loop)
{
    t->over = true;
    if (record_open_sessions(&t->record, t->target) == 0)
        return;
    t->linger_end_ns = clock_after(world_now(t->world), LINGER_MS * CLOCK_MS);
    world_timer_init(&t->linger, on_linger, t);
    world_timer_set(t->world, &t->linger, world_now(t->world));
    if (loop != NULL)
        loop_run(loop);
    else
        (void)sim_run(t->sim, CLOCK_NEVER);
    world_timer_stop(t->world, &t->linger);
}

/* Watches on until the time of the case is over. */
static void collect(struct trial *t, struct loop *loop, struct trial_result *out)
{
    int64_t end = clock_after(t->started_ns, t->stage.c->probe.collect_after_ns);

    if (t->stage.c->probe.collect_after_ns == 0 || t->is_unfound)
        return;
    later_begin(&t->later, probe_verdict(t->probe)->verdict);
    t->linger_end_ns = end;
    world_timer_init(&t->linger, on_stop, t);
    world_timer_set(t->world, &t->linger, end);
    if (loop != NULL)
        loop_run(loop);
    else
        while (world_now(t->world) < end && sim_run(t->sim, CLOCK_NEVER) == SIM_STOPPED)
            continue;
    world_timer_stop(t->world, &t->linger);
    out->later = t->later.verdict;
}

static void on_expect(void *self)
{
    stage_hurry(&((struct trial *)self)->stage);
}

static void on_line(void *self, unsigned session, char direction, struct span text)
{
    struct trial *t = self;

    record_heard(&t->record, t->target, session, world_now(t->world), direction, text);
}

static bool has_looked(void *self)
{
    return stage_is_current(&((struct trial *)self)->stage);
}

static void start_probe(struct trial *t)
{
    const struct case_file *c = t->stage.c;
    const struct probe_observer observer = {.expect = on_expect,
                                            .looked = has_looked,
                                            .finished = on_finished,
                                            .line = c->target->engine != NULL ? on_line : NULL,
                                            .self = t};

    t->started = true;
    probe_start(t->probe, t->world, &t->config, &observer);
    if (t->probe == &t->first)
        plants_start(&t->plants, &t->stage, t->probe, &t->earlier.recipient);
    for (unsigned i = 0; i < c->mailbox_count; i++)
        if (t->trouble[i].now && listens(t))
            probe_mailbox_trouble(t->probe, mailbox_name(t, i), span_of(t->trouble[i].why),
                                  t->trouble[i].lasting);
}

/* The address that the hunt has come to. */
static void on_address(void *self)
{
    struct trial *t = self;
    const struct endpoint *at = hunt_address(&t->hunt);
    struct probe *fresh = at == NULL ? NULL : hunt_probe(&t->hunt, &t->first);

    t->is_unfound = fresh == NULL;
    if (t->is_unfound) {
        world_stop(t->world);
        return;
    }
    t->probe = fresh;
    t->config.target = *at;
    t->config.target_name = target_host(&t->hunt.target, at);
    start_probe(t);
}

static void begin_asking(void *self)
{
    struct trial *t = self;
    const struct case_probe *p = &t->stage.c->probe;

    if (!case_target_is_name(t->stage.c))
        start_probe(t);
    else if (!hunt_start(&t->hunt, names_resolver(t->stage.names), p->target, t->id.who.target.port,
                         (struct hunt_owner){.found = on_address, .self = t}))
        world_stop(t->world);
}

static void begin(struct trial *t)
{
    const struct case_probe *p = &t->stage.c->probe;

    t->started_ns = world_now(t->world);
    if (p->interrupt_set)
        world_timer_set(t->world, &t->interrupt, clock_after(t->started_ns, p->interrupt_at_ns));
    if (p->control == CASE_CONTROL_MAILBOX)
        begin_asking(t);
    else if (!ways_start(&t->ways, names_resolver(t->stage.names), t->id.who.target.port,
                         &t->config, (struct ways_owner){.found = begin_asking, .self = t}))
        world_stop(t->world);
}

static void on_ready(void *self, unsigned mailbox)
{
    struct trial *t = self;

    (void)mailbox;
    if (--t->awaited == 0)
        begin(t);
}

static void perform(struct trial *t, struct loop *loop, uint64_t seed, struct trial_result *out)
{
    const struct case_file *c = t->stage.c;

    trial_identify(c, stage_target(&t->stage), &t->id);
    struct strbuf run;

    strbuf_init(&run, t->run_id, sizeof t->run_id);
    strbuf_adds(&run, "lab-");
    strbuf_addu(&run, seed);
    trial_configure(&t->stage, &t->id, &t->config);
    t->config.key = &t->key;
    t->config.tls = t->tls;
    t->config.run_id = strbuf_span(&run);
    out->target = t->target = stage_target_index(&t->stage);
    if (t->later.memory != NULL)
        later_configure(&t->later, &t->config);
    t->over = t->started = t->is_unfound = t->interrupted = false;
    t->probe = &t->first;
    world_timer_init(&t->again, on_address, t);
    memset(t->trouble, 0, sizeof t->trouble);
    world_timer_init(&t->interrupt, on_interrupt, t);
    t->awaited = stage_watch(&t->stage);
    if (t->awaited == 0)
        begin(t);
    run_world(t, loop, out);
    world_timer_stop(t->world, &t->interrupt);
    out->started_ns = t->started_ns;
    out->elapsed_ns = world_now(t->world) - out->started_ns;
    struct strbuf log;

    strbuf_init(&log, t->log, sizeof t->log);
    stage_log(&t->stage, LOG_MAX / 2, &log);
    out->log = strbuf_span(&log);
    if (out->trouble[0] != '\0')
        return;
    linger(t, loop);
    collect(t, loop, out);
    report_on(t, out);
}

/* Only where it matters: a ledger costs a case some time. */
static bool open_later(struct trial *t, const struct case_file *c)
{
    if (c->probe.collect_after_ns == 0 && !case_has_plants(c))
        return true;
    return later_open(&t->later, &t->key, world_epoch(t->world), &t->earlier);
}

void trial_run(struct trial *t, const struct case_file *c, enum trial_world world, uint64_t seed,
               struct trial_result *out)
{
    const struct stage_hooks hooks = {
        .mail = on_mail,
        .callout = on_callout,
        .refused = on_refused,
        .read = on_read,
        .trouble = on_trouble,
        .well = on_well,
        .ready = on_ready,
        .tls = t->tls,
        .self = t};
    struct strbuf error;
    struct loop *loop = NULL;

    record_reset(&t->record);
    *out = (struct trial_result){.record = &t->record, .later = -1};
    strbuf_init(&error, out->trouble, sizeof out->trouble);
    if (t->has_key)
        token_key_clear(&t->key);
    t->has_key = trial_key(seed, &t->key);
    if (!t->has_key) {
        trouble(out, "no HMAC-SHA256");
        return;
    }
    if (world == WORLD_REAL) {
        loop = loop_new(&(struct loop_config){.links_max = 1024}, &error);
        if (loop == NULL)
            return;
    }
    t->world = loop != NULL ? loop_world(loop) : sim_world(trial_sim(t, seed));
    if (!open_later(t, c)) {
        trouble(out, "out of memory");
    } else if (stage_open(&t->stage, t->world, loop != NULL ? NULL : t->sim, c, &t->record, &hooks,
                          &error)) {
        perform(t, loop, seed, out);
        plants_stop(&t->plants);
        stage_close(&t->stage);
    }
    later_close(&t->later);
    if (loop != NULL)
        loop_free(loop);
    else
        sim_reset(t->sim, seed);
}
