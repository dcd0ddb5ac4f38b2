/*
 * run.c - the targets one after another, in one loop, with one sink
 *
 * A name with several addresses is asked at the first one where an SMTP server answers; the others
 * are named in the report. With --all-mx that goes for each host by itself. Probes are kept until
 * the loop is gone, since a session that was broken off may still end in there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/proof_file.h"
#include "probe/report.h"
#include "probe/run_private.h"

enum { EXTRA_DOMAINS_MAX = 4, EXTRA_DOMAIN_LEN = 264 };

bool run_print(struct span text, struct strbuf *error)
{
    if (fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return true;
    strbuf_addf(error, "standard output: %s", strerror(errno));
    return false;
}

static void take_signal(void *self, int signal_number)
{
    struct app *a = self;

    (void)signal_number;
    if (a->asking != NULL)
        probe_interrupt(a->asking);
    else
        world_stop(loop_world(a->loop));
}

/* One line of the report's notes, from this program. */
static struct strbuf note_begin(struct app *a)
{
    struct strbuf text;

    strbuf_init(&text, a->note_memory[a->note_count], NOTE_LEN);
    return text;
}

static void note_end(struct app *a, const struct strbuf *text)
{
    a->notes[a->note_count++] = strbuf_span(text);
}

static bool print_report(struct app *a, struct report *r)
{
    const struct options *o = a->options;
    struct strbuf out;

    strbuf_init(&out, a->config->page, REPORT_MAX);
    r->notes = a->notes;
    r->note_count = a->note_count;
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
        if (!o->quiet && o->target_count > 1)
            strbuf_addc(&out, '\n');
    }
    return run_print(strbuf_span(&out), a->error);
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
                                     const struct endpoint *at, struct span run_id)
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
        .target = *at,
        .target_name = target_host(t, at),
        .local_domain = o->domain.len == 0 && t->by_mx ? t->name : o->domain,
        .source = o->source,
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
        .exhaustive = o->exhaustive,
        .vantage = options_vantage(o, at),
        .key = c->key,
        .rate = o->rate,
        .tls = c->tls,
        .tls_mode = session_tls_for(options_tls_for(o, at)),
        .ledger = c->ledger,
        .ledger_required = o->ledger != NULL,
        .run_id = run_id};

    if (config.extras.mx_domain.len == 0 && t->by_mx)
        config.extras.mx_domain = t->name;
    for (size_t i = 0; i < o->further_count; i++) {
        config.further[i] = o->further[i];
        config.further_route[i] = options_control_route(o, i + 1);
    }
    for (size_t i = 0; i < o->mailbox_count; i++)
        config.mailboxes[i] = o->mailbox[i].text;
    if (c->earlier.ops != NULL)
        config.earlier = (struct probe_earlier){known_earlier, (void *)(uintptr_t)&c->earlier};
    return config;
}

static void name_run(struct app *a, struct kept_probe *kept)
{
    struct strbuf id;

    strbuf_init(&id, kept->run_id, sizeof(kept->run_id));
    strbuf_add(&id, a->config->run_id);
    if (a->addresses++ > 0)
        strbuf_addf(&id, "-%u", a->addresses);
}

/* Asks one address and waits for the verdict. NULL: no memory. */
static const struct probe *ask_address(struct app *a, const struct target *t,
                                       const struct endpoint *at)
{
    struct probe_observer observer = {
        .line = run_see_line,
        .arrival = run_see_arrival,
        .progress = run_see_progress,
        .expect = run_see_expect,
        .looked = run_has_looked,
        .finished = run_see_finished,
        .self = a};
    struct world *w = loop_world(a->loop);
    struct probe_config config;
    struct kept_probe *kept = calloc(1, sizeof(*kept));
    char memory[ENDPOINT_TEXT_MAX + 16];
    struct strbuf text;

    if (kept == NULL)
        return NULL;
    kept->next = a->probes;
    kept->name = t->text;
    name_run(a, kept);
    config = run_probe_config(a->config, t, at, span_of(kept->run_id));
    a->probes = kept;
    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, "target ");
    endpoint_print(&text, at);
    run_see_line(a, 0, '*', strbuf_span(&text));
    a->asking = &kept->probe;
    probe_start(&kept->probe, w, &config, &observer);
    for (size_t i = 0; i < a->options->mailbox_count; i++)
        if (a->trouble[i].why[0] != '\0')
            probe_mailbox_trouble(&kept->probe, config.mailboxes[i], span_of(a->trouble[i].why),
                                  a->trouble[i].lasting);
    if (run_shows_progress(a))
        world_timer_set(w, &a->tick, clock_after(world_now(w), CLOCK_SECOND));
    while (!probe_is_finished(&kept->probe))
        loop_run(a->loop);
    a->asking = NULL;
    world_timer_stop(w, &a->tick);
    return &kept->probe;
}

