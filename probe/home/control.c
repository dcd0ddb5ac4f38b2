/*
 * control.c - EHLO, MAIL, RCPT, DATA, message, QUIT, and out at the first no
 */
#include "probe/home/control.h"

#include <string.h>

#include "probe/home/record.h"
#include "probe/ask/steps.h"

enum { CONTROL_SHARE = 4 /* of the window, between two attempts */ };

enum control_stage {
    CONTROL_GREETING,
    CONTROL_EHLO,
    CONTROL_MAIL,
    CONTROL_RCPT,
    CONTROL_DATA,
    CONTROL_BODY,
    CONTROL_QUIT
};

static const char *const ids[2 * FORM_CANARIES_MAX] = {
    "control-before",   "control-after",   "control-before.2", "control-after.2",
    "control-before.3", "control-after.3", "control-before.4", "control-after.4"};

void control_init_all(struct probe *p)
{
    const struct probe_config *config = &p->config;
    p->canary_count = 1 + config->further_count;
    p->controls = memory_get(&p->memory, 2 * p->canary_count * sizeof(*p->controls));
    if (p->controls == NULL) {
        p->canary_count = 0;
    }
    for (size_t i = 0; i < 2 * p->canary_count; i++) {
        struct probe_control *c = &p->controls[i];
        size_t canary = i / 2;
        c->probe = p;
        c->id = ids[i];
        c->canary = form_canary(&(struct form){.canary = (uint8_t)canary}, &p->who);
        c->route = canary == 0 ? config->control_route : config->further_route[canary - 1];
        c->finished = !config->mailbox;
        token_make(config->key, span_of(p->token_target), span_of(c->id), &c->tokens);
    }
}

static void drop_talk(struct probe_control *c)
{
    if (c->talk != NULL) {
        memory_drop_text(&c->probe->memory, c->talk->message);
        memory_drop(&c->probe->memory, c->talk, sizeof(*c->talk));
    }
    c->talk = NULL;
}

void control_clear_all(struct probe *p)
{
    for (size_t i = 0; i < 2 * p->canary_count; i++) {
        drop_talk(&p->controls[i]);
    }
    memory_drop(&p->memory, p->controls, 2 * p->canary_count * sizeof(*p->controls));
}

static void say_path(struct probe_control *c, enum smtp_step step)
{
    const struct form_identity *who = &c->probe->who;
    char room[SMTP_LINE_MAX - 2];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    if (step == STEP_MAIL) {
        strbuf_adds(&line, "MAIL FROM:<");
        form_mailbox(&line, who->token_place, who->sender_local, &c->tokens.sender,
                     who->sender_domain);
    } else {
        strbuf_adds(&line, "RCPT TO:<");
        form_mailbox(&line, who->token_place, c->canary.local, &c->tokens.recipient,
                     c->canary.domain);
    }
    strbuf_addc(&line, '>');
    smtp_client_command(&c->talk->client, step, strbuf_span(&line));
}

static void say_body(struct probe_control *c)
{
    const struct form_identity *who = &c->probe->who;
    char from_room[MAIL_PATH_MAX], to_room[MAIL_PATH_MAX], room[SESSION_MESSAGE_MAX];
    struct strbuf from, to, message;
    strbuf_init(&from, from_room, sizeof(from_room));
    strbuf_init(&to, to_room, sizeof(to_room));
    strbuf_init(&message, room, sizeof(room));
    form_mailbox(&from, who->token_place, who->sender_local, &c->tokens.sender, who->sender_domain);
    form_mailbox(&to, who->token_place, c->canary.local, &c->tokens.recipient, c->canary.domain);
    struct mail_probe m = {
        .from = strbuf_span(&from),
        .to = strbuf_span(&to),
        .form_id = span_of(c->id),
        .target = span_of(c->probe->target_text),
        .helo = span_of(c->probe->helo),
        .contact = c->probe->config.contact,
        .token = &c->tokens.recipient,
        .attempt = c->attempts,
        .epoch_s = world_epoch(c->probe->world),
    };
    mail_write_probe(&message, &m);
    c->talk->message = memory_text(&c->probe->memory, strbuf_span(&message));
    if (c->talk->message == NULL || !record_control_message(c->probe, c, &m)) {
        c->unwritten = true;
        smtp_client_close(&c->talk->client);
        return;
    }
    c->sent_ns = c->talk->client.now_ns;
    smtp_client_body(&c->talk->client, span_of(c->talk->message));
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
        smtp_client_command(&c->talk->client, STEP_EHLO, strbuf_span(&line));
        break;
    }
    case CONTROL_MAIL:
        say_path(c, STEP_MAIL);
        break;
    case CONTROL_RCPT:
        say_path(c, STEP_RCPT);
        break;
    case CONTROL_DATA:
        smtp_client_command(&c->talk->client, STEP_DATA, SPAN("DATA"));
        break;
    case CONTROL_BODY:
        say_body(c);
        break;
    case CONTROL_QUIT:
        smtp_client_command(&c->talk->client, STEP_QUIT, SPAN("QUIT"));
        break;
    }
}

