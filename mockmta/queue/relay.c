/*
 * One delivery takes one message to one recipient over one connection: greeting, EHLO (or HELO),
 * MAIL, RCPT, DATA, body, QUIT. The outcome is settled by the reply that decides it and told when
 * the session is done; what fails before the end of data was answered is deferred or failed by the
 * class of the reply.
 *
 * The body is written whole into a buffer of the delivery, a Received field (RFC 5321 4.4) first. A
 * path that a command line cannot carry is a failure for good: odd probes may have put it there.
 */
#include <string.h>

#include "mockmta/queue/alter.h"
#include "mockmta/parts.h"

enum { DELIVERY_WHY_MAX = 512 };

struct delivery {
    struct delivery *previous, *next;
    struct mock *mock;
    struct message *message; /* NULL: told already, or the mock ends */
    struct link *link;
    unsigned recipient;
    bool settled;
    enum delivery_end end;
    int code;
    char status[16];
    size_t why_len;
    char why[DELIVERY_WHY_MAX];
    char remote[SMTP_HELO_MAX + 1]; /* the name in its greeting */
    struct grow body;
    struct smtp_client client;
};

static void say(struct smtp_client *client, enum smtp_step step, const char *verb,
                struct span argument, const char *end)
{
    char memory[SMTP_LINE_MAX - 1]; /* CR LF follows */
    struct strbuf line;
    strbuf_init(&line, memory, sizeof memory);
    strbuf_adds(&line, verb);
    strbuf_add(&line, argument);
    strbuf_adds(&line, end);
    smtp_client_command(client, step, strbuf_span(&line));
}

static void settle(struct delivery *d, enum delivery_end end, int code, struct span why)
{
    struct strbuf text;
    if (d->settled) {
        return;
    }
    d->settled = true;
    d->end = end;
    d->code = code;
    strbuf_init(&text, d->why, sizeof d->why);
    strbuf_add_visible(&text, span_to(why, DELIVERY_WHY_MAX / 4));
    d->why_len = text.len;
}

static void settle_by_reply(struct delivery *d, const struct reply *reply, bool end_of_data)
{
    char memory[DELIVERY_WHY_MAX];
    struct strbuf text;
    int class = reply_class(reply);
    strbuf_init(&text, memory, sizeof memory);
    reply_print(&text, reply);
    strbuf_init(&text, d->status, sizeof d->status);
    if (reply_has_enhanced(reply) && reply->enhanced[0] == class) {
        strbuf_addf(&text, "%u.%u.%u", (unsigned)reply->enhanced[0], (unsigned)reply->enhanced[1],
                    (unsigned)reply->enhanced[2]);
    } else {
        strbuf_addf(&text, "%d.0.0", class);
    }
    settle(d,
           end_of_data && class == 2 ? DELIVERED
           : class == 5              ? DELIVERY_FAILED
                                     : DELIVERY_DEFERRED,
           reply->code, span_of(memory));
}

static void next_step(struct delivery *d, struct smtp_client *client)
{
    struct message *message = d->message;
    struct span hostname = span_of(d->mock->config->hostname);
    switch (client->step) {
    case STEP_GREETING:
        say(client, STEP_EHLO, "EHLO ", hostname, "");
        break;
    case STEP_EHLO:
    case STEP_HELO:
        say(client, STEP_MAIL, "MAIL FROM:<", message_sender(message), ">");
        break;
    case STEP_MAIL:
        say(client, STEP_RCPT, "RCPT TO:<",
            message_recipient(message, &message->recipient[d->recipient]), ">");
        break;
    case STEP_RCPT:
        say(client, STEP_DATA, "DATA", SPAN(""), "");
        break;
    case STEP_DATA:
        smtp_client_body(client, grow_span(&d->body));
        break;
    case STEP_CONNECT:
    case STEP_BLOCK:
    case STEP_END_OF_DATA:
    case STEP_RSET:
    case STEP_QUIT:
    case STEP_STARTTLS:
    case STEP_TLS:
    case STEP_OTHER:
    case STEP_COUNT:
        say(client, STEP_QUIT, "QUIT", SPAN(""), "");
        break;
    }
}

