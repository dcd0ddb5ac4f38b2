/*
 * Stuffing happens on the way into the output, so that a message is lent as it is, however long,
 * and no copy is kept. A chunk (RFC 3030) goes as it stands, behind its command, and so does a raw
 * body, before its end mark.
 */
#include "lib/smtp/client_body.h"

#include <assert.h>
#include <string.h>

static void put(struct machine_io *io, const char *bytes, size_t len)
{
    memcpy(io->out + io->out_len, bytes, len);
    io->out_len += len;
}

bool smtp_client_put_line(struct smtp_client *c, struct machine_io *io)
{
    if (io->out_cap - io->out_len < c->line_len) {
        return false;
    }
    put(io, c->line, c->line_len);
    c->line_len = 0;
    return true;
}

enum body_kind { BODY_STUFFED, BODY_RAW, BODY_CHUNK };

static void begin_body(struct smtp_client *c, struct span message, enum body_kind kind)
{
    assert(c->state == CLIENT_IDLE);
    c->body = message;
    c->chunk = kind == BODY_CHUNK;
    c->raw = kind == BODY_RAW;
    c->at_line_start = true;
    c->eom_sent = false;
    c->unsent = 0;
    c->state = CLIENT_SENDING_BODY;
    smtp_client_await(c, STEP_BLOCK);
    if (c->script->said) {
        c->script->said(c->script_self, c, STEP_END_OF_DATA, message);
    }
}

void smtp_client_body(struct smtp_client *c, struct span message)
{
    begin_body(c, message, BODY_STUFFED);
}

void smtp_client_raw(struct smtp_client *c, struct span message)
{
    begin_body(c, message, BODY_RAW);
    c->leaving = true;
}

void smtp_client_chunk(struct smtp_client *c, struct span message)
{
    struct strbuf line;
    strbuf_init(&line, c->line, sizeof c->line);
    strbuf_addf(&line, "BDAT %zu LAST", message.len);
    if (c->script->said) {
        c->script->said(c->script_self, c, STEP_DATA, strbuf_span(&line));
    }
    strbuf_adds(&line, "\r\n");
    c->line_len = (uint16_t)line.len;
    begin_body(c, message, BODY_CHUNK);
}

/* RFC 5321 4.5.2: a dot at the start of a line is doubled. Needs room for a dot and a byte, and for
   the end mark. A chunk has neither, and its command before it. */
void smtp_client_put_body(struct smtp_client *c, struct machine_io *io)
{
    enum { END_ROOM = 8 };
    if (io->out_len < c->unsent) { /* some of it went: RFC 5321 4.5.3.2.5 times each block */
        smtp_client_await(c, STEP_BLOCK);
    }
    if (!smtp_client_put_line(c, io)) {
        return;
    }
    while (c->body.len > 0 && io->out_cap - io->out_len > END_ROOM) {
        if (!c->chunk && !c->raw && c->at_line_start && c->body.ptr[0] == '.') {
            put(io, ".", 1);
        }
        size_t room = io->out_cap - io->out_len;
        size_t len = c->body.len < room ? c->body.len : room;
        const char *lf = memchr(c->body.ptr, '\n', len);
        if (lf) {
            len = (size_t)(lf - c->body.ptr) + 1;
        }
        put(io, c->body.ptr, len);
        c->at_line_start = lf != NULL;
        c->body = span_from(c->body, len);
    }
    if (c->body.len == 0 && !c->eom_sent && io->out_cap - io->out_len >= END_ROOM) {
        struct span whole = c->chunk ? SPAN("") : SPAN("\r\n.\r\n");
        struct span mark = span_from(whole, c->at_line_start && !c->chunk ? 2 : 0);
        put(io, mark.ptr, mark.len);
        c->eom_sent = true;
    }
    io->out_ready = io->out_len;
    c->data_byte_sent = true;
    c->unsent = (uint32_t)io->out_len;
}
