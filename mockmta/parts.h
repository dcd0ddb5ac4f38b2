/*
 * parts.h - what the parts of a mock server share: the server, its sessions, its messages
 *
 * Private to mockmta/. mock.c owns the server and its listeners; policy.c is what a session says;
 * match.c finds the rules; render.c writes replies; queue.c does with an accepted message what its
 * fates say; relay.c takes one recipient to the next hop; callout.c verifies a sender.
 *
 * Ownership: a session has at most one message, from MAIL to the end of the transaction; an
 * accepted message whose recipients wait for something belongs to the queue from then on.
 * Everything sits in slots. Limits: an idle session costs sizeof(struct session); a message slot is
 * taken at MAIL and its content grows at DATA.
 */
#ifndef RELAYLAB_MOCKMTA_PARTS_H
#define RELAYLAB_MOCKMTA_PARTS_H

#include "lib/smtp/client.h"
#include "mockmta/memory.h"
#include "mockmta/mock.h"

enum {
    MOCK_LISTENERS_MAX = 4 * SERVER_NAMES_MAX,
    MOCK_PAST_MAX = 12,
    MOCK_PARAMS_MAX = 64,
    MOCK_VERB_MAX = 5,
    MOCK_QUEUE_ID_MAX = 16,
    MOCK_HOPS_MAX = 30,
    MOCK_REFUSED_SESSIONS_MAX = 64,
    MOCK_DELIVERIES_MAX = 64,
    MOCK_CONTENT_KEPT = 65536,
    MOCK_RETRIES = 5
};

struct callout;
struct seen_table;

enum recipient_state { RECIPIENT_WAITING, RECIPIENT_ACTIVE, RECIPIENT_DONE };

struct recipient {                /* accepted at RCPT */
    size_t at, len;               /* path in the message's text, without brackets */
    const struct rule_fate *fate; /* NULL: what the message's fate or the default says */
    enum fate_kind kind;          /* settled at end-of-data */
    enum recipient_state state;
    bool local;
    unsigned copies_left;
    unsigned attempts;
    int64_t due_ns;
};

enum content_wish { CONTENT_UNDECIDED, CONTENT_KEEP, CONTENT_COUNT };

struct message {
    struct message *previous, *next; /* in the queue */
    struct mock *mock;
    struct world_timer timer;         /* when the next recipient is due */
    uint64_t transaction;             /* of the server */
    char queue_id[MOCK_QUEUE_ID_MAX]; /* "" before end-of-data */
    struct endpoint peer;
    bool queued, esmtp, broken /* no memory for the content */;
    enum content_wish wish;
    uint64_t size;            /* octets that came */
    size_t counted;           /* of its content, in the server's content_total */
    size_t sender_len;        /* at the beginning of text */
    size_t helo_at, helo_len; /* in text; from end-of-data */
    struct grow text;
    struct grow content;
    unsigned recipient_count;
    struct recipient recipient[MAIL_RCPT_MAX];
};

struct past { /* a reply given earlier in the session */
    uint16_t code;
    uint8_t at;
};

struct session_proxy { /* proxied.c */
    struct machine inner;
    int64_t until_ns; /* when a header is waited for no longer */
    bool waits;
};

struct session {
    struct smtp_server smtp;
    struct session_proxy proxy;
    struct mock *mock;
    struct session *previous, *next;
    struct link *link;
    struct message *message;      /* NULL between transactions */
    struct tls_layer *layer;      /* NULL: it cannot be encrypted */
    struct callout *callout;      /* under way, or done and its outcome not yet used */
    const struct rule *more_rule; /* its reply goes on */
    uint32_t more_left;           /* repetitions */
    uint32_t more_offset;         /* into a raw reply */
    uint32_t transactions;
    uint32_t errors;
    uint32_t bare_lfs; /* line ends without CR, in commands and content */
    uint64_t number;
    struct endpoint peer, local;
    char mail_params[MOCK_PARAMS_MAX]; /* what stood behind MAIL's path, cut; of the transaction */
    char verb[MOCK_VERB_MAX]; /* that began the transaction: MAIL, or what RFC 821 had beside it */
    uint8_t listener;         /* index of config->listen */
    uint8_t last_at;
    uint8_t past_count;
    bool refused; /* beyond sessions_max: hears 421 */
    bool authenticated;
    bool body_cr;             /* the content so far ends in CR */
    uint16_t count[AT_COUNT]; /* commands so far, saturating */
    struct past past[MOCK_PAST_MAX];
};

