/*
 * plan_context.c - which sessions a plan needs, and what becomes of forms whose session is refused
 *
 * A session has one context. Plain ones come first: they learn what the target likes (its sender,
 * its brackets, HELO), and a finding there is worth most. What belongs behind STARTTLS begins in a
 * plain session. What was tried least goes first, so that one kind of session that is turned away
 * again and again does not use up the time of the others.
 */
#include "probe/ask/contexts.h"
#include "probe/ask/plan.h"

static uint8_t session_kind(const struct form_result *r)
{
    return context_of_session(&r->form);
}

bool plan_form_in_context(const struct plan_session *at, const struct form_result *r)
{
    return session_kind(r) == at->context &&
           (at->context == CONTEXT_PLAIN || r->form.local == at->local);
}

bool plan_form_is_left(const struct plan *p, size_t i, int64_t now_ns)
{
    const struct plan_form *f = &p->forms[i];
    return f->phase == PLAN_PENDING || (f->phase == PLAN_WAITING && f->due_ns <= now_ns);
}

void plan_choose_context(const struct plan *p, struct plan_session *at, int64_t now_ns)
{
    const struct form_result *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct form_result *r = &p->results[i];
        if (!plan_form_is_left(p, i, now_ns)) {
            continue;
        }
        bool sooner = best == NULL || r->attempts < best->attempts ||
                      (r->attempts == best->attempts && session_kind(r) < session_kind(best));
        best = sooner ? r : best;
    }
    at->context = best != NULL ? session_kind(best) : CONTEXT_PLAIN;
    at->local = best != NULL ? best->form.local : 0;
}

void plan_context_refused(struct plan *p, const struct plan_session *at, const char *why)
{
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].phase == PLAN_SETTLED || !plan_form_in_context(at, r)) {
            continue;
        }
        r->form.applicable = false;
        r->form.why_not = why;
        r->state = FORM_NOT_APPLICABLE;
        if (p->forms[i].phase == PLAN_TAKEN) {
            r->attempts--;
        }
        p->forms[i].session = at->number; /* taken back when the session loses its trust */
        p->forms[i].phase = PLAN_SETTLED;
    }
}

/* A no that does not say why, and that postmaster hears as well: in a session of its own kind that
 * is a no to the kind. One that says why (a blocklist) is meant for us. */
bool plan_refuses_context(const struct form_result *r)
{
    bool unsaid = r->row == NULL || r->row->answer == ANSWER_DENIED_UNKNOWN ||
                  r->row->answer == ANSWER_NO_MAILBOX;
    return session_kind(r) != CONTEXT_PLAIN &&
           (r->answer == ANSWER_REFUSED_HELO || (r->answer == ANSWER_REFUSED_CLIENT && unsaid));
}
