/*
 * End of data is CR LF . CR LF and nothing else (RFC 5321 4.1.1.4), unless the policy wants to be
 * one of those servers that take more (lax_ends). Where the recogniser stands is kept in the server
 * between steps, so that a mark may be cut anywhere; a dot, and a CR behind it, are held back until
 * it is known whether they were content.
 */
#include "lib/smtp/server_body.h"

#include <string.h>

enum dot_state { DOT_LINE_START, DOT_SEEN, DOT_CR_SEEN, DOT_IN_LINE, DOT_CR };

void smtp_server_body_begin(struct smtp_server *s)
{
    s->dot_state = DOT_LINE_START;
    s->dot_before = LINE_END_CRLF;
}

static void pass_body(struct smtp_server *s, const char *from, const char *to)
{
    if (to > from) {
        s->body_size += (uint64_t)(to - from);
        s->policy->body(s->policy_self, s, (struct span){from, (size_t)(to - from)});
    }
}

/* A dot, and this behind it, end the body. */
static bool ends(const struct smtp_server *s, enum smtp_line_end after)
{
    enum smtp_line_end before = (enum smtp_line_end)s->dot_before;
    return (before == LINE_END_CRLF && after == LINE_END_CRLF) ||
           (s->lax_ends & SMTP_END_OF_DATA(before, after)) != 0;
}

static void begin_line(struct smtp_server *s, enum smtp_line_end before)
{
    s->dot_before = (uint8_t)before;
    s->dot_state = DOT_LINE_START;
}

/* What was held back was content. A dot behind a CRLF was stuffed (RFC 5321 4.5.2), another was
 * not. */
static void pass_held(struct smtp_server *s, bool cr)
{
    static const char held[] = ".\r";
    bool dot = s->dot_before != LINE_END_CRLF;
    pass_body(s, held + !dot, held + 1 + cr);
    s->dot_state = cr ? DOT_CR : DOT_IN_LINE;
}

/* The end of a line's text: a CR, or with other ends of data a LF alone. NULL: it goes on. */
static const char *line_text_end(const struct smtp_server *s, const char *p, const char *end)
{
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    const char *lf = s->lax_ends != 0 ? memchr(p, '\n', (size_t)((cr ? cr : end) - p)) : NULL;
    return lf ? lf : cr;
}

/* These two give the first octet that they did not use up; what they used up is content. */
static const char *in_line(struct smtp_server *s, const char *p, const char *end)
{
    const char *stop = line_text_end(s, p, end);
    if (stop == NULL) {
        s->dot_state = DOT_IN_LINE;
        return end;
    }
    if (*stop == '\n') {
        begin_line(s, LINE_END_LF);
    } else {
        s->dot_state = DOT_CR;
    }
    return stop + 1;
}

static const char *behind_cr(struct smtp_server *s, const char *p)
{
    if (*p == '\n') {
        begin_line(s, LINE_END_CRLF);
    } else if (s->lax_ends != 0) {
        begin_line(s, LINE_END_CR);
    } else {
        s->dot_state = *p == '\r' ? DOT_CR : DOT_IN_LINE;
    }
    return p + (*p == '\n' || (*p == '\r' && s->dot_state == DOT_CR));
}

/* Behind a dot, or behind a dot and a CR. True: that was the end. *p is moved over what is no
 * content. */
static bool behind_dot(struct smtp_server *s, const char **p)
{
    bool cr = s->dot_state == DOT_CR_SEEN;
    if (!cr && **p == '\r') {
        (*p)++;
        s->dot_state = DOT_CR_SEEN;
        return false;
    }
    if (**p == '\n' && ends(s, cr ? LINE_END_CRLF : LINE_END_LF)) {
        (*p)++;
        return true;
    }
    if (cr && **p != '\n' && ends(s, LINE_END_CR)) {
        return true;
    }
    pass_held(s, cr);
    return false;
}

/* Reads message data up to the end mark; true when it was found. `from` is the start of what is not
   passed on yet. */
bool smtp_server_read_dotted(struct smtp_server *s, struct machine_io *io)
{
    const char *p = io->in + io->in_used, *end = io->in + io->in_len, *from = p;
    bool found = false;
    while (p < end && !found) {
        switch ((enum dot_state)s->dot_state) {
        case DOT_LINE_START:
            s->dot_state = DOT_IN_LINE;
            if (*p == '.' && (s->dot_before == LINE_END_CRLF || s->lax_ends != 0)) {
                pass_body(s, from, p);
                from = ++p;
                s->dot_state = DOT_SEEN;
            }
            break;
        case DOT_SEEN:
        case DOT_CR_SEEN:
            found = behind_dot(s, &p);
            from = p;
            break;
        case DOT_IN_LINE:
            p = in_line(s, p, end);
            break;
        case DOT_CR:
            p = behind_cr(s, p);
            break;
        }
    }
    pass_body(s, from, p);
    io->in_used = (size_t)(p - io->in);
    return found;
}

bool smtp_server_read_chunk(struct smtp_server *s, struct machine_io *io)
{
    const char *p = io->in + io->in_used;
    size_t len = io->in_len - io->in_used;
    if (len > s->bdat_left) {
        len = (size_t)s->bdat_left;
    }
    if (!s->bdat_refused) {
        pass_body(s, p, p + len);
    }
    io->in_used += len;
    s->bdat_left -= len;
    return s->bdat_left == 0;
}
