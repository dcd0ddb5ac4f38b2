/*
 * mail.c - header sections line by line, and the one message that relaylab writes
 *
 * Reading copies nothing: a field's value is the stretch from its colon to the end of its last
 * folded line. What is no field (an mbox "From " line, rubbish) is passed over.
 *
 * The message says in its header and its text what it is, who sent it and how to object, since a
 * relayed one may reach people who know nothing of it. It carries no Auto-Submitted: servers and
 * our own sink would take it for a report.
 */
#include "lib/smtp/mail.h"

#include "lib/base/clock.h"

/* Offset after the line that begins at `at`. */
static size_t line_end(struct span text, size_t at)
{
    size_t lf = span_chr(span_from(text, at), '\n');
    return lf == SIZE_MAX ? text.len : at + lf + 1;
}

static bool empty_line(struct span text, size_t at, size_t end)
{
    size_t len = end - at;
    return (len == 1 && text.ptr[at] == '\n') ||
           (len == 2 && text.ptr[at] == '\r' && text.ptr[at + 1] == '\n');
}

void mail_split(struct span content, struct span *headers, struct span *body)
{
    size_t at = 0;
    while (at < content.len) {
        size_t end = line_end(content, at);
        if (empty_line(content, at, end)) {
            *headers = span_to(content, at);
            *body = span_from(content, end);
            return;
        }
        at = end;
    }
    *headers = content;
    *body = span_from(content, content.len);
}

/* The offset after the field that begins at `at`, folded lines included. */
static size_t field_end(struct span headers, size_t at)
{
    size_t end = line_end(headers, at);
    while (end < headers.len && (headers.ptr[end] == ' ' || headers.ptr[end] == '\t'))
        end = line_end(headers, end);
    return end;
}

static struct span trim_lines(struct span s)
{
    while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r' ||
                         s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return span_trim(s);
}

/* True when the field is called `name`; white space before the colon is old but known (RFC
 * 5322 4.5). */
static bool field_named(struct span field, struct span name, struct span *value)
{
    if (!span_istarts(field, name))
        return false;
    struct span rest = span_trim(span_from(field, name.len));
    if (rest.len == 0 || rest.ptr[0] != ':')
        return false;
    *value = trim_lines(span_from(rest, 1));
    return true;
}

bool mail_header(struct span headers, struct span name, size_t start, struct span *value,
                 size_t *next)
{
    size_t at = start;
    while (at < headers.len) {
        size_t end = field_end(headers, at);
        struct span field = span_to(span_from(headers, at), end - at);
        at = end;
        if (!field_named(field, name, value))
            continue;
        if (next != NULL)
            *next = end;
        return true;
    }
    return false;
}

unsigned mail_header_count(struct span headers, struct span name)
{
    struct span value;
    size_t at = 0;
    unsigned count = 0;
    while (mail_header(headers, name, at, &value, &at))
        count++;
    return count;
}

/* Whatever a user or a case file put into a field stays one line of ASCII. */
static void add_clean(struct strbuf *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        strbuf_addc(out, s.ptr[i] >= ' ' && s.ptr[i] < 0x7f ? s.ptr[i] : '?');
}

static void add_field(struct strbuf *out, const char *name, struct span value)
{
    strbuf_adds(out, name);
    strbuf_adds(out, ": ");
    add_clean(out, value);
    strbuf_adds(out, "\r\n");
}

static void add_mailbox(struct strbuf *out, const char *before, struct span mailbox)
{
    strbuf_adds(out, before);
    strbuf_addc(out, '<');
    add_clean(out, mailbox);
    strbuf_adds(out, ">\r\n");
}

/* The left side of a Message-ID is a dot-atom: what else a form's name holds becomes a hyphen. */
static void add_atom(struct strbuf *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        strbuf_addc(out, plain ? c : '-');
    }
}

/* Behind what makes the Message-ID one of its kind. */
static void add_id_end(struct strbuf *out, const struct mail_probe *p)
{
    strbuf_addc(out, '.');
    strbuf_addu(out, p->attempt);
    strbuf_addc(out, '.');
    add_atom(out, p->form_id);
    strbuf_addc(out, '@');
    add_clean(out, p->helo);
    strbuf_addc(out, '>');
}

