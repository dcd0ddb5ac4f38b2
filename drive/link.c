/*
 * link.c - the order of steps, and where bytes lie meanwhile
 *
 * A pass is one call of link_pump. Its input lies where the driver put it, its output goes into
 * the pool's scratch, and only what is left at the end moves into a buffer of the link's own. In a
 * dialogue of commands and replies nothing is ever left, so no buffer is lent and no byte is
 * copied. When a link has buffers already, the pass works in them.
 *
 * Unsent output always starts at the beginning of its memory when the machine is stepped: moving
 * the few bytes that are left is cheaper than a machine that has to reckon with a room that
 * shrinks.
 *
 * A wish to close is final: what a later step may still do is wish to break off.
 */
#include "drive/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

enum {
    BUFFER_BYTES = (int)MACHINE_IN_MAX > (int)MACHINE_OUT_MAX ? (int)MACHINE_IN_MAX
                                                              : (int)MACHINE_OUT_MAX,
    SPARE_MAX = 64,     /* free buffers kept; 1 MiB */
    STEPS_MAX = 1 << 20 /* of one pass; more is a machine that spins */
};

struct link_buffer {
    struct link_buffer *next;
    uint32_t start;
    uint32_t end;
    char bytes[BUFFER_BYTES];
};

struct pass {
    const char *in;
    size_t in_len;
    char *out;
    size_t out_len;
    size_t ready;
};

bool link_pool_init(struct link_pool *p)
{
    *p = (struct link_pool){.scratch_in = malloc(MACHINE_IN_MAX),
                            .scratch_out = malloc(MACHINE_OUT_MAX)};
    if (p->scratch_in != NULL && p->scratch_out != NULL)
        return true;
    link_pool_clear(p);
    return false;
}

void link_pool_clear(struct link_pool *p)
{
    assert(p->lent == 0);
    while (p->free_list != NULL) {
        struct link_buffer *next = p->free_list->next;
        free(p->free_list);
        p->free_list = next;
    }
    free(p->scratch_in);
    free(p->scratch_out);
    *p = (struct link_pool){0};
}

static struct link_buffer *buffer_get(struct link_pool *p)
{
    struct link_buffer *b = p->free_list;
    if (b != NULL) {
        p->free_list = b->next;
        p->spare--;
    } else {
        b = malloc(sizeof *b);
    }
    if (b == NULL)
        return NULL;
    p->lent++;
    b->start = 0;
    b->end = 0;
    return b;
}

static void buffer_put(struct link_pool *p, struct link_buffer **buffer)
{
    struct link_buffer *b = *buffer;
    if (b == NULL)
        return;
    *buffer = NULL;
    p->lent--;
    if (p->spare >= SPARE_MAX) {
        free(b);
        return;
    }
    b->next = p->free_list;
    p->free_list = b;
    p->spare++;
}

