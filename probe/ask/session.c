/*
 * session.c - the script as a table of stages
 *
 * A stage is what was said last. Its `hear` judges the reply and returns the next stage; `enter`
 * then says what belongs to that one. So the whole dialogue can be read off the table and the
 * return statements.
 *
 * Trust: replies carry no number, so a server that answers once too often shifts all later answers
 * by one. RSET is the one command whose answer is known beforehand (250, RFC 5321 4.1.1.5): a
 * form's answer is believed when the RSET behind it was answered so. Hence RSET follows every form,
 * also one that MAIL already ended. But a 250 may be another command's, late: when a session shows
 * that replies and commands have lost each other, at whatever point, all refusals that it gave are
 * taken back, since nobody knows since when.
 *
 * What a server says to us as a client (greeting, EHLO) is kept in the notes, what it says to a
 * form in its result. QUIT is said last; whatever follows its 221 is of no interest.
 */
#include "probe/ask/session.h"

#include <string.h>

#include "lib/smtp/address.h"
#include "probe/ask/session_private.h"
#include "probe/evidence.h"

struct stage_row {
    const char *name;
    enum session_stage (*hear)(struct session *s, const struct reply *reply);
    void (*say)(struct session *s);
};

static void command(struct session *s, enum smtp_step step, struct strbuf *line)
{
    smtp_client_command(&s->client, step, strbuf_span(line));
}

/* -- what was heard, kept */

void session_count_trips(struct session *s, unsigned trips)
{
    s->notes->round_trips += trips;
    s->waited += trips;
    s->notes->longest = s->waited > s->notes->longest ? s->waited : s->notes->longest;
}

static uint16_t keep_reply(const struct session *s, const struct form_result *r,
                           const struct reply *reply)
{
    char room[SESSION_REPLY_MAX];
    struct strbuf out;
    strbuf_init(&out, room, sizeof(room));
    reply_print(&out, reply);
    return evidence_keep(s->config->evidence, r, strbuf_span(&out));
}

uint16_t session_keep_reply(const struct session *s, const struct reply *reply)
{
    return keep_reply(s, NULL, reply);
}

void session_keep_said(const struct session *s, struct form_result *r, const struct reply *reply)
{
    r->reply = keep_reply(s, r, reply);
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
        s->config->observer.line(s->config->observer.self, s->at.number, 'S', strbuf_span(&line));
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
    s->busy = s->company || j.answer == ANSWER_SERVICE || j.answer == ANSWER_DEFERRED;
    s->refused = !s->busy;
    if (s->company) { /* it may mind their number: it will be asked alone */
        return;
    }
    n->session_answer = j.answer;
    n->session_row = j.row;
    n->session_step = step;
    n->session_reply = session_keep_reply(s, reply);
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

static enum session_stage hear_greeting(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    if (session_is_implicit(s)) {
        session_greeted_in_tls(s);
    }
    if (!n->greeted) {
        n->greeting = session_keep_reply(s, reply);
        n->greeting_code = reply->code;
        n->greeted = true;
        note_name(s, reply);
    }
    struct answer_judgement j = answer_judge(STEP_GREETING, reply);
    if (session_header_unknown(s, reply, 220) || session_early_turned_away(s, reply, 220)) {
        return STAGE_QUIT;
    }
    if (j.answer != ANSWER_ACCEPTED) {
        note_session_refusal(s, STEP_GREETING, reply, j);
        return STAGE_QUIT;
    }
    return session_has_header(s) ? STAGE_PAUSE : session_hello(s);
}

static void note_keywords(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    char room[SESSION_KEYWORDS_MAX];
    struct strbuf words;
    struct span params;
    strbuf_init(&words, room, sizeof(room));
    for (unsigned i = 1; i < reply->line_count && i < REPLY_LINES_MAX; i++) {
        struct span line = span_trim(reply_line(reply, i));
        strbuf_adds(&words, words.len > 0 && line.len > 0 ? ", " : "");
        strbuf_add_visible(&words, line);
    }
    uint16_t kept = evidence_keep(s->config->evidence, NULL, strbuf_span(&words));
    if (n->esmtp) {
        n->tls_keywords = kept;
        n->tls_esmtp = true;
        return;
    }
    n->ehlo_keywords = kept;
    n->esmtp = true;
    n->starttls_offered = reply_ehlo_keyword(reply, SPAN("STARTTLS"), &params);
}

static enum session_stage hear_ehlo(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_EHLO, reply);
    if (session_header_unknown(s, reply, 250) || session_early_turned_away(s, reply, 250)) {
        return STAGE_QUIT;
    }
    if (j.answer == ANSWER_ACCEPTED) {
        if (!s->notes->esmtp || (session_is_as_demanded(s) && !s->notes->tls_esmtp)) {
            note_keywords(s, reply);
        }
        struct span params;
        s->pipelining = reply_ehlo_keyword(reply, SPAN("PIPELINING"), &params);
        s->notes->session_answer = ANSWER_NONE;
        return session_after_ehlo(s);
    }
    if (session_hello_refused(s, STEP_EHLO, reply)) {
        return STAGE_QUIT;
    }
    if (reply_class(reply) == 5 && reply->code != 521) {
        return STAGE_HELO;
    }
    note_session_refusal(s, STEP_EHLO, reply, j);
    return STAGE_QUIT;
}

