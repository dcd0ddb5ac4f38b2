/*
 * look_up.c - all questions at once, in a loop that is there for nothing else
 *
 * Where a resolver is asked anyway, or a stored mailbox has no --control-route, the canaries' own
 * mail servers are looked up too. One of them takes the canary's mail because that is its office,
 * and would look like a relay; and it is the way in of the control messages. When these are not
 * found, nothing is known against a target, and the report says that there was no control.
 */
#include "probe/program/look_up.h"

#include <stdlib.h>

#include "drive/dns/dns_ares.h"
#include "drive/dns/resolve.h"
#include "probe/home/control_way.h"
#include "probe/program/run.h"

enum { SMTP_PORT = 25 };

struct looked_up { /* one name */
    struct look_up *all;
    struct target *target; /* NULL: a canary's domain */
    size_t canary;
    struct mx_find find;
};

struct look_up {
    struct loop *loop;
    struct dns_ares *resolver;
    struct options *options;
    size_t open;
};

static bool is_for_resolver(const struct options *o, const struct target *t)
{
    return t->is_name && (t->by_mx || o->resolver.family != 0);
}

static struct span domain_of(const struct options *o, size_t canary)
{
    return canary == 0 ? o->canary_domain : o->further[canary - 1].domain;
}

/* A mailbox is watched that a control must get into, and nobody said where that is. */
static bool wants_way(const struct options *o, size_t canary)
{
    return o->mailbox_count > 0 && options_control_route(o, canary).family == 0;
}

static bool wants_any_way(const struct options *o)
{
    bool wanted = false;

    for (size_t i = 0; i <= o->further_count; i++)
        wanted |= wants_way(o, i);
    return wanted;
}

static void take_canary(struct options *o, size_t canary, const struct mx_result *result)
{
    struct strbuf why;

    for (size_t i = 0; i < result->address_count; i++)
        o->canary_mx[o->canary_mx_count++] = result->address[i];
    if (!wants_way(o, canary))
        return;
    strbuf_init(&why, o->route_trouble[canary], sizeof(o->route_trouble[canary]));
    (void)control_way_choose(result, domain_of(o, canary), o->allow_public, &o->found_route[canary],
                             &why);
}

static void on_found(void *self, const struct mx_result *result)
{
    struct looked_up *one = self;

    if (one->target != NULL)
        target_take(one->target, result);
    else
        take_canary(one->all->options, one->canary, result);
    if (--one->all->open == 0)
        world_stop(loop_world(one->all->loop));
}

static bool start(struct look_up *all, struct looked_up *one, enum mx_way way, struct span name,
                  uint16_t port)
{
    one->all = all;
    all->open++;
    return mx_find_start(&one->find, dns_ares_resolver(all->resolver), way, name, port,
                         (struct mx_owner){.found = on_found, .self = one});
}

static bool start_canaries(struct look_up *all, struct looked_up *list, const struct options *o)
{
    bool fine = true;

    for (size_t i = 0; fine && i <= o->further_count; i++) {
        list[i].canary = i;
        fine = start(all, &list[i], MX_BY_RECORDS, domain_of(o, i), SMTP_PORT);
    }
    return fine;
}

static bool start_targets(struct look_up *all, struct looked_up *list, struct options *o)
{
    size_t used = 0;
    bool fine = true;

    for (size_t i = 0; fine && i < o->target_count; i++) {
        struct target *t = &o->target[i];

        if (!is_for_resolver(o, t))
            continue;
        list[used].target = t;
        fine = start(all, &list[used++], t->by_mx ? MX_BY_RECORDS : MX_BY_NAME, t->name, t->port);
    }
    return fine;
}

static bool ask_all(struct look_up *all, struct looked_up *list, struct options *o,
                    struct strbuf *error)
{
    if (!start_canaries(all, list, o) || !start_targets(all, list + 1 + o->further_count, o)) {
        strbuf_adds(error, "no memory for a question to the resolver");
        return false;
    }
    while (all->open > 0)
        loop_run(all->loop);
    return true;
}

static bool by_resolver(struct look_up *all, struct options *o, size_t count, struct strbuf *error)
{
    struct dns_ares_config config = {.server = o->resolver, .patience_ns = o->resolver_timeout_ns};
    struct looked_up *list = calloc(count + 1 + o->further_count, sizeof(*list));
    bool fine = false;

    if (list == NULL)
        strbuf_adds(error, "no memory for the targets' names");
    else
        all->loop = loop_new(&(struct loop_config){.links_max = 1}, error);
    if (all->loop != NULL)
        all->resolver = dns_ares_new(all->loop, &config, error);
    if (all->resolver != NULL)
        fine = ask_all(all, list, o, error);
    dns_ares_free(all->resolver);
    if (all->loop != NULL)
        loop_free(all->loop);
    free(list);
    return fine;
}

static void by_system(struct target *t)
{
    struct strbuf trouble;

    strbuf_init(&trouble, t->trouble, sizeof(t->trouble));
    resolve_host(t->name, t->port, t->address, TARGET_ADDRESSES_MAX, &t->address_count, &trouble);
}

bool look_up_targets(struct options *o, int *status, struct strbuf *error)
{
    struct look_up all = {.options = o};
    size_t count = 0;

    *status = RUN_SYSTEM;
    for (size_t i = 0; i < o->target_count; i++)
        count += is_for_resolver(o, &o->target[i]) ? 1 : 0;
    if ((count > 0 || wants_any_way(o)) && !by_resolver(&all, o, count, error))
        return false;
    *status = RUN_USAGE;
    for (size_t i = 0; i < o->target_count; i++) {
        struct target *t = &o->target[i];

        if (t->is_name && !is_for_resolver(o, t))
            by_system(t);
        if (!options_check_target(o, t, error))
            return false;
    }
    return true;
}
