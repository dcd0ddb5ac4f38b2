/*
 * plan_taken.c - a recipient that was taken, and is refused when it is asked again
 *
 * Who hears a yes in a group, or loses the session behind it, asks again; then the server may say
 * no: it looks at the first transaction of a session only, it is two servers behind one address, it
 * relays now and then. That no does not undo the yes. The form is asked again and again, alone and
 * in a row, so that it comes to stand where it was taken; when it is never taken again nobody knows
 * what would have become of its message, and it stays undecided. A no to DATA or to the message is
 * another thing: that is what the yes was worth.
 */
#include "probe/ask/plan.h"

void plan_note_taken(struct plan *p, const struct plan_session *at, const struct form_result *r)
{
    struct plan_form *f = &p->forms[r - p->results];
    f->taken_in = f->taken_in == 0 ? at->number : f->taken_in;
}

void plan_forget_taken(struct plan *p, const struct plan_session *at)
{
    for (size_t i = 0; i < p->count; i++) {
        bool here = p->forms[i].taken_in == at->number;
        p->forms[i].taken_in = here ? 0 : p->forms[i].taken_in;
    }
}

bool plan_was_taken(const struct plan *p, const struct form_result *r)
{
    bool at_recipient = r->step == STEP_MAIL || r->step == STEP_RCPT;
    return at_recipient && p->forms[r - p->results].taken_in != 0;
}

bool plan_ask_again(struct plan *p, struct form_result *r)
{
    struct plan_form *f = &p->forms[r - p->results];
    if (!plan_was_taken(p, r)) {
        return false;
    }
    p->again_in_vain |= f->again >= PLAN_AGAIN_MAX;
    f->again++;
    f->single = true;
    f->phase = p->again_in_vain ? PLAN_SETTLED : PLAN_PENDING;
    r->state = FORM_UNDECIDED;
    r->rcpt_accepted = true; /* it was, once */
    return true;
}
