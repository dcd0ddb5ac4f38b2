/*
 * session_form.c - one form: MAIL, RCPT, DATA, the message, and the RSET that makes its answer
 * believed
 *
 * A no is not always a no to relaying, so each step may say the same question in other words first:
 * without angle brackets (A5) while it is not known which way the target likes, and in another
 * sender's name (A4) when the plainest is refused. Both are remembered in the plan. What the server
 * says after that is the form's answer.
 */
#include <string.h>

#include "probe/ask/session_private.h"

static void command(struct session *s, enum smtp_step step, struct strbuf *line)
{
    smtp_client_command(&s->client, step, strbuf_span(line));
}

void session_count_refusal(struct session *s, const struct reply *reply, struct answer_judgement j)
{
    s->refusals += reply_class(reply) >= 4;
    s->syntax_errors += j.answer == ANSWER_SYNTAX;
}

bool session_asks_in_plain_name(const struct form_result *r)
{
    return r->form.sender == &form_senders[0];
}

/* The sender that the form is asked with: its own, or what stands in for the plainest. */
const struct sender_row *session_sender_for(const struct session *s, const struct form_result *r)
{
    return session_asks_in_plain_name(r) ? plan_plain_sender(s->plan) : r->form.sender;
}

/* The server's patience must not be used up (SESSION_REFUSALS_MAX, SESSION_SYNTAX_MAX). */
static bool session_spent(const struct session *s)
{
    return s->refusals >= SESSION_REFUSALS_MAX || s->syntax_errors >= SESSION_SYNTAX_MAX;
}

/* The next form that can be asked of this server. */
static struct form_result *next_form(struct session *s)
{
    struct form_result *r;
    const char *why;
    while ((r = plan_next(s->plan, &s->at, s->client.now_ns)) != NULL &&
           (why = session_lacks(s, r)) != NULL) {
        plan_not_applicable(s->plan, r, why);
        s->settled++; /* no session in vain */
    }
    return r;
}

enum session_stage session_begin_form(struct session *s)
{
    s->form = NULL;
    if (session_spent(s)) {
        return STAGE_QUIT;
    }
    if (session_begin_group(s)) {
        s->at.waiting = s->group.tail == STAGE_STARTTLS;
        return STAGE_GROUP;
    }
    struct form_result *r = next_form(s);
    if (r == NULL) {
        s->at.waiting = plan_wants_tls(s->plan, &s->at, s->client.now_ns);
        return s->at.waiting ? STAGE_STARTTLS : STAGE_QUIT;
    }
    if (s->asked_suspect || (s->settled > 0 && plan_is_suspect(s->plan, r))) {
        plan_put_back(s->plan, r);
        return STAGE_QUIT;
    }
    s->at.waiting = false;
    s->asked_suspect = plan_is_suspect(s->plan, r);
    session_open_form(s, r);
    if (s->sender == NULL) { /* no sender was taken at all: nothing to ask with */
        s->sender = r->form.sender;
    }
    return session_enter_context(s);
}

void session_open_form(struct session *s, struct form_result *r)
{
    s->form = r;
    s->answer_here = false;
    s->control_needed = false;
    s->mail_bare = s->plan->mail_style == STYLE_BARE;
    s->rcpt_bare = s->plan->rcpt_style == STYLE_BARE;
    s->sender = session_sender_for(s, r);
    r->outcome = OUTCOME_CLOSED_BY_US;
    r->answer = ANSWER_NONE;
    r->row = NULL;
    r->code = 0;
    r->rcpt_accepted = r->data_accepted = false;
}

void session_write_mail(const struct session *s, struct strbuf *line)
{
    strbuf_addf(line, "%s FROM:", context_verb(&s->form->form));
    form_sender(&s->form->form, s->sender, s->config->who, s->mail_bare, line);
    s->form->sender_used = s->sender;
}

void session_write_rcpt(const struct session *s, struct strbuf *line)
{
    strbuf_adds(line, "RCPT TO:");
    form_recipient(&s->form->form, s->config->who, s->rcpt_bare, line);
}

