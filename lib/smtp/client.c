/*
 * How it works: `step` first settles what happened to the connection, then takes input reply by
 * reply, lets the script say the next thing after each, and last moves what was said into the
 * output. The awaited step owns one absolute deadline, set when its command was said.
 *
 * Bytes that come before we asked anything answer nothing. There is one lawful case: RFC 5321 3.8
 * lets a server say 421 at any time before it closes (Postfix does so after too many errors, right
 * behind the reply that was one too many). So a reply that began before its command was on its way
 * must be a 421; any other means that replies and commands have lost each other, and the session is
 * not believed any more.
 */
#include "lib/smtp/client.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/smtp/client_body.h"

/* RFC 5321 4.5.3.2; connect, QUIT and other commands have no figure there and get the greeting's or
   less. */
const struct smtp_timeouts smtp_timeouts_rfc5321 = {{
    [STEP_CONNECT] = 2 * CLOCK_MINUTE,
    [STEP_GREETING] = 5 * CLOCK_MINUTE,
    [STEP_EHLO] = 5 * CLOCK_MINUTE,
    [STEP_HELO] = 5 * CLOCK_MINUTE,
    [STEP_MAIL] = 5 * CLOCK_MINUTE,
    [STEP_RCPT] = 5 * CLOCK_MINUTE,
    [STEP_DATA] = 2 * CLOCK_MINUTE,
    [STEP_BLOCK] = 3 * CLOCK_MINUTE,
    [STEP_END_OF_DATA] = 10 * CLOCK_MINUTE,
    [STEP_RSET] = 5 * CLOCK_MINUTE,
    [STEP_QUIT] = 10 * CLOCK_SECOND,
    [STEP_STARTTLS] = 5 * CLOCK_MINUTE,
    [STEP_TLS] = 2 * CLOCK_MINUTE,
    [STEP_OTHER] = 5 * CLOCK_MINUTE,
}};

static const char *const step_names[STEP_COUNT] = {
    [STEP_CONNECT] = "connect", [STEP_GREETING] = "greeting", [STEP_EHLO] = "ehlo",
    [STEP_HELO] = "helo",       [STEP_MAIL] = "mail",         [STEP_RCPT] = "rcpt",
    [STEP_DATA] = "data",       [STEP_BLOCK] = "block",       [STEP_END_OF_DATA] = "end-of-data",
    [STEP_RSET] = "rset",       [STEP_QUIT] = "quit",         [STEP_STARTTLS] = "starttls",
    [STEP_TLS] = "tls",         [STEP_OTHER] = "other",
};

static const char *const outcome_names[] = {
    [OUTCOME_CLOSED_BY_US] = "closed-by-us",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_TIMEOUT] = "timeout",
    [OUTCOME_CLOSED] = "closed",
    [OUTCOME_RESET] = "reset",
    [OUTCOME_MALFORMED] = "malformed",
    [OUTCOME_TOO_LONG] = "too-long",
    [OUTCOME_UNSOLICITED] = "unsolicited",
    [OUTCOME_CANCELLED] = "cancelled",
    [OUTCOME_TLS] = "tls-failed",
};

const char *smtp_step_name(enum smtp_step step)
{
    assert(step < STEP_COUNT);
    return step_names[step];
}

bool smtp_step_parse(struct span name, enum smtp_step *step)
{
    for (int i = 0; i < STEP_COUNT; i++) {
        if (span_iequal(name, span_of(step_names[i]))) {
            *step = (enum smtp_step)i;
            return true;
        }
    }
    return false;
}

const char *smtp_outcome_name(enum smtp_outcome outcome)
{
    assert((size_t)outcome < sizeof outcome_names / sizeof *outcome_names);
    return outcome_names[outcome];
}

void smtp_client_await(struct smtp_client *c, enum smtp_step step)
{
    c->step = step;
    c->asked_ns = c->now_ns;
    c->deadline_ns = clock_after(c->now_ns, c->timeouts->ns[step]);
}

void smtp_client_init(struct smtp_client *c, const struct smtp_script *script, void *script_self,
                      const struct smtp_timeouts *timeouts, int64_t now_ns,
                      int64_t total_deadline_ns)
{
    /* Everything but the big arrays, which are written before they are read. */
    memset(c, 0, offsetof(struct smtp_client, line));
    reply_reader_reset(&c->reader);
    c->script = script;
    c->script_self = script_self;
    c->timeouts = timeouts;
    c->state = CLIENT_CONNECTING;
    c->now_ns = now_ns;
    c->total_deadline_ns = total_deadline_ns;
    smtp_client_await(c, STEP_CONNECT);
}

