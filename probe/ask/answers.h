/*
 * answers.h - what a reply means for a form
 *
 * A reply is judged by step, code, enhanced code and text together, by a table whose rows are what
 * real servers say, each with its source. First row that fits wins; what no row knows is judged by
 * code and enhanced code and marked unrecognised.
 */
#ifndef RELAYLAB_PROBE_ASK_ANSWERS_H
#define RELAYLAB_PROBE_ASK_ANSWERS_H

#include "lib/smtp/client.h"

enum answer {
    ANSWER_NONE,            /* not asked, or nothing came */
    ANSWER_ACCEPTED,        /* 2yz, or 354 at DATA */
    ANSWER_DENIED,          /* refuses to relay, for good */
    ANSWER_DENIED_AUTH,     /* refuses a stranger's every word: authentication or TLS wanted */
    ANSWER_DENIED_UNKNOWN,  /* an unrecognised 5yz: counts as denied only if the control R43 speaks
                               for it */
    ANSWER_SYNTAX,          /* this way of writing is not understood */
    ANSWER_DEFERRED,        /* not now; greylisting among them */
    ANSWER_REFUSED_SENDER,  /* the reverse-path is not liked: try another */
    ANSWER_REFUSED_HELO,    /* the HELO name is not liked */
    ANSWER_REFUSED_CLIENT,  /* this client is blocked (blocklist, policy, 421, 521, 554 banner) */
    ANSWER_REFUSED_CONTENT, /* spam, virus, size, policy */
    ANSWER_REFUSED_VERIFY,  /* the server asked the canary's side and was refused */
    ANSWER_NO_MAILBOX,      /* no such user: a local mailbox question, not a relaying one */
    ANSWER_TLS_REQUIRED,    /* 530 Must issue a STARTTLS command first */
    ANSWER_SERVICE          /* 421 or 4yz for the whole session: closing, too busy */
} __attribute__((packed));

struct answer_row {
    const char *id; /* stable: "postfix-454-relay" */
    unsigned steps; /* bit set of 1u << enum smtp_step; 0: any */
    int code_low, code_high;
    const char *enhanced; /* "5.7.1", "x.7.*", or NULL */
    const char *text; /* `*`-glob over the case-folded text (implicit * at both ends), or NULL */
    enum answer answer;
    const char *source; /* server, version, file or option */
};

struct answer_judgement {
    enum answer answer;
    const struct answer_row *row; /* NULL: judged by code alone (unrecognised) */
};

extern const struct answer_row answer_rows[];
extern const size_t answer_row_count;

struct answer_judgement answer_judge(enum smtp_step step, const struct reply *reply);
const char *answer_name(enum answer a); /* "denied", "accepted", "refused-sender", ... */
/* Seconds that the text asks us to wait ("try again in 300 seconds", "00:04:59"), or 0. */
unsigned answer_retry_seconds(const struct reply *reply);

#endif
