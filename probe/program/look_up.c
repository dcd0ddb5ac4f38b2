/*
 * look_up.c - all questions at once, in a loop that is there for nothing else
 *
 * Where a resolver is asked anyway, the canaries' own mail servers are looked up too: one of them
 * takes the canary's mail because that is its office, and would look like a relay. When these are
 * not found, nothing is known against a target.
 */
#include "probe/program/look_up.h"

#include <stdlib.h>

#include "drive/dns/dns_ares.h"
#include "drive/dns/resolve.h"
#include "probe/program/run.h"

enum { SMTP_PORT = 25, CANARY_ADDRESSES_MAX = FORM_CANARIES_MAX * MX_ADDRESSES_MAX };

struct looked_up { /* one name */
    struct look_up *all;
    struct target *target; /* NULL: a canary's domain */
    struct mx_find find;
};

struct look_up {
    struct loop *loop;
    struct dns_ares *resolver;
    size_t open;
    struct endpoint canary[CANARY_ADDRESSES_MAX]; /* the mail servers of the canaries' domains */
    size_t canary_count;
};

static bool is_for_resolver(const struct options *o, const struct target *t)
{
    return t->is_name && (t->by_mx || o->resolver.family != 0);
}

static void on_found(void *self, const struct mx_result *result)
{
    struct looked_up *one = self;
    struct look_up *all = one->all;

    if (one->target != NULL)
        target_take(one->target, result);
    for (size_t i = 0; one->target == NULL && i < result->address_count; i++)
        all->canary[all->canary_count++] = result->address[i];
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
    bool fine = start(all, &list[0], MX_BY_RECORDS, o->canary_domain, SMTP_PORT);

    for (size_t i = 0; fine && i < o->further_count; i++)
        fine = start(all, &list[i + 1], MX_BY_RECORDS, o->further[i].domain, SMTP_PORT);
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

static bool is_canarys(const struct look_up *all, const struct target *t, struct strbuf *error)
{
    for (size_t i = 0; i < t->address_count; i++)
        for (size_t k = 0; k < all->canary_count; k++)
            if (endpoint_equal(&t->address[i], &all->canary[k])) {
                target_say(error, "target", t->text);
                strbuf_adds(error, "that is a mail server of the canary's own domain; what it "
                                   "takes is not relayed");
                return true;
            }
    return false;
}

static void by_system(struct target *t)
{
    struct strbuf trouble;

    strbuf_init(&trouble, t->trouble, sizeof(t->trouble));
    resolve_host(t->name, t->port, t->address, TARGET_ADDRESSES_MAX, &t->address_count, &trouble);
}

bool look_up_targets(struct options *o, int *status, struct strbuf *error)
{
    struct look_up all = {.open = 0};
    size_t count = 0;

    *status = RUN_SYSTEM;
    for (size_t i = 0; i < o->target_count; i++)
        count += is_for_resolver(o, &o->target[i]) ? 1 : 0;
    if (count > 0 && !by_resolver(&all, o, count, error))
        return false;
    *status = RUN_USAGE;
    for (size_t i = 0; i < o->target_count; i++) {
        struct target *t = &o->target[i];

        if (t->is_name && !is_for_resolver(o, t))
            by_system(t);
        if (!options_check_target(o, t, error) || is_canarys(&all, t, error))
            return false;
    }
    return true;
}
