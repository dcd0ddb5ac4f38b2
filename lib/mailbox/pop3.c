/*
 * pop3.c - UIDL, TOP or RETR, DELE (RFC 1939)
 *
 * A message has a number in a session and a uid for ever. What a list said about numbers is kept as
 * a hint: a hash of the uid for each number. A hint is asked back (UIDL n) before it is used; where
 * there is none, or it was wrong, all uids are looked through.
 *
 * A removal takes effect at QUIT only, so it ends the session: the task is over when the server has
 * taken the QUIT.
 */
#include <string.h>

#include "lib/mailbox/talk_private.h"

enum pop3_phase {
    PHASE_IDLE,
    PHASE_UIDL,       /* the status line of a list */
    PHASE_UIDL_LINES, /* its lines */
    PHASE_CHECK,      /* is the number still the uid's? */
    PHASE_TOP,
    PHASE_RETR,
    PHASE_BODY,
    PHASE_DELE,
    PHASE_QUIT
};

enum { TOP_LINES = 20000 };

static const struct span nothing = {"", 0};

static void say(struct talk *t, enum pop3_phase next, const char *verb, uint32_t number)
{
    strbuf_adds(&t->out, verb);
    if (number > 0) {
        strbuf_addc(&t->out, ' ');
        strbuf_addu(&t->out, number);
    }
    if (next == PHASE_TOP) {
        strbuf_addc(&t->out, ' ');
        strbuf_addu(&t->out, TOP_LINES);
    }
    strbuf_adds(&t->out, "\r\n");
    t->phase = next;
}

/* FNV-1a, never 0: that means "no hint". */
static uint32_t hash(struct span uid)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < uid.len; i++)
        h = (h ^ (unsigned char)uid.ptr[i]) * 16777619u;
    return h == 0 ? 1 : h;
}

/* New messages have the highest numbers. */
static uint32_t hinted(const struct talk *t)
{
    uint32_t wanted = hash(talk_uid(t));
    for (size_t i = t->config.hints == NULL ? 0 : t->config.hint_cap; i > 0; i--)
        if (t->config.hints[i - 1] == wanted)
            return (uint32_t)i;
    return 0;
}

void pop3_begin(struct talk *t)
{
    t->mid_line = false;
    if (t->task != TALK_LIST)
        t->number = hinted(t);
    if (t->number > 0)
        say(t, PHASE_CHECK, "UIDL", t->number);
    else
        say(t, PHASE_UIDL, "UIDL", 0);
}

/* "NUMBER UID" of RFC 1939 section 7; false: something else. */
static bool read_uid(struct span line, uint32_t *number, struct span *uid)
{
    uint64_t value;
    size_t space = span_chr(line, ' ');
    if (space == SIZE_MAX || !span_uint(span_to(line, space), UINT32_MAX, &value) || value == 0)
        return false;
    *number = (uint32_t)value;
    *uid = span_trim(span_from(line, space));
    for (size_t i = 0; i < uid->len; i++)
        if (uid->ptr[i] <= 0x20 || uid->ptr[i] > 0x7e)
            return false;
    return uid->len > 0 && uid->len <= MAILBOX_UID_MAX;
}

static void number_known(struct talk *t)
{
    if (t->task == TALK_FETCH)
        say(t, PHASE_TOP, "TOP", t->number);
    else
        say(t, PHASE_DELE, "DELE", t->number);
}

static void list_line(struct talk *t, struct span line)
{
    uint32_t number;
    struct span uid;
    if (span_equal(line, SPAN("."))) {
        t->scanned = true;
        if (t->task == TALK_LIST)
            talk_finish(t, MAILBOX_OK, "", nothing);
        else if (t->number > 0)
            number_known(t);
        else
            talk_finish(t, MAILBOX_GONE, "the message is not in the mailbox any more", nothing);
        return;
    }
    if (!read_uid(line, &number, &uid))
        return;
    if (number <= t->config.hint_cap && t->config.hints != NULL)
        t->config.hints[number - 1] = hash(uid);
    if (t->task == TALK_LIST)
        t->config.entry(t->config.self, uid, 0);
    else if (span_equal(uid, talk_uid(t)))
        t->number = number;
}

