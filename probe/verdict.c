/*
 * verdict.c - the rule, line by line
 *
 * Every line is a row: what must hold, and what is then said. First row that holds wins, so a row
 * may rely on all above it having failed. The rows of `accepts` share one condition (somebody's
 * message was taken and nothing shows what became of it) and differ in why nothing shows it. The
 * rows of `inconclusive` share one condition too (greeted, and not closed), and are read off the
 * culprit: the plain form when it is not settled, else the first form that is not.
 */
#include "probe/verdict.h"

#include <string.h>

#include "probe/evidence.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct line;

struct view { /* the facts and what follows from them, computed once */
    const struct verdict_facts *f;
    const struct form_result *delivered, *bounced, *taken;
    const struct form_result *culprit; /* why the question is not settled; may be NULL */
    bool judged;                       /* what arrived, and what did not, can be relied on */
    bool fate_open;                    /* a message was taken and nothing shows what became of it */
    bool begun;                        /* a form was asked, and has no answer that it can rest on */
    bool closed;
    const struct line *line; /* being looked at */
};

struct line {
    const char *name; /* the reason_code, or NULL: step_code makes it */
    enum verdict verdict;
    bool (*holds)(const struct view *v);
    enum answer answer; /* for holds_answer; else ANSWER_NONE */
    const char *sentence;
};

static bool is_control(const struct form_result *r)
{
    return r->form.kind == FORM_CONTROL;
}

/* Nothing more can come of this form. */
static bool settled(const struct form_result *r, const struct verdict_facts *f, bool judged)
{
    switch (r->state) {
    case FORM_NOT_APPLICABLE:
    case FORM_DENIED:
        return true;
    case FORM_ACCEPTED:
        return r->form.kind == FORM_AMBIGUOUS && judged;
    case FORM_OFFERED:
        return verdict_refused_for_good(r->answer) && (judged || !f->mailbox);
    case FORM_NOT_ASKED:
    case FORM_UNDECIDED:
        return false;
    }
    return false;
}

static bool plain_refused(const struct verdict_facts *f)
{
    const struct form_result *p = f->plain;
    return p != NULL && (p->state == FORM_DENIED || p->state == FORM_OFFERED) &&
           verdict_refused_for_good(p->answer);
}

/* A server that wants a stranger to authenticate before the first question is closed to strangers.
 */
static bool session_wants_auth(const struct verdict_facts *f)
{
    return f->session_answer == ANSWER_DENIED_AUTH && f->plain != NULL &&
           f->plain->state == FORM_NOT_ASKED;
}

static void look_at(struct view *v, const struct form_result *r)
{
    bool external = r->form.kind == FORM_EXTERNAL;
    if (r->delivered && v->delivered == NULL) {
        v->delivered = r;
    }
    if (external && r->bounced && v->bounced == NULL) {
        v->bounced = r;
    }
    if (external && r->state == FORM_ACCEPTED && v->taken == NULL) {
        v->taken = r;
    }
    if (r->state == FORM_ACCEPTED && (external || !v->judged)) {
        v->fate_open = true;
    }
    bool rests = settled(r, v->f, v->judged);
    v->begun |= !rests && r->state != FORM_NOT_ASKED;
    if (v->culprit == NULL && !rests) {
        v->culprit = r;
    }
}

static struct view view_of(const struct verdict_facts *f)
{
    struct view v = {.f = f};
    v.judged = f->mailbox && !f->mailbox_dead && !f->turned_away && f->control_before &&
               f->control_after && f->window_whole && !f->canary_refused && !f->undecidable_arrival;
    if (f->plain != NULL && !(plain_refused(f) && settled(f->plain, f, v.judged))) {
        v.culprit = f->plain;
    }
    for (size_t i = 0; i < f->form_count; i++) {
        if (!is_control(&f->forms[i])) {
            look_at(&v, &f->forms[i]);
        }
    }
    bool wants_auth = session_wants_auth(f) && !v.begun;
    v.closed = wants_auth || (plain_refused(f) && v.culprit == NULL);
    return v;
}

static bool holds_delivered(const struct view *v)
{
    return v->delivered != NULL;
}

static bool holds_bounced(const struct view *v)
{
    return v->judged && v->bounced != NULL;
}

static bool holds_discarded(const struct view *v)
{
    return v->judged && v->taken != NULL;
}

static bool holds_unclear(const struct view *v)
{
    return v->f->undecidable_arrival;
}

static bool holds_canary_refused(const struct view *v)
{
    return v->f->canary_refused;
}

static bool holds_no_mailbox(const struct view *v)
{
    return v->fate_open && !v->f->mailbox;
}

