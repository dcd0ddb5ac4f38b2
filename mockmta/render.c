/*
 * A reply is lines of "code, separator, enhanced code, text". It may be larger than the room the
 * machine lends (a line repeated ten thousand times, a raw reply of a mebibyte): then the session
 * remembers how far it came and render_more goes on. A single line larger than the whole room is
 * cut.
 */
#include "mockmta/render.h"

static struct span rcpt_of(const struct session *s, const struct smtp_command *cmd)
{
    if (cmd != NULL && cmd->at == AT_RCPT) {
        return cmd->path.path;
    }
    const struct message *message = s->message;
    if (message == NULL || message->recipient_count == 0) {
        return SPAN("");
    }
    return message_recipient(message, &message->recipient[message->recipient_count - 1]);
}

struct render_facts render_facts_session(const struct session *s, const struct smtp_command *cmd)
{
    const struct message *message = s->message;
    bool mail = cmd != NULL && cmd->at == AT_MAIL;
    return (struct render_facts){
        .mock = s->mock,
        .client = &s->peer,
        .rcpt = rcpt_of(s, cmd),
        .sender = mail              ? cmd->path.path
                  : message == NULL ? SPAN("")
                                    : message_sender(message),
        .helo = span_of(s->smtp.helo),
        .arg = cmd == NULL ? SPAN("") : cmd->arg,
        .queue_id = span_of(message == NULL ? NULL : message->queue_id),
        .sender_domain = mail};
}

static bool add_variable(struct strbuf *out, struct span name, const struct render_facts *f)
{
    if (span_equal(name, SPAN("rcpt"))) {
        strbuf_add(out, f->rcpt);
    } else if (span_equal(name, SPAN("sender"))) {
        strbuf_add(out, f->sender);
    } else if (span_equal(name, SPAN("helo"))) {
        strbuf_add(out, f->helo);
    } else if (span_equal(name, SPAN("hostname"))) {
        strbuf_adds(out, f->mock->config->hostname);
    } else if (span_equal(name, SPAN("client"))) {
        endpoint_print_address(out, f->client);
    } else if (span_equal(name, SPAN("queue_id"))) {
        strbuf_add(out, f->queue_id);
    } else if (span_equal(name, SPAN("arg"))) {
        strbuf_add(out, f->arg);
    } else if (span_equal(name, SPAN("domain"))) {
        strbuf_add(out, address_parse(f->sender_domain ? f->sender : f->rcpt).domain);
    } else if (span_equal(name, SPAN("banner_date"))) {
        clock_print_rfc5322(out, world_epoch(f->mock->world));
    } else {
        return false;
    }
    return true;
}

void render_text(struct strbuf *out, const char *text, const struct render_facts *f)
{
    struct span rest = span_of(text);
    while (rest.len > 0) {
        size_t dollar = span_find(rest, SPAN("${"));
        size_t end = dollar == SIZE_MAX ? SIZE_MAX : span_chr(span_from(rest, dollar), '}');
        if (end == SIZE_MAX) {
            strbuf_add(out, rest);
            return;
        }
        strbuf_add(out, span_to(rest, dollar));
        if (!add_variable(out, span_to(span_from(rest, dollar + 2), end - 2), f)) {
            strbuf_add(out, span_to(span_from(rest, dollar), end + 1));
        }
        rest = span_from(rest, dollar + end + 1);
    }
}

static void add_code(struct strbuf *out, int code)
{
    char digits[3] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                      (char)('0' + code % 10)};
    strbuf_add(out, (struct span){digits, sizeof digits});
}

/* A peer's CR, LF or NUL in a text must not end the line. */
static void tame(struct strbuf *out, size_t start)
{
    for (size_t i = start; i < out->len; i++) {
        if ((unsigned char)out->ptr[i] < ' ' && out->ptr[i] != '\t') {
            out->ptr[i] = '?';
        }
    }
}