static void checked(struct talk *t, bool good, struct span line)
{
    uint32_t number = 0;
    struct span uid;
    size_t space = span_chr(line, ' ');
    if (good && space != SIZE_MAX && read_uid(span_from(line, space + 1), &number, &uid) &&
        number == t->number && span_equal(uid, talk_uid(t))) {
        number_known(t);
        return;
    }
    t->number = 0;
    say(t, PHASE_UIDL, "UIDL", 0);
}

static void refused(struct talk *t, const char *what, struct span line)
{
    bool heals = t->phase != PHASE_UIDL || talk_may_heal(line);
    talk_finish(t, heals ? MAILBOX_TROUBLE : MAILBOX_REFUSED, what, line);
}

static void status_line(struct talk *t, struct span line)
{
    bool good = span_istarts(line, SPAN("+OK"));
    switch ((enum pop3_phase)t->phase) {
    case PHASE_UIDL:
        t->phase = good ? PHASE_UIDL_LINES : t->phase;
        if (!good)
            refused(t, "the server does not list unique ids (UIDL)", line);
        break;
    case PHASE_CHECK:
        checked(t, good, line);
        break;
    case PHASE_TOP:
        t->phase = PHASE_BODY;
        if (!good)
            say(t, PHASE_RETR, "RETR", t->number);
        break;
    case PHASE_RETR:
        t->phase = good ? PHASE_BODY : t->phase;
        if (!good)
            refused(t, "the server does not give the message", line);
        break;
    case PHASE_DELE:
        if (good)
            say(t, PHASE_QUIT, "QUIT", 0);
        else
            refused(t, "the server does not remove the message", line);
        break;
    case PHASE_QUIT:
        t->broken = true;
        if (good)
            talk_finish(t, MAILBOX_OK, "", nothing);
        else
            refused(t, "the server did not remove the message", line);
        break;
    case PHASE_IDLE: /* a server that talks unasked */
    case PHASE_UIDL_LINES:
    case PHASE_BODY:
        break;
    }
}

/* A line of a message, or the part of a long one that fits; `whole` when its end came. */
static void body_part(struct talk *t, struct span part, bool whole)
{
    bool head = !t->mid_line;
    t->mid_line = !whole;
    if (head && whole && span_equal(part, SPAN("."))) {
        talk_finish(t, MAILBOX_OK, "", nothing);
        return;
    }
    if (head && part.len > 0 && part.ptr[0] == '.')
        part = span_from(part, 1);
    talk_keep(t, part);
    if (whole)
        talk_keep(t, SPAN("\r\n"));
    if (t->body_len <= TALK_BODY_MAX)
        return;
    t->truncated = true;
    t->broken = true; /* rather than reading on for nothing */
    talk_finish(t, MAILBOX_OK, "", nothing);
}

static void line_came(struct talk *t)
{
    struct span line = {t->line, t->line_len};
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    t->line_len = 0;
    if (t->phase == PHASE_BODY)
        body_part(t, line, true);
    else if (t->phase == PHASE_UIDL_LINES)
        list_line(t, line);
    else
        status_line(t, line);
}

void pop3_feed(struct talk *t, struct span bytes)
{
    for (size_t i = 0; i < bytes.len && !t->broken; i++) {
        char c = bytes.ptr[i];
        if (c == '\n') {
            line_came(t);
            continue;
        }
        if (t->line_len == sizeof(t->line) && t->phase == PHASE_BODY) {
            body_part(t, (struct span){t->line, t->line_len - 1}, false);
            t->line[0] = t->line[t->line_len - 1]; /* it may be the CR of the line's end */
            t->line_len = 1;
        }
        if (t->line_len < sizeof(t->line))
            t->line[t->line_len++] = c;
    }
}
