/*
 * verdict.c - the rule, line by line
 *
 * Every line is a row: what must hold, and what is then said. First row that holds wins, so a row may rely on all
 * above it having failed. The rows of `accepts` share one condition (somebody's message was taken and nothing shows
 * what became of it) and differ in why nothing shows it. The rows of `inconclusive` share one condition too (greeted,
 * and not closed), and are read off the culprit: the plain form when it is not settled, else the first form that is
 * not.
 */
#include "probe/verdict.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct view { /* the facts and what follows from them, computed once */
    const struct verdict_facts *f;
    const struct form_result *delivered, *bounced, *taken;
    const struct form_result *culprit; /* why the question is not settled; may be NULL */
    bool judged;                       /* what arrived, and what did not, can be relied on */
    bool fate_open;                    /* a message was taken and nothing shows what became of it */
    bool closed;
};

struct line {
    const char *name; /* the reason_code, or NULL: made from the culprit */
    enum verdict verdict;
    bool (*holds)(const struct view *v);
    const char *sentence;
};

static bool is_control(const struct form_result *r)
{
    return r->form.kind == FORM_CONTROL;
}

static bool refused_for_good(enum answer a)
{
    switch (a) {
    case ANSWER_DENIED:
    case ANSWER_DENIED_AUTH:
    case ANSWER_DENIED_UNKNOWN:
    case ANSWER_NO_MAILBOX:
        return true;
    case ANSWER_NONE:
    case ANSWER_ACCEPTED:
    case ANSWER_SYNTAX:
    case ANSWER_DEFERRED:
    case ANSWER_REFUSED_SENDER:
    case ANSWER_REFUSED_HELO:
    case ANSWER_REFUSED_CLIENT:
    case ANSWER_REFUSED_CONTENT:
    case ANSWER_REFUSED_VERIFY:
    case ANSWER_TLS_REQUIRED:
    case ANSWER_SERVICE:
        return false;
    }
    return false;
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
        return refused_for_good(r->answer) && (judged || !f->mailbox);
    case FORM_NOT_ASKED:
    case FORM_UNDECIDED:
        return false;
    }
    return false;
}

static bool plain_refused(const struct verdict_facts *f)
{
    const struct form_result *p = f->plain;
    return p != NULL && (p->state == FORM_DENIED || p->state == FORM_OFFERED) && refused_for_good(p->answer);
}

/* A server that wants a stranger to authenticate before the first question is closed to strangers. */
static bool session_wants_auth(const struct verdict_facts *f)
{
    return f->session_answer == ANSWER_DENIED_AUTH && f->plain != NULL && f->plain->state == FORM_NOT_ASKED;
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
    if (v->culprit == NULL && !settled(r, v->f, v->judged)) {
        v->culprit = r;
    }
}

static struct view view_of(const struct verdict_facts *f)
{
    struct view v = {.f = f};
    v.judged = f->mailbox && f->control_before && f->control_after && f->window_whole && !f->canary_refused &&
               !f->undecidable_arrival;
    if (f->plain != NULL && !(plain_refused(f) && settled(f->plain, f, v.judged))) {
        v.culprit = f->plain;
    }
    for (size_t i = 0; i < f->form_count; i++) {
        if (!is_control(&f->forms[i])) {
            look_at(&v, &f->forms[i]);
        }
    }
    v.closed = session_wants_auth(f) || (plain_refused(f) && v.culprit == NULL);
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
        return v->culprit == NULL || v->culprit->outcome == OUTCOME_CLOSED_BY_US ? v->f->session_answer
                                                                               : ANSWER_NONE;
    }
    return v->culprit->answer;
}

static bool holds_interrupted(const struct view *v)
{
    return v->f->interrupted && !v->closed;
}

static bool holds_fate_unseen(const struct view *v)
{
    return unsettled(v) && v->culprit != NULL && v->culprit->state == FORM_OFFERED &&
           refused_for_good(v->culprit->answer);
}

static bool holds_tls(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_TLS_REQUIRED;
}

static bool holds_client(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_REFUSED_CLIENT;
}

static bool holds_helo(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_REFUSED_HELO;
}

static bool holds_sender(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_REFUSED_SENDER;
}

static bool holds_greylisted(const struct view *v)
{
    const struct form_result *c = v->culprit;
    return unsettled(v) && culprit_answer(v) == ANSWER_DEFERRED && c != NULL && c->row != NULL &&
           strncmp(c->row->id, "gr", 2) == 0;
}

static bool holds_deferred(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_DEFERRED;
}

static bool holds_service(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_SERVICE;
}

static bool holds_content(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_REFUSED_CONTENT;
}

static bool holds_verify(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_REFUSED_VERIFY;
}

static bool holds_syntax(const struct view *v)
{
    return unsettled(v) && culprit_answer(v) == ANSWER_SYNTAX;
}

static bool lost(const struct view *v, enum smtp_outcome outcome)
{
    return unsettled(v) && v->culprit != NULL && v->culprit->outcome == outcome;
}