static void buffer_append(struct link_buffer *b, const char *data, size_t len)
{
    if (b->end + len > BUFFER_BYTES) {
        memmove(b->bytes, b->bytes + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    assert(b->end + len <= BUFFER_BYTES);
    memcpy(b->bytes + b->end, data, len);
    b->end += (uint32_t)len;
}

void link_init(struct link_core *core, struct machine machine, enum machine_peer peer)
{
    *core = (struct link_core){.machine = machine, .peer = (uint8_t)peer, .wish = WISH_OPEN};
}

void link_clear(struct link_core *core, struct link_pool *p)
{
    buffer_put(p, &core->in);
    buffer_put(p, &core->out);
    core->ready = 0;
}

size_t link_unread(const struct link_core *core)
{
    return core->in != NULL ? core->in->end - core->in->start : 0;
}

size_t link_room(const struct link_core *core)
{
    return MACHINE_IN_MAX - link_unread(core);
}

bool link_unsent(const struct link_core *core)
{
    return core->ready > 0;
}

int64_t link_deadline(const struct link_core *core, int64_t now_ns)
{
    int64_t deadline_ns = core->machine.ops->deadline(core->machine.self);
    if (core->wish == WISH_CLOSE && core->ready > 0 && deadline_ns > now_ns + LINK_DRAIN_NS)
        return now_ns + LINK_DRAIN_NS;
    return deadline_ns;
}

bool link_overdue(const struct link_core *core, int64_t now_ns, int64_t deadline_ns)
{
    return core->wish == WISH_CLOSE && core->ready > 0 && now_ns >= deadline_ns;
}

static void pass_begin(struct pass *pass, struct link_core *core, const struct link_pool *p,
                       const char *data, size_t len)
{
    if (core->in != NULL) {
        if (len > 0)
            buffer_append(core->in, data, len);
        pass->in = core->in->bytes + core->in->start;
        pass->in_len = core->in->end - core->in->start;
    } else {
        pass->in = data;
        pass->in_len = len;
    }
    pass->out = p->scratch_out;
    pass->out_len = 0;
    pass->ready = core->ready;
    if (core->out != NULL) {
        assert(core->out->start == 0);
        pass->out = core->out->bytes;
        pass->out_len = core->out->end;
    }
}

/* What is left over stays with the link. */
static bool pass_end(struct pass *pass, struct link_core *core, struct link_pool *p)
{
    core->ready = (uint32_t)pass->ready;
    if (pass->in_len == 0) {
        buffer_put(p, &core->in);
    } else if (core->in != NULL) {
        core->in->start = core->in->end - (uint32_t)pass->in_len;
    } else {
        core->in = buffer_get(p);
        if (core->in == NULL)
            return false;
        buffer_append(core->in, pass->in, pass->in_len);
    }
    if (pass->out_len == 0) {
        buffer_put(p, &core->out);
        return true;
    }
    if (core->out == NULL) {
        core->out = buffer_get(p);
        if (core->out == NULL)
            return false;
        memcpy(core->out->bytes, pass->out, pass->out_len);
    }
    core->out->end = (uint32_t)pass->out_len;
    return true;
}

/* Returns how much went. */
static size_t pass_send(struct pass *pass, const struct link_core *core, const struct link_out *out)
{
    if (pass->ready == 0 || (core->peer != PEER_OPEN && core->peer != PEER_FIN))
        return 0;
    size_t sent = out->send(out->driver_link, pass->out, pass->ready);
    assert(sent <= pass->ready);
    if (sent > 0 && sent < pass->out_len)
        memmove(pass->out, pass->out + sent, pass->out_len - sent);
    pass->out_len -= sent;
    pass->ready -= sent;
    return sent;
}

/* One step and one write; false when neither input was used nor output sent. */
static bool pass_step(struct pass *pass, struct link_core *core, int64_t now_ns,
                      const struct link_out *out)
{
    struct machine_io io = {
        .now_ns = now_ns,
        .peer = (enum machine_peer)core->peer,
        .in = pass->in,
        .in_len = pass->in_len,
        .out = pass->out,
        .out_cap = MACHINE_OUT_MAX,
        .out_len = pass->out_len,
        .out_ready = pass->ready,
        .tls = (enum machine_tls)core->tls};
    enum machine_wish wish = core->machine.ops->step(core->machine.self, &io);
    assert(io.in_used <= pass->in_len);
    assert(io.out_len >= pass->out_len && io.out_len <= MACHINE_OUT_MAX);
    assert(io.out_ready >= pass->ready && io.out_ready <= io.out_len);
    core->trace = io.trace;
    if (core->wish != WISH_CLOSE || wish == WISH_RESET)
        core->wish = (uint8_t)wish;
    if (io.in_used > 0) {
        pass->in += io.in_used;
        pass->in_len -= io.in_used;
    }
    pass->out_len = io.out_len;
    pass->ready = io.out_ready;
    if (core->wish == WISH_RESET)
        return false;
    size_t sent = pass_send(pass, core, out);
    return (io.in_used > 0 || sent > 0) && core->wish != WISH_CLOSE;
}

/* A machine that takes nothing of a full buffer and waits for nothing would never go on. */
static bool hangs(const struct pass *pass, const struct link_core *core)
{
    return pass->in_len == MACHINE_IN_MAX && pass->out_len == 0 && core->wish != WISH_CLOSE &&
           core->machine.ops->deadline(core->machine.self) == CLOCK_NEVER;
}

bool link_pump(struct link_core *core, struct link_pool *p, int64_t now_ns, const char *data,
               size_t len, const struct link_out *out)
{
    assert(len <= link_room(core));
    struct pass pass;
    pass_begin(&pass, core, p, data, len);
    (void)pass_send(&pass, core, out);
    unsigned steps = 0;
    if (core->wish != WISH_CLOSE || pass.ready > 0)
        while (steps < STEPS_MAX && pass_step(&pass, core, now_ns, out))
            steps++;
    return pass_end(&pass, core, p) && steps < STEPS_MAX && !hangs(&pass, core);
}
