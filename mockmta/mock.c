/*
 * A session is a slot with the SMTP machine in it, wrapped in one function so that the whole server
 * can be broken off: a link cannot be ended from outside, but every link can be woken, and a
 * machine of a dying server wishes a reset. mock_free therefore returns at once, and the memory
 * goes with the last link.
 */
#include "mockmta/mock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mockmta/queue/callout.h"
#include "mockmta/encrypt.h"
#include "mockmta/match.h"
#include "mockmta/parts.h"
#include "mockmta/proxied.h"

static const char *const event_names[] = {
    [MOCK_CONNECT] = "connect",   [MOCK_COMMAND] = "command",     [MOCK_REPLY] = "reply",
    [MOCK_RULE] = "rule",         [MOCK_ACCEPTED] = "accepted",   [MOCK_KEPT] = "kept",
    [MOCK_RELAYED] = "relayed",   [MOCK_DISCARDED] = "discarded", [MOCK_BOUNCED] = "bounced",
    [MOCK_DEFERRED] = "deferred", [MOCK_FAILED] = "failed",       [MOCK_CALLOUT] = "callout",
    [MOCK_TLS] = "tls",           [MOCK_CLOSED] = "closed",
};

const char *mock_event_name(enum mock_event_kind kind)
{
    assert((size_t)kind < sizeof event_names / sizeof *event_names);
    return event_names[kind];
}

void mock_tell(struct mock *m, const struct mock_event *e)
{
    if (m->observer.see != NULL && !m->dying) {
        struct mock_event timed = *e;
        timed.at_ns = world_now(m->world);
        m->observer.see(m->observer.self, m, &timed);
    }
}

/* Postfix-like: letters and digits, never the same twice in a run, seldom the same in the next. */
void mock_queue_id(struct mock *m, struct message *message)
{
    static const char digits[] = "0123456789ABCDEF";
    uint64_t value = (uint64_t)m->queue_id_high << 24 | (message->transaction & 0xffffff);
    for (unsigned i = 0; i < 12; i++) {
        message->queue_id[i] = digits[value >> (4 * (11 - i)) & 15];
    }
    message->queue_id[12] = '\0';
}

bool mock_domain_is_local(const struct mock *m, struct span domain)
{
    const struct conf_texts *local = &m->config->local_domains;
    for (size_t i = 0; i < local->count; i++) {
        if (span_iequal(domain, span_of(local->item[i]))) {
            return true;
        }
    }
    return false;
}

bool mock_is_local(const struct mock *m, const struct address *a)
{
    if (a->route.len > 0) {
        return false;
    }
    return a->domain.len == 0 ? span_iequal(a->local, SPAN("postmaster"))
                              : mock_domain_is_local(m, a->domain);
}

/* Exact first, then the first "*.suffix", then "*". */
const struct endpoint *mock_route_find(const struct mock *m, struct span domain)
{
    const struct endpoint *suffix = NULL, *any = NULL;
    for (size_t i = 0; i < m->route_count; i++) {
        struct span name = span_of(m->routes[i].domain);
        if (span_iequal(name, domain)) {
            return &m->routes[i].to;
        }
        if (span_equal(name, SPAN("*"))) {
            any = &m->routes[i].to;
        } else if (suffix == NULL && span_starts(name, SPAN("*.")) &&
                   span_iends(domain, span_from(name, 1))) {
            suffix = &m->routes[i].to;
        }
    }
    return suffix != NULL ? suffix : domain.len > 0 ? any : NULL;
}

bool mock_route_add(struct mock *m, const char *domain, const struct endpoint *to)
{
    size_t len = strlen(domain) + 1;
    char *copy = m->route_count < m->limits.routes_max ? malloc(len) : NULL;
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, domain, len);
    m->routes[m->route_count++] = (struct mock_route){copy, *to};
    return true;
}

/* Sessions. */

static enum machine_wish session_step(void *self, struct machine_io *io)
{
    struct session *s = self;
    if (s->mock->dying) {
        io->in_used = io->in_len;
        return WISH_RESET;
    }
    return s->mock->server_ops->step(&s->smtp, io);
}

static int64_t session_deadline(const void *self)
{
    const struct session *s = self;
    return s->mock->server_ops->deadline(&s->smtp);
}

static void session_ended(void *self)
{
    struct session *s = self;
    s->mock->server_ops->ended(&s->smtp);
}

static const struct machine_ops session_ops = {"mock-session", session_step, session_deadline,
                                               session_ended};

void session_gone(struct session *s)
{
    struct mock *m = s->mock;
    *(s->previous != NULL ? &s->previous->next : &m->sessions) = s->next;
    if (s->next != NULL) {
        s->next->previous = s->previous;
    }
    slots_give(&m->session_slots, s);
    mock_link_gone(m);
}

