/*
 * session_group.c - several forms in one write, where the server offers PIPELINING (RFC 2920)
 *
 * A group is MAIL, RCPT and RSET of each of its forms, so every form keeps a transaction and a
 * proof of its own: the 250 to RSET behind it. What a group hears is the last word only when it is
 * a plain no. All that needs another command (an accepted recipient, a sender that should be
 * another, a path without brackets, an unknown no that wants the control R43) is asked again alone.
 *
 * The form of a context that says something first is a group of its own, steps included. QUIT goes
 * out with the group behind which nothing is left to be asked here, or no patience; STARTTLS with
 * the one behind which only that is left. What must come alone then is asked in the next session.
 *
 * Replies carry no number. When one does not fit its command, nobody knows which was the first: the
 * session is tainted, and all that it said is taken back. When replies stay away, no form is
 * blamed: the forms without an answer go back. After a silence, or a second hang-up, the target is
 * asked one command at a time.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "probe/ask/session_private.h"

/* A server that lets a group wait so long for one reply is asked one command at a time, with the
 * patience of RFC 5321 4.5.3.2. */
#define GROUP_PATIENCE_NS CLOCK_MINUTE

enum {
    LOST_GROUP_FORMS = 3, /* after a loss: Exim hangs up at the fourth syntax error */
    TAIL_ROOM = sizeof("STARTTLS\r\n")
};

static unsigned room_for_forms(const struct session *s)
{
    unsigned most = s->plan->group_losses > 0 ? LOST_GROUP_FORMS : SESSION_GROUP_MAX;
    return s->refusals < most ? most - s->refusals : 0;
}

static void end_line(struct session_group *g, struct strbuf *lines, enum smtp_step step,
                     uint8_t owner)
{
    strbuf_adds(lines, "\r\n");
    g->owner[g->commands] = owner;
    g->steps[g->commands++] = (uint8_t)step;
}

static void add_line(struct session *s, struct strbuf *lines, enum smtp_step step,
                     void (*write)(const struct session *s, struct strbuf *line))
{
    if (write != NULL) {
        write(s, lines);
    } else {
        strbuf_adds(lines, "RSET");
    }
    end_line(&s->group, lines, step, s->group.count);
}

/* Errors that a form costs at most: another recipient may be refused as well; and no host behind
 * the @ is refused at MAIL nearly everywhere, and so is the RCPT behind it. */
static unsigned cost(const struct form_result *r)
{
    bool no_host = strstr(r->form.sender->template, "@>") != NULL;
    return 1U + (session_has_companion(r, false) ? 1U : 0U) + (no_host ? 1U : 0U);
}

/* False: there was no room for its lines, and nothing has changed. */
static bool add_form(struct session *s, struct strbuf *lines, struct form_result *r)
{
    struct session_group *g = &s->group;
    size_t len = lines->len;
    uint8_t commands = g->commands;
    session_open_form(s, r);
    add_line(s, lines, STEP_MAIL, session_write_mail);
    if (session_has_companion(r, false)) {
        add_line(s, lines, STEP_RCPT, session_write_companion);
    }
    add_line(s, lines, STEP_RCPT, session_write_rcpt);
    add_line(s, lines, STEP_RSET, NULL);
    if (lines->truncated) {
        lines->len = len;
        g->commands = commands;
        return false;
    }
    g->senders[g->count] = s->sender;
    g->forms[g->count++] = r;
    return true;
}

static bool may_group(const struct session *s)
{
    return s->pipelining && !s->config->one_by_one && !s->asked_suspect &&
           plan_plain_sender(s->plan) != NULL;
}

static void open_group(struct session *s, struct strbuf *lines, char room[SMTP_GROUP_BYTES_MAX])
{
    memset(&s->group, 0, sizeof(s->group));
    strbuf_init(lines, room, SMTP_GROUP_BYTES_MAX - TAIL_ROOM);
}