static void add_reply_line(struct strbuf *out, const struct rule_reply *reply, size_t line,
                           bool last, const struct render_facts *f)
{
    const char *text = line < reply->line_count ? reply->lines[line] : "";
    size_t start = out->len;
    add_code(out, reply->code);
    if (!last) {
        strbuf_addc(out, '-');
    } else if (reply->enhanced != NULL || text[0] != '\0') {
        strbuf_addc(out, ' ');
    }
    if (reply->enhanced != NULL) {
        strbuf_adds(out, reply->enhanced);
        strbuf_adds(out, text[0] == '\0' ? "" : " ");
    }
    render_text(out, text, f);
    tame(out, start);
    strbuf_adds(out, "\r\n");
}

static size_t room(const struct strbuf *out)
{
    return out->cap - 1 - out->len;
}

/* Repeats of the first line while they fit. True when all were written. */
static bool add_repeats(struct session *s, const struct rule_reply *reply,
                        const struct render_facts *f, struct strbuf *out)
{
    size_t longest = 0;
    while (s->more_left > 0) {
        size_t start = out->len;
        if (start > 0 && room(out) < longest + 2) {
            return false;
        }
        bool last = s->more_left == 1 && reply->line_count <= 1;
        add_reply_line(out, reply, 0, last, f);
        if (out->truncated && start > 0) {
            out->len = start;
            out->truncated = false;
            return false;
        }
        longest = out->len - start;
        s->more_left--;
    }
    return true;
}

static bool add_raw(struct session *s, const struct rule_reply *reply, struct strbuf *out)
{
    while (s->more_left > 0) {
        size_t len = reply->raw_len - s->more_offset;
        if (len > room(out)) {
            len = room(out);
        }
        strbuf_add(out, (struct span){reply->raw + s->more_offset, len});
        s->more_offset += (uint32_t)len;
        if (s->more_offset < reply->raw_len) {
            return false;
        }
        s->more_offset = 0;
        s->more_left--;
    }
    return true;
}

/* True when the reply is whole. */
static bool add_reply(struct session *s, const struct rule_reply *reply,
                      const struct smtp_command *cmd, struct strbuf *out)
{
    if (reply->raw != NULL) {
        return reply->raw_len == 0 || add_raw(s, reply, out);
    }
    struct render_facts f = render_facts_session(s, cmd);
    if (!add_repeats(s, reply, &f, out)) {
        return false;
    }
    for (size_t i = 1; i < reply->line_count; i++) {
        add_reply_line(out, reply, i, i + 1 == reply->line_count, &f);
    }
    return true;
}

/* The code of a raw reply: three digits at the beginning of its last line that has them. */
static int raw_code(const struct rule_reply *reply)
{
    struct span rest = {reply->raw, reply->raw_len};
    struct span line;
    uint64_t code = 0;
    int found = 0;
    while (span_cut(&rest, '\n', &line)) {
        if (span_uint(span_to(line, 3), 999, &code) && line.len >= 3 && code >= 200) {
            found = (int)code;
        }
    }
    return found;
}

void render_rule(struct session *s, const struct rule *r, const struct smtp_command *cmd,
                 struct smtp_action *action)
{
    const struct rule_reply *reply = &r->reply;
    s->more_rule = r;
    s->more_left = reply->repeat == 0 ? 1 : reply->repeat;
    s->more_offset = 0;
    action->code = reply->code != 0 || reply->raw == NULL ? reply->code : raw_code(reply);
    action->more = !add_reply(s, reply, cmd, action->reply);
}

bool render_more(struct session *s, struct strbuf *out)
{
    return s->more_rule != NULL && !add_reply(s, &s->more_rule->reply, NULL, out);
}

void render_line(struct smtp_action *action, int code, const char *enhanced, struct span text)
{
    struct strbuf *out = action->reply;
    size_t start = out->len;
    action->code = code;
    add_code(out, code);
    if (enhanced != NULL) {
        strbuf_addc(out, ' ');
        strbuf_adds(out, enhanced);
    }
    strbuf_addc(out, ' ');
    strbuf_add(out, text);
    tame(out, start);
    strbuf_adds(out, "\r\n");
}
