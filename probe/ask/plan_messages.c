/*
 * plan_messages.c - no more messages than the user allows
 *
 * A message counts from the moment that its form may say DATA, so that sessions side by side keep
 * the limit together. It counts no more when the form comes back without a message sent, or with
 * one that was refused for good: that one the target did not take.
 */
#include "probe/ask/plan.h"

static bool was_taken(const struct form_result *r)
{
    return r->body_sent && !(r->state == FORM_OFFERED && verdict_refused_for_good(r->answer));
}

static unsigned messages(const struct plan *p, const struct form_result *beside)
{
    unsigned count = 0;
    for (size_t i = 0; i < p->count; i++) {
        bool sending = p->forms[i].phase == PLAN_TAKEN && p->forms[i].sending;
        count += &p->results[i] != beside && (sending || was_taken(&p->results[i]));
    }
    return count;
}

bool plan_may_send(struct plan *p, const struct form_result *r)
{
    bool may = p->messages_max == 0 || messages(p, r) < p->messages_max;
    p->forms[r - p->results].sending = may;
    return may;
}

/* That its recipient was taken stays to be seen. */
void plan_keep_back(struct plan *p, struct form_result *r)
{
    p->messages_spent = true;
    r->state = FORM_NOT_ASKED;
    r->answer = ANSWER_NONE;
    p->forms[r - p->results].phase = PLAN_SETTLED;
}

void plan_spend_messages(struct plan *p)
{
    if (p->messages_max == 0 || messages(p, NULL) < p->messages_max) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        bool left = p->forms[i].phase == PLAN_PENDING || p->forms[i].phase == PLAN_WAITING;
        if (left && p->results[i].form.kind != FORM_CONTROL) {
            p->messages_spent = true;
            p->forms[i].phase = PLAN_SETTLED;
        }
    }
}
