/*
 * dsn.c - what counts as a report, in the order in which it is asked
 *
 * 1. multipart/report: its message/delivery-status part is read, whatever server wrote it (RFC
 * 3464).
 * 2. Auto-Submitted other than "no" (RFC 3834).
 * 3. With the null reverse-path only: qmail's QSBMF, then free text that looks like a bounce. With
 * any reverse-path: free text whose From and Subject are a mailer daemon's.
 * A message that has our own header block outermost is what was sent, not a report about it, even
 * with a null reverse-path: 3 does not apply to it.
 *
 * Parts and groups are cut out of the content in place. Nothing nests: a report inside a returned
 * message is the returned message's business.
 */
#include "lib/smtp/dsn.h"

#include "lib/base/clock.h"

static const char *const ACTION_NAMES[] = {
    [DSN_NONE] = "none",           [DSN_FAILED] = "failed",   [DSN_DELAYED] = "delayed",
    [DSN_DELIVERED] = "delivered", [DSN_RELAYED] = "relayed", [DSN_EXPANDED] = "expanded",
};

const char *dsn_action_name(enum dsn_action action)
{
    return ACTION_NAMES[action];
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim_all(struct span s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = span_from(s, 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The first word: up to white space, ";" or a comment. */
static struct span first_word(struct span s)
{
    size_t n = 0;
    s = trim_all(s);
    while (n < s.len && !is_space(s.ptr[n]) && s.ptr[n] != ';' && s.ptr[n] != '(')
        n++;
    return span_to(s, n);
}

static enum dsn_action action_of(struct span word)
{
    for (unsigned i = DSN_FAILED; i <= DSN_EXPANDED; i++)
        if (span_iequal(word, span_of(ACTION_NAMES[i])))
            return (enum dsn_action)i;
    return DSN_NONE;
}

/* "rfc822; x@canary.test" without its type. */
static struct span typed_field(struct span group, const char *name)
{
    struct span value = {NULL, 0};
    if (!mail_header(group, span_of(name), 0, &value, NULL))
        return (struct span){NULL, 0};
    size_t semicolon = span_chr(value, ';');
    return semicolon == SIZE_MAX ? value : trim_all(span_from(value, semicolon + 1));
}

/* Value of a parameter of a structured field, quotes removed; empty when there is none. */
static struct span parameter(struct span field, struct span name)
{
    struct span rest = field, part;
    while (span_cut(&rest, ';', &part)) {
        part = trim_all(part);
        if (!span_istarts(part, name))
            continue;
        struct span value = trim_all(span_from(part, name.len));
        if (value.len == 0 || value.ptr[0] != '=')
            continue;
        value = trim_all(span_from(value, 1));
        if (value.len == 0 || value.ptr[0] != '"')
            return first_word(value);
        value = span_from((struct span){value.ptr, (size_t)(field.ptr + field.len - value.ptr)}, 1);
        return span_to(value, span_chr(value, '"'));
    }
    return (struct span){NULL, 0};
}

struct parts {
    struct span rest; /* after the last delimiter line */
    struct span boundary;
    bool over; /* the closing delimiter has been met */
};

/* Finds the next line "--boundary" in p->rest; *before is what stands before it, without its line
 * end. */
static bool next_delimiter(struct parts *p, struct span *before)
{
    for (size_t at = 0; at < p->rest.len;) {
        struct span line = span_from(p->rest, at);
        size_t lf = span_chr(line, '\n');
        size_t after = lf == SIZE_MAX ? p->rest.len : at + lf + 1;
        line = span_to(line, after - at);
        if (span_starts(line, SPAN("--")) && span_starts(span_from(line, 2), p->boundary)) {
            struct span tail = trim_all(span_from(line, p->boundary.len + 2));
            if (tail.len == 0 || span_equal(tail, SPAN("--"))) {
                *before = span_to(p->rest, at);
                p->over = tail.len > 0;
                p->rest = span_from(p->rest, after);
                return true;
            }
        }
        at = after;
    }
    return false;
}

/* The part up to the next delimiter, or to the end of a message that was cut off. */
static bool next_part(struct parts *p, struct span *part)
{
    if (p->over)
        return false;
    if (!next_delimiter(p, part)) {
        *part = p->rest;
        p->over = true;
        return part->len > 0;
    }
    if (part->len > 0 && part->ptr[part->len - 1] == '\n')
        part->len--;
    if (part->len > 0 && part->ptr[part->len - 1] == '\r')
        part->len--;
    return true;
}

/* Groups of fields, separated by empty lines: the message's, then one for each recipient (RFC
 * 3464 2.1). */
static void read_status(struct span text, struct dsn_report *out)
{
    struct span message, group, rest, value;
    mail_split(trim_all(text), &message, &rest);
    mail_split(trim_all(rest), &group, &rest);
    if (group.len == 0)
        group = message; /* a server that forgot the empty line */
    out->is_dsn = true;
    out->reporting_mta = typed_field(message, "Reporting-MTA");
    out->final_recipient = typed_field(group, "Final-Recipient");
    if (out->final_recipient.len == 0)
        out->final_recipient = typed_field(group, "Original-Recipient");
    out->remote_mta = typed_field(group, "Remote-MTA");
    out->diagnostic = typed_field(group, "Diagnostic-Code");
    if (mail_header(group, SPAN("Status"), 0, &value, NULL))
        out->status = first_word(value);
    if (mail_header(group, SPAN("Action"), 0, &value, NULL))
        out->action = action_of(first_word(value));
}

static void read_part(struct span part, struct dsn_report *out)
{
    struct span headers, body, type;
    mail_split(part, &headers, &body);
    if (!mail_header(headers, SPAN("Content-Type"), 0, &type, NULL))
        return;
    type = first_word(type);
    if (span_iequal(type, SPAN("message/delivery-status")) ||
        span_iequal(type, SPAN("message/global-delivery-status"))) {
        if (!out->is_dsn)
            read_status(body, out);
    } else if (span_iequal(type, SPAN("message/rfc822")) ||
               span_iequal(type, SPAN("text/rfc822-headers")) ||
               span_iequal(type, SPAN("message/global")) ||
               span_iequal(type, SPAN("message/global-headers"))) {
        if (out->returned.len == 0)
            out->returned = body;
    }
}

static void read_multipart(struct span type, struct span body, struct dsn_report *out)
{
    struct parts parts = {.rest = body, .boundary = parameter(type, SPAN("boundary"))};
    struct span part;
    if (parts.boundary.len == 0 || !next_delimiter(&parts, &part))
        return;
    while (next_part(&parts, &part))
        read_part(part, out);
}

/* The line at the beginning of *rest, without its end; moves *rest past it. */
static bool next_line(struct span *rest, struct span *line)
{
    if (rest->len == 0 || !span_cut(rest, '\n', line))
        return false;
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

/* qmail puts the enhanced code at the end of a paragraph: "(#5.1.1)". */
static struct span qmail_status(struct span paragraph)
{
    size_t at = span_find(paragraph, SPAN("(#"));
    if (at == SIZE_MAX)
        return (struct span){NULL, 0};
    struct span rest = span_from(paragraph, at + 2);
    size_t end = span_chr(rest, ')');
    return end == SIZE_MAX ? (struct span){NULL, 0} : span_to(rest, end);
}

/* "<x@canary.test>:" and the lines below it, up to an empty one. */
static void read_qsbmf_paragraph(struct span line, struct span rest, struct dsn_report *out)
{
    struct span start = rest, next;
    size_t len = 0;
    while (next_line(&rest, &next) && next.len > 0)
        len = (size_t)(next.ptr + next.len - start.ptr);
    out->final_recipient = span_to(span_from(line, 1), line.len - 3);
    out->diagnostic = trim_all(span_to(start, len));
    out->status = qmail_status(out->diagnostic);
    size_t blank = span_ifind(out->diagnostic, SPAN(" does not like recipient"));
    if (blank != SIZE_MAX && span_chr(span_to(out->diagnostic, blank), ' ') == SIZE_MAX)
        out->remote_mta = span_to(out->diagnostic, blank);
}

/* The qmail-send bounce message format: "Hi. This is the", paragraphs, a line that begins with
 * "---", the message. */
static bool read_qsbmf(struct span body, struct dsn_report *out)
{
    struct span rest = trim_all(body), line;
    if (!span_starts(rest, SPAN("Hi. This is the")) || !next_line(&rest, &line))
        return false;
    size_t at = span_find(line, SPAN(" at "));
    if (at != SIZE_MAX) {
        out->reporting_mta = span_from(line, at + 4);
        if (out->reporting_mta.len > 0 && out->reporting_mta.ptr[out->reporting_mta.len - 1] == '.')
            out->reporting_mta.len--;
    }
    while (next_line(&rest, &line) && !span_starts(line, SPAN("---")))
        if (out->final_recipient.len == 0 && line.len > 3 && line.ptr[0] == '<' &&
            span_iends(line, SPAN(">:")))
            read_qsbmf_paragraph(line, rest, out);
    out->returned = trim_all(rest);
    out->is_report = out->is_dsn = true;
    out->action = DSN_FAILED;
    return true;
}

static bool header_has(struct span headers, const char *name, const char *const words[])
{
    struct span value;
    if (!mail_header(headers, span_of(name), 0, &value, NULL))
        return false;
    for (size_t i = 0; words[i] != NULL; i++)
        if (span_ifind(value, span_of(words[i])) != SIZE_MAX)
            return true;
    return false;
}

static bool subject_of_bounce(struct span headers)
{
    static const char *const subject[] = {"undeliver", "delivery status",   "delivery fail",
                                          "returned",  "failure notice",    "delivery notif",
                                          "non remis", "could not be sent", NULL};
    struct span value;
    return header_has(headers, "Subject", subject) ||
           mail_header(headers, SPAN("X-Failed-Recipients"), 0, &value, NULL);
}

static bool from_daemon(struct span headers)
{
    static const char *const from[] = {"mailer-daemon", "mail delivery", "postmaster", NULL};
    return header_has(headers, "From", from);
}

static bool looks_like_bounce(struct span headers, struct span body)
{
    return from_daemon(headers) || subject_of_bounce(headers) ||
           span_ifind(body, SPAN(MAIL_TOKEN_HEADER)) != SIZE_MAX;
}

/* A warning is no failure, and neither is good news. */
static bool says_not_yet(struct span headers, struct span words)
{
    static const char *const subject[] = {"delay", "warning", "success", "relayed", NULL};
    static const char *const text[] = {"is not an error",  "do not need to resend",
                                       "will be retried",  "will continue to",
                                       "will keep trying", NULL};
    bool said = header_has(headers, "Subject", subject);
    for (size_t i = 0; text[i] != NULL; i++)
        said |= span_ifind(words, span_of(text[i])) != SIZE_MAX;
    return said;
}

static size_t digits_at(struct span s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
        n++;
    return n;
}

static bool stands_beside_code(char c)
{
    return is_space(c) || c == '(' || c == ')' || c == '#' || c == ':' || c == ',' || c == ';';
}

/* "5.1.1" in a line (RFC 3463 2), not a piece of an address; empty when there is none. */
static struct span enhanced_in(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        bool begins = i == 0 || stands_beside_code(line.ptr[i - 1]);
        if (!begins || (line.ptr[i] != '4' && line.ptr[i] != '5') || digits_at(line, i) != 1)
            continue;
        size_t subject = digits_at(line, i + 2);
        size_t detail_at = i + 2 + subject + 1;
        size_t detail = digits_at(line, detail_at);
        bool dotted = subject > 0 && detail > 0 && line.ptr[i + 1] == '.' &&
                      line.ptr[detail_at - 1] == '.';
        size_t end = detail_at + detail;
        if (dotted && (end == line.len || stands_beside_code(line.ptr[end])))
            return span_to(span_from(line, i), end - i);
    }
    return (struct span){NULL, 0};
}

/* The line that tells why: the first with an enhanced code, else with a reply code of its own. */
static void read_words(struct dsn_report *out)
{
    struct span rest = out->words, line;
    while (next_line(&rest, &line)) {
        struct span code = enhanced_in(line);
        bool plain = span_glob(line, SPAN("* 5?? *")) || span_glob(line, SPAN("5?? *"));
        if (code.len > 0) {
            out->status = code;
            out->diagnostic = trim_all(line);
            return;
        }
        if (plain && out->diagnostic.len == 0)
            out->diagnostic = trim_all(line);
    }
}

/* The domain of its address: "Mail Delivery System <MAILER-DAEMON@mx.victim.test>". */
static struct span daemon_name(struct span headers)
{
    struct span from;
    if (!from_daemon(headers) || !mail_header(headers, SPAN("From"), 0, &from, NULL))
        return (struct span){NULL, 0};
    size_t at = span_rchr(from, '@');
    struct span name = at == SIZE_MAX ? (struct span){NULL, 0}
                                      : first_word(span_from(from, at + 1));
    return span_to(name, span_chr(name, '>'));
}

static void read_free_text(struct span headers, struct span body, struct dsn_report *out)
{
    size_t len = out->returned.len > 0 ? (size_t)(out->returned.ptr - body.ptr) : body.len;
    out->words = span_to(body, len);
    out->failed_in_words = (from_daemon(headers) || subject_of_bounce(headers)) &&
                           !says_not_yet(headers, out->words);
    if (!out->failed_in_words)
        return;
    out->reporting_mta = daemon_name(headers);
    read_words(out);
}

static bool begins_message(struct span line)
{
    static const char *const names[] = {"Return-Path:", "Received:", "Date:",      "From:",
                                        "Message-ID:",  "Subject:",  "X-Relaylab-"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_istarts(line, span_of(names[i])))
            return true;
    return false;
}

/* In free text the returned message begins where a paragraph looks like a header. */
static struct span returned_in_text(struct span body)
{
    struct span rest = body, line;
    bool paragraph = true;
    while (next_line(&rest, &line)) {
        if (paragraph && begins_message(line))
            return span_from(body, (size_t)(line.ptr - body.ptr));
        paragraph = line.len == 0 || span_starts(line, SPAN("--"));
    }
    return (struct span){NULL, 0};
}

void dsn_read(struct span sender, struct span content, struct dsn_report *out)
{
    struct span headers, body, type = {NULL, 0}, value;
    *out = (struct dsn_report){0};
    mail_split(content, &headers, &body);
    bool ours = mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL);
    bool null_sender = sender.len == 0 || span_equal(sender, SPAN("#@[]")); /* qmail's double bounce
                                                                             */
    (void)mail_header(headers, SPAN("Content-Type"), 0, &type, NULL);
    out->is_report = span_iequal(first_word(type), SPAN("multipart/report"));
    if (out->is_report || (null_sender && !ours && span_istarts(type, SPAN("multipart/"))))
        read_multipart(type, body, out);
    if (mail_header(headers, SPAN("Auto-Submitted"), 0, &value, NULL))
        out->is_report |= !span_iequal(first_word(value), SPAN("no"));
    out->is_report |= out->is_dsn;
    if (out->is_dsn || ours || (null_sender && read_qsbmf(body, out)))
        return;
    bool daemon = null_sender ? looks_like_bounce(headers, body)
                              : from_daemon(headers) && subject_of_bounce(headers);
    out->guessed = daemon && !out->is_report && !from_daemon(headers) &&
                   !subject_of_bounce(headers);
    out->is_report |= daemon;
    if ((null_sender || daemon) && out->is_report && out->returned.len == 0)
        out->returned = returned_in_text(body);
    if (daemon)
        read_free_text(headers, body, out);
}

static void add_field(struct strbuf *out, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    strbuf_adds(out, name);
    for (size_t i = 0; i < value.len; i++)
        strbuf_addc(out, value.ptr[i] >= ' ' && value.ptr[i] < 0x7f ? value.ptr[i] : '?');
    strbuf_adds(out, "\r\n");
}

/* Queue id and second make a boundary that no header of the original has. */
static void add_boundary(struct strbuf *out, const struct dsn_write *d)
{
    strbuf_adds(out, "relaylab.");
    strbuf_add(out, d->queue_id);
    strbuf_addc(out, '.');
    strbuf_addu(out, (uint64_t)d->epoch_s);
}

static void add_delimiter(struct strbuf *out, const struct dsn_write *d, const char *after)
{
    strbuf_adds(out, "\r\n--");
    add_boundary(out, d);
    strbuf_adds(out, after);
}

static void write_headers(struct strbuf *out, const struct dsn_write *d)
{
    strbuf_adds(out, "Date: ");
    clock_print_rfc5322(out, d->epoch_s);
    strbuf_adds(out, "\r\nFrom: Mail Delivery System <MAILER-DAEMON@");
    strbuf_add(out, d->reporting_mta);
    strbuf_adds(out, ">\r\nTo: <");
    strbuf_add(out, d->to);
    strbuf_adds(out, ">\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <");
    add_boundary(out, d);
    strbuf_addc(out, '@');
    strbuf_add(out, d->reporting_mta);
    strbuf_adds(out, ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                     "\tboundary=\"");
    add_boundary(out, d);
    strbuf_adds(out, "\"\r\n\r\nThis is a MIME-encapsulated message.\r\n");
}

static void write_text(struct strbuf *out, const struct dsn_write *d)
{
    add_delimiter(out, d, "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
    add_field(out, "This is the mail system at host ", d->reporting_mta);
    strbuf_adds(out, "\r\nYour message could not be delivered to this recipient:\r\n\r\n");
    add_field(out, "    ", d->failed_recipient);
    add_field(out, "    ", d->diagnostic);
}

static void write_status(struct strbuf *out, const struct dsn_write *d)
{
    add_delimiter(out, d, "\r\nContent-Type: message/delivery-status\r\n\r\n");
    add_field(out, "Reporting-MTA: dns; ", d->reporting_mta);
    add_field(out, "X-Queue-ID: ", d->queue_id);
    strbuf_adds(out, "\r\n");
    add_field(out, "Final-Recipient: rfc822; ", d->failed_recipient);
    strbuf_addf(out, "Action: %s\r\n",
                dsn_action_name(d->action == DSN_NONE ? DSN_FAILED : d->action));
    add_field(out, "Status: ", d->status.len > 0 ? d->status : SPAN("5.0.0"));
    add_field(out, "Remote-MTA: dns; ", d->remote_mta);
    add_field(out, "Diagnostic-Code: smtp; ", d->diagnostic);
}

void dsn_write(struct strbuf *out, const struct dsn_write *d)
{
    struct span headers, body;
    write_headers(out, d);
    write_text(out, d);
    write_status(out, d);
    add_delimiter(out, d, "\r\nContent-Type: text/rfc822-headers\r\n\r\n");
    mail_split(d->original, &headers, &body);
    strbuf_add(out, headers);
    add_delimiter(out, d, "--\r\n");
}
