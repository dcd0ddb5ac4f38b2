/*
 * plan.c - every form's way from pending to settled
 *
 * A form leaves the plan in one of four ways: it was answered, its message went out (then only its
 * fate is awaited), it used up its attempts, or asking ended. Everything else puts it back. Forms
 * are asked in the battery's order, but one that cost us a session (a time-out, bytes that are no
 * reply) lets the others go first, so that one bad form cannot use up the time of all.
 *
 * A hang-up is an answer only in company: a server that closes on this form twice, and answers the
 * plain one, has said no to it. That is decided last, in plan_close, when the plain form's answer
 * is known.
 */
#include "probe/ask/plan.h"

#include <string.h>

#include "probe/ask/contexts.h"

/* In whose name the plain question is asked when the server does not take the plainest sender (A4).
 */
static const char *const stand_ins[] = {"S1", "S2", "S3", "S10", "S6", "S4"};

enum { STAND_IN_COUNT = sizeof(stand_ins) / sizeof(stand_ins[0]) };

static const struct sender_row *sender_row_named(const char *id)
{
    for (size_t i = 0; i < form_sender_count; i++) {
        if (strcmp(form_senders[i].id, id) == 0) {
            return &form_senders[i];
        }
    }
    return NULL;
}

const struct sender_row *plan_plain_sender(const struct plan *p)
{
    return p->sender_index < STAND_IN_COUNT ? sender_row_named(stand_ins[p->sender_index]) : NULL;
}

static bool stand_in_possible(const struct sender_row *row, const struct form_identity *who)
{
    bool named = who->target_name.len > 0 || strstr(row->template, "{T}") == NULL;
    return named && (who->local_domain.len > 0 || strstr(row->template, "{D}") == NULL);
}

bool plan_sender_refused(struct plan *p, const struct form_identity *who)
{
    do {
        p->sender_index += p->sender_index < STAND_IN_COUNT;
    } while (p->sender_index < STAND_IN_COUNT && !stand_in_possible(plan_plain_sender(p), who));
    return p->sender_index < STAND_IN_COUNT;
}

void plan_init(struct plan *p, struct form_result *results, struct plan_form *forms, size_t count,
               int64_t retry_ns, int64_t deadline_ns)
{
    memset(p, 0, sizeof(*p));
    p->results = results;
    p->forms = forms;
    p->count = count;
    p->retry_ns = retry_ns;
    p->deadline_ns = deadline_ns;
    for (size_t i = 0; i < count; i++) {
        if (!results[i].form.applicable) {
            results[i].state = FORM_NOT_APPLICABLE;
            p->forms[i].phase = PLAN_SETTLED;
        }
        /* Until it is known whether STARTTLS is offered. */
        if (context_wants_starttls(results[i].form.context)) {
            p->forms[i].phase = PLAN_SETTLED;
        }
    }
}

void plan_refresh(struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (r->state == FORM_NOT_APPLICABLE && r->form.applicable) {
            r->state = FORM_NOT_ASKED;
            p->forms[i].phase = PLAN_PENDING;
        }
    }
    plan_tls_settle(p);
}

/* Nothing was said: the attempt does not count. */
void plan_not_applicable(struct plan *p, struct form_result *r, const char *why)
{
    r->attempts--;
    r->form.applicable = false;
    r->form.why_not = why;
    r->state = FORM_NOT_APPLICABLE;
    p->forms[r - p->results].phase = PLAN_SETTLED;
}

void plan_rule_out(struct plan *p, const struct plan_session *at, struct form_result *r,
                   const char *why)
{
    struct plan_form *f = &p->forms[r - p->results];
    if (f->phase == PLAN_PENDING) {
        r->form.applicable = false;
        r->form.why_not = why;
        r->state = FORM_NOT_APPLICABLE;
        f->phase = PLAN_SETTLED;
        f->session = at->number;
    }
}

static struct plan_form *plan_form_of(struct plan *p, const struct form_result *r)
{
    return &p->forms[r - p->results];
}

