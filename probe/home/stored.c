/*
 * stored.c - field by field down to the first Received
 *
 * Return-Path alone is looked for further down, and its first instance counts: some mailboxes put
 * fields of their own, Received among them, above it. Who forges one below the server's own gains
 * nothing; where the server writes none, a forged one that names somebody makes a report weaker,
 * never stronger.
 */
#include "probe/home/stored.h"

/* The path in a field's value: with or without angle brackets and a comment. */
static struct span path_of(struct span value)
{
    size_t open = span_chr(value, '<');

    if (open != SIZE_MAX) {
        struct span inner = span_from(value, open + 1);
        return span_to(inner, span_chr(inner, '>'));
    }
    struct span s = span_trim(value);
    size_t end = 0;
    while (end < s.len && s.ptr[end] != ' ' && s.ptr[end] != '\t' && s.ptr[end] != '\r' &&
           s.ptr[end] != '\n')
        end++;
    return span_to(s, end);
}

static void add_recipient(struct stored_mail *m, struct span path)
{
    for (size_t i = 0; i < m->view.recipient_count; i++)
        if (span_equal(m->recipients[i], path))
            return;
    if (path.len > 0 && path.len < MAIL_PATH_MAX && m->view.recipient_count < STORED_RCPT_MAX)
        m->recipients[m->view.recipient_count++] = path;
}

/* "... for <x@canary.test>; date" */
static void read_received(struct stored_mail *m, struct span value)
{
    struct span clauses = span_to(value, span_rchr(value, ';'));
    size_t at = span_ifind(clauses, SPAN("for <"));

    if (at != SIZE_MAX && (at == 0 || clauses.ptr[at - 1] <= ' '))
        add_recipient(m, path_of(span_from(clauses, at)));
}

static void read_recipients(struct stored_mail *m, struct span top)
{
    static const char *const names[] = {"Delivered-To", "X-Original-To", "Envelope-To"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct span value;
        size_t at = 0;

        while (mail_header(top, span_of(names[i]), at, &value, &at))
            add_recipient(m, path_of(value));
    }
}

static void read_sender(struct stored_mail *m, struct span headers)
{
    struct span value, line = headers;

    if (mail_header(headers, SPAN("Return-Path"), 0, &value, NULL)) {
        m->sender_known = true;
        m->view.sender = path_of(value);
    } else if (span_starts(line, SPAN("From "))) {
        m->sender_known = true;
        m->view.sender = path_of(span_from(span_to(line, span_chr(line, '\n')), 5));
        if (span_iequal(m->view.sender, SPAN("MAILER-DAEMON")))
            m->view.sender = SPAN("");
    }
    if (m->view.sender.len >= MAIL_PATH_MAX)
        m->view.sender = SPAN("");
}

/* What stands above the first Received field; that field's value too. */
static struct span cut_top(struct span headers, struct span *received)
{
    *received = (struct span){NULL, 0};
    if (!mail_header(headers, SPAN("Received"), 0, received, NULL))
        return headers;
    return span_to(headers, (size_t)(received->ptr - headers.ptr));
}

void stored_read(struct stored_mail *out, struct span content)
{
    struct span headers, body, received;

    *out = (struct stored_mail){.view = {.sender = SPAN(""), .content = content}};
    mail_split(content, &headers, &body);
    struct span top = cut_top(headers, &received);
    read_sender(out, headers);
    read_recipients(out, top);
    read_received(out, received);
    out->view.recipients = out->recipients;
}