void smtp_client_command(struct smtp_client *c, enum smtp_step step, struct span line)
{
    assert(c->state == CLIENT_IDLE && line.len + 2 <= SMTP_LINE_MAX);
    for (size_t i = 0; i < line.len; i++) {
        assert(line.ptr[i] != '\r' && line.ptr[i] != '\n' && line.ptr[i] != '\0');
    }
    memcpy(c->line, line.ptr, line.len);
    memcpy(c->line + line.len, "\r\n", 2);
    c->line_len = (uint16_t)(line.len + 2);
    c->state = CLIENT_SAYING;
    smtp_client_await(c, step);
    if (c->script->said) {
        c->script->said(c->script_self, c, step, line);
    }
}

static void await_in_group(struct smtp_client *c)
{
    smtp_client_await(c, (enum smtp_step)c->group_steps[0]);
    int64_t latest = clock_after(c->now_ns, c->group_patience_ns);
    c->deadline_ns = c->deadline_ns < latest ? c->deadline_ns : latest;
}

void smtp_client_group(struct smtp_client *c, struct span lines, const uint8_t *steps,
                       uint8_t count, int64_t patience_ns)
{
    assert(c->state == CLIENT_IDLE && count > 0 && lines.len <= SMTP_GROUP_BYTES_MAX);
    c->group = lines;
    c->group_steps = steps;
    c->group_left = count;
    c->group_patience_ns = patience_ns;
    c->state = CLIENT_SAYING;
    await_in_group(c);
    for (uint8_t i = 0; i < count; i++) {
        size_t end = span_chr(lines, '\n');
        assert(end != SIZE_MAX && end > 0 && lines.ptr[end - 1] == '\r');
        if (c->script->said) {
            c->script->said(c->script_self, c, (enum smtp_step)steps[i], span_to(lines, end - 1));
        }
        lines = span_from(lines, end + 1);
    }
    assert(lines.len == 0);
}

uint8_t smtp_client_group_left(const struct smtp_client *c)
{
    return c->group_left;
}

void smtp_client_group_end(struct smtp_client *c)
{
    assert(c->state == CLIENT_IDLE);
    c->group_left = 0;
}

void smtp_client_farewell(struct smtp_client *c, struct span line)
{
    c->state = c->leaving && c->state == CLIENT_HEARING ? CLIENT_IDLE : c->state;
    smtp_client_command(c, STEP_QUIT, line);
    c->leaving = true;
}

bool smtp_client_is_leaving(const struct smtp_client *c)
{
    return c->leaving;
}

bool smtp_client_is_sending(const struct smtp_client *c)
{
    return c->state == CLIENT_SENDING_BODY;
}

void smtp_client_start_tls(struct smtp_client *c)
{
    assert(c->state == CLIENT_IDLE && c->script->secured != NULL);
    c->state = CLIENT_SECURING;
    c->tls_asked = false;
    smtp_client_await(c, STEP_TLS);
}

void smtp_client_wait(struct smtp_client *c, int64_t until_ns)
{
    assert(c->state == CLIENT_IDLE);
    c->step = STEP_OTHER;
    c->asked_ns = c->now_ns;
    c->deadline_ns = until_ns;
}

void smtp_client_close(struct smtp_client *c)
{
    assert(c->state == CLIENT_IDLE || c->leaving);
    c->group_left = 0;
    c->state = CLIENT_CLOSING;
}

void smtp_client_cancel(struct smtp_client *c)
{
    if (c->state != CLIENT_DONE) {
        c->total_deadline_ns = INT64_MIN;
    }
}

/* A last QUIT where the peer may still be listening for commands; its answer is not awaited. */
static void say_quit(struct smtp_client *c, struct machine_io *io)
{
    static const char quit[] = "QUIT\r\n";
    bool listening = io->peer == PEER_OPEN && io->tls != MACHINE_TLS_FAILED &&
                     c->state == CLIENT_HEARING && c->step != STEP_END_OF_DATA &&
                     c->step != STEP_QUIT && c->step != STEP_GREETING;
    if (listening && io->out_cap - io->out_len >= sizeof quit - 1) {
        memcpy(io->out + io->out_len, quit, sizeof quit - 1);
        io->out_len += sizeof quit - 1;
        io->out_ready = io->out_len;
        if (c->script->said) {
            c->script->said(c->script_self, c, STEP_QUIT, SPAN("QUIT"));
        }
    }
}

