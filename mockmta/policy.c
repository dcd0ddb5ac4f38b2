/*
 * What a session says. Each event goes through the same stages: count it; find the rules that take
 * it; write the reply of the deciding rule, or the default of a closed server; put delay, wire
 * shape and what happens then beside it; and move the transaction on by the reply's code. Rules
 * have the last word even over the machine's gates, so the state of the transaction follows from
 * what was answered, never from what was proper.
 */
#include "lib/smtp/address_decode.h"
#include "mockmta/queue/callout.h"
#include "mockmta/config/defaults.h"
#include "mockmta/encrypt.h"
#include "mockmta/match.h"
#include "mockmta/render.h"

enum { TEXT_MAX = 1024 };

static void tell(struct session *s, enum mock_event_kind kind, enum smtp_event at, struct span text,
                 int code)
{
    if (s->mock->observer.see == NULL) {
        return;
    }
    mock_tell(s->mock,
              &(struct mock_event){.kind = kind,
                                   .connection = s->number,
                                   .peer = &s->peer,
                                   .local = &s->local,
                                   .text = text,
                                   .queue_id = s->message == NULL || s->message->queue_id[0] == '\0'
                                                   ? NULL
                                                   : s->message->queue_id,
                                   .code = code,
                                   .bare_lfs = kind == MOCK_CLOSED ? s->bare_lfs : 0,
                                   .after_quit = kind == MOCK_CLOSED ? s->smtp.after_quit : 0,
                                   .at = at});
}

static void release_message(struct session *s)
{
    if (s->message != NULL) {
        message_give(s->message);
        s->message = NULL;
    }
}

static struct message *begin_message(struct session *s)
{
    release_message(s);
    s->message = message_take(s->mock);
    if (s->message != NULL) {
        s->message->transaction = ++s->mock->transactions;
        s->message->peer = s->peer;
        s->message->esmtp = s->smtp.esmtp;
    }
    return s->message;
}

static void replace_reply(struct smtp_action *action, int code, const char *enhanced,
                          struct span text)
{
    strbuf_reset(action->reply);
    action->more = false;
    action->no_reply = false;
    render_line(action, code, enhanced, text);
}

/* The transaction follows the reply. */

static void take_mail(struct session *s, const struct smtp_command *cmd, struct smtp_action *action)
{
    if (begin_message(s) == NULL || !message_sender_set(s->message, cmd->path.path)) {
        release_message(s);
        replace_reply(action, 452, "4.3.1", SPAN("Insufficient system resources"));
        return;
    }
    s->transactions++;
    bytes_copy(s->mail_params, sizeof s->mail_params,
               span_to(cmd->path.params, MOCK_PARAMS_MAX - 1));
    bytes_copy(s->verb, sizeof s->verb, cmd->verb);
}

static bool domain_is_local(const void *self, struct span domain)
{
    return mock_domain_is_local(self, domain);
}

static bool rewritten(const struct mock *m, enum rewrite how, const struct address *a,
                      struct strbuf *out)
{
    const struct address_locals locals = {domain_is_local, m};
    switch (how) {
    case REWRITE_NONE:
        return false;
    case REWRITE_UNWRAP:
        return address_unwrap(a, out);
    case REWRITE_DECODE:
        return address_decode(a, &locals, out);
    }
    return false;
}

static void take_rcpt(struct session *s, const struct smtp_command *cmd, const struct decision *d,
                      struct smtp_action *action)
{
    char memory[SMTP_SERVER_LINE_MAX];
    struct strbuf unwrapped;
    struct span path = cmd->path.path;
    strbuf_init(&unwrapped, memory, sizeof memory);
    if (rewritten(s->mock, d->rewrite, &cmd->path, &unwrapped) && !unwrapped.truncated) {
        path = strbuf_span(&unwrapped);
    }
    if (s->message == NULL &&
        (begin_message(s) == NULL || !message_sender_set(s->message, SPAN("")))) {
        release_message(s);
        replace_reply(action, 452, "4.3.1", SPAN("Insufficient system resources"));
        return;
    }
    struct recipient *r = message_recipient_add(s->message, path);
    if (r == NULL) {
        replace_reply(action, 452, "4.5.3", SPAN("Error: too many recipients"));
        return;
    }
    struct address a = d->rewrite != REWRITE_NONE ? address_parse(path) : cmd->path;
    r->local = mock_is_local(s->mock, &a);
    r->fate = d->fate;
}

static bool queue_is_full(const struct mock *m)
{
    return m->queue_length >= m->limits.queue_max;
}

/* The message is judged: given to its fates when it was accepted, or when a rule named a fate
 * whatever was said. */
