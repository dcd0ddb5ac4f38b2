/*
 * control_way.h - a canary's own way in, from what DNS says of its domain
 *
 * A stored mailbox does not say where its mail comes in; the MX of the canary's domain does.
 *
 * Ownership: nothing is kept. `why` is a clause that says what to do.
 */
#ifndef RELAYLAB_PROBE_HOME_CONTROL_WAY_H
#define RELAYLAB_PROBE_HOME_CONTROL_WAY_H

#include "lib/dns/mx.h"

enum { CONTROL_WAY_WHY_MAX = 480 }; /* room for the clause */

/* The first address that may be spoken to: all when public ones are allowed, else those of
   loopback, link-local and private ranges. False: there is none. */
bool control_way_choose(const struct mx_result *r, struct span domain, bool allow_public,
                        struct endpoint *route, struct strbuf *why);

#endif
