/*
 * run_home.c - what the probe and the mailboxes have to say, and to whom it goes
 *
 * A message is shown to the probe that one of its tokens belongs to, be it still asking or over: a
 * delivery that comes late changes the verdict. What has a token of an earlier run goes to the
 * ledger's side of the house, as --collect would do it.
 */
#include <stdio.h>
#include <string.h>

#include "drive/host/proof_file.h"
#include "probe/home/arrivals.h"
#include "probe/program/run_private.h"

enum { LINE_MAX_LEN = 1536 };

/* With several targets at once each line says whose it is. */
void run_see_line(void *self, unsigned session, char direction, struct span text)
{
    struct seat *s = self;
    struct app *a = s->app;
    char memory[LINE_MAX_LEN];
    struct strbuf line;

    if (a->transcript.file == NULL && a->transcript.echo == NULL)
        return;
    if (a->transcript.echo != NULL)
        run_clear_progress(a);
    if (!run_is_many(a)) {
        transcript_line(&a->transcript, session, direction, text);
        return;
    }
    strbuf_init(&line, memory, sizeof(memory));
    strbuf_addf(&line, "[%s] ", s->probe.target_text);
    strbuf_add(&line, text);
    transcript_line(&a->transcript, session, direction, strbuf_span(&line));
}

/* A control that is over makes room for the next one. */
void run_see_progress(void *self, const char *phase, unsigned done, unsigned total)
{
    struct seat *s = self;

    (void)phase, (void)done, (void)total;
    if (run_is_many(s->app) && s->app->job_count < s->app->concurrency)
        run_turn_soon(s->app);
    else if (!run_is_many(s->app) && run_shows_progress(s->app))
        run_show_progress(s->app);
}

void run_see_expect(void *self)
{
    struct seat *s = self;

    if (s->app->mailboxes != NULL)
        s->hurry = mailboxes_hurry(s->app->mailboxes);
}

bool run_has_looked(void *self)
{
    struct seat *s = self;

    return mailboxes_are_current(s->app->mailboxes, &s->hurry);
}

static void say(const char *text)
{
    fprintf(stderr, "relayprobe: %s\n", text);
}

/* The message that is the proof, into a file; the first trouble with that is said, and how often.
 */
static void save_proof(struct app *a, const struct form_result *form, const struct mail_view *mail)
{
    char memory[512], name[PROOF_NAME_MAX];
    struct strbuf error;
    struct probe *p = &a->receiving->probe;

    strbuf_init(&error, memory, sizeof(memory));
    strbuf_adds(&error, "--save-proof: ");
    if (!proof_save(a->options->save_proof, p->config.run_id, span_of(form_id(&form->form).text),
                    span_of(form_tokens(&form->form).recipient.text), mail->content, name,
                    &error)) {
        run_clear_progress(a);
        if (a->unsaved++ == 0)
            say(memory);
    } else if (p->proof != NULL && p->proof->file[0] == '\0') {
        bytes_copy(p->proof->file, sizeof(p->proof->file), span_of(name));
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
    struct seat *s = self;
    struct app *a = s->app;
    char memory[2 * MAIL_PATH_MAX];
    struct strbuf text;

    a->replayed = kind == ARRIVAL_REPLAYED;
    if (kind == ARRIVAL_DELIVERY && a->options->save_proof != NULL)
        save_proof(a, form, mail);
    strbuf_init(&text, memory, sizeof(memory));
    strbuf_addf(&text, "mailbox: %s", names[kind]);
    if (form != NULL)
        strbuf_addf(&text, " of form %s", form_id(&form->form).text);
    if (mail->recipient_count > 0) {
        strbuf_adds(&text, " to ");
        strbuf_add(&text, mail->recipients[0]);
    }
    run_see_line(s, 0, '*', strbuf_span(&text));
}

void run_see_finished(void *self, const struct probe *p)
{
    struct seat *s = self;

    (void)p;
    s->next = s->app->over;
    s->app->over = s;
    run_turn_soon(s->app);
}

/* The verdict of a target whose report was printed already. */
static void say_changed(struct app *a, const struct seat *k, enum verdict before)
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

/* -- whose mail is it */

static bool is_live(const struct seat *s)
{
    return s->job != NULL && !probe_is_finished(&s->probe);
}

/* The next seat from *cursor on that this token is of. */
static struct seat *seat_of(const struct app *a, struct span token, size_t *cursor)
{
    uint32_t number;

    while ((number = token_index_next(&a->tokens, token, cursor)) != TOKEN_NOBODY) {
        struct seat *s = a->seats[number];

        if (s != NULL && arrival_form_in(&s->probe, token) != ARRIVAL_NO_FORM)
            return s;
    }
    return NULL;
}

/* The first one that a token in the text names. */
static struct seat *seat_in(const struct app *a, struct span text)
{
    size_t at = 0;

    while ((at = token_find(text, at)) != SIZE_MAX) {
        size_t cursor = 0;
        struct seat *s = seat_of(a, (struct span){text.ptr + at, TOKEN_LEN}, &cursor);

        if (s != NULL)
            return s;
        at += TOKEN_LEN;
    }
    return NULL;
}

/* As a probe looks for its own: the envelope, our field, the rest. */
static struct seat *seat_of_mail(const struct app *a, const struct mail_view *mail)
{
    struct span headers, body, value;
    struct seat *s = NULL;

    mail_split(mail->content, &headers, &body);
    if (mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL))
        s = seat_in(a, value);
    for (size_t i = 0; s == NULL && i < mail->recipient_count; i++)
        s = seat_in(a, mail->recipients[i]);
    return s != NULL ? s : seat_in(a, mail->content);
}

