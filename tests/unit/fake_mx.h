/*
 * fake_mx.h - a scripted mail server and a canary's mailbox in the simulator, for tests of the
 * probe
 *
 * An ordinary closed server (Postfix's words) unless a rule says otherwise. A rule fits an event
 * and a glob over the line, from its n-th hit to its m-th. What it does with a message it accepted
 * is its fate.
 */
#ifndef RELAYLAB_TESTS_FAKE_MX_H
#define RELAYLAB_TESTS_FAKE_MX_H

#include <assert.h>
#include <string.h>

#include "drive/sim/sim.h"
#include "lib/smtp/server.h"
#include "probe/probe_state.h"

enum { FAKE_RULES_MAX = 8, FAKE_LINKS_MAX = 8, FAKE_CONTENT_MAX = 8192, FAKE_LINES_MAX = 16384 };

enum fate {
    FATE_NONE,
    FATE_RELAY,
    FATE_BOUNCE,
    FATE_REMOTE_BOUNCE,
    FATE_ECHO /* quotes it, unmarked */
};

struct fake_rule {
    enum smtp_event at; /* AT_CONNECT (none) ends the list */
    const char *glob;   /* over the whole line; NULL: any */
    unsigned from, to;  /* hits; 0, 0: all; to 0: for ever */
    const char *reply;  /* raw, without the last CRLF; NULL: silence */
    enum smtp_then then;
    int64_t delay_ns;
    enum fate fate;
};

struct fake_mx;

struct fake_link {
    struct smtp_server server; /* first */
    struct fake_mx *mx;
    bool used;
    size_t content_len;
    char sender[MAIL_PATH_MAX];
    char recipient[MAIL_PATH_MAX];
    char content[FAKE_CONTENT_MAX];
};

struct fake_mx {
    struct probe *probe;
    bool canary;                 /* the mailbox's own server */
    unsigned lose_from, lose_to; /* canary: messages that never come home, counted from 1 */
    unsigned taken;
    const struct fake_rule *rules;
    unsigned hits[FAKE_RULES_MAX];
    unsigned count[AT_COUNT]; /* commands seen */
    struct fake_link links[FAKE_LINKS_MAX];
    size_t lines_len;
    char lines[FAKE_LINES_MAX]; /* every command, for looking into */
};

static void keep_line(struct fake_mx *mx, struct span line)
{
    if (line.len > 0 && mx->lines_len + line.len + 2 < sizeof(mx->lines)) {
        memcpy(mx->lines + mx->lines_len, line.ptr, line.len);
        mx->lines_len += line.len;
        mx->lines[mx->lines_len++] = '\n';
    }
}

static const struct fake_rule *rule_for(struct fake_mx *mx, const struct smtp_command *cmd)
{
    for (unsigned i = 0; mx->rules != NULL && i < FAKE_RULES_MAX && mx->rules[i].at != AT_CONNECT;
         i++) {
        const struct fake_rule *r = &mx->rules[i];
        if (r->at != cmd->at || (r->glob != NULL && !span_glob(cmd->line, span_of(r->glob)))) {
            continue;
        }
        unsigned hit = ++mx->hits[i];
        if (hit >= r->from && (r->to == 0 || hit <= r->to)) {
            return r;
        }
    }
    return NULL;
}

static void arrive(struct fake_link *l, const char *sender, const char *recipient,
                   struct span content)
{
    struct span to = span_of(recipient);
    struct mail_view mail = {span_of(sender), &to, 1, content};
    if (l->mx->probe != NULL) {
        probe_arrival(l->mx->probe, &mail);
    }
}

/* The canary's address behind whatever shape the recipient had. */
static void canary_address(const struct fake_link *l, struct strbuf *out)
{
    struct span text = span_of(l->recipient);
    size_t at = token_find(text, 0);
    strbuf_adds(out, "x+");
    strbuf_add(out, span_to(span_from(text, at == SIZE_MAX ? 0 : at), TOKEN_LEN));
    strbuf_adds(out, "@canary.test");
}

static void bounce(struct fake_link *l, bool remote)
{
    char room[FAKE_CONTENT_MAX];
    struct strbuf out;
    strbuf_init(&out, room, sizeof(room));
    struct dsn_write d = {
        .reporting_mta = SPAN("mx.victim.test"),
        .to = span_of(l->sender),
        .failed_recipient = span_of(l->recipient),
        .status = SPAN("5.1.1"),
        .diagnostic = SPAN("550 5.1.1 no"),
        .remote_mta = remote ? SPAN("sink.canary.test") : (struct span){NULL, 0},
        .original = {l->content, l->content_len},
        .queue_id = SPAN("Q1"),
    };
    dsn_write(&out, &d);
    arrive(l, "", l->sender, strbuf_span(&out));
}

static void echo(struct fake_link *l)
{
    char room[FAKE_CONTENT_MAX];
    struct strbuf out;
    strbuf_init(&out, room, sizeof(room));
    strbuf_adds(&out, "From: someone@victim.test\r\nSubject: hello\r\n\r\n> ");
    strbuf_add(&out, (struct span){l->content, l->content_len < 4096 ? l->content_len : 4096});
    arrive(l, "someone@victim.test", l->sender, strbuf_span(&out));
}

