/*
 * run.c - the targets, in one loop, with one set of mailboxes
 *
 * A name with several addresses is asked at the first one where an SMTP server answers; the others
 * are named in the report. With --all-mx that goes for each host by itself. Probes outlive the
 * loop, since a session that was broken off may still end in there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/host/descriptors.h"
#include "drive/host/proof_file.h"
#include "probe/program/run_private.h"
#include "probe/home/sink.h"

/* A target has a session and perhaps a control under way, and as many come home to the sink. */
enum { LINKS_EACH = 3, LINKS_LEAST = 64, LINKS_BESIDE = 1024, FILES_BESIDE = 64 };

enum { EXTRA_DOMAINS_MAX = 4, EXTRA_DOMAIN_LEN = 264 };

struct span run_target_text(const struct app *a, size_t i)
{
    const struct target_list *list = a->config->list;

    return list != NULL ? target_list_text(list, i) : a->options->target[i].text;
}

bool run_is_many(const struct app *a)
{
    return a->config->list != NULL || a->concurrency > 1;
}

static void take_signal(void *self, int signal_number)
{
    (void)signal_number;
    run_stop_asking(self);
}

/* Knows the tokens of earlier runs. */
static bool known_earlier(void *self, struct span token, struct strbuf *whose)
{
    const struct ledger_reader *reader = self;
    struct ledger_match match;

    if (reader->ops->token(reader->self, token, &match) != LEDGER_FOUND)
        return false;
    strbuf_addf(whose, "%s, form %s", match.run, match.form);
    return true;
}

static enum session_tls session_tls_for(enum options_tls tls)
{
    return tls == OPTIONS_TLS_NONE       ? SESSION_TLS_NONE
           : tls == OPTIONS_TLS_IMPLICIT ? SESSION_TLS_IMPLICIT
           : tls == OPTIONS_TLS_STARTTLS ? SESSION_TLS_STARTTLS
                                         : SESSION_TLS_AUTO;
}

struct probe_config run_probe_config(const struct run_config *c, const struct target *t,
                                     const struct question *q, struct span run_id)
{
    const struct options *o = c->options;
    struct probe_config config = {
        .canary_local = o->canary_local,
        .canary_domain = o->canary_domain,
        .further_count = o->further_count,
        .token_place = o->token_place,
        .sender_local = o->sender_local,
        .sender_domain = o->sender_domain,
        .helo = o->helo,
        .contact = o->contact,
        .target = q->address,
        .target_name = target_host(t, &t->address[q->at]),
        .local_domain = o->domain.len == 0 && t->by_mx ? t->name : o->domain,
        .source = q->source,
        .forms = o->forms,
        .own = c->own,
        .own_count = c->own_count,
        .extras = o->extras,
        .mailbox = o->mailbox_count > 0,
        .mailbox_count = o->mailbox_count,
        .control_route = options_control_route(o, 0),
        .wait_ns = o->wait_ns,
        .max_time_ns = o->max_time_ns,
        .retry_ns = o->retry_ns,
        .timeouts = o->timeouts,
        .pipelining = !o->one_by_one,
        .exhaustive = o->exhaustive,
        .vantage = options_vantage(o, &q->source, &q->address),
        .key = c->key,
        .rate = o->rate,
        .max_messages = o->max_messages,
        .sessions = o->sessions,
        .tls = c->tls,
        .tls_mode = session_tls_for(options_tls_for(o, &q->address)),
        .client_cert = o->client_cert,
        .client_key = o->client_key,
        .ledger = c->ledger,
        .ledger_required = o->ledger != NULL,
        .run_id = run_id};

    if (config.extras.mx_domain.len == 0 && t->by_mx)
        config.extras.mx_domain = t->name;
    for (size_t i = 0; i < o->further_count; i++) {
        config.further[i] = o->further[i];
        config.further_route[i] = options_control_route(o, i + 1);
    }
    config.further_local_count = o->further_domain_count;
    for (size_t i = 0; i < o->further_domain_count; i++)
        config.further_local[i] = o->further_domain[i];
    for (size_t i = 0; i <= o->further_count; i++)
        config.route_trouble[i] = span_of(o->route_trouble[i]);
    for (size_t i = 0; i < o->mailbox_count; i++)
        config.mailboxes[i] = o->mailbox[i].text;
    if (c->earlier.ops != NULL)
        config.earlier = (struct probe_earlier){known_earlier, (void *)(uintptr_t)&c->earlier};
    return config;
}

