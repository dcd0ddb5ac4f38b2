/*
 * stage.c - builds first, routes last
 *
 * Ports are known only when everything listens, so routes are added at the end. A server whose
 * connections are refused gets a port that was free a moment ago: it listens and stops at once,
 * which is the same in both worlds.
 *
 * A sink says by itself what a mailbox must know. A front is a mock and says only what mocks say,
 * so callouts and refusals are read from its commands and replies here.
 */
#include "scenarios/world/stage.h"

#include "scenarios/world/stage_engine.h"

#include <string.h>

static const struct endpoint loopback = {.family = 4, .bytes = {127, 0, 0, 1}};

static void see_server(void *self, struct mock *m, const struct mock_event *e)
{
    struct stage_server *s = self;

    (void)m;
    record_event(s->stage->record, s->index, e);
}

static void mailbox_mail(struct stage_mailbox *m, const struct mail_view *mail, bool truncated)
{
    struct stage *s = m->stage;
    unsigned copies = m->store != NULL ? store_copies(m->store) : 1;

    while (copies-- > 0)
        record_mail(s->record, m->index, world_now(s->world), mail, truncated);
    if (m->store != NULL && !store_put(m->store, mail))
        s->record->dropped++;
    if (!(m->store != NULL && s->watched) && s->hooks.mail != NULL)
        s->hooks.mail(s->hooks.self, m->index, mail);
}

/* What the watch over a mailbox that stores mail tells. */

static bool store_mail(void *self, struct span name, const struct mail_view *mail, bool truncated)
{
    struct stage_mailbox *m = self;
    struct stage *s = m->stage;

    (void)name;
    (void)truncated;
    return s->hooks.read != NULL && s->hooks.read(s->hooks.self, m->index, mail);
}

static void store_trouble(void *self, struct span name, struct span why, bool lasting)
{
    struct stage_mailbox *m = self;

    (void)name;
    if (m->stage->hooks.trouble != NULL)
        m->stage->hooks.trouble(m->stage->hooks.self, m->index, why, lasting);
}

static void store_well(void *self, struct span name)
{
    struct stage_mailbox *m = self;

    (void)name;
    if (m->stage->hooks.well != NULL)
        m->stage->hooks.well(m->stage->hooks.self, m->index);
}

static void store_ready(void *self, struct span name)
{
    struct stage_mailbox *m = self;

    (void)name;
    if (m->stage->hooks.ready != NULL)
        m->stage->hooks.ready(m->stage->hooks.self, m->index);
}

static void sink_mail(void *self, const struct mail_view *mail, bool truncated)
{
    mailbox_mail(self, mail, truncated);
}

static void sink_callout(void *self, struct span sender, struct span recipient)
{
    struct stage_mailbox *m = self;

    if (m->stage->hooks.callout != NULL)
        m->stage->hooks.callout(m->stage->hooks.self, sender, recipient);
}

static void sink_refused(void *self, struct span recipient, struct span reply)
{
    struct stage_mailbox *m = self;

    if (m->stage->hooks.refused != NULL)
        m->stage->hooks.refused(m->stage->hooks.self, recipient, reply);
}

static struct stage_talk *talk_of(struct stage_mailbox *m, uint64_t connection)
{
    struct stage_talk *t = &m->talks[connection % STAGE_TALKS_MAX];

    if (t->connection != connection)
        *t = (struct stage_talk){.connection = connection};
    return t;
}

static void hear_command(struct stage_talk *t, struct span line)
{
    size_t colon = span_chr(line, ':');

    t->after_data = span_istarts(line, SPAN("DATA"));
    if (span_istarts(line, SPAN("MAIL"))) {
        struct address a = address_parse(span_from(line, colon == SIZE_MAX ? line.len : colon + 1));

        *t = (struct stage_talk){.connection = t->connection};
        bytes_copy(t->sender, sizeof t->sender, a.path);
    } else if (span_istarts(line, SPAN("RCPT"))) {
        struct address a = address_parse(span_from(line, colon == SIZE_MAX ? line.len : colon + 1));

        bytes_copy(t->recipient, sizeof t->recipient, a.path);
        t->asked_recipient = true;
    }
}

