/*
 * run.h - asks the targets of a command line on real sockets, and prints a report of each as it is
 * known
 *
 * Ownership: everything in the config is the caller's and outlives the call.
 * Errors: RUN_SYSTEM, with one line in `error`.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_RUN_H
#define RELAYLAB_PROBE_PROGRAM_RUN_H

#include "lib/ledger_read.h"
#include "probe/program/question.h"

enum run_status {
    RUN_FINE = 0,
    RUN_UNEXPECTED = 1,
    RUN_USAGE = 2,
    RUN_SYSTEM = 71,
    RUN_SIGNAL = 128
};

struct run_config {
    const struct options *options; /* names looked up */
    const struct token_key *key;
    const struct form_own *own; /* the user's own forms */
    size_t own_count;
    struct span run_id;             /* of the first address; further ones get "-2" and so on */
    struct ledger ledger;           /* ops NULL: none */
    struct ledger_reader earlier;   /* the same one, read */
    const struct target_list *list; /* of --targets; NULL: those of the options */
    char *page;                     /* REPORT_MAX octets to write reports in */
    bool colour;                    /* standard output is a terminal that likes it */
    struct tls *tls;                /* of all sessions */
    bool terminal;                  /* standard error is one: a progress line may be shown */
};

/* Returns the exit status. */
int run_targets(const struct run_config *config, struct strbuf *error);
struct probe_config run_probe_config(const struct run_config *c, const struct target *t,
                                     const struct question *q, struct span run_id);
/* The first part of the runs' names: what --resume takes. */
struct span run_set(const struct run_config *c);
/* To standard output, flushed. False: it does not take it. */
bool run_print(struct span text, struct strbuf *error);

#endif
