/*
 * reply.h - reads SMTP replies (RFC 5321 4.2) out of a byte stream, however it is cut up
 *
 * Feed it bytes; it takes what belongs to one reply and stops after that reply's last line. TCP
 * gives no message boundaries: the only end of a reply is a line whose code is followed by
 * something other than "-".
 *
 * Ownership: the reader and its reply are the caller's; the reply is complete until the next
 * reply_reader_reset.
 * Limits: kept text REPLY_TEXT_MAX in all (the rest is consumed, `truncated`), REPLY_LINES_MAX
 * lines and REPLY_BYTES_MAX bytes (beyond: REPLY_TOO_LONG, sticky). A line without end is consumed
 * without growing anything.
 */
#ifndef RELAYLAB_LIB_SMTP_REPLY_H
#define RELAYLAB_LIB_SMTP_REPLY_H

#include "lib/base/bytes.h"

enum { REPLY_TEXT_MAX = 2048, REPLY_LINES_MAX = 100, REPLY_BYTES_MAX = 1048576 };

enum reply_status {
    REPLY_INCOMPLETE,
    REPLY_COMPLETE,
    /* a line that does not begin with three digits 2..5 0..9 0..9 and SP, "-" or line end */
    REPLY_MALFORMED,
    REPLY_TOO_LONG
};

struct reply {
    int code; /* 200..599; of the last line; 0 before any */
    /* RFC 3463 class.subject.detail of the last line that has one; 0.0.0 when none */
    uint16_t enhanced[3];
    unsigned line_count;
    unsigned bytes;   /* consumed in all */
    bool bare_lf;     /* a line ended in LF alone */
    bool eight_bit;   /* a byte above 127 */
    bool control;     /* NUL or another control character */
    bool mixed_codes; /* lines of different codes */
    bool truncated;
    uint16_t text_len;
    /* lines without code and separator ("5.7.1 no" stays whole), joined by \n */
    char text[REPLY_TEXT_MAX];
};

struct reply_reader {
    struct reply reply;
    enum reply_status status;
    uint16_t column; /* in the present line, saturating */
    char head[4];    /* its first four bytes */
    bool cr;         /* the last byte was a CR */
    bool last;       /* the present line is the reply's last one */
};

void reply_reader_reset(struct reply_reader *r);
/* Consumes up to len bytes and returns how many. Consumes nothing once the status is not
   REPLY_INCOMPLETE. */
size_t reply_reader_feed(struct reply_reader *r, const char *data, size_t len);
/* True while some, but not all, of a reply has been read. */
bool reply_reader_started(const struct reply_reader *r);

struct span reply_text(const struct reply *r);
/* of the kept text; empty when past it */
struct span reply_line(const struct reply *r, unsigned index);
bool reply_has_enhanced(const struct reply *r);
int reply_class(const struct reply *r); /* 2, 3, 4, 5; 0 when there is no code */
/* EHLO keyword present in the lines after the first (case folded); *params receives what follows
   it. */
bool reply_ehlo_keyword(const struct reply *r, struct span keyword, struct span *params);
/* One line: "250 2.1.5 Ok" or "250-first / 250 second", control characters made visible. */
void reply_print(struct strbuf *out, const struct reply *r);

#endif
