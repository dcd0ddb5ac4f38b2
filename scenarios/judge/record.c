/*
 * record.c - two growing arrays and one growing text
 *
 * Events name their text by offset, since the text moves when it grows. Memory is kept from case to
 * case: a run of hundreds of cases allocates a handful of times.
 */
#include "scenarios/judge/record.h"

#include "lib/smtp/dsn.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void record_init(struct record *r)
{
    *r = (struct record){.events = NULL};
}

void record_reset(struct record *r)
{
    r->event_count = 0;
    r->mail_count = 0;
    r->text_len = 0;
    r->dropped = 0;
}

void record_clear(struct record *r)
{
    free(r->events);
    free(r->mails);
    free(r->text);
    record_init(r);
}

/* Doubles until `need` items fit. False: no memory, or past max. */
static bool grow(void **list, size_t *cap, size_t item, size_t need, size_t max)
{
    size_t larger = *cap == 0 ? 1024 : *cap;

    if (need <= *cap)
        return true;
    if (need > max)
        return false;
    while (larger < need)
        larger *= 2;
    void *moved = realloc(*list, larger * item);
    if (moved == NULL)
        return false;
    *list = moved;
    *cap = larger;
    return true;
}

static bool keep_text(struct record *r, struct span s, uint32_t *start, uint32_t *len)
{
    void *text = r->text;

    if (!grow(&text, &r->text_cap, 1, r->text_len + s.len, RECORD_TEXT_MAX))
        return false;
    r->text = text;
    *start = (uint32_t)r->text_len;
    *len = (uint32_t)s.len;
    if (s.len > 0)
        memcpy(r->text + r->text_len, s.ptr, s.len);
    r->text_len += s.len;
    return true;
}

/* Log lines name who it was about: "connect 127.0.0.1 ". Commands and replies are kept as they are.
 */
static bool keep_event_text(struct record *r, const struct mock_event *e, struct record_event *out)
{
    char memory[ENDPOINT_TEXT_MAX + 1];
    struct strbuf peer;
    uint32_t ignored, rest;

    if (e->kind == MOCK_COMMAND || e->kind == MOCK_REPLY)
        return keep_text(r, span_to(e->text, RECORD_EVENT_TEXT_MAX), &out->text, &out->text_len);
    strbuf_init(&peer, memory, sizeof memory);
    if (e->peer != NULL) {
        endpoint_print_address(&peer, e->peer);
        strbuf_addc(&peer, ' ');
    }
    if (!keep_text(r, strbuf_span(&peer), &out->text, &out->text_len) ||
        !keep_text(r, span_to(e->text, RECORD_EVENT_TEXT_MAX), &ignored, &rest))
        return false;
    out->text_len += rest;
    return true;
}

void record_event(struct record *r, unsigned server, const struct mock_event *e)
{
    struct record_event event = {.at_ns = e->at_ns,
                                 .connection = e->connection,
                                 .code = e->code,
                                 .bare_lfs = e->bare_lfs,
                                 .after_quit = e->after_quit,
                                 .server = (uint8_t)server,
                                 .kind = (uint8_t)e->kind};
    void *list = r->events;

    if (!grow(&list, &r->event_cap, sizeof event, r->event_count + 1, RECORD_EVENTS_MAX)) {
        r->dropped++;
        return;
    }
    r->events = list;
    if (!keep_event_text(r, e, &event) ||
        !keep_text(r, span_of(e->queue_id), &event.queue_id, &event.queue_id_len)) {
        r->dropped++;
        return;
    }
    r->events[r->event_count++] = event;
}

void record_heard(struct record *r, unsigned server, unsigned session, int64_t at_ns,
                  char direction, struct span text)
{
    struct mock_event e = {.at_ns = at_ns, .connection = session, .text = text};

    e.kind = direction == 'C' ? MOCK_COMMAND : direction == 'S' ? MOCK_REPLY : MOCK_RULE;
    record_event(r, server, &e);
}

static bool keep_recipients(struct record *r, const struct mail_view *mail, struct record_mail *m)
{
    m->recipients = (uint32_t)r->text_len;
    for (size_t i = 0; i < mail->recipient_count; i++) {
        uint32_t start, len;

        if (!keep_text(r, mail->recipients[i], &start, &len) ||
            !keep_text(r, SPAN("\n"), &start, &len))
            return false;
    }
    m->recipients_len = (uint32_t)r->text_len - m->recipients;
    return true;
}

void record_mail(struct record *r, unsigned mailbox, int64_t at_ns, const struct mail_view *mail,
                 bool truncated)
{
    struct record_mail m = {.at_ns = at_ns, .mailbox = mailbox, .truncated = truncated, .form = -1};
    struct dsn_report report;
    void *list = r->mails;

    if (!grow(&list, &r->mail_cap, sizeof m, r->mail_count + 1, RECORD_EVENTS_MAX)) {
        r->dropped++;
        return;
    }
    r->mails = list;
    dsn_read(mail->sender, mail->content, &report);
    m.report = report.is_report;
    if (!keep_text(r, mail->sender, &m.sender, &m.sender_len) || !keep_recipients(r, mail, &m) ||
        !keep_text(r, mail->content, &m.content, &m.content_len)) {
        r->dropped++;
        return;
    }
    r->mails[r->mail_count++] = m;
}

