/*
 * options.h - the command line of relayprobe, checked whole before anything happens
 *
 * options_parse reads every word, and every rule that needs no look-up is kept there: forms of
 * addresses, limits, what excludes what. options_check_target keeps the rules that need a target's
 * addresses.
 *
 * Ownership: spans point into argv, which must stay.
 * Errors: one line in `error`, without the program's name, naming the option and what is allowed.
 * Values are made visible, so that a line end in an argument never makes a second line.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_OPTIONS_H
#define RELAYLAB_PROBE_PROGRAM_OPTIONS_H

#include "probe/home/control_way.h"
#include "probe/home/mailbox_url.h"
#include "probe/probe.h"
#include "probe/program/target_list.h"

enum {
    OPTIONS_TARGETS_MAX = 256,
    OPTIONS_CONTACT_MAX = 200,
    OPTIONS_FORMS_MAX = 1024,
    OPTIONS_MAILBOX_NAME_MAX = MAILBOX_URL_PATH_MAX + MAILBOX_URL_HOST_MAX,
    OPTIONS_RATE_MAX = 6000,
    OPTIONS_RATE_ALL_MAX = 6000000,
    OPTIONS_CONCURRENCY_MAX = 16384,
    OPTIONS_SESSIONS_MAX = 8, /* PROBE_BESIDE_MAX */
    OPTIONS_CONCURRENCY = 64, /* of a list */
    OPTIONS_PORTS_MAX = 8,
    OPTIONS_SOURCES_MAX = 8,
    OPTIONS_CANARY_MX_MAX = FORM_CANARIES_MAX * MX_ADDRESSES_MAX,
    OPTIONS_SET_MAX = 16,                         /* the name of a set of runs */
    OPTIONS_CANARY_LOCAL_MAX = 64 - 1 - TOKEN_LEN /* RFC 5321 4.5.3.1.1, with "+token" after it */
};

enum options_mode {
    MODE_ASK,
    MODE_DRY_RUN,
    MODE_COLLECT,
    MODE_LIST_RUNS,
    MODE_SHOW_RUN,
    MODE_EXPORT_RUN,
    MODE_LIST_FORMS,
    MODE_VERSION,
    MODE_HELP
};

enum options_tls {
    OPTIONS_TLS_AUTO, /* in clear, and behind STARTTLS what belongs there; port 465: implicit */
    OPTIONS_TLS_NONE,
    OPTIONS_TLS_STARTTLS,
    OPTIONS_TLS_IMPLICIT
};

struct options {
    enum options_mode mode;
    struct span canary, canary_local, canary_domain; /* the first one */
    struct canary further[FORM_CANARIES_MAX - 1];
    size_t further_count;
    enum token_place token_place;
    struct span sender, sender_local, sender_domain;
    struct span helo, domain, contact, forms;
    struct span further_domain[FORM_LOCALS_MAX - 1]; /* local to the target, like `domain` */
    size_t further_domain_count;
    char forms_text[OPTIONS_FORMS_MAX], forms_file[OPTIONS_FORMS_MAX]; /* file empty: none */
    struct form_extras extras;
    struct endpoint sink;                        /* family 0: not given; the first of several */
    struct endpoint source[OPTIONS_SOURCES_MAX]; /* addresses of ours to ask from; none: any */
    size_t source_count;
    uint16_t port[OPTIONS_PORTS_MAX]; /* of targets that name none */
    size_t port_count;
    uint8_t family; /* 4, 6; 0: both */
    size_t mailbox_count;
    struct mailbox_url mailbox[PROBE_MAILBOXES_MAX]; /* their text is in mailbox_name */
    char mailbox_name[PROBE_MAILBOXES_MAX][OPTIONS_MAILBOX_NAME_MAX];
    struct endpoint control_route[FORM_CANARIES_MAX];
    size_t control_route_count;
    struct endpoint canary_mx[OPTIONS_CANARY_MX_MAX]; /* of all canaries; look_up.h */
    size_t canary_mx_count;
    struct endpoint found_route[FORM_CANARIES_MAX]; /* one of these; family 0: none, or not asked */
    char route_trouble[FORM_CANARIES_MAX][CONTROL_WAY_WHY_MAX]; /* why none */
    const char *password_file, *ca_file, *save_proof, *ledger;  /* or NULL */
    struct span run_name;                                       /* of --show-run, --export-run */
    unsigned rate, max_messages;       /* of one target; max_messages 0: one for each form */
    unsigned sessions;                 /* with one target, at the same time */
    unsigned network_rate, total_rate; /* connections a minute; 0: as many as come */
    const char *targets;               /* a file, or "-"; NULL: targets are on the command line */
    unsigned concurrency;              /* targets asked at the same time */
    struct target_shard shard;         /* of the list */
    struct span resume;                /* the name of a set of runs; empty: none */
    int64_t wait_ns, max_time_ns, retry_ns;
    struct smtp_timeouts timeouts;
    struct endpoint resolver;    /* family 0: the host's own way of looking names up */
    int64_t resolver_timeout_ns; /* 0: the default */
    bool all_mx;
    enum options_tls tls;
    const char *client_cert, *client_key; /* or NULL */
    const char *transcript;               /* or NULL */
    bool no_ledger, tidy;
    bool canary_missing; /* the error is that; options_print_canary_help says more */
    bool json, markdown, allow_public, inside, outside, exhaustive, one_by_one, quiet, verbose;
    bool expect_given;
    enum verdict expect;
    size_t target_count;
    struct target target[OPTIONS_TARGETS_MAX];
};

/* False: usage error. With MODE_VERSION, MODE_HELP and MODE_LIST_FORMS nothing else was checked. */
bool options_parse(struct options *o, int argc, char **argv, struct strbuf *error);
/* Scope, the canary's own servers, for every address and port that the target would be asked at;
 * and that one is left that --source and --family allow. */
bool options_check_target(const struct options *o, const struct target *t, struct strbuf *error);
/* The forms, with the user's own, find room. */
bool options_check_forms(const struct options *o, const struct form_own *own, size_t own_count,
                         struct strbuf *error);
/* From where the target would be asked: as declared, else by the addresses' scopes. The source's
 * family 0: not given. */
enum vantage options_vantage(const struct options *o, const struct endpoint *source,
                             const struct endpoint *target);
/* A canary's own way in: --control-route, else its sink (an unspecified address is reached by
   loopback), else the MX that was found, else none (family 0). */
struct endpoint options_control_route(const struct options *o, size_t canary);
/* How that address is asked: as said, or by its port. */
enum options_tls options_tls_for(const struct options *o, const struct endpoint *target);
/* How to set up a canary, in a few lines. */
void options_print_canary_help(struct strbuf *out);
void options_print_help(struct strbuf *out);

#endif
