/*
 * plan_tls.c - which forms are asked inside TLS, and what becomes of them when there is none
 *
 * A form is asked where it belongs: the battery in clear, the context form E3 behind STARTTLS. When
 * the server answers in clear that it wants TLS first, or when the user wants it so, everything
 * belongs behind it. A STARTTLS that is refused by a reply leaves nobody a way in, so what belongs
 * there does not apply; a handshake that fails leaves the question open.
 *
 * E3b has a session of its own, in which a certificate of ours is shown. A server that asked for
 * none in one handshake asks for none in the next: its form is then settled without a connection.
 */
#include "probe/ask/plan.h"

#include "probe/ask/contexts.h"

bool plan_form_in_tls(const struct plan *p, const struct form_result *r)
{
    bool begins_in_clear = context_of(&r->form)->early;
    return (p->tls.demanded && !begins_in_clear) || context_in_tls(r->form.context);
}

static bool shows_certificate(const struct form_result *r)
{
    return context_of(&r->form)->certificate;
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

enum which { PLAIN_TLS = 1, WITH_CERTIFICATE = 2, EARLY = 4, ALL = 7 };

static unsigned kind_of(const struct form_result *r)
{
    return shows_certificate(r)          ? WITH_CERTIFICATE
           : context_of(&r->form)->early ? EARLY
                                         : PLAIN_TLS;
}

/* What is not asked yet of the forms that are asked in TLS only. True: there was one. */
static bool apply_context_forms(struct plan *p, unsigned which, const char *why_not)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        bool open = r->state == FORM_NOT_ASKED && p->forms[i].phase != PLAN_TAKEN;
        if (!context_wants_starttls(r->form.context) || (kind_of(r) & which) == 0 || !open) {
            continue;
        }
        r->form.applicable = why_not == NULL;
        r->form.why_not = why_not;
        r->state = why_not == NULL ? FORM_NOT_ASKED : FORM_NOT_APPLICABLE;
        p->forms[i].phase = why_not == NULL ? PLAN_PENDING : PLAN_SETTLED;
        any = true;
    }
    return any;
}

void plan_tls_init(struct plan *p, bool able, bool implicit, bool forced)
{
    p->tls = (struct plan_tls){.able = able && !implicit,
                               .implicit = able && implicit,
                               .forced = able && forced,
                               .demanded = able && forced};
    plan_tls_settle(p);
}

void plan_tls_settle(struct plan *p)
{
    if (!p->tls.able && !p->tls.implicit) {
        (void)apply_context_forms(p, ALL, "everything is asked in clear");
    } else if (p->tls.implicit) {
        (void)apply_context_forms(p, PLAIN_TLS | EARLY, "everything is asked inside TLS already");
        (void)apply_context_forms(p, WITH_CERTIFICATE, NULL);
    }
}

void plan_tls_offered(struct plan *p, bool offered)
{
    if (p->tls.looked || !p->tls.able) {
        return;
    }
    p->tls.looked = true;
    p->tls.offered = offered;
    (void)apply_context_forms(p, ALL, offered ? NULL : "STARTTLS is not offered");
}

/* What the server does not offer in clear, it may offer inside TLS. */
static void reopen_lacking(struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (r->state == FORM_NOT_APPLICABLE && form_is_lacking(&r->form)) {
            r->form.applicable = true;
            r->form.why_not = NULL;
            r->state = FORM_NOT_ASKED;
            p->forms[i].phase = PLAN_PENDING;
        }
    }
}

bool plan_tls_demanded(struct plan *p, const struct plan_session *at)
{
    if (!p->tls.able || p->tls.off || at->encrypted) {
        return false;
    }
    if (!p->tls.demanded) {
        (void)apply_context_forms(p, PLAIN_TLS, "everything is asked after STARTTLS already");
        reopen_lacking(p);
    }
    p->tls.demanded = true;
    return true;
}

void plan_tls_refused(struct plan *p)
{
    p->tls.off = true;
    p->tls.demanded = p->tls.forced;
    (void)apply_context_forms(p, ALL, "STARTTLS is offered and refused");
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        bool asked = p->forms[i].phase == PLAN_PENDING && r->answer == ANSWER_TLS_REQUIRED;
        if (asked || (p->tls.forced && p->forms[i].phase == PLAN_PENDING)) {
            p->forms[i].phase = PLAN_SETTLED;
        }
    }
}

bool plan_tls_unasked(struct plan *p)
{
    return apply_context_forms(p, WITH_CERTIFICATE, "the server asks for no client certificate");
}

bool plan_tls_certificate_wanted(struct plan *p)
{
    return !p->tls.demanded && !p->tls.implicit &&
           apply_context_forms(p, PLAIN_TLS | EARLY,
                               "the server takes nobody without a client certificate");
}

void plan_tls_lost(struct plan *p, const struct plan_session *at, enum smtp_outcome outcome,
                   enum smtp_step step)
{
    bool shown = form_contexts[at->context].certificate;
    if (++p->tls.failures[shown] < PLAN_LOSSES_MAX) {
        return;
    }
    if (!shown) {
        (void)apply_context_forms(p, EARLY, "no handshake stands");
    }
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].phase == PLAN_SETTLED || !plan_form_in_tls(p, r) ||
            shows_certificate(r) != shown) {
            continue;
        }
        r->state = FORM_UNDECIDED;
        r->answer = ANSWER_NONE;
        r->reply = 0;
        r->outcome = outcome;
        r->step = step;
        p->forms[i].phase = PLAN_SETTLED;
    }
}