static bool holds_mailbox_dead(const struct view *v)
{
    return v->fate_open && v->f->mailbox_dead && v->f->window_whole;
}

static bool holds_turned_away(const struct view *v)
{
    return v->fate_open && v->f->turned_away && v->f->window_whole;
}

static bool holds_no_control_route(const struct view *v)
{
    return v->fate_open && v->f->no_control_route && v->f->window_whole;
}

static bool holds_control_failed(const struct view *v)
{
    return v->fate_open && !(v->f->control_before && v->f->control_after) && v->f->window_whole;
}

static bool holds_window_cut(const struct view *v)
{
    return v->fate_open;
}

/* From here on nobody's acceptance is in doubt: the question is settled, or it is not. */
static bool unsettled(const struct view *v)
{
    return v->f->greeted && !v->closed;
}

static enum answer culprit_answer(const struct view *v)
{
    if (v->culprit == NULL || v->culprit->answer == ANSWER_NONE) {
        return v->culprit == NULL || v->culprit->outcome == OUTCOME_CLOSED_BY_US
                   ? v->f->session_answer
                   : ANSWER_NONE;
    }
    return v->culprit->answer;
}

static bool holds_no_memory(const struct view *v)
{
    return v->f->no_memory;
}

static bool holds_interrupted(const struct view *v)
{
    return v->f->interrupted && !v->closed;
}

static bool holds_fate_unseen(const struct view *v)
{
    return unsettled(v) && v->culprit != NULL && v->culprit->state == FORM_OFFERED &&
           verdict_refused_for_good(v->culprit->answer);
}

/* plan_taken.c leaves it so. */
static bool holds_taken_once(const struct view *v)
{
    const struct form_result *c = v->culprit;
    bool once = c != NULL && c->state == FORM_UNDECIDED && c->rcpt_accepted &&
                c->answer != ANSWER_ACCEPTED && c->answer != ANSWER_NONE;
    return unsettled(v) && once && (c->step == STEP_MAIL || c->step == STEP_RCPT);
}

/* The row names the answer. */
static bool holds_answer(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == v->line->answer;
}

static bool holds_greylisted(const struct view *v)
{
    const struct form_result *c = v->culprit;
    return unsettled(v) && culprit_answer(v) == ANSWER_DEFERRED && c != NULL && c->row != NULL &&
           strncmp(c->row->id, "gr", 2) == 0;
}

static bool lost(const struct view *v, enum smtp_outcome outcome)
{
    return unsettled(v) && v->culprit != NULL && v->culprit->outcome == outcome;
}

static bool holds_max_time(const struct view *v)
{
    return unsettled(v) && v->f->deadline_passed &&
           (v->culprit == NULL || v->culprit->state == FORM_NOT_ASKED ||
            lost(v, OUTCOME_CANCELLED));
}

static bool holds_max_messages(const struct view *v)
{
    return unsettled(v) && v->f->messages_spent &&
           (v->culprit == NULL || v->culprit->state == FORM_NOT_ASKED);
}

static bool holds_timeout(const struct view *v)
{
    return lost(v, OUTCOME_TIMEOUT);
}

static bool holds_lost(const struct view *v)
{
    return lost(v, OUTCOME_CLOSED) || lost(v, OUTCOME_RESET) || lost(v, OUTCOME_MALFORMED) ||
           lost(v, OUTCOME_TOO_LONG);
}

static bool holds_tls_failed(const struct view *v)
{
    bool forced = v->f->last_outcome == OUTCOME_TLS && v->culprit != NULL &&
                  v->culprit->state == FORM_NOT_ASKED;
    return lost(v, OUTCOME_TLS) || (unsettled(v) && forced);
}

static bool holds_tls_unreachable(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_TLS;
}

static bool holds_tls_timeout(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_TIMEOUT && v->f->last_step == STEP_TLS;
}

static bool holds_tainted(const struct view *v)
{
    return unsettled(v) && v->f->tainted;
}

static bool holds_session_timeout(const struct view *v)
{
    return unsettled(v) && v->f->last_outcome == OUTCOME_TIMEOUT;
}

static bool holds_session_lost(const struct view *v)
{
    return unsettled(v) && v->f->last_outcome != OUTCOME_CLOSED_BY_US &&
           v->f->last_outcome != OUTCOME_CANCELLED;
}

static bool holds_unsettled(const struct view *v)
{
    return unsettled(v);
}

static bool holds_closed_auth(const struct view *v)
{
    return v->closed && (session_wants_auth(v->f) || v->f->plain->answer == ANSWER_DENIED_AUTH);
}

static bool holds_closed(const struct view *v)
{
    return v->closed;
}