/* Out of time means now: a peer that takes our bytes one by one must not hold the close up as long
   as it likes. */
static enum machine_wish finish(struct smtp_client *c, struct machine_io *io,
                                enum smtp_outcome outcome)
{
    enum smtp_step step = c->step;
    bool in_body = c->state == CLIENT_SENDING_BODY;
    bool out_of_time = outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_CANCELLED;
    bool clogged = out_of_time && io->out_len > 0;
    if (outcome != OUTCOME_CLOSED_BY_US && !clogged) {
        say_quit(c, io);
    }
    c->state = CLIENT_DONE;
    c->silent_close = in_body || clogged || io->peer == PEER_RESET;
    io->in_used = io->in_len;
    c->script->done(c->script_self, c, outcome, step);
    return c->silent_close ? WISH_RESET : WISH_CLOSE;
}

/* Hands a whole reply to the script, which then has said something, waits, or has closed; within a
 * group the next reply is awaited by itself, and so is one behind a farewell. */
static void hear(struct smtp_client *c)
{
    if (c->leaving) {
        c->script->next(c->script_self, c, &c->reader.reply);
        reply_reader_reset(&c->reader);
        return;
    }
    c->state = CLIENT_IDLE;
    if (c->group_left > 0) {
        c->group_left--;
        c->group_steps++;
    }
    bool more = c->group_left > 0;
    c->script->next(c->script_self, c, &c->reader.reply);
    reply_reader_reset(&c->reader);
    if (more && c->state == CLIENT_IDLE) {
        c->state = CLIENT_HEARING;
        await_in_group(c);
    }
}

/* A group goes out whole, when the output has room for it. */
static void take_group(struct smtp_client *c, struct machine_io *io)
{
    if (io->out_cap - io->out_len < c->group.len) {
        return;
    }
    memcpy(io->out + io->out_len, c->group.ptr, c->group.len);
    io->out_len += c->group.len;
    io->out_ready = io->out_len;
    c->group = SPAN("");
    c->state = CLIENT_HEARING;
}

static void take_line(struct smtp_client *c, struct machine_io *io)
{
    if (c->group.len > 0) {
        take_group(c, io);
        return;
    }
    if (!smtp_client_put_line(c, io)) {
        return;
    }
    io->out_ready = io->out_len;
    c->state = CLIENT_HEARING;
}

/*
 * Takes input until it is used up, or the session is over (true). `early` marks bytes that were
 * there before the present command was on its way.
 */
static bool take_input(struct smtp_client *c, struct machine_io *io, enum smtp_outcome *outcome)
{
    bool early = c->state != CLIENT_HEARING && !c->leaving;
    while (io->in_used < io->in_len && c->state != CLIENT_SECURING) {
        if (c->state == CLIENT_SAYING || c->state == CLIENT_SENDING_BODY) {
            early = !c->leaving;
        }
        size_t n = reply_reader_feed(&c->reader, io->in + io->in_used, io->in_len - io->in_used);
        io->in_used += n;
        c->reply_bytes += (uint32_t)n;
        if (c->reader.status == REPLY_TOO_LONG || c->reply_bytes > SMTP_SESSION_REPLY_BYTES_MAX) {
            *outcome = OUTCOME_TOO_LONG;
            return true;
        }
        if (c->reader.status == REPLY_MALFORMED) {
            *outcome = early || c->early ? OUTCOME_UNSOLICITED : OUTCOME_MALFORMED;
            return true;
        }
        c->early = c->early || early;
        if (c->reader.status == REPLY_INCOMPLETE) {
            return false;
        }
        if (c->early && c->reader.reply.code != 421) {
            *outcome = OUTCOME_UNSOLICITED;
            return true;
        }
        c->early = false;
        hear(c);
        early = c->state != CLIENT_HEARING && !c->leaving; /* what is left came before the script
                                               spoke, unless a group's next reply is due */
        if (c->state == CLIENT_CLOSING) {
            *outcome = io->in_used < io->in_len ? OUTCOME_UNSOLICITED : OUTCOME_CLOSED_BY_US;
            return true;
        }
    }
    return false;
}

/* True when the connection itself ended the session. Input is looked at first: what came before FIN
   counts. */
