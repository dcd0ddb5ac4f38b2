/*
 * sim_net.c - the stream between two ends
 *
 * What is sent is copied once, into a segment that waits in the receiver's queue, and the machine
 * reads it there. Each queue is in order of arrival, so one heap event per end is enough: that of
 * its head. A segment has its sequence number from the moment it was sent, so the order among all
 * ends is the same as if each had an event of its own.
 *
 * The window counts bytes under way, bytes that wait for room, and bytes that the machine left
 * unused. Bytes of a stalled stream stay in the window for ever, as those of a real one would stay
 * unacknowledged.
 */
#include <assert.h>
#include <string.h>

#include "drive/sim/sim_private.h"

static const uint16_t segment_room[SIM_SEGMENT_SIZES] = {88, 984, MACHINE_OUT_MAX};

void sim_net_init(struct sim *s)
{
    static const unsigned per_chunk[SIM_SEGMENT_SIZES] = {128, 16, 2};
    for (int i = 0; i < SIM_SEGMENT_SIZES; i++)
        slab_init(&s->segments[i], sizeof(struct sim_segment) + segment_room[i], per_chunk[i]);
}

static struct sim_segment *segment_new(struct sim *s, enum sim_segment_kind kind, const char *data,
                                       size_t len)
{
    uint8_t i = 0;
    assert(len <= MACHINE_OUT_MAX);
    while (i + 1 < SIM_SEGMENT_SIZES && segment_room[i] < len)
        i++;
    struct sim_segment *segment = slab_get(&s->segments[i]);
    if (segment == NULL) {
        s->no_memory = true;
        return NULL;
    }
    segment->next = NULL;
    segment->start = 0;
    segment->end = (uint32_t)len;
    segment->kind = (uint8_t)kind;
    segment->size_index = i;
    if (len > 0)
        memcpy(segment->bytes, data, len);
    return segment;
}

void sim_net_free(struct sim *s, struct sim_segment *segment)
{
    slab_put(&s->segments[segment->size_index], segment);
}

static void enqueue(struct sim_link *to, struct sim_segment *segment, int64_t delay_ns)
{
    struct sim *s = to->sim;
    int64_t at_ns = clock_after(s->now_ns, delay_ns);
    if (at_ns < to->last_at_ns)
        at_ns = to->last_at_ns;
    to->last_at_ns = at_ns;
    segment->at_ns = at_ns;
    segment->seq = ++s->seq;
    bool first = to->head == NULL;
    *to->tail = segment;
    to->tail = &segment->next;
    if (first)
        (void)sim_schedule(s, &to->arrive, at_ns, segment->seq);
}

static int64_t delay(const struct sim_conn *c, struct sim *s)
{
    if (c->jitter_ns <= 0)
        return c->latency_ns;
    return c->latency_ns + (int64_t)prng_range(&s->prng, 0, (uint64_t)c->jitter_ns);
}

void sim_net_tell(struct sim_link *to, enum sim_segment_kind kind, unsigned trips)
{
    if (to->state != END_LIVE)
        return;
    struct sim_segment *segment = segment_new(to->sim, kind, NULL, 0);
    if (segment != NULL)
        enqueue(to, segment, to->conn->latency_ns * (int64_t)trips);
}

struct sim_segment *sim_net_take(struct sim_link *l)
{
    struct sim_segment *segment = l->head;
    l->head = segment->next;
    if (l->head == NULL)
        l->tail = &l->head;
    return segment;
}

void sim_net_drop(struct sim_link *l)
{
    while (l->head != NULL)
        sim_net_free(l->sim, sim_net_take(l));
    l->queued = 0;
    sim_heap_remove(&l->sim->heap, &l->arrive);
}

size_t sim_net_window(const struct sim_link *to)
{
    size_t taken = to->queued + link_unread(&to->core);
    return taken < to->conn->window ? to->conn->window - taken : 0;
}

/* The first fault that the stream from the server meets. */
static void choose_cut(struct sim_conn *c, const struct sim_path *path)
{
    const uint64_t after[] = {[CUT_RESET] = path->reset_after,
                              [CUT_FIN] = path->fin_after,
                              [CUT_STALL] = path->stall_after};
    c->cut_after = UINT64_MAX;
    c->cut_kind = CUT_NONE;
    c->cut = CUT_NONE;
    for (int kind = CUT_RESET; kind <= CUT_STALL; kind++) {
        if (after[kind] > 0 && after[kind] < c->cut_after) {
            c->cut_after = after[kind];
            c->cut_kind = (uint8_t)kind;
        }
    }
}

