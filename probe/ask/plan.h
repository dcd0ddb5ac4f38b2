/*
 * plan.h - what to ask next of one target, across sessions
 *
 * A session takes forms from the plan, one by one (plan_next) or several for a group
 * (plan_next_grouped), and gives each back with what became of it. The plan keeps what must outlive
 * a session: which form waits for a retry and until when, how often it was tried, what the target
 * likes (bare addresses, another sender, HELO only), and it turns an answer into the state of the
 * form.
 *
 * Ownership: the plan borrows the results (the probe's array) and its own array, and lives as long
 * as they do. Limits: PLAN_ATTEMPTS_MAX sessions per form; a form of which a message byte went out
 * is never asked again.
 */
#ifndef RELAYLAB_PROBE_ASK_PLAN_H
#define RELAYLAB_PROBE_ASK_PLAN_H

#include "lib/base/clock.h"
#include "probe/verdict.h"

enum { PLAN_SESSIONS_MAX = 8 }; /* at the same time */
enum { PLAN_ATTEMPTS_MAX = 6, PLAN_TAINTS_MAX = 2, PLAN_HANG_UPS_MAX = 2, PLAN_LOSSES_MAX = 2 };
/* What was taken once is asked again so often, when it is refused since: more than a group has. */
enum { PLAN_AGAIN_MAX = 12 };
/* Deferred forms that are due within this time of each other are asked in one session. */
#define PLAN_GATHER_NS CLOCK_MINUTE
/* So long before the deadline comes the last retry. */
#define PLAN_LAST_NS CLOCK_MINUTE

enum plan_phase {
    PLAN_PENDING, /* to be asked in this or the next session */
    PLAN_TAKEN,   /* a session asks it now */
    PLAN_WAITING, /* deferred: to be asked again at due_ns */
    PLAN_SETTLED  /* never again */
} __attribute__((packed));

/* Which sessions go before the plain ones, since those came to nothing; each is wider. */
enum plan_front {
    PLAN_FRONT_PLAIN,   /* none */
    PLAN_FRONT_HEADERS, /* it does not let us in: perhaps it waits for a PROXY header */
    PLAN_FRONT_NAMES    /* our name in EHLO and HELO is refused: others, or none, perhaps not */
};

enum plan_style { STYLE_UNKNOWN, STYLE_BRACKETS, STYLE_BARE }; /* how paths are written (A5) */

struct plan_form {
    int64_t due_ns;
    enum plan_phase phase;
    uint8_t deferrals, taints, losses, closings;
    bool suspect : 1; /* a session lost its trust over it: it is asked in a session of its own */
    bool single : 1;  /* asked one command at a time from now on */
    bool sending : 1; /* while it is taken: its message may go out */
    uint8_t session;  /* that gave its present answer */
    uint8_t taken_in; /* the session that took its recipient first; 0: none did */
    uint8_t again;    /* how often it was asked again since it was taken */
};

struct plan_tls {
    bool able;           /* it can be done */
    bool implicit;       /* from the first byte */
    bool forced;         /* the user wants everything behind STARTTLS */
    bool looked;         /* EHLO or HELO was taken */
    bool offered;        /* EHLO listed STARTTLS */
    bool demanded;       /* everything is asked behind it: the server said so, or the user */
    bool off;            /* STARTTLS was refused */
    uint8_t failures[2]; /* handshakes; [1]: with our certificate */
};

/* What the plan knows of one session; the session's own, one for each. */
struct plan_session {
    uint8_t number;  /* from 1 */
    uint8_t context; /* enum form_context; of the forms that it asks */
    uint8_t local;   /* of a context that is not plain: the local domain in its greeting */
    bool encrypted;  /* by now */
    bool waiting;    /* it has not come to its forms yet */
};