static void note_way(struct app *a, const struct target *t)
{
    struct strbuf text;

    a->note_count = 0;
    strbuf_init(&text, a->way, sizeof(a->way));
    target_print_way(t, &text);
    if (text.len > 0)
        note_end(a, &text);
}

static void note_unreachable(struct app *a, const struct endpoint *at, const struct probe *p)
{
    struct strbuf text;

    if (a->note_count >= NOTES_MAX - 1)
        return;
    text = note_begin(a);
    endpoint_print(&text, at);
    strbuf_addf(&text, " was asked first and was unreachable: %s", p->verdict.reason);
    note_end(a, &text);
}

static void note_other_addresses(struct app *a, const struct target *t, size_t from, size_t to)
{
    struct strbuf text = note_begin(a);

    target_print_others(t, from, to, &text);
    if (text.len > 0)
        note_end(a, &text);
}

/* One of the addresses from `from` up to `to`, and one report. False: a system error. */
static bool ask_some(struct app *a, const struct target *t, struct span name, size_t from,
                     size_t to)
{
    const struct probe *p = NULL;
    struct report report;
    size_t i = from;

    note_way(a, t);
    for (;;) {
        p = ask_address(a, t, &t->address[i]);
        if (p == NULL) {
            strbuf_adds(a->error, "no memory for a probe");
            return false;
        }
        if (p->verdict.verdict != VERDICT_UNREACHABLE || i + 1 == to || loop_signal(a->loop) != 0)
            break;
        note_unreachable(a, &t->address[i], p);
        i++;
    }
    note_other_addresses(a, t, i + 1, to);
    report_of(&report, p, name);
    run_count_verdict(a, p->verdict.verdict);
    return print_report(a, &report);
}

static bool ask_target(struct app *a, const struct target *t)
{
    char memory[2 * TARGET_NAME_MAX + 16];
    struct strbuf name;
    size_t end = 0;

    if (!a->options->all_mx || !t->by_mx)
        return ask_some(a, t, t->text, 0, t->address_count);
    for (size_t from = 0; from < t->address_count && loop_signal(a->loop) == 0; from = end) {
        end = target_host_end(t, from);
        strbuf_init(&name, memory, sizeof(memory));
        strbuf_add(&name, t->text);
        strbuf_adds(&name, " at ");
        strbuf_add(&name, target_host(t, &t->address[from]));
        if (!ask_some(a, t, strbuf_span(&name), from, end))
            return false;
    }
    return true;
}

/* A name without an address is a verdict of its own. */
static bool report_unknown_name(struct app *a, const struct target *t)
{
    struct verdict_result verdict;
    struct report report = {.target = t->text, .verdict = &verdict};

    target_unfound(t, &verdict);
    report.started_epoch_s = report.finished_epoch_s = world_epoch(loop_world(a->loop));
    note_way(a, t);
    run_count_verdict(a, VERDICT_UNREACHABLE);
    return print_report(a, &report);
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
        .skip_present = true,
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
    await_mailboxes(a);
    for (size_t i = 0; i < a->options->target_count && loop_signal(a->loop) == 0; i++) {
        const struct target *t = &a->options->target[i];

        if (!(t->address_count > 0 ? ask_target(a, t) : report_unknown_name(a, t)))
            return RUN_SYSTEM;
    }
    if (loop_signal(a->loop) != 0)
        return RUN_SIGNAL + loop_signal(a->loop);
    if (a->options->expect_given)
        return a->unexpected ? RUN_UNEXPECTED : RUN_FINE;
    return a->worst;
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
    mailboxes_close(a->mailboxes);
    free(a->collect);
    loop_free(a->loop);
    while (a->probes != NULL) {
        struct kept_probe *next = a->probes->next;

        free(a->probes);
        a->probes = next;
    }
}

int run_targets(const struct run_config *config, struct strbuf *error)
{
    struct app a = {.config = config, .options = config->options, .error = error, .worst = -1};
    struct loop_config loop = {.catch_signals = true, .on_signal = take_signal, .self = &a};
    int status = RUN_SYSTEM;

    a.loop = loop_new(&loop, error);
    if (a.loop == NULL)
        return status;
    world_timer_init(&a.tick, run_tick, &a);
    if (check_proof(&a) && open_collect(&a) && open_mailboxes(&a) && open_transcript(&a))
        status = ask_all(&a);
    clean_up(&a);
    if (!transcript_close(&a.transcript) && status != RUN_SYSTEM) {
        strbuf_addf(error, "--transcript: %s: %s", a.options->transcript, strerror(errno));
        status = RUN_SYSTEM;
    }
    return status;
}