static bool may_ask(const struct plan *p, const struct plan_session *at, const struct plan_form *f,
                    int64_t now_ns)
{
    const struct form_result *r = &p->results[f - p->forms];
    if (plan_form_in_tls(p, r) != at->encrypted && !p->tls.implicit) {
        return false;
    }
    return plan_form_in_context(at, r) && plan_form_is_left(p, (size_t)(f - p->forms), now_ns);
}

static struct form_result *take(struct plan *p, size_t i)
{
    p->forms[i].phase = PLAN_TAKEN;
    p->results[i].attempts++;
    return &p->results[i];
}

struct form_result *plan_next(struct plan *p, const struct plan_session *at, int64_t now_ns)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < p->count && now_ns < p->deadline_ns; i++) {
        const struct plan_form *f = &p->forms[i];
        if (may_ask(p, at, f, now_ns) && (best == SIZE_MAX || f->losses < p->forms[best].losses)) {
            best = i;
        }
        if (best != SIZE_MAX && p->forms[best].losses == 0) {
            break;
        }
    }
    if (best == SIZE_MAX) {
        return NULL;
    }
    return take(p, best);
}

bool plan_may_group(const struct plan *p, const struct form_result *r)
{
    const struct plan_form *f = &p->forms[r - p->results];
    const struct context_row *row = context_of(&r->form);
    bool alone = f->single || row->verb != NULL || row->notice != NULL || row->false_end != NULL;
    bool trusted = !alone && !f->suspect && f->losses == 0 && r->hang_ups == 0;
    return trusted && !p->group_off && !p->group_wait;
}

struct form_result *plan_next_grouped(struct plan *p, const struct plan_session *at, int64_t now_ns)
{
    for (size_t i = 0; i < p->count && now_ns < p->deadline_ns; i++) {
        if (plan_may_group(p, &p->results[i]) && may_ask(p, at, &p->forms[i], now_ns)) {
            return take(p, i);
        }
    }
    return NULL;
}

bool plan_has_more(const struct plan *p, const struct plan_session *at, int64_t now_ns)
{
    for (size_t i = 0; i < p->count && now_ns < p->deadline_ns; i++) {
        if (may_ask(p, at, &p->forms[i], now_ns)) {
            return true;
        }
    }
    return false;
}

void plan_ask_single(struct plan *p, struct form_result *r)
{
    plan_form_of(p, r)->single = true;
    plan_put_back(p, r);
}

int64_t plan_due(const struct plan *p)
{
    int64_t first = CLOCK_NEVER;
    for (size_t i = 0; i < p->count; i++) {
        if (plan_form_is_held(p, i)) {
            continue;
        }
        if (p->forms[i].phase == PLAN_PENDING || p->forms[i].phase == PLAN_TAKEN) {
            return INT64_MIN;
        }
        if (p->forms[i].phase == PLAN_WAITING && p->forms[i].due_ns < first) {
            first = p->forms[i].due_ns;
        }
    }
    if (first >= p->deadline_ns) {
        return CLOCK_NEVER;
    }
    int64_t due = first;
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_form *f = &p->forms[i];
        bool near = f->phase == PLAN_WAITING && f->due_ns - first <= PLAN_GATHER_NS;
        due = near && f->due_ns > due && f->due_ns < p->deadline_ns ? f->due_ns : due;
    }
    return due;
}

static void settle(struct plan *p, struct form_result *r, enum form_state state)
{
    r->state = state;
    plan_form_of(p, r)->phase = PLAN_SETTLED;
    if (r->body_sent) {
        plan_spend_messages(p);
    }
}

static void refuse(struct plan *p, struct form_result *r)
{
    if (!plan_ask_again(p, r)) {
        settle(p, r, FORM_DENIED);
    }
}

/* A form that is about this sender has its answer; the plain question has not. */
static void refuse_sender(struct plan *p, struct form_result *r)
{
    if (r->form.sender == &form_senders[0]) {
        settle(p, r, FORM_UNDECIDED);
    } else {
        refuse(p, r);
    }
}

