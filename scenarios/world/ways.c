/*
 * ways.c - one question for each canary, all at once
 */
#include "scenarios/world/ways.h"

static void on_found(void *self, const struct mx_result *result)
{
    struct way *one = self;
    struct ways *all = one->all;
    struct strbuf why;

    strbuf_init(&why, one->memory, sizeof one->memory);
    (void)control_way_choose(result, one->domain, false, one->route, &why);
    *one->trouble = strbuf_span(&why);
    if (--all->open == 0)
        all->owner.found(all->owner.self);
}

bool ways_start(struct ways *w, struct resolver resolver, uint16_t port,
                struct probe_config *config, struct ways_owner owner)
{
    w->owner = owner;
    w->open = 1 + config->further_count;
    for (size_t i = 0; i <= config->further_count; i++) {
        struct way *one = &w->way[i];

        one->all = w;
        one->domain = i == 0 ? config->canary_domain : config->further[i - 1].domain;
        one->route = i == 0 ? &config->control_route : &config->further_route[i - 1];
        one->trouble = &config->route_trouble[i];
        *one->route = (struct endpoint){.family = 0};
        if (!mx_find_start(&one->find, resolver, MX_BY_RECORDS, one->domain, port,
                           (struct mx_owner){.found = on_found, .self = one}))
            return false;
    }
    return true;
}