struct span run_set(const struct run_config *c)
{
    return c->options->resume.len > 0 ? c->options->resume : c->run_id;
}

/* Those beside the targets' are our mailboxes' servers': with fewer of them some of what arrives at
   once is turned away, which is seen. */
static bool find_links(const struct app *a, unsigned *links)
{
    unsigned targets = LINKS_EACH * (unsigned)a->concurrency, files;

    if (!descriptors_want(LINKS_LEAST + targets + FILES_BESIDE,
                          LINKS_BESIDE + targets + FILES_BESIDE, &files, a->error)) {
        strbuf_adds(a->error, a->concurrency > 1 ? ", or lower --concurrency" : "");
        return false;
    }
    *links = files - FILES_BESIDE;
    return true;
}

/* What became of a list, in one line. */
static void say_sum(struct app *a)
{
    const struct target_list *list = a->config->list;

    run_clear_progress(a);
    if (list == NULL || a->options->quiet)
        return;
    fprintf(stderr, "relayprobe: %u of %zu targets done", a->done, a->target_count);
    if (a->known > 0)
        fprintf(stderr, ", %u of them known by the ledger", a->known);
    if (list->repeated > 0)
        fprintf(stderr, "; %zu repeated lines were left out", list->repeated);
    if (list->elsewhere > 0)
        fprintf(stderr, "; %zu are of other shards", list->elsewhere);
    if (a->done < a->target_count && a->config->ledger.ops != NULL)
        fprintf(stderr, "; --resume %.*s goes on", (int)run_set(a->config).len,
                run_set(a->config).ptr);
    fputs("\n", stderr);
}

static bool name_domain(char *room, const char *before, struct span text, const char *after)
{
    struct strbuf out;

    strbuf_init(&out, room, EXTRA_DOMAIN_LEN);
    strbuf_adds(&out, before);
    strbuf_add(&out, text);
    strbuf_adds(&out, after);
    return text.len > 0 && !out.truncated;
}

/* Where some forms lead beside the canary's domain: a sink takes mail for these as well. */
static size_t extra_domains(const struct form_extras *x, char (*room)[EXTRA_DOMAIN_LEN],
                            struct span *domains)
{
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf ip;
    size_t count = 0;

    if (name_domain(room[0], "*.", x->zone, ""))
        domains[count++] = span_of(room[0]);
    if (name_domain(room[1], "", x->backup_domain, ""))
        domains[count++] = span_of(room[1]);
    for (int i = 0; i < 2; i++) {
        const struct endpoint *e = i == 0 ? &x->canary_ip4 : &x->canary_ip6;

        strbuf_init(&ip, memory, sizeof(memory));
        if (e->family != 0)
            endpoint_print_address(&ip, e);
        if (name_domain(room[2 + i], e->family == 6 ? "[IPv6:" : "[", strbuf_span(&ip), "]"))
            domains[count++] = span_of(room[2 + i]);
    }
    return count;
}

static bool open_mailboxes(struct app *a)
{
    const struct options *o = a->options;
    struct span domains[FORM_CANARIES_MAX + 1 + EXTRA_DOMAINS_MAX];
    char room[EXTRA_DOMAINS_MAX][EXTRA_DOMAIN_LEN];
    size_t count = 0;
    struct mailboxes_owner owner = {
        .mail = run_take_mail,
        .callout = run_take_callout,
        .refused = run_take_refusal,
        .trouble = run_take_trouble,
        .well = run_take_well,
        .ready = run_take_ready,
        .self = a};

    domains[count++] = o->canary_domain;
    for (size_t i = 0; i < o->further_count; i++)
        domains[count++] = o->further[i].domain;
    domains[count++] = o->sender_domain;
    count += extra_domains(&o->extras, room, domains + count);
    struct mailboxes_config config = {
        .world = loop_world(a->loop),
        .urls = o->mailbox,
        .url_count = o->mailbox_count,
        .password_file = o->password_file,
        .ca_file = o->ca_file,
        .domains = domains,
        .domain_count = count,
        .wait_ns = o->wait_ns,
        .skip_present = o->resume.len == 0, /* it may be of the runs that are gone on with */
        .sessions_max = SINK_SESSIONS_DEFAULT + (unsigned)a->concurrency,
        .tidy = o->tidy};

    if (o->mailbox_count == 0) {
        a->ready = true;
        return true;
    }
    a->mailboxes = mailboxes_open(&config, owner, a->error);
    return a->mailboxes != NULL;
}