struct mock_listener {
    struct mock *mock;
    struct listener *listener;
    uint8_t name;
};

struct event_rules { /* the rules that can match at one event, in order */
    const struct rule **rule;
    size_t count;
};

struct mock {
    struct world *world;
    const struct server_config *config;
    struct mock_observer observer;
    struct mock_limits limits;
    struct mock_route *routes;
    size_t route_count;
    struct mock_listener listener[MOCK_LISTENERS_MAX];
    size_t listener_count;
    const struct machine_ops *server_ops; /* of lib/smtp/server */
    struct slots session_slots, message_slots, delivery_slots, callout_slots;
    struct session *sessions;
    struct delivery *deliveries;
    struct callout *callouts;
    struct message *queue_first, *queue_last;
    unsigned queue_length;
    unsigned links; /* of any kind, alive */
    bool starved;   /* a recipient waits for a free delivery */
    bool draining, dying;
    bool rules_read_content;      /* a rule looks into messages */
    bool late_fates_need_content; /* an end-of-data rule may relay, hold or bounce */
    uint64_t connections, transactions, messages, fated;
    uint64_t content_total; /* octets that messages hold */
    uint32_t queue_id_high;
    uint64_t count[AT_COUNT];
    uint64_t *fired; /* per rule */
    const struct rule **rule_memory;
    struct event_rules rules[AT_COUNT + 1]; /* by enum smtp_event; then those of the last BDAT */
    struct seen_table *seen;                /* NULL: no rule asks */
    struct tls *tls;                        /* NULL: none of its sessions is encrypted */
};

/* mock.c */
void mock_tell(struct mock *m, const struct mock_event *e); /* at_ns is filled in */
const struct endpoint *mock_route_find(const struct mock *m, struct span domain);
void mock_link_gone(struct mock *m); /* one link less; ends draining and dying when it was the last
                                      */
void mock_rest(struct mock *m);      /* stops the world when drained */
bool mock_is_local(const struct mock *m, const struct address *a);
bool mock_domain_is_local(const struct mock *m, struct span domain);
void mock_queue_id(struct mock *m, struct message *message);

/* policy.c */
extern const struct smtp_policy policy_told; /* an observer listens */
extern const struct smtp_policy policy_quiet;

/* mock.c: sessions */
void session_gone(struct session *s);

/* message.c */
struct message *message_take(struct mock *m);
void message_give(struct message *message);
bool message_sender_set(struct message *message, struct span path);
/* NULL: too many, or no memory. */
struct recipient *message_recipient_add(struct message *message, struct span path);
bool message_helo_set(struct message *message, struct span helo);
struct span message_sender(const struct message *message);
struct span message_recipient(const struct message *message, const struct recipient *r);
struct span message_helo(const struct message *message);
/* Whether anything could want to see what the message holds. */
enum content_wish message_content_wish(const struct message *message);
/* ACCEPTED, or KEPT for the recipients whose bit is set in `which` (NULL: all). */
void message_tell(const struct message *message, enum mock_event_kind kind, const struct session *s,
                  const bool *which);

/* queue.c */
/* End of data: settles every recipient's fate; the message belongs to the queue or is gone
 * afterwards. */
void queue_settle(struct message *message, const struct rule_fate *fate);
void queue_run(struct mock *m); /* after a delivery became free */
void queue_clear(struct mock *m);

enum delivery_end { DELIVERED, DELIVERY_DEFERRED, DELIVERY_FAILED };
struct delivery_result {
    enum delivery_end end;
    int code;           /* the next hop's; 0: none */
    const char *status; /* enhanced status for a DSN */
    struct span why;
    struct span remote; /* what the next hop that refused calls itself */
};
void queue_delivered(struct message *message, unsigned index, const struct delivery_result *result);

/* relay.c */
enum relay_start { RELAY_STARTED, RELAY_BUSY, RELAY_IMPOSSIBLE };
void relay_init(struct mock *m);
/* On RELAY_IMPOSSIBLE *result says why. */
enum relay_start relay_start(struct message *message, unsigned recipient,
                             struct delivery_result *result);
void relay_cancel_all(struct mock *m);
void relay_clear(struct mock *m);

/* bounce.c */
/* New messages to the reverse-path; NULL when there is no memory. */
struct message *bounce_make(const struct message *failed, const struct recipient *r,
                            const struct delivery_result *result);
struct message *autoreply_make(const struct message *message, const struct recipient *r);

#endif
