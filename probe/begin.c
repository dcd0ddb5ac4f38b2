/*
 * begin.c - how a probe begins: defaults, names, forms, and what its sessions report to it
 *
 * Everything that is derived from the config is derived here, once, into texts of the probe's own.
 */
#include <assert.h>
#include <string.h>

#include "probe/home/control.h"
#include "probe/probe.h"
#include "probe/home/record.h"
#include "probe/ask/steps.h"
#include "probe/asking.h"

enum { RETRY_DEFAULT_S = 301, MAX_TIME_DEFAULT_MIN = 15, WAIT_DEFAULT_MIN = 2, RATE_DEFAULT = 60 };

/* -- what sessions report */

static void session_line(void *self, unsigned number, char direction, struct span text)
{
    struct probe *p = self;
    const struct session *s = asking_session(p, number);
    if (s != NULL && s->form != NULL && direction != '*') {
        evidence_line(&p->evidence, s->form, direction, text);
    }
    if (p->observer.line != NULL) {
        p->observer.line(p->observer.self, number, direction, text);
    }
}

static bool session_sending(void *self, const struct form_result *form,
                            const struct mail_probe *mail)
{
    return record_form_message(self, form, mail);
}

static void session_settled(void *self, const struct form_result *form)
{
    struct probe *p = self;
    record_form(p, form);
    if (p->config.sessions > 1) { /* what it taught may be enough for others to begin */
        steps_poke(p);
    }
    if (form->body_sent && p->observer.expect != NULL) {
        p->observer.expect(p->observer.self);
    }
}

static void session_ended(void *self, struct session *s)
{
    struct probe *p = self;
    record_forms_changed(p);
    s->unseen = true;
    steps_poke(p);
}

static bool is_under(struct span name, struct span domain)
{
    bool below = name.len > domain.len && name.ptr[name.len - domain.len - 1] == '.' &&
                 span_iends(name, domain);
    return domain.len > 0 && (below || span_iequal(name, domain));
}

static bool is_local(const struct probe_config *c, struct span name)
{
    bool local = is_under(name, c->local_domain);
    for (size_t i = 0; i < c->further_local_count; i++) { /* none without a first */
        local |= is_under(name, c->further_local[i]);
    }
    return local;
}

/* {T}. False: no memory; it stays as it was. */
static bool keep_name(struct probe *p, struct span name)
{
    char *text = memory_text(&p->memory, name);
    if (text == NULL) {
        return false;
    }
    memory_drop_text(&p->memory, p->target_name);
    p->target_name = text;
    p->who.target_name = span_of(text);
    p->session_config.tls_name = text;
    return true;
}

/* {T}, when only an address was given: what the target calls itself, if the user vouches for its
 * domain. No form was asked yet. A name that makes a form too long is not taken. */
static void take_name(struct probe *p, struct span name)
{
    struct form forms[FORMS_MAX];
    struct form_identity who = p->who;
    if (p->named || !is_local(&p->config, name) || name.len >= PROBE_NAME_MAX) {
        return;
    }
    who.target_name = name;
    for (size_t i = 0; i < p->result_count; i++) {
        forms[i] = p->results[i].form;
    }
    forms_bind(forms, p->result_count, &who, p->config.key, span_of(p->token_target));
    for (size_t i = 0; i < p->result_count; i++) {
        if (p->results[i].form.applicable && !forms[i].applicable) {
            return;
        }
    }
    if (!keep_name(p, name)) {
        return;
    }
    for (size_t i = 0; i < p->result_count; i++) {
        p->results[i].form = forms[i];
    }
    plan_refresh(&p->plan);
}

static void session_named(void *self, struct span name)
{
    struct probe *p = self;
    take_name(p, name);
    record_run(p);
}

/* -- the start */

