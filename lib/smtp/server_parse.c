/*
 * A table of verbs, one row each: the event it makes, whether an argument must follow, and what
 * must have been said before. MAIL and RCPT carry a second word with a colon ("FROM:", "TO:"),
 * which may have spaces before the path: RFC 5321 3.3 forbids them, real clients send them, and the
 * policy sees it in path.space_before.
 */
#include "lib/smtp/server_parse.h"

#include <assert.h>

struct verb_row {
    const char *verb;
    enum smtp_event at;
    const char *second; /* "FROM:" or "TO:", or NULL */
    bool needs_arg;
    bool old; /* known only where s->old_verbs */
};

/* clang-format off */
static const struct verb_row verbs[] = {
    {.verb = "RCPT", .at = AT_RCPT, .second = "TO:", .needs_arg = true},
    {.verb = "MAIL", .at = AT_MAIL, .second = "FROM:", .needs_arg = true},
    {.verb = "DATA", .at = AT_DATA},
    {.verb = "RSET", .at = AT_RSET},
    {.verb = "EHLO", .at = AT_EHLO, .needs_arg = true},
    {.verb = "HELO", .at = AT_HELO, .needs_arg = true},
    {.verb = "QUIT", .at = AT_QUIT},
    {.verb = "BDAT", .at = AT_BDAT, .needs_arg = true},
    {.verb = "NOOP", .at = AT_NOOP},
    {.verb = "VRFY", .at = AT_VRFY, .needs_arg = true},
    {.verb = "AUTH", .at = AT_AUTH, .needs_arg = true},
    {.verb = "STARTTLS", .at = AT_STARTTLS},
    {.verb = "SEND", .at = AT_MAIL, .second = "FROM:", .needs_arg = true, .old = true},
    {.verb = "SOML", .at = AT_MAIL, .second = "FROM:", .needs_arg = true, .old = true},
    {.verb = "SAML", .at = AT_MAIL, .second = "FROM:", .needs_arg = true, .old = true},
};
/* clang-format on */

static const char *const event_names[AT_COUNT] = {
    [AT_CONNECT] = "connect", [AT_BANNER] = "banner",     [AT_EHLO] = "EHLO",
    [AT_HELO] = "HELO",       [AT_MAIL] = "MAIL",         [AT_RCPT] = "RCPT",
    [AT_DATA] = "DATA",       [AT_BDAT] = "BDAT",         [AT_END_OF_DATA] = "end-of-data",
    [AT_RSET] = "RSET",       [AT_NOOP] = "NOOP",         [AT_VRFY] = "VRFY",
    [AT_AUTH] = "AUTH",       [AT_STARTTLS] = "STARTTLS", [AT_QUIT] = "QUIT",
    [AT_UNKNOWN] = "unknown",
};

const char *smtp_event_name(enum smtp_event at)
{
    assert(at < AT_COUNT);
    return event_names[at];
}

bool smtp_event_parse(struct span name, enum smtp_event *at)
{
    for (int i = 0; i < AT_COUNT; i++) {
        if (span_iequal(name, span_of(event_names[i]))) {
            *at = (enum smtp_event)i;
            return true;
        }
    }
    return false;
}

/* Gate two. */
static int sequence_gate(const struct smtp_server *s, const struct smtp_command *cmd)
{
    switch (cmd->at) {
    case AT_MAIL:
        return s->has_mail ? 503 : cmd->path.valid ? 0 : 501;
    case AT_RCPT:
        return !s->has_mail ? 503 : cmd->path.valid ? 0 : 501;
    case AT_DATA:
        return !s->has_mail || s->rcpt_count == 0 || s->bdat_begun ? 503 : 0;
    case AT_BDAT:
        return !s->has_mail || s->rcpt_count == 0 ? 503 : 0;
    case AT_UNKNOWN:
        return 500;
    case AT_CONNECT:
    case AT_BANNER:
    case AT_EHLO:
    case AT_HELO:
    case AT_END_OF_DATA:
    case AT_RSET:
    case AT_NOOP:
    case AT_VRFY:
    case AT_AUTH:
    case AT_STARTTLS:
    case AT_QUIT:
    case AT_COUNT:
        break;
    }
    return 0;
}

