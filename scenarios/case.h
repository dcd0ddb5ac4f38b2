/*
 * case.h - a case: the servers and mailboxes of a small mail world, a detector, and what must come out
 *
 * Loaded from restricted YAML (lib/conf). A case with a matrix is loaded once per combination. Cases run in one of two
 * worlds without knowing which.
 */
#ifndef RELAYLAB_SCENARIOS_CASE_H
#define RELAYLAB_SCENARIOS_CASE_H

#include "drive/sim.h"
#include "mockmta/load.h"
#include "probe/verdict.h"

enum { CASE_SERVERS_MAX = 8, CASE_MAILBOXES_MAX = 4, CASE_EXPECT_MAX = 16, CASE_MATRIX_MAX = 64 };

enum case_time { TIME_ANY, TIME_VIRTUAL, TIME_REAL };
enum case_truth { TRUTH_OPEN, TRUTH_CLOSED, TRUTH_UNDECIDABLE };

struct case_server {
    const char *name; /* "mx" */
    struct server_source source;
    struct server_config config; /* after persona */
    struct sim_path network;     /* key `network`: simulator only, except connect: refuse */
    struct conf_texts route_names; /* routes are made to every mailbox and server by domain; `routes: none` cuts them */
    bool no_routes;
    struct conf_position at;
};

struct case_mailbox {
    const char *name; /* "canary" */
    struct conf_texts domains;
    struct server_source front; /* rules of the mailbox's own MX, when it misbehaves; else the sink is reached directly */
    bool has_front;
    struct server_config front_config;
};

struct case_probe { /* key `probe`: options of the run, as on the command line */
    const char *canary;   /* default probe@DOMAIN of the first mailbox */
    const char *sender;   /* default: probe@canary's domain */
    const char *helo;
    const char *source;   /* address; vantage */
    const char *domain;   /* {D}: default the first local domain of the target */
    const char *forms;
    const char *target;   /* name of the server; default the first */
    const char *listener; /* of the server */
    int64_t wait_ns, max_time_ns, retry_ns;
    struct { bool set[STEP_COUNT]; int64_t ns[STEP_COUNT]; } timeout;
    bool no_mailbox;      /* key mailbox: false */
    bool interrupt_set;
    int64_t interrupt_at_ns; /* Ctrl-C at this instant */
};

struct case_count { const char *name; struct conf_range range; };

struct case_if { const char *key; const char *value; };

struct case_form { const char *id; const char *answer; const char *state; };

struct case_expect {
    struct case_if *conditions; size_t condition_count; /* if: {delay: 299s} */
    int verdict; /* enum verdict; -1 not given */
    const char *reason_code;
    const char *plain_accepted;
    struct case_count *delivered; size_t delivered_count; /* per mailbox; "none" for all */
    bool delivered_none;
    struct case_count *commands; size_t command_count;    /* seen by the target */
    struct case_count *log; size_t log_count;             /* text fragment -> how many log lines of the target */
    struct case_form *forms; size_t form_count;           /* forms: {S1-R1: denied} answer or state names */
    struct conf_texts report_has;                         /* fragments of the text report */
    struct conf_texts relayed_by;                         /* form ids that must have been delivered */
    struct conf_range elapsed_s; bool elapsed_set;        /* virtual time only: from start to verdict, seconds */
    struct conf_range connections; bool connections_set;
    struct conf_position at;
};

struct case_dialogue {
    const char *server;
    uint64_t connection; /* 1-based; default the probe's first */
    const char *lines;   /* "S: ..." / "C: ..." with {any} */
};

struct case_vantage { const char *name; const char *source; int truth; };

struct case_file {
    const char *name;  /* `case:` */
    const char *title, *why;
    struct conf_texts tags, rfc, caveat;
    enum case_time time;
    int truth; /* enum case_truth */
    struct case_server *servers; size_t server_count;
    struct case_mailbox *mailboxes; size_t mailbox_count;
    struct case_vantage *vantages; size_t vantage_count;
    struct case_probe probe;
    struct case_expect *expect; size_t expect_count;
    struct case_dialogue *dialogue; size_t dialogue_count;
    const char *fails_with; /* tests/must-fail: text of the failure */
    /* The combination this was loaded with. */
    struct conf_binding bindings[4]; size_t binding_count;
    const char *path;
};

/* How many combinations the file's matrix has (1 without), or 0 with conf->error. */
size_t case_combinations(struct conf *conf);
bool case_load(struct conf *conf, const struct persona_path *personas, size_t combination, struct case_file *out);
extern const struct conf_table case_table;

#endif
