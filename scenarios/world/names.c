/*
 * names.c - the zone is made once all servers listen, since names may say "wherever mx is"
 */
#include "scenarios/world/names.h"

#include <stdlib.h>
#include <string.h>

#include "drive/dns/dns_ares.h"
#include "drive/dns/dns_server.h"
#include "drive/dns/dns_zones.h"

enum { DNS_PORT = 53 };

struct names {
    struct zone zone;
    struct zone_name *list;
    struct endpoint *addresses;
    struct dns_zones *zones; /* in the simulator */
    struct dns_server *server;
    struct dns_ares *ares;
    struct endpoint server_at;
};

static struct endpoint address_of(const struct case_file *c, const struct case_address *a,
                                  const struct endpoint *at)
{
    struct endpoint e = a->at;

    for (size_t i = 0; a->server != NULL && i < c->server_count; i++)
        if (strcmp(c->servers[i].name, a->server) == 0)
            e = at[i];
    e.port = 0;
    return e;
}

static bool make_zone(struct names *n, const struct case_file *c, const struct endpoint *at)
{
    size_t count = 0;

    for (size_t i = 0; i < c->name_count; i++)
        count += c->names[i].address_count;
    n->list = calloc(c->name_count + 1, sizeof *n->list);
    n->addresses = calloc(count + 1, sizeof *n->addresses);
    if (n->list == NULL || n->addresses == NULL)
        return false;
    struct endpoint *next = n->addresses;
    for (size_t i = 0; i < c->name_count; i++) {
        const struct case_name *from = &c->names[i];

        n->list[i] = (struct zone_name){
            .name = from->name,
            .mx = from->mx,
            .mx_count = from->mx_count,
            .more_mx = from->more_mx,
            .addresses = next,
            .address_count = from->address_count,
            .cname = from->cname,
            .fault = from->fault,
            .delay_ns = from->delay_ns};
        for (size_t k = 0; k < from->address_count; k++)
            *next++ = address_of(c, &from->addresses[k], at);
    }
    n->zone = (struct zone){.names = n->list, .count = c->name_count};
    return true;
}

/* A real server asks whom its resolv.conf names, and that says no port. */
static bool serve(struct names *n, struct loop *loop, const struct case_file *c,
                  struct strbuf *error)
{
    struct endpoint at = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct dns_ares_config config = {.patience_ns = c->probe.resolver_timeout_ns};

    at.port = case_has_engine(c) ? DNS_PORT : 0;
    n->server = dns_server_new(loop, &n->zone, &at, &n->server_at, error);
    if (n->server == NULL)
        return false;
    config.server = n->server_at;
    n->ares = dns_ares_new(loop, &config, error);
    return n->ares != NULL;
}

struct names *names_open(struct world *w, const struct case_file *c,
                         const struct endpoint at[CASE_SERVERS_MAX], struct strbuf *error)
{
    struct names *n = calloc(1, sizeof *n);
    struct loop *loop = loop_of_world(w);
    bool fine = n != NULL && make_zone(n, c, at);

    if (fine && loop != NULL) {
        fine = serve(n, loop, c, error);
    } else if (fine) {
        n->zones = dns_zones_new(
            w, &(struct dns_zones_config){.zone = &n->zone,
                                          .patience_ns = c->probe.resolver_timeout_ns});
        fine = n->zones != NULL;
    }
    if (fine)
        return n;
    if (error->len == 0)
        strbuf_adds(error, "out of memory");
    names_close(n);
    return NULL;
}

void names_close(struct names *n)
{
    if (n == NULL)
        return;
    dns_ares_free(n->ares);
    dns_server_free(n->server);
    dns_zones_free(n->zones);
    free(n->addresses);
    free(n->list);
    free(n);
}

struct resolver names_resolver(struct names *n)
{
    return n->zones != NULL ? dns_zones_resolver(n->zones) : dns_ares_resolver(n->ares);
}

struct endpoint names_server(const struct names *n)
{
    return n->server_at;
}
