/*
 * session.c - the script as a table of stages
 *
 * A stage is what was said last. Its `hear` judges the reply and returns the next stage; `enter` then says what belongs
 * to that one. So the whole dialogue can be read off the table and the return statements.
 *
 * Trust: replies carry no number, so a server that answers once too often shifts all later answers by one. RSET is the
 * one command whose answer is known beforehand (250, RFC 5321 4.1.1.5): a form's answer is believed when the RSET behind
 * it was answered so. Hence RSET follows every form, also one that MAIL already ended.
 *
 * What a server says to us as a client (greeting, EHLO) is kept in the notes, what it says to a form in its result.
 * QUIT is said last, and whatever follows is of no interest.
 */
#include "probe/session.h"

#include <string.h>

#include "lib/smtp/address.h"
#include "lib/smtp/mail.h"

enum stage {
    STAGE_GREETING,
    STAGE_EHLO,
    STAGE_HELO,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_BODY,
    STAGE_RSET,
    STAGE_CONTROL_MAIL,  /* R43, to learn whether the server takes anything from us */
    STAGE_CONTROL_RCPT,  /* <postmaster> */
    STAGE_CONTROL_RCPT2, /* <postmaster@D> */
    STAGE_QUIT,
    STAGE_CLOSE
};

enum after_rset { AFTER_NEXT, AFTER_AGAIN /* same form, other words */, AFTER_CONTROL, AFTER_PUT_BACK };

struct stage_row {
    const char *name;
    enum stage (*hear)(struct session *s, const struct reply *reply);
    void (*say)(struct session *s);
};

static enum stage begin_form(struct session *s);

static void command(struct session *s, enum smtp_step step, struct strbuf *line)
{
    smtp_client_command(&s->client, step, strbuf_span(line));
}

/* -- what was heard, kept */

static void keep_reply(char *room, size_t cap, const struct reply *reply)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    reply_print(&out, reply);
}

static void show_reply(struct session *s, const struct reply *reply)
{
    if (s->config->observer.line == NULL) {
        return;
    }
    char room[REPLY_TEXT_MAX + 8];
    struct span rest = reply_text(reply);
    struct span text;
    while (span_cut(&rest, '\n', &text)) {
        struct strbuf line;
        strbuf_init(&line, room, sizeof(room));
        strbuf_addu(&line, (uint64_t)reply->code);
        strbuf_addc(&line, rest.ptr != NULL ? '-' : ' ');
        strbuf_add(&line, text);
        s->config->observer.line(s->config->observer.self, s->number, 'S', strbuf_span(&line));
    }
}

static void note_oddities(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    n->bare_lf |= reply->bare_lf;
    n->eight_bit |= reply->eight_bit;
    n->control_bytes |= reply->control;
    n->mixed_codes |= reply->mixed_codes;
    n->last_reply_ns = s->client.now_ns;
}

static void note_session_refusal(struct session *s, enum smtp_step step, const struct reply *reply,
                                 struct answer_judgement j)
{
    struct target_notes *n = s->notes;
    n->session_answer = j.answer;
    n->session_row = j.row;
    n->session_step = step;
    keep_reply(n->session_reply, sizeof(n->session_reply), reply);
    s->busy = j.answer == ANSWER_SERVICE || j.answer == ANSWER_DEFERRED;
    s->refused = !s->busy;
}

static void count_refusal(struct session *s, const struct reply *reply, struct answer_judgement j)
{
    s->refusals += reply_class(reply) >= 4;
    s->syntax_errors += j.answer == ANSWER_SYNTAX;
}

/* -- greeting and HELO */

static void note_name(struct session *s, const struct reply *reply)
{
    const struct session_observer *o = &s->config->observer;
    struct span text = reply_line(reply, 0);
    struct span name = span_to(text, span_chr(text, ' '));
    const char *why;
    size_t column;
    bool known = name.len > 0 && name.ptr[0] != '[' && span_chr(name, '.') != SIZE_MAX &&
                 address_check_domain(name, &why, &column);
    if (known && o->named != NULL) {
        o->named(o->self, name);
    }
}

