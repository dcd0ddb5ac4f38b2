/*
 * probe_state.h - struct probe in full, for those who print it
 *
 * probe.h is the interface; this is what stands behind it. Reports read it, only probe/ writes it.
 *
 * Ownership: the probe's; what grows with what is learnt is in its memory, until probe_clear. Spans
 * in `config` and `who` are the caller's of probe_start. Limits: the lists keep their first entries
 * and count the rest.
 */
#ifndef RELAYLAB_PROBE_PROBE_STATE_H
#define RELAYLAB_PROBE_PROBE_STATE_H

#include "probe/probe.h"
#include "probe/evidence.h"
#include "probe/ask/session.h"

enum {
    PROBE_REPORTS_MAX = 32,
    PROBE_CALLOUTS_MAX = 16,
    PROBE_HOPS_MAX = 12,
    PROBE_NAME_MAX = 256,
    PROBE_SHOWN_MAX = 1024
};

enum probe_phase {
    PROBE_CONTROL_BEFORE, /* waits for the first control */
    PROBE_ASKING,         /* a session runs */
    PROBE_RETRY_WAIT,     /* until a deferred form is due */
    PROBE_WINDOW,         /* asking is over; waits for what comes home */
    PROBE_FINISHED
};

struct probe_report { /* a DSN or another report that came to our mailbox */
    int form;         /* index in results; -1: a control's, or not known */
    bool is_dsn;
    bool in_words; /* no DSN, but a mailer daemon's free text says that delivery failed */
    enum dsn_action action;
    bool by_target;   /* made by the target itself: nothing in it names another host as the one that
                         refused */
    bool canary_side; /* names the canary's side as the one that refused */
    int64_t at_ns;
    char reporting_mta[128];
    char remote_mta[128];
    char status[16];
    char diagnostic[192];
    char to[MAIL_PATH_MAX]; /* envelope recipient */
};

struct probe_report_kept { /* the same, its texts in the evidence */
    int64_t at_ns;
    int form;
    enum dsn_action action;
    bool is_dsn, in_words, by_target, canary_side;
    uint16_t reporting_mta, remote_mta, status, diagnostic, to;
};

struct probe_delivery { /* the first of a form */
    int64_t at_ns;
    uint16_t form; /* index in results */
    uint16_t to;   /* a text of the evidence: the envelope recipient it came home to */
};

struct probe_callout { /* somebody spoke to our mailbox's server and left before end-of-data */
    int form;          /* -1: no token of ours */
    int64_t at_ns;
    char sender[MAIL_PATH_MAX];
    char recipient[MAIL_PATH_MAX];
};

struct probe_row { /* what was last written down of a form */
    bool written;
    enum form_state state;
    enum answer answer;
};

struct probe_mailbox { /* what is known of one that is watched */
    bool troubled, lasting;
    int64_t troubled_ns; /* since when; of the last time when it is well */
    unsigned arrivals;   /* of ours */
    uint16_t why;        /* a text of the evidence; of the last trouble */
};

struct probe_hop { /* one Received field; visible characters */
    char from[96], address[48], by[96], date[48];
};

struct probe_proof {      /* the first delivery */
    bool token_in_header; /* our field was still in it */
    int form;             /* index in results */
    unsigned hop_count;   /* may pass the list's room; the newest hops are left out then */
    unsigned hop_room;
    char mailbox[128];
    char file[256];          /* where the message was saved; empty: nowhere */
    struct probe_hop hops[]; /* oldest first: who took it from us, ... */
};

struct probe_talk { /* of a control, while it lasts */
    struct smtp_client client;
    char *message; /* that is being sent; NULL: not yet */
};

struct probe_control {       /* a message of our own, by its own way in */
    struct probe_talk *talk; /* NULL: none */
    struct link *link;
    struct probe *probe;
    struct token_pair tokens;
    struct canary canary;
    struct endpoint route;
    int64_t sent_ns, arrived_ns; /* 0: not */
    int64_t until_ns;            /* no attempt from then on */
    int64_t again_ns;            /* it was deferred: the next attempt; 0: none is due */
    unsigned attempts;
    bool started, active; /* active: between start and `ended` */
    bool finished;        /* its last session is over */
    bool again;           /* deferred, its session not yet over; private */
    bool unwritten;       /* not sent, since the ledger could not take it */
    bool accepted;        /* end-of-data was answered with 250 */
    bool arrived;         /* came home */
    uint8_t stage;        /* private */
    enum smtp_outcome outcome;
    enum smtp_step step;
    char reply[160]; /* the last one */
    const char *id;  /* "control-before", "control-after" */
};

