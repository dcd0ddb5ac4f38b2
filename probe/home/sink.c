/*
 * sink.c - a policy for lib/smtp/server that takes what is ours and shows it to its owner
 *
 * One slot per session holds the transaction: sender, recipients, content. Slots are made once;
 * when a session ends its slot goes to a free list, so that a run of many probes allocates no more
 * than its busiest moment needed. Recipients and content take memory as they come, and give it back
 * with the session: most sessions that stand at the same time have said little.
 *
 * Whoever connects is a stranger and perhaps hostile: what he says makes nothing grow past its
 * limit. A message past the limit, or past our memory, is still read and accepted, cut short, since
 * its envelope recipient and its headers already prove a delivery.
 */
#include "probe/home/sink.h"

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/server.h"

struct sink_recipient {
    size_t len;
    char path[MAIL_PATH_MAX];
};

struct sink_session {
    struct smtp_server server; /* first: the machine's self */
    struct sink *sink;
    struct sink_session *next; /* in the free list */
    bool has_sender, truncated;
    size_t sender_len;
    size_t recipient_count, recipient_room;
    size_t content_len, content_room;
    char sender[MAIL_PATH_MAX];
    struct sink_recipient *recipient;
    char *content;
};

struct sink {
    struct world *world;
    struct sink_owner owner;
    struct listener *listener;
    struct sink_session *free_list;
    unsigned open, sessions_max;
    bool orphaned; /* sink_free was called; the last session takes the memory with it */
    size_t domain_count;
    char domain[SINK_DOMAINS_MAX][SMTP_HELO_MAX + 1];
};

enum { CONTENT_FIRST = 2048 };

static const int64_t sink_idle_ns = 5 * CLOCK_MINUTE; /* RFC 5321 4.5.3.2.7 */

/* "canary.test", "canary.test." and, of a zone, "*.zone.test". */
static bool sink_knows(const struct sink *s, struct span domain)
{
    if (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    for (size_t i = 0; i < s->domain_count; i++) {
        struct span ours = span_of(s->domain[i]);

        if (span_iequal(ours, domain) ||
            (span_starts(ours, SPAN("*.")) && span_iends(domain, span_from(ours, 1))))
            return true;
    }
    return false;
}

/* A source route that begins with us: whoever obeys it hands us mail for somebody else (R16). */
static bool routed_here(const struct sink *s, struct span route)
{
    struct span hop = span_from(route, 1);

    for (size_t i = 0; i < hop.len; i++)
        if (hop.ptr[i] == ',' || hop.ptr[i] == ':')
            return sink_knows(s, span_to(hop, i));
    return false;
}

static struct span session_sender(const struct sink_session *ss)
{
    return (struct span){ss->sender, ss->sender_len};
}

static struct span session_recipient(const struct sink_session *ss, size_t i)
{
    return (struct span){ss->recipient[i].path, ss->recipient[i].len};
}

static void session_forget(struct sink_session *ss)
{
    ss->has_sender = false;
    ss->truncated = false;
    ss->sender_len = 0;
    ss->recipient_count = 0;
    ss->content_len = 0;
}

/* The transaction ends without a message. */
static void session_abandon(struct sink_session *ss)
{
    const struct sink_owner *owner = &ss->sink->owner;

    if (owner->callout != NULL)
        for (size_t i = 0; i < ss->recipient_count; i++)
            owner->callout(owner->self, session_sender(ss), session_recipient(ss, i));
    session_forget(ss);
}

static void session_deliver(struct sink_session *ss)
{
    const struct sink_owner *owner = &ss->sink->owner;
    struct span recipients[MAIL_RCPT_MAX];
    struct mail_view mail = {.sender = session_sender(ss),
                             .recipients = recipients,
                             .recipient_count = ss->recipient_count,
                             .content = {ss->content != NULL ? ss->content : "", ss->content_len}};

    for (size_t i = 0; i < ss->recipient_count; i++)
        recipients[i] = session_recipient(ss, i);
    if (owner->mail != NULL)
        owner->mail(owner->self, &mail, ss->truncated);
    session_forget(ss);
}

static void refuse(struct sink_session *ss, struct smtp_action *action, struct span recipient,
                   int code, const char *enhanced, struct span text)
{
    const struct sink_owner *owner = &ss->sink->owner;
    char memory[160];
    struct strbuf reply;

    smtp_server_reply(action, code, enhanced, text);
    if (owner->refused == NULL)
        return;
    strbuf_init(&reply, memory, sizeof(memory));
    strbuf_addu(&reply, (uint64_t)code);
    strbuf_addc(&reply, ' ');
    strbuf_adds(&reply, enhanced);
    strbuf_addc(&reply, ' ');
    strbuf_add(&reply, text);
    /* An empty path is a recipient all the same; no text at all would mean a connection. */
    owner->refused(owner->self, recipient.ptr != NULL ? recipient : SPAN(""), strbuf_span(&reply));
}

static void decide_mail(struct sink_session *ss, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    session_abandon(ss);
    if (!cmd->path.valid || cmd->path.path.len >= MAIL_PATH_MAX) {
        smtp_server_reply(action, 501, "5.1.7", SPAN("Bad reverse-path"));
        return;
    }
    ss->has_sender = true;
    ss->sender_len = cmd->path.path.len;
    bytes_copy(ss->sender, sizeof(ss->sender), cmd->path.path);
    smtp_server_reply(action, 250, "2.1.0", SPAN("Ok"));
}

static bool room_for_recipient(struct sink_session *ss)
{
    if (ss->recipient_count < ss->recipient_room)
        return true;
    size_t room = ss->recipient_room == 0 ? 1 : 4 * ss->recipient_room;
    if (room > MAIL_RCPT_MAX)
        room = MAIL_RCPT_MAX;
    if (ss->recipient_count == room)
        return false;
    struct sink_recipient *more = realloc(ss->recipient, room * sizeof(*more));
    if (more == NULL)
        return false;
    ss->recipient = more;
    ss->recipient_room = room;
    return true;
}

static void decide_rcpt(struct sink_session *ss, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    struct span path = cmd->path.path;

    if (!cmd->path.valid || path.len == 0 || path.len >= MAIL_PATH_MAX) {
        refuse(ss, action, span_to(cmd->arg, MAIL_PATH_MAX), 501, "5.1.3",
               SPAN("Bad forward-path"));
    } else if (!sink_knows(ss->sink, cmd->path.domain) && !routed_here(ss->sink, cmd->path.route)) {
        refuse(ss, action, path, 550, "5.7.1",
               SPAN("Not a domain of this mailbox; the sink is no relay"));
    } else if (!room_for_recipient(ss)) {
        refuse(ss, action, path, 452, "4.5.3", SPAN("Too many recipients"));
    } else {
        struct sink_recipient *r = &ss->recipient[ss->recipient_count++];

        r->len = path.len;
        bytes_copy(r->path, sizeof(r->path), path);
        smtp_server_reply(action, 250, "2.1.5", SPAN("Ok"));
    }
}

static void reply_ehlo(const struct sink *s, struct smtp_action *action)
{
    char memory[SMTP_HELO_MAX + 64];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, s->domain_count > 0 ? s->domain[0] : "sink");
    strbuf_adds(&text, "\nPIPELINING\n8BITMIME\nCHUNKING\nENHANCEDSTATUSCODES");
    smtp_server_reply(action, 250, NULL, strbuf_span(&text));
}

