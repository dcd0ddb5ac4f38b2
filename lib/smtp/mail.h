/*
 * mail.h - messages: envelope and content; reading headers, and writing the probe's own message
 *
 * Content is RFC 5322 text as it came off the wire (dot-unstuffed). Reading is lenient: CRLF or LF,
 * folded headers.
 * Ownership: a mail_view borrows everything. Writers fill a strbuf; the caller sees truncation
 * there.
 */
#ifndef RELAYLAB_LIB_SMTP_MAIL_H
#define RELAYLAB_LIB_SMTP_MAIL_H

#include "lib/base/token.h"

enum { MAIL_PATH_MAX = 320, MAIL_RCPT_MAX = 100 }; /* paths with NUL, brackets excluded */

struct mail_view {
    struct span sender; /* reverse-path without brackets; empty is the null reverse-path */
    const struct span *recipients;
    size_t recipient_count;
    struct span content;
};

/* Header section and body; the empty line belongs to neither. Without an empty line everything is
   header. */
void mail_split(struct span content, struct span *headers, struct span *body);
/* First field with that name (case folded), value unfolded-as-is (inner line ends kept), trimmed;
   false when none. start: 0, or the offset that the last call left in *next (NULL: not wanted). */
bool mail_header(struct span headers, struct span name, size_t start, struct span *value,
                 size_t *next);
/* How many fields of that name; Received hops are counted so (RFC 5321 6.3). */
unsigned mail_header_count(struct span headers, struct span name);

/* The message that relayprobe (and the oracle) sends. */
struct mail_probe {
    /* mailboxes without brackets, for the header; From may differ from the reverse-path */
    struct span from, to;
    struct span form_id;       /* "S1-R1", "control-before", ... */
    struct span target;        /* who is asked */
    struct span helo;          /* right-hand side of the Message-ID */
    struct span contact;       /* who runs this and how to object */
    const struct token *token; /* recipient token: subject, Message-ID, X-Relaylab-Token, body */
    unsigned attempt;          /* from 1; only in Message-ID and a header */
    int64_t epoch_s;           /* for Date */
};

#define MAIL_TOKEN_HEADER "X-Relaylab-Token"
#define MAIL_FORM_HEADER "X-Relaylab-Form"

/* The message's Message-ID, in angle brackets. */
void mail_write_id(struct strbuf *out, const struct mail_probe *p);
/* A proper RFC 5322 message with CRLF line ends. */
void mail_write_probe(struct strbuf *out, const struct mail_probe *p);
/* A message to somebody at the target, inside of which another transaction will stand. No token is
   in it (p->token is not read), and its last line has no end yet. */
void mail_write_carrier(struct strbuf *out, const struct mail_probe *p);

#endif