/* Deferred: when to come back, if that is within the window. */
static bool put_off(struct probe_control *c, const struct reply *reply)
{
    int64_t now = c->talk->client.now_ns;
    unsigned hint_s = answer_retry_seconds(reply);
    int64_t delay = hint_s > 0 ? (int64_t)hint_s * CLOCK_SECOND
                               : c->probe->config.wait_ns / CONTROL_SHARE;
    int64_t at = clock_after(now, delay > CLOCK_SECOND ? delay : CLOCK_SECOND);
    c->again_ns = at < c->until_ns ? at : 0;
    return c->again_ns != 0;
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
        c->accepted = taken && stage == CONTROL_BODY;
        c->again = !taken && reply_class(reply) == 4 && put_off(c, reply);
        c->finished = !c->again;
        if (c->accepted && c->probe->observer.expect != NULL) {
            c->probe->observer.expect(c->probe->observer.self);
        }
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
    if (!c->finished && !c->again) {
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
    drop_talk(c);
    steps_poke(c->probe);
}

static const struct smtp_script control_script = {
    .next = script_next, .done = script_done, .ended = script_ended};

static void start(struct probe_control *c)
{
    struct probe *p = c->probe;
    c->started = true;
    c->again = false;
    c->again_ns = 0;
    if (c->route.family != 0) {
        c->attempts++;
        c->talk = memory_get(&p->memory, sizeof(*c->talk));
    }
    if (c->talk != NULL) {
        smtp_client_init(&c->talk->client, &control_script, c, &p->config.timeouts,
                         world_now(p->world), CLOCK_NEVER);
        c->stage = CONTROL_GREETING;
        c->link = world_connect(p->world, NULL, &c->route, smtp_client_machine(&c->talk->client));
    }
    c->active = c->link != NULL;
    c->finished = !c->active;
    if (!c->active) {
        drop_talk(c);
    }
}

void control_start_all(struct probe *p, bool after, int64_t until_ns)
{
    for (size_t i = after; i < 2 * p->canary_count; i += 2) {
        p->controls[i].until_ns = until_ns;
        start(&p->controls[i]);
    }
}

int64_t control_tick_all(struct probe *p)
{
    int64_t now = world_now(p->world);
    int64_t next = CLOCK_NEVER;
    for (size_t i = 0; i < 2 * p->canary_count; i++) {
        struct probe_control *c = &p->controls[i];
        if (c->again_ns == 0 || c->active) {
            continue;
        }
        if (c->again_ns <= now) {
            start(c);
        } else if (c->again_ns < next) {
            next = c->again_ns;
        }
    }
    return next;
}

void control_cancel_all(struct probe *p)
{
    for (size_t i = 0; i < 2 * p->canary_count; i++) {
        struct probe_control *c = &p->controls[i];
        c->again_ns = 0;
        c->finished |= !c->active;
        if (c->active) {
            smtp_client_cancel(&c->talk->client);
            world_wake(p->world, c->link);
        }
    }
}

bool control_all_arrived(const struct probe *p, bool after)
{
    for (size_t i = after; i < 2 * p->canary_count; i += 2) {
        if (!p->controls[i].arrived) {
            return false;
        }
    }
    return true;
}

bool control_all_failed_or_arrived(const struct probe *p, bool after)
{
    for (size_t i = after; i < 2 * p->canary_count; i += 2) {
        const struct probe_control *c = &p->controls[i];
        if (!c->arrived && (!c->finished || c->accepted)) {
            return false;
        }
    }
    return true;
}

bool control_any_active(const struct probe *p)
{
    for (size_t i = 0; i < 2 * p->canary_count; i++) {
        if (p->controls[i].active) {
            return true;
        }
    }
    return false;
}
