/*
 * asking.c - the sessions of one target: how many, and how long to wait before the next
 *
 * When a session brings nothing, the next is not simply tried at once: what it said decides how
 * long to wait, and how often is enough (pause_after).
 */
#include "probe/asking.h"

#include <assert.h>

#include "probe/ask/contexts.h"
#include "probe/ask/steps.h"

/* -- sessions, by place */

static bool is_active(const struct probe *p, size_t i)
{
    return p->sessions[i] != NULL && p->sessions[i]->active;
}

unsigned asking_active(const struct probe *p)
{
    unsigned active = 0;
    for (size_t i = 0; i < PROBE_BESIDE_MAX; i++) {
        active += is_active(p, i);
    }
    return active;
}

void asking_cancel(struct probe *p)
{
    for (size_t i = 0; i < PROBE_BESIDE_MAX; i++) {
        if (is_active(p, i)) {
            session_cancel(p->sessions[i]);
        }
    }
}

static void put_away(struct probe *p, size_t i)
{
    struct session *s = p->sessions[i];
    if (s != NULL) {
        session_forget(s);
        p->waited[i] = s->waited;
        memory_drop(&p->memory, s, sizeof(*s));
    }
    p->sessions[i] = NULL;
}

void asking_clear(struct probe *p)
{
    for (size_t i = 0; i < PROBE_BESIDE_MAX; i++) {
        put_away(p, i);
    }
    memory_drop(&p->memory, p->connected_ns, p->connected_room * sizeof(*p->connected_ns));
}

const struct session *asking_session(const struct probe *p, unsigned number)
{
    for (size_t i = 0; i < PROBE_BESIDE_MAX; i++) {
        if (is_active(p, i) && p->sessions[i]->at.number == number) {
            return p->sessions[i];
        }
    }
    return NULL;
}

/* -- after one */

static bool lost_before_it_stood(const struct session *s)
{
    return s->step == STEP_CONNECT || s->outcome == OUTCOME_REFUSED ||
           s->outcome == OUTCOME_UNREACHABLE;
}

static int64_t doubled(int64_t delay_ns, unsigned times)
{
    for (unsigned i = 0; i < times && delay_ns < CLOCK_DAY; i++) {
        delay_ns *= 2;
    }
    return delay_ns;
}

static int64_t busy_pause(const struct probe *p, unsigned times)
{
    int64_t now = world_now(p->world);
    int64_t delay = doubled(p->config.retry_ns, times);
    return plan_retry_at(&p->plan, now, p->config.retry_ns, delay) - now;
}

/* The server, or the way there, may mind that there are several. */
static bool broke(const struct session *s)
{
    bool header = form_contexts[s->at.context].proxy != 0; /* whose loss means nothing */
    return s->busy || s->turned_away || s->group_lost ||
           (!s->over && !header && s->outcome != OUTCOME_CLOSED_BY_US);
}

/* Which sessions might do better, if another of that kind would go the same way. */
static enum plan_front front_after(const struct probe *p, const struct session *s)
{
    enum smtp_step step = p->target.session_step;
    bool lost = !s->over && s->step == STEP_GREETING;
    bool turned_away = (s->refused || s->busy) && step == STEP_GREETING;
    bool hello_refused = s->refused && (step == STEP_EHLO || step == STEP_HELO);
    if (hello_refused && p->target.session_answer == ANSWER_REFUSED_HELO) {
        return PLAN_FRONT_NAMES;
    }
    return lost || turned_away || hello_refused ? PLAN_FRONT_HEADERS : PLAN_FRONT_PLAIN;
}

/*
 * How long to wait after a session: 0 goes on at once, CLOCK_NEVER ends the asking. A server that
 * was never heard gets a second chance only when it broke off; one that is busy gets time; one that
 * hangs up, goes silent or talks nonsense three times in a row has shown enough. What happens in
 * company says nothing of that.
 */
static int64_t pause_after(struct probe *p, const struct session *s)
{
    enum { ENOUGH = 3, ENOUGH_BUSY = 6 };
    bool hung_up = s->outcome == OUTCOME_CLOSED || s->outcome == OUTCOME_RESET;
    if (s->unwritten) {
        return CLOCK_NEVER;
    }
    if (s->company) {
        p->one_at_a_time |= broke(s);
        p->failed_sessions = s->settled > 0 ? 0 : p->failed_sessions;
        return 0;
    }
    if (s->settled > 0 || s->group_lost) { /* one form alone will tell whose fault that was */
        p->failed_sessions = 0;
        return 0;
    }
    unsigned failed = ++p->failed_sessions;
    enum plan_front front = front_after(p, s);
    if (plan_try_front(&p->plan, front, world_now(p->world))) {
        return 0;
    }
    if (front == PLAN_FRONT_HEADERS && plan_front_answered(&p->plan)) {
        return CLOCK_NEVER;
    }
    if (!p->target.greeted) {
        return hung_up && failed == 1 ? 0 : CLOCK_NEVER;
    }
    if (s->refused) {
        return CLOCK_NEVER;
    }
    if (s->busy || lost_before_it_stood(s)) {
        return failed < ENOUGH_BUSY ? busy_pause(p, failed - 1) : CLOCK_NEVER;
    }
    if (s->turned_away) { /* like plan.c: once at once, then with patience */
        return failed == 1 ? 0 : failed < ENOUGH_BUSY ? busy_pause(p, failed - 2) : CLOCK_NEVER;
    }
    if (failed >= ENOUGH) {
        return CLOCK_NEVER;
    }
    bool silent = s->outcome == OUTCOME_TIMEOUT && !s->over;
    return silent && failed == ENOUGH - 1 ? p->config.retry_ns : 0;
}

