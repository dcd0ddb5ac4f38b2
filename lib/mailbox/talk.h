/*
 * talk.h - the dialogue with a POP3 or IMAP server, from login to logout
 *
 * Pure like a machine: bytes of the server go in by talk_feed, commands come out in `out`, which
 * the caller sends and resets. Connecting, TLS and authentication are somebody else's (libcurl's).
 * One task at a time; it is over when `done` is set, with status and why, and content when it was a
 * fetch.
 *
 * Nothing is marked as seen: IMAP folders are opened by EXAMINE and read by BODY.PEEK (RFC 3501
 * 6.3.2, 6.4.5); POP3 messages are read by TOP, since some servers (Dovecot) mark what RETR read;
 * RETR where there is no TOP. A uid is checked right before a message is read or removed, so a
 * number that changed its meaning between two sessions is never used.
 *
 * Ownership: everything in the config is the caller's and outlives the talk. `content` is valid
 * until the next task.
 * Limits: content_cap octets of a message are kept, TALK_BODY_MAX read; then, and at the server's
 * farewell, `broken` says that the session is of no more use. Lines are kept up to TALK_LINE_MAX,
 * long ones without their middle.
 */
#ifndef RELAYLAB_LIB_MAILBOX_TALK_H
#define RELAYLAB_LIB_MAILBOX_TALK_H

#include "lib/mailbox/mailbox.h"

enum {
    TALK_LINE_MAX = 1024,
    TALK_FOLDER_MAX = 1024,
    TALK_OUT_MAX = 2 * TALK_FOLDER_MAX + 64,
    TALK_WHY_MAX = 256,
    TALK_BODY_MAX = 8 * 1024 * 1024
};

enum talk_protocol { TALK_POP3, TALK_IMAP };
enum talk_task { TALK_LIST, TALK_FETCH, TALK_REMOVE };

struct talk_config {
    enum talk_protocol protocol;
    struct span folder;                                        /* IMAP; printable ASCII */
    void (*entry)(void *self, struct span uid, uint64_t size); /* of a list; size 0: not known */
    void *self;
    char *content; /* of a fetched message; may be NULL until the first fetch */
    size_t content_cap;
    uint32_t *hints; /* POP3: which number had which uid; may be NULL (then slower) */
    size_t hint_cap;
};

struct talk {
    struct talk_config config;
    bool busy, done, broken;
    enum talk_task task;
    enum mailbox_status status;
    char why[TALK_WHY_MAX]; /* visible text; empty when all is well */
    size_t content_len;
    bool truncated;
    struct strbuf out;
    /* Below: private to the dialogues. */
    unsigned phase;
    bool mid_line;   /* POP3: the head of a body's line was taken already */
    bool scanned;    /* POP3: all uids were looked through for this task */
    bool opened;     /* IMAP: the folder is open for reading */
    bool got;        /* IMAP: the message's content came */
    bool taking;     /* IMAP: the literal that comes is the message */
    bool in_literal; /* IMAP */
    uint32_t number; /* POP3: of the uid, 0: not known */
    uint32_t tag;    /* IMAP: number of the last command */
    uint32_t validity, wanted_validity, wanted_uid;
    uint64_t literal_left;
    uint64_t body_len;
    size_t uid_len, line_len;
    char uid[MAILBOX_UID_MAX];
    char line[TALK_LINE_MAX];
    char out_memory[TALK_OUT_MAX];
};

/* At the beginning of a session, when the server has let us in. */
void talk_init(struct talk *t, const struct talk_config *config);
/* May be done at once. Precondition: no task is under way, and the session is not broken. */
void talk_begin(struct talk *t, enum talk_task task, struct span uid);
void talk_feed(struct talk *t, struct span bytes);
/* The farewell; no answer is waited for. */
void talk_leave(struct talk *t);
/* True: the text of a refusal (of a login too) speaks of something that may pass: a locked
 * mailbox, a server in trouble (RFC 2449, 3206, 5530). */
bool talk_may_heal(struct span reply);

#endif
