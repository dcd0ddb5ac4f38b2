/*
 * store.c - the fields of the envelope on top, then the message as the case leaves it
 */
#include "scenarios/world/store.h"

#include <stdlib.h>

#include "drive/mailbox/mailbox_memory.h"
#include "mockmta/queue/alter.h"

enum { STORE_CAPACITY = 32768 };

struct store {
    struct world *world;
    const struct case_mailbox *m;
    struct watch *watch;
    struct mailbox_memory *box;
    struct grow text;
    uint64_t messages; /* that came, lost ones too */
};

static struct mailbox_faults faults_of(const struct case_mailbox *m, int64_t now_ns)
{
    return (struct mailbox_faults){
        .down_from_ns = clock_after(now_ns, m->down.from_ns),
        .down_to_ns = clock_after(now_ns, m->down.to_ns),
        .slow_ns = m->slow_ns,
        .drop_every = (unsigned)m->drops,
        .noise = (unsigned)m->noise,
        .stale = (unsigned)m->stale,
        .refuses = m->refuses,
    };
}

struct store *store_new(struct world *w, const struct case_mailbox *m, int64_t wait_ns,
                        struct watch_owner owner)
{
    const struct mailbox_faults faults = faults_of(m, world_now(w));
    struct watch_config config = {.world = w,
                                  .name = span_of(m->name),
                                  .poll = watch_poll_for(wait_ns),
                                  .capacity = STORE_CAPACITY};
    struct store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    config.poll.skip_present = true;
    config.poll.tidy = m->tidy;
    if (m->poll_ns > 0)
        config.poll.first_ns = config.poll.slow_ns = m->poll_ns;
    s->world = w;
    s->m = m;
    s->watch = watch_new(&config, owner);
    if (s->watch != NULL)
        s->box = mailbox_memory_new(w, &faults, watch_user(s->watch));
    if (s->box == NULL) {
        store_free(s);
        return NULL;
    }
    return s;
}

unsigned store_copies(const struct store *s)
{
    if (s->m->loses == s->messages + 1)
        return 0;
    return s->m->duplicate > 0 ? (unsigned)s->m->duplicate : 1;
}

static bool add_field(struct grow *out, struct span name, struct span path)
{
    return grow_add(out, name) && grow_add(out, SPAN(": <")) && grow_add(out, path) &&
           grow_add(out, SPAN(">\r\n"));
}

static bool write_stored(struct store *s, const struct mail_view *mail)
{
    bool ok = true;

    s->text.len = 0;
    if (!s->m->bare) {
        ok = add_field(&s->text, SPAN("Return-Path"), mail->sender);
        for (size_t i = 0; i < mail->recipient_count; i++)
            ok = ok && add_field(&s->text, SPAN("Delivered-To"), mail->recipients[i]);
    }
    return ok && alter_message(&s->text, mail->content, (enum fate_alter)s->m->alter);
}

bool store_put(struct store *s, const struct mail_view *mail)
{
    int64_t visible_ns = clock_after(world_now(s->world), s->m->deliver_after_ns);
    unsigned copies = store_copies(s);

    s->messages++;
    if (copies > 0 && !write_stored(s, mail))
        return false;
    while (copies-- > 0)
        if (!mailbox_memory_put(s->box, grow_span(&s->text), visible_ns))
            return false;
    return true;
}

void store_watch(struct store *s)
{
    watch_start(s->watch, mailbox_memory_mailbox(s->box));
}

void store_hurry(struct store *s)
{
    watch_hurry(s->watch);
}

bool store_is_current(const struct store *s)
{
    return watch_is_current(s->watch);
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    watch_free(s->watch);
    mailbox_memory_free(s->box);
    grow_clear(&s->text);
    free(s);
}