/* Each that ended since the last time. */
static void look_at_ended(struct probe *p)
{
    for (size_t i = 0; i < PROBE_BESIDE_MAX; i++) {
        const struct session *s = p->sessions[i];
        if (s == NULL || !s->unseen) {
            continue;
        }
        int64_t resume_ns = clock_after(world_now(p->world), pause_after(p, s));
        bool unwritten = s->unwritten;
        p->resume_ns = resume_ns > p->resume_ns ? resume_ns : p->resume_ns;
        put_away(p, i);
        if (unwritten) {
            asking_cancel(p);
        }
        steps_progress(p, "asking");
    }
}

/* -- before one */

/* The rate is that of any minute: a burst is allowed, and then its minute must pass. */
static int64_t rate_allows(const struct probe *p)
{
    unsigned made = p->target.sessions;
    unsigned rate = p->config.rate;
    return made >= rate ? clock_after(p->connected_ns[made - rate], CLOCK_MINUTE) : 0;
}

/* Reserved when nothing else is waited for, and kept until the session begins. */
static int64_t pace_allows(struct probe *p, int64_t due)
{
    const struct probe_pace *pace = &p->config.pace;
    if (pace->take != NULL && p->slot_ns == 0 && due <= world_now(p->world)) {
        p->slot_ns = pace->take(pace->self, &p->config.target);
    }
    return p->slot_ns;
}

static int64_t when_allowed(struct probe *p)
{
    int64_t due = plan_due(&p->plan);
    due = due < p->resume_ns ? p->resume_ns : due;
    due = due < rate_allows(p) ? rate_allows(p) : due;
    int64_t paced = pace_allows(p, due);
    return due < paced ? paced : due;
}

static bool may_begin_beside(const struct probe *p, unsigned active)
{
    return active < p->config.sessions && !p->one_at_a_time &&
           plan_wants_beside(&p->plan, world_now(p->world));
}

static size_t free_place(const struct probe *p)
{
    size_t i = 0;
    while (p->sessions[i] != NULL) {
        i++;
    }
    assert(i < PROBE_BESIDE_MAX);
    return i;
}

/* Round trips that followed each other before a session in that place, which others stand beside.
 */
static unsigned waited_until_now(const struct probe *p, size_t i)
{
    return p->waited[i] > 0         ? p->waited[i]
           : p->sessions[0] != NULL ? p->sessions[0]->waited
                                    : p->waited[0];
}

/* When each session began, PROBE_SESSIONS_MAX at most. False: no memory. */
static bool note_connected(struct probe *p, int64_t now)
{
    enum { MORE = 4 };
    size_t room = p->connected_room, each = sizeof(*p->connected_ns);
    if (p->target.sessions == room) {
        int64_t *list = memory_resize(&p->memory, p->connected_ns, room * each,
                                      (room + MORE) * each);
        if (list == NULL) {
            return false;
        }
        p->connected_ns = list;
        p->connected_room += MORE;
    }
    p->connected_ns[p->target.sessions] = now;
    return true;
}

/* False: the world is out of links, or there is no memory. */
static bool begin(struct probe *p, unsigned active)
{
    int64_t now = world_now(p->world);
    size_t at = free_place(p);
    unsigned waited = active == 0 ? p->target.longest : waited_until_now(p, at);
    struct session *s = note_connected(p, now) ? memory_get(&p->memory, sizeof(*s)) : NULL;
    if (s == NULL) {
        return false;
    }
    p->sessions[at] = s;
    p->slot_ns = 0;
    p->target.first_connect_ns = p->target.sessions == 0 ? now : p->target.first_connect_ns;
    s->waited = waited;
    if (!session_start(s, p->world, &p->session_config, &p->plan, &p->target,
                       p->target.sessions + 1)) {
        put_away(p, at);
        return false;
    }
    for (size_t i = 0; i < PROBE_BESIDE_MAX && active > 0; i++) {
        if (is_active(p, i)) {
            p->sessions[i]->company = true;
        }
    }
    return true;
}

/* What is due later: the timer is set. */
static void await(struct probe *p, unsigned active, int64_t due)
{
    if (active == 0) {
        p->phase = PROBE_RETRY_WAIT;
        steps_progress(p, "retrying");
    }
    world_timer_set(p->world, &p->timer, due);
}

bool asking_go_on(struct probe *p)
{
    unsigned active;
    look_at_ended(p);
    while ((active = asking_active(p)) == 0 || may_begin_beside(p, active)) {
        int64_t due = when_allowed(p);
        bool used_up = p->target.sessions >= PROBE_SESSIONS_MAX;
        if (due >= p->plan.deadline_ns || used_up) {
            p->sessions_used_up = used_up;
            return active == 0;
        }
        if (due > world_now(p->world)) {
            await(p, active, due);
            return false;
        }
        p->phase = PROBE_ASKING;
        if (!begin(p, active)) {
            p->target.last_outcome = active == 0 ? OUTCOME_UNREACHABLE : p->target.last_outcome;
            return active == 0;
        }
    }
    return false;
}
