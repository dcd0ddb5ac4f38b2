/*
 * link.h - the part of a connection that both drivers share: a machine, its buffers, and the order
 * of steps
 *
 * link_pump is the whole contract of lib/machine.h in one function: the drivers differ only in
 * where bytes come from and go to. Buffers are lent from a pool while bytes are pending; between
 * calls an idle link holds none.
 *
 * A peer beyond PEER_FIN is told to the machine in one pump; whatever it wishes then, the driver
 * ends the link.
 *
 * Ownership: the pool is the driver's. A link_core is part of the driver's own link struct.
 */
#ifndef RELAYLAB_DRIVE_LINK_H
#define RELAYLAB_DRIVE_LINK_H

#include "lib/machine.h"

struct link_buffer; /* MACHINE_IN_MAX bytes with a start and an end */

/* After a close a peer's bytes are discarded: so many, and for so long. */
enum { LINK_LINGER_BYTES = 1048576 };
#define LINK_LINGER_NS (2 * INT64_C(1000000000))
/* How long a close waits for its last output to move. */
#define LINK_DRAIN_NS (30 * INT64_C(1000000000))

struct link_pool {
    struct link_buffer *free_list;
    unsigned lent;
    unsigned spare;    /* on the free list */
    char *scratch_in;  /* MACHINE_IN_MAX, for bytes that are used at once */
    char *scratch_out; /* MACHINE_OUT_MAX */
};

struct link_core {
    struct machine machine;
    struct link_buffer *in;  /* NULL: nothing unread */
    struct link_buffer *out; /* NULL: nothing unsent */
    uint32_t ready;          /* bytes of out that may go */
    uint8_t peer;            /* enum machine_peer */
    uint8_t wish;            /* enum machine_wish of the last step */
    uint8_t tls;             /* enum machine_tls, of a layer's inner machine */
    uint64_t trace;          /* of the last step; 0: the bytes tell all */
};

/* Sends up to len bytes for the driver; returns how many went (0: not now). */
struct link_out {
    size_t (*send)(void *driver_link, const char *data, size_t len);
    void *driver_link;
};

/* A link starts PEER_CONNECTING (we connect) or PEER_OPEN (we accepted). */
void link_init(struct link_core *core, struct machine machine, enum machine_peer peer);
bool link_pool_init(struct link_pool *p); /* false: no memory */
void link_pool_clear(struct link_pool *p);

/*
 * Gives the machine `len` new bytes (may be 0) that the driver holds in `data` (may be
 * p->scratch_in), steps it until it neither uses input nor sends output, and keeps what is left
 * over. Precondition: len <= link_room(core). Returns false when memory for a buffer was not to be
 * had, or when the machine hangs on a full buffer (see machine.h): the driver must break the link.
 */
bool link_pump(struct link_core *core, struct link_pool *p, int64_t now_ns, const char *data,
               size_t len, const struct link_out *out);
/*
 * When the link wants to be stepped next: the machine's deadline, and while a close waits for
 * unsent output at most LINK_DRAIN_NS from now. link_overdue says that this last wait is over: the
 * driver must break the link.
 */
int64_t link_deadline(const struct link_core *core, int64_t now_ns);
bool link_overdue(const struct link_core *core, int64_t now_ns, int64_t deadline_ns);
size_t link_unread(const struct link_core *core); /* bytes that came and were not used yet */
size_t link_room(const struct link_core *core);   /* bytes that may still be read for it */
bool link_unsent(const struct link_core *core);   /* ready bytes wait for the socket */
void link_clear(struct link_core *core, struct link_pool *p); /* buffers back */

#endif
