/*
 * forms.c - the rows, the batteries made of them, and how a template becomes a path
 *
 * The lists of the field's detectors, without their accidents: sender and recipient vary
 * independently, so that a server which refuses one odd sender has still been asked all the
 * recipients. A battery is not stored: it follows from the rows' flags by the pairing rule, and a
 * list of ids is a battery of its own.
 *
 * Whether a form is external is never written down in a row. It is read off the path that will
 * really be sent, since it depends on the domains: the domain after the last unquoted @, source
 * route removed, is the canary's or it is not.
 */
#include "probe/forms.h"

#include "lib/smtp/address.h"

enum { LOCAL_PART_MAX = 64 /* RFC 5321 4.5.3.1.1 */ };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct sender_row form_senders[] = {
    {"S1", "external", "<{p}@{S}>", "the plain question", false, true, true},
    {"S2", "same as recipient", "<{x}@{X}>", "a mail to oneself skips some sender maps", false,
     false, false},
    {"S3", "null", "<>", "bounces are exempt from many rules", false, true, true},
    {"S4", "unqualified", "<{p}>", "gets the local domain appended, and is then trusted", false,
     true, false},
    {"S6", "target name", "<{p}@{T}>", "relaying by sender domain", false, true, false},
    {"S7", "target literal", "<{p}@[{ip}]>", "relaying by sender domain, as a literal", false, true,
     false},
    {"S10", "local mailbox", "<{p}@{D}>", "a forged local sender is enough for many servers", true,
     true, true},
};

const struct recipient_row form_recipients[] = {
    {"R1", "plain", "<{x}@{X}>", "the plain question", false, true, true},
    {"R2", "no brackets", "{x}@{X}", "a lenient parser before a check of the bracketed form", false,
     true, false},
    {"R3", "quoted whole", "<\"{x}@{X}\">", "dequoted, then routed", false, true, false},
    {"R4", "quoted percent", "<\"{x}%{X}\">", "dequoted, then the percent hack", false, true,
     false},
    {"R5", "bare percent", "<{x}%{X}>", "local to the check, foreign to the router", false, true,
     false},
    {"R6", "percent at name", "<{x}%{X}@{T}>", "the percent hack, real on two-hop gateways", false,
     true, true},
    {"R7", "percent at literal", "<{x}%{X}@[{ip}]>", "the percent hack", false, true, false},
    {"R9", "double at, name", "<{x}@{X}@{T}>", "first and last @ are taken for each other", false,
     true, true},
    {"R10", "double at, literal", "<{x}@{X}@[{ip}]>", "first and last @ are taken for each other",
     false, true, false},
    {"R11", "quoted at name", "<\"{x}@{X}\"@{T}>", "dequoted on the second hop", false, true,
     false},
    {"R12", "quoted at literal", "<\"{x}@{X}\"@[{ip}]>", "dequoted on the second hop", false, true,
     false},
    {"R14", "route via name", "<@{T}:{x}@{X}>", "RFC 821 source route, RFC 5321 says to ignore it",
     false, true, true},
    {"R15", "route via literal", "<@[{ip}]:{x}@{X}>", "RFC 821 source route", false, true, false},
    {"R19", "bang", "<{X}!{x}>", "UUCP path, swapped by old rewriting rules", false, true, false},
    {"R20", "bang at name", "<{X}!{x}@{T}>", "UUCP path behind a local domain", false, true, false},
    {"R20i", "bang at literal", "<{X}!{x}@[{ip}]>", "UUCP path behind a local literal", false, true,
     false},
    {"R41", "impossible local user", "<{rand}@{D}>", "taken: the server accepts every local part",
     true, true, true},
    {"R42", "reserved domain", "<{rand}@probe.invalid>", "taken: the server accepts everything",
     true, true, true},
    {"R43", "postmaster", "<postmaster>", "refused: the server takes nothing from us at all", true,
     true, true},
    {"R43d", "postmaster at domain", "<postmaster@{D}>",
     "refused: the server takes nothing from us", true, true, true},
};

const size_t form_sender_count = COUNT(form_senders);
const size_t form_recipient_count = COUNT(form_recipients);

struct selection {
    struct form *forms;
    size_t cap;
    size_t *count;
};

