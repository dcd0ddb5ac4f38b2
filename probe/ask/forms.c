/*
 * forms.c - the batteries made of the rows, and what is applicable
 *
 * A battery is not stored: it follows from the rows by the pairing rule, and a list of ids is a
 * battery of its own.
 *
 * Whether a form is external is never written down in a row. It is read off the path that will
 * really be sent, since it depends on the domains: the domain after the last unquoted @, source
 * route removed, is one of ours or it is not.
 */
#include "probe/ask/forms.h"

#include <string.h>

#include "lib/smtp/address.h"
#include "probe/ask/contexts.h"
#include "probe/ask/forms_private.h"

enum { LOCAL_PART_MAX = 64 /* RFC 5321 4.5.3.1.1 */ };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct selection {
    uint8_t context; /* of the word that is being read */
    struct form *forms;
    size_t cap;
    size_t *count;
};

static bool selection_has(const struct selection *s, const struct sender_row *from,
                          const struct recipient_row *to)
{
    for (size_t i = 0; i < *s->count; i++) {
        if (s->forms[i].sender == from && s->forms[i].recipient == to &&
            s->forms[i].context == s->context) {
            return true;
        }
    }
    return false;
}

static bool selection_add(struct selection *s, const struct sender_row *from,
                          const struct recipient_row *to)
{
    if (selection_has(s, from, to)) {
        return true;
    }
    if (*s->count == s->cap) {
        return false;
    }
    struct form *f = &s->forms[(*s->count)++];
    *f = (struct form){.sender = from,
                       .recipient = to,
                       .context = s->context,
                       .kind = to->control || form_contexts[s->context].notice != NULL
                                   ? FORM_CONTROL
                                   : FORM_EXTERNAL};
    return true;
}

/* The plain pair once more for each. Behind STARTTLS only where that can be done: its form comes
 * from forms_add_starttls. */
static bool select_contexts(struct selection *s, enum form_battery b)
{
    bool fits = true;
    for (size_t i = CONTEXT_STARTTLS + 1; i < form_context_count; i++) {
        s->context = (uint8_t)i;
        if (form_contexts[i].battery <= b) {
            fits = selection_add(s, &form_senders[0], &form_recipients[0]) && fits;
        }
    }
    s->context = CONTEXT_PLAIN;
    return fits;
}

/* The pairing rule. Controls come last: they explain answers, and must not stand in the way of
 * them. */
static bool select_battery(struct selection *s, enum form_battery b)
{
    bool fits = true;
    for (size_t i = 0; i < form_recipient_count; i++) {
        const struct recipient_row *r = &form_recipients[i];
        if (!r->control && r->battery <= b) {
            fits = selection_add(s, &form_senders[0], r) && fits;
        }
    }
    for (size_t i = 1; i < form_sender_count; i++) {
        if (form_senders[i].battery <= b) {
            fits = selection_add(s, &form_senders[i], &form_recipients[0]) && fits;
        }
    }
    fits = select_contexts(s, b) && fits;
    for (size_t i = 0; i < form_recipient_count; i++) {
        const struct recipient_row *r = &form_recipients[i];
        if (r->control && r->battery <= b) {
            fits = selection_add(s, &form_senders[0], r) && fits;
        }
    }
    return fits;
}

static const struct sender_row *sender_named(struct span id)
{
    for (size_t i = 0; i < form_sender_count; i++) {
        if (span_iequal(id, span_of(form_senders[i].id))) {
            return &form_senders[i];
        }
    }
    return NULL;
}

static const struct recipient_row *recipient_named(struct span id)
{
    for (size_t i = 0; i < form_recipient_count; i++) {
        if (span_iequal(id, span_of(form_recipients[i].id))) {
            return &form_recipients[i];
        }
    }
    return NULL;
}

