/*
 * ledger.h - what a run writes down before it matters
 *
 * Five calls, executed by SQLite (drive/ledger_sqlite) or by memory in the simulator. Time is
 * passed in. A call that returns true has committed: whatever kills the process afterwards, the row
 * stands. A message's row is written before the first byte of its body is offered to the socket.
 *
 * Errors: false means that it could not be written; the caller warns once and goes on (a ledger is
 * a help, not a condition), except that it may refuse to send when the user asked for a ledger by
 * name.
 */
#ifndef RELAYLAB_LIB_LEDGER_H
#define RELAYLAB_LIB_LEDGER_H

#include "lib/base/token.h"

enum { LEDGER_RUN_MAX = 32 };

/* The header section of an arrival is kept up to this. */
enum { LEDGER_HEAD_MAX = 16384 };

struct ledger_run {  /* one target of one invocation; a later call for the same run replaces it */
    struct span run; /* its name, unique in the ledger: also an input of the tokens */
    struct span target; /* "192.0.2.1:25" */
    struct span target_name, vantage, canary, sender, mailboxes, forms;
    struct span greeting; /* the name it greets with; empty until it is known */
    int64_t epoch_s;
};

struct ledger_form { /* a form's fate so far; a later call for the same form replaces it */
    struct span run, form, sender, recipient, answer, state, reply;
    struct span kind; /* "external", "ambiguous", "control" */
    int64_t epoch_s;
};

struct ledger_message { /* appended, one an attempt */
    struct span run, form, sender, recipient, message_id;
    const struct token_pair *tokens;
    unsigned attempt;
    int64_t epoch_s;
};

enum ledger_arrival_kind {
    LEDGER_DELIVERY, /* of a form: the proof; never a control */
    LEDGER_REPORT,
    LEDGER_CALLOUT,
    LEDGER_FORGED,
    LEDGER_REPLAYED,
    LEDGER_CONTROL, /* a control message came home */
    LEDGER_UNCLEAR  /* a token of ours in mail that cannot be told apart */
};

/* The same message (run, form, kind, mailbox, token and head) read twice is kept once. */
struct ledger_arrival {
    enum ledger_arrival_kind kind;
    struct span run, form; /* empty when it is tied to none */
    struct span mailbox;   /* where it came */
    struct span token;
    struct span head; /* envelope and header section as they came */
    int64_t epoch_s;
};

struct ledger_verdict { /* appended: the last one counts, the earlier ones stay */
    struct span run, verdict, reason_code, reason;
    struct span cause; /* "run", "interrupted" or "collect" */
    int64_t epoch_s;
};

struct ledger_ops {
    bool (*run)(void *self, const struct ledger_run *r);
    bool (*form)(void *self, const struct ledger_form *f);
    bool (*message)(void *self, const struct ledger_message *m);
    bool (*arrival)(void *self, const struct ledger_arrival *a);
    bool (*verdict)(void *self, const struct ledger_verdict *v);
};

struct ledger { /* ops NULL: no ledger */
    const struct ledger_ops *ops;
    void *self;
};

#endif