static void take_message(struct session *s, const struct smtp_command *cmd,
                         const struct decision *d, struct smtp_action *action)
{
    struct message *message = s->message;
    if (message == NULL) {
        return;
    }
    if (action->code / 100 == 2 && (message->broken || queue_is_full(s->mock))) {
        replace_reply(action, 452, "4.3.1", SPAN("Insufficient system storage"));
    } else if (action->code / 100 == 2 ||
               (d->fate != NULL && !message->broken && !queue_is_full(s->mock))) {
        bool accepted = action->code / 100 == 2;
        s->message = NULL;
        message->size = cmd->size;
        s->mock->messages += accepted ? 1 : 0;
        if (!message_helo_set(message, span_of(s->smtp.helo))) {
            message->helo_len = 0;
        }
        if (accepted) {
            message_tell(message, MOCK_ACCEPTED, s, NULL);
        }
        queue_settle(message, d->fate);
        return;
    }
    release_message(s);
}

static void follow(struct session *s, const struct smtp_command *cmd, const struct decision *d,
                   struct smtp_action *action)
{
    bool accepted = !action->no_reply && action->code / 100 == 2;
    if (cmd->at == AT_END_OF_DATA) {
        take_message(s, cmd, d, action);
    } else if (cmd->at == AT_RCPT) {
        match_note_triplet(s, cmd);
        if (accepted) {
            take_rcpt(s, cmd, d, action);
        }
    } else if (cmd->at == AT_MAIL && accepted) {
        take_mail(s, cmd, action);
    } else if (accepted && (cmd->at == AT_RSET || cmd->at == AT_EHLO || cmd->at == AT_HELO)) {
        release_message(s);
    } else if (cmd->at == AT_AUTH && action->code == 235) {
        s->authenticated = true;
    }
}

/* A pair (event, code) is kept once; a peer cannot make the list grow. */
static void remember(struct session *s, enum smtp_event at, int code)
{
    for (size_t i = 0; i < s->past_count; i++) {
        if (s->past[i].at == at && s->past[i].code == code) {
            return;
        }
    }
    size_t slot = s->past_count < MOCK_PAST_MAX ? s->past_count++ : (size_t)at % MOCK_PAST_MAX;
    s->past[slot] = (struct past){(uint16_t)code, (uint8_t)at};
}

static void add_421(struct session *s, struct smtp_action *action, struct span text)
{
    char memory[TEXT_MAX];
    struct strbuf line;
    int code = action->code;
    strbuf_init(&line, memory, sizeof memory);
    strbuf_adds(&line, s->mock->config->hostname);
    strbuf_addc(&line, ' ');
    strbuf_add(&line, text);
    render_line(action, 421, "4.7.0", strbuf_span(&line));
    action->code = code == 0 ? 421 : code;
    action->then = THEN_CLOSE;
}

/* Like Postfix, the error limit speaks right after the reply that reached it. */
static void count_reply(struct session *s, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    uint64_t errors_max = s->mock->config->errors_max;
    if (action->code == 0 || action->no_reply) {
        return;
    }
    remember(s, cmd->at, action->code);
    if (action->code >= 400) {
        s->errors++;
        if (errors_max > 0 && s->errors >= errors_max && action->then == THEN_GO_ON) {
            add_421(s, action, SPAN("Error: too many errors"));
        }
    }
}

static void count_event(struct session *s, enum smtp_event at)
{
    if (s->count[at] < UINT16_MAX) {
        s->count[at]++;
    }
    s->mock->count[at]++;
}

static void count_command(struct session *s, const struct smtp_command *cmd)
{
    enum smtp_event said = cmd->chunk ? AT_BDAT : cmd->at;
    s->last_at = (uint8_t)cmd->at;
    s->bare_lfs += cmd->bare_lf ? 1 : 0;
    count_event(s, cmd->at);
    if (cmd->chunk) {
        count_event(s, AT_BDAT);
    }
    if (cmd->at == AT_END_OF_DATA && s->message != NULL) {
        mock_queue_id(s->mock, s->message);
    }
    if (said != AT_CONNECT && said != AT_BANNER && said != AT_END_OF_DATA) {
        tell(s, MOCK_COMMAND, said, cmd->line, 0);
    }
}

static void tell_fired(struct session *s, const struct smtp_command *cmd, const struct decision *d)
{
    char memory[TEXT_MAX];
    struct strbuf text;
    match_fired(s->mock, d);
    for (size_t i = 0; i < d->fired_count && s->mock->observer.see != NULL; i++) {
        const struct rule *r = d->fired[i];
        strbuf_init(&text, memory, sizeof memory);
        if (r->log != NULL) {
            struct render_facts f = render_facts_session(s, cmd);
            render_text(&text, r->log, &f);
        } else {
            strbuf_addf(&text, "%s:%u", r->file == NULL ? "rule" : r->file, r->line);
        }
        tell(s, MOCK_RULE, cmd->at, strbuf_span(&text), 0);
    }
}

