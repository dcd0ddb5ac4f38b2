#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "drive/link.h"
#include "tests/unit/talker.h"

enum { WIRE_KEEPS = 65536 };

struct wire { /* a socket of the test's own */
    char bytes[WIRE_KEEPS];
    size_t len;
    size_t takes; /* at most so many per call */
    size_t left;  /* then nothing more */
    unsigned calls;
};

static size_t wire_send(void *self, const char *data, size_t len)
{
    struct wire *w = self;
    size_t n = len < w->takes ? len : w->takes;
    n = n < w->left ? n : w->left;
    w->left -= n;
    w->calls++;
    for (size_t i = 0; i < n && w->len + i < WIRE_KEEPS; i++)
        w->bytes[w->len + i] = data[i];
    w->len += n;
    return n;
}

struct rig {
    struct link_pool pool;
    struct link_core core;
    struct talker talker;
    struct wire wire;
    struct link_out out;
};

static void rig_start(struct rig *r, const struct talker *talker, enum machine_peer peer)
{
    assert_true(link_pool_init(&r->pool));
    r->talker = *talker;
    r->wire = (struct wire){.takes = SIZE_MAX, .left = SIZE_MAX};
    r->out = (struct link_out){.send = wire_send, .driver_link = &r->wire};
    link_init(&r->core, talker_machine(&r->talker), peer);
}

static void rig_stop(struct rig *r)
{
    link_clear(&r->core, &r->pool);
    assert_int_equal(r->pool.lent, 0);
    link_pool_clear(&r->pool);
}

/* As the drivers do: bytes come in the scratch. */
static bool rig_give(struct rig *r, int64_t now_ns, const char *data, size_t len)
{
    memcpy(r->pool.scratch_in, data, len);
    return link_pump(&r->core, &r->pool, now_ns, r->pool.scratch_in, len, &r->out);
}

static void fill(char *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = talker_byte(i);
}

static void check_wire(const struct rig *r, size_t len)
{
    assert_int_equal(r->wire.len, len);
    for (size_t i = 0; i < len && i < WIRE_KEEPS; i++)
        assert_int_equal(r->wire.bytes[i], talker_byte(i));
}

static void test_dialogue_lends_nothing(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.echoes = true}, PEER_OPEN);
    char line[100];
    fill(line, sizeof line);
    for (size_t i = 0; i < 10; i++) {
        assert_true(rig_give(&r, 0, line + i * 10, 10));
        assert_int_equal(r.wire.calls, i + 1); /* one write per command */
        assert_null(r.core.in);
        assert_null(r.core.out);
    }
    check_wire(&r, 100);
    rig_stop(&r);
}

static void test_every_split(void **state)
{
    (void)state;
    static struct rig r;
    char text[64];
    fill(text, sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        for (size_t takes = 1; takes < 40; takes += 7) {
            rig_start(&r, &(struct talker){.echoes = true, .sip = 5}, PEER_OPEN);
            r.wire.takes = takes;
            assert_true(rig_give(&r, 0, text, cut));
            assert_true(rig_give(&r, 0, text + cut, sizeof text - cut));
            while (link_unsent(&r.core))
                assert_true(rig_give(&r, 0, text, 0));
            check_wire(&r, sizeof text);
            rig_stop(&r);
        }
    }
}

static void test_socket_that_takes_no_more(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.says = 60000}, PEER_OPEN);
    r.wire.left = 1000;
    assert_true(rig_give(&r, 0, "", 0));
    assert_true(link_unsent(&r.core));
    assert_int_equal(r.pool.lent, 1);
    assert_int_equal(r.core.ready, MACHINE_OUT_MAX); /* filled up again behind what went */
    for (int i = 0; i < 70; i++) {
        r.wire.left = 997;
        assert_true(rig_give(&r, 0, "", 0));
    }
    assert_false(link_unsent(&r.core));
    assert_int_equal(r.pool.lent, 0);
    check_wire(&r, 60000);
    rig_stop(&r);
}

static void test_held_output(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.says = 9, .per_step = 4, .gap_ns = 10}, PEER_OPEN);
    static const struct {
        int64_t now_ns;
        size_t len;
        int64_t deadline_ns;
    } rows[] = {{1, 0, 11},  {5, 0, 11},  {11, 4, 21},
                {20, 4, 21}, {25, 8, 35}, {35, 9, CLOCK_HOUR + 35}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(rig_give(&r, rows[i].now_ns, "x", 1)); /* input comes all the while */
        check_wire(&r, rows[i].len);
        assert_int_equal(link_deadline(&r.core, rows[i].now_ns), rows[i].deadline_ns);
        assert_int_equal(r.pool.lent, rows[i].len < 9);
        assert_false(link_unsent(&r.core)); /* held is not unsent */
    }
    rig_stop(&r);
}

