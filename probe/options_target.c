/*
 * options_target.c - the rules that need a target's addresses
 *
 * Kept apart from the reading of options, since these can only be asked after names were looked up.
 */
#include <string.h>

#include "probe/options.h"

static bool check_address(const struct options *o, const struct target *t, const struct endpoint *e,
                          struct strbuf *error)
{
    const char *why = NULL;

    if (o->sink.family != 0 && endpoint_equal(e, &o->sink))
        why = "that is the sink itself: a mail server that takes its own domain's mail is no relay";
    else if (o->control_route.family != 0 && endpoint_equal(e, &o->control_route))
        why = "that is the canary's own server (--control-route); what it takes is not relayed";
    else if (endpoint_scope(e) == SCOPE_PUBLIC && !o->allow_public)
        why = "a public address; ask only servers that you may test, and say --allow-public";
    else if (o->source.family != 0 && o->source.family != e->family)
        why = "--source is of the other address family";
    if (why == NULL)
        return true;
    target_say(error, "target", t->text);
    if (t->is_name) {
        endpoint_print_address(error, e);
        strbuf_adds(error, ": ");
    }
    strbuf_adds(error, why);
    return false;
}

bool options_check_target(const struct options *o, const struct target *t, struct strbuf *error)
{
    if (t->is_name && span_iequal(t->name, o->canary_domain)) {
        target_say(error, "target", t->text);
        strbuf_adds(
            error,
            "that is the canary's own domain: mail that it takes for the canary is not relayed");
        return false;
    }
    for (size_t i = 0; i < t->address_count; i++)
        if (!check_address(o, t, &t->address[i], error))
            return false;
    return true;
}

enum vantage options_vantage(const struct options *o, const struct endpoint *target)
{
    if (o->inside)
        return VANTAGE_INSIDE;
    if (o->outside)
        return VANTAGE_OUTSIDE;
    if (o->source.family != 0 && endpoint_same_address(&o->source, target))
        return VANTAGE_SAME_HOST;
    switch (endpoint_scope(target)) {
    case SCOPE_LOOPBACK:
        return VANTAGE_SAME_HOST;
    case SCOPE_LINK_LOCAL:
        return VANTAGE_SAME_NETWORK;
    case SCOPE_PRIVATE:
        return VANTAGE_PRIVATE;
    case SCOPE_PUBLIC:
        break;
    }
    return VANTAGE_PUBLIC;
}

struct endpoint options_control_route(const struct options *o)
{
    static const uint8_t unspecified[16] = {0};
    struct endpoint e = o->control_route.family != 0 ? o->control_route : o->sink;

    if (e.family == 0 || memcmp(e.bytes, unspecified, sizeof(unspecified)) != 0)
        return e;
    if (e.family == 4)
        e.bytes[0] = 127;
    e.bytes[e.family == 4 ? 3 : 15] = 1;
    return e;
}