static enum stage hear_greeting(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    if (!n->greeted) {
        keep_reply(n->greeting, sizeof(n->greeting), reply);
        n->greeting_code = reply->code;
        n->greeted = true;
        note_name(s, reply);
    }
    struct answer_judgement j = answer_judge(STEP_GREETING, reply);
    if (j.answer != ANSWER_ACCEPTED) {
        note_session_refusal(s, STEP_GREETING, reply, j);
        return STAGE_QUIT;
    }
    return s->plan->helo_only ? STAGE_HELO : STAGE_EHLO;
}

static void note_keywords(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    struct strbuf words;
    struct span params;
    strbuf_init(&words, n->ehlo_keywords, sizeof(n->ehlo_keywords));
    for (unsigned i = 1; i < reply->line_count && i < REPLY_LINES_MAX; i++) {
        struct span line = span_trim(reply_line(reply, i));
        strbuf_adds(&words, words.len > 0 && line.len > 0 ? ", " : "");
        strbuf_add_visible(&words, line);
    }
    n->esmtp = true;
    n->starttls_offered = reply_ehlo_keyword(reply, SPAN("STARTTLS"), &params);
}

static enum stage hear_ehlo(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_EHLO, reply);
    if (j.answer == ANSWER_ACCEPTED) {
        if (!s->notes->esmtp) {
            note_keywords(s, reply);
        }
        s->notes->session_answer = ANSWER_NONE;
        return begin_form(s);
    }
    if (reply_class(reply) == 5 && reply->code != 521) {
        return STAGE_HELO;
    }
    note_session_refusal(s, STEP_EHLO, reply, j);
    return STAGE_QUIT;
}

static enum stage hear_helo(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_HELO, reply);
    if (j.answer != ANSWER_ACCEPTED) {
        note_session_refusal(s, STEP_HELO, reply, j);
        return STAGE_QUIT;
    }
    s->notes->helo_used = true;
    s->notes->session_answer = ANSWER_NONE;
    s->plan->helo_only = true;
    return begin_form(s);
}

static void say_ehlo(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    strbuf_adds(&line, "EHLO ");
    strbuf_add(&line, s->config->helo);
    command(s, STEP_EHLO, &line);
}

static void say_helo(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    strbuf_adds(&line, "HELO ");
    strbuf_add(&line, s->config->helo);
    command(s, STEP_HELO, &line);
}

/* -- a form */

static bool is_plain_sender_form(const struct form_result *r)
{
    return r->form.sender == &form_senders[0];
}

/* The sender that the form is asked with: its own, or what stands in for the plainest. */
static const struct sender_row *sender_for(const struct session *s, const struct form_result *r)
{
    return is_plain_sender_form(r) ? plan_plain_sender(s->plan) : r->form.sender;
}

static enum stage begin_form(struct session *s)
{
    s->form = NULL;
    if (s->refusals >= SESSION_REFUSALS_MAX || s->syntax_errors >= SESSION_SYNTAX_MAX) {
        return STAGE_QUIT;
    }
    struct form_result *r = plan_next(s->plan, s->client.now_ns);
    if (r == NULL) {
        return STAGE_QUIT;
    }
    s->form = r;
    s->answer_here = false;
    s->control_needed = false;
    s->mail_bare = s->plan->mail_style == STYLE_BARE;
    s->rcpt_bare = s->plan->rcpt_style == STYLE_BARE;
    s->sender = sender_for(s, r);
    r->asked_ns = r->asked_ns != 0 ? r->asked_ns : s->client.now_ns;
    r->outcome = OUTCOME_CLOSED_BY_US;
    r->answer = ANSWER_NONE;
    r->row = NULL;
    r->code = 0;
    r->rcpt_accepted = r->data_accepted = false;
    if (s->sender == NULL) { /* no sender was taken at all: nothing to ask with */
        s->sender = r->form.sender;
    }
    return STAGE_MAIL;
}

static void say_mail(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    strbuf_adds(&line, "MAIL FROM:");
    form_sender(&s->form->form, s->sender, s->config->who, s->mail_bare, &line);
    s->form->sender_used = s->sender;
    command(s, STEP_MAIL, &line);
}

static void say_rcpt(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    strbuf_adds(&line, "RCPT TO:");
    form_recipient(&s->form->form, s->config->who, s->rcpt_bare, &line);
    command(s, STEP_RCPT, &line);
}

static enum stage to_rset(struct session *s, enum after_rset after)
{
    s->after_rset = (uint8_t)after;
    return STAGE_RSET;
}