static bool holds_max_time(const struct view *v)
{
    return unsettled(v) && v->f->deadline_passed &&
           (v->culprit == NULL || v->culprit->state == FORM_NOT_ASKED || lost(v, OUTCOME_CANCELLED));
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
    return unsettled(v) && v->f->last_outcome != OUTCOME_CLOSED_BY_US && v->f->last_outcome != OUTCOME_CANCELLED;
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

/* clang-format off */
static const struct line lines[] = {
    {"delivered", VERDICT_OPEN, holds_delivered, "a message came home through it"},
    {"bounced", VERDICT_BOUNCES, holds_bounced, "accepted, then returned to the sender by the server itself"},
    {"discarded", VERDICT_DISCARDS, holds_discarded, "accepted, and nothing came within the window"},

    {"unclear-arrival", VERDICT_ACCEPTS, holds_unclear,
     "something arrived that cannot be told apart from a report"},
    {"canary-refused", VERDICT_ACCEPTS, holds_canary_refused, "the canary's side refused the message"},
    {"no-mailbox", VERDICT_ACCEPTS, holds_no_mailbox, "accepted; no mailbox was given, so its fate is unknown"},
    {"control-failed", VERDICT_ACCEPTS, holds_control_failed,
     "accepted; our own control did not come home, so that nothing came proves nothing"},
    {"window-cut", VERDICT_ACCEPTS, holds_window_cut, "accepted; the wait was cut short"},

    {"interrupted", VERDICT_INCONCLUSIVE, holds_interrupted, "interrupted before the question was settled"},
    {"fate-unseen", VERDICT_INCONCLUSIVE, holds_fate_unseen,
     "a message was refused after it was sent, and what became of it could not be watched"},
    {"tls-required", VERDICT_INCONCLUSIVE, holds_tls, "the server answers such questions under TLS only"},
    {"refused-client", VERDICT_INCONCLUSIVE, holds_client,
     "the server refuses this client, which says nothing about others"},
    {"refused-helo", VERDICT_INCONCLUSIVE, holds_helo, "the server refuses our HELO name"},
    {"refused-sender", VERDICT_INCONCLUSIVE, holds_sender, "the server refuses every sender that was tried"},
    {"greylisted", VERDICT_INCONCLUSIVE, holds_greylisted, "the server asks to be asked again later"},
    {"deferred", VERDICT_INCONCLUSIVE, holds_deferred, "the server refuses for now"},
    {"service-unavailable", VERDICT_INCONCLUSIVE, holds_service, "the server closes the session itself"},
    {"refused-content", VERDICT_INCONCLUSIVE, holds_content, "the message was refused for what is in it"},
    {"refused-verify", VERDICT_INCONCLUSIVE, holds_verify, "the server asked the canary's side and was refused"},
    {"syntax", VERDICT_INCONCLUSIVE, holds_syntax, "the server does not understand the plain question"},
    {"max-time", VERDICT_INCONCLUSIVE, holds_max_time, "the time allowed was over"},
    {NULL, VERDICT_INCONCLUSIVE, holds_timeout, "the server did not answer in time"},
    {NULL, VERDICT_INCONCLUSIVE, holds_lost, "the connection was lost before an answer"},
    {"desynchronised", VERDICT_INCONCLUSIVE, holds_tainted,
     "the server answers what was not asked: its replies cannot be told apart"},
    {NULL, VERDICT_INCONCLUSIVE, holds_session_timeout, "the server did not answer in time"},
    {NULL, VERDICT_INCONCLUSIVE, holds_session_lost, "the connection was lost before an answer"},
    {"not-asked", VERDICT_INCONCLUSIVE, holds_unsettled, "the question was not asked"},

    {"auth-required", VERDICT_CLOSED, holds_closed_auth, "a stranger is asked to authenticate"},
    {"relay-denied", VERDICT_CLOSED, holds_closed, "every question was refused for good"},

    {"not-smtp", VERDICT_UNREACHABLE, holds_not_smtp, "what answers there is not SMTP"},
    {"connection-refused", VERDICT_UNREACHABLE, holds_refused, "the connection was refused"},
    {"no-route", VERDICT_UNREACHABLE, holds_no_route, "there is no way to the address"},
    {"timeout-connect", VERDICT_UNREACHABLE, holds_connect_timeout,
     "no answer to the connection: filtered, or nobody there"},
    {"timeout-greeting", VERDICT_UNREACHABLE, holds_greeting_timeout, "connected, but no greeting came in time"},
    {"reset", VERDICT_UNREACHABLE, holds_reset, "the connection was broken before a greeting"},
    {"no-greeting", VERDICT_UNREACHABLE, holds_always, "the connection was closed before a greeting"},
};

static const char *const timeout_codes[STEP_COUNT] = {
    [STEP_CONNECT] = "timeout-connect", [STEP_GREETING] = "timeout-greeting", [STEP_EHLO] = "timeout-ehlo",
    [STEP_HELO] = "timeout-helo", [STEP_MAIL] = "timeout-mail", [STEP_RCPT] = "timeout-rcpt",
    [STEP_DATA] = "timeout-data", [STEP_BLOCK] = "timeout-block", [STEP_END_OF_DATA] = "timeout-end-of-data",
    [STEP_RSET] = "timeout-rset", [STEP_QUIT] = "timeout-quit", [STEP_OTHER] = "timeout-other",
};

static const char *const lost_codes[STEP_COUNT] = {
    [STEP_CONNECT] = "lost-connect", [STEP_GREETING] = "lost-greeting", [STEP_EHLO] = "lost-ehlo",
    [STEP_HELO] = "lost-helo", [STEP_MAIL] = "lost-mail", [STEP_RCPT] = "lost-rcpt",
    [STEP_DATA] = "lost-data", [STEP_BLOCK] = "lost-block", [STEP_END_OF_DATA] = "lost-end-of-data",
    [STEP_RSET] = "lost-rset", [STEP_QUIT] = "lost-quit", [STEP_OTHER] = "lost-other",
};
/* clang-format on */

static const char *code_from_steps(const struct view *v)
{
    const struct form_result *c = v->culprit;
    bool own = c != NULL && c->outcome != OUTCOME_CLOSED_BY_US;
    enum smtp_step step = own ? c->step : v->f->last_step;
    enum smtp_outcome outcome = own ? c->outcome : v->f->last_outcome;
    return outcome == OUTCOME_TIMEOUT ? timeout_codes[step] : lost_codes[step];
}

/* The form whose reply is the evidence for what is said. */
static const struct form_result *witness(const struct view *v, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OPEN: return v->delivered;
    case VERDICT_BOUNCES: return v->bounced;
    case VERDICT_DISCARDS: return v->taken;
    case VERDICT_ACCEPTS: return v->taken;
    case VERDICT_INCONCLUSIVE: return v->culprit;
    case VERDICT_CLOSED: return v->f->plain;
    case VERDICT_UNREACHABLE: return NULL;
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
        strbuf_adds(&reason, w->form.id);
        if (w->reply_text[0] != '\0') {
            strbuf_adds(&reason, ": ");
            strbuf_add(&reason, span_to(span_of(w->reply_text), 120));
        }
        strbuf_addc(&reason, ')');
    }
}

