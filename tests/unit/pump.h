/*
 * pump.h - drives one machine by hand: no driver, no network, every cut of the input under the
 * test's control
 *
 * pump_feed gives bytes and steps the machine until it neither uses input nor offers output; what
 * it offered is collected in `sent`, each write ended by the marker byte when `mark_writes` is set.
 */
#ifndef RELAYLAB_TESTS_UNIT_PUMP_H
#define RELAYLAB_TESTS_UNIT_PUMP_H

#include <string.h>

#include "lib/base/clock.h"
#include "lib/machine.h"

struct pump {
    struct machine machine;
    int64_t now_ns;
    enum machine_peer peer;
    enum machine_wish wish;
    bool mark_writes;
    bool blocked; /* nothing can be sent: ready output stays */
    char in[2 * MACHINE_IN_MAX];
    size_t in_len;
    char out[MACHINE_OUT_MAX];
    size_t out_len, out_ready;
    char sent[1 << 20];
    size_t sent_len;
    unsigned writes;
};

static inline void pump_init(struct pump *p, struct machine m, int64_t now_ns)
{
    memset(p, 0, sizeof *p);
    p->machine = m;
    p->now_ns = now_ns;
    p->peer = PEER_OPEN;
}

static inline bool pump_step(struct pump *p)
{
    struct machine_io io = {.now_ns = p->now_ns,
                            .peer = p->peer,
                            .in = p->in,
                            .in_len = p->in_len,
                            .out = p->out,
                            .out_cap = sizeof p->out,
                            .out_len = p->out_len,
                            .out_ready = p->out_ready};
    p->wish = p->machine.ops->step(p->machine.self, &io);
    memmove(p->in, p->in + io.in_used, p->in_len - io.in_used);
    p->in_len -= io.in_used;
    size_t ready = p->blocked ? 0 : io.out_ready;
    if (ready > 0) {
        memcpy(p->sent + p->sent_len, p->out, ready);
        p->sent_len += ready;
        p->writes++;
        if (p->mark_writes) {
            p->sent[p->sent_len++] = '|';
        }
        memmove(p->out, p->out + ready, io.out_len - ready);
    }
    p->out_len = io.out_len - ready;
    p->out_ready = io.out_ready - ready;
    return ready > 0 || io.in_used > 0;
}

static inline void pump_run(struct pump *p)
{
    for (int i = 0; i < 100000 && pump_step(p); i++) {}
    p->sent[p->sent_len] = '\0';
}

static inline void pump_feed(struct pump *p, const char *bytes, size_t len)
{
    memcpy(p->in + p->in_len, bytes, len);
    p->in_len += len;
    pump_run(p);
}

/* Jumps to the machine's deadline. */
static inline int64_t pump_wait(struct pump *p)
{
    int64_t at = p->machine.ops->deadline(p->machine.self);
    if (at != CLOCK_NEVER && at > p->now_ns) {
        p->now_ns = at;
    }
    pump_run(p);
    return p->now_ns;
}

#endif