/* Keeps the answer in the result; it goes to the plan behind the RSET, or at once when the server is closing. */
static enum stage answer(struct session *s, enum smtp_step step, const struct reply *reply, struct answer_judgement j)
{
    struct form_result *r = s->form;
    r->answer = j.answer;
    r->row = j.row;
    r->step = step;
    r->code = reply->code;
    r->answered_ns = s->client.now_ns;
    keep_reply(r->reply_text, sizeof(r->reply_text), reply);
    s->retry_hint_s = j.answer == ANSWER_DEFERRED ? answer_retry_seconds(reply) : 0;
    s->answer_here = true;
    return to_rset(s, AFTER_NEXT);
}

static void give_answer(struct session *s)
{
    struct form_result *r = s->form;
    plan_answered(s->plan, r, s->client.now_ns, s->retry_hint_s);
    s->settled += r->answer != ANSWER_SERVICE;
    s->form = NULL;
}

/* The session is believed no more. */
static enum stage taint(struct session *s)
{
    s->notes->tainted = true;
    s->notes->tainted_sessions++;
    if (s->form != NULL) {
        plan_tainted(s->plan, s->form);
        s->form = NULL;
    }
    return STAGE_QUIT;
}

/* 421: the server closes, RSET would not be heard. An answer to another question: nothing is believed. */
static bool ends_session(struct session *s, enum smtp_step step, const struct reply *reply, struct answer_judgement j,
                         enum stage *next)
{
    count_refusal(s, reply, j);
    if (j.answer == ANSWER_NONE) {
        *next = taint(s);
        return true;
    }
    if (reply->code == 421) {
        answer(s, step, reply, j);
        give_answer(s);
        *next = STAGE_QUIT;
        return true;
    }
    return false;
}

static enum stage try_next_sender(struct session *s, enum smtp_step step, const struct reply *reply,
                                  struct answer_judgement j)
{
    struct target_notes *n = s->notes;
    if (plan_sender_refused(s->plan, s->config->who)) {
        s->sender = plan_plain_sender(s->plan);
        s->mail_bare = s->plan->mail_style == STYLE_BARE;
        return to_rset(s, AFTER_AGAIN);
    }
    n->session_answer = ANSWER_REFUSED_SENDER;
    n->session_row = j.row;
    n->session_step = step;
    keep_reply(n->session_reply, sizeof(n->session_reply), reply);
    return answer(s, step, reply, j);
}

/* Another sender may do: for the plain question only, a form about a sender has its answer. */
static bool sender_at_fault(const struct session *s, enum answer a)
{
    bool plain = is_plain_sender_form(s->form) && plan_plain_sender(s->plan) != NULL;
    return plain && a == ANSWER_REFUSED_SENDER;
}

static enum stage hear_mail(struct session *s, const struct reply *reply)
{
    struct plan *p = s->plan;
    struct answer_judgement j = answer_judge(STEP_MAIL, reply);
    enum stage next;
    if (ends_session(s, STEP_MAIL, reply, j, &next)) {
        return next;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        p->mail_style = s->mail_bare ? STYLE_BARE : STYLE_BRACKETS;
        s->notes->bare_mail = s->mail_bare;
        return STAGE_RCPT;
    }
    if (j.answer == ANSWER_SYNTAX && p->mail_style == STYLE_UNKNOWN && !s->mail_bare) {
        s->mail_bare = true;
        return to_rset(s, AFTER_AGAIN);
    }
    bool odd_sender = j.answer == ANSWER_SYNTAX && is_plain_sender_form(s->form) && plan_plain_sender(p) != NULL;
    if (odd_sender || sender_at_fault(s, j.answer)) {
        return try_next_sender(s, STEP_MAIL, reply, j);
    }
    return answer(s, STEP_MAIL, reply, j);
}

/* A no without a word about relaying is a no to the recipient only if the server takes another from us. */
static enum stage answer_unknown(struct session *s, const struct reply *reply, struct answer_judgement j)
{
    enum { CONTROL_COMMANDS = 2 };
    if (s->control == CONTROL_UNKNOWN) {
        if (s->refusals + CONTROL_COMMANDS > SESSION_REFUSALS_MAX && s->settled > 0) {
            return to_rset(s, AFTER_PUT_BACK);
        }
        answer(s, STEP_RCPT, reply, j);
        s->control_needed = true;
        return to_rset(s, AFTER_CONTROL);
    }
    answer(s, STEP_RCPT, reply, j);
    if (s->control == CONTROL_SAME_CLASS) {
        s->form->answer = ANSWER_REFUSED_CLIENT;
    }
    return to_rset(s, AFTER_NEXT);
}

