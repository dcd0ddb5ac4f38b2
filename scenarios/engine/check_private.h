/*
 * check_private.h - between check.c and its parts
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_CHECK_PRIVATE_H
#define RELAYLAB_SCENARIOS_ENGINE_CHECK_PRIVATE_H

#include "scenarios/engine/check.h"
#include "scenarios/engine/world.h"
#include "scenarios/world/trial.h"

enum {
    CHECK_PORTS_MAX = 4,
    CHECK_DOMAINS_MAX = 16,
    CHECK_NAMES_MAX = CHECK_DOMAINS_MAX + 8,
    CHECK_LINES_MAX = 24,
    CHECK_TEXT_MAX = 65536
};

struct check_port {
    unsigned number;
    bool wrapped; /* TLS from the first octet */
};

struct check_line { /* of the configuration, that a hint points at */
    const char *file;
    unsigned first, last; /* 1-based */
    char text[160];
    const struct engine_hint *hint;
};

struct check_finding { /* of an experiment */
    const struct check_line *line;
    bool decides;         /* else: a suspect */
    enum verdict without; /* the line, or with hint->instead; of one that decides */
};

struct check;

/* How things are told, as they become known. Each writes to c->out. */
struct check_writer {
    void (*server)(struct check *c); /* what the configuration says of itself */
    void (*answer)(struct check *c, const struct trial_result *r); /* from c->vantage */
    void (*finding)(struct check *c, const struct check_finding *f);
    void (*trouble)(struct check *c, struct span why); /* the server did not come up */
    void (*end)(struct check *c, int signal);          /* the last; 0: none ended it */
};

struct check {
    const struct check_request *request;
    const struct engine *engine;
    const struct check_writer *writer;
    char config[ENGINE_PATH_MAX];
    char inside_source[64]; /* an address of the inside network */
    struct engine_world *world;
    struct trial *trial;
    struct case_file c;
    struct case_server server;
    struct case_mailbox mailbox;
    struct case_vantage vantage;
    const char *mailbox_domains[3];
    struct case_name names[CHECK_NAMES_MAX];
    struct zone_mx mx[CHECK_NAMES_MAX][2];
    struct case_address addresses[CHECK_NAMES_MAX];
    char prefixed[320]; /* a domain of ours that begins like the server's */
    bool has_zone;      /* there is such a one */
    const char *domains[CHECK_DOMAINS_MAX];
    struct check_port ports[CHECK_PORTS_MAX];
    size_t port_count;
    bool wrapped;           /* the port that is asked now */
    char description[8192]; /* names point into it */
    char note[1024];        /* what it says of itself beside that; "" nothing */
    struct strbuf out;
    char text[CHECK_TEXT_MAX];
    int status;
};

extern const struct check_writer check_text, check_json;

static inline bool check_is_outside(const struct check *c)
{
    return c->vantage.source != c->inside_source;
}

/* check_case.c: the case as far as it is known before the configuration was looked at, */
void check_case_init(struct check *c);
/* the names that it has a part in, and the options of one run. */
void check_case_names(struct check *c);
void check_case_ask(struct check *c, const char *forms, int64_t wait_ns);
/* Writes and flushes what is in c->out. */
void check_flush(struct check *c);
/* What the prepared configuration says of itself. False, and told: why not. */
bool check_describe(struct check *c);
/* One run; false when the server did not come up; r->trouble says why. */
bool check_ask(struct check *c, const char *forms, int64_t wait_ns, struct trial_result *r);
/* The lines that hints point at. */
size_t check_lines(const struct check *c, struct check_line *lines);
/* Leaves each out, asks again with the form that got through, and tells what that changed. */
void check_experiment(struct check *c, const char *form);

#endif