static enum session_stage hear_helo(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = answer_judge(STEP_HELO, reply);
    if (session_header_unknown(s, reply, 250) || session_early_turned_away(s, reply, 250)) {
        return STAGE_QUIT;
    }
    if (j.answer != ANSWER_ACCEPTED && session_hello_refused(s, STEP_HELO, reply)) {
        return STAGE_QUIT;
    }
    if (j.answer != ANSWER_ACCEPTED) {
        note_session_refusal(s, STEP_HELO, reply, j);
        return STAGE_QUIT;
    }
    if (session_context(s)->hello == HELLO_HELO) { /* that was no fault of EHLO */
        return session_after_ehlo(s);
    }
    s->notes->helo_used = true;
    s->notes->session_answer = ANSWER_NONE;
    s->plan->helo_only = true;
    return session_after_ehlo(s);
}

static void say_ehlo(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    strbuf_adds(&line, "EHLO ");
    session_add_name(s, &line);
    command(s, STEP_EHLO, &line);
}

static void say_helo(struct session *s)
{
    char room[SMTP_LINE_MAX];
    struct strbuf line;
    strbuf_init(&line, room, sizeof(room));
    strbuf_adds(&line, "HELO ");
    session_add_name(s, &line);
    command(s, STEP_HELO, &line);
}

/* -- the end */

static void say_quit(struct session *s)
{
    s->over = true;
    smtp_client_command(&s->client, STEP_QUIT, SPAN("QUIT"));
}

/* 221 (RFC 5321 4.1.1.10). Another 2yz may be the answer to RSET, and ours follows: then replies
 * and commands had lost each other. */
static enum session_stage hear_quit(struct session *s, const struct reply *reply)
{
    bool late = s->stage == STAGE_QUIT && reply_class(reply) == 2 && reply->code != 221;
    return late ? STAGE_END : STAGE_CLOSE;
}

static void say_nothing(struct session *s)
{
    int64_t patience = s->config->timeouts->ns[STEP_QUIT];
    smtp_client_wait(&s->client, clock_after(s->client.now_ns, patience));
}

static void say_close(struct session *s)
{
    smtp_client_close(&s->client);
}

static const struct stage_row stages[] = {
    [STAGE_GREETING] = {"greeting", hear_greeting, NULL},
    [STAGE_PAUSE] = {"pause", session_hear_pause, session_say_pause},
    [STAGE_EHLO] = {"ehlo", hear_ehlo, say_ehlo},
    [STAGE_HELO] = {"helo", hear_helo, say_helo},
    [STAGE_STARTTLS] = {"starttls", session_hear_starttls, session_say_starttls},
    [STAGE_SECURING] = {"securing", hear_quit, session_say_securing},
    [STAGE_EARLY] = {"early", session_hear_early, session_say_early},
    [STAGE_EARLY_END] = {"early-end", session_hear_early_end, session_say_farewell},
    [STAGE_SMUGGLED] = {"smuggled", session_hear_smuggled, session_say_smuggled},
    [STAGE_SMUGGLED_END] = {"smuggled-end", session_hear_smuggled_end, session_say_farewell},
    [STAGE_GROUP] = {"group", session_hear_group, session_say_group},
    [STAGE_STEP] = {"step", session_hear_step, session_say_step},
    [STAGE_NOTICE] = {"notice", session_hear_notice, session_say_notice},
    [STAGE_MAIL] = {"mail", session_hear_mail, session_say_mail},
    [STAGE_COMPANION] = {"companion", session_hear_companion, session_say_companion},
    [STAGE_RCPT] = {"rcpt", session_hear_rcpt, session_say_rcpt},
    [STAGE_DATA] = {"data", session_hear_data, session_say_data},
    [STAGE_BODY] = {"body", session_hear_body, session_say_body},
    [STAGE_RSET] = {"rset", session_hear_rset, session_say_rset},
    [STAGE_CONTROL_MAIL] = {"control-mail", session_hear_control_mail, session_say_mail},
    [STAGE_CONTROL_RCPT] = {"control-rcpt", session_hear_control_rcpt, session_say_control_rcpt},
    [STAGE_CONTROL_RCPT2] = {"control-rcpt2", session_hear_control_rcpt2,
                             session_say_control_rcpt2},
    [STAGE_QUIT] = {"quit", hear_quit, say_quit},
    [STAGE_END] = {"end", hear_quit, say_nothing},
    [STAGE_CLOSE] = {"close", hear_quit, say_close},
};