/* What follows the group is known when nothing is left for the session behind so many refusals. */
static void close_group(struct session *s, struct strbuf *lines, unsigned refusals)
{
    struct session_group *g = &s->group;
    int64_t now_ns = s->client.now_ns;
    bool spent = refusals >= SESSION_REFUSALS_MAX;
    lines->cap += TAIL_ROOM;
    if (spent || !plan_has_more(s->plan, &s->at, now_ns)) {
        bool secure = !spent && plan_wants_tls(s->plan, &s->at, now_ns);
        g->tail = secure ? STAGE_STARTTLS : STAGE_QUIT;
        strbuf_adds(lines, secure ? "STARTTLS" : "QUIT");
        end_line(g, lines, secure ? STEP_STARTTLS : STEP_QUIT, SESSION_GROUP_NOBODY);
    }
    (void)session_lend(s, strbuf_span(lines)); /* seen when it is to be said */
}

bool session_begin_group(struct session *s)
{
    struct session_group *g = &s->group;
    char room_for_lines[SMTP_GROUP_BYTES_MAX];
    struct strbuf lines;
    struct form_result *r;
    unsigned refusals = s->refusals, room = room_for_forms(s);
    bool possible = may_group(s) && session_context(s)->step_count == 0;
    open_group(s, &lines, room_for_lines);
    while (possible && room > 0 &&
           (r = plan_next_grouped(s->plan, &s->at, s->client.now_ns)) != NULL) {
        const char *why = session_lacks(s, r);
        if (why != NULL) {
            plan_not_applicable(s->plan, r, why);
        } else if (cost(r) <= room && add_form(s, &lines, r)) {
            room -= cost(r);
            refusals += cost(r);
        } else {
            plan_put_back(s->plan, r);
            possible = false;
        }
    }
    s->form = NULL;
    if (g->count > 0) {
        close_group(s, &lines, refusals);
    }
    return g->count > 0;
}

/* Steps whose reply decides how to go on must have been taken before. */
static bool steps_join(const struct context_row *row, unsigned from)
{
    for (unsigned i = from; i < row->step_count; i++) {
        if (!row->steps[i].joined) {
            return false;
        }
    }
    return row->step_count > 0;
}

bool session_begin_group_of_one(struct session *s)
{
    const struct context_row *row = session_context(s);
    struct form_result *r = s->form;
    char room_for_lines[SMTP_GROUP_BYTES_MAX];
    struct strbuf lines;
    if (!may_group(s) || !plan_may_group(s->plan, r) || cost(r) > room_for_forms(s) ||
        !steps_join(row, s->context_step)) {
        return false;
    }
    open_group(s, &lines, room_for_lines);
    for (unsigned i = s->context_step; i < row->step_count; i++) {
        session_write_step(s, i, &lines);
        end_line(&s->group, &lines, STEP_OTHER, 0);
    }
    s->group.lead = s->group.commands;
    if (!add_form(s, &lines, r)) {
        return false;
    }
    close_group(s, &lines, s->refusals + cost(r));
    return true;
}

void session_group_said(struct session *s)
{
    struct session_group *g = &s->group;
    uint8_t owner = g->owner[g->said++];
    bool ours = owner != SESSION_GROUP_NOBODY && g->said > g->lead;
    s->form = ours ? g->forms[owner] : NULL;
}

static void turn_to(struct session *s, uint8_t form)
{
    struct session_group *g = &s->group;
    s->form = g->forms[form];
    s->sender = g->senders[form];
    s->answer_here = false;
    g->mail_taken = g->companion_heard = g->single = g->unlearned = false;
}

/* Forms of the group without an answer, from `first` on, are not asked yet. */
static void put_back_from(struct session *s, uint8_t first)
{
    struct session_group *g = &s->group;
    for (uint8_t i = first; i < g->count; i++) {
        plan_put_back(s->plan, g->forms[i]);
    }
    s->form = NULL;
}

void session_say_group(struct session *s)
{
    struct session_group *g = &s->group;
    struct span lines = {s->lent, s->lent_len};
    if (s->lent == NULL) { /* our memory is used up */
        put_back_from(s, 0);
        s->over = s->unwritten = true;
        smtp_client_close(&s->client);
        return;
    }
    s->notes->groups++;
    smtp_client_group(&s->client, lines, g->steps, g->commands, GROUP_PATIENCE_NS);
    turn_to(s, 0);
    s->form = g->lead == 0 ? s->form : NULL; /* its dialogue begins behind the steps */
}