static void apply(struct session *s, const struct smtp_command *cmd, const struct decision *d,
                  struct smtp_action *action)
{
    const struct rule *r = d->rule;
    action->delay_ns = d->delay_ns;
    action->wire = d->wire;
    if (r != NULL && r->ignore) {
        action->no_reply = true;
    } else if (r != NULL && r->reply.set) {
        render_rule(s, r, cmd, action);
    } else if (r == NULL || r->then == THEN_GO_ON || r->then_421) {
        default_reply(s, cmd, action);
    } else {
        action->no_reply = true; /* close, reset, stall... without a word */
    }
    if (r != NULL && r->then != THEN_GO_ON) {
        action->then = r->then;
    }
    follow(s, cmd, d, action);
    count_reply(s, cmd, action);
    if (r != NULL && r->then_421) {
        add_421(s, action, SPAN("Service closing transmission channel"));
    }
}

static void on_decide(void *self, struct smtp_server *smtp, const struct smtp_command *cmd,
                      struct smtp_action *action)
{
    struct session *s = self;
    struct decision d;
    (void)smtp;
    if (!cmd->retry) {
        count_command(s, cmd);
    }
    if (s->refused) {
        default_reply(s, cmd, action);
        return;
    }
    match_decide(s, cmd, &d);
    if (d.callout_needed) {
        if (callout_start(s, cmd)) {
            action->pending = true;
            return;
        }
        match_decide(s, cmd, &d);
    }
    tell_fired(s, cmd, &d);
    apply(s, cmd, &d, action);
}

/* Without room, or beyond what all messages together may hold, the end of data is answered 452. */
static void keep_piece(struct message *message, struct span piece)
{
    struct mock *m = message->mock;
    if (m->content_total + piece.len > m->limits.content_max ||
        !grow_add(&message->content, piece)) {
        message->broken = true;
        return;
    }
    message->counted += piece.len;
    m->content_total += piece.len;
}

static void count_bare_lfs(struct session *s, struct span piece)
{
    size_t at;

    for (struct span rest = piece; (at = span_chr(rest, '\n')) != SIZE_MAX;
         rest = span_from(rest, at + 1)) {
        const char *lf = rest.ptr + at;
        bool cr = lf == piece.ptr ? s->body_cr : lf[-1] == '\r';

        s->bare_lfs += cr ? 0 : 1;
    }
    if (piece.len > 0) {
        s->body_cr = piece.ptr[piece.len - 1] == '\r';
    }
}

static void on_body(void *self, struct smtp_server *smtp, struct span piece)
{
    struct session *s = self;
    struct message *message = s->message;
    (void)smtp;
    count_bare_lfs(s, piece);
    if (message == NULL) {
        return;
    }
    if (message->wish == CONTENT_UNDECIDED) {
        message->wish = message_content_wish(message);
    }
    if (message->wish == CONTENT_KEEP && !message->broken &&
        message->content.len <= s->mock->config->message_max) {
        keep_piece(message, piece);
    }
}

static bool on_more(void *self, struct smtp_server *smtp, struct strbuf *out)
{
    (void)smtp;
    return render_more(self, out);
}

static void on_replied(void *self, struct smtp_server *smtp, struct span bytes)
{
    struct session *s = self;
    uint64_t code = 0;
    (void)smtp;
    (void)span_uint(span_to(bytes, 3), 999, &code);
    tell(s, MOCK_REPLY, (enum smtp_event)s->last_at, bytes, (int)code);
}

static void on_closed(void *self, struct smtp_server *smtp, const char *how)
{
    struct session *s = self;
    (void)smtp;
    tell(s, MOCK_CLOSED, (enum smtp_event)s->last_at, span_of(how), 0);
}

static void on_ended(void *self, struct smtp_server *smtp)
{
    struct session *s = self;
    (void)smtp;
    release_message(s);
    callout_forget(s);
    session_gone(s);
}

/* RFC 3207 4.2: what the client said before is forgotten; counters of commands stand. */
static void on_secured(void *self, struct smtp_server *smtp)
{
    struct session *s = self;
    char memory[TEXT_MAX];
    struct strbuf text;
    (void)smtp;
    release_message(s);
    s->authenticated = false;
    s->past_count = 0;
    strbuf_init(&text, memory, sizeof memory);
    encrypt_print(s, &text);
    tell(s, MOCK_TLS, AT_STARTTLS, strbuf_span(&text), 0);
}

const struct smtp_policy policy_told = {
    .decide = on_decide,
    .body = on_body,
    .more = on_more,
    .replied = on_replied,
    .closed = on_closed,
    .ended = on_ended,
    .secured = on_secured};
const struct smtp_policy policy_quiet = {
    .decide = on_decide,
    .body = on_body,
    .more = on_more,
    .replied = NULL,
    .closed = on_closed,
    .ended = on_ended,
    .secured = on_secured};
