/*
 * collect_run.c - the mailboxes of the command line, the ledger, and a window
 *
 * A line is printed when the rows behind it have been committed, so what was shown is never lost. A
 * mailbox in trouble is named once on standard error and tried again; if one could not be read to
 * its end when the window is over, the status says so.
 */
#include "probe/program/collect_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "drive/ledger/ledger_sqlite.h"
#include "drive/loop/loop.h"
#include "lib/base/json.h"
#include "probe/home/collect.h"
#include "probe/program/ledger_place.h"
#include "probe/home/mailboxes.h"

enum { LINE_MAX_LEN = 2048, DOMAINS_MAX = COLLECT_DOMAINS_MAX + 2 };

#define LOOK_AGAIN_NS (50 * CLOCK_MS)

struct collector {
    const struct run_config *config;
    struct strbuf *error;
    struct loop *loop;
    struct ledger_sqlite *ledger;
    struct mailboxes *mailboxes;
    struct world_timer timer;
    int64_t until_ns;
    bool failed; /* `error` says why */
    unsigned ours, changed, foreign, forged;
    struct collect collect;
};

static void stop(struct collector *c)
{
    world_stop(loop_world(c->loop));
}

static void json_instant(struct json *j, const char *key, int64_t epoch_s)
{
    char memory[40];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    clock_print_rfc3339(&text, epoch_s);
    if (epoch_s != 0)
        json_text(j, key, strbuf_span(&text));
    else
        json_null(j, key);
}

static const char *kind_name(enum arrival_kind kind)
{
    switch (kind) {
    case ARRIVAL_DELIVERY:
        return "delivery";
    case ARRIVAL_REPORT:
        return "report";
    case ARRIVAL_UNCLEAR:
        return "unclear";
    case ARRIVAL_FORGED:
        return "forged";
    case ARRIVAL_CONTROL:
    case ARRIVAL_FOREIGN:
    case ARRIVAL_REPLAYED:
        break;
    }
    return NULL; /* of no concern */
}

static void print_json(struct strbuf *out, const struct collected *what)
{
    bool owned = what->kind != ARRIVAL_FORGED;
    struct json j;

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", 1);
    json_string(&j, "arrival", kind_name(what->kind));
    json_string(&j, "run", owned ? what->match.run : NULL);
    json_string(&j, "target", owned ? what->target : NULL);
    json_string(&j, "form", owned ? what->match.form : NULL);
    json_string(&j, "mark", owned ? NULL : what->mark);
    json_instant(&j, "sent", what->match.epoch_s);
    json_instant(&j, "seen", what->epoch_s);
    json_bool(&j, "again", what->again);
    json_bool(&j, "changed", what->changed);
    json_string(&j, "verdict", what->changed ? verdict_name(what->now) : NULL);
    json_string(&j, "was", what->changed && what->was[0] != '\0' ? what->was : NULL);
    json_instant(&j, "was_at", what->was_epoch_s);
    json_close(&j);
}

static void show(void *self, const struct collected *what)
{
    struct collector *c = self;
    char memory[LINE_MAX_LEN];
    struct strbuf line;

    if (kind_name(what->kind) == NULL)
        return;
    strbuf_init(&line, memory, sizeof(memory) - 1);
    if (c->config->options->json)
        print_json(&line, what);
    else
        collect_print(&line, what);
    strbuf_addc(&line, '\n');
    c->failed |= !run_print(strbuf_span(&line), c->error);
}

static void ledger_failed(struct collector *c)
{
    if (!c->failed)
        strbuf_addf(c->error, "the ledger cannot be read or written: %s",
                    ledger_sqlite_trouble(c->ledger));
    c->failed = true;
    stop(c);
}

static bool take_mail(void *self, struct span name, const struct mail_view *mail, bool truncated)
{
    struct collector *c = self;
    struct collected what;

    (void)truncated;
    if (c->failed)
        return false;
    if (!collect_mail(&c->collect, name, mail, world_epoch(loop_world(c->loop)), &what)) {
        ledger_failed(c);
        return false;
    }
    show(c, &what);
    c->changed += what.changed;
    c->forged += what.kind == ARRIVAL_FORGED;
    c->foreign += what.kind == ARRIVAL_FOREIGN;
    bool ours = what.kind == ARRIVAL_DELIVERY || what.kind == ARRIVAL_REPORT ||
                what.kind == ARRIVAL_CONTROL;
    c->ours += ours;
    if (c->failed)
        stop(c);
    return ours && !c->failed;
}

