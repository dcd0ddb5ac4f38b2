/*
 * options_dns.c - the options about how names are looked up
 *
 * A public resolver needs no --allow-public: it is asked for names and never for relaying.
 */
#include "probe/program/options_private.h"

enum { RESOLVER_TIMEOUT_LEAST_MS = 100 };

bool option_resolver(struct reader *r)
{
    return option_endpoint(r, &r->o->resolver);
}

bool option_resolver_timeout(struct reader *r)
{
    if (!clock_parse(r->value, &r->o->resolver_timeout_ns))
        return option_wrong(r, "not a duration; write a whole number and a unit: 15s, 500ms");
    if (r->o->resolver_timeout_ns < RESOLVER_TIMEOUT_LEAST_MS * CLOCK_MS)
        return option_wrong(r, "too short; at least 100ms");
    return true;
}

bool option_all_mx(struct reader *r)
{
    r->o->all_mx = true;
    return true;
}
