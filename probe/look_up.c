/*
 * look_up.c - all questions at once, in a loop that is there for nothing else
 */
#include "probe/look_up.h"

#include <stdlib.h>

#include "drive/dns_ares.h"
#include "drive/resolve.h"
#include "probe/run.h"

struct looked_up { /* one target */
    struct look_up *all;
    struct target *target;
    struct mx_find find;
};

struct look_up {
    struct loop *loop;
    struct dns_ares *resolver;
    size_t open;
};

static bool is_for_resolver(const struct options *o, const struct target *t)
{
    return t->is_name && (t->by_mx || o->resolver.family != 0);
}

static void on_found(void *self, const struct mx_result *result)
{
    struct looked_up *one = self;

    target_take(one->target, result);
    if (--one->all->open == 0)
        world_stop(loop_world(one->all->loop));
}

static bool start(struct look_up *all, struct looked_up *one, struct target *t)
{
    enum mx_way way = t->by_mx ? MX_BY_RECORDS : MX_BY_NAME;

    one->all = all;
    one->target = t;
    all->open++;
    return mx_find_start(&one->find, dns_ares_resolver(all->resolver), way, t->name, t->port,
                         (struct mx_owner){.found = on_found, .self = one});
}

static bool ask_all(struct look_up *all, struct looked_up *list, struct options *o,
                    struct strbuf *error)
{
    size_t used = 0;

    for (size_t i = 0; i < o->target_count; i++) {
        if (!is_for_resolver(o, &o->target[i]))
            continue;
        if (!start(all, &list[used++], &o->target[i])) {
            strbuf_adds(error, "no memory for a question to the resolver");
            return false;
        }
    }
    while (all->open > 0)
        loop_run(all->loop);
    return true;
}

static bool by_resolver(struct options *o, size_t count, struct strbuf *error)
{
    struct dns_ares_config config = {.server = o->resolver, .patience_ns = o->resolver_timeout_ns};
    struct looked_up *list = calloc(count, sizeof(*list));
    struct look_up all = {.loop = loop_new(&(struct loop_config){.links_max = 1}, error)};
    bool fine = false;

    if (list == NULL)
        strbuf_adds(error, "no memory for the targets' names");
    else if (all.loop != NULL)
        all.resolver = dns_ares_new(all.loop, &config, error);
    if (all.resolver != NULL)
        fine = ask_all(&all, list, o, error);
    dns_ares_free(all.resolver);
    if (all.loop != NULL)
        loop_free(all.loop);
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
    size_t count = 0;

    *status = RUN_SYSTEM;
    for (size_t i = 0; i < o->target_count; i++)
        count += is_for_resolver(o, &o->target[i]) ? 1 : 0;
    if (count > 0 && !by_resolver(o, count, error))
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