struct plan {
    struct form_result *results;
    size_t count;
    struct plan_form *forms;                               /* of each result */
    const struct plan_session *running[PLAN_SESSIONS_MAX]; /* NULL: none */
    bool learnt;           /* a form was answered: how the target is asked is known */
    int64_t retry_ns;      /* the next delay for a deferred form starts from here */
    int64_t deadline_ns;   /* no form is asked from then on */
    unsigned messages_max; /* that the target may take; 0: as many as there are forms */
    bool messages_spent;   /* forms were left out for that */
    bool again_in_vain;    /* one that was taken was not taken again, however often it was asked */
    enum plan_style mail_style, rcpt_style;
    unsigned sender_index; /* how many of the stand-in senders were refused; past the last: all were
                            */
    uint8_t group_losses;  /* groups that did not get all their replies */
    bool group_wait; /* it must be learned first how the plain question is spelled, and in whose
                        name: by one form alone */
    bool group_off;  /* forms go one by one */
    bool helo_only;  /* the server hung up on EHLO */
    enum plan_front front;
    struct plan_tls tls;
};

/* forms: zeroed, as many. */
void plan_init(struct plan *p, struct form_result *results, struct plan_form *forms, size_t count,
               int64_t retry_ns, int64_t deadline_ns);
/* The next form that may be asked now, in that session as it is, and marks it taken; results entry,
   or NULL. */
struct form_result *plan_next(struct plan *p, const struct plan_session *at, int64_t now_ns);
/* The next one that may be asked among others in one write; results entry, or NULL. */
struct form_result *plan_next_grouped(struct plan *p, const struct plan_session *at,
                                      int64_t now_ns);
/* Something is left that may be asked now, in that session as it is. */
bool plan_has_more(const struct plan *p, const struct plan_session *at, int64_t now_ns);
/* It may be asked in one write with other commands. */
bool plan_may_group(const struct plan *p, const struct form_result *r);
/* What the group heard of it is not the last word: it is asked again, alone. */
void plan_ask_single(struct plan *p, struct form_result *r);
/* When the next waiting form is due: now or earlier when one is pending; CLOCK_NEVER when all is
 * settled. */
int64_t plan_due(const struct plan *p);
/* The sender that stands in for the plainest one; NULL: the target took none of them. */
const struct sender_row *plan_plain_sender(const struct plan *p);
/* The stand-in was refused: goes on to the next; false when there is none left. */
bool plan_sender_refused(struct plan *p, const struct form_identity *who);
/* Forms that were not applicable may be now: the target's name became known. */
void plan_refresh(struct plan *p);

/* When to come back: after `delay`, or, where that would be too late, shortly before the deadline
 * if `least` has passed by then. Later than the deadline: not at all. */
int64_t plan_retry_at(const struct plan *p, int64_t now_ns, int64_t least_ns, int64_t delay_ns);

/* A whole answer came and the session can be trusted: result->answer, row, code, step are filled
 * in. */
void plan_answered(struct plan *p, const struct plan_session *at, struct form_result *r,
                   int64_t now_ns, unsigned retry_hint_s);
/* The session broke while the form was asked; the outcome and step are in the result. */
void plan_lost(struct plan *p, struct form_result *r, int64_t now_ns);
/* The session cannot be believed: what it said about the form counts as not asked. */
void plan_tainted(struct plan *p, struct form_result *r);
/* Nor can what it said before, since nobody knows since when replies and commands have lost each
 * other: the refusals that it gave count as not asked. Messages that went out stay. */
void plan_taint_session(struct plan *p, const struct plan_session *at);
bool plan_is_suspect(const struct plan *p, const struct form_result *r);
/* The form was not asked after all (the session must end first): ask it in the next one, no attempt
 * counted. */
void plan_put_back(struct plan *p, struct form_result *r);
/* The form was taken and cannot be asked of this server; `why` is a sentence that lives for ever.
 */
void plan_not_applicable(struct plan *p, struct form_result *r, const char *why);
/* The same of one that was not taken; taken back when that session loses its trust. */
void plan_rule_out(struct plan *p, const struct plan_session *at, struct form_result *r,
                   const char *why);
