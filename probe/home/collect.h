/*
 * collect.h - mail that comes home to runs that are over: whose it is, and what it changes
 *
 * Judged as in a run (arrivals.h), by a book that is the ledger. What is ours is written down
 * first, then the verdict of its run is looked at again: a delivery makes it open; a report by the
 * target makes discards into bounces; a report that our side refused the mail, or an arrival that
 * cannot be told apart, makes it accepts. Open is never withdrawn. Everything may be done twice:
 * what is known already changes nothing.
 *
 * Works on the interfaces of the ledger alone, so in virtual time too.
 *
 * Ownership: struct collect is the caller's and large; `collected` is by value, but for the report,
 * which points into the mail.
 * Limits: COLLECT_BEARERS_MAX runs and forms named by one message, COLLECT_DOMAINS_MAX domains of
 * ours in which a forged mark is recognised by its address.
 */
#ifndef RELAYLAB_PROBE_HOME_COLLECT_H
#define RELAYLAB_PROBE_HOME_COLLECT_H

#include "lib/ledger_read.h"
#include "probe/home/arrivals.h"

enum { COLLECT_BEARERS_MAX = 8, COLLECT_DOMAINS_MAX = 16, COLLECT_WORD_MAX = 24 };

struct collect_bearer { /* a message of ours that a token names */
    struct ledger_match match;
    struct token token;
};

struct collect {
    struct ledger ledger;
    struct ledger_reader reader;
    size_t domain_count;
    char domain[COLLECT_DOMAINS_MAX][256];
    size_t bearer_count; /* of the message being looked at */
    struct collect_bearer bearer[COLLECT_BEARERS_MAX];
    struct { /* what is known of the run being looked at */
        char verdict[COLLECT_WORD_MAX];
        int64_t verdict_epoch_s; /* 0: it has none */
        char kind[COLLECT_WORD_MAX];
        char target[ENDPOINT_TEXT_MAX], target_name[256], greeting[256];
        unsigned deliveries;
    } run;
    bool trouble; /* the ledger could not be read or written */
};

struct collected {
    enum arrival_kind kind;
    struct ledger_match match; /* whose, when the kind has an owner */
    char target[ENDPOINT_TEXT_MAX];
    char mark[64];              /* of a forged one, visible */
    bool again;                 /* a delivery of that form was known before */
    bool changed;               /* the verdict of its run */
    enum verdict now;           /* if it changed */
    char reason[256];           /* likewise: one sentence */
    char was[COLLECT_WORD_MAX]; /* the verdict before; empty: the run had none */
    int64_t was_epoch_s, epoch_s;
};

/* Reads which domains are ours. False: the ledger cannot be read. */
bool collect_init(struct collect *c, struct ledger ledger, struct ledger_reader reader);
/* False: the ledger cannot be read or written. */
bool collect_mail(struct collect *c, struct span mailbox, const struct mail_view *mail,
                  int64_t epoch_s, struct collected *out);
/* Runs that were killed after a delivery was written down and before the verdict: calls `changed`
 * for each that is open now. */
bool collect_settle(struct collect *c, int64_t epoch_s,
                    void (*changed)(void *self, const struct collected *what), void *self);
/* One line, without its end; nothing for what is of no concern. */
void collect_print(struct strbuf *out, const struct collected *what);

#endif
