/*
 * forms.h - the ways to ask a server to relay, as data
 *
 * A form is a sender shape times a recipient shape, in a session of some kind (contexts.h). Rows
 * are templates; forms_select makes the list of forms for one target by the pairing rule: every
 * recipient shape with the plainest sender that the server takes, then every sender shape with the
 * plain recipient. A cell that differs is seen in the report; a cross is asked by its id ("S3-R6").
 *
 * Templates, in the words of the field's list:
 *     {x} {X}    local part of the canary with the recipient token, its domain
 *     {t}        the recipient token alone
 *     {p} {S}    local part of the sender with the sender token, its domain
 *     {rand}     the sender token alone
 *     {T} {ip}   the target's name, its address as an address literal's inside
 *     {D}        a domain local to the target
 *     {M}        a domain whose MX is the target
 *     {L}        a recipient that the target takes mail for
 *     {Z} {B}    a zone of ours with a wildcard MX; a domain of ours with the target as backup MX
 *     {canary-ip4} {canary-ip6}   the canary's server, as an address literal's inside
 *     {xh} {Xh}  {x} and {X} with +XX for what is no letter or digit (IMCEA, RFC 3461 xtext)
 *     {XU} {Xw}  {X} in capitals; with its first letter as a full-width one (UTS 46 maps it back)
 *     {pad} {utf8} {8bit}         sixty letters; a letter in UTF-8; an octet that is no UTF-8
 *
 * Ownership: rows are static, a user's own forms live in the arena of whoever loaded them; a struct
 * form is a value with its own text.
 */
#ifndef RELAYLAB_PROBE_ASK_FORMS_H
#define RELAYLAB_PROBE_ASK_FORMS_H

#include "lib/base/endpoint.h"
#include "lib/base/token.h"
#include "lib/smtp/mail.h"

enum { FORMS_MAX = 192, FORM_ID_MAX = 20, FORM_CANARIES_MAX = 4, FORM_LOCALS_MAX = 4 };

/* The smallest battery that a row is in; each holds the smaller ones. "first" is the battery of the
 * first release, kept as a yardstick. */
enum form_battery { BATTERY_QUICK, BATTERY_FIRST, BATTERY_STANDARD, BATTERY_FULL };

struct sender_row {
    const char *id; /* "S1" */
    const char *name;
    const char *template;  /* what stands after MAIL FROM: */
    const char *params;    /* after the path, or NULL */
    const char *extension; /* EHLO keyword that it needs, or NULL */
    bool by_domain;        /* trust in {D} is the question: it is asked with each local domain */
    enum form_battery battery;
    const char *why;   /* what it finds: the real misconfiguration, where one is known */
    const char *asked; /* who else asks it */
};

enum form_limits {
    FORM_STRICT,   /* a local part of 64 octets at most, RFC 5321 4.5.3.1.1 */
    FORM_LONG,     /* longer: that is the question */
    FORM_OWN_ZONE, /* only where the recipient's domain is in a zone of ours */
};