static void count_form(const struct form_result *r, struct verdict_result *out)
{
    out->total++;
    switch (r->state) {
    case FORM_NOT_ASKED: out->not_asked++; break;
    case FORM_NOT_APPLICABLE: out->not_applicable++; break;
    case FORM_DENIED: out->refused++; break;
    case FORM_ACCEPTED: out->accepted++; break;
    case FORM_OFFERED:
        if (refused_for_good(r->answer)) {
            out->refused++;
        } else {
            out->undecided++;
        }
        break;
    case FORM_UNDECIDED: out->undecided++; break;
    }
}

static enum plain_accepted plain_reached(const struct form_result *plain)
{
    if (plain == NULL || !plain->rcpt_accepted) {
        return PLAIN_NO;
    }
    if (plain->state == FORM_ACCEPTED) {
        return PLAIN_END_OF_DATA;
    }
    return plain->data_accepted ? PLAIN_DATA : PLAIN_RCPT;
}

void verdict_decide(const struct verdict_facts *facts, struct verdict_result *out)
{
    struct view v = view_of(facts);
    *out = (struct verdict_result){.plain_accepted = plain_reached(facts->plain)};
    for (size_t i = 0; i < facts->form_count; i++) {
        if (!is_control(&facts->forms[i])) {
            count_form(&facts->forms[i], out);
        }
    }
    size_t i = 0;
    while (i + 1 < COUNT(lines) && !lines[i].holds(&v)) {
        i++;
    }
    out->verdict = lines[i].verdict;
    out->reason_code = lines[i].name != NULL ? lines[i].name : code_from_steps(&v);
    write_reason(&v, &lines[i], out);
}

static const char *const verdict_names[] = {
    [VERDICT_OPEN] = "open",         [VERDICT_BOUNCES] = "bounces",
    [VERDICT_DISCARDS] = "discards", [VERDICT_ACCEPTS] = "accepts",
    [VERDICT_CLOSED] = "closed",     [VERDICT_INCONCLUSIVE] = "inconclusive",
    [VERDICT_UNREACHABLE] = "unreachable",
};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

bool verdict_parse(struct span name, enum verdict *v)
{
    for (unsigned i = 0; i < COUNT(verdict_names); i++) {
        if (span_iequal(name, span_of(verdict_names[i]))) {
            *v = (enum verdict)i;
            return true;
        }
    }
    return false;
}

int verdict_exit_status(enum verdict v)
{
    switch (v) {
    case VERDICT_CLOSED: return 0;
    case VERDICT_OPEN: return 1;
    case VERDICT_BOUNCES:
    case VERDICT_DISCARDS:
    case VERDICT_ACCEPTS: return 3;
    case VERDICT_INCONCLUSIVE: return 4;
    case VERDICT_UNREACHABLE: return 5;
    }
    return 4;
}

const char *plain_accepted_name(enum plain_accepted p)
{
    switch (p) {
    case PLAIN_NO: return "no";
    case PLAIN_RCPT: return "rcpt";
    case PLAIN_DATA: return "data";
    case PLAIN_END_OF_DATA: return "end-of-data";
    }
    return "no";
}