int64_t plan_retry_at(const struct plan *p, int64_t now_ns, int64_t least_ns, int64_t delay_ns)
{
    int64_t due = clock_after(now_ns, delay_ns);
    int64_t last = p->deadline_ns - PLAN_LAST_NS;
    return due > last && clock_after(now_ns, least_ns) <= last ? last : due;
}

/* Greylists key on the triplet and count from its first sight: the same tokens, later, and later
 * again. */
static void put_off(struct plan *p, struct form_result *r, int64_t now_ns, unsigned retry_hint_s)
{
    struct plan_form *f = plan_form_of(p, r);
    r->state = FORM_UNDECIDED;
    if (r->attempts >= PLAN_ATTEMPTS_MAX) {
        f->phase = PLAN_SETTLED;
        return;
    }
    int64_t delay = p->retry_ns;
    for (unsigned i = 0; i < f->deferrals && delay < CLOCK_DAY; i++) {
        delay *= 2;
    }
    int64_t hint = retry_hint_s > 0 ? ((int64_t)retry_hint_s + 1) * CLOCK_SECOND : 0;
    int64_t least = hint > p->retry_ns ? hint : p->retry_ns;
    f->due_ns = plan_retry_at(p, now_ns, least, hint > delay ? hint : delay);
    f->deferrals++;
    f->phase = PLAN_WAITING;
}

/* The server is closing (421): once at once in a new session, then like any deferral. */
static void put_off_service(struct plan *p, struct form_result *r, int64_t now_ns)
{
    struct plan_form *f = plan_form_of(p, r);
    if (f->closings > 0) {
        put_off(p, r, now_ns, 0);
        return;
    }
    f->closings++;
    r->state = FORM_UNDECIDED;
    f->phase = PLAN_PENDING;
}

static void settle_control(struct plan *p, struct form_result *r)
{
    bool taken = r->answer == ANSWER_ACCEPTED;
    bool later = r->answer == ANSWER_DEFERRED || r->answer == ANSWER_SERVICE;
    settle(p, r, taken ? FORM_ACCEPTED : later ? FORM_UNDECIDED : FORM_DENIED);
}

static const char *context_why(const struct form_result *r)
{
    return r->answer == ANSWER_REFUSED_HELO
               ? context_of(&r->form)->refused
               : "in such a session the server refuses all that is asked";
}

void plan_answered(struct plan *p, const struct plan_session *at, struct form_result *r,
                   int64_t now_ns, unsigned retry_hint_s)
{
    plan_form_of(p, r)->session = at->number;
    p->learnt = true;
    if (r->form.kind == FORM_CONTROL) {
        settle_control(p, r);
        return;
    }
    if (r->body_sent && r->answer != ANSWER_ACCEPTED) {
        settle(p, r, FORM_OFFERED);
        return;
    }
    if (plan_refuses_context(r)) {
        plan_context_refused(p, at, context_why(r));
        return;
    }
    if (r->answer == ANSWER_SYNTAX && r->step == STEP_MAIL && context_of(&r->form)->verb != NULL) {
        r->form.applicable = false;
        r->form.why_not = context_of(&r->form)->refused;
        settle(p, r, FORM_NOT_APPLICABLE);
        return;
    }
    switch (r->answer) {
    case ANSWER_ACCEPTED:
        settle(p, r, FORM_ACCEPTED);
        break;
    case ANSWER_DENIED:
    case ANSWER_DENIED_AUTH:
    case ANSWER_DENIED_UNKNOWN: /* the session made it refused-client when R43 did not speak for it
                                 */
    case ANSWER_NO_MAILBOX:
    case ANSWER_SYNTAX:
        refuse(p, r);
        break;
    case ANSWER_REFUSED_SENDER:
        refuse_sender(p, r);
        break;
    case ANSWER_DEFERRED:
        put_off(p, r, now_ns, retry_hint_s);
        break;
    case ANSWER_SERVICE:
        put_off_service(p, r, now_ns);
        break;
    case ANSWER_NONE:
    case ANSWER_REFUSED_HELO:
    case ANSWER_REFUSED_CLIENT:
    case ANSWER_REFUSED_CONTENT:
    case ANSWER_REFUSED_VERIFY:
        settle(p, r, FORM_UNDECIDED);
        break;
    case ANSWER_TLS_REQUIRED:
        settle(p, r, FORM_UNDECIDED);
        if (plan_tls_demanded(p, at)) {
            plan_form_of(p, r)->phase = PLAN_PENDING;
        }
        break;
    }
}

