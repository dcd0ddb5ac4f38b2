/*
 * client.h - the SMTP client machine: says what its script says, and hears whole replies in time
 *
 * The machine knows how to speak (lines, dot-stuffing), how to hear (replies, however cut), and how
 * long to wait (RFC 5321 4.5.3.2: one absolute deadline per reply, never extended by bytes that
 * drip in). It does not know what to say: that is the script's, one call per reply.
 *
 *     start -> script.next(greeting) -> smtp_client_command(EHLO) -> script.next(reply) -> ...
 *           -> smtp_client_close
 *
 * In `next` the script must call exactly one of smtp_client_command, smtp_client_group,
 * smtp_client_body, smtp_client_raw, smtp_client_chunk, smtp_client_start_tls,
 * smtp_client_farewell, smtp_client_wait or smtp_client_close, and in `secured` likewise. While
 * replies to a group are missing, and behind a farewell, it calls nothing, or smtp_client_close. A
 * link that is TLS from its first byte needs no call: the greeting is awaited behind the handshake.
 * `done` is the last call, exactly once, whatever happens.
 *
 * Ownership: the struct is the caller's and lives until `done` returned and the driver called its
 * `ended` (forwarded as script.ended). A body is lent until the reply to it has come or `done` is
 * called, a group likewise until its last reply.
 * Limits: command lines SMTP_LINE_MAX with CRLF; a command with CR, LF or NUL in it is a broken
 * promise (assert): users' text is checked where it enters. A session that is given up while the
 * peer listens for commands says QUIT without waiting for the answer. OUTCOME_CANCELLED also stands
 * for total_deadline_ns: the run's time is over, not the server's.
 */
#ifndef RELAYLAB_LIB_SMTP_CLIENT_H
#define RELAYLAB_LIB_SMTP_CLIENT_H

#include "lib/machine.h"
#include "lib/smtp/reply.h"

enum {
    SMTP_LINE_MAX = 1024,
    SMTP_SESSION_REPLY_BYTES_MAX = 1048576,
    SMTP_GROUP_BYTES_MAX = 4096 /* of a group, CRLFs included: one write into an empty output */
};

/* What a reply is awaited for; indexes the timeouts. */
enum smtp_step {
    STEP_CONNECT,
    STEP_GREETING,
    STEP_EHLO,
    STEP_HELO,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_BLOCK, /* sending the body: no progress for so long */
    STEP_END_OF_DATA,
    STEP_RSET,
    STEP_QUIT,
    STEP_STARTTLS,
    STEP_TLS, /* the handshake */
    STEP_OTHER,
    STEP_COUNT
} __attribute__((packed));

/* How a session ended. */
enum smtp_outcome {
    OUTCOME_CLOSED_BY_US, /* the script said close; everything asked was answered */
    OUTCOME_REFUSED,      /* connection refused */
    OUTCOME_UNREACHABLE,  /* no route */
    OUTCOME_TIMEOUT,      /* the deadline of `step` passed */
    OUTCOME_CLOSED,       /* peer closed while `step` was awaited */
    OUTCOME_RESET,        /* connection broke while `step` was awaited */
    OUTCOME_MALFORMED,    /* what came is no SMTP reply */
    OUTCOME_TOO_LONG,     /* a reply beyond the limits */
    OUTCOME_UNSOLICITED,  /* bytes that answer nothing: the session cannot be believed any more */
    OUTCOME_CANCELLED,    /* smtp_client_cancel */
    OUTCOME_TLS           /* the handshake failed, or TLS broke while `step` was awaited */
} __attribute__((packed));

struct smtp_timeouts {
    int64_t ns[STEP_COUNT];
};

struct smtp_client;

struct smtp_script {
    /* A whole reply to the step that was awaited has come (first: the greeting). */
    void (*next)(void *self, struct smtp_client *c, const struct reply *reply);
    void (*done)(void *self, struct smtp_client *c, enum smtp_outcome outcome, enum smtp_step step);
    void (*ended)(void *self, struct smtp_client *c); /* the driver let go; may be NULL */
    /* TLS stands, that smtp_client_start_tls asked for; the session is as new (RFC 3207 4.2). NULL:
       the script never asks. */
    void (*secured)(void *self, struct smtp_client *c);
    /* Sees every line and body as it goes out, for transcripts; may be NULL. */
    void (*said)(void *self, struct smtp_client *c, enum smtp_step step, struct span text);
};

enum smtp_client_state {
    CLIENT_CONNECTING,
    CLIENT_SAYING,
    CLIENT_SENDING_BODY,
    CLIENT_HEARING,
    CLIENT_SECURING,
    CLIENT_IDLE,
    CLIENT_CLOSING,
    CLIENT_DONE
};

