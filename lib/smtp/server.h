/*
 * server.h - the SMTP server machine: three gates in a row (known, allowed now, policy accepts)
 *
 * The machine reads commands and message data, keeps the order of RFC 5321 4.1.4, and proposes a
 * reply from the first two gates (500 unknown, 501 no syntax, 503 bad sequence, or none: up to the
 * policy). The policy always has the last word: mockmta's rules must be able to say anything at any
 * time. A reply's code moves the state: 2xx or 3xx is acceptance.
 *
 * What a policy does in `decide`: write the reply (smtp_server_reply, or raw bytes) into
 * action->reply, and set delay, shape, what happens then. If it leaves the reply empty the
 * machine's own proposal or default goes out. A policy that has to ask elsewhere first (callout)
 * sets action->pending and later calls smtp_server_resume (with world_wake); it is then asked again
 * with the same event and command.retry set.
 *
 * Ownership: the struct is the caller's, from _init to `ended`. It holds no buffer: an idle session
 * costs sizeof(struct smtp_server). Spans in a command are valid during the call only.
 * Limits: command line SMTP_SERVER_LINE_MAX (longer: consumed, event UNKNOWN with overlong set,
 * proposal 500); message size by the policy (action at end-of-data; the machine streams and keeps
 * nothing).
 */
#ifndef RELAYLAB_LIB_SMTP_SERVER_H
#define RELAYLAB_LIB_SMTP_SERVER_H

#include "lib/machine.h"
#include "lib/smtp/address.h"

enum { SMTP_SERVER_LINE_MAX = 4096, SMTP_SERVER_REPLY_ROOM = 8192, SMTP_HELO_MAX = 255 };

/* The names of `at:` in the rule language. */
enum smtp_event {
    AT_CONNECT, /* before the banner; only close/reset/stall/delay make sense, no reply */
    AT_BANNER,
    AT_EHLO,
    AT_HELO,
    AT_MAIL,
    AT_RCPT,
    AT_DATA,
    AT_BDAT,
    AT_END_OF_DATA,
    AT_RSET,
    AT_NOOP,
    AT_VRFY,
    AT_AUTH,
    AT_STARTTLS,
    AT_QUIT,
    AT_UNKNOWN,
    AT_COUNT
};

/* After the reply (and its delay). */
enum smtp_then {
    THEN_GO_ON,
    THEN_CLOSE,      /* FIN */
    THEN_RESET,      /* RST */
    THEN_HALF_CLOSE, /* FIN, then read on without answering */
    THEN_STALL,      /* never say anything again, keep reading */
    THEN_DEAF        /* stop reading too: the peer's window fills */
};

/* An end of data: a line end, a dot, a line end. */
enum smtp_line_end { LINE_END_CRLF, LINE_END_LF, LINE_END_CR, LINE_END_COUNT };
#define SMTP_END_OF_DATA(before, after) (1U << (LINE_END_COUNT * (before) + (after)))

enum wire_segment { WIRE_AS_IS, WIRE_PER_LINE, WIRE_PER_BYTE, WIRE_SPLIT_CRLF, WIRE_BYTES };
enum wire_eol {
    EOL_CRLF,
    EOL_LF,
    EOL_CR,
    EOL_NONE /* the last line end of the reply is left off */
};

/* How a reply's bytes go out; all zero: at once. */
struct wire_shape {
    enum wire_segment segment;
    enum wire_eol eol;
    uint32_t bytes; /* WIRE_BYTES: so many in each segment */
    int64_t gap_ns; /* between segments */
    /* bytes of this reply after which nothing more is ever sent; 0: no limit */
    uint32_t stop_after;
};

struct smtp_command {
    enum smtp_event at;
    struct span line;    /* whole, without line end; empty for connect, banner and the final dot */
    struct span verb;    /* as it was written */
    struct span arg;     /* after the verb, trimmed; for MAIL and RCPT after the colon */
    struct address path; /* MAIL and RCPT */
    bool overlong;
    bool bare_lf;  /* the line ended in LF alone */
    bool retry;    /* asked again after action->pending */
    bool chunk;    /* end-of-data: by BDAT ... LAST, whose line and arg stand here, not by a dot */
    uint64_t size; /* end-of-data: octets of content received */
    int proposal;  /* reply code of the first two gates; 0: both passed */
};

struct smtp_action {
    struct strbuf *reply; /* whole bytes with line ends; room for SMTP_SERVER_REPLY_ROOM */
    /* of the reply; set by smtp_server_reply; a policy writing raw bytes sets it */
    int code;
    int64_t delay_ns;              /* before the first byte */
    const struct wire_shape *wire; /* NULL: at once; must outlive the session */
    enum smtp_then then;
    bool no_reply; /* say nothing to this one */
    bool pending;
    bool more; /* ask `more` for further bytes when these are sent */
};