/* The other recipient of the same transaction; what becomes of it is not the question. */
void session_write_companion(const struct session *s, struct strbuf *line)
{
    strbuf_adds(line, "RCPT TO:");
    form_companion(&s->form->form, s->config->who, line);
}

static void say_line(struct session *s, enum smtp_step step,
                     void (*write)(const struct session *s, struct strbuf *line))
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    write(s, &line);
    command(s, step, &line);
}

void session_say_mail(struct session *s)
{
    say_line(s, STEP_MAIL, session_write_mail);
}

void session_say_rcpt(struct session *s)
{
    say_line(s, STEP_RCPT, session_write_rcpt);
}

void session_say_companion(struct session *s)
{
    say_line(s, STEP_RCPT, session_write_companion);
}

enum session_stage session_to_rset(struct session *s, enum session_after after)
{
    s->after_rset = (uint8_t)after;
    return STAGE_RSET;
}

/* Keeps the answer in the result; it goes to the plan behind the RSET, or at once when the server
 * is closing. */
void session_keep_answer(struct session *s, enum smtp_step step, const struct reply *reply,
                         struct answer_judgement j)
{
    struct form_result *r = s->form;
    r->answer = j.answer;
    r->row = j.row;
    r->step = step;
    r->code = (int16_t)reply->code;
    r->answered_ns = s->client.now_ns;
    session_keep_said(s, r, reply);
    s->retry_hint_s = j.answer == ANSWER_DEFERRED ? answer_retry_seconds(reply) : 0;
    s->answer_here = true;
}

static enum session_stage answer(struct session *s, enum smtp_step step, const struct reply *reply,
                                 struct answer_judgement j)
{
    session_keep_answer(s, step, reply, j);
    return session_to_rset(s, AFTER_NEXT);
}

void session_tell_settled(struct session *s, const struct form_result *r)
{
    if (s->config->observer.settled != NULL) {
        s->config->observer.settled(s->config->observer.self, r);
    }
}

void session_give_answer(struct session *s)
{
    struct form_result *r = s->form;
    plan_answered(s->plan, &s->at, r, s->client.now_ns, s->retry_hint_s);
    session_tell_settled(s, r);
    s->settled += r->answer != ANSWER_SERVICE;
    s->form = NULL;
}

/* 421: the server closes, RSET would not be heard. An answer to another question: nothing is
 * believed. */
static bool ends_session(struct session *s, enum smtp_step step, const struct reply *reply,
                         struct answer_judgement j, enum session_stage *next)
{
    session_count_refusal(s, reply, j);
    if (j.answer == ANSWER_NONE) {
        *next = session_taint(s);
        return true;
    }
    if (reply->code == 421) {
        s->turned_away = true;
        answer(s, step, reply, j);
        session_give_answer(s);
        *next = STAGE_QUIT;
        return true;
    }
    return false;
}

static enum session_stage try_next_sender(struct session *s, enum smtp_step step,
                                          const struct reply *reply, struct answer_judgement j)
{
    struct target_notes *n = s->notes;
    if (plan_sender_refused(s->plan, s->config->who)) {
        s->sender = plan_plain_sender(s->plan);
        s->mail_bare = s->plan->mail_style == STYLE_BARE;
        return session_to_rset(s, AFTER_AGAIN);
    }
    n->session_answer = ANSWER_REFUSED_SENDER;
    n->session_row = j.row;
    n->session_step = step;
    n->session_reply = session_keep_reply(s, reply);
    return answer(s, step, reply, j);
}

/* Another sender may do: for the plain question only, a form about a sender has its answer. */
static bool sender_at_fault(const struct session *s, enum answer a)
{
    bool plain = session_asks_in_plain_name(s->form) && plan_plain_sender(s->plan) != NULL;
    return plain && a == ANSWER_REFUSED_SENDER;
}

bool session_has_companion(const struct form_result *r, bool after)
{
    const struct recipient_row *row = r->form.recipient;
    return row->companion != NULL && row->companion_after == after;
}