static void meet_fate(struct fake_link *l, enum fate fate)
{
    char room[MAIL_PATH_MAX];
    struct strbuf to;
    strbuf_init(&to, room, sizeof(room));
    switch (fate) {
    case FATE_NONE:
        break;
    case FATE_RELAY:
        canary_address(l, &to);
        arrive(l, l->sender, room, (struct span){l->content, l->content_len});
        break;
    case FATE_BOUNCE:
    case FATE_REMOTE_BOUNCE:
        bounce(l, fate == FATE_REMOTE_BOUNCE);
        break;
    case FATE_ECHO:
        echo(l);
        break;
    }
}

static void refuse_recipient(const struct smtp_command *cmd, struct smtp_action *action)
{
    bool local = cmd->path.domain.len == 0 || span_iequal(cmd->path.domain, SPAN("victim.test"));
    if (local && span_iequal(cmd->path.local, SPAN("postmaster"))) {
        smtp_server_reply(action, 250, "2.1.5", SPAN("Ok"));
    } else if (local) {
        smtp_server_reply(action, 550, "5.1.1", SPAN("User unknown in local recipient table"));
    } else {
        smtp_server_reply(action, 554, "5.7.1", SPAN("Relay access denied"));
    }
}

static void say_raw(struct smtp_action *action, const char *reply)
{
    action->no_reply = reply == NULL;
    if (reply != NULL) {
        strbuf_adds(action->reply, reply);
        strbuf_adds(action->reply, "\r\n");
        action->code = (reply[0] - '0') * 100 + (reply[1] - '0') * 10 + (reply[2] - '0');
    }
}

static void note_transaction(struct fake_link *l, const struct smtp_command *cmd)
{
    if (cmd->at == AT_MAIL) {
        l->content_len = 0;
        bytes_copy(l->sender, sizeof(l->sender), cmd->path.path);
    } else if (cmd->at == AT_RCPT) {
        bytes_copy(l->recipient, sizeof(l->recipient), cmd->path.path);
    }
}

static void decide(void *self, struct smtp_server *s, const struct smtp_command *cmd,
                   struct smtp_action *action)
{
    struct fake_mx *mx = self;
    struct fake_link *l = (struct fake_link *)s;
    keep_line(mx, cmd->line);
    mx->count[cmd->at]++;
    note_transaction(l, cmd);
    const struct fake_rule *r = rule_for(mx, cmd);
    if (r != NULL) {
        say_raw(action, r->reply);
        action->then = r->then;
        action->delay_ns = r->delay_ns;
        if (cmd->at == AT_END_OF_DATA) {
            meet_fate(l, r->fate);
        }
        return;
    }
    if (mx->canary && cmd->at == AT_END_OF_DATA) {
        unsigned n = ++mx->taken;
        if (mx->lose_from == 0 || n < mx->lose_from || n > mx->lose_to) {
            arrive(l, l->sender, l->recipient, (struct span){l->content, l->content_len});
        }
    } else if (!mx->canary && cmd->at == AT_RCPT && cmd->proposal == 0) {
        refuse_recipient(cmd, action);
    } else if (cmd->at == AT_BANNER) {
        smtp_server_reply(action, 220, NULL, SPAN("mx.victim.test ESMTP Postfix"));
    }
}

static void body(void *self, struct smtp_server *s, struct span piece)
{
    struct fake_link *l = (struct fake_link *)s;
    (void)self;
    if (l->content_len + piece.len < sizeof(l->content)) {
        memcpy(l->content + l->content_len, piece.ptr, piece.len);
        l->content_len += piece.len;
    }
}

static void closed(void *self, struct smtp_server *s, const char *how)
{
    (void)self, (void)s, (void)how;
}

static void ended(void *self, struct smtp_server *s)
{
    (void)self;
    ((struct fake_link *)s)->used = false;
}

static const struct smtp_policy policy = {
    .decide = decide, .body = body, .closed = closed, .ended = ended};

static bool accept_link(void *self, struct link *link, const struct endpoint *local,
                        const struct endpoint *peer, struct machine *machine)
{
    struct fake_mx *mx = self;
    (void)link, (void)local, (void)peer;
    for (size_t i = 0; i < FAKE_LINKS_MAX; i++) {
        struct fake_link *l = &mx->links[i];
        if (!l->used) {
            l->used = true;
            l->mx = mx;
            smtp_server_init(&l->server, &policy, mx, 0, CLOCK_DAY);
            *machine = smtp_server_machine(&l->server);
            return true;
        }
    }
    return false;
}

static void fake_listen(struct fake_mx *mx, struct world *w, const char *at)
{
    char room[128];
    struct strbuf error;
    struct endpoint where;
    strbuf_init(&error, room, sizeof(room));
    bool parsed = endpoint_parse(span_of(at), false, &where);
    assert(parsed);
    struct listener *l = world_listen(w, &where, (struct acceptor){accept_link, mx}, NULL, &error);
    assert(l != NULL);
    (void)parsed, (void)l;
}

#endif
