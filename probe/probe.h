/*
 * probe.h - asks one target, waits for what comes home, and concludes
 *
 * The order of things: control message to the canary; sessions with the target (session.h plans
 * what is asked); retries of what was deferred; the second control; the window; the verdict.
 * Everything runs on a struct world, so the same code works in real and in virtual time. Arrivals
 * come in through probe_arrival, from the sink or from whoever reads the mailbox. A delivery never
 * changes what is asked; it only ends the wait.
 *
 * Ownership: the caller allocates struct probe, keeps config and world until `finished` was called,
 * and gives back by probe_clear what the probe took of the heap. Limits: FORMS_MAX forms,
 * PROBE_SESSIONS_MAX connections, one accepted message per form.
 */
#ifndef RELAYLAB_PROBE_PROBE_H
#define RELAYLAB_PROBE_PROBE_H

#include "drive/world.h"
#include "lib/ledger.h"
#include "lib/smtp/dsn.h"
#include "probe/ask/session.h"

enum {
    PROBE_SESSIONS_MAX = 64,
    PROBE_BESIDE_MAX = PLAN_SESSIONS_MAX, /* sessions at the same time */
    PROBE_MAILBOXES_MAX = 8
};

enum vantage {
    VANTAGE_SAME_HOST,
    VANTAGE_SAME_NETWORK,
    VANTAGE_PRIVATE,
    VANTAGE_PUBLIC,
    VANTAGE_INSIDE,
    VANTAGE_OUTSIDE
};

struct probe_earlier { /* who knows the tokens of earlier runs; known NULL: nobody */
    /* True: a token of an earlier run, and which. */
    bool (*known)(void *self, struct span token, struct strbuf *whose);
    void *self;
};

struct probe_pace { /* who knows how fast connections may be made in all; take NULL: nobody */
    /* The instant of the next connection to that address, reserved. */
    int64_t (*take)(void *self, const struct endpoint *to);
    void *self;
};

struct probe_config {
    struct span canary_local, canary_domain; /* the first canary: asked with the whole battery */
    struct canary further[FORM_CANARIES_MAX - 1]; /* asked with the plain form only */
    size_t further_count;
    enum token_place token_place;            /* where a token stands in an address */
    struct span sender_local, sender_domain; /* default: the canary's */
    struct span helo;    /* default: the sender's domain with "probe." before it */
    struct span contact; /* goes into the message */
    struct endpoint target;
    struct span target_name;  /* as given; {T}; empty or an address: its literal */
    struct span local_domain; /* {D}, --domain; empty: as {T} */
    struct span further_local[FORM_LOCALS_MAX - 1]; /* of the target, too */
    size_t further_local_count;
    struct endpoint source;     /* family 0: any */
    struct span forms;          /* "standard" */
    const struct form_own *own; /* the user's own forms, asked beside them */
    size_t own_count;
    struct form_extras extras;
    bool mailbox; /* arrivals will be reported through probe_arrival */
    struct span mailboxes[PROBE_MAILBOXES_MAX]; /* their names, for reports and the ledger */
    size_t mailbox_count;
    struct endpoint control_route; /* where the control message goes in; family 0: no control
                                      possible */
    struct endpoint further_route[FORM_CANARIES_MAX - 1]; /* the same, of further canaries */
    struct span route_trouble[FORM_CANARIES_MAX]; /* of each canary without one: why, and what to
                                                     do; or empty */
    int64_t wait_ns;                              /* the window; default 2 min */
    int64_t max_time_ns; /* default 15 min; asking ends then, the window may follow */
    int64_t retry_ns;    /* first retry of deferred forms; default 5 min + 1 s; then doubled */
    struct smtp_timeouts timeouts;
    bool pipelining;   /* several forms in one write, where the target offers it */
    unsigned sessions; /* that may stand side by side, PROBE_BESIDE_MAX at most; 0: as 1 */
    bool exhaustive;   /* wait the whole window though a delivery was seen */
    enum vantage vantage;
    const struct token_key *key;
    struct span run_id; /* names the run in tokens' input, and in the ledger */
    struct tls *tls;    /* NULL: everything in clear */
    enum session_tls tls_mode;
    const char *client_cert, *client_key; /* files behind tls, for lines to repeat; or NULL */
    unsigned max_messages;                /* that the target may take; 0: one for each form */
    unsigned rate; /* connections a minute to the target; 0: the default, 30 */
    struct ledger ledger;
    bool ledger_required; /* asked for by name: what it cannot write down is not sent */
    struct probe_earlier earlier;
    struct probe_pace pace;
    size_t memory_max; /* octets that the probe may take beyond its struct; 0: what there is */
};

enum arrival_kind {
    ARRIVAL_DELIVERY,
    ARRIVAL_REPORT,
    ARRIVAL_CONTROL,
    ARRIVAL_FOREIGN,
    ARRIVAL_UNCLEAR,
    ARRIVAL_FORGED,  /* our mark with a token that nobody made */
    ARRIVAL_REPLAYED /* our mark with a token of an earlier run */
};

struct probe;

struct probe_observer { /* for progress lines, transcripts and logs; each may be NULL */
    void (*line)(void *self, unsigned session, char direction, struct span text); /* 'C', 'S', or
                                                                                     '*' for notes
                                                                                   */
    void (*arrival)(void *self, enum arrival_kind kind, const struct form_result *form,
                    const struct mail_view *mail);
    void (*progress)(void *self, const char *phase, unsigned done, unsigned total);
    void (*finished)(void *self, const struct probe *p);
    void *self;
    /* A message of ours was accepted, or the window is over: it is worth looking. */
    void (*expect)(void *self);
    /* All mailboxes were read whole since the last `expect`. The window's end waits for that,
     * two minutes at most; without it that nothing came proves nothing. */
    bool (*looked)(void *self);
};

/* Starts; everything else happens in the world's loop. *p is zeroed, or was used before. */
void probe_start(struct probe *p, struct world *w, const struct probe_config *config,
                 const struct probe_observer *observer);
/* Gives back all that the probe took: it is as never used. Not while it has connections. */
void probe_clear(struct probe *p);
/* A complete message reached a mailbox of ours; `mailbox` is its name as in the config. In a stored
 * message the envelope is what the last server wrote down: a reverse-path that is not known is
 * given as the null one, recipients that are not known are left out. */
/* True: it is of this run (a delivery, a report, a control). When the probe is finished, the ledger
 * and the verdict still learn of it. */
bool probe_arrival_in(struct probe *p, struct span mailbox, const struct mail_view *mail);
/* The same, in the first mailbox. */
bool probe_arrival(struct probe *p, const struct mail_view *mail);
/* A mailbox cannot be read now; `lasting`: it will not heal by itself. While one cannot be read,
 * that nothing came proves nothing. */
void probe_mailbox_trouble(struct probe *p, struct span name, struct span why, bool lasting);
void probe_mailbox_well(struct probe *p, struct span name); /* it could be read (again) */
/* Somebody spoke to our mailbox's server and left before end-of-data: a callout. */
void probe_callout(struct probe *p, struct span sender, struct span recipient);
/* Our side refused a message (canary side): code and text. recipient.ptr NULL: a connection, which
 * may have brought anything; from then on that nothing came proves nothing. */
void probe_canary_refused(struct probe *p, struct span recipient, struct span reply);
/* Ctrl-C: stop asking, stop waiting, conclude from what is known (`finished` is called soon). */
void probe_interrupt(struct probe *p);
bool probe_is_finished(const struct probe *p);
const struct verdict_result *probe_verdict(const struct probe *p);
size_t probe_size(void); /* sizeof(struct probe), for slots */

#endif