/* All recipients are named: the message, as the form's context has it. */
static enum session_stage to_message(const struct session *s)
{
    return context_of(&s->form->form)->chunk ? STAGE_BODY : STAGE_DATA;
}

enum session_stage session_hear_companion(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_RCPT, reply);
    enum session_stage next;
    if (ends_session(s, STEP_RCPT, reply, j, &next)) {
        return next;
    }
    return session_has_companion(s->form, true) ? to_message(s) : STAGE_RCPT;
}

/* A no to the verb, whatever it says: were it one to the sender, MAIL would hear it, too. */
static bool refuses_verb(const struct session *s, const struct reply *reply)
{
    return context_of(&s->form->form)->verb != NULL && reply_class(reply) == 5;
}

enum session_stage session_hear_mail(struct session *s, const struct reply *reply)
{
    struct plan *p = s->plan;
    struct answer_judgement j = answer_judge(STEP_MAIL, reply);
    enum session_stage next;
    if (session_wants_hello(s, reply)) {
        return STAGE_QUIT;
    }
    if (refuses_verb(s, reply)) {
        j.answer = ANSWER_SYNTAX;
        session_count_refusal(s, reply, j);
        return answer(s, STEP_MAIL, reply, j);
    }
    if (ends_session(s, STEP_MAIL, reply, j, &next)) {
        return next;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        p->mail_style = s->mail_bare ? STYLE_BARE : STYLE_BRACKETS;
        s->notes->bare_mail = s->mail_bare;
        return session_has_companion(s->form, false) ? STAGE_COMPANION : STAGE_RCPT;
    }
    if (j.answer == ANSWER_SYNTAX && p->mail_style == STYLE_UNKNOWN && !s->mail_bare) {
        s->mail_bare = true;
        return session_to_rset(s, AFTER_AGAIN);
    }
    bool odd_sender = j.answer == ANSWER_SYNTAX && session_asks_in_plain_name(s->form) &&
                      plan_plain_sender(p) != NULL;
    if (odd_sender || sender_at_fault(s, j.answer)) {
        return try_next_sender(s, STEP_MAIL, reply, j);
    }
    return answer(s, STEP_MAIL, reply, j);
}

/* A no without a word about relaying is a no to the recipient only if the server takes another from
 * us. */
static enum session_stage answer_unknown(struct session *s, const struct reply *reply,
                                         struct answer_judgement j)
{
    enum { CONTROL_COMMANDS = 2 };
    if (s->control == CONTROL_UNKNOWN) {
        if (s->refusals + CONTROL_COMMANDS > SESSION_REFUSALS_MAX && s->settled > 0) {
            return session_to_rset(s, AFTER_PUT_BACK);
        }
        answer(s, STEP_RCPT, reply, j);
        s->control_needed = true;
        return session_to_rset(s, AFTER_CONTROL);
    }
    answer(s, STEP_RCPT, reply, j);
    if (s->control == CONTROL_SAME_CLASS) {
        s->form->answer = ANSWER_REFUSED_CLIENT;
    }
    return session_to_rset(s, AFTER_NEXT);
}

bool session_read_path(enum answer a)
{
    return a != ANSWER_DEFERRED && a != ANSWER_SERVICE;
}

static bool recipient_has_brackets(const struct form_result *r)
{
    return r->form.recipient->template[0] == '<';
}

void session_note_taken(struct session *s)
{
    const struct form *f = &s->form->form;
    bool plain = f->sender == &form_senders[0] && f->recipient == &form_recipients[0];
    s->plan->group_off |= plain;
    plan_note_taken(s->plan, &s->at, s->form);
}

