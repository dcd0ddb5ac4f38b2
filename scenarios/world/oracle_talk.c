/*
 * oracle_talk.c - what the oracle says, one command after another, to the end of its form
 *
 * A reply counts by its class alone, and a context's steps are said whatever is answered.
 */
#include "probe/ask/carrier.h"
#include "scenarios/world/oracle_private.h"

#include <stdio.h>

static void say(struct oracle *o, enum smtp_step step, const char *verb, bool sender)
{
    char memory[SMTP_LINE_MAX];
    struct strbuf line;

    strbuf_init(&line, memory, sizeof memory - 2);
    strbuf_adds(&line, verb);
    if (step == STEP_EHLO || step == STEP_HELO)
        context_name(&o->form.form, &o->id.who, span_of(o->id.helo), &line);
    else if (step == STEP_MAIL)
        strbuf_adds(&line, " FROM:");
    if (step == STEP_MAIL)
        form_sender(&o->form.form, o->form.form.sender, &o->id.who, o->bare, &line);
    else if (step == STEP_RCPT && sender)
        form_companion(&o->form.form, &o->id.who, &line);
    else if (step == STEP_RCPT)
        form_recipient(&o->form.form, &o->id.who, o->bare, &line);
    smtp_client_command(&o->client, step, strbuf_span(&line));
}

/* Without a 354 its lines would be commands. */
static void send_carrier(struct oracle *o)
{
    if (o->code != 354) {
        say(o, STEP_QUIT, "QUIT", false);
        return;
    }
    o->body_sent = true;
    smtp_client_raw(&o->client, (struct span){o->message, o->message_len});
}

/* What a session of another kind says before its form; the form follows whatever is answered. */
static void go_on_in_context(struct oracle *o)
{
    const struct form *f = &o->form.form;
    char memory[SMTP_LINE_MAX];
    struct strbuf line;

    if (o->step == context_of(f)->step_count && context_of(f)->false_end != NULL) {
        send_carrier(o);
        return;
    }
    if (o->step == context_of(f)->step_count) {
        say(o, STEP_MAIL, context_verb(f), true);
        return;
    }
    strbuf_init(&line, memory, sizeof memory - 2);
    context_command(f, o->step++, f->sender, &o->id.who, span_of(o->id.helo), &line);
    smtp_client_command(&o->client, STEP_OTHER, strbuf_span(&line));
}

/* EHLO was taken: behind STARTTLS comes another. */
static void after_hello(struct oracle *o)
{
    if (o->wants_tls && !o->in_tls)
        say(o, STEP_STARTTLS, "STARTTLS", false);
    else
        go_on_in_context(o);
}

static void say_hello(struct oracle *o)
{
    switch (context_of(&o->form.form)->hello) {
    case HELLO_EHLO:
        say(o, STEP_EHLO, "EHLO ", false);
        return;
    case HELLO_HELO:
        say(o, STEP_HELO, "HELO ", false);
        return;
    case HELLO_NONE:
        after_hello(o);
        return;
    }
}

static bool is_syntax(int code)
{
    return code == 500 || code == 501 || code == 553 || code == 555;
}

/* A form with two recipients: the other one is said before its own, or after. */
static bool other_is_due(struct oracle *o, bool after)
{
    const struct recipient_row *row = o->form.form.recipient;

    if (row->companion == NULL || row->companion_after != after || o->other_said)
        return false;
    o->other_said = true;
    say(o, STEP_RCPT, "RCPT TO:", true);
    return true;
}

static void send_message(struct oracle *o)
{
    struct span message = {o->message, o->message_len};

    o->body_sent = true;
    if (context_of(&o->form.form)->chunk)
        smtp_client_chunk(&o->client, message);
    else
        smtp_client_body(&o->client, message);
}