void plan_lost(struct plan *p, struct form_result *r, int64_t now_ns)
{
    struct plan_form *f = plan_form_of(p, r);
    (void)now_ns;
    if (r->body_sent) {
        settle(p, r, FORM_OFFERED);
        return;
    }
    bool hung_up = r->outcome == OUTCOME_CLOSED || r->outcome == OUTCOME_RESET;
    r->state = FORM_UNDECIDED;
    if (hung_up) {
        r->hang_ups++;
    } else {
        f->losses++;
    }
    bool enough = r->hang_ups >= PLAN_HANG_UPS_MAX || f->losses >= PLAN_LOSSES_MAX ||
                  r->attempts >= PLAN_ATTEMPTS_MAX || r->outcome == OUTCOME_CANCELLED;
    f->phase = enough ? PLAN_SETTLED : PLAN_PENDING;
}

static void forget_answer(struct plan *p, struct form_result *r)
{
    struct plan_form *f = plan_form_of(p, r);
    r->answer = ANSWER_NONE;
    r->row = NULL;
    r->code = 0;
    r->reply = 0;
    r->rcpt_accepted = false;
    if (r->body_sent) {
        settle(p, r, FORM_OFFERED);
        return;
    }
    if (r->state == FORM_NOT_APPLICABLE) { /* so said the session */
        r->form.applicable = true;
        r->form.why_not = NULL;
    }
    r->data_accepted = false;
    r->state = FORM_NOT_ASKED;
    f->taints++;
    f->phase = f->taints > PLAN_TAINTS_MAX ? PLAN_SETTLED : PLAN_PENDING;
}

void plan_tainted(struct plan *p, struct form_result *r)
{
    struct plan_form *f = plan_form_of(p, r);
    f->suspect = true;
    f->losses++;
    forget_answer(p, r);
}

void plan_taint_session(struct plan *p, const struct plan_session *at)
{
    plan_forget_taken(p, at);
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        if (p->forms[i].session == at->number && !r->body_sent) {
            p->forms[i].session = 0;
            forget_answer(p, r);
        }
    }
}

bool plan_is_suspect(const struct plan *p, const struct form_result *r)
{
    return p->forms[r - p->results].suspect;
}

void plan_put_back(struct plan *p, struct form_result *r)
{
    r->attempts--;
    plan_form_of(p, r)->phase = PLAN_PENDING;
}

static const struct form_result *plain_of(const struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct form *f = &p->results[i].form;
        if (f->recipient == &form_recipients[0] && f->context == CONTEXT_PLAIN) {
            return &p->results[i];
        }
    }
    return NULL;
}

void plan_close(struct plan *p)
{
    const struct form_result *plain = plain_of(p);
    bool survived = plain != NULL && plain->hang_ups < PLAN_HANG_UPS_MAX &&
                    plain->answer != ANSWER_NONE;
    for (size_t i = 0; i < p->count; i++) {
        struct form_result *r = &p->results[i];
        p->forms[i].phase = PLAN_SETTLED;
        bool hung_up = r->state == FORM_UNDECIDED && r->hang_ups >= PLAN_HANG_UPS_MAX && survived;
        if (hung_up && !plan_was_taken(p, r)) {
            r->state = FORM_DENIED;
        }
    }
}
