/*
 * later.h - a ledger in memory for a case: an earlier run in it, and what comes after the verdict
 *
 * As `relayprobe --ledger` followed by `--collect`: the run writes down what it sends, and mail
 * that comes when it is over is judged by what is written.
 *
 * Ownership: later_open allocates, later_close gives back; close an unopened one freely.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_LATER_H
#define RELAYLAB_SCENARIOS_WORLD_LATER_H

#include "drive/ledger/ledger_memory.h"
#include "probe/home/collect.h"
#include "probe/probe.h"

struct later {
    struct ledger_memory *memory; /* NULL: not open */
    bool collecting;
    int verdict; /* enum verdict, the last one; -1: the ledger is in trouble */
    struct collect collect;
};

/* False: no memory. `earlier` receives the tokens of the plain form of an earlier run. */
bool later_open(struct later *l, const struct token_key *key, int64_t epoch_s,
                struct token_pair *earlier);
/* Lets a run write into it, and ask it for tokens of earlier runs. */
void later_configure(struct later *l, struct probe_config *config);
/* The run is over with this verdict. */
void later_begin(struct later *l, enum verdict verdict);
/* True: it is ours. */
bool later_mail(struct later *l, struct span mailbox, const struct mail_view *mail,
                int64_t epoch_s);
void later_close(struct later *l);

#endif