static void test_unused_input_waits(void **state)
{
    (void)state;
    static struct rig r;
    static char text[MACHINE_IN_MAX];
    fill(text, sizeof text);
    rig_start(&r, &(struct talker){.deaf = true}, PEER_OPEN);
    assert_int_equal(link_room(&r.core), MACHINE_IN_MAX);
    assert_true(rig_give(&r, 0, text, 10000));
    assert_int_equal(link_room(&r.core), MACHINE_IN_MAX - 10000);
    assert_int_equal(r.pool.lent, 1);
    assert_true(rig_give(&r, 0, text + 10000, MACHINE_IN_MAX - 10000));
    assert_int_equal(link_room(&r.core), 0);
    r.talker.deaf = false;
    r.core.peer = PEER_FIN;
    assert_true(rig_give(&r, 0, "", 0));
    assert_int_equal(r.talker.heard_len, MACHINE_IN_MAX);
    for (size_t i = 0; i < TALKER_KEEPS; i++)
        assert_int_equal(r.talker.heard[i], text[i]);
    assert_string_equal(r.talker.peers, "of");
    assert_int_equal(r.core.wish, WISH_CLOSE);
    assert_int_equal(r.pool.lent, 0);
    rig_stop(&r);
}

/* Bytes are appended to a buffer of which the front was used. */
static void test_buffer_slides(void **state)
{
    (void)state;
    static struct rig r;
    static char text[40000];
    fill(text, sizeof text);
    rig_start(&r, &(struct talker){.echoes = true}, PEER_OPEN);
    r.wire.left = 0;
    size_t given = 0;
    for (int i = 0; i < 400; i++) {
        size_t len = link_room(&r.core);
        len = len < sizeof text - given ? len : sizeof text - given;
        r.wire.left = 777;
        assert_true(rig_give(&r, 0, text + given, len));
        given += len;
        assert_true(r.pool.lent <= 2);
    }
    check_wire(&r, sizeof text);
    rig_stop(&r);
}

static void test_no_output_before_the_connection_stands(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.says = 5}, PEER_CONNECTING);
    assert_true(rig_give(&r, 0, "", 0));
    assert_int_equal(r.wire.calls, 0);
    r.core.peer = PEER_OPEN;
    assert_true(rig_give(&r, 0, "", 0));
    check_wire(&r, 5);
    rig_stop(&r);
}

static void test_close_waits_for_its_output(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.says = 5}, PEER_OPEN);
    r.wire.left = 2;
    assert_true(rig_give(&r, 7, "", 0));
    r.core.wish = WISH_CLOSE;
    assert_int_equal(link_deadline(&r.core, 7), 7 + LINK_DRAIN_NS);
    assert_false(link_overdue(&r.core, 8, 7 + LINK_DRAIN_NS));
    assert_true(link_overdue(&r.core, 7 + LINK_DRAIN_NS, 7 + LINK_DRAIN_NS));
    r.wire.left = 3;
    unsigned steps = r.talker.steps;
    assert_true(rig_give(&r, 9, "more", 4));
    assert_int_equal(r.talker.steps, steps); /* closed: it hears no more */
    assert_false(link_unsent(&r.core));
    check_wire(&r, 5);
    rig_stop(&r);
}

static enum machine_wish stubborn_step(void *self, struct machine_io *io)
{
    bool *spins = self;
    if (*spins) {
        io->out_len += io->out_len < io->out_cap;
        io->out_ready = io->out_len;
    }
    return WISH_OPEN;
}

static int64_t stubborn_deadline(const void *self)
{
    (void)self;
    return CLOCK_NEVER;
}

static void test_machines_that_would_hang(void **state)
{
    (void)state;
    static const struct machine_ops ops = {
        .name = "stubborn", .step = stubborn_step, .deadline = stubborn_deadline};
    static struct rig r;
    static char text[MACHINE_IN_MAX];
    bool spins = false;
    rig_start(&r, &(struct talker){0}, PEER_OPEN);
    link_init(&r.core, (struct machine){.ops = &ops, .self = &spins}, PEER_OPEN);
    assert_true(rig_give(&r, 0, text, MACHINE_IN_MAX - 1));
    assert_false(rig_give(&r, 0, text, 1)); /* full, and waits for nothing */
    link_clear(&r.core, &r.pool);
    spins = true;
    assert_false(rig_give(&r, 0, "", 0)); /* says something at every step, for ever */
    rig_stop(&r);
}

static void test_reset_sends_nothing(void **state)
{
    (void)state;
    static struct rig r;
    rig_start(&r, &(struct talker){.patience_ns = 5, .says = 3, .gap_ns = 100}, PEER_OPEN);
    assert_true(rig_give(&r, 1, "", 0));
    assert_true(rig_give(&r, 6, "", 0));
    assert_int_equal(r.core.wish, WISH_RESET);
    assert_int_equal(r.wire.calls, 0);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogue_lends_nothing),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_socket_that_takes_no_more),
        cmocka_unit_test(test_held_output),
        cmocka_unit_test(test_unused_input_waits),
        cmocka_unit_test(test_buffer_slides),
        cmocka_unit_test(test_no_output_before_the_connection_stands),
        cmocka_unit_test(test_close_waits_for_its_output),
        cmocka_unit_test(test_machines_that_would_hang),
        cmocka_unit_test(test_reset_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