struct span record_text(const struct record *r, uint32_t start, uint32_t len)
{
    return len == 0 ? (struct span){"", 0} : (struct span){r->text + start, len};
}

static bool holds_token(struct span text, const struct token *t)
{
    return t->text[0] != '\0' && span_ifind(text, span_of(t->text)) != SIZE_MAX;
}

static int match_one(const struct record *r, const struct record_mail *m,
                     const struct form_result *forms, size_t count)
{
    struct span headers, body;
    struct span to = record_text(r, m->recipients, m->recipients_len);

    mail_split(record_text(r, m->content, m->content_len), &headers, &body);
    for (size_t i = 0; i < count; i++) {
        struct token_pair tokens = form_tokens(&forms[i].form);

        if (holds_token(to, &tokens.recipient) || holds_token(headers, &tokens.recipient))
            return (int)i;
    }
    return -1;
}

void record_match(struct record *r, const struct form_result *forms, size_t count)
{
    for (size_t i = 0; i < r->mail_count; i++)
        r->mails[i].form = match_one(r, &r->mails[i], forms, count);
}

unsigned record_deliveries(const struct record *r, unsigned mailbox)
{
    unsigned count = 0;

    for (size_t i = 0; i < r->mail_count; i++)
        count += (mailbox == UINT_MAX || r->mails[i].mailbox == mailbox) && !r->mails[i].report &&
                 r->mails[i].form >= 0;
    return count;
}

bool record_form_delivered(const struct record *r, int form)
{
    for (size_t i = 0; i < r->mail_count; i++)
        if (r->mails[i].form == form && !r->mails[i].report)
            return true;
    return false;
}

static bool has_verb(struct span line, struct span verb)
{
    if (!span_istarts(line, verb))
        return false;
    return line.len == verb.len || line.ptr[verb.len] == ' ' || line.ptr[verb.len] == ':';
}

uint64_t record_commands(const struct record *r, unsigned server, const char *verb)
{
    uint64_t count = 0;

    for (size_t i = 0; i < r->event_count; i++) {
        const struct record_event *e = &r->events[i];

        count += e->server == server && e->kind == MOCK_COMMAND &&
                 has_verb(record_text(r, e->text, e->text_len), span_of(verb));
    }
    return count;
}

uint64_t record_connections(const struct record *r, unsigned server)
{
    uint64_t highest = 0;

    for (size_t i = 0; i < r->event_count; i++)
        if (r->events[i].server == server && r->events[i].connection > highest)
            highest = r->events[i].connection;
    return highest;
}

uint64_t record_open_sessions(const struct record *r, unsigned server)
{
    uint64_t begun = 0, ended = 0;

    for (size_t i = 0; i < r->event_count; i++) {
        const struct record_event *e = &r->events[i];

        begun += e->server == server && e->kind == MOCK_CONNECT;
        ended += e->server == server && e->kind == MOCK_CLOSED;
    }
    return begun - ended;
}

uint64_t record_log_lines(const struct record *r, unsigned server, const char *fragment)
{
    char memory[RECORD_LINE_MAX];
    struct strbuf line;
    uint64_t count = 0;

    strbuf_init(&line, memory, sizeof memory);
    for (size_t i = 0; i < r->event_count; i++) {
        const struct record_event *e = &r->events[i];

        if (e->server != server)
            continue;
        strbuf_reset(&line);
        strbuf_adds(&line, mock_event_name((enum mock_event_kind)e->kind));
        strbuf_addc(&line, ' ');
        strbuf_add_visible(&line, record_text(r, e->text, e->text_len));
        count += span_ifind(strbuf_span(&line), span_of(fragment)) != SIZE_MAX;
    }
    return count;
}

/* The next line of a reply from cursor->offset on; the event is used up with its last byte. */
static void take_line(struct span text, struct record_cursor *cursor, struct strbuf *line)
{
    struct span rest = span_from(text, cursor->offset);
    size_t end = span_chr(rest, '\n');
    struct span one = end == SIZE_MAX ? rest : span_to(rest, end);

    cursor->offset += end == SIZE_MAX ? rest.len : end + 1;
    if (one.len > 0 && one.ptr[one.len - 1] == '\r')
        one.len--;
    strbuf_add_visible(line, one);
    if (cursor->offset >= text.len) {
        cursor->offset = 0;
        cursor->event++;
    }
}

bool record_line(const struct record *r, unsigned server, uint64_t connection,
                 struct record_cursor *cursor, struct strbuf *line)
{
    strbuf_reset(line);
    for (; cursor->event < r->event_count; cursor->event++) {
        const struct record_event *e = &r->events[cursor->event];

        if (e->server != server || e->connection != connection)
            continue;
        if (e->kind != MOCK_COMMAND && e->kind != MOCK_REPLY && e->kind != MOCK_CLOSED)
            continue;
        cursor->at_ns = e->at_ns;
        if (e->kind == MOCK_CLOSED) {
            strbuf_adds(line, "*: ");
            strbuf_add_visible(line, record_text(r, e->text, e->text_len));
            cursor->event++;
            return true;
        }
        strbuf_adds(line, e->kind == MOCK_COMMAND ? "C: " : "S: ");
        take_line(record_text(r, e->text, e->text_len), cursor, line);
        return true;
    }
    return false;
}