static bool session_accept(void *self, struct link *link, const struct endpoint *local,
                           const struct endpoint *peer, struct machine *machine)
{
    struct mock_listener *l = self;
    struct mock *m = l->mock;
    unsigned taken = m->session_slots.taken;
    if (m->dying || m->draining || taken >= m->limits.sessions_max + MOCK_REFUSED_SESSIONS_MAX) {
        return false;
    }
    struct session *s = slots_take(&m->session_slots);
    if (s == NULL) {
        return false;
    }
    *s = (struct session){.mock = m,
                          .next = m->sessions,
                          .link = link,
                          .number = ++m->connections,
                          .peer = *peer,
                          .local = *local,
                          .listener = l->name,
                          .refused = taken >= m->limits.sessions_max};
    *machine = (struct machine){&session_ops, s};
    if (!encrypt_session(s, machine)) {
        slots_give(&m->session_slots, s);
        return false;
    }
    proxied_session(s, machine);
    if (s->next != NULL) {
        s->next->previous = s;
    }
    m->sessions = s;
    m->links++;
    smtp_server_init(&s->smtp, m->observer.see != NULL ? &policy_told : &policy_quiet, s,
                     world_now(m->world), m->config->idle_ns);
    s->smtp.old_verbs = m->config->old_verbs;
    s->smtp.lax_ends = (uint16_t)m->config->lax_ends;
    m->server_ops = smtp_server_machine(&s->smtp).ops;
    mock_tell(m, &(struct mock_event){.kind = MOCK_CONNECT,
                                      .connection = s->number,
                                      .peer = &s->peer,
                                      .local = &s->local,
                                      .text = SPAN("")});
    return true;
}

/* The server. */

static void limits_fill(struct mock_limits *limits, const struct mock_limits *given)
{
    *limits = given != NULL ? *given : (struct mock_limits){0};
    limits->sessions_max = limits->sessions_max == 0 ? 16384 : limits->sessions_max;
    limits->queue_max = limits->queue_max == 0 ? 1024 : limits->queue_max;
    limits->routes_max = limits->routes_max == 0 ? 64 : limits->routes_max;
    limits->content_max = limits->content_max == 0 ? 268435456 : limits->content_max;
}

static void release(struct mock *m);

struct mock *mock_new(struct world *w, const struct server_config *config,
                      const struct mock_route *routes, size_t route_count,
                      const struct mock_limits *limits, struct mock_observer observer)
{
    struct mock *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->world = w;
    m->config = config;
    m->observer = observer;
    m->queue_id_high = (uint32_t)(world_epoch(w) & 0xffffff);
    limits_fill(&m->limits, limits);
    slots_init(&m->session_slots, sizeof(struct session), 32);
    slots_init(&m->message_slots, sizeof(struct message), 8);
    relay_init(m);
    callout_init(m);
    m->routes = calloc(m->limits.routes_max, sizeof *m->routes);
    bool whole = m->routes != NULL && match_init(m) && encrypt_init(m);
    for (size_t i = 0; whole && i < route_count; i++) {
        whole = mock_route_add(m, routes[i].domain, &routes[i].to);
    }
    if (!whole) {
        release(m);
        return NULL;
    }
    return m;
}

static size_t listener_name(const struct server_config *config, const char *name)
{
    for (size_t i = 0; i < config->listen.count && name != NULL; i++) {
        if (strcmp(config->listen.item[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

bool mock_listen(struct mock *m, const char *name, const struct endpoint *at,
                 struct endpoint *bound, struct strbuf *error)
{
    size_t max = sizeof m->listener / sizeof *m->listener;
    if (m->listener_count == max) {
        strbuf_addf(error, "no more than %zu listeners", max);
        return false;
    }
    struct mock_listener *l = &m->listener[m->listener_count];
    l->mock = m;
    l->name = (uint8_t)listener_name(m->config, name);
    l->listener = world_listen(m->world, at, (struct acceptor){session_accept, l}, bound, error);
    m->listener_count += l->listener != NULL ? 1 : 0;
    return l->listener != NULL;
}

static void unlisten(struct mock *m)
{
    for (size_t i = 0; i < m->listener_count; i++) {
        world_unlisten(m->world, m->listener[i].listener);
    }
    m->listener_count = 0;
}

static void clear_message(void *slot)
{
    struct message *message = slot;
    grow_clear(&message->text);
    grow_clear(&message->content);
}

static void release(struct mock *m)
{
    for (size_t i = 0; i < m->route_count; i++) {
        free((void *)(uintptr_t)m->routes[i].domain);
    }
    free(m->routes);
    match_clear(m);
    slots_each(&m->message_slots, clear_message);
    slots_clear(&m->message_slots);
    slots_clear(&m->session_slots);
    slots_clear(&m->callout_slots);
    relay_clear(m);
    tls_free(m->tls);
    free(m);
}

void mock_link_gone(struct mock *m)
{
    m->links--;
    if (m->dying && m->links == 0) {
        release(m);
    } else if (!m->dying) {
        mock_rest(m);
    }
}

void mock_rest(struct mock *m)
{
    if (m->draining && !m->dying && m->queue_length == 0 && m->session_slots.taken == 0) {
        world_stop(m->world);
    }
}

void mock_drain(struct mock *m)
{
    m->draining = true;
    unlisten(m);
    mock_rest(m);
}

void mock_free(struct mock *m)
{
    if (m == NULL) {
        return;
    }
    unlisten(m);
    m->dying = true;
    queue_clear(m);
    relay_cancel_all(m);
    callout_cancel_all(m);
    for (struct session *s = m->sessions; s != NULL; s = s->next) {
        world_wake(m->world, s->link);
    }
    if (m->links == 0) {
        release(m);
    }
}

uint64_t mock_messages(const struct mock *m)
{
    return m->messages;
}

unsigned mock_queue_length(const struct mock *m)
{
    return m->queue_length;
}

const struct server_config *mock_config(const struct mock *m)
{
    return m->config;
}