void mail_write_id(struct strbuf *out, const struct mail_probe *p)
{
    strbuf_addc(out, '<');
    strbuf_adds(out, p->token->text);
    add_id_end(out, p);
}

static void add_date_and_mailboxes(struct strbuf *out, const struct mail_probe *p)
{
    strbuf_adds(out, "Date: ");
    clock_print_rfc5322(out, p->epoch_s);
    strbuf_adds(out, "\r\n");
    add_mailbox(out, "From: relaylab open relay test ", p->from);
    add_mailbox(out, "To: ", p->to);
}

static void add_content_type(struct strbuf *out)
{
    strbuf_adds(out, "MIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=us-ascii\r\n");
}

/* Who is tested, and by whom; the header ends. */
static void add_header_end(struct strbuf *out, const struct mail_probe *p)
{
    add_field(out, "X-Relaylab-Target", p->target);
    if (p->contact.len > 0)
        add_field(out, "X-Relaylab-Contact", p->contact);
    strbuf_adds(out, "\r\n");
}

static void add_headers(struct strbuf *out, const struct mail_probe *p)
{
    add_date_and_mailboxes(out, p);
    strbuf_adds(out, "Subject: Open relay test ");
    add_clean(out, p->form_id);
    strbuf_adds(out, ", token ");
    strbuf_adds(out, p->token->text);
    strbuf_adds(out, "\r\n");
    strbuf_adds(out, "Message-ID: ");
    mail_write_id(out, p);
    strbuf_adds(out, "\r\n");
    add_content_type(out);
    add_field(out, MAIL_TOKEN_HEADER, span_of(p->token->text));
    add_field(out, MAIL_FORM_HEADER, p->form_id);
    strbuf_adds(out, "X-Relaylab-Attempt: ");
    strbuf_addu(out, p->attempt);
    strbuf_adds(out, "\r\n");
    add_header_end(out, p);
}

static void add_text(struct strbuf *out, const struct mail_probe *p)
{
    strbuf_adds(out, "This message is a test of whether a mail server relays for strangers.\r\n"
                     "It was sent by relaylab, which asks a server to pass a message on to an\r\n"
                     "address outside of its own domains, and watches whether it arrives.\r\n"
                     "\r\n");
    add_field(out, "Server asked", p->target);
    add_field(out, "Way of asking", p->form_id);
    add_field(out, "Token", span_of(p->token->text));
    strbuf_adds(out, "\r\n"
                     "Nothing needs to be done and no answer is expected. If you received this\r\n"
                     "and have no part in the test, then the server named above passed on a\r\n"
                     "message that it should have refused; its operator may want to know.\r\n");
    if (p->contact.len == 0)
        return;
    strbuf_adds(out, "\r\n"
                     "Who runs this test, and whom to tell if you object to it:\r\n");
    add_clean(out, p->contact);
    strbuf_adds(out, "\r\n");
}

void mail_write_probe(struct strbuf *out, const struct mail_probe *p)
{
    add_headers(out, p);
    add_text(out, p);
}

void mail_write_carrier(struct strbuf *out, const struct mail_probe *p)
{
    add_date_and_mailboxes(out, p);
    add_field(out, "Subject", SPAN("Open relay test, end of data"));
    strbuf_adds(out, "Message-ID: <");
    strbuf_addu(out, (uint64_t)p->epoch_s);
    add_id_end(out, p);
    strbuf_adds(out, "\r\n");
    add_content_type(out);
    add_field(out, MAIL_FORM_HEADER, p->form_id);
    add_header_end(out, p);
    strbuf_adds(out,
                "This message is a test of a mail server, by relaylab. Below stands what some\r\n"
                "servers take for the end of a message, and behind it a second message to an\r\n"
                "address elsewhere. If you see all of it in one piece, this server did well.\r\n"
                "Nothing needs to be done and no answer is expected.");
}
