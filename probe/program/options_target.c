/*
 * options_target.c - the rules that need a target's addresses
 *
 * Kept apart from the reading of options, since these can only be asked after names were looked up.
 */
#include <string.h>

#include "probe/program/question.h"

static bool is_sink(const struct options *o, const struct endpoint *e)
{
    for (size_t i = 0; i < o->mailbox_count; i++)
        if (o->mailbox[i].kind == MAILBOX_SINK && endpoint_equal(e, &o->mailbox[i].at))
            return true;
    return false;
}

static bool is_control_route(const struct options *o, const struct endpoint *e)
{
    for (size_t i = 0; i < o->control_route_count; i++)
        if (endpoint_equal(e, &o->control_route[i]))
            return true;
    return false;
}

static bool is_canary_mx(const struct options *o, const struct endpoint *e)
{
    for (size_t i = 0; i < o->canary_mx_count; i++)
        if (endpoint_equal(e, &o->canary_mx[i]))
            return true;
    return false;
}

static bool is_canary_domain(const struct options *o, struct span name)
{
    for (size_t i = 0; i < o->further_count; i++)
        if (span_iequal(name, o->further[i].domain))
            return true;
    return span_iequal(name, o->canary_domain);
}

static bool check_address(const struct options *o, const struct target *t, const struct endpoint *e,
                          struct strbuf *error)
{
    const char *why = NULL;

    if (is_sink(o, e))
        why = "that is the sink itself: a mail server that takes its own domain's mail is no relay";
    else if (is_control_route(o, e))
        why = "that is the canary's own server (--control-route); what it takes is not relayed";
    else if (is_canary_mx(o, e))
        why = "that is a mail server of the canary's own domain; what it takes is not relayed";
    else if (endpoint_scope(e) == SCOPE_PUBLIC && !o->allow_public)
        why = "a public address; ask only servers that you may test, and say --allow-public";
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

/* By its own name, or because its mail is found at a host of that name. */
static bool names_canary(const struct options *o, const struct target *t)
{
    for (size_t i = 0; i < t->found.host_count; i++)
        if (is_canary_domain(o, span_of(t->found.hosts[i].name)))
            return true;
    return t->is_name && is_canary_domain(o, t->name);
}

/* The address with each port that it would be asked at. */
static bool check_ports(const struct options *o, const struct target *t, struct endpoint e,
                        struct strbuf *error)
{
    bool fine = t->has_port || o->port_count == 0 ? check_address(o, t, &e, error) : true;

    for (size_t i = 0; i < o->port_count && !t->has_port && fine; i++) {
        e.port = o->port[i];
        fine = check_address(o, t, &e, error);
    }
    return fine;
}

bool options_check_target(const struct options *o, const struct target *t, struct strbuf *error)
{
    struct question q;

    if (names_canary(o, t)) {
        target_say(error, "target", t->text);
        strbuf_adds(
            error,
            "that is the canary's own domain: mail that it takes for the canary is not relayed");
        return false;
    }
    for (size_t i = 0; i < t->address_count; i++)
        if (!check_ports(o, t, t->address[i], error))
            return false;
    if (t->address_count == 0 || question_first(&q, o, t))
        return true;
    target_say(error, "target", t->text);
    strbuf_adds(error, o->family != 0 ? "it has no address of the family that --family asks for"
                                      : "no --source is of its address family");
    return false;
}

enum vantage options_vantage(const struct options *o, const struct endpoint *source,
                             const struct endpoint *target)
{
    if (o->inside)
        return VANTAGE_INSIDE;
    if (o->outside)
        return VANTAGE_OUTSIDE;
    if (source->family != 0 && endpoint_same_address(source, target))
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

/* As many mailboxes as canaries: in the order given. Else the first one, when all are sinks. */
static struct endpoint sink_of(const struct options *o, size_t canary)
{
    struct endpoint none = {.family = 0};

    if (o->mailbox_count == 1 + o->further_count)
        return o->mailbox[canary].kind == MAILBOX_SINK ? o->mailbox[canary].at : none;
    for (size_t i = 0; i < o->mailbox_count; i++)
        if (o->mailbox[i].kind != MAILBOX_SINK)
            return none;
    return o->mailbox_count > 0 ? o->mailbox[0].at : none;
}

struct endpoint options_control_route(const struct options *o, size_t canary)
{
    static const uint8_t unspecified[16] = {0};
    size_t given = o->control_route_count;
    struct endpoint e = given > 0 ? o->control_route[canary < given ? canary : given - 1]
                                  : sink_of(o, canary);

    if (e.family == 0)
        return o->found_route[canary];
    if (memcmp(e.bytes, unspecified, sizeof(unspecified)) != 0)
        return e;
    if (e.family == 4)
        e.bytes[0] = 127;
    e.bytes[e.family == 4 ? 3 : 15] = 1;
    return e;
}

void options_print_canary_help(struct strbuf *out)
{
    strbuf_adds(
        out,
        "A canary is an address of your own, of a domain that the target does not serve, whose\n"
        "mail this program can see arrive.\n"
        "  In a lab: --canary probe@canary.test --sink 127.0.0.1:2525, and let the target route\n"
        "  canary.test to 127.0.0.1:2525.\n"
        "  In the open: point the MX of a subdomain that you own to this host, and say --sink\n"
        "  0.0.0.0:25; or, where a mail server of yours takes probe+ANYTHING@ into one mailbox,\n"
        "  --mailbox imaps://USER@HOST (with --allow-public for its MX; and --token catch-all\n"
        "  where it takes every local part).\n"
        "relayprobe(1), CANARIES, has every step.\n");
}