static enum session_stage taint(struct session *s)
{
    put_back_from(s, s->group.owner[s->group.heard - 1]);
    s->plan->group_off |= !session_has_header(s);
    session_taint(s);
    if (smtp_client_group_left(&s->client) == 0) {
        return STAGE_QUIT;
    }
    s->over = true;
    return STAGE_CLOSE;
}

/* It goes alone from now on, which is a step further: no session in vain. */
static void ask_single(struct session *s)
{
    plan_ask_single(s->plan, s->form);
    s->settled++;
}

/* The first of them finds out alone; then the others are asked together again. */
static void put_back_unlearned(struct session *s)
{
    struct plan *p = s->plan;
    if (p->group_wait) {
        plan_put_back(p, s->form);
    } else {
        ask_single(s);
    }
    p->group_wait = true;
}

/* The present form's transaction is over: to the plan with what was heard of it, unless that asks
 * for more. */
static void settle_form(struct session *s)
{
    struct session_group *g = &s->group;
    if (g->unlearned) {
        put_back_unlearned(s);
    } else if (g->single) {
        ask_single(s);
    } else {
        session_give_answer(s);
    }
}

/* 421: the server closes, and hears no more of the group. */
static enum session_stage closing(struct session *s, enum smtp_step step, const struct reply *reply)
{
    uint8_t owner = s->group.owner[s->group.heard - 1];
    if (s->form != NULL && !s->answer_here) {
        session_keep_answer(s, step, reply, answer_judge(step, reply));
    }
    if (s->form != NULL) {
        settle_form(s);
    }
    s->turned_away = true;
    put_back_from(s, (uint8_t)(owner + 1));
    if (smtp_client_group_left(&s->client) == 0) {
        return STAGE_QUIT;
    }
    s->over = true;
    return STAGE_GROUP;
}

static enum session_stage hear_mail(struct session *s, const struct reply *reply)
{
    struct session_group *g = &s->group;
    struct answer_judgement j = answer_judge(STEP_MAIL, reply);
    bool syntax = j.answer == ANSWER_SYNTAX;
    session_count_refusal(s, reply, j);
    if (j.answer == ANSWER_NONE) {
        return taint(s);
    }
    if (j.answer == ANSWER_ACCEPTED) {
        g->mail_taken = true;
        s->plan->mail_style = s->mail_bare ? STYLE_BARE : STYLE_BRACKETS;
        s->notes->bare_mail = s->mail_bare;
        return STAGE_GROUP;
    }
    g->unlearned = (syntax && s->plan->mail_style == STYLE_UNKNOWN) ||
                   (session_asks_in_plain_name(s->form) &&
                    (syntax || j.answer == ANSWER_REFUSED_SENDER));
    session_keep_answer(s, STEP_MAIL, reply, j);
    return STAGE_GROUP;
}

/* An unknown no to an external form, held against the control R43 of this session. */
static bool unknown_stays_open(struct session *s, enum answer a)
{
    bool unknown = a == ANSWER_DENIED_UNKNOWN || a == ANSWER_NO_MAILBOX;
    return unknown && s->form->form.kind == FORM_EXTERNAL && s->control == CONTROL_UNKNOWN;
}

static void keep_rcpt(struct session *s, const struct reply *reply, struct answer_judgement j)
{
    struct session_group *g = &s->group;
    struct plan *p = s->plan;
    bool bracketed = s->form->form.recipient->template[0] == '<';
    bool odd_style = j.answer == ANSWER_SYNTAX && p->rcpt_style == STYLE_UNKNOWN && bracketed;
    bool control = s->form->form.kind == FORM_CONTROL;
    bool taken = j.answer == ANSWER_ACCEPTED;
    bool other_sender = session_asks_in_plain_name(s->form) && j.answer == ANSWER_REFUSED_SENDER;
    if (bracketed && !odd_style && p->rcpt_style == STYLE_UNKNOWN && session_read_path(j.answer)) {
        p->rcpt_style = STYLE_BRACKETS;
    }
    session_keep_answer(s, STEP_RCPT, reply, j);
    s->form->rcpt_accepted = taken;
    g->unlearned = odd_style || other_sender;
    g->single = (taken && !control) || unknown_stays_open(s, j.answer);
    if (s->control == CONTROL_SAME_CLASS && s->form->form.kind == FORM_EXTERNAL &&
        (j.answer == ANSWER_DENIED_UNKNOWN || j.answer == ANSWER_NO_MAILBOX)) {
        s->form->answer = ANSWER_REFUSED_CLIENT;
    }
    if (taken) {
        session_note_taken(s);
    }
}

