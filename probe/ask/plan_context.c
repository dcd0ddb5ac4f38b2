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

/* A session that has not come to its forms yet will take so many: a group. */
enum { PLAN_TAKES = 9 };

static uint8_t session_kind(const struct form_result *r)
{
    return context_of_session(&r->form);
}

bool plan_form_in_context(const struct plan_session *at, const struct form_result *r)
{
    return session_kind(r) == at->context &&
           (at->context == CONTEXT_PLAIN || r->form.local == at->local);
}

static bool is_last(const struct plan *p, size_t i)
{
    return context_of(&p->results[i].form)->early;
}

bool plan_form_is_held(const struct plan *p, size_t i)
{
    bool held = false;
    for (size_t k = 0; k < p->count && is_last(p, i) && !held; k++) {
        held = p->forms[k].phase != PLAN_SETTLED && !is_last(p, k);
    }
    return held;
}

bool plan_form_is_left(const struct plan *p, size_t i, int64_t now_ns)
{
    const struct plan_form *f = &p->forms[i];
    if (plan_form_is_held(p, i)) {
        return false;
    }
    return f->phase == PLAN_PENDING || (f->phase == PLAN_WAITING && f->due_ns <= now_ns);
}

/* How many forms of a kind the sessions that run will take, as far as can be told: a session of
 * another kind all of its few. */
static size_t spoken_for(const struct plan *p, uint8_t kind)
{
    size_t forms = 0;
    for (size_t i = 0; i < PLAN_SESSIONS_MAX; i++) {
        const struct plan_session *at = p->running[i];
        if (at != NULL && at->context == kind) {
            forms += kind != CONTEXT_PLAIN ? FORMS_MAX : at->waiting ? PLAN_TAKES : 0;
        }
    }
    return forms;
}

static bool is_spare(const struct plan *p, uint8_t kind, int64_t now_ns)
{
    size_t taken = spoken_for(p, kind), left = 0;
    for (size_t i = 0; i < p->count && taken > 0; i++) {
        left += plan_form_is_left(p, i, now_ns) && session_kind(&p->results[i]) == kind;
    }
    return taken == 0 || left > taken;
}

bool plan_wants_beside(const struct plan *p, int64_t now_ns)
{
    for (size_t i = 0; i < p->count && p->learnt && !p->group_wait; i++) {
        if (plan_form_is_left(p, i, now_ns) && is_spare(p, session_kind(&p->results[i]), now_ns)) {
            return true;
        }
    }
    return false;
}

static void enter(struct plan *p, const struct plan_session *at)
{
    size_t i = 0;
    while (i + 1 < PLAN_SESSIONS_MAX && p->running[i] != NULL) {
        i++;
    }
    p->running[i] = at;
}

void plan_end_session(struct plan *p, const struct plan_session *at)
{
    for (size_t i = 0; i < PLAN_SESSIONS_MAX; i++) {
        p->running[i] = p->running[i] == at ? NULL : p->running[i];
    }
}

static bool is_in_front(enum plan_front front, const struct form_result *r)
{
    const struct context_row *row = context_of(&r->form);
    return (front != PLAN_FRONT_PLAIN && row->proxy != 0) ||
           (front == PLAN_FRONT_NAMES && context_has_hello(row));
}

static bool goes_before(const struct plan *p, const struct form_result *a,
                        const struct form_result *b)
{
    bool front_a = is_in_front(p->front, a), front_b = is_in_front(p->front, b);
    if (front_a != front_b) {
        return front_a;
    }
    return a->attempts < b->attempts ||
           (a->attempts == b->attempts && session_kind(a) < session_kind(b));
}

void plan_begin_session(struct plan *p, struct plan_session *at, unsigned number, int64_t now_ns)
{
    const struct form_result *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct form_result *r = &p->results[i];
        if (!plan_form_is_left(p, i, now_ns) || !is_spare(p, session_kind(r), now_ns)) {
            continue;
        }
        best = best == NULL || goes_before(p, r, best) ? r : best;
    }
    *at = (struct plan_session){.number = (uint8_t)number,
                                .context = best != NULL ? session_kind(best) : CONTEXT_PLAIN,
                                .local = best != NULL ? best->form.local : 0,
                                .waiting = true};
    enter(p, at);
}

bool plan_try_front(struct plan *p, enum plan_front front, int64_t now_ns)
{
    for (size_t i = 0; i < p->count && p->front < front; i++) {
        if (plan_form_is_left(p, i, now_ns) && is_in_front(front, &p->results[i])) {
            p->front = front;
            return true;
        }
    }
    return false;
}

bool plan_front_answered(const struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct form_result *r = &p->results[i];
        if (is_in_front(p->front, r) && r->answer != ANSWER_NONE &&
            r->state != FORM_NOT_APPLICABLE) {
            return true;
        }
    }
    return false;
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

void plan_context_unclear(struct plan *p, const struct plan_session *at, enum smtp_outcome outcome,
                          enum smtp_step step)
{
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].phase == PLAN_SETTLED || !plan_form_in_context(at, r)) {
            continue;
        }
        if (p->forms[i].phase != PLAN_TAKEN) {
            r->attempts++;
        }
        r->state = FORM_UNDECIDED;
        r->answer = ANSWER_NONE;
        r->reply = 0;
        r->code = 0;
        r->outcome = outcome;
        r->step = step;
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
