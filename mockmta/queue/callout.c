/*
 * The answer is settled as soon as RCPT is answered; QUIT is polite and holds nobody up. A callout
 * is released when both its link has ended and its session has let go, in either order.
 */
#include "mockmta/queue/callout.h"

#include <string.h>

enum { CALLOUT_TEXT_MAX = MAIL_PATH_MAX + 128 };

struct callout {
    struct callout *previous, *next;
    struct mock *mock;
    struct session *session; /* NULL: it ended or asks about another sender */
    struct link *link;       /* NULL: over */
    struct smtp_client client;
    enum callout_answer answer;
    int code;
    char sender[MAIL_PATH_MAX];
};

static void release_when_alone(struct callout *c)
{
    if (c->session != NULL || c->link != NULL) {
        return;
    }
    struct mock *m = c->mock;
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        m->callouts = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    slots_give(&m->callout_slots, c);
}

static void settle(struct callout *c, enum callout_answer answer)
{
    static const char *const words[] = {"unknown", "taken", "refused", "no answer"};
    char memory[CALLOUT_TEXT_MAX];
    struct strbuf text;
    if (c->answer != CALLOUT_UNKNOWN) {
        return;
    }
    c->answer = answer;
    strbuf_init(&text, memory, sizeof memory);
    strbuf_addf(&text, "<%s> %s", c->sender, words[answer]);
    if (c->code != 0) {
        strbuf_addf(&text, " (%d)", c->code);
    }
    mock_tell(c->mock,
              &(struct mock_event){.kind = MOCK_CALLOUT,
                                   .connection = c->session == NULL ? 0 : c->session->number,
                                   .text = strbuf_span(&text),
                                   .code = c->code});
}

static void resume(struct callout *c)
{
    if (c->session != NULL && c->session->smtp.pending) {
        smtp_server_resume(&c->session->smtp);
        world_wake(c->mock->world, c->session->link);
    }
}

static void say(struct smtp_client *client, enum smtp_step step, const char *verb,
                const char *argument, const char *end)
{
    char memory[SMTP_LINE_MAX - 1]; /* CR LF follows */
    struct strbuf line;
    strbuf_init(&line, memory, sizeof memory);
    strbuf_adds(&line, verb);
    strbuf_adds(&line, argument);
    strbuf_adds(&line, end);
    smtp_client_command(client, step, strbuf_span(&line));
}

static void on_recipient(struct callout *c, int code)
{
    c->code = code;
    settle(c, code / 100 == 2   ? CALLOUT_TAKEN
              : code / 100 == 5 ? CALLOUT_REFUSED
                                : CALLOUT_NO_ANSWER);
    resume(c);
}

static void on_reply(void *self, struct smtp_client *client, const struct reply *reply)
{
    struct callout *c = self;
    const char *hostname = c->mock->config->hostname;
    bool good = reply->code / 100 == 2;
    if (client->step == STEP_RCPT) {
        on_recipient(c, reply->code);
    }
    if (client->step == STEP_GREETING && good) {
        say(client, STEP_EHLO, "EHLO ", hostname, "");
    } else if (client->step == STEP_EHLO && reply->code / 100 == 5) {
        say(client, STEP_HELO, "HELO ", hostname, "");
    } else if ((client->step == STEP_EHLO || client->step == STEP_HELO) && good) {
        say(client, STEP_MAIL, "MAIL FROM:<", "", ">");
    } else if (client->step == STEP_MAIL && good) {
        say(client, STEP_RCPT, "RCPT TO:<", c->sender, ">");
    } else if (client->step == STEP_QUIT) {
        smtp_client_close(client);
    } else {
        say(client, STEP_QUIT, "QUIT", "", "");
    }
}

static void on_done(void *self, struct smtp_client *client, enum smtp_outcome outcome,
                    enum smtp_step step)
{
    struct callout *c = self;
    (void)client;
    (void)outcome;
    (void)step;
    settle(c, CALLOUT_NO_ANSWER);
    resume(c);
}

static void on_ended(void *self, struct smtp_client *client)
{
    struct callout *c = self;
    struct mock *m = c->mock;
    (void)client;
    c->link = NULL;
    release_when_alone(c);
    mock_link_gone(m);
}

static const struct smtp_script callout_script = {
    .next = on_reply, .done = on_done, .ended = on_ended};

static struct span subject(const struct session *s, const struct smtp_command *cmd)
{
    if (cmd->at == AT_MAIL) {
        return cmd->path.path;
    }
    return s->message == NULL ? SPAN("") : message_sender(s->message);
}

enum callout_answer callout_answer(const struct session *s, const struct smtp_command *cmd)
{
    struct span sender = subject(s, cmd);
    if (sender.len == 0) {
        return CALLOUT_TAKEN;
    }
    if (s->callout == NULL || !span_equal(sender, span_of(s->callout->sender))) {
        return CALLOUT_UNKNOWN;
    }
    return s->callout->answer;
}

/* A path that a command line can carry: anything else is answered without asking. */
static bool speakable(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] < ' ' || path.ptr[i] == 127) {
            return false;
        }
    }
    return path.len < MAIL_PATH_MAX;
}

static void connect(struct callout *c, const struct endpoint *route)
{
    int64_t now = world_now(c->mock->world);
    smtp_client_init(&c->client, &callout_script, c, &smtp_timeouts_rfc5321, now,
                     now + 30 * CLOCK_SECOND);
    c->link = world_connect(c->mock->world, NULL, route, smtp_client_machine(&c->client));
    if (c->link == NULL) {
        settle(c, CALLOUT_NO_ANSWER);
    } else {
        c->mock->links++;
    }
}

bool callout_start(struct session *s, const struct smtp_command *cmd)
{
    struct mock *m = s->mock;
    struct span sender = subject(s, cmd);
    callout_forget(s);
    struct callout *c = slots_take(&m->callout_slots);
    if (c == NULL) {
        return false;
    }
    *c = (struct callout){.mock = m, .session = s, .next = m->callouts};
    if (m->callouts != NULL) {
        m->callouts->previous = c;
    }
    m->callouts = c;
    s->callout = c;
    bool whole = bytes_copy(c->sender, sizeof c->sender, sender);
    struct address a = address_parse(sender);
    const struct endpoint *route = mock_route_find(m, a.domain);
    if (!whole || !speakable(sender) || route == NULL) {
        settle(c, CALLOUT_REFUSED);
    } else {
        connect(c, route);
    }
    return c->answer == CALLOUT_UNKNOWN;
}

void callout_forget(struct session *s)
{
    struct callout *c = s->callout;
    if (c != NULL) {
        s->callout = NULL;
        c->session = NULL;
        release_when_alone(c);
    }
}

void callout_init(struct mock *m)
{
    slots_init(&m->callout_slots, sizeof(struct callout), 4);
}

void callout_cancel_all(struct mock *m)
{
    for (struct callout *c = m->callouts; c != NULL; c = c->next) {
        if (c->link != NULL) {
            smtp_client_cancel(&c->client);
            world_wake(m->world, c->link);
        }
    }
}
