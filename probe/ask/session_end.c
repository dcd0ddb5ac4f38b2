/*
 * session_end.c - what becomes of the forms of a session that ends by itself, or is not believed
 *
 * A form whose session broke is the plan's again: with what happened, which may be an answer in
 * company of others (plan.c); without blame when another session stood beside this one; or, when
 * replies and commands had lost each other, with all that this session had said taken back.
 */
#include "probe/ask/session_private.h"

/* The session is believed no more. */
enum session_stage session_taint(struct session *s)
{
    if (session_header_tainted(s)) {
        return STAGE_QUIT;
    }
    s->notes->tainted = s->tainted = true;
    s->notes->tainted_sessions++;
    plan_taint_session(s->plan, &s->at);
    if (s->refused || s->busy) { /* nor was that said to us as a client */
        s->notes->session_answer = ANSWER_NONE;
        s->refused = s->busy = false;
    }
    if (s->form != NULL) {
        plan_tainted(s->plan, s->form);
        s->form = NULL;
    }
    return STAGE_QUIT;
}

void session_lose_form(struct session *s, struct form_result *r, enum smtp_outcome outcome,
                       enum smtp_step step)
{
    r->outcome = outcome;
    r->step = step;
    r->answer = ANSWER_NONE;
    r->answered_ns = s->client.now_ns;
    r->reply = 0;
    if (r->body_sent) {
        r->body_sent = s->client.data_byte_sent || s->client.eom_sent;
    }
    plan_lost(s->plan, r, s->client.now_ns);
    session_tell_settled(s, r);
}

/* The connection ended while a form was asked. An answer that only lacked its RSET stands. */
static void form_cut_off(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    struct form_result *r = s->form;
    bool stands = s->answer_here && !s->control_needed && s->after_rset == AFTER_NEXT;
    if (outcome == OUTCOME_UNSOLICITED) {
        session_taint(s);
        return;
    }
    if (stands) {
        session_give_answer(s);
        return;
    }
    session_lose_form(s, r, outcome, step);
    bool hung_up_for_good = r->hang_ups >= PLAN_HANG_UPS_MAX && r != &s->plan->results[0];
    s->settled += hung_up_for_good || r->body_sent;
    s->form = NULL;
}

/* Nobody knows whether the server minded the form, or the number of sessions. */
static bool broke_in_company(struct session *s, enum smtp_outcome outcome)
{
    bool sent = s->form != NULL && s->form->body_sent;
    if (!s->company || sent || outcome == OUTCOME_UNSOLICITED || outcome == OUTCOME_CANCELLED) {
        return false;
    }
    if (s->stage == STAGE_GROUP) {
        session_group_back(s);
    } else if (s->form != NULL) {
        plan_put_back(s->plan, s->form);
    }
    s->form = NULL;
    return true;
}

void session_done(void *self, struct smtp_client *c, enum smtp_outcome outcome, enum smtp_step step)
{
    struct session *s = self;
    struct target_notes *n = s->notes;
    s->outcome = outcome;
    s->step = step;
    if (session_lost_early(s, outcome, step) || session_lost_smuggled(s, outcome)) {
        return;
    }
    if (s->over) {
        bool unheard = s->stage == STAGE_QUIT || s->stage == STAGE_END;
        if (outcome == OUTCOME_UNSOLICITED && unheard && !s->tainted) {
            session_taint(s);
        }
        n->quit_unanswered |= !session_has_header(s) && s->stage != STAGE_END &&
                              outcome != OUTCOME_CLOSED_BY_US && outcome != OUTCOME_UNSOLICITED;
        return;
    }
    if (session_lost_with_header(s, outcome, step)) {
        return;
    }
    if (broke_in_company(s, outcome)) {
        return;
    }
    bool past_deadline = outcome == OUTCOME_CANCELLED && c->now_ns >= s->config->deadline_ns;
    n->last_outcome = past_deadline ? OUTCOME_TIMEOUT : outcome;
    n->last_step = step;
    n->hung_up |= outcome == OUTCOME_CLOSED || outcome == OUTCOME_RESET;
    if (step == STEP_EHLO && s->at.context == CONTEXT_PLAIN &&
        (outcome == OUTCOME_CLOSED || outcome == OUTCOME_RESET)) {
        s->plan->helo_only = true;
    }
    session_lost_in_tls(s, outcome, step);
    session_lost_in_context(s, outcome, step);
    if (s->stage == STAGE_GROUP) {
        session_group_lost(s, outcome);
    } else if (s->form != NULL) {
        form_cut_off(s, outcome, step);
    } else if (outcome == OUTCOME_UNSOLICITED) {
        session_taint(s);
    }
}
