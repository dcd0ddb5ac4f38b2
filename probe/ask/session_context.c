/*
 * session_context.c - sessions of another kind: their greeting, and what comes before their form
 *
 * A refusal here is one to the kind of session: it makes the form not applicable, and is never an
 * answer about relaying. "Later" is put off like any other. A session that breaks off here is the
 * form's loss: to hang up twice is a refusal there too (plan.c), silence leaves the question open.
 *
 * Not: the forms' own refusals of the session (plan_refuses_context), which come with an answer.
 */
#include <string.h>

#include "probe/ask/session_private.h"

const struct context_row *session_context(const struct session *s)
{
    return &form_contexts[s->at.context];
}

/* Any form of the context that runs will do for its words. */
static const struct form *form_of_context(const struct session *s)
{
    const struct plan *p = s->plan;
    for (size_t i = 0; i < p->count; i++) {
        if (plan_form_in_context(&s->at, &p->results[i])) {
            return &p->results[i].form;
        }
    }
    return &p->results[0].form;
}

enum session_stage session_hello(struct session *s)
{
    switch (session_context(s)->hello) {
    case HELLO_EHLO:
        break;
    case HELLO_HELO:
        if (s->plan->helo_only) {
            plan_context_refused(s->plan, &s->at, "everything is asked after HELO already");
            s->settled++;
            return STAGE_QUIT;
        }
        return STAGE_HELO;
    case HELLO_NONE:
        return session_after_ehlo(s);
    }
    return s->plan->helo_only ? STAGE_HELO : STAGE_EHLO;
}

void session_add_name(const struct session *s, struct strbuf *out)
{
    if (s->at.context == CONTEXT_PLAIN) {
        strbuf_add(out, s->config->helo);
        return;
    }
    context_name(form_of_context(s), s->config->who, s->config->helo, out);
}

static void refused(struct session *s)
{
    plan_context_refused(s->plan, &s->at, session_context(s)->refused);
    s->form = NULL;
    s->settled++;
}

/* 4yz before the form was asked: its answer, until the next try. */
static void put_off(struct session *s, enum smtp_step step, const struct reply *reply)
{
    struct form_result *r = s->form != NULL ? s->form
                                            : plan_next(s->plan, &s->at, s->client.now_ns);
    struct answer_judgement j = answer_judge(step, reply);
    if (r != NULL) {
        r->answer = reply->code == 421 ? ANSWER_SERVICE : ANSWER_DEFERRED;
        r->row = j.row;
        r->step = step;
        r->code = (int16_t)reply->code;
        r->answered_ns = s->client.now_ns;
        session_keep_said(s, r, reply);
        plan_answered(s->plan, &s->at, r, s->client.now_ns, answer_retry_seconds(reply));
        session_tell_settled(s, r);
        s->settled += r->answer == ANSWER_DEFERRED;
    }
    s->turned_away = reply->code == 421;
    s->form = NULL;
}

bool session_hello_refused(struct session *s, enum smtp_step step, const struct reply *reply)
{
    if (!context_has_hello(session_context(s)) || reply_class(reply) < 4) {
        return false;
    }
    s->refusals++;
    if (reply_class(reply) == 4) {
        put_off(s, step, reply);
    } else {
        refused(s);
    }
    return true;
}

enum session_stage session_enter_context(struct session *s)
{
    if (session_begin_group_of_one(s)) {
        return STAGE_GROUP;
    }
    if (session_is_early(s)) {
        return STAGE_EARLY;
    }
    if (session_is_smuggling(s)) {
        return session_enter_smuggling(s);
    }
    if (context_of(&s->form->form)->notice != NULL) {
        return STAGE_NOTICE;
    }
    return s->context_step < session_context(s)->step_count ? STAGE_STEP : STAGE_MAIL;
}

void session_write_step(const struct session *s, unsigned step, struct strbuf *line)
{
    context_command(&s->form->form, step, s->sender, s->config->who, s->config->helo, line);
}

void session_say_step(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    session_write_step(s, s->context_step, &line);
    smtp_client_command(&s->client, STEP_OTHER, strbuf_span(&line));
}

bool session_step_had(struct session *s, const struct reply *reply)
{
    enum context_want want = session_context(s)->steps[s->context_step].want;
    bool had = context_wanted(want, reply->code);
    s->refusals += reply_class(reply) >= 4;
    enum answer answer = answer_judge(STEP_RCPT, reply).answer; /* 454 may say it for good */
    if (reply->code == 421 || (answer == ANSWER_DEFERRED && !had)) {
        put_off(s, STEP_OTHER, reply);
        return false;
    }
    if (!had) {
        refused(s);
        return false;
    }
    s->context_step++;
    return true;
}

enum session_stage session_hear_step(struct session *s, const struct reply *reply)
{
    return session_step_had(s, reply) ? session_enter_context(s) : STAGE_QUIT;
}

void session_say_notice(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    form_expand(&s->form->form, context_of(&s->form->form)->notice, s->config->who, &line);
    smtp_client_command(&s->client, STEP_OTHER, strbuf_span(&line));
}

/* TURN that was taken makes a server of us (RFC 821 3.8): nothing is said then. */
enum session_stage session_hear_notice(struct session *s, const struct reply *reply)
{
    bool taken = reply_class(reply) == 2;
    enum answer a = taken ? ANSWER_ACCEPTED : ANSWER_DENIED;
    s->refusals += !taken;
    session_keep_answer(s, STEP_OTHER, reply, (struct answer_judgement){a, NULL});
    bool turned = taken && strcmp(context_of(&s->form->form)->notice, "TURN") == 0;
    if (turned || reply->code == 421) {
        session_give_answer(s);
        return turned ? STAGE_CLOSE : STAGE_QUIT;
    }
    return session_to_rset(s, AFTER_NEXT);
}

bool session_wants_hello(struct session *s, const struct reply *reply)
{
    if (session_context(s)->hello != HELLO_NONE || reply_class(reply) != 5) {
        return false;
    }
    refused(s);
    return true;
}

void session_lost_in_context(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    bool greeting = step == STEP_EHLO || step == STEP_HELO;
    bool own = context_has_hello(session_context(s)) || session_context(s)->certificate;
    if (s->form != NULL || !greeting || !own || outcome == OUTCOME_UNSOLICITED) {
        return;
    }
    struct form_result *r = plan_next(s->plan, &s->at, s->client.now_ns);
    if (r == NULL) {
        return;
    }
    session_lose_form(s, r, outcome, step);
    s->settled += r->hang_ups >= PLAN_HANG_UPS_MAX;
}