static void hear_reply(struct stage_mailbox *m, struct stage_talk *t, const struct mock_event *e)
{
    struct stage *s = m->stage;

    if (!t->asked_recipient || t->settled || e->code < 400)
        return;
    t->settled = true;
    if (s->hooks.refused != NULL)
        s->hooks.refused(s->hooks.self, span_of(t->recipient), e->text);
}

static void see_front(void *self, struct mock *mock, const struct mock_event *e)
{
    struct stage_mailbox *m = self;
    struct stage_talk *t = talk_of(m, e->connection);

    (void)mock;
    record_event(m->stage->record, RECORD_FRONT + m->index, e);
    if (e->kind == MOCK_COMMAND)
        hear_command(t, e->text);
    else if (e->kind == MOCK_REPLY)
        hear_reply(m, t, e);
    else if (e->kind == MOCK_ACCEPTED)
        t->settled = true;
    else if (e->kind == MOCK_KEPT && e->mail != NULL)
        mailbox_mail(m, e->mail, false);
    else if (e->kind == MOCK_CLOSED && t->asked_recipient && !t->settled &&
             m->stage->hooks.callout != NULL)
        m->stage->hooks.callout(m->stage->hooks.self, span_of(t->sender), span_of(t->recipient));
}

/* A port that nothing listens at. */
static bool take_dead_port(struct world *w, const struct endpoint *at, struct endpoint *bound,
                           struct strbuf *error)
{
    struct listener *l = world_listen(w, at, (struct acceptor){.accept = NULL}, bound, error);

    if (l == NULL)
        return false;
    world_unlisten(w, l);
    return true;
}

static bool no_memory(struct strbuf *error)
{
    strbuf_adds(error, "out of memory");
    return false;
}

/* With `dns`, addresses of their own and the first one's port: MX records name no ports. */
static struct endpoint place_of(const struct stage *s, unsigned index)
{
    const struct case_server *cs = &s->c->servers[index];
    struct endpoint at = loopback;

    if (cs->address != NULL) {
        (void)endpoint_parse_address(span_of(cs->address), &at);
    } else if (s->c->name_count > 0) {
        at.bytes[2] = 1;
        at.bytes[3] = (uint8_t)(index + 1);
    }
    if (s->c->name_count > 0 && index > 0)
        at.port = s->servers[0].at[0].port;
    return at;
}

static bool open_server(struct stage *s, unsigned index, struct sim *sim, struct strbuf *error)
{
    const struct case_server *cs = &s->c->servers[index];
    struct stage_server *server = &s->servers[index];
    bool refuses = cs->network.connect == SIM_CONNECT_REFUSE;
    const struct mock_limits limits = {.sessions_max = 256, .queue_max = 256, .routes_max = 64};

    *server = (struct stage_server){.stage = s, .index = index};
    if (cs->engine != NULL) {
        stage_engine_place(server);
        return true;
    }
    server->at_count = cs->config.listen.count > 0 ? cs->config.listen.count : 1;
    if (!refuses) {
        server->mock =
            mock_new(s->world, &cs->config, NULL, 0, &limits,
                     (struct mock_observer){.see = see_server, .self = server, .no_content = true});
        if (server->mock == NULL)
            return no_memory(error);
    }
    struct endpoint place = place_of(s, index);

    for (size_t i = 0; i < server->at_count; i++) {
        const char *name = cs->config.listen.count > 0 ? cs->config.listen.item[i] : NULL;

        if (refuses ? !take_dead_port(s->world, &place, &server->at[i], error)
                    : !mock_listen(server->mock, name, &place, &server->at[i], error))
            return false;
        place.port = 0;
        if (sim != NULL && !refuses)
            sim_at(sim, &server->at[i], &cs->network);
    }
    return true;
}

