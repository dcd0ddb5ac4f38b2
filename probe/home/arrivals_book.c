/*
 * arrivals_book.c - the running probe's book: whose tokens, which names
 *
 * A probe knows its own tokens by heart, all of them; for those of earlier runs it asks whoever the
 * caller named.
 */
#include <string.h>

#include "probe/home/arrivals.h"

static bool pair_has(const struct token_pair *pair, struct span text, enum token_role role)
{
    bool sender = token_equal(&pair->sender, text);
    bool recipient = token_equal(&pair->recipient, text);
    return (sender && (role & ROLE_SENDER) != 0) || (recipient && (role & ROLE_RECIPIENT) != 0);
}

static bool form_has(const struct form *f, const uint8_t token[TOKEN_OCTETS], enum token_role role)
{
    bool sender = f->marked && token_octets_equal(f->tokens.sender, token);
    bool recipient = f->marked && token_octets_equal(f->tokens.recipient, token);
    return (sender && (role & ROLE_SENDER) != 0) || (recipient && (role & ROLE_RECIPIENT) != 0);
}

static int owner_of(const void *self, struct span token, enum token_role role)
{
    const struct probe *p = self;
    uint8_t octets[TOKEN_OCTETS];
    if (!token_read(token, octets)) {
        return ARRIVAL_NO_FORM;
    }
    for (size_t i = 0; i < p->result_count; i++) {
        if (form_has(&p->results[i].form, octets, role)) {
            return (int)i;
        }
    }
    for (int i = 0; i < 2 * (int)p->canary_count; i++) {
        if (pair_has(&p->controls[i].tokens, token, role)) {
            return ARRIVAL_BEFORE - i;
        }
    }
    return ARRIVAL_NO_FORM;
}

struct probe_control *arrival_control(struct probe *p, int owner)
{
    bool known = owner <= ARRIVAL_BEFORE && ARRIVAL_BEFORE - owner < 2 * (int)p->canary_count;
    return known ? &p->controls[ARRIVAL_BEFORE - owner] : NULL;
}

/* A reply would go to the same address when the form was asked in the recipient's own name. */
static bool own_name(const void *self, int owner)
{
    const struct probe *p = self;
    if (owner < 0) {
        return false;
    }
    const struct form_result *r = &p->results[owner];
    const struct sender_row *used = r->sender_used != NULL ? r->sender_used : r->form.sender;
    return strstr(used->template, "{x}") != NULL;
}

static bool tag_of(const struct form_identity *who, struct span local, struct span own_local,
                   struct span *tag)
{
    *tag = local;
    if (who->token_place == TOKEN_CATCH_ALL) {
        return true;
    }
    *tag = span_from(local, own_local.len + 1);
    return local.len > own_local.len && local.ptr[own_local.len] == '+' &&
           span_istarts(local, own_local);
}

static bool tagged(const void *self, struct span address, struct span *tag)
{
    const struct form_identity *who = &((const struct probe *)self)->who;
    size_t at = span_rchr(address, '@');
    struct span local = span_to(address, at);
    struct span domain = at != SIZE_MAX ? span_from(address, at + 1) : (struct span){NULL, 0};
    if (span_iequal(domain, who->sender_domain) && tag_of(who, local, who->sender_local, tag)) {
        return true;
    }
    for (size_t i = 0; i <= who->further_count; i++) {
        struct canary c = form_canary(&(struct form){.canary = (uint8_t)i}, who);
        if (span_iequal(domain, c.domain) && tag_of(who, local, c.local, tag)) {
            return true;
        }
    }
    return false;
}

static bool earlier(const void *self, struct span token, struct strbuf *whose)
{
    const struct probe_earlier *e = &((const struct probe *)self)->config.earlier;
    return e->known != NULL && e->known(e->self, token, whose);
}

static struct span greeting_name(const void *self, int owner)
{
    const struct probe *p = self;
    struct span greeting = span_from(evidence_plain(&p->evidence, p->target.greeting), 4);
    (void)owner;
    return span_to(greeting, span_chr(greeting, ' '));
}

/* Who was given as an address is known by what it calls itself only. */
static struct span target_name(const void *self, int owner)
{
    const struct probe *p = self;
    return p->named ? p->who.target_name : greeting_name(self, owner);
}

struct arrival_book arrival_book_of(const struct probe *p)
{
    return (struct arrival_book){.owner = owner_of,
                                 .own_name = own_name,
                                 .tagged = tagged,
                                 .earlier = earlier,
                                 .target_name = target_name,
                                 .greeting_name = greeting_name,
                                 .self = p};
}

void arrival_judge(const struct probe *p, const struct mail_view *mail, struct arrival *out)
{
    struct arrival_book book = arrival_book_of(p);
    arrival_judge_by(&book, mail, out);
}

void arrival_read_report(const struct probe *p, const struct arrival *a, struct probe_report *out)
{
    struct arrival_book book = arrival_book_of(p);
    arrival_read_report_by(&book, a, out);
}

static int find_owner(const struct probe *p, struct span text, enum token_role role)
{
    size_t at = 0;
    while ((at = token_find(text, at)) != SIZE_MAX) {
        int owner = owner_of(p, (struct span){text.ptr + at, TOKEN_LEN}, role);
        if (owner != ARRIVAL_NO_FORM) {
            return owner;
        }
        at += TOKEN_LEN;
    }
    return ARRIVAL_NO_FORM;
}

int arrival_form_in(const struct probe *p, struct span text)
{
    return find_owner(p, text, ROLE_EITHER);
}

int arrival_recipient_in(const struct probe *p, struct span text)
{
    return find_owner(p, text, ROLE_RECIPIENT);
}
