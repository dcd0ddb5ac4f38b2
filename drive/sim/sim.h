/*
 * sim.h - the simulator: virtual time, a simulated network, nothing left to chance
 *
 * A heap of events ordered by (time, sequence). It never ticks: the clock jumps to the next event,
 * so an hour of silence costs nothing. The same seed gives the same run, byte for byte, and so the
 * same trace hash.
 *
 * The network: each direction of a connection is a stream with a latency, cut into segments (by
 * rule or by the seed), with a finite window (bytes in flight and unread), and may refuse, stay
 * silent, break or stall. Faults belong to the endpoint that is connected to (sim_at).
 *
 * Ownership: sim_new allocates, sim_free gives back all; machines and timers are the callers'.
 * Links whose machines are alive at sim_free are ended (`ended` is called).
 * Limits: events, virtual time and bytes of a run (struct sim_config); reaching one ends sim_run
 * with its name.
 */
#ifndef RELAYLAB_DRIVE_SIM_SIM_H
#define RELAYLAB_DRIVE_SIM_SIM_H

#include "drive/world.h"

struct sim;

enum sim_end {
    SIM_IDLE,    /* nothing left to happen */
    SIM_STOPPED, /* world_stop */
    SIM_EVENTS,
    SIM_TIME, /* until_ns or time_max_ns */
    SIM_BYTES,
    SIM_MEMORY /* the host had none left */
};

enum sim_connect {
    SIM_CONNECT_OK,
    SIM_CONNECT_REFUSE,
    SIM_CONNECT_SILENT,
    SIM_CONNECT_UNREACHABLE
};

/* How the network behaves towards one endpoint, both directions; all zero: a perfect network. */
struct sim_path {
    enum sim_connect connect;
    int64_t latency_ns;   /* one way; 0: the config's */
    int64_t jitter_ns;    /* a seeded extra of up to this per segment; order is kept */
    uint32_t segment_max; /* bytes in a segment; 0: as written */
    bool segment_random;  /* seeded cuts of 1..segment_max (or of the write) */
    uint32_t window;      /* bytes under way and unread; 0: the config's */
    uint64_t reset_after; /* the connection breaks after so many bytes from the server; 0: never */
    uint64_t fin_after;   /* the stream from the server ends after so many bytes */
    uint64_t stall_after; /* nothing more arrives from the server after so many bytes */
};

struct sim_config {
    uint64_t seed;
    int64_t epoch_s;     /* wall clock at virtual instant 0 */
    int64_t latency_ns;  /* one way; default 1 ms when 0 */
    uint32_t window;     /* default 65536 when 0 */
    uint64_t events_max; /* default 10,000,000 when 0 */
    int64_t time_max_ns; /* default 30 days when 0 */
    uint64_t bytes_max;  /* default 1 GiB when 0 */
    uint16_t ephemeral;  /* first source port handed out; default 40000 when 0 */
};

struct sim *sim_new(const struct sim_config *config); /* NULL: no memory */
void sim_free(struct sim *s);
/*
 * Back to instant 0 with another seed, memory kept: many runs cost no allocation. All links are
 * ended first, timers are stopped, paths (sim_at) forgotten, and numbers of links and ports start
 * again. Listeners stay: their owners unlisten.
 */
void sim_reset(struct sim *s, uint64_t seed);
struct world *sim_world(struct sim *s);
/* How the network behaves towards that endpoint from now on (new connections). */
void sim_at(struct sim *s, const struct endpoint *to, const struct sim_path *path);
enum sim_end sim_run(struct sim *s, int64_t until_ns); /* until_ns: CLOCK_NEVER for no end */
/* 64-bit hash over (time, link number, direction, bytes) of everything that arrived. */
uint64_t sim_hash(const struct sim *s);
uint64_t sim_events(const struct sim *s);
const char *sim_end_name(enum sim_end end);

#endif