static void reply_banner(const struct sink *s, struct smtp_action *action)
{
    char memory[SMTP_HELO_MAX + 64];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    strbuf_adds(&text, s->domain_count > 0 ? s->domain[0] : "sink");
    strbuf_adds(&text, " ESMTP relayprobe sink");
    smtp_server_reply(action, 220, NULL, strbuf_span(&text));
}

/* What the first two gates refuse is refused as they propose; the rest is decided here. */
static void sink_decide(void *self, struct smtp_server *server, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    struct sink_session *ss = self;

    (void)server;
    if (cmd->proposal != 0)
        return;
    switch (cmd->at) {
    case AT_BANNER:
        reply_banner(ss->sink, action);
        break;
    case AT_EHLO:
        session_abandon(ss); /* RFC 5321 4.1.4: EHLO and HELO clear a transaction */
        reply_ehlo(ss->sink, action);
        break;
    case AT_MAIL:
        decide_mail(ss, cmd, action);
        break;
    case AT_RCPT:
        decide_rcpt(ss, cmd, action);
        break;
    case AT_END_OF_DATA:
        smtp_server_reply(action, 250, "2.0.0", SPAN("Ok: seen"));
        session_deliver(ss);
        break;
    case AT_BDAT: /* a chunk that is not the last (RFC 3030) */
        smtp_server_reply(action, 250, "2.0.0", SPAN("Ok"));
        break;
    case AT_AUTH:
    case AT_STARTTLS:
        smtp_server_reply(action, 502, "5.5.1", SPAN("Not offered here"));
        break;
    case AT_HELO:
    case AT_RSET:
    case AT_QUIT:
        session_abandon(ss);
        break;
    case AT_CONNECT:
    case AT_DATA:
    case AT_NOOP:
    case AT_VRFY:
    case AT_UNKNOWN:
    case AT_COUNT:
        break;
    }
}

