/*
 * contexts.h - sessions of another kind in which the plain pair is asked once more, as data
 *
 * A context form is a form of its own, "S1-R1@E5t", with tokens of its own: what comes home tells
 * in which session it was let through. A session has one context. It differs from the plain one in
 * its greeting (another name, HELO, none at all), and in what is said between that and the form:
 * the steps. A context that the server does not let us into makes its forms not applicable, with
 * the row's sentence: such a no is one to the context, and says nothing of relaying.
 *
 * Some differ in the form's own commands alone (in_plain): they are asked in the plain session,
 * and cost no connection.
 *
 * One of them asks last of all, when nothing else can suffer from it (early): whether a command
 * that was said in clear behind STARTTLS is answered inside TLS. It is a control, and never a form.
 *
 * In some (false_end) the form is asked inside of a message to a recipient of the target's, behind
 * what some server may take for the end of its data. The steps begin that message; the form's own
 * commands are text to whoever knows where a message ends. Only what comes home proves more.
 *
 * No other step sends a message: a recipient that is local to the target is only named, and RSET
 * follows.
 *
 * Ownership: rows are static.
 */
#ifndef RELAYLAB_PROBE_ASK_CONTEXTS_H
#define RELAYLAB_PROBE_ASK_CONTEXTS_H

#include "probe/ask/forms.h"

enum { CONTEXT_STEPS_MAX = 4 };

enum context_hello { HELLO_EHLO, HELLO_HELO, HELLO_NONE };

/* What the reply to a step must be for the context to be had. */
enum context_want {
    WANT_TAKEN, /* 2yz */
    WANT_BEGUN, /* 334, RFC 4954 4 */
    WANT_DATA,  /* 354 */
    WANT_TRIED, /* AUTH was looked at, whatever was found */
    WANT_ANY
};

struct context_step {
    const char *say; /* a template; NULL: MAIL with the form's sender, as it will be asked */
    enum context_want want;
    bool joined; /* may be said in one write with what follows; not: EHLO, AUTH, XCLIENT, which
                    change what follows (RFC 2920 3.1, RFC 4954 4) */
};

struct context_row {
    const char *id; /* "E5t" */
    const char *name;
    const char *said; /* how the session differs, for people */
    enum context_hello hello;
    const char *helo; /* template of the name in EHLO or HELO; NULL: our own */
    struct context_step steps[CONTEXT_STEPS_MAX];
    unsigned step_count;
    uint8_t proxy;         /* version of the PROXY header before all else; 0: none */
    bool names_address;    /* we say of ourselves that we are 127.0.0.1 */
    bool certificate;      /* inside TLS, with a certificate of ours shown to the server */
    bool in_plain;         /* its session is the plain one: only the form's own commands differ */
    const char *verb;      /* instead of MAIL, or NULL; such forms go alone, in no group */
    const char *taken;     /* a sentence about a notice that was taken */
    const char *notice;    /* asked instead of the form, a template: a control, and never a form */
    bool early;            /* the notice stands in one write with STARTTLS, behind it */
    const char *false_end; /* behind it the form stands in the message that the steps began */
    bool chunk;            /* the message goes by BDAT, RFC 3030 */
    const char *extension; /* EHLO keyword that it needs, or NULL */
    const char *refused; /* why its forms are not applicable where the server does not let us in */
    enum form_battery battery;
    const char *why;   /* what it finds */
    const char *asked; /* who else asks it */
};

/* By enum form_context; rows[CONTEXT_PLAIN] is the plain session. */
extern const struct context_row form_contexts[];
extern const size_t form_context_count;

const struct context_row *context_of(const struct form *f);
/* The session is encrypted before anything is asked. */
bool context_in_tls(uint8_t context);
/* It makes no sense where STARTTLS cannot be had. */
bool context_wants_starttls(uint8_t context);
/* "MAIL", or what stands in its place. */
const char *context_verb(const struct form *f);
/* The context of the session that the form is asked in. */
uint8_t context_of_session(const struct form *f);
/* The greeting is not our own: a no to it is one to the context. */
bool context_has_hello(const struct context_row *row);
/* The name that we give; `helo` is our own. */
void context_name(const struct form *f, const struct form_identity *who, struct span helo,
                  struct strbuf *out);
/* The command of a step; `from` is the sender that the form is asked with. */
void context_command(const struct form *f, unsigned step, const struct sender_row *from,
                     const struct form_identity *who, struct span helo, struct strbuf *out);
/* The header that the connection begins with; nothing where there is none. It claims to speak for
   the server's own host. */
void context_header(const struct context_row *row, const struct endpoint *target,
                    struct strbuf *out);
/* Whether the context stands, as far as this step goes. */
bool context_wanted(enum context_want want, int code);
/* {words} of the row that need to be known. */
bool context_says(const struct context_row *row, const char *word);

#endif