/* True when `second` stands at the start of cmd->arg, which then becomes what follows the colon. */
static bool take_second(struct smtp_command *cmd, const char *second)
{
    struct span word = span_of(second);
    if (span_istarts(cmd->arg, word)) {
        cmd->path = address_parse(span_from(cmd->arg, word.len));
        cmd->arg = span_trim(span_from(cmd->arg, word.len));
        return true;
    }
    return false;
}

struct smtp_command smtp_server_parse(const struct smtp_server *s, struct span line)
{
    struct smtp_command cmd = {.at = AT_UNKNOWN, .line = line, .proposal = 500};
    size_t verb_len = 0;
    while (verb_len < line.len && line.ptr[verb_len] != ' ' && line.ptr[verb_len] != '\t') {
        verb_len++;
    }
    struct span verb = span_to(line, verb_len);
    cmd.verb = verb;
    cmd.arg = span_trim(span_from(line, verb_len));
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const struct verb_row *row = &verbs[i];
        if (!span_iequal(verb, span_of(row->verb)) || (row->old && !s->old_verbs)) {
            continue;
        }
        cmd.at = row->at;
        if (row->second && !take_second(&cmd, row->second)) {
            cmd.proposal = 501;
        } else if (row->needs_arg && cmd.arg.len == 0) {
            cmd.proposal = 501;
        } else {
            cmd.proposal = sequence_gate(s, &cmd);
        }
        break;
    }
    return cmd;
}

bool smtp_server_parse_bdat(struct span arg, uint64_t *octets, bool *last)
{
    struct span size, rest = arg;
    if (!span_cut(&rest, ' ', &size) || !span_uint(size, UINT64_C(1) << 40, octets)) {
        return false;
    }
    rest = span_trim(rest);
    *last = rest.len > 0;
    return rest.len == 0 || span_iequal(rest, SPAN("LAST"));
}

void smtp_server_chunk_command(const struct smtp_server *s, struct smtp_command *cmd, char *room)
{
    struct strbuf line;
    strbuf_init(&line, room, SMTP_BDAT_LINE_MAX);
    strbuf_adds(&line, "BDAT ");
    strbuf_addu(&line, s->bdat_size);
    strbuf_adds(&line, s->bdat_last ? " LAST" : "");
    cmd->line = strbuf_span(&line);
    cmd->arg = span_from(cmd->line, 5);
    cmd->chunk = s->bdat_last && !s->bdat_refused;
    cmd->at = cmd->chunk ? AT_END_OF_DATA : AT_BDAT;
    cmd->proposal = s->bdat_refused ? 503 : 0;
}

struct default_row {
    int proposal;
    const char *enhanced;
    const char *text;
};

static const struct default_row refusals[] = {
    {500, "5.5.2", "Error: command not recognized"},
    {501, "5.5.4", "Syntax error in parameters"},
    {503, "5.5.1", "Error: bad sequence of commands"},
};

static const struct default_row acceptances[AT_COUNT] = {
    [AT_CONNECT] = {0, NULL, NULL},
    [AT_BANNER] = {220, NULL, "ESMTP"},
    [AT_EHLO] = {250, NULL, "Ok"},
    [AT_HELO] = {250, NULL, "Ok"},
    [AT_MAIL] = {250, "2.1.0", "Ok"},
    [AT_RCPT] = {250, "2.1.5", "Ok"},
    [AT_DATA] = {354, NULL, "End data with <CR><LF>.<CR><LF>"},
    [AT_BDAT] = {250, "2.0.0", "Ok"},
    [AT_END_OF_DATA] = {250, "2.0.0", "Ok"},
    [AT_RSET] = {250, "2.0.0", "Ok"},
    [AT_NOOP] = {250, "2.0.0", "Ok"},
    [AT_VRFY] = {252, "2.0.0", "Cannot VRFY user"},
    [AT_AUTH] = {503, "5.5.1", "Error: authentication not enabled"},
    [AT_STARTTLS] = {454, "4.7.0", "TLS not available"},
    [AT_QUIT] = {221, "2.0.0", "Bye"},
    [AT_UNKNOWN] = {500, "5.5.2", "Error: command not recognized"},
};

void smtp_server_default_reply(const struct smtp_command *cmd, struct smtp_action *action)
{
    const struct default_row *row = &acceptances[cmd->at];
    for (size_t i = 0; cmd->proposal && i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].proposal == cmd->proposal) {
            row = &refusals[i];
        }
    }
    if (row->text) {
        int code = row->proposal;
        smtp_server_reply(action, code, row->enhanced, span_of(row->text));
    }
}
