/*
 * run_home.c - what the probe and the mailboxes have to say, and to whom it goes
 *
 * A message is shown to the probes that are done first: a delivery that comes late changes their
 * verdict, and its token is none that was forged. Then to the one that is asking. What has a token
 * of an earlier run goes to the ledger's side of the house, as --collect would do it.
 */
#include <stdio.h>
#include <string.h>

#include "drive/proof_file.h"
#include "probe/progress.h"
#include "probe/run_private.h"

/* The worst first, as DESIGN.md orders them. */
static int rank(int status)
{
    static const int order[] = {1, 3, 4, 5, 0};
    int i = 0;

    while (i < 4 && order[i] != status)
        i++;
    return i;
}

void run_clear_progress(struct app *a)
{
    if (a->progress_shown)
        fputs("\r\033[K", stderr);
    a->progress_shown = false;
}

void run_see_line(void *self, unsigned session, char direction, struct span text)
{
    struct app *a = self;

    if (a->transcript.echo != NULL)
        run_clear_progress(a);
    transcript_line(&a->transcript, session, direction, text);
}

bool run_shows_progress(const struct app *a)
{
    return a->config->terminal && !a->options->quiet && !a->options->verbose;
}

static void show_progress(struct app *a)
{
    char memory[256];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    progress_line(&text, a->asking);
    fputs("\r\033[K", stderr);
    fwrite(memory, 1, text.len, stderr);
    fflush(stderr);
    a->progress_shown = true;
}

void run_see_progress(void *self, const char *phase, unsigned done, unsigned total)
{
    struct app *a = self;

    (void)phase, (void)done, (void)total;
    if (run_shows_progress(a) && a->asking != NULL)
        show_progress(a);
}

/* Every second, since the time that is left is in the line. */
void run_tick(void *self)
{
    struct app *a = self;
    struct world *w = loop_world(a->loop);

    if (a->asking == NULL || probe_is_finished(a->asking))
        return;
    show_progress(a);
    world_timer_set(w, &a->tick, clock_after(world_now(w), CLOCK_SECOND));
}

void run_see_expect(void *self)
{
    struct app *a = self;

    if (a->mailboxes != NULL)
        mailboxes_hurry(a->mailboxes);
}

bool run_has_looked(void *self)
{
    struct app *a = self;

    return mailboxes_are_current(a->mailboxes);
}

static void say(const char *text)
{
    fprintf(stderr, "relayprobe: %s\n", text);
}

/* The message that is the proof, into a file; trouble with that is said, and no more. */
static void save_proof(struct app *a, const struct form_result *form, const struct mail_view *mail)
{
    char memory[512], name[PROOF_NAME_MAX];
    struct strbuf error;
    struct probe *p = a->receiving;

    strbuf_init(&error, memory, sizeof(memory));
    strbuf_adds(&error, "--save-proof: ");
    if (!proof_save(a->options->save_proof, p->config.run_id, span_of(form->form.id),
                    span_of(form->form.tokens.recipient.text), mail->content, name, &error)) {
        run_clear_progress(a);
        say(memory);
    } else if (p->proof.file[0] == '\0') {
        bytes_copy(p->proof.file, sizeof(p->proof.file), span_of(name));
    }
}

void run_see_arrival(void *self, enum arrival_kind kind, const struct form_result *form,
                     const struct mail_view *mail)
{
    static const char *const names[] = {
        [ARRIVAL_DELIVERY] = "delivery",
        [ARRIVAL_REPORT] = "report",
        [ARRIVAL_CONTROL] = "control message",
        [ARRIVAL_FOREIGN] = "message of no concern",
        [ARRIVAL_UNCLEAR] = "arrival that cannot be told apart",
        [ARRIVAL_FORGED] = "message with a forged token",
        [ARRIVAL_REPLAYED] = "message with an old token"};
    struct app *a = self;
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf text;

    a->replayed = kind == ARRIVAL_REPLAYED;
    if (kind == ARRIVAL_DELIVERY && a->options->save_proof != NULL)
        save_proof(a, form, mail);
    strbuf_init(&text, memory, sizeof(memory));
    strbuf_addf(&text, "mailbox: %s", names[kind]);
    if (form != NULL)
        strbuf_addf(&text, " of form %s", form->form.id);
    if (mail->recipient_count > 0) {
        strbuf_adds(&text, " to ");
        strbuf_add(&text, mail->recipients[0]);
    }
    run_see_line(a, 0, '*', strbuf_span(&text));
}