/* Behind a refused MAIL a no is certain (503 or the same again), a yes is another command's. */
static enum session_stage hear_rcpt(struct session *s, const struct reply *reply)
{
    struct session_group *g = &s->group;
    struct answer_judgement j = answer_judge(STEP_RCPT, reply);
    bool companion = session_has_companion(s->form, false) && !g->companion_heard;
    if (!g->mail_taken) {
        s->refusals += reply_class(reply) >= 4;
        return reply_class(reply) <= 3 ? taint(s) : STAGE_GROUP;
    }
    session_count_refusal(s, reply, j);
    if (j.answer == ANSWER_NONE) {
        return taint(s);
    }
    g->companion_heard = true;
    if (!companion) {
        keep_rcpt(s, reply, j);
    }
    return STAGE_GROUP;
}

/* The next form's replies come, or that of what follows them all; then it is as if it had been said
 * by itself. */
static enum session_stage after_form(struct session *s)
{
    struct session_group *g = &s->group;
    if (g->heard == g->commands) {
        return session_begin_form(s);
    }
    if (g->owner[g->heard] != SESSION_GROUP_NOBODY) {
        turn_to(s, g->owner[g->heard]);
        return STAGE_GROUP;
    }
    s->over = g->tail == STAGE_QUIT;
    return (enum session_stage)g->tail;
}

static enum session_stage hear_rset(struct session *s, const struct reply *reply)
{
    /* RFC 3207 4: whoever wants TLS first may say 530 to RSET, too. */
    bool in_clear = reply->code == 530 && s->form->answer == ANSWER_TLS_REQUIRED;
    if (reply->code != 250 && !in_clear) {
        return taint(s);
    }
    settle_form(s);
    return after_form(s);
}

static enum session_stage hear_lead(struct session *s, const struct reply *reply)
{
    struct session_group *g = &s->group;
    turn_to(s, 0);
    g->idle = !session_step_had(s, reply);
    s->over = g->idle && reply->code == 421;
    if (g->heard < g->lead) {
        s->form = NULL;
    }
    return STAGE_GROUP;
}

enum session_stage session_hear_group(struct session *s, const struct reply *reply)
{
    struct session_group *g = &s->group;
    enum smtp_step step = (enum smtp_step)g->steps[g->heard++];
    if (g->heard <= g->lead && !g->idle) {
        return hear_lead(s, reply);
    }
    if (reply->code == 421) {
        return closing(s, step, reply);
    }
    if (g->idle) {
        return step == STEP_RSET ? after_form(s) : STAGE_GROUP;
    }
    return step == STEP_MAIL   ? hear_mail(s, reply)
           : step == STEP_RCPT ? hear_rcpt(s, reply)
                               : hear_rset(s, reply);
}

void session_group_back(struct session *s)
{
    struct session_group *g = &s->group;
    if (!g->idle) { /* else its form was seen to */
        put_back_from(s, g->owner[g->heard]);
    }
    s->form = NULL;
    s->group_lost = true;
}

void session_group_lost(struct session *s, enum smtp_outcome outcome)
{
    struct session_group *g = &s->group;
    bool hung_up = outcome == OUTCOME_CLOSED || outcome == OUTCOME_RESET;
    if (g->idle) { /* its form was seen to */
        s->form = NULL;
    } else if (g->lead > 0) { /* its context may be to blame, which it finds out alone
                               */
        plan_ask_single(s->plan, g->forms[0]);
        s->form = NULL;
    } else {
        put_back_from(s, g->owner[g->heard]);
        s->plan->group_off = s->plan->group_losses > 0 || !hung_up;
        s->plan->group_losses++;
    }
    s->group_lost = true;
    if (outcome == OUTCOME_UNSOLICITED) {
        session_taint(s);
    }
}
