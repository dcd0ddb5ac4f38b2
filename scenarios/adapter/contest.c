/*
 * contest.c - the stage first, so that everything listens before the detector starts
 *
 * When the detector is over, sessions that it left open and mail that is under way get a moment,
 * as in trial.c.
 */
#include "scenarios/adapter/contest.h"

#include "scenarios/case/case_names.h"

#include <stdlib.h>
#include <string.h>

enum { LINGER_MS = 500, LINGER_STEP_MS = 2 };

struct contest {
    const struct adapter *adapter;
    const struct adapter_path *where;
    struct record record;
    struct stage stage;
    struct process process;
    struct loop *loop;
    struct world *world;
    struct world_timer linger;
    int64_t linger_end_ns;
    unsigned target;
    char *output;
    struct token_pair tokens;
};

struct contest *contest_new(const struct adapter *a, const struct adapter_path *where)
{
    struct contest *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->adapter = a;
    t->where = where;
    record_init(&t->record);
    t->output = malloc((size_t)a->limits.output + 1);
    if (t->output != NULL)
        return t;
    free(t);
    return NULL;
}

void contest_free(struct contest *t)
{
    if (t == NULL)
        return;
    record_clear(&t->record);
    free(t->output);
    free(t);
}

static void on_mail(void *self, unsigned mailbox, const struct mail_view *mail)
{
    struct contest *t = self;

    (void)mailbox;
    if (t->process.spawn != NULL && t->adapter->mailbox != ADAPTER_NO_MAILBOX &&
        !t->stage.c->probe.no_mailbox)
        folder_deliver(&t->process.folder, mail, world_epoch(t->world));
}

/* A mailbox that stores mail: what its reader sees, when its reader sees it. */
static bool on_read(void *self, unsigned mailbox, const struct mail_view *mail)
{
    struct contest *t = self;

    (void)mailbox;
    if (t->process.spawn != NULL && t->adapter->mailbox != ADAPTER_NO_MAILBOX &&
        !t->stage.c->probe.no_mailbox)
        folder_store(&t->process.folder, mail->content, world_epoch(t->world));
    return false;
}

static void on_done(void *self)
{
    struct contest *t = self;

    world_stop(t->world);
}

static void on_linger(void *self)
{
    struct contest *t = self;
    int64_t now = world_now(t->world);

    if (now >= t->linger_end_ns || record_open_sessions(&t->record, t->target) == 0)
        world_stop(t->world);
    else
        world_timer_set(t->world, &t->linger, clock_after(now, LINGER_STEP_MS * CLOCK_MS));
}

static void linger(struct contest *t)
{
    t->linger_end_ns = clock_after(world_now(t->world), LINGER_MS * CLOCK_MS);
    world_timer_init(&t->linger, on_linger, t);
    world_timer_set(t->world, &t->linger, world_now(t->world));
    loop_run(t->loop);
    world_timer_stop(t->world, &t->linger);
}

static uint64_t commands_after_quit(const struct contest *t)
{
    const struct record *r = &t->record;
    uint64_t count = 0;

    for (size_t i = 0; i < r->event_count; i++) {
        const struct record_event *quit = &r->events[i];

        if (quit->server != t->target || quit->kind != MOCK_COMMAND ||
            !span_iequal(record_text(r, quit->text, quit->text_len), SPAN("QUIT")))
            continue;
        for (size_t k = i + 1; k < r->event_count; k++)
            count += r->events[k].server == t->target && r->events[k].kind == MOCK_COMMAND &&
                     r->events[k].connection == quit->connection;
    }
    return count;
}

static void count_use(const struct contest *t, struct detector_use *out)
{
    const struct record *r = &t->record;

    *out = (struct detector_use){.connections = record_connections(r, t->target),
                                 .after_quit = commands_after_quit(t)};
    for (size_t i = 0; i < r->event_count; i++) {
        const struct record_event *e = &r->events[i];

        if (e->server != t->target)
            continue;
        out->commands += e->kind == MOCK_COMMAND;
        out->mails += e->kind == MOCK_REPLY && e->code == 354;
        out->bare_lfs += e->bare_lfs;
        out->after_quit += e->after_quit;
    }
}

