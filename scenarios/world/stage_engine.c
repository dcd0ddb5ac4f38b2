/*
 * stage_engine.c - an engine in the place of a mock
 *
 * Its relayed mail goes to one place, as to a smarthost: the first that `routes` names, else the
 * first mailbox. Real servers route by rules of their own; one way out is what all of them know.
 */
#include "scenarios/world/stage_engine.h"

#include <string.h>

#include "drive/loop/loop.h"
#include "drive/tls/tls.h"
#include "scenarios/engine/world.h"

enum { SMTP_PORT = 25, PAUSE_MS = 5 };

void stage_engine_place(struct stage_server *server)
{
    const struct case_server *cs = &server->stage->c->servers[server->index];

    engine_world_address(server->index, &server->at[0]);
    server->at[0].port = cs->port != 0 ? (uint16_t)cs->port : SMTP_PORT;
    server->at_count = 1;
}

static struct endpoint way_out(const struct stage *s, const struct case_server *cs)
{
    const struct case_file *c = s->c;
    const char *to = cs->route_names.count > 0 ? cs->route_names.item[0] : c->mailboxes[0].name;

    for (size_t i = 0; i < c->mailbox_count; i++)
        if (strcmp(c->mailboxes[i].name, to) == 0)
            return s->mailboxes[i].at;
    for (size_t i = 0; i < c->server_count; i++)
        if (strcmp(c->servers[i].name, to) == 0)
            return s->servers[i].at[0];
    return s->mailboxes[0].at;
}

/* What clients will show, for a server that is to trust it. */
static bool write_certificate(struct stage_server *server)
{
    const struct tls *tls = server->stage->hooks.tls;
    struct strbuf out;

    strbuf_init(&out, server->certificate, sizeof server->certificate);
    return tls != NULL && tls_client_certificate(tls, &out) && !out.truncated;
}

static void stop(void *self)
{
    world_stop(self);
}

/* A server that starts may look up who connects, and the DNS server is in our loop. */
static void serve_a_while(void *self)
{
    struct world *w = self;
    struct loop *loop = loop_of_world(w);
    struct world_timer timer;

    world_timer_init(&timer, stop, w);
    world_timer_set(w, &timer, clock_after(world_now(w), PAUSE_MS * CLOCK_MS));
    loop_run(loop);
    world_timer_stop(w, &timer);
}

bool stage_engine_start(struct stage_server *server, struct strbuf *error)
{
    const struct case_server *cs = &server->stage->c->servers[server->index];
    struct instance_config *config = &server->engine;
    size_t count = 0;

    if (cs->engine_config != NULL)
        server->given[count++] = (struct engine_given){cs->engine->main, cs->engine_config};
    for (size_t i = 0; i < cs->file_count && count < STAGE_GIVEN_MAX; i++)
        server->given[count++] = cs->files[i];
    if (cs->directory == NULL && count < STAGE_GIVEN_MAX && write_certificate(server))
        server->given[count++] = (struct engine_given){"client.pem", server->certificate};
    *config = (struct instance_config){
        .engine = cs->engine,
        .name = cs->name,
        .hostname = cs->config.hostname,
        .domains = cs->config.local_domains,
        .given = server->given,
        .given_count = count,
        .directory = cs->directory,
        .main = cs->directory_main,
        .check = cs->directory != NULL,
        .tls = cs->config.tls == MOCK_TLS_STARTTLS,
        .wrapped = cs->directory != NULL && server->stage->c->probe.tls == CASE_TLS_IMPLICIT,
        .has_dns = server->stage->c->name_count > 0,
        .drop = cs->drop,
        .instead = cs->instead,
        .at = server->at[0],
        .sink = way_out(server->stage, cs),
        .pause = serve_a_while,
        .self = server->stage->world};
    server->instance = instance_start(config, error);
    return server->instance != NULL;
}
