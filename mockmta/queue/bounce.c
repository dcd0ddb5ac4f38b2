/*
 * Messages of the server's own, with the null reverse-path, so that nothing ever answers them (RFC
 * 5321 6.1, RFC 3834 3.3). A bounce is a DSN, or, like those of older servers, free text that
 * quotes the whole message.
 */
#include "lib/smtp/dsn.h"
#include "mockmta/parts.h"

enum { OWN_TEXT_MAX = 4096, QUOTED_MAX = 65536 };

static struct message *own_message(const struct message *about)
{
    struct mock *m = about->mock;
    struct message *own = message_take(m);
    if (own == NULL) {
        return NULL;
    }
    if (!message_sender_set(own, SPAN("")) ||
        message_recipient_add(own, message_sender(about)) == NULL ||
        !grow_room(&own->content, OWN_TEXT_MAX + 2 * about->content.len)) {
        message_give(own);
        return NULL;
    }
    own->transaction = ++m->transactions;
    mock_queue_id(m, own);
    return own;
}

static void add_header(struct strbuf *out, const struct message *own, const char *from,
                       struct span to, const char *subject, const char *auto_submitted)
{
    const struct mock *m = own->mock;
    strbuf_adds(out, "From: ");
    strbuf_adds(out, from);
    strbuf_adds(out, "\r\nTo: ");
    strbuf_add_visible(out, to);
    strbuf_adds(out, "\r\nSubject: ");
    strbuf_adds(out, subject);
    strbuf_adds(out, "\r\nDate: ");
    clock_print_rfc5322(out, world_epoch(m->world));
    strbuf_adds(out, "\r\nMessage-ID: <");
    strbuf_adds(out, own->queue_id);
    strbuf_addc(out, '@');
    strbuf_adds(out, m->config->hostname);
    strbuf_adds(out, ">\r\n");
    if (auto_submitted != NULL) {
        strbuf_adds(out, "Auto-Submitted: ");
        strbuf_adds(out, auto_submitted);
        strbuf_adds(out, "\r\n");
    }
    strbuf_adds(out, "\r\n");
}

static void add_free_bounce(struct strbuf *out, const struct message *own,
                            const struct message *failed, const struct recipient *r,
                            const struct delivery_result *result)
{
    char from[SMTP_HELO_MAX + 32];
    struct strbuf from_text;
    strbuf_init(&from_text, from, sizeof from);
    strbuf_adds(&from_text, "MAILER-DAEMON@");
    strbuf_adds(&from_text, own->mock->config->hostname);
    add_header(out, own, from, message_sender(failed), "failure notice", NULL);
    strbuf_adds(out, "I was not able to deliver your message to the following address.\r\n\r\n<");
    strbuf_add_visible(out, message_recipient(failed, r));
    strbuf_adds(out, ">:\r\n");
    strbuf_add_visible(out, result->why);
    strbuf_adds(out, "\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n");
    strbuf_add(out, span_to(grow_span(&failed->content), QUOTED_MAX));
}

static struct strbuf content_writer(struct message *own)
{
    struct strbuf out;
    strbuf_init(&out, own->content.ptr, own->content.cap);
    return out;
}

struct message *bounce_make(const struct message *failed, const struct recipient *r,
                            const struct delivery_result *result)
{
    struct message *own = own_message(failed);
    if (own == NULL) {
        return NULL;
    }
    struct strbuf out = content_writer(own);
    if (r->fate != NULL && r->fate->quote_token) {
        add_free_bounce(&out, own, failed, r, result);
    } else {
        dsn_write(&out,
                  &(struct dsn_write){
                      .reporting_mta = span_of(own->mock->config->hostname),
                      .to = message_sender(failed),
                      .failed_recipient = message_recipient(failed, r),
                      .action = r->fate != NULL && r->fate->delayed ? DSN_DELAYED : DSN_FAILED,
                      .status = span_of(result->status),
                      .diagnostic = result->why,
                      .remote_mta = result->remote,
                      .original = grow_span(&failed->content),
                      .queue_id = span_of(failed->queue_id),
                      .epoch_s = world_epoch(own->mock->world)});
    }
    own->content.len = out.len;
    return own;
}

static void add_quoted(struct strbuf *out, struct span content)
{
    struct span line;
    while (content.len > 0 && span_cut(&content, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        strbuf_adds(out, "> ");
        strbuf_add(out, line);
        strbuf_adds(out, "\r\n");
    }
}

struct message *autoreply_make(const struct message *message, const struct recipient *r)
{
    char from[MAIL_PATH_MAX];
    struct strbuf from_text;
    struct message *own = own_message(message);
    if (own == NULL) {
        return NULL;
    }
    struct strbuf out = content_writer(own);
    strbuf_init(&from_text, from, sizeof from);
    strbuf_add_visible(&from_text, span_to(message_recipient(message, r), MAIL_PATH_MAX / 4));
    add_header(&out, own, from, message_sender(message), "Out of office", "auto-replied");
    strbuf_adds(&out, "I am away. You wrote:\r\n\r\n");
    add_quoted(&out, span_to(grow_span(&message->content), QUOTED_MAX));
    own->content.len = out.len;
    return own;
}
