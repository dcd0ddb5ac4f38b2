/*
 * run.c - the targets one after another, in one loop, with one sink
 *
 * A name with several addresses is asked at the first one where an SMTP server answers; the others
 * are named in the report. Probes are kept until the loop is gone, since a session that was broken
 * off may still end in there.
 */
#include "probe/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/loop.h"
#include "probe/report.h"
#include "probe/sink.h"
#include "probe/transcript.h"

enum { NOTES_MAX = 4, NOTE_LEN = 256 };

struct kept_probe { /* in a list, until the loop is gone */
    struct kept_probe *next;
    struct probe probe;
};

struct app {
    const struct run_config *config;
    const struct options *options;
    struct strbuf *error;
    struct loop *loop;
    struct sink *sink;
    struct transcript transcript;
    struct kept_probe *probes; /* the first is the present one */
    struct probe *asking;      /* NULL between targets */
    bool progress_shown, unexpected;
    int worst;
    size_t note_count;
    struct span notes[NOTES_MAX];
    char note_memory[NOTES_MAX][NOTE_LEN];
};

bool run_print(struct span text, struct strbuf *error)
{
    if (fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0)
        return true;
    strbuf_addf(error, "standard output: %s", strerror(errno));
    return false;
}

/* The worst first, as DESIGN.md orders them. */
static int rank(int status)
{
    static const int order[] = {1, 3, 4, 5, 0};
    int i = 0;

    while (i < 4 && order[i] != status)
        i++;
    return i;
}

static void clear_progress(struct app *a)
{
    if (a->progress_shown)
        fputs("\r\033[K", stderr);
    a->progress_shown = false;
}

static void see_line(void *self, unsigned session, char direction, struct span text)
{
    struct app *a = self;

    if (a->transcript.echo != NULL)
        clear_progress(a);
    transcript_line(&a->transcript, session, direction, text);
}

static void see_progress(void *self, const char *phase, unsigned done, unsigned total)
{
    struct app *a = self;

    if (!a->config->terminal || a->options->quiet || a->options->verbose)
        return;
    fprintf(stderr, "\r\033[K%s: %u of %u", phase, done, total);
    fflush(stderr);
    a->progress_shown = true;
}

static void see_arrival(void *self, enum arrival_kind kind, const struct form_result *form,
                        const struct mail_view *mail)
{
    static const char *const names[] = {[ARRIVAL_DELIVERY] = "delivery",
                                        [ARRIVAL_REPORT] = "report",
                                        [ARRIVAL_CONTROL] = "control message",
                                        [ARRIVAL_FOREIGN] = "message of no concern",
                                        [ARRIVAL_UNCLEAR] = "arrival that cannot be told apart",
                                        [ARRIVAL_FORGED] = "message with a forged token",
                                        [ARRIVAL_REPLAYED] = "message with an old token"};
    struct app *a = self;
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    strbuf_addf(&text, "mailbox: %s", names[kind]);
    if (form != NULL)
        strbuf_addf(&text, " of form %s", form->form.id);
    if (mail->recipient_count > 0) {
        strbuf_adds(&text, " to ");
        strbuf_add(&text, mail->recipients[0]);
    }
    see_line(a, 0, '*', strbuf_span(&text));
}

static void see_finished(void *self, const struct probe *p)
{
    struct app *a = self;

    (void)p;
    world_stop(loop_world(a->loop));
}

static void take_mail(void *self, const struct mail_view *mail, bool truncated)
{
    struct app *a = self;

    if (truncated)
        see_line(a, 0, '*', SPAN("mailbox: a message was too large and was cut short"));
    if (a->asking != NULL)
        probe_arrival(a->asking, mail);
}

static void take_callout(void *self, struct span sender, struct span recipient)
{
    struct app *a = self;

    if (a->asking != NULL)
        probe_callout(a->asking, sender, recipient);
}

