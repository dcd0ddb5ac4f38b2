/*
 * How it works: one loop in `step` alternates between two halves until neither can go on. The
 * sending half releases held output, segment by segment, and then does what the last decision
 * ordered (close, reset, stall). The reading half takes one command line, or a piece of a body,
 * asks the policy, and writes the reply behind what is already in the output buffer, held when it
 * is delayed or shaped. While anything is held nothing is read: replies stay in order and a slow
 * reply costs no memory of ours (the driver's buffer is lent while bytes are pending).
 *
 * End of data is CR LF . CR LF and nothing else (RFC 5321 4.1.1.4): bare LFs never end a message. A
 * command whose decision is pending (callout) stays in the driver's input and is read again on
 * resumption.
 */
#include "lib/smtp/server.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/smtp/server_body.h"
#include "lib/smtp/server_parse.h"
#include "lib/smtp/server_wire.h"

/* A stalled session must end some day too; far beyond any client's patience. */
static const int64_t stall_ns = CLOCK_DAY;

void smtp_server_init(struct smtp_server *s, const struct smtp_policy *policy, void *policy_self,
                      int64_t now_ns, int64_t idle_ns)
{
    memset(s, 0, sizeof *s);
    s->policy = policy;
    s->policy_self = policy_self;
    s->now_ns = now_ns;
    s->idle_ns = idle_ns;
    s->idle_at_ns = clock_after(now_ns, idle_ns);
    s->phase = SERVER_NEW;
}

void smtp_server_resume(struct smtp_server *s)
{
    s->resumed = s->pending;
}

static void tell_closed(struct smtp_server *s, const char *how)
{
    if (!s->closed_told) {
        s->closed_told = true;
        s->policy->closed(s->policy_self, s, how);
    }
    s->phase = SERVER_DEAD;
}

void smtp_server_drop(struct smtp_server *s)
{
    tell_closed(s, "closed");
}

/* Puts the reply that was written behind the output into it, held when it has a delay or a

   shape. */
static void post_reply(struct smtp_server *s, struct machine_io *io, struct smtp_action *action)
{
    char *bytes = io->out + io->out_len;
    size_t len = action->reply->len;
    s->wire = action->wire;
    if (s->wire && s->wire->eol != EOL_CRLF) {
        len = wire_line_ends(bytes, len, s->wire->eol);
    }
    if (s->wire && s->wire->stop_after > 0 && len >= s->wire->stop_after) {
        len = s->wire->stop_after;
        action->more = false;
        s->then = s->then == THEN_GO_ON ? THEN_STALL : s->then;
    }
    if (s->policy->replied && len > 0) {
        s->policy->replied(s->policy_self, s, (struct span){bytes, len});
    }
    bool held = action->delay_ns > 0 || wire_is_shaped(s->wire) || io->out_ready < io->out_len;
    io->out_len += len;
    s->more = action->more && s->policy->more != NULL;
    s->idle_at_ns = clock_after(clock_after(s->now_ns, action->delay_ns), s->idle_ns);
    if (held) {
        s->release_at_ns = clock_after(s->now_ns, action->delay_ns);
    } else {
        io->out_ready = io->out_len;
    }
}

static void reset_transaction(struct smtp_server *s)
{
    s->has_mail = false;
    s->rcpt_count = 0;
    s->body_size = 0;
    s->bdat_last = s->bdat_begun = false;
}

/* The state moves by the code that is said, whatever the policy had in mind: a client sees nothing
   else. */
static void move(struct smtp_server *s, const struct smtp_command *cmd, int code)
{
    int class = code / 100;
    switch (cmd->at) {
    case AT_EHLO:
    case AT_HELO:
        if (class == 2) {
            s->esmtp = cmd->at == AT_EHLO;
            s->has_helo = true;
            reset_transaction(s);
        }
        break;
    case AT_MAIL:
        if (class == 2) {
            reset_transaction(s);
            s->has_mail = true;
        }
        break;
    case AT_RCPT:
        s->rcpt_count = (uint16_t)(s->rcpt_count + (class == 2 && s->rcpt_count < UINT16_MAX));
        break;
    case AT_DATA:
        if (class == 3) {
            s->phase = SERVER_BODY;
            smtp_server_body_begin(s);
        }
        break;
    case AT_BDAT: /* RFC 3030 2: after a refused chunk only RSET helps */
        s->bdat_begun = s->bdat_begun || class == 2;
        s->rcpt_count = class == 2 ? s->rcpt_count : 0;
        break;
    case AT_AUTH:
        s->phase = class == 3 ? SERVER_AUTH : SERVER_COMMAND;
        break;
    case AT_RSET:
        if (class == 2) {
            reset_transaction(s);
        }
        break;
    case AT_END_OF_DATA:
        reset_transaction(s);
        s->phase = SERVER_COMMAND;
        break;
    case AT_STARTTLS:
        s->tls_due = class == 2 && s->tls_ready && s->then == THEN_GO_ON;
        break;
    case AT_CONNECT:
    case AT_BANNER:
    case AT_NOOP:
    case AT_VRFY:
    case AT_QUIT:
    case AT_UNKNOWN:
    case AT_COUNT:
        break;
    }
    if (s->then == THEN_GO_ON && (code == 421 || (cmd->at == AT_QUIT && class == 2))) {
        s->then = THEN_CLOSE;
    }
}