static void see_trouble(void *self, struct span name, struct span why, bool lasting)
{
    char memory[LINE_MAX_LEN];
    struct strbuf line;

    (void)self;
    strbuf_init(&line, memory, sizeof(memory));
    strbuf_add_visible(&line, name);
    strbuf_adds(&line, ": ");
    strbuf_add_visible(&line, why);
    fprintf(stderr, "relayprobe: %s%s\n", memory, lasting ? "" : "; trying again");
}

static void tick(void *self)
{
    struct collector *c = self;
    struct world *w = loop_world(c->loop);
    int64_t now = world_now(w);

    if (now >= c->until_ns ||
        (mailboxes_are_read(c->mailboxes) && !c->config->options->exhaustive)) {
        stop(c);
        return;
    }
    world_timer_set(w, &c->timer,
                    now + LOOK_AGAIN_NS < c->until_ns ? now + LOOK_AGAIN_NS : c->until_ns);
}

static void take_signal(void *self, int signal_number)
{
    (void)signal_number;
    stop(self);
}

static bool open_mailboxes(struct collector *c)
{
    const struct options *o = c->config->options;
    struct mailboxes_owner owner = {.mail = take_mail, .trouble = see_trouble, .self = c};
    struct span domains[DOMAINS_MAX];
    size_t count = 0;

    if (o->canary_domain.len > 0)
        domains[count++] = o->canary_domain;
    if (o->sender_domain.len > 0)
        domains[count++] = o->sender_domain;
    for (size_t i = 0; i < c->collect.domain_count; i++)
        domains[count++] = span_of(c->collect.domain[i]);
    struct mailboxes_config config = {
        .world = loop_world(c->loop),
        .urls = o->mailbox,
        .url_count = o->mailbox_count,
        .password_file = o->password_file,
        .ca_file = o->ca_file,
        .domains = domains,
        .domain_count = count,
        .wait_ns = o->wait_ns,
        .tidy = o->tidy};
    c->mailboxes = mailboxes_open(&config, owner, c->error);
    return c->mailboxes != NULL;
}

static void say_sum(const struct collector *c)
{
    if (!c->config->options->quiet)
        fprintf(stderr,
                "relayprobe: %u of ours, %u of no concern, %u forged; %u verdicts changed\n",
                c->ours, c->foreign, c->forged, c->changed);
}

static int read_them(struct collector *c)
{
    struct world *w = loop_world(c->loop);
    bool whole;

    c->until_ns = clock_after(world_now(w), c->config->options->wait_ns);
    world_timer_init(&c->timer, tick, c);
    world_timer_set(w, &c->timer, world_now(w));
    loop_run(c->loop);
    world_timer_stop(w, &c->timer);
    whole = mailboxes_are_read(c->mailboxes);
    for (size_t i = 0; i < c->config->options->mailbox_count; i++)
        whole |= c->config->options->mailbox[i].kind == MAILBOX_SINK;
    if (c->failed)
        return RUN_SYSTEM;
    say_sum(c);
    if (loop_signal(c->loop) != 0)
        return RUN_SIGNAL + loop_signal(c->loop);
    if (!whole)
        strbuf_adds(c->error, "not all mailboxes could be read to their end");
    return whole ? RUN_FINE : RUN_SYSTEM;
}

static int collect_all(struct collector *c)
{
    struct loop_config loop = {.catch_signals = true, .on_signal = take_signal, .self = c};
    int status = RUN_SYSTEM;

    c->loop = loop_new(&loop, c->error);
    if (c->loop == NULL)
        return status;
    if (!collect_init(&c->collect, ledger_sqlite_ledger(c->ledger),
                      ledger_sqlite_reader(c->ledger)) ||
        !collect_settle(&c->collect, world_epoch(loop_world(c->loop)), show, c))
        ledger_failed(c);
    else if (open_mailboxes(c))
        status = read_them(c);
    mailboxes_close(c->mailboxes);
    loop_free(c->loop);
    return status;
}

int collect_run(const struct run_config *config, struct strbuf *error)
{
    struct collector *c = calloc(1, sizeof(*c));
    int status = RUN_SYSTEM;

    if (c == NULL) {
        strbuf_adds(error, "no memory");
        return status;
    }
    c->config = config;
    c->error = error;
    c->ledger = ledger_place_open_existing(config->options->ledger, error);
    if (c->ledger != NULL)
        status = collect_all(c);
    ledger_sqlite_close(c->ledger);
    free(c);
    return status;
}