static void take_refusal(void *self, struct span recipient, struct span reply)
{
    struct app *a = self;

    if (a->asking != NULL)
        probe_canary_refused(a->asking, recipient, reply);
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
    clear_progress(a);
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

static void count_verdict(struct app *a, enum verdict v)
{
    int status = verdict_exit_status(v);

    if (a->worst < 0 || rank(status) < rank(a->worst))
        a->worst = status;
    if (a->options->expect_given && v != a->options->expect)
        a->unexpected = true;
}

struct probe_config run_probe_config(const struct run_config *c, const struct target *t,
                                     const struct endpoint *at)
{
    const struct options *o = c->options;

    return (struct probe_config){
        .canary_local = o->canary_local,
        .canary_domain = o->canary_domain,
        .sender_local = o->sender_local,
        .sender_domain = o->sender_domain,
        .helo = o->helo,
        .contact = o->contact,
        .target = *at,
        .target_name = t->is_name ? t->name : (struct span){NULL, 0},
        .local_domain = o->domain,
        .source = o->source,
        .forms = o->forms,
        .mailbox = o->sink.family != 0,
        .control_route = options_control_route(o),
        .wait_ns = o->wait_ns,
        .max_time_ns = o->max_time_ns,
        .retry_ns = o->retry_ns,
        .timeouts = o->timeouts,
        .exhaustive = o->exhaustive,
        .vantage = options_vantage(o, at),
        .key = c->key,
        .run_id = c->run_id};
}

/* Asks one address and waits for the verdict. NULL: no memory. */
static const struct probe *ask_address(struct app *a, const struct target *t,
                                       const struct endpoint *at)
{
    struct probe_observer observer = {.line = see_line,
                                      .arrival = see_arrival,
                                      .progress = see_progress,
                                      .finished = see_finished,
                                      .self = a};
    struct probe_config config = run_probe_config(a->config, t, at);
    struct kept_probe *kept = calloc(1, sizeof(*kept));
    char memory[ENDPOINT_TEXT_MAX + 16];
    struct strbuf text;

    if (kept == NULL)
        return NULL;
    kept->next = a->probes;
    a->probes = kept;
    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, "target ");
    endpoint_print(&text, at);
    see_line(a, 0, '*', strbuf_span(&text));
    a->asking = &kept->probe;
    probe_start(&kept->probe, loop_world(a->loop), &config, &observer);
    while (!probe_is_finished(&kept->probe))
        loop_run(a->loop);
    a->asking = NULL;
    return &kept->probe;
}

static void note_other_addresses(struct app *a, const struct target *t, size_t asked)
{
    struct strbuf text;

    if (asked + 1 >= t->address_count)
        return;
    text = note_begin(a);
    strbuf_adds(&text, "The name has other addresses, which were not asked:");
    for (size_t i = asked + 1; i < t->address_count; i++) {
        strbuf_addc(&text, ' ');
        endpoint_print(&text, &t->address[i]);
    }
    note_end(a, &text);
}

/* False: a system error. */
static bool ask_target(struct app *a, const struct target *t)
{
    const struct probe *p = NULL;
    struct report report;
    size_t i = 0;

    a->note_count = 0;
    for (;;) {
        struct strbuf text;

        p = ask_address(a, t, &t->address[i]);
        if (p == NULL) {
            strbuf_adds(a->error, "no memory for a probe");
            return false;
        }
        if (p->verdict.verdict != VERDICT_UNREACHABLE || i + 1 == t->address_count ||
            loop_signal(a->loop) != 0)
            break;
        if (a->note_count < NOTES_MAX - 1) {
            text = note_begin(a);
            endpoint_print(&text, &t->address[i]);
            strbuf_addf(&text, " was asked first and was unreachable: %s", p->verdict.reason);
            note_end(a, &text);
        }
        i++;
    }
    note_other_addresses(a, t, i);
    report_of(&report, p, t->text);
    count_verdict(a, p->verdict.verdict);
    return print_report(a, &report);
}

/* A name without an address is a verdict of its own. */
static bool report_unknown_name(struct app *a, const struct target *t)
{
    struct verdict_result verdict = {.verdict = VERDICT_UNREACHABLE, .reason_code = "no-such-name"};
    struct report report = {.target = t->text, .verdict = &verdict};
    struct strbuf reason;

    strbuf_init(&reason, verdict.reason, sizeof(verdict.reason));
    strbuf_adds(&reason, "the name has no address: ");
    strbuf_adds(&reason, t->trouble);
    report.started_epoch_s = report.finished_epoch_s = world_epoch(loop_world(a->loop));
    a->note_count = 0;
    count_verdict(a, VERDICT_UNREACHABLE);
    return print_report(a, &report);
}

static bool open_sink(struct app *a)
{
    const struct options *o = a->options;
    struct sink_owner owner = {
        .mail = take_mail, .callout = take_callout, .self = a, .refused = take_refusal};
    char memory[256];
    struct strbuf why;

    if (o->sink.family == 0)
        return true;
    strbuf_init(&why, memory, sizeof(memory));
    a->sink = sink_new(loop_world(a->loop), owner);
    if (a->sink == NULL) {
        strbuf_adds(a->error, "--sink: no memory");
        return false;
    }
    sink_domain_add(a->sink, o->canary_domain);
    sink_domain_add(a->sink, o->sender_domain);
    if (sink_listen(a->sink, &o->sink, NULL, &why))
        return true;
    strbuf_adds(a->error, "--sink: ");
    endpoint_print(a->error, &o->sink);
    strbuf_adds(a->error, ": ");
    strbuf_add(a->error, strbuf_span(&why));
    return false;
}

static int ask_all(struct app *a)
{
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
    clear_progress(a);
    sink_free(a->sink);
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
    if (open_sink(&a) && open_transcript(&a))
        status = ask_all(&a);
    clean_up(&a);
    if (!transcript_close(&a.transcript) && status != RUN_SYSTEM) {
        strbuf_addf(error, "--transcript: %s: %s", a.options->transcript, strerror(errno));
        status = RUN_SYSTEM;
    }
    return status;
}
