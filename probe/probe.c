/*
 * probe.c - the order of things
 *
 * One function, `step`, looks at the phase and the time and does what is next; it runs from one
 * timer and nowhere else. Whatever happens (a session ended, a message arrived, a control was
 * refused, Ctrl-C) is written down where it happens, and the timer is set to now. So no part of the
 * probe is changed under its own feet, and the same instants give the same order in both worlds.
 */
#include "probe/probe.h"

#include <string.h>

#include "probe/home/control.h"
#include "probe/home/record.h"
#include "probe/ask/steps.h"
#include "probe/asking.h"

/* When the window is over, a look into stored mailboxes is awaited so long: a poller gives up each
 * operation after a minute. One that is in trouble is not waited for much. */
#define LAST_LOOK_NS (125 * CLOCK_SECOND)
#define TROUBLED_LOOK_NS (5 * CLOCK_SECOND)
#define LOOK_STEP_NS (50 * CLOCK_MS)

void steps_poke(struct probe *p)
{
    if (p->phase != PROBE_FINISHED || p->concluding) {
        world_timer_set(p->world, &p->timer, world_now(p->world));
    }
}

void steps_progress(struct probe *p, const char *phase)
{
    if (p->observer.progress == NULL) {
        return;
    }
    unsigned done = 0;
    for (size_t i = 0; i < p->result_count; i++) {
        done += p->plan.forms[i].phase == PLAN_SETTLED;
    }
    p->observer.progress(p->observer.self, phase, done, (unsigned)p->result_count);
}

/* -- the end */

static const struct form_result *plain_result(const struct probe *p)
{
    const struct form_result *plain = NULL;
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        if (r->form.recipient == &form_recipients[0] && r->form.canary == 0 &&
            r->form.context == CONTEXT_PLAIN &&
            (plain == NULL || r->form.sender == &form_senders[0])) {
            plain = r;
        }
    }
    return plain;
}

static bool mailbox_in_trouble(const struct probe *p)
{
    for (size_t i = 0; i < p->config.mailbox_count; i++) {
        if (p->mailboxes[i].troubled) {
            return true;
        }
    }
    return false;
}

/* None of them will be read again in this run: there is nothing to wait for. */
static bool mailboxes_lost(const struct probe *p)
{
    size_t lost = 0;
    for (size_t i = 0; i < p->config.mailbox_count; i++) {
        lost += p->mailboxes[i].troubled && p->mailboxes[i].lasting;
    }
    return lost > 0 && lost == p->config.mailbox_count;
}

static bool no_control_route(const struct probe *p)
{
    bool missing = p->config.control_route.family == 0;
    for (size_t i = 0; i < p->config.further_count; i++) {
        missing |= p->config.further_route[i].family == 0;
    }
    return missing;
}

void probe_facts(const struct probe *p, struct verdict_facts *facts)
{
    const struct target_notes *n = &p->target;
    *facts = (struct verdict_facts){
        .evidence = &p->evidence,
        .forms = p->results,
        .form_count = p->result_count,
        .plain = plain_result(p),
        .greeted = n->greeted,
        .last_outcome = n->last_outcome,
        .last_step = n->last_step,
        .greeting_code = n->greeting_code,
        .session_answer = n->session_answer,
        .mailbox = p->config.mailbox,
        .mailbox_dead = mailbox_in_trouble(p) || p->look_missed,
        .no_control_route = p->config.mailbox && no_control_route(p),
        .control_before = control_all_arrived(p, false),
        .control_after = control_all_arrived(p, true),
        .window_whole = p->window_whole,
        .turned_away = p->turned_away,
        .deadline_passed = p->deadline_passed,
        .messages_spent = p->plan.messages_spent,
        .interrupted = p->interrupted,
        .tainted = n->tainted,
        .canary_refused = p->canary_refused,
        .not_smtp = !n->greeted &&
                    (n->last_outcome == OUTCOME_MALFORMED || n->last_outcome == OUTCOME_TOO_LONG),
        .no_memory = p->memory.failed,
        .undecidable_arrival = p->unclear_count > 0,
    };
}

static void finish(struct probe *p)
{
    struct verdict_facts facts;
    p->concluding = false;
    world_timer_stop(p->world, &p->timer);
    p->finished_ns = world_now(p->world);
    probe_facts(p, &facts);
    verdict_decide(&facts, &p->verdict);
    record_forms_left(p);
    record_verdict(p);
    if (p->observer.finished != NULL) {
        p->observer.finished(p->observer.self, p);
    }
}

/* Connections that still stand are ended first: the caller may forget the probe when `finished` was
 * called. */
static void conclude(struct probe *p)
{
    p->phase = PROBE_FINISHED;
    p->concluding = true;
    control_cancel_all(p);
    if (asking_active(p) > 0 || control_any_active(p)) {
        asking_cancel(p);
        return;
    }
    finish(p);
}

/* -- the window */

static bool any_body_sent(const struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        if (p->results[i].body_sent) {
            return true;
        }
    }
    return false;
}

/* A message came home; with several canaries, one of each that was sent any came home or back: a
 * server that delivers to the first one only is worth waiting for. */