struct smtp_client {
    const struct smtp_script *script;
    void *script_self;
    const struct smtp_timeouts *timeouts;
    enum smtp_client_state state;
    enum smtp_step step; /* awaited */
    int64_t now_ns;      /* of the last step call; scripts read it */
    int64_t deadline_ns;
    int64_t total_deadline_ns;  /* hard end of the whole session */
    int64_t asked_ns;           /* when the awaited step was said */
    uint32_t reply_bytes;       /* in the session */
    bool at_line_start;         /* of the body sent so far */
    bool data_byte_sent;        /* a byte of a body followed a 354 (or BDAT) */
    bool eom_sent;              /* the final dot, or a chunk's last octet, went into the output */
    bool chunk;                 /* the body is one of BDAT: as it is, no final dot */
    bool raw;                   /* the body goes as it stands, and the final dot behind it */
    bool silent_close;          /* over in the middle of a body: broken off, no QUIT */
    bool tls_asked;             /* the layer below was told, or it is TLS from the first byte */
    bool tls_first;             /* the greeting comes behind the handshake */
    bool leaving;               /* every reply is heard, asked or not */
    bool early;                 /* the reply being read began before its command was on its way */
    struct span body;           /* not yet in the output */
    struct span group;          /* likewise; of commands with their CRLFs */
    const uint8_t *group_steps; /* of the replies that are missing, from the awaited one on */
    int64_t group_patience_ns;
    uint8_t group_left; /* how many; 0: no group */
    uint32_t unsent;    /* bytes of it in the output when the last step ended */
    uint16_t line_len;
    char line[SMTP_LINE_MAX]; /* said, not yet in the output */
    struct reply_reader reader;
};

extern const struct smtp_timeouts smtp_timeouts_rfc5321;

/* total_deadline_ns: CLOCK_NEVER for none. now_ns starts STEP_CONNECT's time. */
void smtp_client_init(struct smtp_client *c, const struct smtp_script *script, void *script_self,
                      const struct smtp_timeouts *timeouts, int64_t now_ns,
                      int64_t total_deadline_ns);
struct machine smtp_client_machine(struct smtp_client *c);

/* without CRLF */
void smtp_client_command(struct smtp_client *c, enum smtp_step step, struct span line);
/* Several commands at once (RFC 2920): lines with their CRLFs, enum smtp_step of each. `next` is
   called for each reply; the time for one begins when the one before has come, and is patience_ns
   at most. The peer must have offered PIPELINING, and nothing but the last may be a command that
   RFC 2920 3.1 wants last. */
void smtp_client_group(struct smtp_client *c, struct span lines, const uint8_t *steps,
                       uint8_t count, int64_t patience_ns);
/* Replies to the present group that are missing. */
uint8_t smtp_client_group_left(const struct smtp_client *c);
/* In `next`: they are awaited no more, and the script goes on as if there had been no group. */
void smtp_client_group_end(struct smtp_client *c);
/* After 354: an RFC 5322 message with CRLF line ends; stuffed on the way, a final dot is added. */
void smtp_client_body(struct smtp_client *c, struct span message);
/* The same, as it stands: nothing is stuffed, so that what is no end of data but looks like one
   reaches the peer. From now on `next` is called for every reply that comes, as behind a farewell,
   also before all of the body is out (smtp_client_is_sending); when it is, the script says
   farewell, or closes. */
void smtp_client_raw(struct smtp_client *c, struct span message);
/* Instead of DATA and all that follows: BDAT with the whole message as the last chunk (RFC 3030 2).
   One reply, to STEP_END_OF_DATA. The peer must have offered CHUNKING: to others the message would
   be commands. */
void smtp_client_chunk(struct smtp_client *c, struct span message);
/* After the 220 to STARTTLS. The layer below (drive/tls/tls.h) does it; `secured` follows, or
   `done` with OUTCOME_TLS at STEP_TLS. What came in clear behind that 220 is never heard. */
void smtp_client_start_tls(struct smtp_client *c);
/* The last command, without CRLF, at STEP_QUIT. From now on `next` is called for every reply that
   comes, also for one that answers nothing: how many come is what the script wants to know. The
   time for all of them is that of STEP_QUIT. */
void smtp_client_farewell(struct smtp_client *c, struct span line);
bool smtp_client_is_leaving(const struct smtp_client *c);
bool smtp_client_is_sending(const struct smtp_client *c);
/* Say nothing now; the owner goes on with _command and world_wake, or _cancel. Bytes that come
   meanwhile are unsolicited. `until_ns` is the deadline (OUTCOME_TIMEOUT at STEP_OTHER). */
void smtp_client_wait(struct smtp_client *c, int64_t until_ns);
void smtp_client_close(struct smtp_client *c);
/* From outside (deadline of the run, Ctrl-C): `done` is called with OUTCOME_CANCELLED by the next
   step; the owner must world_wake the link. Nothing happens when the session is over already. */
void smtp_client_cancel(struct smtp_client *c);

/* "greeting", "ehlo", ..., "end-of-data" */
const char *smtp_step_name(enum smtp_step step);
bool smtp_step_parse(struct span name, enum smtp_step *step);
const char *smtp_outcome_name(enum smtp_outcome outcome); /* "refused", "timeout", "closed", ... */

#endif