static bool open_front(struct stage *s, struct stage_mailbox *box, struct strbuf *error)
{
    const struct case_mailbox *m = &s->c->mailboxes[box->index];
    const struct mock_limits limits = {.sessions_max = 64, .queue_max = 64, .routes_max = 16};

    box->front = mock_new(s->world, &m->front_config, NULL, 0, &limits,
                          (struct mock_observer){.see = see_front, .self = box});
    if (box->front == NULL)
        return no_memory(error);
    for (size_t i = 0; i < m->domains.count; i++)
        if (!mock_route_add(box->front, m->domains.item[i], &box->sink_at))
            return no_memory(error);
    return mock_listen(box->front, NULL, &loopback, &box->at, error);
}

static bool open_store(struct stage *s, struct stage_mailbox *box)
{
    int64_t wait_ns = s->c->probe.wait_ns != 0 ? s->c->probe.wait_ns : 2 * CLOCK_MINUTE;

    box->store = store_new(s->world, &s->c->mailboxes[box->index], wait_ns,
                           (struct watch_owner){.mail = store_mail,
                                                .trouble = store_trouble,
                                                .well = store_well,
                                                .ready = store_ready,
                                                .self = box});
    return box->store != NULL;
}

static bool open_sink(struct stage *s, struct stage_mailbox *box, struct strbuf *error)
{
    const struct case_mailbox *m = &s->c->mailboxes[box->index];

    if (s->hooks.no_sink && box->index == 0) {
        s->reserved = world_listen(s->world, &loopback, (struct acceptor){.accept = NULL},
                                   &box->sink_at, error);
        return s->reserved != NULL;
    }
    box->sink = sink_new(s->world, (struct sink_owner){.mail = sink_mail,
                                                       .callout = sink_callout,
                                                       .refused = sink_refused,
                                                       .self = box});
    if (box->sink == NULL)
        return no_memory(error);
    for (size_t i = 0; i < m->domains.count; i++)
        if (!sink_domain_add(box->sink, span_of(m->domains.item[i]))) {
            strbuf_addf(error, "mailbox %s has too many domains", m->name);
            return false;
        }
    return sink_listen(box->sink, &loopback, &box->sink_at, error);
}

static bool open_mailbox(struct stage *s, unsigned index, struct strbuf *error)
{
    struct stage_mailbox *box = &s->mailboxes[index];

    *box = (struct stage_mailbox){.stage = s, .index = index};
    if (!open_sink(s, box, error))
        return false;
    box->at = box->sink_at;
    if (s->c->mailboxes[index].kind == CASE_MEMORY && !open_store(s, box))
        return no_memory(error);
    return !s->c->mailboxes[index].has_front || open_front(s, box, error);
}

static bool wants_route(const struct case_server *from, const char *to)
{
    if (from->no_routes)
        return false;
    for (size_t i = 0; i < from->route_names.count; i++)
        if (strcmp(from->route_names.item[i], to) == 0)
            return true;
    return from->route_names.count == 0;
}

static bool route_server(struct stage *s, unsigned index)
{
    const struct case_file *c = s->c;
    struct mock *m = s->servers[index].mock;
    bool ok = true;

    if (m == NULL)
        return true;
    for (size_t i = 0; i < c->mailbox_count; i++)
        for (size_t k = 0; k < c->mailboxes[i].domains.count; k++)
            if (wants_route(&c->servers[index], c->mailboxes[i].name))
                ok &= mock_route_add(m, c->mailboxes[i].domains.item[k], &s->mailboxes[i].at);
    for (size_t i = 0; i < c->server_count; i++)
        for (size_t k = 0; k < c->servers[i].config.local_domains.count; k++)
            if (i != index && wants_route(&c->servers[index], c->servers[i].name))
                ok &= mock_route_add(m, c->servers[i].config.local_domains.item[k],
                                     &s->servers[i].at[0]);
    /* A server that is named gets what nobody else is known for: it is the smarthost. */
    for (size_t i = 0; i < c->server_count; i++)
        if (i != index && c->servers[index].route_names.count > 0 &&
            wants_route(&c->servers[index], c->servers[i].name))
            ok &= mock_route_add(m, "*", &s->servers[i].at[0]);
    return ok;
}

