/*
 * mailboxes.c - one sink or one watch for each URL
 *
 * `ready` is counted down; a timer tells it, so that an owner without stored mailboxes hears it the
 * same way as all others: from the loop.
 */
#include "probe/home/mailboxes.h"

#include <stdlib.h>

#include "drive/mailbox/curl_session.h"
#include "drive/host/password.h"
#include "probe/home/mailbox_open.h"
#include "probe/home/sink.h"
#include "probe/home/watch.h"

enum { WHY_MAX = 768 };

struct one {
    struct mailboxes *all;
    struct span name;
    struct sink *sink;
    struct watch *watch;
    struct open_mailbox *open;
};

struct mailboxes {
    struct mailboxes_config config;
    struct mailboxes_owner owner;
    struct world_timer ready;
    size_t awaited; /* stored mailboxes that were not ready yet */
    size_t count;
    struct one one[MAILBOXES_MAX];
};

static void tell_ready(void *self)
{
    struct mailboxes *m = self;

    if (m->owner.ready != NULL)
        m->owner.ready(m->owner.self);
}

static void sink_mail(void *self, const struct mail_view *mail, bool truncated)
{
    struct one *one = self;

    if (one->all->owner.mail != NULL)
        (void)one->all->owner.mail(one->all->owner.self, one->name, mail, truncated);
}

static void sink_callout(void *self, struct span sender, struct span recipient)
{
    struct mailboxes *m = ((struct one *)self)->all;

    if (m->owner.callout != NULL)
        m->owner.callout(m->owner.self, sender, recipient);
}

static void sink_refused(void *self, struct span recipient, struct span reply)
{
    struct mailboxes *m = ((struct one *)self)->all;

    if (m->owner.refused != NULL)
        m->owner.refused(m->owner.self, recipient, reply);
}

static bool open_sink(struct one *one, const struct mailbox_url *url, struct strbuf *error)
{
    const struct mailboxes_config *c = &one->all->config;
    struct sink_owner owner = {
        .mail = sink_mail, .callout = sink_callout, .refused = sink_refused, .self = one};
    char memory[256];
    struct strbuf why;

    strbuf_init(&why, memory, sizeof(memory));
    one->sink = sink_new(c->world, owner);
    if (one->sink == NULL) {
        strbuf_adds(error, "no memory for a sink");
        return false;
    }
    if (c->sessions_max > 0)
        sink_set_sessions_max(one->sink, c->sessions_max);
    for (size_t i = 0; i < c->domain_count; i++)
        (void)sink_domain_add(one->sink, c->domains[i]); /* the first ones, as many as it takes */
    if (sink_listen(one->sink, &url->at, NULL, &why))
        return true;
    strbuf_adds(error, "--sink ");
    endpoint_print(error, &url->at);
    strbuf_adds(error, ": ");
    strbuf_add(error, strbuf_span(&why));
    return false;
}

static bool watch_mail(void *self, struct span name, const struct mail_view *mail, bool truncated)
{
    struct mailboxes *m = self;

    return m->owner.mail != NULL && m->owner.mail(m->owner.self, name, mail, truncated);
}

static void watch_trouble(void *self, struct span name, struct span why, bool lasting)
{
    struct mailboxes *m = self;

    if (m->owner.trouble != NULL)
        m->owner.trouble(m->owner.self, name, why, lasting);
}

static void watch_well(void *self, struct span name)
{
    struct mailboxes *m = self;

    if (m->owner.well != NULL)
        m->owner.well(m->owner.self, name);
}

static void watch_ready(void *self, struct span name)
{
    struct mailboxes *m = self;

    (void)name;
    if (--m->awaited == 0)
        world_timer_set(m->config.world, &m->ready, world_now(m->config.world));
}

