/*
 * control.c - EHLO, MAIL, RCPT, DATA, message, QUIT, and out at the first no
 */
#include "probe/control.h"

#include <string.h>

#include "probe/steps.h"

enum control_stage {
    CONTROL_GREETING,
    CONTROL_EHLO,
    CONTROL_MAIL,
    CONTROL_RCPT,
    CONTROL_DATA,
    CONTROL_BODY,
    CONTROL_QUIT
};

void control_init(struct probe_control *c, struct probe *p, const char *id)
{
    c->probe = p;
    c->id = id;
    token_make(p->config.key, span_of(p->token_target), span_of(id), &c->tokens);
}

static void add_mailbox(struct strbuf *out, struct span local, const struct token *t,
                        struct span domain)
{
    strbuf_add(out, local);
    strbuf_addc(out, '+');
    strbuf_add(out, (struct span){t->text, TOKEN_LEN});
    strbuf_addc(out, '@');
    strbuf_add(out, domain);
}

static void say_path(struct probe_control *c, enum smtp_step step)
{
    const struct form_identity *who = &c->probe->who;
    char room[SMTP_LINE_MAX - 2];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    if (step == STEP_MAIL) {
        strbuf_adds(&line, "MAIL FROM:<");
        add_mailbox(&line, who->sender_local, &c->tokens.sender, who->sender_domain);
    } else {
        strbuf_adds(&line, "RCPT TO:<");
        add_mailbox(&line, who->canary_local, &c->tokens.recipient, who->canary_domain);
    }
    strbuf_addc(&line, '>');
    smtp_client_command(&c->client, step, strbuf_span(&line));
}

static void say_body(struct probe_control *c)
{
    const struct form_identity *who = &c->probe->who;
    char from_room[MAIL_PATH_MAX], to_room[MAIL_PATH_MAX];
    struct strbuf from, to, message;
    strbuf_init(&from, from_room, sizeof(from_room));
    strbuf_init(&to, to_room, sizeof(to_room));
    strbuf_init(&message, c->message, sizeof(c->message));
    add_mailbox(&from, who->sender_local, &c->tokens.sender, who->sender_domain);
    add_mailbox(&to, who->canary_local, &c->tokens.recipient, who->canary_domain);
    struct mail_probe m = {
        .from = strbuf_span(&from),
        .to = strbuf_span(&to),
        .form_id = span_of(c->id),
        .target = span_of(c->probe->target_text),
        .helo = span_of(c->probe->helo),
        .contact = c->probe->config.contact,
        .token = &c->tokens.recipient,
        .attempt = 1,
        .epoch_s = world_epoch(c->probe->world),
    };
    mail_write_probe(&message, &m);
    c->sent_ns = c->client.now_ns;
    smtp_client_body(&c->client, strbuf_span(&message));
}

static void say(struct probe_control *c, enum control_stage stage)
{
    c->stage = (uint8_t)stage;
    switch (stage) {
    case CONTROL_GREETING:
    case CONTROL_EHLO: {
        char room[SMTP_LINE_MAX - 2];
        struct strbuf line;
        strbuf_init(&line, room, sizeof(room));
        strbuf_adds(&line, "EHLO ");
        strbuf_adds(&line, c->probe->helo);
        smtp_client_command(&c->client, STEP_EHLO, strbuf_span(&line));
        break;
    }
    case CONTROL_MAIL:
        say_path(c, STEP_MAIL);
        break;
    case CONTROL_RCPT:
        say_path(c, STEP_RCPT);
        break;
    case CONTROL_DATA:
        smtp_client_command(&c->client, STEP_DATA, SPAN("DATA"));
        break;
    case CONTROL_BODY:
        say_body(c);
        break;
    case CONTROL_QUIT:
        smtp_client_command(&c->client, STEP_QUIT, SPAN("QUIT"));
        break;
    }
}

static void script_next(void *self, struct smtp_client *client, const struct reply *reply)
{
    struct probe_control *c = self;
    enum control_stage stage = (enum control_stage)c->stage;
    if (stage == CONTROL_QUIT) {
        smtp_client_close(client);
        return;
    }
    struct strbuf text;
    strbuf_init(&text, c->reply, sizeof(c->reply));
    reply_print(&text, reply);
    bool taken = stage == CONTROL_DATA ? reply->code == 354 : reply_class(reply) == 2;
    if (stage == CONTROL_BODY || !taken) {
        c->accepted = taken;
        c->finished = true;
        steps_poke(c->probe);
        say(c, CONTROL_QUIT);
        return;
    }
    say(c, (enum control_stage)(stage + 1));
}

static void script_done(void *self, struct smtp_client *client, enum smtp_outcome outcome,
                        enum smtp_step step)
{
    struct probe_control *c = self;
    (void)client;
    if (!c->finished) {
        c->outcome = outcome;
        c->step = step;
        c->finished = true;
    }
}

static void script_ended(void *self, struct smtp_client *client)
{
    struct probe_control *c = self;
    (void)client;
    c->active = false;
    c->link = NULL;
    steps_poke(c->probe);
}

static const struct smtp_script control_script = {script_next, script_done, script_ended, NULL};

bool control_start(struct probe_control *c)
{
    struct probe *p = c->probe;
    const struct endpoint *to = &p->config.control_route;
    c->started = true;
    if (to->family != 0) {
        smtp_client_init(&c->client, &control_script, c, &p->config.timeouts, world_now(p->world),
                         CLOCK_NEVER);
        c->stage = CONTROL_GREETING;
        c->link = world_connect(p->world, NULL, to, smtp_client_machine(&c->client));
    }
    c->active = c->link != NULL;
    c->finished = !c->active;
    return c->active;
}

void control_cancel(struct probe_control *c)
{
    if (c->active) {
        smtp_client_cancel(&c->client);
        world_wake(c->probe->world, c->link);
    }
}
