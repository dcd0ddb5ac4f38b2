/*
 * forms_add.c - what is asked beside a selection: a user's own forms, the plain one behind
 * STARTTLS, for further canaries, and what trusts by domain for further local domains
 *
 * All of it goes before the controls. What finds no room makes the whole list an error, so that
 * nobody believes a form was asked which was left out.
 */
#include "probe/ask/forms.h"

#include <string.h>

#include "probe/ask/contexts.h"

/* Opens a gap before the controls; NULL: no room. */
static struct form *make_room(struct form *forms, size_t cap, size_t *count, size_t added)
{
    size_t at = 0;
    if (*count + added > cap) {
        return NULL;
    }
    while (at < *count && forms[at].kind != FORM_CONTROL) {
        at++;
    }
    for (size_t i = *count; i > at; i--) {
        forms[i - 1 + added] = forms[i - 1];
    }
    *count += added;
    return &forms[at];
}

bool forms_add_own(struct form *forms, size_t cap, size_t *count, const struct form_own *own,
                   size_t own_count)
{
    struct form *gap = make_room(forms, cap, count, own_count);
    for (size_t i = 0; gap != NULL && i < own_count; i++) {
        bool plain = own[i].sender.template == NULL;
        gap[i] = (struct form){.sender = plain ? &form_senders[0] : &own[i].sender,
                               .recipient = &own[i].recipient,
                               .own = true,
                               .kind = FORM_EXTERNAL};
    }
    return gap != NULL;
}

bool forms_add_canaries(struct form *forms, size_t cap, size_t *count, size_t further_count)
{
    if (further_count >= FORM_CANARIES_MAX) {
        return false;
    }
    struct form *gap = make_room(forms, cap, count, further_count);
    for (size_t i = 0; gap != NULL && i < further_count; i++) {
        gap[i] = (struct form){.sender = &form_senders[0],
                               .recipient = &form_recipients[0],
                               .kind = FORM_EXTERNAL,
                               .canary = (uint8_t)(i + 1)};
    }
    return gap != NULL;
}

/* The rows say so; of a context its greeting. */
static bool asks_by_domain(const struct form *f)
{
    const char *helo = context_of(f)->helo;
    return f->canary == 0 && f->kind != FORM_CONTROL &&
           (f->sender->by_domain || f->recipient->by_domain ||
            (helo != NULL && strcmp(helo, "{D}") == 0));
}

bool forms_add_locals(struct form *forms, size_t cap, size_t *count, size_t further_count)
{
    size_t each = 0;
    if (further_count >= FORM_LOCALS_MAX) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        each += asks_by_domain(&forms[i]);
    }
    struct form *gap = make_room(forms, cap, count, each * further_count);
    struct form *end = gap;
    for (size_t local = 1; gap != NULL && local <= further_count; local++) {
        for (const struct form *f = forms; f < gap; f++) {
            if (!asks_by_domain(f)) {
                continue;
            }
            *end = *f;
            end->local = (uint8_t)local;
            end++;
        }
    }
    return gap != NULL;
}

bool forms_make(const struct forms_wanted *w, struct form *forms, size_t cap, size_t *count,
                struct strbuf *error)
{
    if (!forms_select(w->selection, forms, cap, count, error)) {
        *count = 0;
        return false;
    }
    if (forms_add_own(forms, cap, count, w->own, w->own_count) &&
        (!w->starttls || forms_add_starttls(forms, cap, count)) &&
        forms_add_canaries(forms, cap, count, w->further_canaries) &&
        forms_add_locals(forms, cap, count, w->further_locals)) {
        return true;
    }
    strbuf_adds(error, "too many forms with those of your own, of further canaries and of further "
                       "local domains: at most ");
    strbuf_addu(error, cap);
    *count = 0;
    return false;
}