/* "S3-R6", "S3" (with the plain recipient) or "R6" (with the plain sender). */
static bool parse_pair(struct span word, const struct sender_row **from,
                       const struct recipient_row **to)
{
    size_t dash = span_chr(word, '-');
    if (dash != SIZE_MAX) {
        *from = sender_named(span_to(word, dash));
        *to = recipient_named(span_from(word, dash + 1));
        return *from != NULL && *to != NULL;
    }
    *from = sender_named(word);
    *to = recipient_named(word);
    if (*from == NULL && *to == NULL) {
        return false;
    }
    *from = *from != NULL ? *from : &form_senders[0];
    *to = *to != NULL ? *to : &form_recipients[0];
    return true;
}

static bool select_word(struct selection *s, struct span word, struct strbuf *error)
{
    static const char *const names[] = {"quick", "first", "standard", "full"};
    bool fits = true;
    bool known = false;
    struct span pair = word;
    bool in_context = form_context_cut(&pair, &s->context);
    for (unsigned b = 0; b < COUNT(names) && !known; b++) {
        if (span_iequal(word, span_of(names[b]))) {
            fits = select_battery(s, (enum form_battery)b);
            known = true;
        }
    }
    const struct sender_row *from;
    const struct recipient_row *to;
    if (!known && in_context && parse_pair(pair, &from, &to)) {
        fits = selection_add(s, from, to);
        known = true;
    }
    if (!known) {
        strbuf_adds(error, "unknown form \"");
        strbuf_add_visible(error, span_to(word, 40));
        strbuf_adds(error, "\": quick, first, standard, full, or ids such as S1-R1, S3, R6 "
                           "(see --list-forms)");
        return false;
    }
    if (!fits) {
        strbuf_adds(error, "too many forms: at most ");
        strbuf_addu(error, s->cap);
    }
    return fits;
}

/* Keeps the order within both halves: asked forms first, controls last. */
static void controls_last(struct form *forms, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (forms[i].kind == FORM_CONTROL) {
            continue;
        }
        struct form f = forms[i];
        for (size_t j = i; j > kept; j--) {
            forms[j] = forms[j - 1];
        }
        forms[kept++] = f;
    }
}

bool forms_select(struct span selection, struct form *forms, size_t cap, size_t *count,
                  struct strbuf *error)
{
    struct selection s = {.forms = forms, .cap = cap, .count = count};
    struct span rest = selection;
    struct span word;
    *count = 0;
    while (span_cut(&rest, ',', &word)) {
        if (!select_word(&s, span_trim(word), error)) {
            return false;
        }
    }
    if (*count == 0) {
        strbuf_adds(error, "no form was named: quick, first, standard, full, or ids such as S1-R1 "
                           "(see --list-forms)");
        return false;
    }
    controls_last(forms, *count);
    return true;
}

struct form_name form_id(const struct form *f)
{
    struct form_name name = {""};
    struct strbuf id;
    strbuf_init(&id, name.text, sizeof(name.text));
    strbuf_addf(&id, "%s%s%s", f->own ? "" : f->sender->id, f->own ? "" : "-", f->recipient->id);
    if (f->context != CONTEXT_PLAIN) {
        strbuf_addf(&id, "@%s", form_contexts[f->context].id);
    }
    if (f->canary > 0) {
        strbuf_addf(&id, ".%d", f->canary + 1);
    }
    if (f->local > 0) {
        strbuf_addf(&id, ".D%d", f->local + 1);
    }
    return name;
}

struct token_pair form_tokens(const struct form *f)
{
    return f->marked ? token_unpack(&f->tokens) : (struct token_pair){.sender = {""}};
}

struct span form_local(const struct form *f, const struct form_identity *who)
{
    return f->local == 0 ? who->local_domain : who->further_local[f->local - 1];
}

struct canary form_canary(const struct form *f, const struct form_identity *who)
{
    return f->canary == 0 ? (struct canary){who->canary_local, who->canary_domain}
                          : who->further[f->canary - 1];
}

static bool has(const char *template, const char *word)
{
    return template != NULL && strstr(template, word) != NULL;
}

