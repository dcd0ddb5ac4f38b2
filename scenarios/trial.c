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
#include "scenarios/trial.h"

#include "scenarios/later.h"
#include "scenarios/plant.h"

#include "drive/loop.h"
#include "lib/base/prng.h"
#include "probe/report.h"

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
    struct probe probe;
    struct stage stage;
    struct world *world;
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
    if (t->sim == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

void trial_free(struct trial *t)
{
    record_clear(&t->record);
    if (t->has_key)
        token_key_clear(&t->key);
    sim_free(t->sim);
    free(t);
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
    return listens(t) && probe_arrival_in(&t->probe, mailbox_name(t, mailbox), mail);
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
        probe_mailbox_trouble(&t->probe, mailbox_name(t, mailbox), why, lasting);
}

static void on_well(void *self, unsigned mailbox)
{
    struct trial *t = self;

    t->trouble[mailbox].now = false;
    if (listens(t))
        probe_mailbox_well(&t->probe, mailbox_name(t, mailbox));
}

static void on_callout(void *self, struct span sender, struct span recipient)
{
    struct trial *t = self;

    if (listens(t))
        probe_callout(&t->probe, sender, recipient);
}

static void on_refused(void *self, struct span recipient, struct span reply)
{
    struct trial *t = self;

    if (listens(t))
        probe_canary_refused(&t->probe, recipient, reply);
}

static void on_finished(void *self, const struct probe *p)
{
    struct trial *t = self;

    (void)p;
    world_stop(t->world);
}

static void on_interrupt(void *self)
{
    struct trial *t = self;

    probe_interrupt(&t->probe);
}

/* The mailbox that a further canary's domain belongs to. */
static const struct stage_mailbox *mailbox_of(const struct trial *t, struct span domain)
{
    const struct case_file *c = t->stage.c;

    for (size_t i = 0; i < c->mailbox_count; i++)
        for (size_t k = 0; k < c->mailboxes[i].domains.count; k++)
            if (span_iequal(span_of(c->mailboxes[i].domains.item[k]), domain))
                return &t->stage.mailboxes[i];
    return &t->stage.mailboxes[0];
}

static void add_mailboxes(struct trial *t, const struct case_file *c,
                          const struct form_identity *who, struct probe_config *config)
{
    for (unsigned i = 0; i < c->mailbox_count && i < PROBE_MAILBOXES_MAX; i++)
        config->mailboxes[config->mailbox_count++] = mailbox_name(t, i);
    config->control_route = t->stage.mailboxes[0].at;
    for (size_t i = 0; i < who->further_count; i++) {
        config->further[i] = who->further[i];
        config->further_route[i] = mailbox_of(t, who->further[i].domain)->at;
    }
    config->further_count = who->further_count;
}

static void make_config(struct trial *t, const struct case_file *c, uint64_t seed,
                        const struct trial_identity *id, struct probe_config *config)
{
    const struct case_probe *p = &c->probe;
    struct strbuf run;

    strbuf_init(&run, t->run_id, sizeof t->run_id);
    strbuf_adds(&run, "lab-");
    strbuf_addu(&run, seed);
    *config = (struct probe_config){
        .canary_local = id->who.canary_local,
        .canary_domain = id->who.canary_domain,
        .sender_local = id->who.sender_local,
        .sender_domain = id->who.sender_domain,
        .helo = span_of(id->helo),
        .contact = SPAN("relaylab"),
        .target = id->who.target,
        .target_name = id->who.target_name,
        .local_domain = id->who.local_domain,
        .source = id->source,
        .forms = p->forms != NULL ? span_of(p->forms) : SPAN("standard"),
        .mailbox = !p->no_mailbox,
        .wait_ns = p->wait_ns != 0 ? p->wait_ns : 2 * CLOCK_MINUTE,
        .max_time_ns = p->max_time_ns != 0 ? p->max_time_ns : 15 * CLOCK_MINUTE,
        .retry_ns = p->retry_ns != 0 ? p->retry_ns : 5 * CLOCK_MINUTE + CLOCK_SECOND,
        .timeouts = smtp_timeouts_rfc5321,
        .exhaustive = p->exhaustive,
        .vantage = VANTAGE_OUTSIDE,
        .key = &t->key,
        .run_id = strbuf_span(&run),
    };
    if (c->vantage != NULL && strcmp(c->vantage->name, "inside") == 0)
        config->vantage = VANTAGE_INSIDE;
    if (p->unnamed) {
        config->target_name = (struct span){NULL, 0};
        config->local_domain = p->domain != NULL ? id->who.local_domain : config->target_name;
    }
    if (!p->no_mailbox)
        add_mailboxes(t, c, &id->who, config);
    for (int step = 0; step < STEP_COUNT; step++)
        if (p->timeout.set[step])
            config->timeouts.ns[step] = p->timeout.ns[step];
}

static void report_on(struct trial *t, struct trial_result *out)
{
    struct report report;
    struct strbuf text;

    out->verdict = probe_verdict(&t->probe);
    out->forms = t->probe.results;
    out->form_count = t->probe.result_count;
    record_match(&t->record, out->forms, out->form_count);
    strbuf_init(&text, t->report, sizeof t->report);
    report_of(&report, &t->probe,
              span_of(t->stage.c->probe.unnamed ? t->probe.target_text
                                                : t->stage.c->target->config.hostname));
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
    if (t->started && probe_is_finished(&t->probe))
        return;
    if (loop != NULL || end == SIM_STOPPED)
        trouble(out, "the world stopped before there was a verdict");
    else if (end == SIM_IDLE)
        trouble(out, "nothing was left to happen, and there was no verdict");
    else
        (void)snprintf(out->trouble, sizeof out->trouble, "the simulator ended the run: %s",
                       sim_end_name(end));
}

/* Sessions of the target that have begun and not ended. */
static size_t target_sessions(const struct trial *t)
{
    size_t open = 0;

    for (size_t i = 0; i < t->record.event_count; i++) {
        const struct record_event *e = &t->record.events[i];

        if (e->server == t->target)
            open += (size_t)(e->kind == MOCK_CONNECT) - (size_t)(e->kind == MOCK_CLOSED);
    }
    return open;
}

static void on_linger(void *self)
{
    struct trial *t = self;
    int64_t now = world_now(t->world);

    if (now >= t->linger_end_ns || target_sessions(t) == 0)
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
    if (target_sessions(t) == 0)
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

    if (t->stage.c->probe.collect_after_ns == 0)
        return;
    later_begin(&t->later, probe_verdict(&t->probe)->verdict);
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

static void begin(struct trial *t)
{
    const struct case_file *c = t->stage.c;
    const struct probe_observer observer = {.expect = on_expect,
                                            .looked = has_looked,
                                            .finished = on_finished,
                                            .line = c->target->engine != NULL ? on_line : NULL,
                                            .self = t};

    t->started = true;
    t->started_ns = world_now(t->world);
    if (c->probe.interrupt_set)
        world_timer_set(t->world, &t->interrupt,
                        clock_after(t->started_ns, c->probe.interrupt_at_ns));
    probe_start(&t->probe, t->world, &t->config, &observer);
    plants_start(&t->plants, &t->stage, &t->probe, &t->earlier.recipient);
    for (unsigned i = 0; i < c->mailbox_count; i++)
        if (t->trouble[i].now && listens(t))
            probe_mailbox_trouble(&t->probe, mailbox_name(t, i), span_of(t->trouble[i].why),
                                  t->trouble[i].lasting);
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
    make_config(t, c, seed, &t->id, &t->config);
    out->target = t->target = stage_target_index(&t->stage);
    if (t->later.memory != NULL)
        later_configure(&t->later, &t->config);
    t->over = t->started = false;
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