void run_see_finished(void *self, const struct probe *p)
{
    struct app *a = self;

    (void)p;
    world_stop(loop_world(a->loop));
}

void run_count_verdict(struct app *a, enum verdict v)
{
    int status = verdict_exit_status(v);

    if (a->worst < 0 || rank(status) < rank(a->worst))
        a->worst = status;
    if (a->options->expect_given && v != a->options->expect)
        a->unexpected = true;
}

/* Trouble outlives a target: the next probe must know of it. */
static void remember_trouble(struct app *a, struct span mailbox, struct span why, bool lasting)
{
    for (size_t i = 0; i < a->options->mailbox_count; i++) {
        struct strbuf text;

        if (!span_equal(a->options->mailbox[i].text, mailbox))
            continue;
        strbuf_init(&text, a->trouble[i].why, sizeof(a->trouble[i].why));
        strbuf_add_visible(&text, why);
        a->trouble[i].lasting = lasting;
    }
}

/* The verdict of a target whose report was printed already. */
static void say_changed(struct app *a, const struct kept_probe *k, enum verdict before)
{
    char memory[512];
    struct strbuf text;

    if (k->probe.verdict.verdict == before)
        return;
    strbuf_init(&text, memory, sizeof(memory));
    strbuf_add_visible(&text, k->name);
    strbuf_addf(&text, ": %s now, and was %s: %s", verdict_name(k->probe.verdict.verdict),
                verdict_name(before), k->probe.verdict.reason);
    run_clear_progress(a);
    say(memory);
    run_count_verdict(a, k->probe.verdict.verdict);
}

/* A token of another run of the ledger: it may have been waited for. */
static void take_earlier(struct app *a, struct span mailbox, const struct mail_view *mail)
{
    char memory[512];
    struct strbuf text;
    struct collected what;

    if (a->collect == NULL ||
        !collect_mail(a->collect, mailbox, mail, world_epoch(loop_world(a->loop)), &what))
        return;
    strbuf_init(&text, memory, sizeof(memory));
    collect_print(&text, &what);
    if (text.len > 0 && what.changed) {
        run_clear_progress(a);
        say(memory);
    }
}

bool run_take_mail(void *self, struct span mailbox, const struct mail_view *mail, bool truncated)
{
    struct app *a = self;

    if (truncated)
        run_see_line(a, 0, '*', SPAN("mailbox: a message was too large and was cut short"));
    for (struct kept_probe *k = a->probes; k != NULL; k = k->next) {
        enum verdict before = k->probe.verdict.verdict;

        a->receiving = &k->probe;
        if (&k->probe != a->asking && probe_arrival_in(&k->probe, mailbox, mail)) {
            say_changed(a, k, before);
            return true;
        }
    }
    a->replayed = false;
    a->receiving = a->asking;
    bool ours = a->asking != NULL && probe_arrival_in(a->asking, mailbox, mail);
    if (!ours && (a->replayed || a->asking == NULL))
        take_earlier(a, mailbox, mail);
    return ours;
}

void run_take_trouble(void *self, struct span mailbox, struct span why, bool lasting)
{
    struct app *a = self;
    char memory[512];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, "mailbox ");
    strbuf_add_visible(&text, mailbox);
    strbuf_adds(&text, " cannot be read: ");
    strbuf_add_visible(&text, why);
    run_see_line(a, 0, '*', strbuf_span(&text));
    remember_trouble(a, mailbox, why, lasting);
    if (a->asking != NULL)
        probe_mailbox_trouble(a->asking, mailbox, why, lasting);
}

void run_take_well(void *self, struct span mailbox)
{
    struct app *a = self;

    remember_trouble(a, mailbox, SPAN(""), false);
    if (a->asking != NULL)
        probe_mailbox_well(a->asking, mailbox);
}

void run_take_ready(void *self)
{
    struct app *a = self;

    a->ready = true;
    world_stop(loop_world(a->loop));
}

void run_take_callout(void *self, struct span sender, struct span recipient)
{
    struct app *a = self;

    if (a->asking != NULL)
        probe_callout(a->asking, sender, recipient);
}

void run_take_refusal(void *self, struct span recipient, struct span reply)
{
    struct app *a = self;

    if (a->asking != NULL)
        probe_canary_refused(a->asking, recipient, reply);
}
