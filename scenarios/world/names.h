/*
 * names.h - the DNS of a case: its names as a zone, and a resolver that is asked for them
 *
 * In the simulator the zone is asked directly; on sockets a mock DNS server at a loopback port
 * serves it, and c-ares asks that one. Where a server is a real one, that port is 53 of the
 * namespace, so that the server asks it too.
 *
 * Ownership: names_open allocates, names_close gives back and forgets open questions. The case and
 * the world outlive it.
 * Errors: names_open returns NULL with a sentence in error.
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_NAMES_H
#define RELAYLAB_SCENARIOS_WORLD_NAMES_H

#include "drive/world.h"
#include "scenarios/case/case.h"

struct names;

/* at: where each server of the case listens. */
struct names *names_open(struct world *w, const struct case_file *c,
                         const struct endpoint at[CASE_SERVERS_MAX], struct strbuf *error);
void names_close(struct names *n); /* NULL is allowed */
struct resolver names_resolver(struct names *n);
/* The mock DNS server's; family 0 in the simulator, which has none. */
struct endpoint names_server(const struct names *n);

#endif
