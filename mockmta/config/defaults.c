/*
 * One function a command. The texts are those of Postfix, whose meaning every client knows.
 */
#include "mockmta/config/defaults.h"

#include "mockmta/render.h"

enum { TEXT_MAX = 1024 };

static void reply_banner(const struct session *s, struct smtp_action *action)
{
    char memory[TEXT_MAX];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, s->mock->config->hostname);
    if (s->refused) {
        strbuf_adds(&text, " Error: too many connections");
        render_line(action, 421, "4.3.2", strbuf_span(&text));
        action->then = THEN_CLOSE;
        return;
    }
    strbuf_adds(&text, " ESMTP");
    render_line(action, 220, NULL, strbuf_span(&text));
}

static void reply_ehlo(const struct session *s, struct smtp_action *action)
{
    const struct server_config *config = s->mock->config;
    char memory[SMTP_SERVER_REPLY_ROOM / 2];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, config->hostname);
    bool listed = false;
    for (size_t i = 0; i < config->extensions.count; i++) {
        bool starttls = span_iequal(span_of(config->extensions.item[i]), SPAN("STARTTLS"));
        if (!starttls || !s->smtp.tls) { /* RFC 3207 4.2: not again */
            strbuf_addc(&text, '\n');
            strbuf_adds(&text, config->extensions.item[i]);
        }
        listed = listed || starttls;
    }
    strbuf_adds(&text, s->smtp.tls_ready && !listed ? "\nSTARTTLS" : "");
    smtp_server_reply(action, 250, NULL, strbuf_span(&text));
}

static bool declared_too_large(const struct session *s, struct span params)
{
    struct span field;
    uint64_t size;
    while (span_cut(&params, ' ', &field)) {
        if (span_istarts(field, SPAN("SIZE=")) &&
            span_uint(span_from(field, 5), UINT64_MAX, &size)) {
            return size > s->mock->config->message_max;
        }
    }
    return false;
}

static void reply_mail(const struct session *s, const struct smtp_command *cmd,
                       struct smtp_action *action)
{
    if (declared_too_large(s, cmd->path.params)) {
        render_line(action, 552, "5.3.4", SPAN("Message size exceeds fixed limit"));
        return;
    }
    render_line(action, 250, "2.1.0", SPAN("Ok"));
}

static bool user_exists(const struct server_config *config, struct span local)
{
    if (config->users.count == 0 || span_iequal(local, SPAN("postmaster"))) {
        return true;
    }
    for (size_t i = 0; i < config->users.count; i++) {
        if (span_iequal(local, span_of(config->users.item[i]))) {
            return true;
        }
    }
    return false;
}

static void reply_rcpt(const struct session *s, const struct smtp_command *cmd,
                       struct smtp_action *action)
{
    char memory[TEXT_MAX];
    struct strbuf text;
    if (!mock_is_local(s->mock, &cmd->path)) {
        strbuf_init(&text, memory, sizeof memory);
        strbuf_addc(&text, '<');
        strbuf_add(&text, span_to(cmd->path.path, TEXT_MAX - 64));
        strbuf_adds(&text, ">: Relay access denied");
        render_line(action, 554, "5.7.1", strbuf_span(&text));
    } else if (!user_exists(s->mock->config, cmd->path.local)) {
        strbuf_init(&text, memory, sizeof memory);
        strbuf_addc(&text, '<');
        strbuf_add(&text, span_to(cmd->path.path, TEXT_MAX - 64));
        strbuf_adds(&text, ">: Recipient address rejected: User unknown");
        render_line(action, 550, "5.1.1", strbuf_span(&text));
    } else {
        render_line(action, 250, "2.1.5", SPAN("Ok"));
    }
}

static bool has_extension(const struct server_config *config, struct span keyword)
{
    for (size_t i = 0; i < config->extensions.count; i++) {
        struct span rest = span_of(config->extensions.item[i]);
        struct span word;
        if (span_cut(&rest, ' ', &word) && span_iequal(word, keyword)) {
            return true;
        }
    }
    return false;
}

static void reply_bdat(const struct session *s, struct smtp_action *action)
{
    if (has_extension(s->mock->config, SPAN("CHUNKING"))) {
        render_line(action, 250, "2.0.0", SPAN("Ok"));
    } else {
        render_line(action, 502, "5.5.1", SPAN("Error: command not implemented"));
    }
}

static void reply_end_of_data(const struct session *s, const struct smtp_command *cmd,
                              struct smtp_action *action)
{
    char memory[TEXT_MAX];
    struct strbuf text;
    if (cmd->chunk && !has_extension(s->mock->config, SPAN("CHUNKING"))) {
        reply_bdat(s, action);
        return;
    }
    if (cmd->size > s->mock->config->message_max) {
        render_line(action, 552, "5.3.4", SPAN("Error: message file too big"));
        return;
    }
    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, "Ok: queued as ");
    strbuf_adds(&text, s->message == NULL ? "" : s->message->queue_id);
    render_line(action, 250, "2.0.0", strbuf_span(&text));
}