static bool holds_not_smtp(const struct view *v)
{
    return v->f->not_smtp;
}

static bool holds_refused(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_REFUSED;
}

static bool holds_no_route(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_UNREACHABLE;
}

static bool holds_connect_timeout(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_TIMEOUT && v->f->last_step == STEP_CONNECT;
}

static bool holds_greeting_timeout(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_TIMEOUT;
}

static bool holds_reset(const struct view *v)
{
    return v->f->last_outcome == OUTCOME_RESET;
}

static bool holds_always(const struct view *v)
{
    (void)v;
    return true;
}

static const struct line lines[] = {
    {"delivered", VERDICT_OPEN, holds_delivered, ANSWER_NONE, "a message came home through it"},
    {"bounced", VERDICT_BOUNCES, holds_bounced, ANSWER_NONE,
     "accepted, then returned to the sender by the server itself"},
    {"discarded", VERDICT_DISCARDS, holds_discarded, ANSWER_NONE,
     "accepted, and nothing came within the window"},

    {"unclear-arrival", VERDICT_ACCEPTS, holds_unclear, ANSWER_NONE,
     "something arrived that cannot be told apart from a report"},
    {"canary-refused", VERDICT_ACCEPTS, holds_canary_refused, ANSWER_NONE,
     "the canary's side refused the message"},
    {"no-mailbox", VERDICT_ACCEPTS, holds_no_mailbox, ANSWER_NONE,
     "accepted, no mailbox was given, so its fate is unknown"},
    {"mailbox-dead", VERDICT_ACCEPTS, holds_mailbox_dead, ANSWER_NONE,
     "accepted, the mailbox could not be read, so that nothing came proves nothing"},
    {"turned-away", VERDICT_ACCEPTS, holds_turned_away, ANSWER_NONE,
     "accepted, our own mailbox turned a connection away, so that nothing came proves nothing"},
    {"no-control-route", VERDICT_ACCEPTS, holds_no_control_route, ANSWER_NONE,
     "accepted, no control message was possible, so that nothing came proves nothing"},
    {"control-failed", VERDICT_ACCEPTS, holds_control_failed, ANSWER_NONE,
     "accepted, our own control did not come home, so that nothing came proves nothing"},
    {"window-cut", VERDICT_ACCEPTS, holds_window_cut, ANSWER_NONE,
     "accepted, the wait was cut short"},

    {"no-memory", VERDICT_INCONCLUSIVE, holds_no_memory, ANSWER_NONE,
     "our own memory was used up before the question was settled"},
    {"interrupted", VERDICT_INCONCLUSIVE, holds_interrupted, ANSWER_NONE,
     "interrupted before the question was settled"},
    {"fate-unseen", VERDICT_INCONCLUSIVE, holds_fate_unseen, ANSWER_NONE,
     "a message was refused after it was sent, and what became of it could not be watched"},
    {"taken-once", VERDICT_INCONCLUSIVE, holds_taken_once, ANSWER_NONE,
     "a recipient was taken once, and refused when it was asked again"},
    {"tls-required", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_TLS_REQUIRED,
     "the server answers such questions under TLS only"},
    {"refused-client", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_REFUSED_CLIENT,
     "the server refuses this client, which says nothing about others"},
    {"refused-helo", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_REFUSED_HELO,
     "the server refuses our HELO name"},
    {"refused-sender", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_REFUSED_SENDER,
     "the server refuses every sender that was tried"},
    {"greylisted", VERDICT_INCONCLUSIVE, holds_greylisted, ANSWER_NONE,
     "the server asks to be asked again later"},
    {"deferred", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_DEFERRED, "the server refuses for now"},
    {"service-unavailable", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_SERVICE,
     "the server closes the session itself"},
    {"refused-content", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_REFUSED_CONTENT,
     "the message was refused for what is in it"},
    {"refused-verify", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_REFUSED_VERIFY,
     "the server asked the canary's side and was refused"},
    {"syntax", VERDICT_INCONCLUSIVE, holds_answer, ANSWER_SYNTAX,
     "the server does not understand the plain question"},
    {"max-time", VERDICT_INCONCLUSIVE, holds_max_time, ANSWER_NONE, "the time allowed was over"},
    {"max-messages", VERDICT_INCONCLUSIVE, holds_max_messages, ANSWER_NONE,
     "the target took as many messages as it may be given"},
    {"tls-failed", VERDICT_INCONCLUSIVE, holds_tls_failed, ANSWER_NONE,
     "TLS could not be had, and what was to be asked inside it was not answered"},
    {NULL, VERDICT_INCONCLUSIVE, holds_timeout, ANSWER_NONE, "the server did not answer in time"},
    {NULL, VERDICT_INCONCLUSIVE, holds_lost, ANSWER_NONE,
     "the connection was lost before an answer"},
    {"desynchronised", VERDICT_INCONCLUSIVE, holds_tainted, ANSWER_NONE,
     "the server answers what was not asked: its replies cannot be told apart"},
    {NULL, VERDICT_INCONCLUSIVE, holds_session_timeout, ANSWER_NONE,
     "the server did not answer in time"},
    {NULL, VERDICT_INCONCLUSIVE, holds_session_lost, ANSWER_NONE,
     "the connection was lost before an answer"},
    {"not-asked", VERDICT_INCONCLUSIVE, holds_unsettled, ANSWER_NONE, "the question was not asked"},

    {"auth-required", VERDICT_CLOSED, holds_closed_auth, ANSWER_NONE,
     "a stranger is asked to authenticate"},
    {"relay-denied", VERDICT_CLOSED, holds_closed, ANSWER_NONE,
     "every question was refused for good"},

    {"not-smtp", VERDICT_UNREACHABLE, holds_not_smtp, ANSWER_NONE,
     "what answers there is not SMTP"},
    {"connection-refused", VERDICT_UNREACHABLE, holds_refused, ANSWER_NONE,
     "the connection was refused"},
    {"no-route", VERDICT_UNREACHABLE, holds_no_route, ANSWER_NONE,
     "there is no way to the address"},
    {"timeout-connect", VERDICT_UNREACHABLE, holds_connect_timeout, ANSWER_NONE,
     "no answer to the connection: filtered, or nobody there"},
    {"tls-failed", VERDICT_UNREACHABLE, holds_tls_unreachable, ANSWER_NONE,
     "connected, but the TLS handshake failed"},
    {"timeout-tls", VERDICT_UNREACHABLE, holds_tls_timeout, ANSWER_NONE,
     "connected, but the TLS handshake was not answered"},
    {"timeout-greeting", VERDICT_UNREACHABLE, holds_greeting_timeout, ANSWER_NONE,
     "connected, but no greeting came in time"},
    {"reset", VERDICT_UNREACHABLE, holds_reset, ANSWER_NONE,
     "the connection was broken before a greeting"},
    {"no-greeting", VERDICT_UNREACHABLE, holds_always, ANSWER_NONE,
     "the connection was closed before a greeting"},
};