static bool give(struct app *a, struct seat *s, struct span mailbox, const struct mail_view *mail)
{
    bool live = is_live(s);
    enum verdict before = s->probe.verdict.verdict;

    a->receiving = s;
    a->replayed = false;
    bool ours = probe_arrival_in(&s->probe, mailbox, mail);
    if (ours && !live && s->job == NULL)
        say_changed(a, s, before);
    return ours;
}

static struct seat *any_live(const struct app *a)
{
    for (const struct job *j = a->jobs; j != NULL; j = j->next)
        if (j->seat != NULL && is_live(j->seat))
            return j->seat;
    return NULL;
}

/* Nobody who is asking knows its tokens. One that asks alone judges it; of several none is more
 * concerned than the others, so it is counted, and every report of that time says so. */
static bool take_stray(struct app *a, struct span mailbox, const struct mail_view *mail)
{
    struct seat *s = any_live(a);
    struct arrival what;
    bool ours = false;

    a->replayed = false;
    if (s != NULL && !run_is_many(a))
        ours = give(a, s, mailbox, mail);
    if (s != NULL && run_is_many(a)) {
        arrival_judge(&s->probe, mail, &what);
        a->strays += what.kind == ARRIVAL_FORGED || what.kind == ARRIVAL_REPLAYED;
    }
    if (!ours && (s == NULL || run_is_many(a) || a->replayed))
        take_earlier(a, mailbox, mail);
    return ours;
}

bool run_take_mail(void *self, struct span mailbox, const struct mail_view *mail, bool truncated)
{
    struct app *a = self;
    struct seat *s = seat_of_mail(a, mail);
    bool live = s != NULL && is_live(s);
    bool ours = s != NULL && give(a, s, mailbox, mail);

    if (truncated)
        run_write_down(a, SPAN("mailbox: a message was too large and was cut short"));
    if (!ours && !live)
        ours = take_stray(a, mailbox, mail);
    return ours;
}

/* -- what else the mailboxes say */

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

void run_tell_trouble(struct app *a, struct seat *s)
{
    for (size_t i = 0; i < a->options->mailbox_count; i++)
        if (a->trouble[i].why[0] != '\0')
            probe_mailbox_trouble(&s->probe, a->options->mailbox[i].text,
                                  span_of(a->trouble[i].why), a->trouble[i].lasting);
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
    run_write_down(a, strbuf_span(&text));
    remember_trouble(a, mailbox, why, lasting);
    for (struct job *j = a->jobs; j != NULL; j = j->next)
        if (j->seat != NULL)
            probe_mailbox_trouble(&j->seat->probe, mailbox, why, lasting);
}

void run_take_well(void *self, struct span mailbox)
{
    struct app *a = self;

    remember_trouble(a, mailbox, SPAN(""), false);
    for (struct job *j = a->jobs; j != NULL; j = j->next)
        if (j->seat != NULL)
            probe_mailbox_well(&j->seat->probe, mailbox);
}

void run_take_ready(void *self)
{
    struct app *a = self;

    a->ready = true;
    world_stop(loop_world(a->loop));
}

/* One without a token of ours concerns only who asks alone. */
void run_take_callout(void *self, struct span sender, struct span recipient)
{
    struct app *a = self;
    struct seat *s = seat_in(a, recipient);

    if (s == NULL && !run_is_many(a))
        s = any_live(a);
    if (s != NULL && is_live(s))
        probe_callout(&s->probe, sender, recipient);
}

/* A connection that was turned away may have brought anything, to anybody. */
void run_take_refusal(void *self, struct span recipient, struct span reply)
{
    struct app *a = self;
    struct seat *s = seat_in(a, recipient);

    if (s != NULL && is_live(s))
        probe_canary_refused(&s->probe, recipient, reply);
    for (struct job *j = a->jobs; recipient.ptr == NULL && j != NULL; j = j->next)
        if (j->seat != NULL && is_live(j->seat))
            probe_canary_refused(&j->seat->probe, recipient, reply);
}