static void set_defaults(struct probe_config *c)
{
    c->wait_ns = c->wait_ns > 0 ? c->wait_ns : WAIT_DEFAULT_MIN * CLOCK_MINUTE;
    c->max_time_ns = c->max_time_ns > 0 ? c->max_time_ns : MAX_TIME_DEFAULT_MIN * CLOCK_MINUTE;
    c->rate = c->rate > 0 ? c->rate : RATE_DEFAULT;
    c->retry_ns = c->retry_ns > 0 ? c->retry_ns : RETRY_DEFAULT_S * CLOCK_SECOND;
    c->sender_local = c->sender_domain.len > 0 ? c->sender_local : c->canary_local;
    c->sender_domain = c->sender_domain.len > 0 ? c->sender_domain : c->canary_domain;
    c->forms = c->forms.len > 0 ? c->forms : SPAN("standard");
    for (int i = 0; i < STEP_COUNT; i++) {
        if (c->timeouts.ns[i] <= 0) {
            c->timeouts.ns[i] = smtp_timeouts_rfc5321.ns[i];
        }
    }
}

static void derive_texts(struct probe *p)
{
    const struct probe_config *c = &p->config;
    char helo_room[PROBE_NAME_MAX];
    char tokens_room[PROBE_NAME_MAX + 2 * ENDPOINT_TEXT_MAX + 80];
    struct strbuf helo, target, tokens;
    strbuf_init(&helo, helo_room, sizeof(helo_room));
    strbuf_adds(&helo, c->helo.len > 0 ? "" : "probe.");
    strbuf_add(&helo, c->helo.len > 0 ? c->helo : c->sender_domain);
    strbuf_init(&target, p->target_text, sizeof(p->target_text));
    endpoint_print(&target, &c->target);
    strbuf_init(&tokens, tokens_room, sizeof(tokens_room));
    strbuf_add(&tokens, c->run_id);
    strbuf_addc(&tokens, '|');
    strbuf_add(&tokens, strbuf_span(&target));
    if (c->source.family != 0) { /* a delivery that one vantage got out is no proof for another */
        strbuf_addc(&tokens, '|');
        endpoint_print_address(&tokens, &c->source);
    }
    p->helo = memory_text(&p->memory, strbuf_span(&helo));
    p->token_target = memory_text(&p->memory, strbuf_span(&tokens));
}

static void derive_identity(struct probe *p)
{
    const struct probe_config *c = &p->config;
    struct endpoint address;
    p->named = c->target_name.len > 0 && c->target_name.len < PROBE_NAME_MAX &&
               !endpoint_parse_address(c->target_name, &address);
    p->who = (struct form_identity){
        .token_place = c->token_place,
        .canary_local = c->canary_local,
        .canary_domain = c->canary_domain,
        .further_count = c->further_count,
        .sender_local = c->sender_local,
        .sender_domain = c->sender_domain,
        .target = c->target,
        .local_domain = c->local_domain,
        .further_local_count = c->further_local_count,
        .extras = c->extras,
    };
    memcpy(p->who.further, c->further, sizeof(p->who.further));
    memcpy(p->who.further_local, c->further_local, sizeof(p->who.further_local));
    char room[PROBE_NAME_MAX];
    struct form_identity literal = p->who;
    forms_name_by_address(&literal, room, sizeof(room));
    (void)keep_name(p, p->named ? c->target_name : literal.target_name);
    if (c->local_domain.len == 0) {
        p->who.local_domain = p->who.target_name;
    }
}

/* Who names single forms means these. */
static bool asks_behind_starttls(const struct probe *p)
{
    return p->config.tls != NULL && p->config.tls_mode == SESSION_TLS_AUTO &&
           forms_names_battery(p->config.forms);
}

/* For what will be known of each form; without it nothing is asked. */
static void take_room(struct probe *p)
{
    struct memory *m = &p->memory;
    p->results = memory_get(m, p->result_count * sizeof(*p->results));
    p->rows = memory_get(m, p->result_count * sizeof(*p->rows));
    p->plan_forms = memory_get(m, p->result_count * sizeof(*p->plan_forms));
    p->room_count = p->result_count;
    if (m->failed) {
        p->result_count = 0;
    }
}

