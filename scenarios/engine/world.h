/*
 * world.h - the namespace that engines of one run live in: who exists, who is called what
 *
 * Ownership: the world points into itself and is not copied; engines and names are the caller's.
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_WORLD_H
#define RELAYLAB_SCENARIOS_ENGINE_WORLD_H

#include "drive/host/namespace.h"
#include "scenarios/engine/engine.h"

enum {
    ENGINE_WORLD_PLACES = 16,
    ENGINE_WORLD_FILES = 6,
    ENGINE_WORLD_SERVERS = 8,
    ENGINE_WORLD_TEXT_MAX = 4096
};

struct engine_world {
    struct namespace_config config;
    struct namespace_file files[ENGINE_WORLD_FILES];
    struct network addresses[ENGINE_WORLD_SERVERS], routed[4];
    const char *places[ENGINE_WORLD_PLACES];
    struct strbuf passwd, group, hosts;
    char passwd_text[ENGINE_WORLD_TEXT_MAX], group_text[ENGINE_WORLD_TEXT_MAX];
    char hosts_text[ENGINE_WORLD_TEXT_MAX];
    char hostname[256];
    bool has_dns; /* a DNS server will listen at port 53 of loopback */
};

void engine_world_init(struct engine_world *w);
void engine_world_engine(struct engine_world *w, const struct engine *e);
/* The nth server of the run, with an address and a name of its own. */
void engine_world_server(struct engine_world *w, unsigned index, const char *hostname);
/* What /etc/hosts says inside; the first name is the machine's. */
void engine_world_host(struct engine_world *w, const char *address, const char *name);
/* One more network whose addresses can be asked from. False: no network, or no room. */
bool engine_world_network(struct engine_world *w, const char *cidr);
/* When all is said. */
const struct namespace_config *engine_world_config(struct engine_world *w);
/* The address of the nth server. */
void engine_world_address(unsigned index, struct endpoint *at);

#endif
