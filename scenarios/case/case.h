/*
 * case.h - a case: the servers and mailboxes of a small mail world, a detector, and what must come
 * out
 *
 * Loaded from restricted YAML (lib/conf). A case with a matrix is loaded once per combination.
 * Cases run in one of two worlds without knowing which.
 */
#ifndef RELAYLAB_SCENARIOS_CASE_CASE_H
#define RELAYLAB_SCENARIOS_CASE_CASE_H

#include "drive/sim/sim.h"
#include "lib/dns/zone.h"
#include "mockmta/config/load.h"
#include "probe/verdict.h"
#include "scenarios/engine/instance.h"

enum {
    CASE_SERVERS_MAX = 8,
    CASE_MAILBOXES_MAX = 4,
    CASE_NAMES_MAX = 64,
    CASE_EXPECT_MAX = 16,
    CASE_MATRIX_MAX = 64,
    CASE_MATRIX_KEYS_MAX = 4,
    CASE_ROW_KEYS_MAX = 6,
    CASE_BINDINGS_MAX = CASE_MATRIX_KEYS_MAX * (CASE_ROW_KEYS_MAX + 1) + 1,
    CASE_VANTAGES_MAX = 8,
    CASE_PLANTS_MAX = 8
};

enum case_time { TIME_ANY, TIME_VIRTUAL, TIME_REAL };
enum case_truth { TRUTH_UNSET, TRUTH_OPEN, TRUTH_CLOSED, TRUTH_UNDECIDABLE };

struct case_server {
    const char *name; /* "mx" */
    struct server_source source;
    struct server_config config; /* after persona */
    const char *address; /* default 127.0.0.1; with `dns` 127.0.1.1 and so on, all at one port */
    struct sim_path network; /* key `network`: simulator only, except connect: refuse */
    /* Routes are made to every mailbox and server by domain; `routes: [NAME, ...]` to those only,
       where a server named is the smarthost for all other domains; `none` to nobody. */
    struct conf_texts route_names;
    bool no_routes;
    /* A real mail server instead of a mock: `engine`, with its configuration. */
    const char *engine_name; /* NULL: a mock */
    const struct engine *engine;
    const char *engine_config; /* the text of its main file */
    struct engine_given *files;
    size_t file_count;
    const char *directory;      /* relaylab check: the configuration as it stands */
    const char *directory_main; /* what its main file is called there; NULL: as usual */
    const char *drop;           /* relaylab check: "FILE FIRST,LAST", lines that are left out, */
    const char *instead;        /* and what stands there instead; NULL: nothing */
    uint64_t port;              /* that is asked; 0: 25 */
    struct conf_position at;
};

enum case_plant_token { PLANT_MADE_UP, PLANT_ALTERED, PLANT_CUT, PLANT_SENDER, PLANT_EARLIER };

struct case_plant { /* mail of others that bears our mark */
    int64_t at_ns;  /* since the probe began */
    int token;      /* enum case_plant_token */
};

enum case_mailbox_kind { CASE_SINK, CASE_MEMORY };

struct case_mailbox {
    const char *name; /* "canary" */
    int kind;         /* enum case_mailbox_kind */
    /* Of `kind: memory`: what its server does with mail, and how the mailbox fails its reader. */
    int64_t deliver_after_ns; /* visible so long after it came */
    uint64_t duplicate;       /* so many copies of each message; 0: one */
    uint64_t loses;           /* the nth message; 0: none */
    int alter;                /* enum fate_alter */
    bool bare;                /* the envelope is not written down */
    bool tidy, refuses;
    int64_t poll_ns, slow_ns;
    uint64_t noise, stale, drops;
    struct case_down {
        int64_t from_ns, to_ns; /* since the case began */
    } down;
    bool memory_only; /* a key of those was given */
    struct case_plant *plants;
    size_t plant_count;
    struct conf_texts domains;
    struct server_source front; /* rules of the mailbox's own MX, when it misbehaves; else the sink
                                   is reached directly */
    bool has_front;
    struct server_config front_config;
};

enum case_tls { CASE_TLS_AUTO, CASE_TLS_NONE, CASE_TLS_STARTTLS, CASE_TLS_IMPLICIT };

enum case_control { CASE_CONTROL_MAILBOX, CASE_CONTROL_MX };

struct case_probe {             /* key `probe`: options of the run, as on the command line */
    const char *canary;         /* default probe@DOMAIN of the first mailbox */
    struct conf_texts canaries; /* further ones, asked with the plain form only */
    const char *sender;         /* default: probe@canary's domain */
    const char *helo;
    const char *source; /* address; vantage */
    const char *domain; /* {D}: default the first local domain of the target */
    const char *forms;
    const char *zone, *backup_domain, *mx_domain; /* for the forms that need them */
    const char *local_recipient;                  /* likewise */
    struct conf_texts canary_ip;
    const char *target; /* name of the server; default the first. With `dns` also mx:DOMAIN or a
                           host name, which is looked up */
    const char *server; /* that is meant to be found by that; default the first */
    int64_t resolver_timeout_ns;
    const char *listener; /* of the server */
    int64_t wait_ns, max_time_ns, retry_ns;
    uint64_t max_messages; /* 0: one for each form */
    struct {
        bool set[STEP_COUNT];
        int64_t ns[STEP_COUNT];
    } timeout;
    int tls;           /* enum case_tls */
    int control;       /* enum case_control: where control messages go in */
    bool no_mailbox;   /* key mailbox: false */
    bool unnamed;      /* key named: false */
    bool pipelining;   /* several forms in one write */
    uint64_t sessions; /* side by side; 0: as 1 */
    bool exhaustive;   /* wait the whole window though a delivery was seen */
    bool interrupt_set;
    int64_t interrupt_at_ns;  /* Ctrl-C at this instant */
    int64_t collect_after_ns; /* the mailboxes are watched on until then, by the ledger; 0: not */
    struct conf_position at, source_at;
};

