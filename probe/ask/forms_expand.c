/*
 * forms_expand.c - how a template becomes what is sent
 *
 * Words are rows of one table, so that what a template may say, what is checked in a user's own
 * file and what is written are the same list.
 */
#include <string.h>

#include "probe/ask/forms_private.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { PAD_LEN = 60 };

struct expansion {
    const struct form *f;
    const struct form_identity *who;
    struct strbuf *out;
};

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

static void add_x(const struct expansion *e)
{
    struct token_pair tokens = form_tokens(e->f);
    add_tagged(e->out, e->who->token_place, form_canary(e->f, e->who).local, &tokens.recipient);
}

static void add_X(const struct expansion *e)
{
    strbuf_add(e->out, form_canary(e->f, e->who).domain);
}

static void add_t(const struct expansion *e)
{
    strbuf_adds(e->out, form_tokens(e->f).recipient.text);
}

static void add_p(const struct expansion *e)
{
    struct token_pair tokens = form_tokens(e->f);
    add_tagged(e->out, e->who->token_place, e->who->sender_local, &tokens.sender);
}

static void add_S(const struct expansion *e)
{
    strbuf_add(e->out, e->who->sender_domain);
}

static void add_rand(const struct expansion *e)
{
    strbuf_adds(e->out, form_tokens(e->f).sender.text);
}

static void add_T(const struct expansion *e)
{
    strbuf_add(e->out, e->who->target_name);
}

static void add_D(const struct expansion *e)
{
    strbuf_add(e->out, form_local(e->f, e->who));
}

static void add_ip(const struct expansion *e)
{
    if (e->who->target.family == 6) {
        strbuf_adds(e->out, "IPv6:");
    }
    endpoint_print_address(e->out, &e->who->target);
}

static void add_M(const struct expansion *e)
{
    strbuf_add(e->out, e->who->extras.mx_domain);
}

static void add_Z(const struct expansion *e)
{
    strbuf_add(e->out, e->who->extras.zone);
}

static void add_B(const struct expansion *e)
{
    strbuf_add(e->out, e->who->extras.backup_domain);
}

static void add_L(const struct expansion *e)
{
    strbuf_add(e->out, e->who->extras.local_recipient);
}

static void add_canary_ip4(const struct expansion *e)
{
    if (e->who->extras.canary_ip4.family != 0) {
        endpoint_print_address(e->out, &e->who->extras.canary_ip4);
    }
}

static void add_canary_ip6(const struct expansion *e)
{
    if (e->who->extras.canary_ip6.family != 0) {
        endpoint_print_address(e->out, &e->who->extras.canary_ip6);
    }
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Exchange's plus-encoding; RFC 3461 4 reads it as xtext. */
static void add_encoded(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_alnum(text.ptr[i]) || text.ptr[i] == '-') {
            strbuf_addc(out, text.ptr[i]);
        } else {
            strbuf_addf(out, "+%02X", (unsigned)(unsigned char)text.ptr[i]);
        }
    }
}

static void add_xh(const struct expansion *e)
{
    char room[MAIL_PATH_MAX];
    struct strbuf plain;
    struct expansion inner = *e;
    strbuf_init(&plain, room, sizeof(room));
    inner.out = &plain;
    add_x(&inner);
    add_encoded(e->out, strbuf_span(&plain));
}

static void add_Xh(const struct expansion *e)
{
    add_encoded(e->out, form_canary(e->f, e->who).domain);
}

static void add_XU(const struct expansion *e)
{
    struct span domain = form_canary(e->f, e->who).domain;
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];
        strbuf_addc(e->out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

/* U+FF41 to U+FF5A are EF BD 81 to EF BD 9A. */
static void add_Xw(const struct expansion *e)
{
    struct span domain = form_canary(e->f, e->who).domain;
    char c = domain.len > 0 ? domain.ptr[0] : '\0';
    bool letter = c >= 'a' && c <= 'z';
    if (letter) {
        strbuf_adds(e->out, "\xef\xbd");
        strbuf_addc(e->out, (char)(0x81 + (c - 'a')));
    }
    strbuf_add(e->out, letter ? span_from(domain, 1) : domain);
}

void forms_map_wide(struct span domain, struct strbuf *out)
{
    for (size_t i = 0; i < domain.len; i++) {
        unsigned char third = i + 2 < domain.len ? (unsigned char)domain.ptr[i + 2] : 0;
        bool wide = third >= 0x81 && third <= 0x9a && (unsigned char)domain.ptr[i] == 0xef &&
                    (unsigned char)domain.ptr[i + 1] == 0xbd;
        strbuf_addc(out, wide ? (char)('a' + (third - 0x81)) : domain.ptr[i]);
        i += wide ? 2 : 0;
    }
}

static void add_pad(const struct expansion *e)
{
    for (int i = 0; i < PAD_LEN; i++) {
        strbuf_addc(e->out, 'a');
    }
}

static void add_utf8(const struct expansion *e)
{
    strbuf_adds(e->out, "\xc3\xa9"); /* U+00E9 */
}

static void add_8bit(const struct expansion *e)
{
    strbuf_addc(e->out, (char)0xe9);
}

struct word_row {
    const char *word;
    void (*add)(const struct expansion *e);
    const char *need; /* what must be known for it, or NULL */
};

static const struct word_row words[] = {
    {"x", add_x, NULL},
    {"X", add_X, NULL},
    {"t", add_t, NULL},
    {"p", add_p, NULL},
    {"S", add_S, NULL},
    {"rand", add_rand, NULL},
    {"T", add_T, "target name"},
    {"ip", add_ip, NULL},
    {"D", add_D, "local domain"},
    {"M", add_M, "hosted domain"},
    {"L", add_L, "local recipient"},
    {"Z", add_Z, "our zone"},
    {"B", add_B, "our backup domain"},
    {"canary-ip4", add_canary_ip4, "canary's IPv4"},
    {"canary-ip6", add_canary_ip6, "canary's IPv6"},
    {"xh", add_xh, NULL},
    {"Xh", add_Xh, NULL},
    {"XU", add_XU, NULL},
    {"Xw", add_Xw, NULL},
    {"pad", add_pad, NULL},
    {"utf8", add_utf8, NULL},
    {"8bit", add_8bit, NULL},
};

static const struct word_row *word_named(struct span name)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        if (span_equal(span_of(words[i].word), name)) {
            return &words[i];
        }
    }
    return NULL;
}