enum session_stage session_hear_rcpt(struct session *s, const struct reply *reply)
{
    struct plan *p = s->plan;
    struct answer_judgement j = answer_judge(STEP_RCPT, reply);
    bool bracketed = recipient_has_brackets(s->form);
    enum session_stage next;
    if (ends_session(s, STEP_RCPT, reply, j, &next)) {
        return next;
    }
    if (j.answer == ANSWER_SYNTAX && p->rcpt_style == STYLE_UNKNOWN && bracketed && !s->rcpt_bare) {
        s->rcpt_bare = true;
        return session_to_rset(s, AFTER_AGAIN);
    }
    if (bracketed && p->rcpt_style == STYLE_UNKNOWN && session_read_path(j.answer)) {
        bool bare = s->rcpt_bare && j.answer != ANSWER_SYNTAX;
        p->rcpt_style = bare ? STYLE_BARE : STYLE_BRACKETS;
        s->notes->bare_rcpt = bare;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        s->form->rcpt_accepted = true;
        session_note_taken(s);
        bool control = s->form->form.kind == FORM_CONTROL;
        if (!control && !plan_may_send(p, s->form)) {
            return session_to_rset(s, AFTER_KEPT_BACK);
        }
        return control ? answer(s, STEP_RCPT, reply, j)
               : session_has_companion(s->form, true)
                   ? STAGE_COMPANION
                   : to_message(s);
    }
    if (sender_at_fault(s, j.answer)) {
        return try_next_sender(s, STEP_RCPT, reply, j);
    }
    bool unknown = j.answer == ANSWER_DENIED_UNKNOWN || j.answer == ANSWER_NO_MAILBOX;
    if (unknown && s->form->form.kind == FORM_EXTERNAL) {
        return answer_unknown(s, reply, j);
    }
    return answer(s, STEP_RCPT, reply, j);
}

void session_say_data(struct session *s)
{
    smtp_client_command(&s->client, STEP_DATA, SPAN("DATA"));
}

enum session_stage session_hear_data(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_DATA, reply);
    enum session_stage next;
    if (ends_session(s, STEP_DATA, reply, j, &next)) {
        return next;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        s->form->data_accepted = true;
        return STAGE_BODY;
    }
    if (sender_at_fault(s, j.answer)) {
        return try_next_sender(s, STEP_DATA, reply, j);
    }
    return answer(s, STEP_DATA, reply, j);
}

enum session_stage session_hear_body(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_END_OF_DATA, reply);
    enum session_stage next;
    if (ends_session(s, STEP_END_OF_DATA, reply, j, &next)) {
        return next;
    }
    return answer(s, STEP_END_OF_DATA, reply, j);
}

/* -- RSET and what follows it */

void session_say_rset(struct session *s)
{
    smtp_client_command(&s->client, STEP_RSET, SPAN("RSET"));
}

/* The control has spoken, or had before: an unknown no is a no, or says that we are not wanted at
 * all. */
void session_settle_unknown(struct session *s)
{
    if (s->control_needed && s->control != CONTROL_TAKEN && s->control != CONTROL_OTHER_CLASS) {
        s->form->answer = ANSWER_REFUSED_CLIENT;
    }
    s->control_needed = false;
}

enum session_stage session_hear_rset(struct session *s, const struct reply *reply)
{
    /* RFC 3207 4: whoever wants TLS first may say 530 to RSET, too. */
    bool in_clear = reply->code == 530 && s->form->answer == ANSWER_TLS_REQUIRED;
    if (reply->code != 250 && reply->code != 421 && !in_clear) {
        return session_taint(s);
    }
    bool closing = reply->code == 421;
    switch ((enum session_after)s->after_rset) {
    case AFTER_NEXT:
        session_settle_unknown(s);
        session_give_answer(s);
        s->plan->group_wait = false;
        return closing ? STAGE_QUIT : session_begin_form(s);
    case AFTER_AGAIN:
        if (!closing && !session_spent(s)) {
            return STAGE_MAIL;
        }
        break;
    case AFTER_CONTROL:
        if (!closing) {
            return STAGE_CONTROL_MAIL;
        }
        break;
    case AFTER_KEPT_BACK:
        plan_keep_back(s->plan, s->form);
        session_tell_settled(s, s->form);
        s->form = NULL;
        return closing ? STAGE_QUIT : session_begin_form(s);
    case AFTER_PUT_BACK:
        break;
    }
    plan_put_back(s->plan, s->form);
    s->form = NULL;
    return STAGE_QUIT;
}