static void make_forms(struct probe *p)
{
    struct form forms[FORMS_MAX];
    char trouble[160];
    struct strbuf error;
    struct forms_wanted wanted = {
        .selection = p->config.forms,
        .own = p->config.own,
        .own_count = p->config.own_count,
        .starttls = asks_behind_starttls(p),
        .further_canaries = p->config.further_count,
        .further_locals = p->config.further_local_count,
    };
    strbuf_init(&error, trouble, sizeof(trouble));
    /* The command line and the case loader have said before what would be wrong with it. */
    (void)forms_make(&wanted, forms, FORMS_MAX, &p->result_count, &error);
    forms_bind(forms, p->result_count, &p->who, p->config.key, span_of(p->token_target));
    take_room(p);
    for (size_t i = 0; i < p->result_count; i++) {
        p->results[i].form = forms[i];
    }
}

static void set_session_config(struct probe *p)
{
    p->session_config = (struct session_config){
        .one_by_one = !p->config.pipelining,
        .who = &p->who,
        .evidence = &p->evidence,
        .memory = &p->memory,
        .helo = span_of(p->helo),
        .contact = p->config.contact,
        .target_text = span_of(p->target_text),
        .target = p->config.target,
        .source = p->config.source,
        .timeouts = &p->config.timeouts,
        .deadline_ns = p->plan.deadline_ns,
        .tls = p->config.tls,
        .tls_mode = p->config.tls_mode,
        .tls_name = p->target_name,
        .observer = {.line = session_line,
                     .named = session_named,
                     .sending = session_sending,
                     .settled = session_settled,
                     .ended = session_ended,
                     .self = p},
    };
}

static void set_tls(struct probe *p)
{
    enum session_tls mode = p->config.tls_mode;
    plan_tls_init(&p->plan, p->config.tls != NULL, mode == SESSION_TLS_IMPLICIT,
                  mode == SESSION_TLS_STARTTLS);
}

void probe_clear(struct probe *p)
{
    struct memory *m = &p->memory;
    evidence_clear(&p->evidence);
    memory_drop(m, p->results, p->room_count * sizeof(*p->results));
    memory_drop(m, p->rows, p->room_count * sizeof(*p->rows));
    memory_drop(m, p->plan_forms, p->room_count * sizeof(*p->plan_forms));
    memory_drop(m, p->target.tls, sizeof(*p->target.tls));
    memory_drop_text(m, p->helo);
    memory_drop_text(m, p->target_name);
    memory_drop_text(m, p->token_target);
    control_clear_all(p);
    asking_clear(p);
    receive_clear(p);
    assert(m->bytes == 0);
    memset(p, 0, sizeof(*p));
}

void probe_start(struct probe *p, struct world *w, const struct probe_config *config,
                 const struct probe_observer *observer)
{
    probe_clear(p);
    p->config = *config;
    p->memory.limit = config->memory_max;
    p->world = w;
    if (observer != NULL) {
        p->observer = *observer;
    }
    p->started_ns = world_now(w);
    set_defaults(&p->config);
    p->config.tls = p->config.tls_mode == SESSION_TLS_NONE ? NULL : p->config.tls;
    derive_texts(p);
    derive_identity(p);
    evidence_init(&p->evidence, &p->who, &p->memory);
    make_forms(p);
    plan_init(&p->plan, p->results, p->plan_forms, p->result_count, p->config.retry_ns,
              clock_after(p->started_ns, p->config.max_time_ns));
    p->plan.messages_max = p->config.max_messages;
    set_tls(p);
    set_session_config(p);
    world_timer_init(&p->timer, steps_take, p);
    control_init_all(p);
    record_run(p);
    p->phase = PROBE_CONTROL_BEFORE;
    if (p->config.mailbox) {
        steps_progress(p, "control");
        control_start_all(p, false, steps_control_until(p));
    }
    steps_poke(p);
}
