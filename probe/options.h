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
#ifndef RELAYLAB_PROBE_OPTIONS_H
#define RELAYLAB_PROBE_OPTIONS_H

#include "probe/probe.h"
#include "probe/target.h"

enum {
    OPTIONS_TARGETS_MAX = 256,
    OPTIONS_CONTACT_MAX = 200,
    OPTIONS_CANARY_LOCAL_MAX = 64 - 1 - TOKEN_LEN /* RFC 5321 4.5.3.1.1, with "+token" after it */
};

enum options_mode { MODE_ASK, MODE_DRY_RUN, MODE_LIST_FORMS, MODE_VERSION, MODE_HELP };

struct options {
    enum options_mode mode;
    struct span canary, canary_local, canary_domain;
    struct span sender, sender_local, sender_domain;
    struct span helo, domain, contact, forms;
    struct endpoint sink, source, control_route; /* family 0: not given */
    int64_t wait_ns, max_time_ns, retry_ns;
    struct smtp_timeouts timeouts;
    const char *transcript; /* or NULL */
    bool json, allow_public, inside, outside, exhaustive, quiet, verbose;
    bool expect_given;
    enum verdict expect;
    size_t target_count;
    struct target target[OPTIONS_TARGETS_MAX];
};

/* False: usage error. With MODE_VERSION, MODE_HELP and MODE_LIST_FORMS nothing else was checked. */
bool options_parse(struct options *o, int argc, char **argv, struct strbuf *error);
/* Scope, the canary's own servers, the source's address family; for every address that the target
 * has. */
bool options_check_target(const struct options *o, const struct target *t, struct strbuf *error);
/* From where the target would be asked: as declared, else by the addresses' scopes. */
enum vantage options_vantage(const struct options *o, const struct endpoint *target);
/* The canary's own way in: --control-route, else the sink (an unspecified address is reached by
   loopback), else none (family 0). */
struct endpoint options_control_route(const struct options *o);
void options_print_help(struct strbuf *out);

#endif