/* What comes after an accepted reply to `step`. */
static void go_on(struct oracle *o, enum smtp_step step)
{
    switch (step) {
    case STEP_GREETING:
        o->greeted = true;
        say_hello(o);
        return;
    case STEP_EHLO:
    case STEP_HELO:
        after_hello(o);
        return;
    case STEP_STARTTLS:
        smtp_client_start_tls(&o->client);
        return;
    case STEP_MAIL:
        if (!other_is_due(o, false))
            say(o, STEP_RCPT, "RCPT TO:", false);
        return;
    case STEP_RCPT:
        if (o->other_said && !o->form.form.recipient->companion_after && !o->own_said) {
            o->own_said = true;
            say(o, STEP_RCPT, "RCPT TO:", false);
            return;
        }
        if (other_is_due(o, true))
            return;
        if (context_of(&o->form.form)->chunk)
            send_message(o);
        else
            say(o, STEP_DATA, "DATA", false);
        return;
    case STEP_DATA:
        send_message(o);
        return;
    case STEP_BLOCK:
    case STEP_END_OF_DATA:
        say(o, STEP_QUIT, "QUIT", false);
        return;
    case STEP_CONNECT:
    case STEP_RSET:
    case STEP_QUIT:
    case STEP_TLS:
    case STEP_OTHER:
    case STEP_COUNT:
        smtp_client_close(&o->client);
        return;
    }
}

/* The first reply behind a carrier decides, how many others come is no matter. */
static void hear_behind_carrier(struct oracle *o, const struct reply *reply)
{
    struct strbuf text;

    if (o->code == 354) {
        o->code = reply->code;
        strbuf_init(&text, o->reply, sizeof o->reply);
        reply_print(&text, reply);
    }
    if (reply->code == 221 || reply->code == 421)
        smtp_client_close(&o->client);
    else if (!smtp_client_is_sending(&o->client) && o->client.step != STEP_QUIT)
        smtp_client_farewell(&o->client, SPAN("QUIT"));
}

static void on_reply(void *self, struct smtp_client *c, const struct reply *reply)
{
    struct oracle *o = self;
    enum smtp_step step = c->step;
    struct strbuf text;

    if (smtp_client_is_leaving(c)) {
        hear_behind_carrier(o, reply);
        return;
    }
    if (step == STEP_QUIT) {
        smtp_client_close(c);
        return;
    }
    o->code = reply->code;
    strbuf_init(&text, o->reply, sizeof o->reply);
    reply_print(&text, reply);
    if (step == STEP_OTHER) {
        go_on_in_context(o);
    } else if (reply->code < 400) {
        go_on(o, step);
    } else if (step == STEP_EHLO) {
        say(o, STEP_HELO, "HELO ", false);
    } else {
        o->greeted = true;
        o->told_tls |= reply->code == 530 && !o->in_tls &&
                       span_ifind(reply_text(reply), SPAN("STARTTLS")) != SIZE_MAX;
        o->syntax = (step == STEP_MAIL || step == STEP_RCPT) && is_syntax(reply->code);
        say(o, STEP_QUIT, "QUIT", false);
    }
}

static void on_done(void *self, struct smtp_client *c, enum smtp_outcome outcome,
                    enum smtp_step step)
{
    struct oracle *o = self;

    (void)c;
    if (outcome == OUTCOME_CLOSED_BY_US || step == STEP_QUIT)
        return;
    o->code = 0;
    (void)snprintf(o->reply, sizeof o->reply, "%s at %s", smtp_outcome_name(outcome),
                   smtp_step_name(step));
}

static void on_ended(void *self, struct smtp_client *c)
{
    struct oracle *o = self;

    (void)c;
    o->ended = true;
    world_stop(o->world);
}

static void on_secured(void *self, struct smtp_client *c)
{
    struct oracle *o = self;

    (void)c;
    o->in_tls = true;
    say_hello(o);
}

const struct smtp_script oracle_script = {
    .next = on_reply, .done = on_done, .ended = on_ended, .secured = on_secured};