/* Asks the policy and does what it says; false when it has to ask elsewhere first. */
static bool decide(struct smtp_server *s, struct machine_io *io, struct smtp_command *cmd,
                   int64_t delay_ns)
{
    struct strbuf reply;
    struct smtp_action action = {.reply = &reply, .delay_ns = delay_ns};
    strbuf_init(&reply, io->out + io->out_len, io->out_cap - io->out_len);
    cmd->retry = s->resumed;
    s->pending = s->resumed = false;
    s->last_at = (uint8_t)cmd->at;
    if (cmd->at == AT_EHLO || cmd->at == AT_HELO) {
        bytes_copy(s->helo, sizeof s->helo, cmd->arg);
    }
    s->policy->decide(s->policy_self, s, cmd, &action);
    if (action.pending) {
        s->pending = true;
        return false;
    }
    if (reply.len == 0 && !action.no_reply && action.code == 0) {
        smtp_server_default_reply(cmd, &action);
    }
    if (action.no_reply) {
        reply.len = 0;
        action.more = false;
    }
    s->then = (uint8_t)action.then;
    move(s, cmd, action.code);
    post_reply(s, io, &action);
    return true;
}

/* Connection made: what the policy says at connect, then the banner. */
static bool greet(struct smtp_server *s, struct machine_io *io)
{
    struct smtp_command cmd = {.at = AT_CONNECT};
    struct strbuf nothing;
    struct smtp_action action = {.reply = &nothing};
    char memory[1];
    strbuf_init(&nothing, memory, sizeof memory);
    s->phase = SERVER_COMMAND;
    s->policy->decide(s->policy_self, s, &cmd, &action);
    if (action.then != THEN_GO_ON) {
        s->then = (uint8_t)action.then;
        s->release_at_ns = clock_after(s->now_ns, action.delay_ns);
        return true;
    }
    cmd.at = AT_BANNER;
    return decide(s, io, &cmd, action.delay_ns);
}

/* The end of a body or of a chunk: what does the policy make of it? */
static bool conclude_body(struct smtp_server *s, struct machine_io *io)
{
    char room[SMTP_BDAT_LINE_MAX];
    struct smtp_command cmd = {.at = AT_END_OF_DATA, .size = s->body_size};
    if (s->phase == SERVER_BDAT) {
        smtp_server_chunk_command(s, &cmd, room);
    }
    if (!decide(s, io, &cmd, 0)) {
        return false;
    }
    s->phase = SERVER_COMMAND;
    s->body_ended = false;
    return true;
}

static bool read_body(struct smtp_server *s, struct machine_io *io)
{
    size_t used = io->in_used;
    if (!s->body_ended) {
        s->body_ended = s->phase == SERVER_BODY ? smtp_server_read_dotted(s, io)
                                                : smtp_server_read_chunk(s, io);
        s->idle_at_ns = io->in_used > used ? clock_after(s->now_ns, s->idle_ns) : s->idle_at_ns;
    }
    if (s->body_ended) {
        return conclude_body(s, io);
    }
    return false;
}

static void start_chunk(struct smtp_server *s, struct smtp_command *cmd)
{
    s->bdat_refused = cmd->proposal != 0;
    s->bdat_size = s->bdat_left;
    s->phase = SERVER_BDAT;
}

/* One command line, if a whole one is there; the line stays unread while its decision is

   pending. */