static bool form_has(const struct form *f, const char *word)
{
    const struct recipient_row *r = f->recipient;
    return has(f->sender->template, word) || has(f->sender->params, word) ||
           has(r->template, word) || has(r->params, word) || has(r->companion, word) ||
           context_says(context_of(f), word);
}

static const char *path_trouble(const struct form *f, struct span path, bool cut)
{
    struct address a = address_parse(path);
    bool strict = f->recipient->limits != FORM_LONG;
    if (cut || (strict && a.local.len > LOCAL_PART_MAX)) {
        return "the local part would be longer than 64 octets";
    }
    return NULL;
}

/* In the zone, or the zone itself. */
static bool in_zone(struct span domain, struct span zone)
{
    if (zone.len == 0 || !span_iends(domain, zone)) {
        return false;
    }
    return domain.len == zone.len || domain.ptr[domain.len - zone.len - 1] == '.';
}

static bool is_literal_of(struct span domain, const struct endpoint *ours)
{
    struct endpoint e;
    return ours->family != 0 && address_literal(domain, &e) && e.family == ours->family &&
           memcmp(e.bytes, ours->bytes, sizeof(e.bytes)) == 0;
}

/* The canary's domain, however it is spelled, or another that the user says is his. */
static bool is_ours(const struct form *f, const struct form_identity *who, struct span domain)
{
    const struct form_extras *x = &who->extras;
    char room[MAIL_PATH_MAX];
    struct strbuf mapped;
    strbuf_init(&mapped, room, sizeof(room));
    forms_map_wide(domain, &mapped);
    struct span plain = strbuf_span(&mapped);
    if (plain.len > 0 && plain.ptr[plain.len - 1] == '.') {
        plain.len--;
    }
    bool own = x->backup_domain.len > 0 && span_iequal(plain, x->backup_domain);
    bool in_brackets = plain.len > 2 && plain.ptr[0] == '[';
    struct span inner = in_brackets ? span_to(span_from(plain, 1), plain.len - 2) : plain;
    return span_iequal(inner, form_canary(f, who).domain) || own || in_zone(plain, x->zone) ||
           is_literal_of(plain, &x->canary_ip4) || is_literal_of(plain, &x->canary_ip6);
}

static void bind_kind(struct form *f, const struct form_identity *who)
{
    char room[MAIL_PATH_MAX];
    struct strbuf path;
    strbuf_init(&path, room, sizeof(room));
    form_recipient(f, who, false, &path);
    f->why_not = path_trouble(f, strbuf_span(&path), path.truncated);
    if (f->kind != FORM_CONTROL) {
        struct address a = address_parse(strbuf_span(&path));
        bool carried = context_of(f)->false_end != NULL; /* in mail that a server should take */
        f->kind = !carried && is_ours(f, who, a.domain) ? FORM_EXTERNAL : FORM_AMBIGUOUS;
        bool odd = span_chr(a.domain, '[') != SIZE_MAX || !in_zone(a.domain, who->extras.zone);
        if (f->recipient->limits == FORM_OWN_ZONE && odd) {
            f->why_not = "the domain would not be in a zone of ours (--zone)";
        }
    }
    if (f->why_not == NULL) {
        strbuf_reset(&path);
        form_sender(f, f->sender, who, false, &path);
        f->why_not = path_trouble(f, strbuf_span(&path), path.truncated);
    }
}

static const char *unknown(const struct form *f, const struct form_identity *who)
{
    const struct form_extras *x = &who->extras;
    const struct {
        const char *word;
        bool known;
        const char *sentence;
    } rows[] = {
        {"{T}", who->target_name.len > 0, "the target's name is not known"},
        {"{D}", who->local_domain.len > 0, "no domain local to the target is known (--domain)"},
        {"{M}", x->mx_domain.len > 0, "no domain whose MX is the target is known (--mx-domain)"},
        {"{L}", x->local_recipient.len > 0,
         "no recipient that the target takes mail for is known (--local-recipient)"},
        {"{Z}", x->zone.len > 0, "no zone of ours is known (--zone)"},
        {"{B}", x->backup_domain.len > 0,
         "no domain of ours has the target as a backup MX (--backup-domain)"},
        {"{canary-ip4}", x->canary_ip4.family == 4,
         "the IPv4 address of the canary's server is not known (--canary-ip)"},
        {"{canary-ip6}", x->canary_ip6.family == 6,
         "the IPv6 address of the canary's server is not known (--canary-ip)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!rows[i].known && form_has(f, rows[i].word)) {
            return rows[i].sentence;
        }
    }
    return NULL;
}