static bool recipient_has_brackets(const struct form_result *r)
{
    return r->form.recipient->template[0] == '<';
}

static enum stage hear_rcpt(struct session *s, const struct reply *reply)
{
    struct plan *p = s->plan;
    struct answer_judgement j = answer_judge(STEP_RCPT, reply);
    bool bracketed = recipient_has_brackets(s->form);
    enum stage next;
    if (ends_session(s, STEP_RCPT, reply, j, &next)) {
        return next;
    }
    if (j.answer == ANSWER_SYNTAX && p->rcpt_style == STYLE_UNKNOWN && bracketed && !s->rcpt_bare) {
        s->rcpt_bare = true;
        return to_rset(s, AFTER_AGAIN);
    }
    if (bracketed && p->rcpt_style == STYLE_UNKNOWN) {
        bool bare = s->rcpt_bare && j.answer != ANSWER_SYNTAX;
        p->rcpt_style = bare ? STYLE_BARE : STYLE_BRACKETS;
        s->notes->bare_rcpt = bare;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        s->form->rcpt_accepted = true;
        bool control = s->form->form.kind == FORM_CONTROL;
        return control ? answer(s, STEP_RCPT, reply, j) : STAGE_DATA;
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

static void say_data(struct session *s)
{
    smtp_client_command(&s->client, STEP_DATA, SPAN("DATA"));
}

static enum stage hear_data(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_DATA, reply);
    enum stage next;
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

static void add_mailbox(struct strbuf *out, struct span local, const struct token *t, struct span domain)
{
    strbuf_add(out, local);
    strbuf_addc(out, '+');
    strbuf_add(out, (struct span){t->text, TOKEN_LEN});
    strbuf_addc(out, '@');
    strbuf_add(out, domain);
}

/* From now on the form is never asked again, whatever comes: a byte of its message may be out. */
static void say_body(struct session *s)
{
    const struct form *f = &s->form->form;
    const struct form_identity *who = s->config->who;
    char from_room[MAIL_PATH_MAX], to_room[MAIL_PATH_MAX];
    struct strbuf from, to, message;
    strbuf_init(&from, from_room, sizeof(from_room));
    strbuf_init(&to, to_room, sizeof(to_room));
    strbuf_init(&message, s->message, sizeof(s->message));
    add_mailbox(&from, who->sender_local, &f->tokens.sender, who->sender_domain);
    add_mailbox(&to, who->canary_local, &f->tokens.recipient, who->canary_domain);
    struct mail_probe m = {
        .from = strbuf_span(&from),
        .to = strbuf_span(&to),
        .form_id = span_of(f->id),
        .target = s->config->target_text,
        .helo = s->config->helo,
        .contact = s->config->contact,
        .token = &f->tokens.recipient,
        .attempt = s->form->attempts,
        .epoch_s = world_epoch(s->world),
    };
    mail_write_probe(&message, &m);
    s->form->body_sent = true;
    smtp_client_body(&s->client, strbuf_span(&message));
}

static enum stage hear_body(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_END_OF_DATA, reply);
    enum stage next;
    if (ends_session(s, STEP_END_OF_DATA, reply, j, &next)) {
        return next;
    }
    return answer(s, STEP_END_OF_DATA, reply, j);
}

/* -- RSET and what follows it */

static void say_rset(struct session *s)
{
    smtp_client_command(&s->client, STEP_RSET, SPAN("RSET"));
}

/* The control has spoken, or had before: an unknown no is a no, or says that we are not wanted at all. */
static void settle_unknown(struct session *s)
{
    if (s->control_needed && s->control != CONTROL_TAKEN && s->control != CONTROL_OTHER_CLASS) {
        s->form->answer = ANSWER_REFUSED_CLIENT;
    }
    s->control_needed = false;
}

static enum stage hear_rset(struct session *s, const struct reply *reply)
{
    if (reply->code != 250 && reply->code != 421) {
        return taint(s);
    }
    bool closing = reply->code == 421;
    switch ((enum after_rset)s->after_rset) {
    case AFTER_NEXT:
        settle_unknown(s);
        give_answer(s);
        return closing ? STAGE_QUIT : begin_form(s);
    case AFTER_AGAIN:
        if (!closing) {
            return STAGE_MAIL;
        }
        break;
    case AFTER_CONTROL:
        if (!closing) {
            return STAGE_CONTROL_MAIL;
        }
        break;
    case AFTER_PUT_BACK:
        break;
    }
    plan_put_back(s->plan, s->form);
    s->form = NULL;
    return STAGE_QUIT;
}

/* -- R43 in the same session: <postmaster>, <postmaster@D>, never DATA */

static enum stage control_done(struct session *s, enum session_control result)
{
    s->control = result;
    return to_rset(s, AFTER_NEXT);
}

static bool control_ends_session(struct session *s, const struct reply *reply, enum stage *next)
{
    s->refusals += reply_class(reply) >= 4;
    if (reply->code == 503 || reply_class(reply) == 3) {
        *next = taint(s);
        return true;
    }
    if (reply->code == 421) {
        settle_unknown(s);
        give_answer(s);
        *next = STAGE_QUIT;
        return true;
    }
    return false;
}

static enum stage hear_control_mail(struct session *s, const struct reply *reply)
{
    enum stage next;
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
            r->code = reply->code;
            r->asked_ns = r->answered_ns = s->client.now_ns;
            r->sender_used = s->sender;
            r->attempts++;
            r->rcpt_accepted = j.answer == ANSWER_ACCEPTED;
            keep_reply(r->reply_text, sizeof(r->reply_text), reply);
            plan_answered(p, r, s->client.now_ns, 0);
        }
    }
}

