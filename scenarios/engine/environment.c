/*
 * environment.c - NAME=value, one after the other in one text
 */
#include "scenarios/engine/environment.h"

#include <assert.h>

struct maker {
    struct environment *e;
    struct strbuf text;
    size_t count;
};

static void begin(struct maker *m, const char *name)
{
    assert(m->count + 1 < ENVIRONMENT_VARIABLES);
    m->e->list[m->count++] = m->text.ptr + m->text.len;
    strbuf_adds(&m->text, name);
    strbuf_addc(&m->text, '=');
}

static void end(struct maker *m)
{
    strbuf_addc(&m->text, '\0');
}

static void add(struct maker *m, const char *name, const char *value)
{
    begin(m, name);
    strbuf_adds(&m->text, value);
    end(m);
}

static void add_endpoint(struct maker *m, const char *address, const char *port,
                         const struct endpoint *e)
{
    begin(m, address);
    endpoint_print_address(&m->text, e);
    end(m);
    begin(m, port);
    strbuf_addu(&m->text, e->port);
    end(m);
}

bool environment_make(struct environment *e, const struct instance_config *c, const char *here,
                      struct strbuf *error)
{
    struct maker m = {.e = e};
    char packages[ENGINE_PATH_MAX];

    if (!engine_packages(packages, sizeof packages)) {
        strbuf_adds(error, "no unpacked packages");
        return false;
    }
    *e = (struct environment){.list = {NULL}};
    strbuf_init(&m.text, e->text, sizeof e->text);
    add(&m, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    add(&m, "LC_ALL", "C");
    add(&m, "TMPDIR", here);
    add(&m, "MTA", packages);
    add(&m, "HERE", here);
    add(&m, "MAIN", c->engine->main);
    add(&m, "GIVEN", c->directory != NULL ? c->directory : "");
    add(&m, "FOUND", c->main != NULL ? c->main : c->engine->main);
    add(&m, "CHECK", c->check ? "1" : "");
    add(&m, "TLS", c->tls ? "1" : "");
    add(&m, "DNS", c->has_dns ? "1" : "");
    add(&m, "DROP", c->drop != NULL ? c->drop : "");
    add(&m, "COMMENT", c->engine->comment != NULL ? c->engine->comment : "#");
    add(&m, "INSTEAD", c->instead != NULL ? c->instead : "");
    add(&m, "HOSTNAME", c->hostname);
    begin(&m, "DOMAINS");
    for (size_t i = 0; i < c->domains.count; i++) {
        strbuf_adds(&m.text, i > 0 ? " " : "");
        strbuf_adds(&m.text, c->domains.item[i]);
    }
    end(&m);
    add_endpoint(&m, "ADDRESS", "PORT", &c->at);
    add_endpoint(&m, "SINK_ADDRESS", "SINK_PORT", &c->sink);
    if (m.text.truncated)
        strbuf_adds(error, "the engine's environment is too large");
    return !m.text.truncated;
}
