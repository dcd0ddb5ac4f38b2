/*
 * ledger_read.h - what was written down, read again: runs, one run in full, and whose a token is
 *
 * The counterpart of ledger.h, executed by the same two: SQLite and memory. Rows are shown in the
 * structs in which they were written. Nothing here changes a ledger.
 *
 * Ownership: spans shown to a visitor are lent for the length of the call; a match is by value.
 * Errors: LEDGER_TROUBLE when the ledger cannot be read.
 */
#ifndef RELAYLAB_LIB_LEDGER_READ_H
#define RELAYLAB_LIB_LEDGER_READ_H

#include "lib/ledger.h"

enum { LEDGER_FORM_MAX = 32, LEDGER_PATH_MAX = 512 };

enum ledger_found { LEDGER_FOUND, LEDGER_UNKNOWN, LEDGER_TROUBLE };

struct ledger_counts {
    unsigned forms, messages, deliveries, reports, other; /* other arrivals */
};

struct ledger_visitor { /* each may be NULL */
    void (*run)(void *self, const struct ledger_run *r, const struct ledger_counts *counts);
    void (*form)(void *self, const struct ledger_form *f);
    void (*message)(void *self, const struct ledger_message *m);
    void (*arrival)(void *self, const struct ledger_arrival *a);
    void (*verdict)(void *self, const struct ledger_verdict *v);
    void *self;
};

enum ledger_role { LEDGER_SENDER, LEDGER_RECIPIENT };

struct ledger_match { /* the message that bore a token: its last attempt */
    enum ledger_role role;
    char run[LEDGER_RUN_MAX + 1], form[LEDGER_FORM_MAX + 1];
    char sender[LEDGER_PATH_MAX], recipient[LEDGER_PATH_MAX], message_id[LEDGER_PATH_MAX];
    unsigned attempt;
    unsigned deliveries; /* of that form, seen so far */
    int64_t epoch_s;     /* when it was sent */
};

struct ledger_reader_ops {
    /* Every run, the newest first: `run`, then `verdict` with its last one. */
    enum ledger_found (*runs)(void *self, const struct ledger_visitor *v);
    /* One run: `run`, then its forms, messages, arrivals and verdicts, each in the order in which
       they were first written. */
    enum ledger_found (*show)(void *self, struct span run, const struct ledger_visitor *v);
    /* Whose token is this? ASCII case folded. A token whose message was never sent is unknown. */
    enum ledger_found (*token)(void *self, struct span token, struct ledger_match *out);
    /* Arrivals that are tied to no run (forged ones). */
    enum ledger_found (*strays)(void *self, const struct ledger_visitor *v);
};

struct ledger_reader { /* ops NULL: no ledger */
    const struct ledger_reader_ops *ops;
    void *self;
};

const char *ledger_arrival_name(enum ledger_arrival_kind kind); /* "delivery" */
bool ledger_arrival_parse(struct span name, enum ledger_arrival_kind *kind);

#endif
