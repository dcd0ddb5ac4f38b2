/*
 * session_control.c - R43 in the same session: <postmaster>, <postmaster@D>, RSET, never DATA
 *
 * Asked right after a no that does not say why. A server that takes mail for its postmaster from
 * us, or answers it in another class, meant the recipient; one that refuses it in the same class
 * means us, and has said nothing about relaying.
 */
#include <string.h>

#include "probe/ask/session_private.h"

static void command(struct session *s, enum smtp_step step, struct strbuf *line)
{
    smtp_client_command(&s->client, step, strbuf_span(line));
}

static enum session_stage control_done(struct session *s, enum session_control result)
{
    s->control = result;
    return session_to_rset(s, AFTER_NEXT);
}

static bool control_ends_session(struct session *s, const struct reply *reply,
                                 enum session_stage *next)
{
    s->refusals += reply_class(reply) >= 4;
    if (reply->code == 503 || reply_class(reply) == 3) {
        *next = session_taint(s);
        return true;
    }
    if (reply->code == 421) {
        session_settle_unknown(s);
        session_give_answer(s);
        *next = STAGE_QUIT;
        return true;
    }
    return false;
}

enum session_stage session_hear_control_mail(struct session *s, const struct reply *reply)
{
    enum session_stage next;
    if (control_ends_session(s, reply, &next)) {
        return next;
    }
    return reply_class(reply) == 2 ? STAGE_CONTROL_RCPT : control_done(s, CONTROL_SAME_CLASS);
}

/* What the server said to postmaster also answers the battery's own control row. */
static void note_control(struct session *s, const char *id, const struct reply *reply)
{
    struct plan *p = s->plan;
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].phase == PLAN_PENDING && strcmp(r->form.recipient->id, id) == 0) {
            struct answer_judgement j = answer_judge(STEP_RCPT, reply);
            r->answer = j.answer;
            r->row = j.row;
            r->step = STEP_RCPT;
            r->code = (int16_t)reply->code;
            r->answered_ns = s->client.now_ns;
            r->sender_used = s->sender;
            r->attempts++;
            r->rcpt_accepted = j.answer == ANSWER_ACCEPTED;
            session_keep_said(s, r, reply);
            plan_answered(p, &s->at, r, s->client.now_ns, 0);
        }
    }
}

static enum session_control class_says(const struct reply *reply)
{
    return reply_class(reply) == 2   ? CONTROL_TAKEN
           : reply_class(reply) == 4 ? CONTROL_OTHER_CLASS
                                     : CONTROL_SAME_CLASS;
}

enum session_stage session_hear_control_rcpt(struct session *s, const struct reply *reply)
{
    enum session_stage next;
    if (control_ends_session(s, reply, &next)) {
        return next;
    }
    note_control(s, "R43", reply);
    s->control = class_says(reply);
    if (s->config->who->local_domain.len > 0) {
        return STAGE_CONTROL_RCPT2;
    }
    return control_done(s, s->control);
}

enum session_stage session_hear_control_rcpt2(struct session *s, const struct reply *reply)
{
    enum session_stage next;
    if (control_ends_session(s, reply, &next)) {
        return next;
    }
    note_control(s, "R43d", reply);
    enum session_control second = class_says(reply);
    return control_done(s, s->control == CONTROL_SAME_CLASS ? second : s->control);
}

void session_say_control_rcpt(struct session *s)
{
    struct span path = s->rcpt_bare ? SPAN("RCPT TO:postmaster") : SPAN("RCPT TO:<postmaster>");
    smtp_client_command(&s->client, STEP_RCPT, path);
}

void session_say_control_rcpt2(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    strbuf_adds(&line, s->rcpt_bare ? "RCPT TO:postmaster@" : "RCPT TO:<postmaster@");
    strbuf_add(&line, s->config->who->local_domain);
    strbuf_adds(&line, s->rcpt_bare ? "" : ">");
    command(s, STEP_RCPT, &line);
}
