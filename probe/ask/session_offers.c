/*
 * session_offers.c - what EHLO named, and which forms cannot be asked without
 */
#include "probe/ask/session_private.h"
#include "probe/evidence.h"

static bool is_tls_demanded(const struct session *s)
{
    return s->plan->tls.demanded && !s->plan->tls.off;
}

bool session_is_as_demanded(const struct session *s)
{
    return is_tls_demanded(s) && s->at.encrypted;
}

bool session_offers(const struct session *s, const char *keyword)
{
    const struct target_notes *n = s->notes;
    bool in_tls = session_is_as_demanded(s) && n->tls_esmtp;
    struct span rest = evidence_plain(s->config->evidence,
                                      in_tls ? n->tls_keywords : n->ehlo_keywords);
    struct span line;
    while (span_cut(&rest, ',', &line)) {
        line = span_trim(line);
        size_t end = span_chr(line, ' ');
        if (span_iequal(span_to(line, end), span_of(keyword))) {
            return true;
        }
    }
    return false;
}

const char *session_lacks(const struct session *s, const struct form_result *r)
{
    const char *keyword[FORM_KEYWORDS_MAX];
    form_extensions(&r->form, keyword);
    for (int i = 0; i < FORM_KEYWORDS_MAX; i++) {
        if (keyword[i] != NULL && !session_offers(s, keyword[i])) {
            return form_lacks(keyword[i]);
        }
    }
    return NULL;
}

void session_rule_out(struct session *s)
{
    if (is_tls_demanded(s) && !s->at.encrypted) { /* what is offered inside counts */
        return;
    }
    for (size_t i = 0; i < s->plan->count; i++) {
        struct form_result *r = &s->plan->results[i];
        const char *why = r->state == FORM_NOT_ASKED ? session_lacks(s, r) : NULL;
        if (why != NULL) {
            plan_rule_out(s->plan, &s->at, r, why);
        }
    }
}