static enum session_control class_says(const struct reply *reply)
{
    return reply_class(reply) == 2 ? CONTROL_TAKEN
                                   : reply_class(reply) == 4 ? CONTROL_OTHER_CLASS : CONTROL_SAME_CLASS;
}

static enum stage hear_control_rcpt(struct session *s, const struct reply *reply)
{
    enum stage next;
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

static enum stage hear_control_rcpt2(struct session *s, const struct reply *reply)
{
    enum stage next;
    if (control_ends_session(s, reply, &next)) {
        return next;
    }
    note_control(s, "R43d", reply);
    enum session_control second = class_says(reply);
    return control_done(s, s->control == CONTROL_SAME_CLASS ? second : s->control);
}

static void say_control_rcpt(struct session *s)
{
    struct span path = s->rcpt_bare ? SPAN("RCPT TO:postmaster") : SPAN("RCPT TO:<postmaster>");
    smtp_client_command(&s->client, STEP_RCPT, path);
}

static void say_control_rcpt2(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room) - 2);
    strbuf_adds(&line, s->rcpt_bare ? "RCPT TO:postmaster@" : "RCPT TO:<postmaster@");
    strbuf_add(&line, s->config->who->local_domain);
    strbuf_adds(&line, s->rcpt_bare ? "" : ">");
    command(s, STEP_RCPT, &line);
}

/* -- the end */

static void say_quit(struct session *s)
{
    s->over = true;
    smtp_client_command(&s->client, STEP_QUIT, SPAN("QUIT"));
}

static enum stage hear_quit(struct session *s, const struct reply *reply)
{
    (void)s;
    (void)reply;
    return STAGE_CLOSE;
}

static void say_close(struct session *s)
{
    smtp_client_close(&s->client);
}

/* clang-format off */
static const struct stage_row stages[] = {
    [STAGE_GREETING] = {"greeting", hear_greeting, NULL},
    [STAGE_EHLO] = {"ehlo", hear_ehlo, say_ehlo},
    [STAGE_HELO] = {"helo", hear_helo, say_helo},
    [STAGE_MAIL] = {"mail", hear_mail, say_mail},
    [STAGE_RCPT] = {"rcpt", hear_rcpt, say_rcpt},
    [STAGE_DATA] = {"data", hear_data, say_data},
    [STAGE_BODY] = {"body", hear_body, say_body},
    [STAGE_RSET] = {"rset", hear_rset, say_rset},
    [STAGE_CONTROL_MAIL] = {"control-mail", hear_control_mail, say_mail},
    [STAGE_CONTROL_RCPT] = {"control-rcpt", hear_control_rcpt, say_control_rcpt},
    [STAGE_CONTROL_RCPT2] = {"control-rcpt2", hear_control_rcpt2, say_control_rcpt2},
    [STAGE_QUIT] = {"quit", hear_quit, say_quit},
    [STAGE_CLOSE] = {"close", hear_quit, say_close},
};
/* clang-format on */