static void note_remote(struct delivery *d, const struct reply *greeting)
{
    struct span text = reply_line(greeting, 0);
    struct span name = span_to(text, span_chr(text, ' '));
    struct strbuf out;
    strbuf_init(&out, d->remote, sizeof d->remote);
    if (span_chr(name, '.') != SIZE_MAX && name.len <= SMTP_HELO_MAX / 4) {
        strbuf_add_visible(&out, name);
    }
}

static void on_reply(void *self, struct smtp_client *client, const struct reply *reply)
{
    struct delivery *d = self;
    int good = client->step == STEP_DATA ? 3 : 2;
    if (client->step == STEP_GREETING) {
        note_remote(d, reply);
    }
    if (client->step == STEP_QUIT || d->message == NULL) {
        smtp_client_close(client);
    } else if (client->step == STEP_EHLO && reply_class(reply) == 5) {
        say(client, STEP_HELO, "HELO ", span_of(d->mock->config->hostname), "");
    } else if (reply_class(reply) == good && client->step != STEP_END_OF_DATA && !d->settled) {
        next_step(d, client);
    } else {
        settle_by_reply(d, reply, client->step == STEP_END_OF_DATA);
        say(client, STEP_QUIT, "QUIT", SPAN(""), "");
    }
}

static void on_done(void *self, struct smtp_client *client, enum smtp_outcome outcome,
                    enum smtp_step step)
{
    struct delivery *d = self;
    struct message *message = d->message;
    char memory[DELIVERY_WHY_MAX];
    struct strbuf why;
    (void)client;
    strbuf_init(&why, memory, sizeof memory);
    strbuf_addf(&why, "%s at %s", smtp_outcome_name(outcome), smtp_step_name(step));
    settle(d, DELIVERY_DEFERRED, 0, strbuf_span(&why));
    d->message = NULL;
    if (message == NULL || d->mock->dying) {
        return;
    }
    struct delivery_result result = {.end = d->end,
                                     .code = d->code,
                                     .status = d->status[0] == '\0' ? "4.4.7" : d->status,
                                     .why = {d->why, d->why_len},
                                     .remote = span_of(d->code == 0 ? "" : d->remote)};
    queue_delivered(message, d->recipient, &result);
}

static void release(struct delivery *d)
{
    struct mock *m = d->mock;
    *(d->previous != NULL ? &d->previous->next : &m->deliveries) = d->next;
    if (d->next != NULL) {
        d->next->previous = d->previous;
    }
    grow_reset(&d->body, MOCK_CONTENT_KEPT);
    slots_give(&m->delivery_slots, d);
}

static void on_ended(void *self, struct smtp_client *client)
{
    struct delivery *d = self;
    struct mock *m = d->mock;
    (void)client;
    release(d);
    if (!m->dying) {
        queue_run(m);
    }
    mock_link_gone(m);
}

static const struct smtp_script relay_script = {
    .next = on_reply, .done = on_done, .ended = on_ended};

static bool speakable(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] < ' ' || path.ptr[i] == 127) {
            return false;
        }
    }
    return path.len < SMTP_LINE_MAX - 64;
}

static bool add_received(struct grow *body, const struct message *message)
{
    const struct mock *m = message->mock;
    char memory[1024];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, "Received: ");
    if (message->peer.family != 0) {
        strbuf_adds(&text, "from ");
        strbuf_add_visible(&text, span_to(message_helo(message), SMTP_HELO_MAX / 2));
        strbuf_adds(&text, message->helo_len == 0 ? "unknown (" : " (");
        endpoint_print_literal(&text, &message->peer);
        strbuf_adds(&text, ")\r\n\t");
    }
    strbuf_addf(&text, "by %s (mockmta) with %s id %s;\r\n\t", m->config->hostname,
                message->esmtp ? "ESMTP" : "SMTP", message->queue_id);
    clock_print_rfc5322(&text, world_epoch(m->world));
    strbuf_adds(&text, "\r\n");
    return grow_add(body, strbuf_span(&text));
}