struct recipient_row {
    const char *id; /* "R1" */
    const char *name;
    const char *template;    /* what stands after RCPT TO: */
    const char *params;      /* after the path, or NULL */
    const char *mail_params; /* after MAIL's path, or NULL */
    const char *extension;   /* EHLO keyword that it needs, or NULL */
    const char *companion;   /* another recipient in the same transaction, or NULL */
    bool companion_after;    /* it comes second */
    bool control;            /* R41-R43: explains, never counts */
    bool by_domain;          /* as a sender's */
    enum form_limits limits;
    enum form_battery battery;
    const char *why;
    const char *asked;
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

struct form_extras { /* what only some forms need; family 0 and empty: not known */
    struct endpoint canary_ip4, canary_ip6; /* {canary-ip4}, {canary-ip6} */
    struct span zone;                       /* {Z} */
    struct span backup_domain;              /* {B} */
    struct span mx_domain;                  /* {M} */
    struct span local_recipient;            /* {L} */
};

struct form_identity { /* who asks whom */
    enum token_place token_place;
    struct span canary_local, canary_domain; /* the first one */
    struct canary further[FORM_CANARIES_MAX - 1];
    size_t further_count;
    struct span sender_local, sender_domain;
    struct span target_name;                        /* {T} */
    struct endpoint target;                         /* {ip} */
    struct span local_domain;                       /* {D}; empty: unknown */
    struct span further_local[FORM_LOCALS_MAX - 1]; /* {D} of forms with `local` */
    size_t further_local_count;
    struct form_extras extras;
};

enum form_context {
    CONTEXT_PLAIN,   /* as the target is asked anyhow */
    CONTEXT_STARTTLS /* E3: behind STARTTLS; it may begin in a plain session */
                     /* further ones are rows of contexts.h */
};

enum form_kind { FORM_EXTERNAL, FORM_AMBIGUOUS, FORM_CONTROL } __attribute__((packed));

struct form { /* there are some hundred thousand in a large run: it is packed */
    const struct sender_row *sender;
    const struct recipient_row *recipient;
    const char *why_not;        /* when not applicable: one sentence */
    struct token_octets tokens; /* form_tokens */
    uint8_t context;            /* enum form_context; "S1-R1@E3" */
    uint8_t canary;             /* 0: the first one */
    uint8_t local;              /* the local domain that {D} is; 0: the first one */
    enum form_kind kind : 2;    /* computed: external when the domain after the last unquoted @ is
                                   the canary's or another of ours */
    bool applicable : 1;
    bool own : 1;    /* a user's */
    bool marked : 1; /* it has its tokens */
};

struct form_name {
    char text[FORM_ID_MAX];
};

struct form_own {                   /* a form of the user's */
    struct sender_row sender;       /* template NULL: the plainest */
    struct recipient_row recipient; /* its id is the form's */
};

/* The forms of a battery ("quick", "first", "standard", "full"), or of a list "S1-R1,S3-R1,R6", in
   asking order; controls last. False: *error is a sentence naming the unknown word. */
bool forms_select(struct span selection, struct form *forms, size_t cap, size_t *count,
                  struct strbuf *error);
/* Adds the user's own, before the controls. False: no room. */
bool forms_add_own(struct form *forms, size_t cap, size_t *count, const struct form_own *own,
                   size_t own_count);
/* Adds the plain form once more for every further canary, before the controls. False: no room. */
bool forms_add_canaries(struct form *forms, size_t cap, size_t *count, size_t further_count);
/* Adds the plain form once more, for a session behind STARTTLS, before the controls; nothing when
   there is no plain form. False: no room. */
bool forms_add_starttls(struct form *forms, size_t cap, size_t *count);
/* Adds the forms that trust by domain once more for every further local domain, before the
   controls. False: no room. */
bool forms_add_locals(struct form *forms, size_t cap, size_t *count, size_t further_count);

struct forms_wanted { /* all that makes the list of forms for a target */
    struct span selection;
    const struct form_own *own;
    size_t own_count;
    bool starttls; /* once more behind it */
    size_t further_canaries, further_locals;
};

/* The whole list. False: *error is a sentence, and *count is 0. */
bool forms_make(const struct forms_wanted *w, struct form *forms, size_t cap, size_t *count,
                struct strbuf *error);
/* The selection names a battery, not only ids. */
bool forms_names_battery(struct span selection);
/* Cuts "@E3" off an id. False: no such context. */
bool form_context_cut(struct span *id, uint8_t *context);
/* "S1-R1"; in a context "S1-R1@E3", of the second canary "S1-R1.2", with the second local domain
 * "S10-R1.D2"; of a user's own its recipient's id. */
struct form_name form_id(const struct form *f);
/* Empty ones before forms_bind. */
struct token_pair form_tokens(const struct form *f);
/* The canary that the form would reach. */
struct canary form_canary(const struct form *f, const struct form_identity *who);
/* {D} of the form. */
struct span form_local(const struct form *f, const struct form_identity *who);
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
/* What is sent: path and parameters as they stand after "MAIL FROM:" / "RCPT TO:". `bare`: without
   angle brackets where the row has them (A5). The sender row may be another than the form's own
   (another sender when the first is refused). */
void form_sender(const struct form *f, const struct sender_row *row,
                 const struct form_identity *who, bool bare, struct strbuf *out);
void form_recipient(const struct form *f, const struct form_identity *who, bool bare,
                    struct strbuf *out);
/* Any template, in the form's words. */
void form_expand(const struct form *f, const char *template, const struct form_identity *who,
                 struct strbuf *out);
/* The other recipient of the same transaction; only for rows that have one. */
void form_companion(const struct form *f, const struct form_identity *who, struct strbuf *out);
enum { FORM_KEYWORDS_MAX = 3 };
/* The EHLO keywords that the form cannot do without; NULL where there is none. */
void form_extensions(const struct form *f, const char *keyword[FORM_KEYWORDS_MAX]);
/* Why a form is not applicable where EHLO does not offer a keyword: a sentence that lives for
 * ever. */
const char *form_lacks(const char *keyword);
/* That is why it is not applicable. */
bool form_is_lacking(const struct form *f);
/* False: *why names a {word} that no template has, or braces that do not match. */
bool form_template_check(const char *template, struct strbuf *why);
/* The {words} of a template that must be known first, in words for a person: "a local domain";
 * empty: none. */
void form_needs(const char *template, const char *extension, struct strbuf *out);

enum forms_style { FORMS_TEXT, FORMS_JSON, FORMS_MARKDOWN };
/* All rows for --list-forms. */
void forms_print(struct strbuf *out, enum forms_style style);

#endif