static void script_next(void *self, struct smtp_client *c, const struct reply *reply)
{
    struct session *s = self;
    (void)c;
    show_reply(s, reply);
    note_oddities(s, reply);
    enum stage next = s->over ? STAGE_CLOSE : stages[s->stage].hear(s, reply);
    s->stage = (uint8_t)next;
    stages[next].say(s);
}

/* The connection ended while a form was asked. An answer that only lacked its RSET stands. */
static void form_cut_off(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    struct form_result *r = s->form;
    bool stands = s->answer_here && !s->control_needed && s->after_rset == AFTER_NEXT;
    if (outcome == OUTCOME_UNSOLICITED) {
        taint(s);
        return;
    }
    if (stands) {
        give_answer(s);
        return;
    }
    r->outcome = outcome;
    r->step = step;
    r->answer = ANSWER_NONE;
    r->answered_ns = s->client.now_ns;
    r->reply_text[0] = '\0';
    if (r->body_sent) {
        r->body_sent = s->client.data_byte_sent || s->client.eom_sent;
    }
    plan_lost(s->plan, r, s->client.now_ns);
    bool hung_up_for_good = r->hang_ups >= PLAN_HANG_UPS_MAX && r != &s->plan->results[0];
    s->settled += hung_up_for_good || r->body_sent;
    s->form = NULL;
}

static void script_done(void *self, struct smtp_client *c, enum smtp_outcome outcome, enum smtp_step step)
{
    struct session *s = self;
    struct target_notes *n = s->notes;
    s->outcome = outcome;
    s->step = step;
    if (s->over) {
        n->quit_unanswered |= outcome != OUTCOME_CLOSED_BY_US && outcome != OUTCOME_UNSOLICITED;
        return;
    }
    bool past_deadline = outcome == OUTCOME_CANCELLED && c->now_ns >= s->config->deadline_ns;
    n->last_outcome = past_deadline ? OUTCOME_TIMEOUT : outcome;
    n->last_step = step;
    n->hung_up |= outcome == OUTCOME_CLOSED || outcome == OUTCOME_RESET;
    if (step == STEP_EHLO && (outcome == OUTCOME_CLOSED || outcome == OUTCOME_RESET)) {
        s->plan->helo_only = true;
    }
    if (s->form != NULL) {
        form_cut_off(s, outcome, step);
    } else if (outcome == OUTCOME_UNSOLICITED) {
        taint(s);
    }
}

static void script_ended(void *self, struct smtp_client *c)
{
    struct session *s = self;
    (void)c;
    s->active = false;
    s->link = NULL;
    s->config->observer.ended(s->config->observer.self, s);
}

static void script_said(void *self, struct smtp_client *c, enum smtp_step step, struct span text)
{
    const struct session *s = self;
    (void)c;
    (void)step;
    if (s->config->observer.line != NULL) {
        s->config->observer.line(s->config->observer.self, s->number, 'C', text);
    }
}

static const struct smtp_script session_script = {script_next, script_done, script_ended, script_said};

bool session_start(struct session *s, struct world *w, const struct session_config *config, struct plan *plan,
                   struct target_notes *notes, unsigned number)
{
    s->world = w;
    s->config = config;
    s->plan = plan;
    s->notes = notes;
    s->number = number;
    s->form = NULL;
    s->control = CONTROL_UNKNOWN;
    s->refusals = s->syntax_errors = s->settled = 0;
    s->stage = STAGE_GREETING;
    s->answer_here = s->control_needed = s->over = s->busy = s->refused = false;
    s->outcome = OUTCOME_CLOSED_BY_US;
    notes->sessions = number;
    smtp_client_init(&s->client, &session_script, s, config->timeouts, world_now(w), config->deadline_ns);
    const struct endpoint *source = config->source.family != 0 ? &config->source : NULL;
    s->link = world_connect(w, source, &config->target, smtp_client_machine(&s->client));
    s->active = s->link != NULL;
    return s->active;
}

void session_cancel(struct session *s)
{
    if (s->active) {
        smtp_client_cancel(&s->client);
        world_wake(s->world, s->link);
    }
}