struct smtp_server;

struct smtp_policy {
    void (*decide)(void *self, struct smtp_server *s, const struct smtp_command *cmd,
                   struct smtp_action *action);
    /* Content after dot-unstuffing, as received, in pieces. */
    void (*body)(void *self, struct smtp_server *s, struct span piece);
    /* Further bytes of a reply that is larger than the room; returns false with the last. May be
       NULL. */
    bool (*more)(void *self, struct smtp_server *s, struct strbuf *out);
    /* A reply was put on its way: for logs and transcripts; may be NULL. */
    void (*replied)(void *self, struct smtp_server *s, struct span bytes);
    /* The session is over, once: "peer-closed", "peer-reset", "closed" (by us), "reset" (by us),
       "timeout", "tls-failed". The state (phase, last_at, rcpt_count) still stands. */
    void (*closed)(void *self, struct smtp_server *s, const char *how);
    void (*ended)(void *self, struct smtp_server *s); /* the driver let go */
    /* TLS stands, behind a 220 to STARTTLS: the session is as new. May be NULL. */
    void (*secured)(void *self, struct smtp_server *s);
};

enum smtp_server_phase {
    SERVER_NEW,     /* the banner is due */
    SERVER_COMMAND, /* a command line comes next */
    SERVER_BODY,    /* message data up to the dot */
    SERVER_BDAT,    /* a chunk of known size (RFC 3030) */
    SERVER_AUTH,    /* a line of an AUTH exchange (RFC 4954) */
    SERVER_DEAD     /* says nothing any more; reads on unless deaf */
};

struct smtp_server {
    const struct smtp_policy *policy;
    void *policy_self;
    int64_t now_ns;                /* of the last step */
    int64_t idle_ns;               /* patience between commands (RFC 5321 4.5.3.2.7: 5 min) */
    int64_t idle_at_ns;            /* deadline from it */
    int64_t release_at_ns;         /* when the next held segment may go */
    const struct wire_shape *wire; /* of the reply that is going out; NULL: at once */
    uint64_t body_size;
    uint64_t bdat_size; /* of the chunk that is read or was read last */
    uint64_t bdat_left;
    uint16_t rcpt_count; /* accepted in this transaction */
    uint16_t after_quit; /* lines that came with QUIT, behind it */
    uint8_t phase;       /* enum smtp_server_phase */
    uint8_t dot_state;   /* of the end-of-data recogniser */
    uint8_t dot_before;  /* enum smtp_line_end: how the line before ended */
    uint16_t lax_ends; /* the policy's: set of SMTP_END_OF_DATA that end a body beside CRLF . CRLF;
                          CR alone is one where no LF follows */
    uint8_t then;      /* enum smtp_then, due once the reply is out */
    uint8_t last_at;   /* enum smtp_event: the last thing decided */
    bool pending;      /* the policy is asking elsewhere */
    bool resumed;      /* ... and knows now */
    bool body_ended;   /* a whole body was read, its reply is due */
    bool more;         /* the policy has further bytes of this reply */
    bool esmtp, has_helo, has_mail;
    bool old_verbs; /* the policy's: SEND, SOML and SAML begin a transaction as MAIL does, RFC 821
                     */
    bool tls;       /* what comes and goes is encrypted */
    bool tls_ready; /* a layer below can do it (drive/tls/tls.h): a 220 to STARTTLS begins it */
    bool tls_due;   /* that 220 is on its way */
    bool bdat_last, bdat_refused;
    bool bdat_begun; /* the transaction has a chunk: DATA is out of sequence (RFC 3030 2) */
    bool overlong;   /* inside a line that was too long */
    bool closed_told;
    char helo[SMTP_HELO_MAX + 1];
};

void smtp_server_init(struct smtp_server *s, const struct smtp_policy *policy, void *policy_self,
                      int64_t now_ns, int64_t idle_ns);
struct machine smtp_server_machine(struct smtp_server *s);

/* Writes a reply: one line per '\n'-separated piece of text, each with the code; sets action->code.
   `enhanced` may be NULL. Control characters in text become '?'. */
void smtp_server_reply(struct smtp_action *action, int code, const char *enhanced,
                       struct span text);
/* The connection is given up before the machine was stepped: the next step closes it. */
void smtp_server_drop(struct smtp_server *s);
/* The policy knows now: decide is called again by the next step (world_wake the link). */
void smtp_server_resume(struct smtp_server *s);

/* "connect", "banner", "EHLO", "end-of-data", "unknown" */
const char *smtp_event_name(enum smtp_event at);
bool smtp_event_parse(struct span name, enum smtp_event *at); /* case folded */

#endif
