/*
 * plan_tls.c - which forms are asked inside TLS, and what becomes of them when there is none
 *
 * A form is asked where it belongs: the battery in clear, the context form E3 behind STARTTLS. When
 * the server answers in clear that it wants TLS first, or when the user wants it so, everything
 * belongs behind it. A STARTTLS that is refused by a reply leaves nobody a way in, so what belongs
 * there does not apply; a handshake that fails leaves the question open.
 */
#include "probe/ask/plan.h"

bool plan_form_in_tls(const struct plan *p, const struct form_result *r)
{
    return p->tls.demanded || r->form.context == CONTEXT_STARTTLS;
}

bool plan_wants_tls(const struct plan *p, const struct plan_session *at, int64_t now_ns)
{
    bool possible = p->tls.able && !p->tls.off && !at->encrypted && now_ns < p->deadline_ns &&
                    (p->tls.offered || p->tls.demanded);
    for (size_t i = 0; i < p->count && possible; i++) {
        const struct form_result *r = &p->results[i];
        if (plan_form_is_left(p, i, now_ns) && plan_form_in_context(at, r) &&
            plan_form_in_tls(p, r)) {
            return true;
        }
    }
    return false;
}

static void apply_context_forms(struct plan *p, const char *why_not)
{
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        bool open = r->state == FORM_NOT_ASKED;
        if (r->form.context != CONTEXT_STARTTLS || !open) {
            continue;
        }
        r->form.applicable = why_not == NULL;
        r->form.why_not = why_not;
        r->state = why_not == NULL ? FORM_NOT_ASKED : FORM_NOT_APPLICABLE;
        p->forms[i].phase = why_not == NULL ? PLAN_PENDING : PLAN_SETTLED;
    }
}

void plan_tls_offered(struct plan *p, bool offered)
{
    if (p->tls.looked) {
        return;
    }
    p->tls.looked = true;
    p->tls.offered = offered;
    apply_context_forms(p, offered ? NULL : "STARTTLS is not offered");
}

bool plan_tls_demanded(struct plan *p, const struct plan_session *at)
{
    if (!p->tls.able || p->tls.off || at->encrypted) {
        return false;
    }
    if (!p->tls.demanded) {
        apply_context_forms(p, "everything is asked after STARTTLS already");
    }
    p->tls.demanded = true;
    return true;
}

void plan_tls_refused(struct plan *p)
{
    p->tls.off = true;
    p->tls.demanded = p->tls.forced;
    apply_context_forms(p, "STARTTLS is offered and refused");
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        bool asked = p->forms[i].phase == PLAN_PENDING && r->answer == ANSWER_TLS_REQUIRED;
        if (asked || (p->tls.forced && p->forms[i].phase == PLAN_PENDING)) {
            p->forms[i].phase = PLAN_SETTLED;
        }
    }
}

void plan_tls_lost(struct plan *p, enum smtp_outcome outcome, enum smtp_step step)
{
    if (++p->tls.failures < PLAN_LOSSES_MAX) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].phase == PLAN_SETTLED || !plan_form_in_tls(p, r)) {
            continue;
        }
        r->state = FORM_UNDECIDED;
        r->answer = ANSWER_NONE;
        r->reply_text[0] = '\0';
        r->outcome = outcome;
        r->step = step;
        p->forms[i].phase = PLAN_SETTLED;
    }
}
