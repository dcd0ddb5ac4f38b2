/*
 * stage.h - the mail world of a case, built in any world
 *
 * Each server of the case becomes a mock; each mailbox becomes a sink, behind its own MX (`front`)
 * where the case has one. Everything listens on loopback at a port that the world hands out, and
 * every server gets a route to every mailbox and server by domain, unless the case cuts them. What
 * happens goes into the record; what concerns a detector's mailbox also goes to the hooks.
 *
 * Ownership: case, record, world and hooks are the caller's and outlive the stage. stage_close ends
 * all sessions. Errors: stage_open says in `error` what could not be built; the stage is closed
 * then.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_STAGE_H
#define RELAYLAB_SCENARIOS_WORLD_STAGE_H

#include "probe/home/sink.h"
#include "scenarios/world/names.h"
#include "scenarios/case/case.h"
#include "scenarios/judge/record.h"
#include "scenarios/world/store.h"

struct stage_hooks {
    /* A complete message reached the mailbox; of one that stores mail and is watched: was read
     * there. */
    void (*mail)(void *self, unsigned mailbox, const struct mail_view *mail);
    /* A session with the mailbox's MX named a recipient and ended before end-of-data. */
    void (*callout)(void *self, struct span sender, struct span recipient);
    /* The mailbox's MX refused a recipient or a message. */
    void (*refused)(void *self, struct span recipient, struct span reply);
    /* Of mailboxes that store mail, once they are watched. Mail is read only with `read`, which
     * says whether it is the detector's own. */
    bool (*read)(void *self, unsigned mailbox, const struct mail_view *mail);
    void (*trouble)(void *self, unsigned mailbox, struct span why, bool lasting);
    void (*well)(void *self, unsigned mailbox);
    void (*ready)(void *self, unsigned mailbox);
    void *self;
    const struct tls *tls; /* of clients: an engine finds what they show in given/client.pem */
    bool no_sink;          /* the first mailbox is left to whoever listens at its sink_at */
};

struct stage;

enum { STAGE_GIVEN_MAX = 16, STAGE_CERTIFICATE_MAX = 2048 };

struct stage_server {
    struct stage *stage;
    struct mock *mock; /* NULL: connections are refused, or it is an engine */
    struct instance *instance;
    struct instance_config engine;
    struct engine_given given[STAGE_GIVEN_MAX];
    char certificate[STAGE_CERTIFICATE_MAX]; /* of clients */
    struct endpoint at[SERVER_NAMES_MAX];
    size_t at_count;
    unsigned index;
};

enum { STAGE_TALKS_MAX = 16 };

struct stage_talk { /* one connection of a front: what was asked last */
    uint64_t connection;
    bool asked_recipient, after_data, settled;
    char sender[MAIL_PATH_MAX];
    char recipient[MAIL_PATH_MAX];
};

struct stage_mailbox {
    struct stage *stage;
    struct sink *sink;
    struct mock *front;
    struct store *store;     /* NULL: what comes is seen at once */
    struct endpoint at;      /* of the front, else of the sink */
    struct endpoint sink_at; /* of the sink */
    unsigned index;
    struct stage_talk talks[STAGE_TALKS_MAX]; /* by connection number, the latest win */
};

struct stage {
    struct world *world;
    const struct case_file *c;
    struct record *record;
    struct stage_hooks hooks;
    struct stage_server servers[CASE_SERVERS_MAX];
    struct stage_mailbox mailboxes[CASE_MAILBOXES_MAX];
    struct names *names;       /* NULL: the case has no `dns` */
    bool watched;              /* stage_watch was called */
    struct listener *reserved; /* holds the port of a detector's own sink until all else listens */
};

/* sim: the world's simulator, or NULL on sockets. Hooks that are NULL are not called. */
bool stage_open(struct stage *s, struct world *world, struct sim *sim, const struct case_file *c,
                struct record *record, const struct stage_hooks *hooks, struct strbuf *error);
/* A message reached that mailbox, whoever sent it. */
void stage_deliver(struct stage *s, unsigned mailbox, const struct mail_view *mail);
/* Begins to read the mailboxes that store mail; how many these are: `ready` comes for each. */
unsigned stage_watch(struct stage *s);
void stage_hurry(struct stage *s);            /* something is expected in them */
bool stage_is_current(const struct stage *s); /* all were read whole since then */
void stage_close(struct stage *s);
/* Where the detector is sent: the case's target and listener. */
const struct endpoint *stage_target(const struct stage *s);
unsigned stage_target_index(const struct stage *s);
/* The last lines of the target's log, when it is an engine. */
void stage_log(const struct stage *s, size_t max, struct strbuf *out);

#endif
