/*
 * machine.h - a protocol is a value that turns bytes and time into bytes and a deadline
 *
 * Every protocol of this project (SMTP client, SMTP server) is a machine: a struct with one
 * function, `step`. It makes no system call, reads no clock, draws no random number and allocates
 * nothing. Two drivers run machines: drive/loop (libev, sockets) and drive/sim (virtual time,
 * simulated network), both through drive/link, so that a session cannot tell them apart.
 *
 * How a driver calls it: `step` with all bytes that came and were not used yet, and all bytes that
 * were offered and not sent yet. The machine uses some input (in_used), appends output (up to
 * out_cap), and says how much of the output may go (out_ready). The driver sends the ready bytes in
 * one write, and steps again as long as a step used input or sent something. After that, the next
 * step comes with new input, with a changed `peer`, when output drained, when the deadline has
 * come, or when the machine's owner called world_wake.
 *
 * Held output: bytes between out_ready and out_len wait inside the driver's buffer until a later
 * step raises out_ready: that is how a reply is delayed, or cut into segments (one write per step)
 * without a copy in the machine.
 *
 * Limits: in_len reaches MACHINE_IN_MAX at most. A machine that uses nothing of a full buffer must
 * have a deadline or held or unsent output, else the driver ends the link (it would hang).
 *
 * Encryption: a layer between driver and machine (drive/tls/tls.h) may encrypt what goes by. The
 * machine sees in `tls` how far that is, and may ask for it (STARTTLS) by start_tls; it always
 * reads and writes plaintext.
 *
 * Ownership: buffers are the driver's, lent for the length of the call. `step` must never call into
 * the driver in a way that steps another machine at once: world_* calls only queue.
 */
#ifndef RELAYLAB_LIB_MACHINE_H
#define RELAYLAB_LIB_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_IN_MAX = 16384, MACHINE_OUT_MAX = 16384 };

/* What the machine knows of the other side. Only ever grows towards GONE. */
enum machine_peer {
    PEER_CONNECTING,  /* nothing yet */
    PEER_OPEN,        /* bytes flow */
    PEER_FIN,         /* open, but after these input bytes nothing more comes */
    PEER_REFUSED,     /* the connection was refused */
    PEER_UNREACHABLE, /* no route, or the network said no in another way */
    PEER_RESET        /* the connection broke; nothing can be sent */
};

enum machine_wish {
    WISH_OPEN,       /* go on */
    WISH_HALF_CLOSE, /* send FIN after the ready output, keep reading */
    WISH_CLOSE,      /* close after the ready output was sent */
    WISH_RESET       /* break off with RST now */
};

enum machine_tls {
    MACHINE_TLS_NONE,      /* no such layer: start_tls means nothing */
    MACHINE_TLS_READY,     /* in clear; start_tls may be set */
    MACHINE_TLS_HANDSHAKE, /* under way: nothing comes in, and nothing must be said */
    MACHINE_TLS_ON,
    MACHINE_TLS_FAILED /* the handshake failed, or what came later could not be decrypted */
};

struct machine_io {
    int64_t now_ns;
    enum machine_peer peer;
    const char *in; /* not used yet */
    size_t in_len;
    size_t in_used; /* set by the machine; 0 at call */
    char *out;      /* not sent yet, machine appends at out + out_len */
    size_t out_cap;
    size_t out_len;
    size_t out_ready; /* at call: what was ready and could not be sent yet */
    enum machine_tls tls;
    /* Set by the machine, with all its output ready: TLS begins behind that. Input that it did not
       use came in clear too early: it is dropped, and counted by the layer. */
    bool start_tls;
    /* Set by a layer whose bytes look different in each run: a hash of what they mean, for traces.
       0: the bytes themselves. */
    uint64_t trace;
};

struct machine_ops {
    const char *name;
    enum machine_wish (*step)(void *self, struct machine_io *io);
    /* Absolute; CLOCK_NEVER only when finished. Asked after each step. */
    int64_t (*deadline)(const void *self);
    /* The link is over and the driver forgets the machine: the last call. May be NULL. */
    void (*ended)(void *self);
};

struct machine {
    const struct machine_ops *ops;
    void *self;
};

#endif