struct case_address {
    const char *server; /* wherever that one listens; NULL: `at` */
    struct endpoint at;
};

struct case_name { /* of `dns` */
    const char *name;
    struct zone_mx *mx;
    size_t mx_count;
    uint64_t more_mx;
    struct case_address *addresses;
    size_t address_count;
    const char *cname;
    int fault; /* enum zone_fault */
    int64_t delay_ns;
    struct conf_position at;
};

struct case_count {
    const char *name;
    struct conf_range range;
};

struct case_if {
    const char *key;
    const char *value;
};

struct case_form {
    const char *id;
    const char *answer; /* name of an answer or of a form_state */
};

struct case_expect {
    struct case_if *conditions;
    size_t condition_count; /* if: {delay: 299s} */
    int verdict;            /* enum verdict; -1 not given */
    int later;              /* enum verdict, after collect_after; -1 not given */
    const char *reason_code;
    const char *plain_accepted;
    struct case_count *delivered;
    size_t delivered_count; /* per mailbox; "none" for all */
    bool delivered_none;
    struct case_count *commands;
    size_t command_count; /* seen by the target */
    struct case_count *log;
    size_t log_count; /* text fragment -> how many log lines of the target */
    struct case_form *forms;
    size_t form_count;            /* forms: {S1-R1: denied} answer or state names */
    struct conf_texts report_has; /* fragments of the text report */
    struct conf_texts relayed_by; /* form ids that must have been delivered */
    struct conf_range elapsed_s;
    bool elapsed_set; /* virtual time only: from start to verdict, seconds */
    struct conf_range connections;
    bool connections_set;
    struct conf_position at;
};

struct case_dialogue {
    const char *server;
    uint64_t connection; /* 1-based; default the probe's first */
    const char *lines;   /* "S: ..." / "C: ..." with {any} */
    struct conf_position at;
};

struct case_vantage {
    const char *name;
    const char *source;
    struct conf_position source_at;
    int truth;
};

/* A key's values are texts, or rows of several values each: ${key} is the first of a row, and each
 * has its own name. */
struct case_matrix {
    const char *key[CASE_MATRIX_KEYS_MAX];
    struct conf_texts values[CASE_MATRIX_KEYS_MAX];
    const char *row_key[CASE_MATRIX_KEYS_MAX][CASE_ROW_KEYS_MAX];
    const char **row_value[CASE_MATRIX_KEYS_MAX]; /* row_count of them for each value */
    size_t row_count[CASE_MATRIX_KEYS_MAX];
    size_t count;
};

struct case_file {
    const char *name; /* `case:` */
    const char *title, *why;
    struct conf_texts tags, rfc, caveat;
    enum case_time time;
    int truth; /* enum case_truth; of the vantage when there are vantages */
    struct case_matrix matrix;
    struct case_server *servers;
    size_t server_count;
    struct case_mailbox *mailboxes;
    size_t mailbox_count;
    struct case_name *names;
    size_t name_count;
    struct case_vantage *vantages;
    size_t vantage_count;
    struct case_probe probe;
    struct case_expect *expect;
    size_t expect_count;
    struct case_dialogue *dialogue;
    size_t dialogue_count;
    const char *fails_with; /* tests/must-fail: text of the failure */
    /* The combination this was loaded with: a value per matrix key, then "vantage" when there are
     * vantages. */
    struct conf_binding bindings[CASE_BINDINGS_MAX]; /* the further names of rows come last */
    size_t binding_count, shown_count;
    const struct case_vantage *vantage; /* or NULL */
    const struct case_server *target;
    const char *path;
};

/* A server of the case is a real one: it runs on sockets, in a namespace. */
bool case_has_engine(const struct case_file *c);
/* How many combinations the file has: of its matrix, times its vantages (1 without any); 0 with
 * conf->error. */
size_t case_combinations(struct conf *conf);
/* Loads one of them, personas and all. False: conf->error. */
bool case_load(struct conf *conf, const struct persona_path *personas, size_t combination,
               struct case_file *out);
/* The table of a case's keys. A server's keys are mockmta's and the case's own together, so it is
   made in the arena; NULL when that is used up. */
const struct conf_table *case_table(struct arena *arena);
/* "[delay=299s,vantage=inside]", or nothing; one line, whatever the values are. */
void case_print_bindings(const struct case_file *c, struct strbuf *out);
/* The expectation applies to this combination. */
bool case_applies(const struct case_file *c, const struct case_expect *e);
const char *case_truth_name(int truth);
const char *case_form_state_name(int state); /* enum form_state: "not-asked", "denied", "offered",
                                                ... */

#endif