/* What is in the mailboxes already must be known before anything of ours can come. */
static void await_mailboxes(struct app *a)
{
    if (!a->ready && run_shows_progress(a)) {
        fputs("\r\033[Kreading the mailboxes", stderr);
        fflush(stderr);
        a->progress_shown = true;
    }
    while (!a->ready && loop_signal(a->loop) == 0)
        loop_run(a->loop);
}

static bool open_collect(struct app *a)
{
    if (a->config->ledger.ops == NULL)
        return true;
    a->collect = malloc(sizeof(*a->collect));
    if (a->collect == NULL) {
        strbuf_adds(a->error, "no memory for the ledger");
        return false;
    }
    if (!collect_init(a->collect, a->config->ledger, a->config->earlier)) {
        free(a->collect);
        a->collect = NULL;
    }
    return true;
}

static bool check_proof(struct app *a)
{
    const char *directory = a->options->save_proof;

    if (directory == NULL)
        return true;
    strbuf_adds(a->error, "--save-proof: ");
    if (!proof_check(directory, a->error))
        return false;
    strbuf_reset(a->error);
    return true;
}

static int ask_all(struct app *a)
{
    struct world *w = loop_world(a->loop);

    await_mailboxes(a);
    a->begun_ns = world_now(w);
    run_turn_soon(a);
    if (run_shows_progress(a))
        world_timer_set(w, &a->tick, clock_after(world_now(w), CLOCK_SECOND));
    while (!a->ended)
        loop_run(a->loop);
    if (a->failed)
        return RUN_SYSTEM;
    say_sum(a);
    if (loop_signal(a->loop) != 0)
        return RUN_SIGNAL + loop_signal(a->loop);
    if (a->options->expect_given)
        return a->unexpected ? RUN_UNEXPECTED : RUN_FINE;
    return a->worst < 0 ? RUN_FINE : a->worst;
}

static bool open_crowd(struct app *a)
{
    const struct options *o = a->options;
    struct pace_config pace = {o->total_rate, o->network_rate, a->concurrency};

    a->seats = calloc(a->concurrency + KEPT_MAX + 1, sizeof(void *));
    if (o->total_rate > 0 || o->network_rate > 0)
        a->pace = pace_new(&pace);
    if (a->seats == NULL || ((o->total_rate > 0 || o->network_rate > 0) && a->pace == NULL)) {
        strbuf_adds(a->error, "no memory for the targets");
        return false;
    }
    return true;
}

static bool open_transcript(struct app *a)
{
    if (transcript_open(&a->transcript, loop_world(a->loop), a->options->transcript)) {
        a->transcript.echo = a->options->verbose ? stderr : NULL;
        return true;
    }
    strbuf_addf(a->error, "--transcript: %s: %s", a->options->transcript, strerror(errno));
    return false;
}

static void clean_up(struct app *a)
{
    run_clear_progress(a);
    if (a->unsaved > 1)
        fprintf(stderr, "relayprobe: --save-proof: %u messages are not kept\n", a->unsaved);
    mailboxes_close(a->mailboxes);
    free(a->collect);
    dns_ares_free(a->resolver);
    loop_free(a->loop);
    run_jobs_free(a);
    pace_free(a->pace);
    free(a->seats);
}

int run_targets(const struct run_config *config, struct strbuf *error)
{
    const struct options *o = config->options;
    struct app a = {.config = config, .options = o, .error = error, .worst = -1};
    struct loop_config loop = {.catch_signals = true, .on_signal = take_signal, .self = &a};
    int status = RUN_SYSTEM;

    a.target_count = config->list != NULL ? config->list->count : o->target_count;
    a.concurrency = o->concurrency < a.target_count ? o->concurrency : a.target_count;
    a.kept_end = &a.kept;
    if (!find_links(&a, &loop.links_max))
        return status;
    a.loop = loop_new(&loop, error);
    if (a.loop == NULL)
        return status;
    world_timer_init(&a.tick, run_tick, &a);
    world_timer_init(&a.turn, run_take_turn, &a);
    if (open_crowd(&a) && check_proof(&a) && open_collect(&a) && open_mailboxes(&a) &&
        open_transcript(&a))
        status = ask_all(&a);
    clean_up(&a);
    if (!transcript_close(&a.transcript) && status != RUN_SYSTEM) {
        strbuf_addf(error, "--transcript: %s: %s", o->transcript, strerror(errno));
        status = RUN_SYSTEM;
    }
    return status;
}
