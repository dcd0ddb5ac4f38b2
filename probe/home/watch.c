/*
 * watch.c - passes the executor's answers to the poller, and ticks it afterwards
 *
 * The poller wants to be ticked after each answer, but the executor that answers is not done yet:
 * so an answer sets the timer to now, and the timer ticks.
 */
#include "probe/home/watch.h"

#include <stdlib.h>

#include "lib/mailbox/poller_state.h"
#include "probe/home/stored.h"

struct watch {
    struct watch_config config;
    struct watch_owner owner;
    struct world_timer timer, patience;
    struct poller *poller;
    void *seen;
    bool started, ready, ready_told;
    char name[WATCH_NAME_MAX];
};

static struct span name_of(const struct watch *w)
{
    return span_of(w->name);
}

static void set_timer(struct watch *w)
{
    int64_t at = poller_deadline(w->poller);

    if (at == CLOCK_NEVER)
        world_timer_stop(w->config.world, &w->timer);
    else
        world_timer_set(w->config.world, &w->timer, at);
}

static void tell_ready(struct watch *w)
{
    if (w->ready_told)
        return;
    w->ready_told = true;
    world_timer_stop(w->config.world, &w->patience);
    if (w->owner.ready != NULL)
        w->owner.ready(w->owner.self, name_of(w));
}

static void on_timer(void *self)
{
    struct watch *w = self;

    poller_tick(w->poller, world_now(w->config.world));
    set_timer(w);
    if (w->ready)
        tell_ready(w);
}

/* From here on a message of ours may come, so nothing is passed over. */
static void on_patience(void *self)
{
    struct watch *w = self;

    w->ready = true;
    (void)poller_hurry(w->poller);
    set_timer(w);
    tell_ready(w);
}

/* What the poller tells */

static bool on_mail(void *self, struct span uid, struct span content, bool truncated)
{
    struct watch *w = self;
    struct stored_mail mail;

    (void)uid;
    if (w->owner.mail == NULL)
        return false;
    stored_read(&mail, content);
    return w->owner.mail(w->owner.self, name_of(w), &mail.view, truncated);
}

static void on_trouble(void *self, struct span why, bool lasting)
{
    struct watch *w = self;

    if (!w->ready && !world_timer_is_set(&w->patience)) {
        int64_t wait = lasting ? 0 : w->config.patience_ns;
        world_timer_set(w->config.world, &w->patience,
                        clock_after(world_now(w->config.world), wait));
    }
    if (w->owner.trouble != NULL)
        w->owner.trouble(w->owner.self, name_of(w), why, lasting);
}

static void on_well(void *self)
{
    struct watch *w = self;

    if (w->owner.well != NULL)
        w->owner.well(w->owner.self, name_of(w));
}

/* What the executor answers */

static void answered(struct watch *w)
{
    w->ready = w->ready || poller_ready(w->poller);
    if (poller_deadline(w->poller) != CLOCK_NEVER)
        world_timer_set(w->config.world, &w->timer, world_now(w->config.world));
}

static void pass_entry(void *self, struct span uid, uint64_t size)
{
    struct mailbox_user u = poller_user(((struct watch *)self)->poller);

    u.entry(u.self, uid, size);
}

static void pass_listed(void *self, enum mailbox_status status, struct span why)
{
    struct watch *w = self;
    struct mailbox_user u = poller_user(w->poller);

    u.listed(u.self, status, why);
    answered(w);
}

static void pass_fetched(void *self, enum mailbox_status status, struct span uid,
                         struct span content, bool truncated, struct span why)
{
    struct watch *w = self;
    struct mailbox_user u = poller_user(w->poller);

    u.fetched(u.self, status, uid, content, truncated, why);
    answered(w);
}

static void pass_removed(void *self, enum mailbox_status status, struct span uid, struct span why)
{
    struct watch *w = self;
    struct mailbox_user u = poller_user(w->poller);

    u.removed(u.self, status, uid, why);
    answered(w);
}

struct mailbox_user watch_user(struct watch *w)
{
    return (struct mailbox_user){.entry = pass_entry,
                                 .listed = pass_listed,
                                 .fetched = pass_fetched,
                                 .removed = pass_removed,
                                 .self = w};
}

struct poller_config watch_poll_for(int64_t wait_ns)
{
    struct poller_config c = {.first_ns = wait_ns / 10, .slow_ns = wait_ns / 8};

    if (c.first_ns <= 0 || c.first_ns > CLOCK_SECOND)
        c.first_ns = CLOCK_SECOND;
    if (c.slow_ns < c.first_ns)
        c.slow_ns = c.first_ns;
    if (c.slow_ns > 15 * CLOCK_SECOND)
        c.slow_ns = 15 * CLOCK_SECOND;
    c.trouble_ns = 4 * c.slow_ns;
    return c;
}

struct watch *watch_new(const struct watch_config *config, struct watch_owner owner)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->config = *config;
    w->owner = owner;
    (void)bytes_copy(w->name, sizeof w->name, config->name);
    if (w->config.capacity == 0)
        w->config.capacity = 65536;
    if (w->config.patience_ns == 0)
        w->config.patience_ns = 10 * CLOCK_SECOND;
    w->poller = malloc(poller_size());
    w->seen = malloc(poller_seen_size(w->config.capacity));
    if (w->poller == NULL || w->seen == NULL) {
        watch_free(w);
        return NULL;
    }
    world_timer_init(&w->timer, on_timer, w);
    world_timer_init(&w->patience, on_patience, w);
    return w;
}

void watch_start(struct watch *w, struct mailbox mailbox)
{
    const struct poller_owner owner = {
        .mail = on_mail, .trouble = on_trouble, .well = on_well, .self = w};

    poller_init(w->poller, &w->config.poll, mailbox, owner, w->seen, w->config.capacity);
    w->started = true;
    world_timer_set(w->config.world, &w->timer, world_now(w->config.world));
}

uint64_t watch_hurry(struct watch *w)
{
    uint64_t number = poller_hurry(w->poller);

    set_timer(w);
    return number;
}

bool watch_is_ready(const struct watch *w)
{
    return w->ready;
}

bool watch_is_read(const struct watch *w)
{
    return w->started && poller_is_read(w->poller);
}

bool watch_is_current(const struct watch *w)
{
    return w->started && poller_is_current(w->poller);
}

bool watch_is_answered(const struct watch *w, uint64_t hurry)
{
    return w->started && poller_is_answered(w->poller, hurry);
}

void watch_stop(struct watch *w)
{
    if (w->started)
        poller_stop(w->poller);
    world_timer_stop(w->config.world, &w->timer);
    world_timer_stop(w->config.world, &w->patience);
    w->ready_told = true;
    w->started = false;
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    if (w->started)
        watch_stop(w);
    free(w->poller);
    free(w->seen);
    free(w);
}