static bool read_command(struct smtp_server *s, struct machine_io *io)
{
    const char *p = io->in + io->in_used;
    size_t len = io->in_len - io->in_used;
    const char *lf = len > 0 ? memchr(p, '\n', len) : NULL;
    if (!lf) {
        if (len >= SMTP_SERVER_LINE_MAX) {
            s->overlong = true;
            io->in_used = io->in_len;
        }
        return false;
    }
    size_t used = (size_t)(lf - p) + 1;
    bool bare_lf = lf == p || lf[-1] != '\r';
    struct span line = {p, used - (bare_lf ? 1 : 2)};
    struct smtp_command cmd;
    if (s->overlong || used > SMTP_SERVER_LINE_MAX) {
        cmd = (struct smtp_command){
            .at = AT_UNKNOWN, .line = span_to(line, 64), .overlong = true, .proposal = 500};
    } else if (s->phase == SERVER_AUTH) {
        cmd = (struct smtp_command){.at = AT_AUTH, .line = line, .arg = line};
    } else {
        cmd = smtp_server_parse(s, line);
    }
    cmd.bare_lf = bare_lf;
    s->overlong = false;
    if (cmd.at == AT_BDAT && smtp_server_parse_bdat(cmd.arg, &s->bdat_left, &s->bdat_last)) {
        io->in_used += used;
        start_chunk(s, &cmd);
        return true;
    }
    cmd.proposal = cmd.at == AT_BDAT ? 501 : cmd.proposal;
    if (!decide(s, io, &cmd, 0)) {
        return false;
    }
    io->in_used += used;
    return true;
}

/* Lets the next segment go when its time has come. True when output is still held. */
static bool release(struct smtp_server *s, struct machine_io *io)
{
    if (io->out_ready == io->out_len) {
        return false;
    }
    if (io->out_ready == 0 && s->now_ns >= s->release_at_ns) {
        io->out_ready = wire_next_segment(s->wire, io->out, io->out_len);
        s->release_at_ns = clock_after(s->now_ns, s->wire ? s->wire->gap_ns : 0);
        s->idle_at_ns = clock_after(s->now_ns, s->idle_ns);
    }
    return true; /* even the last segment is a write of its own */
}

static enum machine_wish obey(struct smtp_server *s)
{
    enum smtp_then then = (enum smtp_then)s->then;
    switch (then) {
    case THEN_GO_ON:
        return WISH_OPEN;
    case THEN_CLOSE:
        tell_closed(s, "closed");
        return WISH_CLOSE;
    case THEN_RESET:
        tell_closed(s, "reset");
        return WISH_RESET;
    case THEN_HALF_CLOSE:
    case THEN_STALL:
    case THEN_DEAF:
        if (s->phase != SERVER_DEAD) {
            s->phase = SERVER_DEAD;
            s->idle_at_ns = clock_after(s->now_ns, stall_ns);
        }
        break;
    }
    return then == THEN_HALF_CLOSE ? WISH_HALF_CLOSE : WISH_OPEN;
}

/* Further bytes of a long reply; true when some were added. */
static bool continue_reply(struct smtp_server *s, struct machine_io *io)
{
    struct strbuf out;
    size_t before = io->out_len;
    strbuf_init(&out, io->out + io->out_len, io->out_cap - io->out_len);
    s->more = s->policy->more(s->policy_self, s, &out);
    io->out_len += out.len;
    if (!wire_is_shaped(s->wire)) {
        io->out_ready = io->out_len;
    }
    return io->out_len > before;
}

/* What a client says behind QUIT is not answered; that it said so is told. */
static void count_after_quit(struct smtp_server *s, const struct machine_io *io)
{
    struct span rest = {io->in + io->in_used, io->in_len - io->in_used}, line;

    if (s->last_at != AT_QUIT || s->then != THEN_CLOSE)
        return;
    while (rest.len > 0 && s->after_quit < UINT16_MAX && span_cut(&rest, '\n', &line))
        s->after_quit++;
}