/* The name in EHLO, of a session that gives another than our own. */
static struct span greeting_name(const struct form *f, const struct form_identity *who, char *room)
{
    struct strbuf name;
    strbuf_init(&name, room, MAIL_PATH_MAX);
    form_expand(f, context_of(f)->helo, who, &name);
    return strbuf_span(&name);
}

/* An earlier form of the list asks the same, under a name that only the rows tell apart: of a
 * target that is given as 127.0.0.1 the name is the loopback literal. */
static bool asked_before(const struct form *forms, const struct form *f,
                         const struct form_identity *who)
{
    char room[MAIL_PATH_MAX], earlier_room[MAIL_PATH_MAX];
    for (const struct form *e = forms; e < f && context_of(f)->helo != NULL; e++) {
        bool same = e->applicable && context_of(e)->helo != NULL && e->sender == f->sender &&
                    e->recipient == f->recipient && e->canary == f->canary;
        if (same && span_iequal(greeting_name(e, who, earlier_room), greeting_name(f, who, room))) {
            return true;
        }
    }
    return false;
}

void forms_name_by_address(struct form_identity *who, char *room, size_t cap)
{
    struct strbuf literal;
    strbuf_init(&literal, room, cap);
    endpoint_print_literal(&literal, &who->target);
    who->target_name = strbuf_span(&literal);
    if (who->local_domain.len == 0) {
        who->local_domain = who->target_name;
    }
}

void forms_bind(struct form *forms, size_t count, const struct form_identity *who,
                const struct token_key *key, struct span target)
{
    for (size_t i = 0; i < count; i++) {
        struct form *f = &forms[i];
        if (!f->marked) {
            struct token_pair tokens;
            token_make(key, target, span_of(form_id(f).text), &tokens);
            token_pack(&tokens, &f->tokens);
            f->marked = true;
        }
        bind_kind(f, who);
        const char *missing = unknown(f, who);
        f->why_not = missing != NULL ? missing : f->why_not;
        if (f->why_not == NULL && asked_before(forms, f, who)) {
            f->why_not = "another session gives that name in EHLO already";
        }
        f->applicable = f->why_not == NULL;
    }
}

static const struct {
    const char *keyword, *sentence;
} extensions[] = {
    {"SMTPUTF8", "the server does not offer SMTPUTF8"},
    {"8BITMIME", "the server does not offer 8BITMIME"},
    {"DSN", "the server does not offer DSN"},
    {"AUTH", "the server does not offer AUTH"},
    {"SIZE", "the server does not offer SIZE"},
    {"CHUNKING", "the server does not offer CHUNKING"},
    {"XCLIENT", "the server does not offer XCLIENT"},
    {"XFORWARD", "the server does not offer XFORWARD"},
};

const char *form_lacks(const char *keyword)
{
    for (size_t i = 0; i < COUNT(extensions); i++) {
        if (strcmp(extensions[i].keyword, keyword) == 0) {
            return extensions[i].sentence;
        }
    }
    return NULL;
}

bool form_is_lacking(const struct form *f)
{
    bool lacking = false;
    for (size_t i = 0; i < COUNT(extensions) && f->why_not != NULL; i++) {
        lacking |= strcmp(extensions[i].sentence, f->why_not) == 0;
    }
    return lacking;
}

void form_extensions(const struct form *f, const char *keyword[FORM_KEYWORDS_MAX])
{
    keyword[0] = f->sender->extension;
    keyword[1] = f->recipient->extension;
    keyword[2] = context_wants_starttls(f->context) ? NULL : context_of(f)->extension;
}