/* What came by BDAT may end anyhow; what goes by DATA ends with CR LF. */
static bool add_content(struct grow *body, struct span content, enum fate_alter alter)
{
    return alter_message(body, content, alter) &&
           (span_iends(grow_span(body), SPAN("\r\n")) || grow_add(body, SPAN("\r\n")));
}

static bool possible(const struct message *message, const struct recipient *r,
                     const struct endpoint *route, struct delivery_result *result)
{
    struct span headers, body;
    mail_split(grow_span(&message->content), &headers, &body);
    result->end = DELIVERY_FAILED;
    if (!speakable(message_sender(message)) || !speakable(message_recipient(message, r))) {
        result->status = "5.1.3";
        result->why = SPAN("bad address syntax");
    } else if (route == NULL) {
        result->status = "5.4.4";
        result->why = SPAN("no route to the domain");
    } else if (mail_header_count(headers, SPAN("Received")) >= MOCK_HOPS_MAX) {
        result->status = "5.4.6";
        result->why = SPAN("too many hops");
    } else {
        return true;
    }
    return false;
}

static bool connect(struct delivery *d, const struct endpoint *route)
{
    struct mock *m = d->mock;
    smtp_client_init(&d->client, &relay_script, d, &smtp_timeouts_rfc5321, world_now(m->world),
                     CLOCK_NEVER);
    d->link = world_connect(m->world, NULL, route, smtp_client_machine(&d->client));
    if (d->link == NULL) {
        return false;
    }
    m->links++;
    return true;
}

static struct delivery *take(struct mock *m)
{
    if (m->delivery_slots.taken >= MOCK_DELIVERIES_MAX) {
        return NULL;
    }
    struct delivery *d = slots_take(&m->delivery_slots);
    if (d == NULL) {
        return NULL;
    }
    d->previous = NULL;
    d->next = m->deliveries;
    if (d->next != NULL) {
        d->next->previous = d;
    }
    m->deliveries = d;
    d->mock = m;
    d->settled = false;
    d->code = 0;
    d->status[0] = '\0';
    d->remote[0] = '\0';
    d->body.len = 0;
    return d;
}

/* A source route is obeyed: the mail goes to its first hop that is not this server (RFC 821 3.6).
 * Without one, or where all of it is ours, to the domain. */
static struct span next_host(const struct mock *m, const struct address *a)
{
    struct span rest = span_to(a->route, a->route.len > 0 ? a->route.len - 1 : 0);
    struct span hop;
    while (rest.len > 0 && span_cut(&rest, ',', &hop)) {
        hop = span_from(hop, 1);
        if (!mock_domain_is_local(m, hop) && mock_route_find(m, hop) != NULL) {
            return hop;
        }
    }
    return a->domain;
}

enum relay_start relay_start(struct message *message, unsigned recipient,
                             struct delivery_result *result)
{
    struct mock *m = message->mock;
    const struct recipient *r = &message->recipient[recipient];
    struct span path = message_recipient(message, r);
    struct address a = address_parse(path);
    const struct endpoint *route = mock_route_find(m, next_host(m, &a));
    if (!possible(message, r, route, result)) {
        return RELAY_IMPOSSIBLE;
    }
    struct delivery *d = take(m);
    if (d == NULL) {
        return RELAY_BUSY;
    }
    d->message = message;
    d->recipient = recipient;
    enum fate_alter alter = r->fate == NULL ? ALTER_NONE : r->fate->alter;
    if (!add_received(&d->body, message) ||
        !add_content(&d->body, grow_span(&message->content), alter) || !connect(d, route)) {
        release(d);
        return RELAY_BUSY;
    }
    return RELAY_STARTED;
}

void relay_cancel_all(struct mock *m)
{
    for (struct delivery *d = m->deliveries; d != NULL; d = d->next) {
        d->message = NULL;
        smtp_client_cancel(&d->client);
        world_wake(m->world, d->link);
    }
}

static void clear_body(void *slot)
{
    grow_clear(&((struct delivery *)slot)->body);
}

void relay_init(struct mock *m)
{
    slots_init(&m->delivery_slots, sizeof(struct delivery), 4);
}

void relay_clear(struct mock *m)
{
    slots_each(&m->delivery_slots, clear_body);
    slots_clear(&m->delivery_slots);
}