/* Messages that are no reports, whoever's words they carry: some detectors choose their own. */
static unsigned count_deliveries(const struct record *r)
{
    unsigned count = 0;

    for (size_t i = 0; i < r->mail_count; i++)
        count += !r->mails[i].report;
    return count;
}

static void collect(struct contest *t, struct contest_result *out)
{
    const struct spawn_result *end = process_end(&t->process);

    process_read(&t->process, &out->said);
    memcpy(t->output, end->output.ptr != NULL ? end->output.ptr : "", end->output.len);
    out->output = (struct span){t->output, end->output.len};
    out->stragglers = end->stragglers;
    out->elapsed_ns = end->elapsed_ns;
    count_use(t, &out->use);
    out->use.output = end->output_total;
    out->deliveries = count_deliveries(&t->record);
}

static void make_tokens(struct contest *t, const struct case_file *c, uint64_t seed)
{
    struct token_key key;

    t->tokens = (struct token_pair){.sender.text = ""};
    if (!trial_key(seed ^ 2, &key))
        return;
    token_make(&key, span_of(c->name), span_of(t->adapter->name), &t->tokens);
    token_key_clear(&key);
}

static void perform(struct contest *t, const struct case_file *c, struct contest_result *out,
                    struct strbuf *error)
{
    struct trial_identity id;
    struct process_task task = {
        .adapter = t->adapter,
        .where = t->where,
        .c = c,
        .id = &id,
        .tokens = &t->tokens,
        .mailbox_at = &t->stage.mailboxes[0].sink_at,
        .mx_at = &t->stage.mailboxes[0].at,
        .loop = t->loop,
        .done = on_done,
        .self = t,
    };

    if (t->stage.names != NULL)
        task.dns_at = names_server(t->stage.names);
    t->target = out->target = stage_target_index(&t->stage);
    trial_identify(c, stage_target(&t->stage), &id);
    out->started_ns = world_now(t->world);
    if (!process_start(&t->process, &task, error))
        return;
    stage_watch(&t->stage);
    loop_run(t->loop);
    linger(t);
    collect(t, out);
    process_clear(&t->process);
}

const char *contest_cannot(const struct adapter *a, const struct case_file *c)
{
    if (c->time == TIME_VIRTUAL)
        return "time: virtual, and a command runs in real time";
    if (case_target_is_name(c) && !a->names)
        return "its target is a name to be looked up, and the command wants an address";
    for (size_t i = 0; i < c->mailbox_count; i++) {
        const struct case_mailbox *m = &c->mailboxes[i];

        if (m->refuses || m->down.to_ns > 0 || m->slow_ns > 0 || m->drops > 0)
            return "its mailbox fails its reader, and a command's is a folder";
        if (m->plant_count > 0)
            return "it plants mail with the probe's own tokens";
    }
    return NULL;
}

void contest_run(struct contest *t, const struct case_file *c, uint64_t seed,
                 struct contest_result *out)
{
    const struct stage_hooks hooks = {
        .mail = on_mail,
        .read = on_read,
        .self = t,
        .no_sink = process_has_sink(t->adapter, c),
    };
    struct strbuf error;

    record_reset(&t->record);
    *out = (struct contest_result){.record = &t->record,
                                   .said = {.kind = SAID_BROKEN, .verdict = -1}};
    strbuf_init(&error, out->trouble, sizeof out->trouble);
    t->loop = loop_new(&(struct loop_config){.links_max = 1024}, &error);
    if (t->loop == NULL)
        return;
    t->world = loop_world(t->loop);
    t->process.spawn = NULL;
    make_tokens(t, c, seed);
    if (stage_open(&t->stage, t->world, NULL, c, &t->record, &hooks, &error)) {
        perform(t, c, out, &error);
        stage_close(&t->stage);
    }
    loop_free(t->loop);
}