static bool open_stored(struct one *one, const struct mailbox_url *url,
                        const struct mailbox_open_config *open, struct strbuf *error)
{
    struct mailboxes *m = one->all;
    struct watch_owner owner = {.mail = watch_mail,
                                .trouble = watch_trouble,
                                .well = watch_well,
                                .ready = watch_ready,
                                .self = m};
    struct watch_config watch = {.world = m->config.world,
                                 .name = url->text,
                                 .poll = watch_poll_for(m->config.wait_ns)};

    watch.poll.skip_present = m->config.skip_present;
    watch.poll.tidy = m->config.tidy;
    one->watch = watch_new(&watch, owner);
    if (one->watch == NULL) {
        strbuf_adds(error, "no memory for a mailbox");
        return false;
    }
    one->open = mailbox_open(url, m->config.world, open, watch_user(one->watch), error);
    m->awaited += one->open != NULL;
    return one->open != NULL;
}

static bool open_all(struct mailboxes *m, const struct mailbox_open_config *open,
                     struct strbuf *error)
{
    for (size_t i = 0; i < m->config.url_count && i < MAILBOXES_MAX; i++) {
        const struct mailbox_url *url = &m->config.urls[i];
        struct one *one = &m->one[m->count++];

        *one = (struct one){.all = m, .name = url->text};
        if (url->kind == MAILBOX_SINK ? !open_sink(one, url, error)
                                      : !open_stored(one, url, open, error))
            return false;
    }
    for (size_t i = 0; i < m->count; i++)
        if (m->one[i].watch != NULL)
            watch_start(m->one[i].watch, mailbox_opened(m->one[i].open));
    return true;
}

/* Files that the user named and that cannot be read are mistakes, not mailboxes that are down. */
static bool read_files(const struct mailboxes_config *config, char password[PASSWORD_MAX],
                       struct strbuf *error)
{
    const char *option = config->password_file != NULL ? "--password-file: " : "";
    char memory[WHY_MAX];
    struct strbuf why;
    bool good;

    strbuf_init(&why, memory, sizeof(memory));
    good = password_read(config->password_file, password, &why);
    if (good && config->ca_file != NULL) {
        option = "--ca-file: ";
        good = curl_session_check_ca(config->ca_file, &why);
    }
    if (!good) {
        strbuf_adds(error, option);
        strbuf_add(error, strbuf_span(&why));
    }
    return good;
}

struct mailboxes *mailboxes_open(const struct mailboxes_config *config,
                                 struct mailboxes_owner owner, struct strbuf *error)
{
    struct mailboxes *m = calloc(1, sizeof(*m));
    char password[PASSWORD_MAX] = "";
    bool opened;

    if (m == NULL) {
        strbuf_adds(error, "no memory for mailboxes");
        return NULL;
    }
    m->config = *config;
    m->owner = owner;
    world_timer_init(&m->ready, tell_ready, m);
    opened = read_files(config, password, error);
    if (opened) {
        struct mailbox_open_config open = {.password = span_of(password),
                                           .ca_file = config->ca_file};
        opened = open_all(m, &open, error);
    }
    password_wipe(password);
    if (!opened) {
        mailboxes_close(m);
        return NULL;
    }
    if (m->awaited == 0)
        world_timer_set(config->world, &m->ready, world_now(config->world));
    return m;
}

struct mailboxes_hurry mailboxes_hurry(struct mailboxes *m)
{
    struct mailboxes_hurry hurry = {{0}};

    for (size_t i = 0; i < m->count; i++)
        if (m->one[i].watch != NULL)
            hurry.number[i] = watch_hurry(m->one[i].watch);
    return hurry;
}

bool mailboxes_are_current(const struct mailboxes *m, const struct mailboxes_hurry *since)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->one[i].watch != NULL && !watch_is_answered(m->one[i].watch, since->number[i]))
            return false;
    return true;
}

bool mailboxes_are_read(const struct mailboxes *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->one[i].watch == NULL || !watch_is_read(m->one[i].watch))
            return false;
    return true;
}

void mailboxes_close(struct mailboxes *m)
{
    if (m == NULL)
        return;
    world_timer_stop(m->config.world, &m->ready);
    for (size_t i = 0; i < m->count; i++) {
        watch_free(m->one[i].watch);
        mailbox_close(m->one[i].open);
        sink_free(m->one[i].sink);
    }
    free(m);
}
