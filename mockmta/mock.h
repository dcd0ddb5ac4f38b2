/*
 * mock.h - a mock mail server: rules, sessions, queue, relaying and bouncing, in any world
 *
 * One struct mock is one server with any number of listeners. It speaks through lib/smtp/server,
 * decides by its config's rules, and does with an accepted message what the fate says: relays it by
 * SMTP to the recipient domain's route, keeps it (the observer sees it), discards it, bounces it (a
 * DSN to the reverse-path by the same routes), holds it. It relays only to its routes, never by
 * DNS; 30 Received hops; a null reverse-path never bounces; a temporary failure is retried (30 s, 2
 * min, 10 min, 30 min, 2 h), then bounced.
 *
 * Ownership: mock_new allocates, mock_free ends its sessions (with RST, by the next steps of the
 * world: free the mock first, then the world; the observer hears nothing more) and gives everything
 * back; config and world are the caller's and outlive it. Messages shown to the observer are
 * borrowed. Limits: struct mock_limits. Past them new sessions are refused with 421, new messages
 * with 452.
 */
#ifndef RELAYLAB_MOCKMTA_MOCK_H
#define RELAYLAB_MOCKMTA_MOCK_H

#include "drive/world.h"
#include "lib/smtp/mail.h"
#include "mockmta/config/config.h"

struct mock;

struct mock_route {
    const char *domain; /* exact, "*.example.test", or "*" */
    struct endpoint to;
};

struct mock_limits {
    unsigned sessions_max; /* default 16384 */
    unsigned queue_max;    /* messages; default 1024 */
    unsigned routes_max;   /* default 64 */
    uint64_t content_max;  /* octets of all messages together; default 256 MiB */
};

enum mock_event_kind {
    MOCK_CONNECT,  /* text: "" */
    MOCK_COMMAND,  /* text: the line */
    MOCK_REPLY,    /* text: the bytes */
    MOCK_RULE,     /* a rule fired: text is its log text or "file:line" */
    MOCK_ACCEPTED, /* message accepted; mail set, queue_id set */
    MOCK_KEPT,     /* mail and queue_id set: in the local mailbox */
    MOCK_RELAYED,  /* the next hop answered 2yz to end-of-data */
    MOCK_DISCARDED,
    MOCK_BOUNCED,  /* a DSN was made; text: recipient */
    MOCK_DEFERRED, /* text: why; will be tried again */
    MOCK_FAILED,   /* given up without a bounce; text: why */
    MOCK_CALLOUT,  /* text: sender and outcome */
    MOCK_TLS,      /* the session is encrypted now; text: version and cipher */
    MOCK_CLOSED    /* text: how the session ended; `at` the last command */
};

struct mock_event {
    enum mock_event_kind kind;
    int64_t at_ns;
    uint64_t connection;                 /* 1, 2, ... of this server; 0 for queue events */
    const struct endpoint *peer, *local; /* NULL for queue events */
    struct span text;
    const char *queue_id;         /* or NULL */
    const struct mail_view *mail; /* ACCEPTED and KEPT */
    uint64_t size;                /* ACCEPTED and KEPT: octets that came, kept or not */
    int code;                     /* REPLY; RELAYED: the next hop's */
    uint32_t bare_lfs;            /* CLOSED: line ends without CR that the session sent */
    uint32_t after_quit;          /* CLOSED: lines that came behind QUIT */
    enum smtp_event at;           /* COMMAND, REPLY, RULE: of what; CLOSED: the last command */
};

struct mock_observer {
    void (*see)(void *self, struct mock *m, const struct mock_event *e); /* may be NULL: nothing is
                                                                            told */
    void *self;
    bool no_content; /* does not look at mail->content, which then may be empty: less is kept */
};

struct mock *mock_new(struct world *w, const struct server_config *config,
                      const struct mock_route *routes, size_t route_count,
                      const struct mock_limits *limits, struct mock_observer observer);
/* Listens for the listener named `name` (of config->listen; NULL: the first). False: error says
 * why. */
bool mock_listen(struct mock *m, const char *name, const struct endpoint *at,
                 struct endpoint *bound, struct strbuf *error);
/* Routes may be added while it runs. */
bool mock_route_add(struct mock *m, const char *domain, const struct endpoint *to);
void mock_free(struct mock *m);
uint64_t mock_messages(const struct mock *m);     /* accepted so far */
unsigned mock_queue_length(const struct mock *m); /* waiting to be relayed or bounced */
const struct server_config *mock_config(const struct mock *m);
/* No new sessions; calls world_stop when queue and sessions are empty. */
void mock_drain(struct mock *m);

const char *mock_event_name(enum mock_event_kind kind);

#endif