static bool selection_has(const struct selection *s, const struct sender_row *from,
                          const struct recipient_row *to)
{
    for (size_t i = 0; i < *s->count; i++) {
        if (s->forms[i].sender == from && s->forms[i].recipient == to) {
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
                       .kind = to->control ? FORM_CONTROL : FORM_EXTERNAL};
    struct strbuf id;
    strbuf_init(&id, f->id, sizeof(f->id));
    strbuf_adds(&id, from->id);
    strbuf_addc(&id, '-');
    strbuf_adds(&id, to->id);
    return true;
}

enum battery { BATTERY_QUICK, BATTERY_STANDARD, BATTERY_FULL };

static bool recipient_in(const struct recipient_row *r, enum battery b)
{
    return b == BATTERY_FULL || (b == BATTERY_STANDARD ? r->standard : r->quick);
}

static bool sender_in(const struct sender_row *s, enum battery b)
{
    return b == BATTERY_FULL || (b == BATTERY_STANDARD ? s->standard : s->quick);
}

/* The pairing rule. Controls come last: they explain answers, and must not stand in the way of
 * them. */
static bool select_battery(struct selection *s, enum battery b)
{
    bool fits = true;
    for (size_t i = 0; i < COUNT(form_recipients); i++) {
        const struct recipient_row *r = &form_recipients[i];
        if (!r->control && recipient_in(r, b)) {
            fits = selection_add(s, &form_senders[0], r) && fits;
        }
    }
    for (size_t i = 1; i < COUNT(form_senders); i++) {
        if (sender_in(&form_senders[i], b)) {
            fits = selection_add(s, &form_senders[i], &form_recipients[0]) && fits;
        }
    }
    for (size_t i = 0; i < COUNT(form_recipients); i++) {
        const struct recipient_row *r = &form_recipients[i];
        if (r->control && recipient_in(r, b)) {
            fits = selection_add(s, &form_senders[0], r) && fits;
        }
    }
    return fits;
}

static const struct sender_row *sender_named(struct span id)
{
    for (size_t i = 0; i < COUNT(form_senders); i++) {
        if (span_iequal(id, span_of(form_senders[i].id))) {
            return &form_senders[i];
        }
    }
    return NULL;
}

static const struct recipient_row *recipient_named(struct span id)
{
    for (size_t i = 0; i < COUNT(form_recipients); i++) {
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
    static const char *const names[] = {"quick", "standard", "full"};
    bool fits = true;
    bool known = false;
    for (unsigned b = 0; b < COUNT(names) && !known; b++) {
        if (span_iequal(word, span_of(names[b]))) {
            fits = select_battery(s, (enum battery)b);
            known = true;
        }
    }
    const struct sender_row *from;
    const struct recipient_row *to;
    if (!known && parse_pair(word, &from, &to)) {
        fits = selection_add(s, from, to);
        known = true;
    }
    if (!known) {
        strbuf_adds(error, "unknown form \"");
        strbuf_add_visible(error, span_to(word, 40));
        strbuf_adds(error,
                    "\": quick, standard, full, or ids such as S1-R1, S3, R6 (see --list-forms)");
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
        strbuf_adds(
            error,
            "no form was named: quick, standard, full, or ids such as S1-R1 (see --list-forms)");
        return false;
    }
    controls_last(forms, *count);
    return true;
}

bool forms_add_canaries(struct form *forms, size_t cap, size_t *count, size_t further_count)
{
    size_t at = 0;
    if (*count + further_count > cap || further_count >= FORM_CANARIES_MAX) {
        return false;
    }
    while (at < *count && forms[at].kind != FORM_CONTROL) {
        at++;
    }
    for (size_t i = *count; i > at; i--) {
        forms[i - 1 + further_count] = forms[i - 1];
    }
    for (size_t i = 0; i < further_count; i++) {
        struct form *f = &forms[at + i];
        *f = (struct form){.sender = &form_senders[0],
                           .recipient = &form_recipients[0],
                           .kind = FORM_EXTERNAL,
                           .canary = (uint8_t)(i + 1)};
        struct strbuf id;
        strbuf_init(&id, f->id, sizeof(f->id));
        strbuf_addf(&id, "%s-%s.%zu", f->sender->id, f->recipient->id, i + 2);
    }
    *count += further_count;
    return true;
}

static void add_ip(struct strbuf *out, const struct endpoint *e)
{
    if (e->family == 6) {
        strbuf_adds(out, "IPv6:");
    }
    endpoint_print_address(out, e);
}

static void add_tagged(struct strbuf *out, enum token_place place, struct span local,
                       const struct token *token)
{
    if (place == TOKEN_SUBADDRESS) {
        strbuf_add(out, local);
        strbuf_addc(out, '+');
    }
    strbuf_add(out, (struct span){token->text, TOKEN_LEN});
}

void form_mailbox(struct strbuf *out, enum token_place place, struct span local,
                  const struct token *token, struct span domain)
{
    add_tagged(out, place, local, token);
    strbuf_addc(out, '@');
    strbuf_add(out, domain);
}

struct canary form_canary(const struct form *f, const struct form_identity *who)
{
    return f->canary == 0 ? (struct canary){who->canary_local, who->canary_domain}
                          : who->further[f->canary - 1];
}

/* One {word} of a template; the words are told apart by their first letter. */
static void add_word(const struct form *f, const struct form_identity *who, char word,
                     struct strbuf *out)
{
    switch (word) {
    case 'x':
        add_tagged(out, who->token_place, form_canary(f, who).local, &f->tokens.recipient);
        break;
    case 'X':
        strbuf_add(out, form_canary(f, who).domain);
        break;
    case 'p':
        add_tagged(out, who->token_place, who->sender_local, &f->tokens.sender);
        break;
    case 'S':
        strbuf_add(out, who->sender_domain);
        break;
    case 'T':
        strbuf_add(out, who->target_name);
        break;
    case 'D':
        strbuf_add(out, who->local_domain);
        break;
    case 'i':
        add_ip(out, &who->target);
        break;
    default:
        strbuf_add(out, (struct span){f->tokens.sender.text, TOKEN_LEN});
        break;
    }
}

static void expand(const struct form *f, const struct form_identity *who, const char *template,
                   bool bare, struct strbuf *out)
{
    struct span rest = span_of(template);
    if (bare && rest.len > 2 && rest.ptr[0] == '<') {
        rest = (struct span){rest.ptr + 1, rest.len - 2};
    }
    while (rest.len > 0) {
        size_t open = span_chr(rest, '{');
        strbuf_add(out, span_to(rest, open));
        if (open == SIZE_MAX) {
            return;
        }
        add_word(f, who, rest.ptr[open + 1], out);
        rest = span_from(rest, open);
        rest = span_from(rest, span_chr(rest, '}') + 1);
    }
}

void form_sender(const struct form *f, const struct sender_row *row,
                 const struct form_identity *who, bool bare, struct strbuf *out)
{
    expand(f, who, row->template, bare, out);
}

void form_recipient(const struct form *f, const struct form_identity *who, bool bare,
                    struct strbuf *out)
{
    expand(f, who, f->recipient->template, bare, out);
}

static bool template_has(const char *template, struct span word)
{
    return span_find(span_of(template), word) != SIZE_MAX;
}

static bool form_needs(const struct form *f, struct span word)
{
    return template_has(f->sender->template, word) || template_has(f->recipient->template, word);
}

static const char *path_trouble(struct span path, bool cut)
{
    struct address a = address_parse(path);
    if (cut || a.local.len > LOCAL_PART_MAX) {
        return "the local part would be longer than 64 octets";
    }
    return NULL;
}

static void bind_kind(struct form *f, const struct form_identity *who)
{
    char room[MAIL_PATH_MAX];
    struct strbuf path;
    strbuf_init(&path, room, sizeof(room));
    form_recipient(f, who, false, &path);
    f->why_not = path_trouble(strbuf_span(&path), path.truncated);
    if (!f->recipient->control) {
        struct address a = address_parse(strbuf_span(&path));
        bool external = span_iequal(a.domain, form_canary(f, who).domain);
        f->kind = external ? FORM_EXTERNAL : FORM_AMBIGUOUS;
    }
    if (f->why_not == NULL) {
        strbuf_reset(&path);
        form_sender(f, f->sender, who, false, &path);
        f->why_not = path_trouble(strbuf_span(&path), path.truncated);
    }
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
        if (f->tokens.sender.text[0] == '\0') {
            token_make(key, target, span_of(f->id), &f->tokens);
        }
        bind_kind(f, who);
        if (who->target_name.len == 0 && form_needs(f, SPAN("{T}"))) {
            f->why_not = "the target's name is not known";
        } else if (who->local_domain.len == 0 && form_needs(f, SPAN("{D}"))) {
            f->why_not = "no domain local to the target is known (--domain)";
        }
        f->applicable = f->why_not == NULL;
    }
}

static void print_cell(struct strbuf *out, const char *text, size_t width)
{
    struct span s = span_of(text);
    strbuf_add(out, s);
    for (size_t i = s.len; i < width; i++) {
        strbuf_addc(out, ' ');
    }
    strbuf_addc(out, ' ');
}

static void print_row(struct strbuf *out, const char *id, const char *name, const char *template,
                      const char *why, const char *batteries)
{
    strbuf_adds(out, "  ");
    print_cell(out, id, 4);
    print_cell(out, name, 21);
    print_cell(out, template, 25);
    print_cell(out, batteries, 14);
    strbuf_adds(out, why);
    strbuf_addc(out, '\n');
}

static const char *battery_words(bool quick, bool standard)
{
    return quick ? "quick standard" : standard ? "standard" : "full";
}

void forms_print(struct strbuf *out)
{
    strbuf_adds(out, "Senders (MAIL FROM:)\n");
    for (size_t i = 0; i < COUNT(form_senders); i++) {
        const struct sender_row *s = &form_senders[i];
        print_row(out, s->id, s->name, s->template, s->why, battery_words(s->quick, s->standard));
    }
    strbuf_adds(out, "Recipients (RCPT TO:)\n");
    for (size_t i = 0; i < COUNT(form_recipients); i++) {
        const struct recipient_row *r = &form_recipients[i];
        const char *words = r->control ? "control" : battery_words(r->quick, r->standard);
        print_row(out, r->id, r->name, r->template, r->why, words);
    }
    strbuf_adds(out,
                "{x} {X} canary with token, its domain; {p} {S} sender with token, its domain;\n"
                "{T} {ip} the target's name or literal, its address; {D} a domain local to it;\n"
                "{rand} a token alone. A form is a sender and a recipient: S3-R1; S3 alone is\n"
                "S3-R1, R6 alone is S1-R6. Controls explain other answers and are never counted;\n"
                "no message is sent for them.\n");
}
