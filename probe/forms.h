/*
 * forms.h - the ways to ask a server to relay, as data
 *
 * A form is a sender shape times a recipient shape (session contexts come later). Rows are
 * templates; forms_plan makes the list of forms for one target by the pairing rule: every recipient
 * shape with the plainest sender that the server takes, then every sender shape with the plain
 * recipient. Ids are those of the field's list: "S1-R6".
 *
 * Templates: {x} canary local part with the recipient token (x+token), {X} canary domain, {S} our
 * sender domain, {p} sender local part with the sender token, {T} target name, {ip} target address
 * as an address literal's inside, {D} a domain local to the target, {rand} the sender token alone.
 *
 * Ownership: rows are static; a struct form is a value with its own text.
 */
#ifndef RELAYLAB_PROBE_FORMS_H
#define RELAYLAB_PROBE_FORMS_H

#include "lib/base/endpoint.h"
#include "lib/base/token.h"
#include "lib/smtp/mail.h"

enum { FORMS_MAX = 64, FORM_ID_MAX = 16, FORM_CANARIES_MAX = 4 };

struct sender_row {
    const char *id; /* "S1" */
    const char *name;
    const char *template; /* what stands after MAIL FROM: */
    const char *why;
    bool needs_domain; /* {D} must be known */
    bool standard, quick;
};

struct recipient_row {
    const char *id; /* "R1" */
    const char *name;
    const char *template; /* what stands after RCPT TO: */
    const char *why;
    bool control; /* R41-R43: explains, never counts */
    bool standard, quick;
};

extern const struct sender_row form_senders[];
extern const size_t form_sender_count;
extern const struct recipient_row form_recipients[];
extern const size_t form_recipient_count;

enum token_place {
    TOKEN_SUBADDRESS, /* local+token@domain */
    TOKEN_CATCH_ALL   /* token@domain, where every local part is ours */
};

struct canary { /* of an unrelated domain, with a mailbox of its own */
    struct span local, domain;
};

struct form_identity { /* who asks whom */
    enum token_place token_place;
    struct span canary_local, canary_domain; /* the first one */
    struct canary further[FORM_CANARIES_MAX - 1];
    size_t further_count;
    struct span sender_local, sender_domain;
    struct span target_name;  /* {T}; a name, or the address literal */
    struct endpoint target;   /* {ip} */
    struct span local_domain; /* {D}; empty: unknown */
};

enum form_kind { FORM_EXTERNAL, FORM_AMBIGUOUS, FORM_CONTROL };

struct form {
    char id[FORM_ID_MAX]; /* "S1-R1"; of the second canary "S1-R1.2" */
    uint8_t canary;       /* 0: the first one */
    const struct sender_row *sender;
    const struct recipient_row *recipient;
    enum form_kind kind; /* computed: external when the domain after the last unquoted @ is the
                            canary's */
    bool applicable;
    const char *why_not; /* when not applicable: one sentence */
    struct token_pair tokens;
};

/* The forms of a battery ("quick", "standard", "full", or a list "S1-R1,S3-R1,R6"), in asking
   order; controls last. False: *error is a sentence naming the unknown word. */
bool forms_select(struct span selection, struct form *forms, size_t cap, size_t *count,
                  struct strbuf *error);
/* Adds the plain form once more for every further canary, before the controls. False: no room. */
bool forms_add_canaries(struct form *forms, size_t cap, size_t *count, size_t further_count);
/* The canary that the form would reach. */
struct canary form_canary(const struct form *f, const struct form_identity *who);
/* An address with a token in it, as `place` says: local+token@domain, or token@domain. */
void form_mailbox(struct strbuf *out, enum token_place place, struct span local,
                  const struct token *token, struct span domain);
/* {T} of a target that was given by its address is the address literal, and so is {D} when none is
 * known: what a server calls itself may be somebody else's name, and a relay would send there.
 * `room` keeps the text. */
void forms_name_by_address(struct form_identity *who, char *room, size_t cap);
/* Fills in tokens, kind and applicability for this identity. */
void forms_bind(struct form *forms, size_t count, const struct form_identity *who,
                const struct token_key *key, struct span target);
/* What is sent: the path as it stands after "MAIL FROM:" / "RCPT TO:". `bare`: without angle
   brackets where the row has them (A5). The sender row may be another than the form's own (another
   sender when the first is refused). */
void form_sender(const struct form *f, const struct sender_row *row,
                 const struct form_identity *who, bool bare, struct strbuf *out);
void form_recipient(const struct form *f, const struct form_identity *who, bool bare,
                    struct strbuf *out);
/* Text table of all rows for --list-forms. */
void forms_print(struct strbuf *out);

#endif
