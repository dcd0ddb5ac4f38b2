/*
 * session.h - one connection to the target: the script that asks the plan's forms
 *
 * EHLO (or HELO, or what the session's context says), then for each form MAIL, RCPT and, when both
 * are taken, DATA and the message; RSET after each, QUIT at the end. Where PIPELINING is offered,
 * forms go out in groups first (MAIL, RCPT and RSET of each, in one write, with what the context
 * says before its form, and with the QUIT or STARTTLS that is to follow), and those that want more
 * than a plain no alone, later. A form's answer is given to the plan only when the RSET after it
 * was answered with 250: until then a reply too many would show, and the form counts as not asked.
 * The session ends by itself when the plan has nothing to ask now, before the ninth refusal (a
 * group may bring nine), and when the server ends it.
 *
 * A round trip is a wait for the server: for the connection with its greeting; for the reply to a
 * command, or the replies to a group; for that to a message; for a TLS handshake (two before TLS
 * 1.3; one more for the greeting when TLS comes first). They follow each other, so that a session
 * lasts as many times the line's delay there and back. Where PIPELINING is offered and nothing but
 * plain refusals come, a session takes three: connection, EHLO, the group with QUIT. What must be
 * waited for by its RFC costs one more each: a second EHLO, AUTH, XCLIENT; STARTTLS costs three,
 * for the handshake, EHLO behind it, and the group there.
 *
 * Ownership: the struct is the probe's and can be used again after `ended`. Spans in session_config
 * must outlive it.
 */
#ifndef RELAYLAB_PROBE_ASK_SESSION_H
#define RELAYLAB_PROBE_ASK_SESSION_H

#include "drive/tls/tls.h"
#include "drive/world.h"
#include "lib/smtp/client.h"
#include "lib/smtp/proxy.h"
#include "probe/ask/contexts.h"
#include "probe/ask/plan.h"

enum {
    SESSION_REPLY_MAX = 256, /* what is kept of one */
    SESSION_KEYWORDS_MAX = 512,
    SESSION_MESSAGE_MAX = 4096,
    SESSION_REFUSALS_MAX = 8, /* Postfix slows every reply down from the tenth error on */
    SESSION_GROUP_MAX = 9,    /* forms in one write: what Postfix answers without slowing down */
    SESSION_GROUP_COMMANDS = 4 * SESSION_GROUP_MAX + CONTEXT_STEPS_MAX + 1,
    SESSION_GROUP_NOBODY = SESSION_GROUP_MAX, /* the owner of what belongs to no form */
    SESSION_SYNTAX_MAX = 3 /* Exim hangs up at the fourth syntax error (smtp_max_synprot_errors) */
};

struct target_notes {  /* what was learned of the target beside the forms; texts are the evidence's
                        */
    uint16_t greeting; /* "220 mx.victim.test ESMTP", first session */
    uint16_t ehlo_keywords; /* "PIPELINING, SIZE 10240000, STARTTLS"; empty after HELO */
    uint16_t tls_keywords;  /* likewise, inside a TLS that the server demands */
    int greeting_code;
    bool greeted;   /* an SMTP greeting (any code) came once */
    bool esmtp;     /* EHLO was taken */
    bool tls_esmtp; /* also inside a TLS that the server demands */
    bool helo_used; /* HELO was taken instead */
    bool starttls_offered, starttls_refused;
    bool certificate_asked;  /* the server wants one of ours in its handshake */
    bool tls_injected;       /* bytes in clear came behind the 220 to STARTTLS */
    uint16_t starttls_reply; /* that refused it */
    struct tls_facts *tls; /* of the last handshake that stood, else of the last that failed; NULL:
                              none was begun. The probe's memory */
    bool bare_lf, eight_bit, control_bytes, mixed_codes; /* oddities of its replies */
    bool quit_unanswered;
    bool hung_up;              /* it closed at least one session by itself */
    bool tainted;              /* at least one session could not be believed */
    bool bare_mail, bare_rcpt; /* takes addresses only without angle brackets (A5) */
    unsigned sessions, tainted_sessions;
    unsigned commands;          /* said, QUIT and messages included */
    unsigned round_trips;       /* waits for the server, all of them */
    unsigned longest;           /* the most that followed each other; all, without company */
    unsigned groups;            /* of commands in one write */
    enum answer session_answer; /* last refusal of greeting, EHLO/HELO or every sender */
    const struct answer_row *session_row;
    uint16_t session_reply;
    enum smtp_step session_step;
    enum smtp_outcome last_outcome; /* of the last session that failed */
    enum smtp_step last_step;
    int64_t first_connect_ns, last_reply_ns;
};

struct session;