/* The machine's own objections, in words. */
static void reply_bad_sequence(const struct session *s, const struct smtp_command *cmd,
                               struct smtp_action *action)
{
    if (cmd->at == AT_MAIL && s->message != NULL) {
        render_line(action, 503, "5.5.1", SPAN("Error: nested MAIL command"));
    } else if (cmd->at == AT_MAIL) {
        render_line(action, 503, "5.5.1", SPAN("Error: send HELO/EHLO first"));
    } else if (cmd->at == AT_RCPT) {
        render_line(action, 503, "5.5.1", SPAN("Error: need MAIL command"));
    } else if (s->message == NULL) {
        render_line(action, 503, "5.5.1", SPAN("Error: need RCPT command"));
    } else {
        render_line(action, 554, "5.5.1", SPAN("Error: no valid recipients"));
    }
}

static void reply_bad_syntax(const struct smtp_command *cmd, struct smtp_action *action)
{
    if (cmd->at == AT_MAIL) {
        render_line(action, 501, "5.1.7", SPAN("Bad sender address syntax"));
    } else if (cmd->at == AT_RCPT) {
        render_line(action, 501, "5.1.3", SPAN("Bad recipient address syntax"));
    } else if (cmd->at == AT_HELO || cmd->at == AT_EHLO) {
        render_line(action, 501, NULL,
                    cmd->at == AT_HELO ? SPAN("Syntax: HELO hostname")
                                       : SPAN("Syntax: EHLO hostname"));
    } else {
        render_line(action, 501, "5.5.4", SPAN("Syntax error in parameters"));
    }
}

static void reply_proposal(const struct session *s, const struct smtp_command *cmd,
                           struct smtp_action *action)
{
    switch (cmd->proposal) {
    case 501:
        reply_bad_syntax(cmd, action);
        return;
    case 503:
    case 554:
        reply_bad_sequence(s, cmd, action);
        return;
    default:
        render_line(action, cmd->proposal, "5.5.2",
                    cmd->overlong ? SPAN("Error: line too long")
                                  : SPAN("Error: command not recognized"));
    }
}

static void reply_hello(const struct session *s, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    if (cmd->at == AT_EHLO) {
        reply_ehlo(s, action);
    } else {
        render_line(action, 250, NULL, span_of(s->mock->config->hostname));
    }
}

static void reply_starttls(const struct session *s, struct smtp_action *action)
{
    if (s->smtp.tls_ready) {
        render_line(action, 220, "2.0.0", SPAN("Ready to start TLS"));
    } else if (s->smtp.tls) {
        render_line(action, 503, "5.5.1", SPAN("Error: TLS already active"));
    } else {
        render_line(action, 454, "4.7.0", SPAN("TLS not available"));
    }
}

static void reply_quit(struct smtp_action *action)
{
    render_line(action, 221, "2.0.0", SPAN("Bye"));
    action->then = THEN_CLOSE;
}

void default_reply(const struct session *s, const struct smtp_command *cmd,
                   struct smtp_action *action)
{
    if (cmd->proposal != 0) {
        reply_proposal(s, cmd, action);
        return;
    }
    switch (cmd->at) {
    case AT_CONNECT:
    case AT_COUNT:
        break;
    case AT_BANNER:
        reply_banner(s, action);
        break;
    case AT_EHLO:
    case AT_HELO:
        reply_hello(s, cmd, action);
        break;
    case AT_MAIL:
        reply_mail(s, cmd, action);
        break;
    case AT_RCPT:
        reply_rcpt(s, cmd, action);
        break;
    case AT_DATA:
        render_line(action, 354, NULL, SPAN("End data with <CR><LF>.<CR><LF>"));
        break;
    case AT_BDAT:
        reply_bdat(s, action);
        break;
    case AT_END_OF_DATA:
        reply_end_of_data(s, cmd, action);
        break;
    case AT_RSET:
    case AT_NOOP:
        render_line(action, 250, "2.0.0", SPAN("Ok"));
        break;
    case AT_VRFY:
        render_line(action, 252, "2.0.0", SPAN("Cannot VRFY user, but will accept message"));
        break;
    case AT_AUTH:
        render_line(action, 503, "5.5.1", SPAN("Error: authentication not enabled"));
        break;
    case AT_STARTTLS:
        reply_starttls(s, action);
        break;
    case AT_QUIT:
        reply_quit(action);
        break;
    case AT_UNKNOWN:
        render_line(action, 500, "5.5.2", SPAN("Error: command not recognized"));
        break;
    }
}