static void script_next(void *self, struct smtp_client *c, const struct reply *reply)
{
    struct session *s = self;
    show_reply(s, reply);
    note_oddities(s, reply);
    bool quitting = s->over && s->stage != STAGE_QUIT;
    enum session_stage next = quitting ? STAGE_CLOSE : stages[s->stage].hear(s, reply);
    bool more = smtp_client_group_left(c) > 0 ||
                (smtp_client_is_leaving(c) && next == (enum session_stage)s->stage);
    bool said = more && next != STAGE_CLOSE; /* in the group, or for the last time */
    s->stage = (uint8_t)next;
    if (!said) {
        session_count_trips(s, next != STAGE_CLOSE && next != STAGE_END);
        stages[next].say(s);
    }
}

void session_go_on(struct session *s)
{
    bool early = session_is_early(s) && s->at.encrypted;
    s->stage = (uint8_t)(early ? STAGE_EARLY_END : session_hello(s));
    stages[s->stage].say(s);
}

static void script_secured(void *self, struct smtp_client *c)
{
    struct session *s = self;
    (void)c;
    session_secured(s);
    s->context_step = 0;
    s->pipelining = false;
    session_count_trips(s, 1);
    session_go_on(s);
}

void session_forget(struct session *s)
{
    if (s->config != NULL) {
        memory_drop(s->config->memory, s->lent, s->lent_len);
    }
    s->lent = NULL;
    s->lent_len = 0;
}

bool session_lend(struct session *s, struct span text)
{
    session_forget(s);
    s->lent = memory_get(s->config->memory, text.len);
    if (s->lent == NULL) {
        return false;
    }
    s->lent_len = text.len;
    memcpy(s->lent, text.ptr, text.len);
    return true;
}

static void script_ended(void *self, struct smtp_client *c)
{
    struct session *s = self;
    (void)c;
    s->active = false;
    session_end_pause(s);
    s->link = NULL;
    s->layer = NULL;
    session_forget(s);
    plan_end_session(s->plan, &s->at);
    s->config->observer.ended(s->config->observer.self, s);
}

static void script_said(void *self, struct smtp_client *c, enum smtp_step step, struct span text)
{
    struct session *s = self;
    (void)c;
    (void)step;
    s->notes->commands++;
    if (s->stage == STAGE_GROUP) {
        session_group_said(s);
    }
    if (s->config->observer.line != NULL) {
        s->config->observer.line(s->config->observer.self, s->at.number, 'C', text);
    }
}

static const struct smtp_script session_script = {
    .next = script_next,
    .done = session_done,
    .ended = script_ended,
    .said = script_said,
    .secured = script_secured};

static bool connect_session(struct session *s)
{
    const struct session_config *config = s->config;
    const struct endpoint *source = config->source.family != 0 ? &config->source : NULL;
    struct machine machine = smtp_client_machine(&s->client);
    s->layer = NULL;
    if (config->tls != NULL) {
        s->layer = tls_layer_new(config->tls, machine, config->tls_mode == SESSION_TLS_IMPLICIT,
                                 config->tls_name);
        if (s->layer == NULL) {
            return false;
        }
        if (session_context(s)->certificate) {
            tls_layer_present(s->layer);
        }
        machine = tls_layer_machine(s->layer);
    }
    if (session_has_header(s)) {
        machine = session_say_header(s, machine);
    }
    s->link = world_connect(s->world, source, &config->target, machine);
    if (s->link == NULL && s->layer != NULL) {
        tls_layer_drop(s->layer);
        s->layer = NULL;
    }
    return s->link != NULL;
}

bool session_start(struct session *s, struct world *w, const struct session_config *config,
                   struct plan *plan, struct target_notes *notes, unsigned number)
{
    s->world = w;
    s->config = config;
    s->plan = plan;
    s->notes = notes;
    s->form = NULL;
    s->control = CONTROL_UNKNOWN;
    s->refusals = s->syntax_errors = s->settled = 0;
    s->stage = STAGE_GREETING;
    s->asked_suspect = s->tainted = s->pipelining = false;
    s->answer_here = s->control_needed = s->over = s->busy = s->refused = false;
    s->turned_away = s->unwritten = s->group_lost = s->company = false;
    s->outcome = OUTCOME_CLOSED_BY_US;
    notes->sessions = number;
    session_count_trips(s, 1);
    smtp_client_init(&s->client, &session_script, s, config->timeouts, world_now(w),
                     config->deadline_ns);
    session_init_pause(s);
    s->context_step = 0;
    plan_begin_session(plan, &s->at, number, world_now(w));
    s->active = connect_session(s);
    if (!s->active) {
        plan_end_session(plan, &s->at);
    }
    return s->active;
}

void session_cancel(struct session *s)
{
    if (s->active) {
        smtp_client_cancel(&s->client);
        world_wake(s->world, s->link);
    }
}