struct session_observer {
    /* 'C', 'S' or '*'; without line ends, except in the message. May be NULL. */
    void (*line)(void *self, unsigned number, char direction, struct span text);
    /* The greeting names the target so (a domain name with a dot). */
    void (*named)(void *self, struct span name);
    /* The form's message is about to be sent; false: it must not be. May be NULL. */
    bool (*sending)(void *self, const struct form_result *form, const struct mail_probe *mail);
    /* The form has an answer that stands, or was lost: once for every attempt. May be NULL. */
    void (*settled)(void *self, const struct form_result *form);
    /* The session is over and may be used again. */
    void (*ended)(void *self, struct session *s);
    void *self;
};

enum session_tls {
    SESSION_TLS_AUTO, /* in clear; behind STARTTLS what belongs there */
    SESSION_TLS_NONE,
    SESSION_TLS_STARTTLS,
    SESSION_TLS_IMPLICIT
};

struct session_config {
    const struct form_identity *who;
    struct evidence *evidence; /* where replies are kept */
    struct memory *memory;     /* of what is being said */
    struct span helo;          /* our name */
    struct span contact;
    struct span target_text; /* for the message */
    struct endpoint target, source;
    const struct smtp_timeouts *timeouts;
    int64_t deadline_ns; /* of asking */
    struct tls *tls;     /* NULL: everything in clear */
    enum session_tls tls_mode;
    bool one_by_one;      /* no groups, whatever the server offers */
    const char *tls_name; /* that the certificate should have; NULL: none */
    struct session_observer observer;
};

/* Forms that were asked in one write: the context's steps, MAIL, RCPT and RSET of each, and what
   follows. */
struct session_group {
    struct form_result *forms[SESSION_GROUP_MAX];
    const struct sender_row *senders[SESSION_GROUP_MAX];
    uint8_t owner[SESSION_GROUP_COMMANDS]; /* of each command: index in forms */
    uint8_t steps[SESSION_GROUP_COMMANDS]; /* enum smtp_step */
    uint8_t count, commands;
    uint8_t lead; /* commands of the context, before its form */
    uint8_t tail; /* private: stage of the last command, QUIT or STARTTLS; STAGE_GREETING: none */
    uint8_t said, heard;  /* commands */
    bool mail_taken;      /* of the form whose replies come now */
    bool companion_heard; /* its other recipient was answered (R38) */
    bool unlearned;       /* the plain question must be put in other words first */
    bool single;          /* its answer asks for more than a group can say */
    bool idle;            /* the context was not had: what is still heard says nothing */
};

enum session_control { CONTROL_UNKNOWN, CONTROL_TAKEN, CONTROL_OTHER_CLASS, CONTROL_SAME_CLASS };

struct session {
    struct smtp_client client;
    struct link *link;
    struct tls_layer *layer; /* NULL: none */
    struct world_timer pause;
    struct proxy_front front; /* in front of all, in a session that begins with a header */
    struct world *world;
    const struct session_config *config;
    struct plan *plan;
    struct plan_session at; /* its number, its kind */
    struct target_notes *notes;
    struct form_result *form; /* being asked, its answer not yet trusted; NULL between forms */
    const struct sender_row *sender;
    enum session_control control; /* R43 in this session */
    unsigned refusals, syntax_errors;
    unsigned settled; /* forms that this session brought further */
    unsigned retry_hint_s;
    uint8_t stage;             /* private: what the script awaits */
    uint8_t after_rset;        /* private: where it goes from RSET */
    uint8_t context_step;      /* how many of the context's steps were taken */
    bool pipelining;           /* its EHLO was answered so */
    unsigned waited;           /* round trips that followed each other until now; the owner's at
                                  session_start */
    bool company;              /* another stands beside it, or did: the owner's */
    bool unseen;               /* it ended, and the owner has not looked at it yet: the owner's */
    bool active;               /* between session_start and `ended` */
    bool answer_here;          /* the form has its answer, RSET pending */
    bool control_needed;       /* the answer stands only if R43 speaks for it */
    bool mail_bare, rcpt_bare; /* style of the present attempt */
    bool over;                 /* QUIT was said or the end is decided */
    bool asked_suspect;        /* a form that is asked alone */
    bool tainted;              /* it is believed no more */
    bool busy;                 /* the server said 421 or 4yz to the session itself */
    bool group_lost;           /* it ended while replies to a group were missing */
    bool turned_away;          /* the server said 421 to a form */
    bool refused;              /* the server refused the session for good */
    bool unwritten;            /* the owner could not write a message down: nothing more is asked */
    enum smtp_outcome outcome;
    enum smtp_step step;
    struct session_group group;
    char *lent; /* to the client: a message, or a group's lines; NULL: nothing */
    size_t lent_len;
};

/* False: the world is out of links. */
bool session_start(struct session *s, struct world *w, const struct session_config *config,
                   struct plan *plan, struct target_notes *notes, unsigned number);
/* Gives back what it holds of its memory; for one that will not end by itself any more. */
void session_forget(struct session *s);
/* Ends soon without another question; `ended` follows. */
void session_cancel(struct session *s);

#endif
