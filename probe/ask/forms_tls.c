/*
 * forms_tls.c - the plain pair once more, in a session that is encrypted (context E3)
 *
 * A context form is a form of its own, with tokens of its own: what comes home tells whether it was
 * let through in clear or inside TLS. It is "S1-R1@E3": pair, then context.
 */
#include "probe/ask/contexts.h"

bool forms_add_starttls(struct form *forms, size_t cap, size_t *count)
{
    size_t at = 0, plain = SIZE_MAX;
    while (at < *count && forms[at].kind != FORM_CONTROL) {
        bool is_plain = forms[at].recipient == &form_recipients[0] &&
                        forms[at].sender == &form_senders[0] && forms[at].canary == 0;
        plain = is_plain && plain == SIZE_MAX ? at : plain;
        at++;
    }
    if (plain == SIZE_MAX) {
        return true; /* a list of the user's own, without the plain pair */
    }
    if (*count == cap) {
        return false;
    }
    for (size_t i = *count; i > at; i--) {
        forms[i] = forms[i - 1];
    }
    (*count)++;
    forms[at] = (struct form){.sender = &form_senders[0],
                              .recipient = &form_recipients[0],
                              .kind = FORM_EXTERNAL,
                              .context = CONTEXT_STARTTLS};
    return true;
}

bool forms_names_battery(struct span selection)
{
    struct span word;
    while (span_cut(&selection, ',', &word)) {
        bool digits = false;
        for (size_t i = 0; i < word.len; i++) {
            digits = digits || (word.ptr[i] >= '0' && word.ptr[i] <= '9');
        }
        if (!digits) {
            return true;
        }
    }
    return false;
}

bool form_context_cut(struct span *id, uint8_t *context)
{
    size_t at = span_rchr(*id, '@');
    *context = CONTEXT_PLAIN;
    if (at == SIZE_MAX) {
        return true;
    }
    struct span name = span_from(*id, at + 1);
    *id = span_to(*id, at);
    for (size_t i = CONTEXT_PLAIN + 1; i < form_context_count; i++) {
        if (span_iequal(name, span_of(form_contexts[i].id))) {
            *context = (uint8_t)i;
            return true;
        }
    }
    return false;
}
