/*
 * talker.h - a small machine for tests of the drivers: says bytes, hears bytes, and notes what it
 * saw
 *
 * All zero it stays silent and closes when the peer does. What it says is a pattern, so that lost,
 * doubled and swapped bytes all show.
 */
#ifndef RELAYLAB_TESTS_UNIT_TALKER_H
#define RELAYLAB_TESTS_UNIT_TALKER_H

#include <assert.h>
#include <string.h>

#include "drive/world.h"

enum { TALKER_KEEPS = 4096 };

struct talker {
    /* How it behaves. */
    size_t says;            /* bytes of the pattern */
    size_t per_step;        /* at most so many in one step; 0: as many as fit */
    bool echoes;            /* says what it hears */
    bool waits_for_answer;  /* says the next part only when as much came back as it said */
    size_t sip;             /* input used per step; 0: all */
    bool deaf;              /* uses no input */
    int64_t gap_ns;         /* held output: one part (per_step bytes) every so often */
    enum machine_wish then; /* when all is said and sent */
    bool then_waits;        /* ... and as much was heard */
    bool stays;             /* a peer's FIN is not answered with a close */
    int64_t patience_ns;    /* reset when the last step is so long ago; 0: an hour */
    /* What it saw. */
    char peers[8]; /* a letter per state of the peer, in order */
    char heard[TALKER_KEEPS];
    size_t heard_len;
    uint64_t heard_hash;
    size_t said;
    int64_t release_ns;
    int64_t last_ns; /* the last step */
    unsigned steps;
    unsigned ended;
    bool timed_out;
};

static inline char talker_byte(size_t i)
{
    return (char)('A' + (int)((i * 7 + i / 26) % 26));
}

static inline void talker_note_peer(struct talker *t, enum machine_peer peer)
{
    static const char letters[] = {
        [PEER_CONNECTING] = 'c', [PEER_OPEN] = 'o',        [PEER_FIN] = 'f',
        [PEER_REFUSED] = 'r',    [PEER_UNREACHABLE] = 'u', [PEER_RESET] = 'x'};
    size_t len = strlen(t->peers);
    if (len < sizeof t->peers - 1 && (len == 0 || t->peers[len - 1] != letters[peer]))
        t->peers[len] = letters[peer];
}

static inline void talker_hear(struct talker *t, struct machine_io *io)
{
    size_t len = t->deaf ? 0 : io->in_len;
    if (t->sip > 0 && len > t->sip)
        len = t->sip;
    if (t->echoes && len > io->out_cap - io->out_len)
        len = io->out_cap - io->out_len;
    for (size_t i = 0; i < len; i++) {
        if (t->heard_len < TALKER_KEEPS)
            t->heard[t->heard_len] = io->in[i];
        t->heard_hash = t->heard_hash * 31 + (unsigned char)io->in[i];
        t->heard_len++;
    }
    if (t->echoes && len > 0) {
        memcpy(io->out + io->out_len, io->in, len);
        io->out_len += len;
    }
    io->in_used = len;
}

static inline void talker_say(struct talker *t, struct machine_io *io)
{
    size_t len = t->says - t->said;
    if (t->waits_for_answer && t->heard_len < t->said)
        len = 0;
    if (t->per_step > 0 && t->gap_ns == 0 && len > t->per_step)
        len = t->per_step;
    if (len > io->out_cap - io->out_len)
        len = io->out_cap - io->out_len;
    for (size_t i = 0; i < len; i++)
        io->out[io->out_len + i] = talker_byte(t->said + i);
    io->out_len += len;
    t->said += len;
}

/* With a gap, one part becomes ready at its time. */
static inline void talker_release(struct talker *t, struct machine_io *io)
{
    if (t->gap_ns == 0) {
        io->out_ready = io->out_len;
        return;
    }
    size_t held = io->out_len - io->out_ready;
    if (held == 0) {
        t->release_ns = CLOCK_NEVER;
        return;
    }
    if (t->release_ns == 0 || t->release_ns == CLOCK_NEVER)
        t->release_ns = io->now_ns + t->gap_ns;
    if (io->now_ns >= t->release_ns) {
        size_t part = t->per_step > 0 ? t->per_step : held;
        io->out_ready += part < held ? part : held;
        t->release_ns = part < held ? io->now_ns + t->gap_ns : CLOCK_NEVER;
    }
}

static inline enum machine_wish talker_step(void *self, struct machine_io *io)
{
    struct talker *t = self;
    assert(t->ended == 0);
    int64_t patience_ns = t->patience_ns > 0 ? t->patience_ns : CLOCK_HOUR;
    t->timed_out = t->steps > 0 && io->now_ns - t->last_ns >= patience_ns;
    t->last_ns = io->now_ns;
    t->steps++;
    talker_note_peer(t, io->peer);
    if (t->timed_out)
        return WISH_RESET;
    if (io->peer == PEER_CONNECTING)
        return WISH_OPEN;
    if (io->peer > PEER_FIN)
        return WISH_CLOSE;
    talker_hear(t, io);
    talker_say(t, io);
    talker_release(t, io);
    bool all_said = t->said == t->says && io->out_len == 0;
    if (t->then != WISH_OPEN && all_said && (!t->then_waits || t->heard_len >= t->said))
        return io->peer == PEER_FIN && io->in_used == io->in_len && !t->stays
                   ? WISH_CLOSE
                   : t->then;
    if (io->peer == PEER_FIN && io->in_used == io->in_len && all_said && !t->stays)
        return WISH_CLOSE;
    return WISH_OPEN;
}

static inline int64_t talker_deadline(const void *self)
{
    const struct talker *t = self;
    int64_t at_ns = t->last_ns + (t->patience_ns > 0 ? t->patience_ns : CLOCK_HOUR);
    return t->gap_ns > 0 && t->release_ns != 0 && t->release_ns < at_ns ? t->release_ns : at_ns;
}

static inline void talker_ended(void *self)
{
    struct talker *t = self;
    t->ended++;
}

static inline struct machine talker_machine(struct talker *t)
{
    static const struct machine_ops ops = {
        .name = "talker", .step = talker_step, .deadline = talker_deadline, .ended = talker_ended};
    return (struct machine){.ops = &ops, .self = t};
}

struct talker_desk { /* accepts one connection after another for the talkers in a row */
    struct talker *talkers;
    unsigned count;
    unsigned next;
    struct endpoint peer; /* of the last */
};

static inline bool talker_accept(void *self, struct link *link, const struct endpoint *local,
                                 const struct endpoint *peer, struct machine *machine)
{
    struct talker_desk *desk = self;
    (void)link;
    (void)local;
    desk->peer = *peer;
    if (desk->next == desk->count)
        return false;
    *machine = talker_machine(&desk->talkers[desk->next++]);
    return true;
}

#endif
