/*
 * random_box.h - a mailbox that stores mail, drawn from a seed with its faults, and a watch over it
 *
 * Include after random_lab.h.
 */
#ifndef RELAYLAB_TESTS_RANDOM_BOX_H
#define RELAYLAB_TESTS_RANDOM_BOX_H

#include "drive/mailbox/mailbox_memory.h"
#include "probe/home/watch.h"

struct random_box {
    struct world *world;
    struct mailbox_memory *box;
    struct watch *watch;
    struct mailbox_faults faults;
    int64_t visible_after_ns;
    bool bare; /* the envelope is not written down */
};

static inline void random_box_draw(struct prng *p, struct random_box *b, bool faulty)
{
    memset(b, 0, sizeof *b);
    b->faults.noise = prng_chance(p, 1, 4) ? (unsigned)prng_range(p, 1, 300) : 0;
    b->faults.stale = prng_chance(p, 1, 4) ? (unsigned)prng_range(p, 1, 30) : 0;
    if (!faulty)
        return;
    b->bare = prng_chance(p, 1, 3);
    b->visible_after_ns = prng_chance(p, 1, 3) ? draw_delay(p) : 0;
    b->faults.slow_ns = prng_chance(p, 1, 4) ? draw_ns(p, 1, 70) * CLOCK_SECOND : 0;
    b->faults.drop_every = prng_chance(p, 1, 4) ? (unsigned)prng_range(p, 2, 9) : 0;
    b->faults.refuses = prng_chance(p, 1, 16);
    if (prng_chance(p, 1, 3)) {
        b->faults.down_from_ns = draw_ns(p, 0, 300) * CLOCK_SECOND;
        b->faults.down_to_ns = b->faults.down_from_ns + draw_ns(p, 1, 600) * CLOCK_SECOND;
    }
}

static inline void random_box_open(struct random_box *b, struct world *w, int64_t wait_ns,
                                   struct watch_owner owner)
{
    struct watch_config config = {
        .world = w, .name = SPAN("box"), .poll = watch_poll_for(wait_ns), .capacity = 4096};
    b->world = w;
    config.poll.skip_present = true;
    b->watch = watch_new(&config, owner);
    assert_non_null(b->watch);
    b->box = mailbox_memory_new(w, &b->faults, watch_user(b->watch));
    assert_non_null(b->box);
    watch_start(b->watch, mailbox_memory_mailbox(b->box));
}

static inline void random_box_put(struct random_box *b, const struct mail_view *mail)
{
    size_t cap = mail->content.len + MAIL_PATH_MAX * (mail->recipient_count + 2);
    char *memory = malloc(cap);
    struct strbuf text;

    assert_non_null(memory);
    strbuf_init(&text, memory, cap);
    if (!b->bare) {
        strbuf_adds(&text, "Return-Path: <");
        strbuf_add(&text, mail->sender);
        strbuf_adds(&text, ">\r\n");
        for (size_t i = 0; i < mail->recipient_count; i++) {
            strbuf_adds(&text, "Delivered-To: <");
            strbuf_add(&text, mail->recipients[i]);
            strbuf_adds(&text, ">\r\n");
        }
    }
    strbuf_add(&text, mail->content);
    assert_true(mailbox_memory_put(b->box, strbuf_span(&text),
                                   clock_after(world_now(b->world), b->visible_after_ns)));
    free(memory);
}

static inline void random_box_close(struct random_box *b)
{
    watch_free(b->watch);
    mailbox_memory_free(b->box);
    b->watch = NULL;
    b->box = NULL;
}

#endif
