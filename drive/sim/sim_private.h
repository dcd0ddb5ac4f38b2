/*
 * sim_private.h - what the simulator's files know of each other
 *
 * sim.c is the run and the world's calls, sim_link.c the two ends of a connection, sim_net.c the
 * stream between them, sim_heap.c the future.
 */
#ifndef RELAYLAB_DRIVE_SIM_SIM_PRIVATE_H
#define RELAYLAB_DRIVE_SIM_SIM_PRIVATE_H

#include "drive/link.h"
#include "drive/sim/sim.h"
#include "drive/sim/sim_heap.h"
#include "drive/slab.h"
#include "lib/base/prng.h"

enum { SIM_CLIENT, SIM_SERVER }; /* the sides of a connection */
enum { SIM_SEGMENT_SIZES = 3 };

enum sim_node_kind { NODE_ARRIVE, NODE_TIMER, NODE_WORLD };

/* What travels. The numbers are in the trace hash. */
enum sim_segment_kind {
    SEGMENT_DATA,
    SEGMENT_KNOCK, /* the client's SYN; in the client's own queue until it is at the server */
    SEGMENT_OPEN,
    SEGMENT_FIN,
    SEGMENT_REFUSED,
    SEGMENT_UNREACHABLE,
    SEGMENT_RESET
};

enum sim_end_state {
    END_NONE, /* not accepted */
    END_LIVE,
    END_CLOSED /* its machine is gone */
};

enum sim_cut { CUT_NONE, CUT_RESET, CUT_FIN, CUT_STALL }; /* what became of the server's stream */

struct sim_segment {
    struct sim_segment *next;
    int64_t at_ns;
    uint64_t seq;
    uint32_t start; /* of what is not handed over yet */
    uint32_t end;
    uint8_t kind; /* enum sim_segment_kind */
    uint8_t size_index;
    char bytes[];
};

struct sim_link { /* one end; what the world calls a struct link */
    struct link_core core;
    struct sim *sim;
    struct sim_conn *conn;
    struct sim_segment *head; /* on the way to this end, or arrived and waiting for room */
    struct sim_segment **tail;
    struct sim_node arrive; /* the head's arrival */
    struct sim_node timer;  /* not later than what is due next; lazy, see sim_link.c */
    int64_t deadline_ns;
    int64_t wake_ns;    /* world_wake, or the peer's window opened; CLOCK_NEVER: no */
    int64_t last_at_ns; /* arrival of the tail: order is kept */
    int64_t closed_ns;
    uint64_t sent;      /* bytes this end wrote */
    uint64_t discarded; /* bytes that came after it was closed */
    uint32_t queued;    /* bytes of window that the queue takes */
    uint8_t side;
    uint8_t state; /* enum sim_end_state */
    bool fin_sent;
    bool blocked;    /* wrote more than the peer's window took */
    bool reset_told; /* a late writer was told that this end is gone */
};

struct sim_conn {
    struct sim_link end[2];
    struct sim_conn *prev;
    struct sim_conn *next;
    struct endpoint source;
    struct endpoint to;
    uint64_t number; /* from 1, in order of world_connect */
    int64_t latency_ns;
    int64_t jitter_ns;
    uint64_t cut_after; /* bytes from the server; UINT64_MAX: never */
    uint32_t window;
    uint32_t segment_max;
    bool segment_random;
    uint8_t cut_kind; /* enum sim_cut that cut_after brings */
    uint8_t cut;      /* enum sim_cut that has happened */
};

struct sim_listener { /* what the world calls a struct listener */
    struct sim_listener *next;
    struct endpoint at;
    struct acceptor acceptor;
};

struct sim_route { /* sim_at */
    struct sim_route *next;
    struct endpoint to;
    struct sim_path path;
};

struct sim {
    struct world world; /* first: a struct world pointer is one to the simulator */
    struct sim_config config;
    int64_t now_ns;
    uint64_t seq;
    uint64_t events;
    uint64_t bytes;
    uint64_t hash;
    uint64_t links;
    struct sim_heap heap;
    struct prng prng;
    struct link_pool pool;
    struct slab conns;
    struct slab timers;
    struct slab listeners;
    struct slab routes;
    struct slab segments[SIM_SEGMENT_SIZES];
    struct sim_conn *conn_list;
    struct sim_listener *listener_list;
    struct sim_route *route_list;
    uint16_t next_source_port;
    uint16_t next_listen_port;
    bool stopped;
    bool closing; /* links are being ended: no new ones */
    bool no_memory;
};

/* sim.c */
bool sim_schedule(struct sim *s, struct sim_node *node, int64_t at_ns, uint64_t seq);
struct sim_listener *sim_listener_at(struct sim *s, const struct endpoint *to);

/* sim_link.c */
struct link *sim_connect(struct sim *s, const struct endpoint *source, const struct endpoint *to,
                         struct machine machine);
void sim_link_wake(struct sim_link *l, int64_t at_ns);
void sim_link_timer(struct sim_link *l);           /* its timer node came */
void sim_link_arrive(struct sim_link *l);          /* its arrive node came */
void sim_link_end(struct sim_link *l, bool reset); /* frees the connection with its second end */

/* sim_net.c */
void sim_net_init(struct sim *s); /* memory for segments */
/* The path's rules, and the client's knock. */
void sim_net_route(struct sim *s, struct sim_conn *c);
size_t sim_net_send(void *link, const char *data, size_t len);
/* Something without bytes, on its way to this end; it takes `trips` latencies. */
void sim_net_tell(struct sim_link *to, enum sim_segment_kind kind, unsigned trips);
struct sim_segment *sim_net_take(struct sim_link *l); /* off the head of the queue */
void sim_net_free(struct sim *s, struct sim_segment *segment);
void sim_net_drop(struct sim_link *l); /* empties the queue */
void sim_net_trace(struct sim_link *l, enum sim_segment_kind kind, const char *data, size_t len);
size_t sim_net_window(const struct sim_link *to); /* bytes that may still be sent to it */

static inline struct sim_link *sim_peer(struct sim_link *l)
{
    return &l->conn->end[l->side == SIM_CLIENT ? SIM_SERVER : SIM_CLIENT];
}

#endif
