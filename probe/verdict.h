/*
 * verdict.h - the one function from facts to verdict
 *
 * Pure: everything that was learned goes in as plain facts, a verdict with its reason comes out.
 * Each line of the rule is one row of a table, first line that holds wins (doc/DESIGN.md,
 * Verdicts).
 */
#ifndef RELAYLAB_PROBE_VERDICT_H
#define RELAYLAB_PROBE_VERDICT_H

#include "probe/ask/answers.h"
#include "probe/ask/forms.h"

enum verdict {
    VERDICT_OPEN,
    VERDICT_BOUNCES,
    VERDICT_DISCARDS,
    VERDICT_ACCEPTS,
    VERDICT_INCONCLUSIVE,
    VERDICT_CLOSED,
    VERDICT_UNREACHABLE
};

enum plain_accepted { PLAIN_NO, PLAIN_RCPT, PLAIN_DATA, PLAIN_END_OF_DATA };

enum form_state {
    FORM_NOT_ASKED,
    FORM_NOT_APPLICABLE,
    FORM_DENIED,   /* refused for good */
    FORM_ACCEPTED, /* 2yz to end-of-data */
    FORM_OFFERED,  /* a byte followed 354 and the answer was no, or none: fate must be awaited */
    FORM_UNDECIDED /* deferred, refused for another reason, lost */
} __attribute__((packed));

struct form_result {
    struct form form;
    const struct answer_row *row;
    const struct sender_row *sender_used;
    int64_t answered_ns; /* or lost; of the last attempt */
    /* In the probe's evidence; 0: there is none. */
    uint16_t dialogue; /* of the last attempt */
    uint16_t reply;    /* "554 5.7.1 <...>: Relay access denied" */
    int16_t code;
    enum form_state state : 8; /* octets: there are as many results as forms, of every target */
    enum answer answer : 8;
    enum smtp_step step : 8;       /* where the answer came */
    enum smtp_outcome outcome : 8; /* when no reply came: how the session ended; else
                                      OUTCOME_CLOSED_BY_US */
    bool rcpt_accepted : 1, data_accepted : 1;
    bool body_sent : 1; /* a byte of the message followed 354 */
    bool delivered : 1, bounced : 1;
    bool ended_early : 1; /* a carrier's (E16): replies came as if it had ended at the false end */
    uint8_t attempts;
    uint8_t hang_ups; /* connections that ended on this form */
};

struct evidence; /* evidence.h */

struct verdict_facts {
    const struct evidence *evidence; /* of the forms; NULL: none was kept */
    const struct form_result *forms;
    size_t form_count;
    const struct form_result *plain; /* S1-R1 (or the plain recipient with the sender that the
                                        server took) */
    bool greeted;                    /* an SMTP greeting (any code) came once */
    enum smtp_outcome last_outcome;  /* of the last session that failed */
    enum smtp_step last_step;
    int greeting_code;
    enum answer session_answer; /* a refusal of greeting, EHLO/HELO or every sender; ANSWER_NONE
                                   otherwise */
    bool mailbox;               /* there is a way to see what arrives */
    bool mailbox_dead;          /* one cannot be read now */
    bool no_control_route;      /* a canary's own way in is not known */
    bool control_before, control_after; /* came home, to every canary */
    bool turned_away;                   /* our mailbox let a connection go unheard */
    bool window_whole;    /* the wait after the last accepted message was not cut short */
    bool deadline_passed; /* --max-time ended the asking */
    bool messages_spent;  /* --max-messages left forms out */
    bool interrupted;
    bool tainted;        /* a desynchronised session: its forms are not asked */
    bool canary_refused; /* the canary's side refused the relayed message */
    bool not_smtp;
    bool no_memory;           /* something could not be kept, or asked */
    bool undecidable_arrival; /* something arrived that cannot be told apart: accepts */
};

struct verdict_result {
    enum verdict verdict;
    const char *reason_code; /* stable: "delivered", "relay-denied", "timeout-rcpt", "greylisted",
                                ... */
    char reason[256];        /* one sentence */
    enum plain_accepted plain_accepted;
    unsigned refused, accepted, undecided, not_asked, not_applicable, total; /* without controls */
};

/* Nothing but another question would change this answer. */
bool verdict_refused_for_good(enum answer a);
/* Empties *out and fills in its counts and plain_accepted. */
void verdict_count(const struct verdict_facts *facts, struct verdict_result *out);
void verdict_decide(const struct verdict_facts *facts, struct verdict_result *out);
const char *verdict_name(enum verdict v);
bool verdict_parse(struct span name, enum verdict *v);
int verdict_exit_status(enum verdict v);
const char *plain_accepted_name(enum plain_accepted p);
/* The reason_code of a step that got no answer: "timeout-rcpt", "lost-rcpt". */
const char *verdict_step_code(bool timeout, enum smtp_step step);

#endif