/* How much content there is room for, with so much more if that can be. */
static size_t room_for_content(struct sink_session *ss, size_t more)
{
    size_t wanted = ss->content_len + more;

    if (wanted > SINK_MESSAGE_MAX)
        wanted = SINK_MESSAGE_MAX;
    if (wanted <= ss->content_room)
        return ss->content_room;
    size_t room = ss->content_room == 0 ? CONTENT_FIRST : 2 * ss->content_room;
    while (room < wanted)
        room *= 2;
    if (room > SINK_MESSAGE_MAX)
        room = SINK_MESSAGE_MAX;
    char *content = realloc(ss->content, room);
    if (content == NULL)
        return ss->content_room;
    ss->content = content;
    ss->content_room = room;
    return room;
}

static void sink_body(void *self, struct smtp_server *server, struct span piece)
{
    struct sink_session *ss = self;
    size_t room = room_for_content(ss, piece.len) - ss->content_len;
    size_t taken = piece.len < room ? piece.len : room;

    (void)server;
    if (taken > 0)
        memcpy(ss->content + ss->content_len, piece.ptr, taken);
    ss->content_len += taken;
    if (taken < piece.len)
        ss->truncated = true;
}

static void sink_closed(void *self, struct smtp_server *server, const char *how)
{
    (void)server;
    (void)how;
    session_abandon(self);
}

static void sink_destroy(struct sink *s)
{
    while (s->free_list != NULL) {
        struct sink_session *ss = s->free_list;

        s->free_list = ss->next;
        free(ss);
    }
    free(s);
}

static void sink_ended(void *self, struct smtp_server *server)
{
    struct sink_session *ss = self;
    struct sink *s = ss->sink;

    (void)server;
    session_abandon(ss); /* for a driver that broke the link off */
    free(ss->recipient);
    free(ss->content);
    ss->next = s->free_list;
    s->free_list = ss;
    s->open--;
    if (s->orphaned && s->open == 0)
        sink_destroy(s);
}

static const struct smtp_policy sink_policy = {
    .decide = sink_decide, .body = sink_body, .closed = sink_closed, .ended = sink_ended};

static struct sink_session *session_get(struct sink *s)
{
    struct sink_session *ss = s->free_list;

    if (ss != NULL)
        s->free_list = ss->next;
    else
        ss = malloc(sizeof(*ss));
    return ss;
}

static bool sink_accept(void *self, struct link *link, const struct endpoint *local,
                        const struct endpoint *peer, struct machine *machine)
{
    struct sink *s = self;
    struct sink_session *ss = s->open < s->sessions_max ? session_get(s) : NULL;

    (void)link;
    (void)local;
    (void)peer;
    if (ss == NULL) {
        if (s->owner.refused != NULL)
            s->owner.refused(s->owner.self, (struct span){NULL, 0},
                             SPAN("(too many sessions at the sink)"));
        return false;
    }
    ss->sink = s;
    ss->recipient = NULL;
    ss->content = NULL;
    ss->recipient_room = ss->content_room = 0;
    session_forget(ss);
    smtp_server_init(&ss->server, &sink_policy, ss, world_now(s->world), sink_idle_ns);
    *machine = smtp_server_machine(&ss->server);
    s->open++;
    return true;
}

struct sink *sink_new(struct world *w, struct sink_owner owner)
{
    struct sink *s = calloc(1, sizeof(*s));

    if (s != NULL) {
        s->world = w;
        s->owner = owner;
        s->sessions_max = SINK_SESSIONS_DEFAULT;
    }
    return s;
}

void sink_set_sessions_max(struct sink *s, unsigned sessions_max)
{
    s->sessions_max = sessions_max;
}

bool sink_domain_add(struct sink *s, struct span domain)
{
    if (sink_knows(s, domain))
        return true;
    if (s->domain_count == SINK_DOMAINS_MAX)
        return false;
    if (!bytes_copy(s->domain[s->domain_count], sizeof(s->domain[0]), domain))
        return false;
    s->domain_count++;
    return true;
}

bool sink_listen(struct sink *s, const struct endpoint *at, struct endpoint *bound,
                 struct strbuf *error)
{
    s->listener = world_listen(s->world, at, (struct acceptor){.accept = sink_accept, .self = s},
                               bound, error);
    return s->listener != NULL;
}

void sink_free(struct sink *s)
{
    if (s == NULL)
        return;
    if (s->listener != NULL)
        world_unlisten(s->world, s->listener);
    s->listener = NULL;
    s->owner = (struct sink_owner){.self = NULL};
    s->orphaned = true;
    if (s->open == 0)
        sink_destroy(s);
}