static bool connection_over(struct smtp_client *c, const struct machine_io *io,
                            enum smtp_outcome *outcome)
{
    switch (io->peer) {
    case PEER_REFUSED:
        *outcome = OUTCOME_REFUSED;
        return true;
    case PEER_UNREACHABLE:
        *outcome = OUTCOME_UNREACHABLE;
        return true;
    case PEER_RESET:
        *outcome = OUTCOME_RESET;
        return true;
    case PEER_FIN:
        *outcome = OUTCOME_CLOSED;
        return true;
    case PEER_CONNECTING:
    case PEER_OPEN:
        break;
    }
    if (io->tls == MACHINE_TLS_FAILED) {
        *outcome = OUTCOME_TLS;
        return true;
    }
    if (c->now_ns >= c->total_deadline_ns) {
        *outcome = OUTCOME_CANCELLED;
        return true;
    }
    if (c->now_ns >= c->deadline_ns) {
        *outcome = OUTCOME_TIMEOUT;
        return true;
    }
    return false;
}

static void connection_made(struct smtp_client *c, const struct machine_io *io)
{
    bool stands = io->peer == PEER_OPEN || io->peer == PEER_FIN;
    c->tls_first = io->tls == MACHINE_TLS_HANDSHAKE || io->tls == MACHINE_TLS_FAILED;
    c->state = c->tls_first ? CLIENT_SECURING : CLIENT_HEARING;
    c->tls_asked = true;
    if (stands) {
        smtp_client_await(c, c->tls_first ? STEP_TLS : STEP_GREETING);
    }
}

/* The session is as new: whatever was half heard in clear is forgotten. */
static void secured(struct smtp_client *c)
{
    reply_reader_reset(&c->reader);
    c->early = false;
    if (c->tls_first) {
        c->state = CLIENT_HEARING;
        smtp_client_await(c, STEP_GREETING);
        return;
    }
    c->state = CLIENT_IDLE;
    c->script->secured(c->script_self, c);
}

/* Asks the layer once all that was said is in the output; nothing is to be said or heard until TLS
   stands. */
static void secure(struct smtp_client *c, struct machine_io *io)
{
    if (!c->tls_asked) {
        c->tls_asked = true;
        io->start_tls = io->tls == MACHINE_TLS_READY;
    } else if (io->tls == MACHINE_TLS_ON) {
        secured(c);
    }
}

static enum machine_wish client_step(void *self, struct machine_io *io)
{
    struct smtp_client *c = self;
    enum smtp_outcome outcome = OUTCOME_CANCELLED;
    c->now_ns = io->now_ns;
    if (c->state == CLIENT_DONE) {
        io->in_used = io->in_len;
        return c->silent_close ? WISH_RESET : WISH_CLOSE;
    }
    if (c->state == CLIENT_CONNECTING && io->peer != PEER_CONNECTING) {
        connection_made(c, io);
    }
    if (c->state == CLIENT_SECURING && c->tls_asked) {
        secure(c, io);
    }
    if (c->state == CLIENT_SENDING_BODY && c->eom_sent && io->out_len == 0) {
        c->state = CLIENT_HEARING; /* the last byte is out: from now on the answer is due */
        smtp_client_await(c, STEP_END_OF_DATA);
    }
    if (take_input(c, io, &outcome) || c->state == CLIENT_CLOSING) {
        return finish(c, io,
                      c->state == CLIENT_CLOSING && outcome == OUTCOME_CANCELLED
                          ? OUTCOME_CLOSED_BY_US
                          : outcome);
    }
    if (connection_over(c, io, &outcome)) {
        return finish(c, io, outcome);
    }
    if (c->state == CLIENT_SECURING && !c->tls_asked) {
        secure(c, io);
    }
    if (c->state == CLIENT_SAYING) {
        take_line(c, io);
    }
    if (c->state == CLIENT_SENDING_BODY) {
        smtp_client_put_body(c, io);
    }
    return WISH_OPEN;
}

static int64_t client_deadline(const void *self)
{
    const struct smtp_client *c = self;
    if (c->state == CLIENT_DONE) {
        return CLOCK_NEVER;
    }
    return c->deadline_ns < c->total_deadline_ns ? c->deadline_ns : c->total_deadline_ns;
}

static void client_ended(void *self)
{
    struct smtp_client *c = self;
    /* A driver that ends links before they are over (its own end) still owes the script its last
       call. */
    if (c->state != CLIENT_DONE) {
        enum smtp_step step = c->step;
        c->state = CLIENT_DONE;
        c->script->done(c->script_self, c, OUTCOME_CANCELLED, step);
    }
    if (c->script->ended) {
        c->script->ended(c->script_self, c);
    }
}

static const struct machine_ops client_ops = {"smtp-client", client_step, client_deadline,
                                              client_ended};

struct machine smtp_client_machine(struct smtp_client *c)
{
    return (struct machine){&client_ops, c};
}