void sim_net_route(struct sim *s, struct sim_conn *c)
{
    static const struct sim_path perfect = {0};
    const struct sim_path *path = &perfect;
    for (const struct sim_route *r = s->route_list; r != NULL; r = r->next)
        if (endpoint_equal(&r->to, &c->to))
            path = &r->path;
    c->latency_ns = path->latency_ns > 0 ? path->latency_ns : s->config.latency_ns;
    c->jitter_ns = path->jitter_ns;
    c->window = path->window > 0 ? path->window : s->config.window;
    c->segment_max = path->segment_max > 0 ? path->segment_max : MACHINE_OUT_MAX;
    c->segment_random = path->segment_random;
    choose_cut(c, path);
    switch (path->connect) {
    case SIM_CONNECT_OK:
        sim_net_tell(&c->end[SIM_CLIENT], SEGMENT_KNOCK, 1);
        break;
    case SIM_CONNECT_REFUSE:
        sim_net_tell(&c->end[SIM_CLIENT], SEGMENT_REFUSED, 2);
        break;
    case SIM_CONNECT_UNREACHABLE:
        sim_net_tell(&c->end[SIM_CLIENT], SEGMENT_UNREACHABLE, 2);
        break;
    case SIM_CONNECT_SILENT:
        break;
    }
}

/* At least one segment per write; returns how many bytes are on their way. */
static size_t send_segments(struct sim_link *to, const char *data, size_t len)
{
    const struct sim_conn *c = to->conn;
    size_t done = 0;
    while (done < len) {
        size_t size = len - done;
        if (size > c->segment_max)
            size = c->segment_max;
        if (size > MACHINE_OUT_MAX)
            size = MACHINE_OUT_MAX;
        if (c->segment_random)
            size = (size_t)prng_range(&to->sim->prng, 1, size);
        struct sim_segment *segment = segment_new(to->sim, SEGMENT_DATA, data + done, size);
        if (segment == NULL)
            break;
        to->queued += (uint32_t)size;
        enqueue(to, segment, delay(c, to->sim));
        done += size;
    }
    return done;
}

/* The fault that the path has for the stream from the server. */
static void cut(struct sim_conn *c)
{
    c->cut = c->cut_kind;
    if (c->cut == CUT_FIN)
        sim_net_tell(&c->end[SIM_CLIENT], SEGMENT_FIN, 1);
    if (c->cut == CUT_RESET) {
        sim_net_tell(&c->end[SIM_CLIENT], SEGMENT_RESET, 1);
        sim_net_tell(&c->end[SIM_SERVER], SEGMENT_RESET, 1);
    }
}

/* Bytes for a machine that is gone: taken for a while, then answered with a reset, as loop_link.c
   does. */
static size_t send_into_void(struct sim_link *l, struct sim_link *to, size_t len)
{
    to->discarded += len;
    bool late = l->sim->now_ns - to->closed_ns > LINK_LINGER_NS ||
                to->discarded > LINK_LINGER_BYTES;
    if (late && !to->reset_told && l->conn->cut != CUT_STALL) {
        to->reset_told = true;
        sim_net_tell(l, SEGMENT_RESET, 2);
    }
    return len;
}

static size_t send_from_server(struct sim_link *l, struct sim_link *to, const char *data,
                               size_t len)
{
    struct sim_conn *c = l->conn;
    size_t whole = len;
    uint64_t left = c->cut_after - l->sent;
    if (c->cut == CUT_NONE && whole > left)
        whole = (size_t)left;
    if (c->cut == CUT_NONE) {
        size_t sent = send_segments(to, data, whole);
        if (sent < whole || l->sent + sent < c->cut_after)
            return sent;
        cut(c);
    } else {
        whole = 0;
    }
    if (c->cut == CUT_STALL)
        to->queued += (uint32_t)(len - whole);
    return len;
}

size_t sim_net_send(void *link, const char *data, size_t len)
{
    struct sim_link *l = link;
    struct sim_link *to = sim_peer(l);
    if (l->fin_sent || l->sim->bytes >= l->sim->config.bytes_max)
        return 0;
    size_t sent = 0;
    if (to->state != END_LIVE) {
        sent = send_into_void(l, to, len);
    } else {
        size_t window = sim_net_window(to);
        size_t fits = len < window ? len : window;
        if (fits > 0 && l->side == SIM_SERVER)
            sent = send_from_server(l, to, data, fits);
        else if (fits > 0)
            sent = send_segments(to, data, fits);
        l->blocked = sent < len;
    }
    l->sent += sent;
    l->sim->bytes += sent;
    return sent;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

/* Least byte first on every machine; compilers make one load of it. */
static inline uint64_t word_at(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

void sim_net_trace(struct sim_link *l, enum sim_segment_kind kind, const char *data, size_t len)
{
    uint64_t hash = mix(l->sim->hash, (uint64_t)l->sim->now_ns);
    hash = mix(hash, l->conn->number << 8 | (uint64_t)l->side << 4 | (uint64_t)kind);
    if (l->core.trace != 0) { /* ciphertext is never the same twice; what it meant is */
        l->sim->hash = mix(hash, l->core.trace);
        return;
    }
    hash = mix(hash, len);
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        hash = mix(hash, word_at(data + i));
    if (i < len) {
        char last[8] = {0};
        memcpy(last, data + i, len - i);
        hash = mix(hash, word_at(last));
    }
    l->sim->hash = hash;
}