/* The loop of both halves. Ends because nothing can go on, or with a wish. */
static enum machine_wish run(struct smtp_server *s, struct machine_io *io)
{
    for (;;) {
        if (release(s, io)) {
            return WISH_OPEN;
        }
        if (io->out_cap - io->out_len < SMTP_SERVER_REPLY_ROOM) {
            return WISH_OPEN;
        }
        if (s->more) {
            if (!continue_reply(s, io)) {
                return WISH_OPEN;
            }
            continue;
        }
        if (s->then != THEN_GO_ON) {
            if (s->now_ns < s->release_at_ns) {
                return WISH_OPEN; /* a delay without a reply */
            }
            count_after_quit(s, io);
            return obey(s);
        }
        if (s->pending && !s->resumed) {
            return WISH_OPEN;
        }
        if (s->tls_due) {
            s->tls_due = false;
            io->start_tls = true;
            return WISH_OPEN;
        }
        bool went_on = s->phase == SERVER_NEW ? greet(s, io)
                       : s->phase == SERVER_BODY || s->phase == SERVER_BDAT
                           ? read_body(s, io)
                           : read_command(s, io);
        if (!went_on) {
            return WISH_OPEN;
        }
    }
}

/* RFC 3207 4.2: what the client said in clear is forgotten. */
static void start_anew(struct smtp_server *s)
{
    s->tls = true;
    if (s->phase == SERVER_NEW) {
        return;
    }
    s->esmtp = s->has_helo = false;
    s->helo[0] = '\0';
    s->overlong = false;
    reset_transaction(s);
    s->phase = SERVER_COMMAND;
    s->idle_at_ns = clock_after(s->now_ns, s->idle_ns);
    if (s->policy->secured) {
        s->policy->secured(s->policy_self, s);
    }
}

/* Nothing can be heard or said now; only time and the peer matter. */
static enum machine_wish wait_for_tls(struct smtp_server *s, const struct machine_io *io)
{
    if (io->tls == MACHINE_TLS_FAILED) {
        tell_closed(s, "tls-failed");
    } else if (io->peer == PEER_FIN) {
        tell_closed(s, "peer-closed");
    } else if (io->now_ns >= s->idle_at_ns) {
        tell_closed(s, "timeout");
    }
    return s->closed_told ? WISH_CLOSE : WISH_OPEN;
}

static enum machine_wish server_step(void *self, struct machine_io *io)
{
    struct smtp_server *s = self;
    s->now_ns = io->now_ns;
    if (io->peer == PEER_RESET || io->peer == PEER_REFUSED || io->peer == PEER_UNREACHABLE) {
        io->in_used = io->in_len;
        tell_closed(s, "peer-reset");
        return WISH_RESET;
    }
    if (s->closed_told) {
        io->in_used = io->in_len;
        return s->then == THEN_RESET ? WISH_RESET : WISH_CLOSE;
    }
    if (io->peer == PEER_CONNECTING) {
        return WISH_OPEN;
    }
    s->tls_ready = io->tls == MACHINE_TLS_READY;
    if (io->tls == MACHINE_TLS_HANDSHAKE || io->tls == MACHINE_TLS_FAILED) {
        return wait_for_tls(s, io);
    }
    if (io->tls == MACHINE_TLS_ON && !s->tls) {
        start_anew(s);
    }
    enum machine_wish wish = s->phase == SERVER_DEAD ? obey(s) : run(s, io);
    if (s->phase == SERVER_DEAD && s->then != THEN_DEAF) {
        io->in_used = io->in_len;
    }
    bool quiet = io->out_ready == io->out_len && !s->pending && !s->more &&
                 io->out_cap - io->out_len >= SMTP_SERVER_REPLY_ROOM;
    if (wish == WISH_OPEN && io->peer == PEER_FIN && quiet && s->then != THEN_DEAF) {
        /* What is left of the input is no whole line: nothing more can come of it. */
        io->in_used = io->in_len;
        tell_closed(s, "peer-closed");
        return WISH_CLOSE;
    }
    if (wish != WISH_CLOSE && wish != WISH_RESET && io->now_ns >= s->idle_at_ns) {
        tell_closed(s, "timeout");
        return WISH_CLOSE;
    }
    return wish;
}

static int64_t server_deadline(const void *self)
{
    const struct smtp_server *s = self;
    if (s->closed_told) {
        return CLOCK_NEVER;
    }
    if (s->release_at_ns > s->now_ns && s->release_at_ns < s->idle_at_ns) {
        return s->release_at_ns;
    }
    return s->idle_at_ns;
}

static void server_ended(void *self)
{
    struct smtp_server *s = self;
    tell_closed(s, "peer-reset");
    if (s->policy->ended) {
        s->policy->ended(s->policy_self, s);
    }
}

static const struct machine_ops server_ops = {"smtp-server", server_step, server_deadline,
                                              server_ended};

struct machine smtp_server_machine(struct smtp_server *s)
{
    return (struct machine){&server_ops, s};
}