static bool proved(const struct probe *p)
{
    bool sent[FORM_CANARIES_MAX] = {false}, home[FORM_CANARIES_MAX] = {false};
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        sent[r->form.canary] |= r->body_sent;
        home[r->form.canary] |= r->delivered || (r->form.canary > 0 && r->bounced);
    }
    for (size_t i = 0; i < p->canary_count; i++) {
        if (sent[i] && !home[i]) {
            return false;
        }
    }
    return p->first_delivery_ns != 0;
}

/*
 * The window is over: what came until now may lie in a mailbox that was not looked at since. True
 * while the last look is awaited.
 */
static bool last_look(struct probe *p)
{
    int64_t now = world_now(p->world);
    if (p->observer.expect == NULL || p->observer.looked == NULL) {
        return false;
    }
    if (!p->looked_last) {
        p->looked_last = true;
        p->observer.expect(p->observer.self);
    }
    int64_t patience = mailbox_in_trouble(p) ? TROUBLED_LOOK_NS : LAST_LOOK_NS;
    p->look_missed = !p->observer.looked(p->observer.self);
    return p->look_missed && now < clock_after(p->window_end_ns, patience);
}

static void watch_window(struct probe *p)
{
    int64_t now = world_now(p->world);
    int64_t next = control_tick_all(p);
    bool enough = proved(p) && !p->config.exhaustive;
    if (mailboxes_lost(p)) {
        p->window_whole = true;
        conclude(p);
    } else if (now >= p->window_end_ns && last_look(p)) {
        world_timer_set(p->world, &p->timer, clock_after(now, LOOK_STEP_NS));
    } else if (now >= p->window_end_ns) {
        p->window_whole = true;
        conclude(p);
    } else if (enough && !control_any_active(p)) {
        conclude(p);
    } else {
        world_timer_set(p->world, &p->timer, next < p->window_end_ns ? next : p->window_end_ns);
    }
}

/* Nothing was sent that could come home, or nobody looks: then there is nothing to wait for. */
static void end_asking(struct probe *p)
{
    p->asking_ended_ns = world_now(p->world);
    plan_close(&p->plan);
    for (size_t i = 0; i < p->result_count; i++) {
        bool left = p->results[i].state == FORM_NOT_ASKED || p->results[i].state == FORM_UNDECIDED;
        p->deadline_passed |= left && p->asking_ended_ns >= p->plan.deadline_ns;
    }
    if (!any_body_sent(p) || !p->config.mailbox) {
        p->window_whole = true;
        conclude(p);
        return;
    }
    p->phase = PROBE_WINDOW;
    p->window_end_ns = clock_after(p->asking_ended_ns, p->config.wait_ns);
    control_start_all(p, true, p->window_end_ns);
    steps_progress(p, "waiting");
    watch_window(p);
}

/* -- asking */

static void ask(struct probe *p)
{
    if (asking_go_on(p)) {
        end_asking(p);
    }
}

static void begin_asking(struct probe *p)
{
    p->phase = PROBE_ASKING;
    steps_progress(p, "asking");
    ask(p);
}

/* A control that stays away must not use up the time for asking; it counts whenever it comes. */
int64_t steps_control_until(const struct probe *p)
{
    int64_t share = p->config.max_time_ns / 4;
    int64_t wait = p->config.wait_ns < share ? p->config.wait_ns : share;
    return clock_after(p->started_ns, wait);
}

static void await_control(struct probe *p)
{
    int64_t until = steps_control_until(p);
    int64_t next = control_tick_all(p);
    if (control_all_failed_or_arrived(p, false) || world_now(p->world) >= until ||
        mailboxes_lost(p)) {
        begin_asking(p);
    } else {
        world_timer_set(p->world, &p->timer, next < until ? next : until);
    }
}

void steps_take(void *self)
{
    struct probe *p = self;
    bool give_up = p->interrupted || p->memory.failed;
    if (give_up && p->phase != PROBE_FINISHED) {
        plan_close(&p->plan);
        conclude(p);
        return;
    }
    switch (p->phase) {
    case PROBE_CONTROL_BEFORE:
        await_control(p);
        break;
    case PROBE_ASKING:
    case PROBE_RETRY_WAIT:
        ask(p);
        break;
    case PROBE_WINDOW:
        watch_window(p);
        break;
    case PROBE_FINISHED:
        if (p->concluding && asking_active(p) == 0 && !control_any_active(p)) {
            finish(p);
        }
        break;
    }
}

void probe_interrupt(struct probe *p)
{
    if (p->phase != PROBE_FINISHED) {
        p->interrupted = true;
        steps_poke(p);
    }
}

bool probe_is_finished(const struct probe *p)
{
    return p->phase == PROBE_FINISHED && !p->concluding;
}

const struct verdict_result *probe_verdict(const struct probe *p)
{
    return &p->verdict;
}

size_t probe_size(void)
{
    return sizeof(struct probe);
}

const struct form_result *probe_form(const struct probe *p, struct span id)
{
    for (size_t i = 0; i < p->result_count; i++) {
        if (span_iequal(span_of(form_id(&p->results[i].form).text), id)) {
            return &p->results[i];
        }
    }
    return NULL;
}
