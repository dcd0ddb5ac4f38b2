/*
 * stage_engine.c - an engine in the place of a mock
 *
 * Its relayed mail goes to one place, as to a smarthost: the first that `routes` names, else the
 * first mailbox. Real servers route by rules of their own; one way out is what all of them know.
 */
#include "scenarios/world/stage_engine.h"

#include <string.h>

#include "drive/tls/tls.h"
#include "scenarios/engine/world.h"

enum { SMTP_PORT = 25 };

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
        .check = cs->directory != NULL,
        .has_dns = server->stage->c->name_count > 0,
        .drop = cs->drop,
        .instead = cs->instead,
        .at = server->at[0],
        .sink = way_out(server->stage, cs)};
    server->instance = instance_start(config, error);
    return server->instance != NULL;
}