static bool open_names(struct stage *s, struct strbuf *error)
{
    struct endpoint at[CASE_SERVERS_MAX];

    for (size_t i = 0; i < CASE_SERVERS_MAX; i++)
        at[i] = s->servers[i].at[0];
    s->names = names_open(s->world, s->c, at, error);
    return s->names != NULL;
}

static bool build(struct stage *s, struct sim *sim, struct strbuf *error)
{
    for (unsigned i = 0; i < s->c->mailbox_count; i++)
        if (!open_mailbox(s, i, error))
            return false;
    for (unsigned i = 0; i < s->c->server_count; i++)
        if (!open_server(s, i, sim, error))
            return false;
    for (unsigned i = 0; i < s->c->server_count; i++)
        if (!route_server(s, i)) {
            strbuf_adds(error, "too many routes");
            return false;
        }
    if (s->c->name_count > 0 && !open_names(s, error))
        return false;
    for (unsigned i = 0; i < s->c->server_count; i++)
        if (s->c->servers[i].engine != NULL && !stage_engine_start(&s->servers[i], error))
            return false;
    return true;
}

bool stage_open(struct stage *s, struct world *world, struct sim *sim, const struct case_file *c,
                struct record *record, const struct stage_hooks *hooks, struct strbuf *error)
{
    *s = (struct stage){.world = world, .c = c, .record = record, .hooks = *hooks};
    bool built = build(s, sim, error);
    if (s->reserved != NULL)
        world_unlisten(s->world, s->reserved);
    s->reserved = NULL;
    if (built)
        return true;
    stage_close(s);
    return false;
}

void stage_deliver(struct stage *s, unsigned mailbox, const struct mail_view *mail)
{
    mailbox_mail(&s->mailboxes[mailbox], mail, false);
}

unsigned stage_watch(struct stage *s)
{
    unsigned count = 0;

    s->watched = true;
    for (size_t i = 0; i < s->c->mailbox_count; i++) {
        if (s->mailboxes[i].store == NULL)
            continue;
        store_watch(s->mailboxes[i].store);
        count++;
    }
    return count;
}

void stage_hurry(struct stage *s)
{
    for (size_t i = 0; i < s->c->mailbox_count; i++)
        if (s->mailboxes[i].store != NULL)
            store_hurry(s->mailboxes[i].store);
}

bool stage_is_current(const struct stage *s)
{
    for (size_t i = 0; i < s->c->mailbox_count; i++)
        if (s->mailboxes[i].store != NULL && !store_is_current(s->mailboxes[i].store))
            return false;
    return true;
}

void stage_close(struct stage *s)
{
    names_close(s->names);
    s->names = NULL;
    for (size_t i = 0; i < CASE_SERVERS_MAX; i++) {
        if (s->servers[i].mock != NULL)
            mock_free(s->servers[i].mock);
        s->servers[i].mock = NULL;
        instance_stop(s->servers[i].instance);
        s->servers[i].instance = NULL;
    }
    for (size_t i = 0; i < CASE_MAILBOXES_MAX; i++) {
        if (s->mailboxes[i].front != NULL)
            mock_free(s->mailboxes[i].front);
        if (s->mailboxes[i].sink != NULL)
            sink_free(s->mailboxes[i].sink);
        store_free(s->mailboxes[i].store);
        s->mailboxes[i].store = NULL;
        s->mailboxes[i].front = NULL;
        s->mailboxes[i].sink = NULL;
    }
}

void stage_log(const struct stage *s, size_t max, struct strbuf *out)
{
    const struct stage_server *server = &s->servers[stage_target_index(s)];

    if (server->instance != NULL)
        instance_log(server->instance, max, out);
}

unsigned stage_target_index(const struct stage *s)
{
    return (unsigned)(s->c->target - s->c->servers);
}

const struct endpoint *stage_target(const struct stage *s)
{
    const struct stage_server *server = &s->servers[stage_target_index(s)];
    const char *wanted = s->c->probe.listener;

    for (size_t i = 0; wanted != NULL && i < s->c->target->config.listen.count; i++)
        if (strcmp(s->c->target->config.listen.item[i], wanted) == 0)
            return &server->at[i];
    return &server->at[0];
}