struct probe {
    struct probe_config config;
    struct probe_observer observer;
    struct world *world;
    enum probe_phase phase;
    struct form_identity who;
    struct memory memory;
    struct evidence evidence; /* what was said about each form */

    struct form_result *results; /* asking order; controls (kind FORM_CONTROL) last */
    struct plan_form *plan_forms;
    size_t result_count, room_count; /* room for so many */
    struct plan plan;
    struct session *sessions[PROBE_BESIDE_MAX]; /* that stand; NULL: none */
    unsigned waited[PROBE_BESIDE_MAX];          /* of the last in that place, see session.waited */
    struct session_config session_config;
    struct target_notes target;
    struct probe_control *controls; /* of each canary: before, after */
    size_t canary_count;

    struct probe_report_kept *reports; /* the first PROBE_REPORTS_MAX */
    struct probe_callout *callouts;    /* the first PROBE_CALLOUTS_MAX */
    struct probe_delivery *deliveries; /* one of each form that was delivered */
    unsigned report_kept, callout_kept, delivery_kept;
    unsigned report_count, callout_count; /* all that came */
    unsigned delivery_count, foreign_count, unclear_count, forged_count, replayed_count;
    struct probe_mailbox mailboxes[PROBE_MAILBOXES_MAX]; /* as config.mailboxes */
    bool ledger_failed;                                  /* something could not be written down */
    struct probe_row *rows;                              /* of each form, what the ledger has */
    /* Texts of the evidence: */
    uint16_t forged;           /* the first one: token, mailbox and sender */
    uint16_t replayed;         /* the same, with the run that it belongs to */
    bool canary_refused;       /* the canary's side refused a relayed message */
    bool turned_away;          /* our mailbox was full of connections and let one go unheard */
    uint16_t canary_refusal;   /* what it said; of the evidence */
    struct probe_proof *proof; /* NULL: there was no delivery */
    uint16_t unclear; /* of the evidence: the first arrival that cannot be told apart: envelope and
                         head */

    int64_t *connected_ns; /* when each session began; the rate is kept by it */
    unsigned connected_room;
    int64_t started_ns;
    int64_t asking_ended_ns; /* 0: still asking */
    int64_t window_end_ns;   /* 0: no window was needed */
    int64_t finished_ns;
    int64_t first_delivery_ns; /* 0: none */
    bool deadline_passed;      /* --max-time ended the asking */
    bool interrupted;
    bool window_whole;        /* it passed to its end */
    bool sessions_used_up;    /* PROBE_SESSIONS_MAX */
    bool one_at_a_time;       /* sessions: side by side one broke */
    unsigned failed_sessions; /* in a row, without an answer to any form */
    bool looked_last;         /* the mailboxes were asked to be looked at: the window is over */
    bool look_missed;         /* and that was not answered */
    bool concluding;          /* connections are being ended, then `finished` is called */
    int64_t resume_ns;        /* no session before */
    int64_t slot_ns;          /* reserved for the next session; 0: none */
    struct world_timer timer;
    struct verdict_result verdict;

    /* Text that was derived from config; NULL where there was no memory for it. */
    char target_text[ENDPOINT_TEXT_MAX]; /* "192.0.2.1:25" */
    bool named;                          /* the target was given by name */
    char *helo;
    char *target_name;  /* {T}; the address literal when no name was given, unless it greets with
                           one under --domain */
    char *token_target; /* run, target and source: input of the tokens */
};

/* "S1-R1" and so on; NULL when there is none. */
const struct form_result *probe_form(const struct probe *p, struct span id);
/* NULL: it was not delivered, or there was no memory. */
const struct probe_delivery *probe_delivery_of(const struct probe *p, const struct form_result *r);
/* The i-th report that was kept. */
void probe_report_at(const struct probe *p, unsigned i, struct probe_report *out);
void probe_facts(const struct probe *p, struct verdict_facts *facts);

#endif