bool forms_take_word(struct span *rest, struct span *word)
{
    size_t close = rest->len > 0 && rest->ptr[0] == '{' ? span_chr(*rest, '}') : SIZE_MAX;
    if (close == SIZE_MAX) {
        return false;
    }
    *word = span_to(span_from(*rest, 1), close - 1);
    *rest = span_from(*rest, close + 1);
    return true;
}

bool form_template_check(const char *template, struct strbuf *why)
{
    struct span rest = span_of(template);
    struct span word;
    while (rest.len > 0) {
        size_t open = span_chr(rest, '{');
        if (span_chr(span_to(rest, open), '}') != SIZE_MAX) {
            strbuf_adds(why, "a } without its {");
            return false;
        }
        rest = open == SIZE_MAX ? span_from(rest, rest.len) : span_from(rest, open);
        if (rest.len == 0) {
            break;
        }
        if (!forms_take_word(&rest, &word)) {
            strbuf_adds(why, "a { without its }");
            return false;
        }
        if (word_named(word) == NULL) {
            strbuf_adds(why, "no template has the word {");
            strbuf_add_visible(why, span_to(word, 40));
            strbuf_addc(why, '}');
            return false;
        }
    }
    return true;
}

void form_needs(const char *template, const char *extension, struct strbuf *out)
{
    size_t before = out->len;
    for (size_t i = 0; i < COUNT(words) && template != NULL; i++) {
        char room[24];
        struct strbuf braced;
        strbuf_init(&braced, room, sizeof(room));
        strbuf_addf(&braced, "{%s}", words[i].word);
        if (words[i].need != NULL &&
            span_find(span_of(template), strbuf_span(&braced)) != SIZE_MAX) {
            strbuf_adds(out, out->len > before ? ", " : "");
            strbuf_adds(out, words[i].need);
        }
    }
    if (extension != NULL) {
        strbuf_adds(out, out->len > before ? ", " : "");
        strbuf_adds(out, extension);
    }
}

static void expand(const struct expansion *e, const char *template, bool bare)
{
    struct span rest = span_of(template);
    struct span word;
    if (bare && rest.len > 2 && rest.ptr[0] == '<') {
        rest = (struct span){rest.ptr + 1, rest.len - 2};
    }
    while (rest.len > 0) {
        size_t open = span_chr(rest, '{');
        strbuf_add(e->out, span_to(rest, open));
        if (open == SIZE_MAX) {
            return;
        }
        rest = span_from(rest, open);
        const struct word_row *row = forms_take_word(&rest, &word) ? word_named(word) : NULL;
        if (row == NULL) { /* only a template that was not checked */
            strbuf_add(e->out, rest);
            return;
        }
        row->add(e);
    }
}

static void add_params(const struct expansion *e, const char *params)
{
    if (params != NULL) {
        strbuf_addc(e->out, ' ');
        expand(e, params, false);
    }
}

void form_sender(const struct form *f, const struct sender_row *row,
                 const struct form_identity *who, bool bare, struct strbuf *out)
{
    struct expansion e = {f, who, out};
    expand(&e, row->template, bare);
    add_params(&e, row->params);
    add_params(&e, f->recipient->mail_params);
}

void form_recipient(const struct form *f, const struct form_identity *who, bool bare,
                    struct strbuf *out)
{
    struct expansion e = {f, who, out};
    expand(&e, f->recipient->template, bare);
    add_params(&e, f->recipient->params);
}

void form_expand(const struct form *f, const char *template, const struct form_identity *who,
                 struct strbuf *out)
{
    struct expansion e = {f, who, out};
    expand(&e, template, false);
}

void form_companion(const struct form *f, const struct form_identity *who, struct strbuf *out)
{
    struct expansion e = {f, who, out};
    expand(&e, f->recipient->companion, false);
}