/* The reason_code of a line without one: the step where that ended which the line looks at, the
 * culprit's last attempt or the last session. So the code never contradicts the sentence. */
static const char *step_code(const struct view *v)
{
    bool (*const holds)(const struct view *) = v->line->holds;
    bool session = holds == holds_session_timeout || holds == holds_session_lost;
    bool timeout = holds == holds_session_timeout || holds == holds_timeout;
    return verdict_step_code(timeout, session ? v->f->last_step : v->culprit->step);
}

/* The form whose reply is the evidence for what is said. */
static const struct form_result *witness(const struct view *v, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OPEN:
        return v->delivered;
    case VERDICT_BOUNCES:
        return v->bounced;
    case VERDICT_DISCARDS:
        return v->taken;
    case VERDICT_ACCEPTS:
        return v->taken;
    case VERDICT_INCONCLUSIVE:
        return v->culprit;
    case VERDICT_CLOSED:
        return v->f->plain;
    case VERDICT_UNREACHABLE:
        return NULL;
    }
    return NULL;
}

static void write_reason(const struct view *v, const struct line *l, struct verdict_result *out)
{
    struct strbuf reason;
    strbuf_init(&reason, out->reason, sizeof(out->reason));
    strbuf_adds(&reason, l->sentence);
    const struct form_result *w = witness(v, l->verdict);
    if (w != NULL) {
        strbuf_adds(&reason, " (");
        strbuf_adds(&reason, form_id(&w->form).text);
        char room[EVIDENCE_TEXT_MAX];
        struct span reply = evidence_text(v->f->evidence, w, w->reply, room, sizeof(room));
        strbuf_adds(&reason, reply.len > 0 ? ": " : "");
        strbuf_add(&reason, span_to(reply, 120));
        strbuf_addc(&reason, ')');
    }
}

/* First line that holds; the last one always does. */
static void find_line(struct view *v)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        v->line = &lines[i];
        if (v->line->holds(v)) {
            return;
        }
    }
}

void verdict_decide(const struct verdict_facts *facts, struct verdict_result *out)
{
    struct view v = view_of(facts);
    verdict_count(facts, out);
    find_line(&v);
    out->verdict = v.line->verdict;
    out->reason_code = v.line->name != NULL ? v.line->name : step_code(&v);
    write_reason(&v, v.line, out);
}
