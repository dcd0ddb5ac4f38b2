/*
 * End of data is CR LF . CR LF and nothing else (RFC 5321 4.1.1.4). Where the recogniser stands is
 * kept in the server between steps, so that a mark may be cut anywhere; a CR behind a line's dot is
 * held back until it is known whether it was content.
 */
#include "lib/smtp/server_body.h"

#include <string.h>

enum dot_state { DOT_LINE_START, DOT_SEEN, DOT_CR_SEEN, DOT_IN_LINE, DOT_CR };

void smtp_server_body_begin(struct smtp_server *s)
{
    s->dot_state = DOT_LINE_START;
}

static void pass_body(struct smtp_server *s, const char *from, const char *to)
{
    if (to > from) {
        s->body_size += (uint64_t)(to - from);
        s->policy->body(s->policy_self, s, (struct span){from, (size_t)(to - from)});
    }
}

/* Reads message data up to the end mark; true when it was found. `from` is the start of what is not
   passed on yet. */
bool smtp_server_read_dotted(struct smtp_server *s, struct machine_io *io)
{
    static const char held_cr[] = "\r";
    const char *p = io->in + io->in_used, *end = io->in + io->in_len, *from = p;
    bool found = false;
    while (p < end && !found) {
        switch ((enum dot_state)s->dot_state) {
        case DOT_LINE_START:
            if (*p == '.') {
                pass_body(s, from, p);
                from = ++p;
                s->dot_state = DOT_SEEN;
            } else {
                s->dot_state = DOT_IN_LINE;
            }
            break;
        case DOT_SEEN:
            if (*p == '\r') {
                from = ++p;
                s->dot_state = DOT_CR_SEEN;
            } else {
                s->dot_state = DOT_IN_LINE;
            }
            break;
        case DOT_CR_SEEN:
            if (*p == '\n') {
                from = ++p;
                found = true;
            } else { /* the CR was content after all */
                pass_body(s, held_cr, held_cr + 1);
                s->dot_state = DOT_CR;
            }
            break;
        case DOT_IN_LINE: {
            const char *cr = memchr(p, '\r', (size_t)(end - p));
            p = cr ? cr + 1 : end;
            s->dot_state = cr ? DOT_CR : DOT_IN_LINE;
            break;
        }
        case DOT_CR:
            s->dot_state = *p == '\n' ? DOT_LINE_START : *p == '\r' ? DOT_CR : DOT_IN_LINE;
            p += *p == '\n' || *p == '\r';
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
