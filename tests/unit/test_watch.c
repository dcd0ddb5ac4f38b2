/*
 * test_watch.c - the memory mailbox, its faults, and a watch over it, in virtual time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive/mailbox/mailbox_memory.h"
#include "drive/sim/sim.h"
#include "probe/home/watch.h"

enum { TOLD_MAX = 8192 };

#define MESSAGE "Return-Path: <a@victim.test>\r\nDelivered-To: t1@canary.test\r\n\r\nhello\r\n"

struct lab {
    struct sim *sim;
    struct world *world;
    struct mailbox_memory *box;
    struct watch *watch;
    struct world_timer timer;
    unsigned mails;
    int64_t last_mail_ns, ready_ns;
    bool stop_at_mail;
    struct strbuf told;
    char memory[TOLD_MAX];
};

static bool hear_mail(void *self, struct span name, const struct mail_view *mail, bool truncated)
{
    struct lab *lab = self;

    assert_false(truncated);
    assert_true(span_equal(name, SPAN("memory:test")));
    lab->mails++;
    lab->last_mail_ns = world_now(lab->world);
    strbuf_adds(&lab->told, "mail:");
    strbuf_add(&lab->told, mail->sender);
    strbuf_addc(&lab->told, ' ');
    if (lab->stop_at_mail)
        watch_stop(lab->watch);
    return mail->recipient_count == 1 && span_equal(mail->recipients[0], SPAN("t1@canary.test"));
}

static void hear_trouble(void *self, struct span name, struct span why, bool lasting)
{
    struct lab *lab = self;

    (void)name;
    strbuf_adds(&lab->told, lasting ? "lasting:" : "trouble:");
    strbuf_add(&lab->told, span_to(why, 10));
    strbuf_addc(&lab->told, ' ');
}

static void hear_well(void *self, struct span name)
{
    (void)name;
    strbuf_adds(&((struct lab *)self)->told, "well ");
}

static void hear_ready(void *self, struct span name)
{
    struct lab *lab = self;

    (void)name;
    strbuf_adds(&lab->told, "ready ");
    lab->ready_ns = world_now(lab->world);
}

static void on_end(void *self)
{
    world_stop(((struct lab *)self)->world);
}

static struct lab *lab_new(const struct mailbox_faults *faults, bool tidy)
{
    struct lab *lab = calloc(1, sizeof *lab);

    assert_non_null(lab);
    strbuf_init(&lab->told, lab->memory, sizeof lab->memory);
    lab->sim = sim_new(&(struct sim_config){.seed = 1});
    assert_non_null(lab->sim);
    lab->world = sim_world(lab->sim);
    world_timer_init(&lab->timer, on_end, lab);
    struct watch_config config = {.world = lab->world,
                                  .name = SPAN("memory:test"),
                                  .poll = watch_poll_for(2 * CLOCK_MINUTE),
                                  .capacity = 16384};
    config.poll.skip_present = true;
    config.poll.tidy = tidy;
    lab->watch = watch_new(&config, (struct watch_owner){.mail = hear_mail,
                                                         .trouble = hear_trouble,
                                                         .well = hear_well,
                                                         .ready = hear_ready,
                                                         .self = lab});
    assert_non_null(lab->watch);
    lab->box = mailbox_memory_new(lab->world, faults, watch_user(lab->watch));
    assert_non_null(lab->box);
    watch_start(lab->watch, mailbox_memory_mailbox(lab->box));
    return lab;
}

static void lab_free(struct lab *lab)
{
    watch_free(lab->watch);
    mailbox_memory_free(lab->box);
    sim_free(lab->sim);
    free(lab);
}

static void run_until(struct lab *lab, int64_t at_ns)
{
    world_timer_set(lab->world, &lab->timer, at_ns);
    assert_int_equal(sim_run(lab->sim, CLOCK_NEVER), SIM_STOPPED);
}

static void put(struct lab *lab, const char *content, int64_t visible_ns)
{
    assert_true(mailbox_memory_put(lab->box, span_of(content), visible_ns));
}

static const struct row {
    const char *label;
    struct mailbox_faults faults;
    int64_t put_ns, visible_ns, until_ns;
    const char *told;
    int64_t mail_from_ns, mail_to_ns;
} rows[] = {
    {"healthy",
     {0},
     CLOCK_SECOND / 2,
     0,
     CLOCK_MINUTE,
     "well ready mail:a@victim.test ",
     CLOCK_SECOND,
     CLOCK_SECOND},
    {"visible later",
     {0},
     CLOCK_SECOND,
     30 * CLOCK_SECOND,
     CLOCK_MINUTE,
     "well ready mail:a@victim.test ",
     30 * CLOCK_SECOND,
     45 * CLOCK_SECOND},
    {"ten thousand foreign messages",
     {.noise = 10000},
     CLOCK_SECOND,
     0,
     CLOCK_MINUTE,
     "well ready mail:a@victim.test ",
     CLOCK_SECOND,
     3 * CLOCK_SECOND},
    {"stale entries",
     {.stale = 5},
     CLOCK_SECOND,
     0,
     CLOCK_MINUTE,
     "well ready mail:a@victim.test ",
     CLOCK_SECOND,
     3 * CLOCK_SECOND},
    {"slow",
     {.slow_ns = 5 * CLOCK_SECOND},
     6 * CLOCK_SECOND,
     0,
     CLOCK_MINUTE,
     "well ready mail:a@victim.test ",
     10 * CLOCK_SECOND,
     30 * CLOCK_SECOND},
    {"every third operation breaks off",
     {.drop_every = 3},
     CLOCK_SECOND,
     0,
     CLOCK_MINUTE,
     "well ready trouble:the connec mail:a@victim.test well ",
     CLOCK_SECOND,
     10 * CLOCK_SECOND},
    {"down at first",
     {.down_to_ns = 11 * CLOCK_SECOND},
     10 * CLOCK_SECOND + CLOCK_MS,
     0,
     CLOCK_MINUTE,
     "trouble:connection ready mail:a@victim.test well ",
     11 * CLOCK_SECOND,
     30 * CLOCK_SECOND},
    {"down all the time",
     {.down_to_ns = CLOCK_HOUR},
     CLOCK_SECOND,
     0,
     10 * CLOCK_MINUTE,
     "trouble:connection ready ",
     0,
     0},
    {"down later",
     {.down_from_ns = 10 * CLOCK_SECOND, .down_to_ns = CLOCK_MINUTE},
     30 * CLOCK_SECOND,
     0,
     3 * CLOCK_MINUTE,
     "well ready trouble:connection mail:a@victim.test well ",
     CLOCK_MINUTE,
     2 * CLOCK_MINUTE},
    {"refuses us",
     {.refuses = true},
     CLOCK_SECOND,
     0,
     CLOCK_MINUTE,
     "lasting:authentica ready ",
     0,
     0},
};

static void mailboxes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct lab *lab = lab_new(&row->faults, false);

        print_message("%s\n", row->label);
        run_until(lab, row->put_ns);
        put(lab, MESSAGE, row->visible_ns);
        run_until(lab, row->until_ns);
        assert_memory_equal(lab->memory, row->told, strlen(row->told));
        if (row->faults.drop_every == 0)
            assert_int_equal(strlen(lab->memory), strlen(row->told));
        assert_int_equal(lab->mails, row->mail_to_ns > 0);
        assert_in_range(lab->last_mail_ns, row->mail_from_ns, row->mail_to_ns);
        assert_true(watch_is_ready(lab->watch));
        lab_free(lab);
    }
}

static void ready_is_not_awaited_for_ever(void **state)
{
    struct lab *lab = lab_new(&(struct mailbox_faults){.down_to_ns = CLOCK_HOUR}, false);

    (void)state;
    run_until(lab, 5 * CLOCK_MINUTE);
    assert_int_equal(lab->ready_ns, 10 * CLOCK_SECOND);
    lab_free(lab);
}

static void hurry_shortens_the_wait(void **state)
{
    struct lab *lab = lab_new(&(struct mailbox_faults){0}, false);

    (void)state;
    run_until(lab, 10 * CLOCK_MINUTE + CLOCK_MS);
    put(lab, MESSAGE, 0);
    watch_hurry(lab->watch);
    run_until(lab, 10 * CLOCK_MINUTE + 2 * CLOCK_MS);
    assert_int_equal(lab->mails, 1);
    lab_free(lab);
}

static void tidy_leaves_what_is_not_ours(void **state)
{
    struct lab *lab = lab_new(&(struct mailbox_faults){0}, true);

    (void)state;
    run_until(lab, CLOCK_SECOND / 2);
    put(lab, MESSAGE, 0);
    put(lab, "Delivered-To: somebody@canary.test\r\n\r\nhello\r\n", 0);
    put(lab, MESSAGE, 0);
    run_until(lab, CLOCK_MINUTE);
    assert_int_equal(lab->mails, 3);
    assert_int_equal(mailbox_memory_count(lab->box), 1);
    put(lab, MESSAGE, 0);
    run_until(lab, 2 * CLOCK_MINUTE);
    assert_int_equal(lab->mails, 4);
    assert_int_equal(mailbox_memory_count(lab->box), 1);
    lab_free(lab);
}

static void stops_in_a_callback(void **state)
{
    struct lab *lab = lab_new(&(struct mailbox_faults){0}, true);

    (void)state;
    lab->stop_at_mail = true;
    run_until(lab, CLOCK_SECOND / 2);
    put(lab, MESSAGE, 0);
    put(lab, MESSAGE, 0);
    run_until(lab, CLOCK_HOUR);
    assert_int_equal(lab->mails, 1);
    assert_int_equal(mailbox_memory_count(lab->box), 2);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailboxes),
        cmocka_unit_test(ready_is_not_awaited_for_ever),
        cmocka_unit_test(hurry_shortens_the_wait),
        cmocka_unit_test(tidy_leaves_what_is_not_ours),
        cmocka_unit_test(stops_in_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