/* plan_context.c */
/* The context of a new session is that of the form that was tried least, the plain one first. */
void plan_begin_session(struct plan *p, struct plan_session *at, unsigned number, int64_t now_ns);
void plan_end_session(struct plan *p, const struct plan_session *at);
/* It is known how the target is asked, and forms are left that no session which runs is about to
 * ask. */
bool plan_wants_beside(const struct plan *p, int64_t now_ns);
/* The form belongs into a session of that kind. */
bool plan_form_in_context(const struct plan_session *at, const struct form_result *r);
/* The form is for when all others are settled, and some are not. */
bool plan_form_is_held(const struct plan *p, size_t i);
/* The form may be asked now, wherever it belongs. */
bool plan_form_is_left(const struct plan *p, size_t i, int64_t now_ns);
/* The server does not let us into the session's context: what is left of its forms is not
 * applicable, also what was put off before. */
void plan_context_refused(struct plan *p, const struct plan_session *at, const char *why);
/* The session ended before it had its answer, and its kind is not worth another: its forms stay
   undecided. */
void plan_context_unclear(struct plan *p, const struct plan_session *at, enum smtp_outcome outcome,
                          enum smtp_step step);
/* Those sessions are the next. False: there are none, or they were tried. */
bool plan_try_front(struct plan *p, enum plan_front front, int64_t now_ns);
/* They were tried, and the server answered in one. */
bool plan_front_answered(const struct plan *p);
/* The answer was one to the context, not to the form. */
bool plan_refuses_context(const struct form_result *r);
/* plan_taken.c */
/* A session hears that the form's recipient is taken. */
void plan_note_taken(struct plan *p, const struct plan_session *at, const struct form_result *r);
/* The session is not believed: nor what it took. */
void plan_forget_taken(struct plan *p, const struct plan_session *at);
/* What came of the form at MAIL or RCPT is not what it was: its recipient was taken before. */
bool plan_was_taken(const struct plan *p, const struct form_result *r);
/* The form is refused for good. When it was taken before, it is asked again, or stays undecided.
   False: it was not. */
bool plan_ask_again(struct plan *p, struct form_result *r);
/* plan_messages.c */
/* The form's recipient was accepted: whether its message may be sent. */
bool plan_may_send(struct plan *p, const struct form_result *r);
/* It may not: the form is not asked. */
void plan_keep_back(struct plan *p, struct form_result *r);
/* When the last message that is allowed was taken: what is left is not asked, but for controls. */
void plan_spend_messages(struct plan *p);
/* plan_tls.c */
/* Before the first session: whether everything is in TLS, and which forms that leaves. */
void plan_tls_init(struct plan *p, bool able, bool implicit, bool forced);
void plan_tls_settle(struct plan *p); /* ... once more, when forms became applicable */
bool plan_form_in_tls(const struct plan *p, const struct form_result *r);
/* Forms are left that need STARTTLS first, and it may be had. */
bool plan_wants_tls(const struct plan *p, const struct plan_session *at, int64_t now_ns);
/* What the first EHLO said of it. */
void plan_tls_offered(struct plan *p, bool offered);
/* The server answers nothing in clear. False: TLS cannot be had, its answer stands. */
bool plan_tls_demanded(struct plan *p, const struct plan_session *at);
void plan_tls_refused(struct plan *p); /* by a reply to STARTTLS */
/* TLS stands, and the server did not ask for a certificate. True: a form was settled by that. */
bool plan_tls_unasked(struct plan *p);
/* The server's TLS wants one, and we showed none. True: a form was settled by that. */
bool plan_tls_certificate_wanted(struct plan *p);
/* The session ended between STARTTLS and the end of the handshake. */
void plan_tls_lost(struct plan *p, const struct plan_session *at, enum smtp_outcome outcome,
                   enum smtp_step step);
/* Asking is over: forms that were answered keep their answer, the others are not asked. */
void plan_close(struct plan *p);

#endif
