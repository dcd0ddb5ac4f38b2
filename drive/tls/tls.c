/*
 * tls.c - bytes through OpenSSL and back, over two memory BIOs
 *
 * In clear the inner machine is stepped with the driver's own buffers, so that nothing changes for
 * it: one write per step, held output, input that stays unread. When it sets start_tls the layer
 * changes sides: from then on the inner machine hangs on a link of its own (drive/link.h), whose
 * bytes go through SSL_write and come from SSL_read, and the driver sees ciphertext only.
 *
 * A step moves bytes until nothing moves any more: driver -> BIO -> handshake or plaintext -> inner
 * machine -> BIO -> driver. What the peer sends is taken from the driver only while little of it
 * waits undecrypted, so that an inner machine that does not read stops the peer as it would in
 * clear.
 *
 * The end of a connection is told inside only when all that came before it was decrypted. A peer
 * that closes without close_notify has closed: mail servers do so every day, and SMTP has its own
 * mark for the end of a message.
 */
#include "drive/tls/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <string.h>

#include "drive/tls/tls_private.h"
#include "lib/base/clock.h"
#include "lib/base/endpoint.h"

static const uint64_t trace_start = UINT64_C(0x544c5300544c5301);

/* -- plaintext on its way */

static void trace_mix(struct tls_layer *l, const char *data, size_t len)
{
    uint64_t hash = l->trace;
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    }
    l->trace = hash != 0 ? hash : trace_start;
}

static bool is_clogged(const struct tls_layer *l)
{
    return BIO_ctrl_pending(l->to_peer) >= TLS_PENDING_MAX / 2;
}

static void break_down(struct tls_layer *l, const char *what)
{
    tls_facts_fail(&l->facts, what);
    l->phase = TLS_BROKEN;
    l->core.tls = MACHINE_TLS_FAILED;
}

/* The inner link's way out. */
static size_t encrypt(void *link, const char *data, size_t len)
{
    struct tls_layer *l = link;
    if (l->phase == TLS_BROKEN) {
        return len; /* nobody can read it any more */
    }
    if (l->phase != TLS_STANDS || l->said_goodbye || is_clogged(l)) {
        return 0;
    }
    ERR_clear_error();
    int sent = SSL_write(l->ssl, data, (int)len);
    if (sent <= 0) {
        break_down(l, "TLS could not be written");
        return 0;
    }
    trace_mix(l, data, (size_t)sent);
    return (size_t)sent;
}

/* False: the link must be broken off. */
static bool pump(struct tls_layer *l, const char *data, size_t len)
{
    struct link_out out = {.send = encrypt, .driver_link = l};
    return link_pump(&l->core, &l->tls->pool, l->now_ns, data, len, &out);
}

/* -- ciphertext on its way */

static bool take_cipher(struct tls_layer *l, struct machine_io *io)
{
    size_t left = io->in_len - io->in_used;
    size_t waiting = BIO_ctrl_pending(l->from_peer);
    if (l->phase == TLS_BROKEN || l->core.wish == WISH_CLOSE) {
        io->in_used = io->in_len;
        return false;
    }
    if (left == 0 || waiting >= TLS_PENDING_MAX) {
        return false;
    }
    size_t len = left < TLS_PENDING_MAX - waiting ? left : TLS_PENDING_MAX - waiting;
    int written = BIO_write(l->from_peer, io->in + io->in_used, (int)len);
    if (written <= 0) {
        break_down(l, "no memory");
        return false;
    }
    io->in_used += (size_t)written;
    return true;
}

static void give_cipher(struct tls_layer *l, struct machine_io *io)
{
    size_t room = io->out_cap - io->out_len;
    size_t waiting = BIO_ctrl_pending(l->to_peer);
    size_t len = room < waiting ? room : waiting;
    if (len > 0) {
        int got = BIO_read(l->to_peer, io->out + io->out_len, (int)len);
        io->out_len += got > 0 ? (size_t)got : 0;
    }
    io->out_ready = io->out_len;
}

/* -- the handshake */

/* Not before it is needed: a session that stays in clear costs its structs. */
static bool open_ssl(struct tls_layer *l)
{
    l->ssl = SSL_new(l->tls->context);
    l->from_peer = BIO_new(BIO_s_mem());
    l->to_peer = BIO_new(BIO_s_mem());
    if (l->ssl == NULL || l->from_peer == NULL || l->to_peer == NULL) {
        BIO_free(l->from_peer);
        BIO_free(l->to_peer);
        return false;
    }
    SSL_set_bio(l->ssl, l->from_peer, l->to_peer);
    SSL_set_app_data(l->ssl, l);
    if (l->tls->server) {
        SSL_set_accept_state(l->ssl);
    } else {
        SSL_set_connect_state(l->ssl);
    }
    if (l->peer_name[0] != '\0' && !l->tls->server &&
        SSL_set_tlsext_host_name(l->ssl, l->peer_name) != 1) {
        ERR_clear_error(); /* then no name is told */
    }
    return true;
}

static void begin(struct tls_layer *l)
{
    l->phase = TLS_SHAKING;
    l->facts.begun = true;
    l->core.tls = MACHINE_TLS_HANDSHAKE;
    l->core.peer = PEER_OPEN;
    l->trace = trace_start;
    if (!open_ssl(l)) {
        break_down(l, "no memory");
    }
}

/* A server that does something else. True: nothing more of this layer. */
static bool misbehave(struct tls_layer *l, struct machine_io *io, enum machine_wish *wish)
{
    static const char garbage[] = "500 5.5.2 Error: command not recognized\r\n";
    bool first = !l->fault_done && io->in_len > io->in_used;
    if (!l->tls->server || l->tls->fault == TLS_FAULT_NONE) {
        return false;
    }
    io->in_used = io->in_len;
    *wish = WISH_OPEN;
    if (first) {
        l->fault_done = true;
        if (l->tls->fault == TLS_FAULT_GARBAGE) {
            (void)BIO_write(l->to_peer, garbage, (int)sizeof garbage - 1);
            give_cipher(l, io);
        } else if (l->tls->fault == TLS_FAULT_CLOSE) {
            break_down(l, "closed instead of a handshake");
        } else if (l->tls->fault == TLS_FAULT_RESET) {
            *wish = WISH_RESET;
        }
    }
    return l->phase == TLS_SHAKING;
}

static bool shake(struct tls_layer *l)
{
    ERR_clear_error();
    int done = SSL_do_handshake(l->ssl);
    if (done == 1) {
        l->phase = TLS_STANDS;
        l->core.tls = MACHINE_TLS_ON;
        tls_facts_learn(&l->facts, l->ssl, l->peer_name[0] != '\0' ? l->peer_name : NULL);
        return true;
    }
    int why = SSL_get_error(l->ssl, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        break_down(l, "the handshake failed");
        return true;
    }
    return false;
}

/* -- plaintext that came */

enum heard { HEARD_NOTHING, HEARD_SOME, HEARD_BREAK };

static enum heard hear(struct tls_layer *l)
{
    size_t room = link_room(&l->core);
    if (room == 0) {
        return HEARD_NOTHING;
    }
    ERR_clear_error();
    int got = SSL_read(l->ssl, l->tls->pool.scratch_in, (int)room);
    if (got > 0) {
        trace_mix(l, l->tls->pool.scratch_in, (size_t)got);
        return pump(l, l->tls->pool.scratch_in, (size_t)got) ? HEARD_SOME : HEARD_BREAK;
    }
    int why = SSL_get_error(l->ssl, got);
    if (why == SSL_ERROR_ZERO_RETURN && l->core.peer < PEER_FIN) {
        l->core.peer = PEER_FIN;
        return pump(l, NULL, 0) ? HEARD_SOME : HEARD_BREAK;
    }
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_ZERO_RETURN) {
        break_down(l, "TLS broke");
        return pump(l, NULL, 0) ? HEARD_SOME : HEARD_BREAK;
    }
    return HEARD_NOTHING;
}

/* True: everything that came was decrypted and read as far as the inner machine wants. */
static bool is_drained(const struct tls_layer *l, const struct machine_io *io)
{
    bool undecrypted = BIO_ctrl_pending(l->from_peer) > 0 && l->phase == TLS_STANDS;
    return io->in_used == io->in_len && (!undecrypted || link_room(&l->core) > 0);
}

/* -- the end */

static enum machine_wish follow_wish(struct tls_layer *l, struct machine_io *io)
{
    enum machine_wish wish = (enum machine_wish)l->core.wish;
    if (wish == WISH_OPEN || wish == WISH_RESET) {
        return wish;
    }
    if (wish == WISH_CLOSE && l->close_by_ns == CLOCK_NEVER) {
        l->close_by_ns = clock_after(l->now_ns, LINK_DRAIN_NS);
    }
    if (link_unsent(&l->core) && l->phase == TLS_STANDS) {
        return l->now_ns >= l->close_by_ns ? WISH_RESET : WISH_OPEN;
    }
    if (!l->said_goodbye && l->phase == TLS_STANDS) {
        ERR_clear_error();
        (void)SSL_shutdown(l->ssl);
        ERR_clear_error();
    }
    l->said_goodbye = true;
    give_cipher(l, io);
    if (BIO_ctrl_pending(l->to_peer) > 0) {
        return l->now_ns >= l->close_by_ns ? WISH_RESET : WISH_OPEN;
    }
    return wish;
}

/* -- steps */

static bool advance(struct tls_layer *l, struct machine_io *io)
{
    bool moved = take_cipher(l, io);
    if (l->phase == TLS_SHAKING && shake(l)) {
        moved = true;
        if (!pump(l, NULL, 0)) {
            l->core.wish = WISH_RESET;
        }
    }
    if (l->phase == TLS_STANDS && l->core.wish != WISH_CLOSE) {
        enum heard heard = hear(l);
        moved = moved || heard != HEARD_NOTHING;
        if (heard == HEARD_BREAK) {
            l->core.wish = WISH_RESET;
        }
    }
    give_cipher(l, io);
    return moved && l->core.wish != WISH_RESET;
}

/* What the driver says of the connection goes in once the bytes before it have. */
static void pass_peer(struct tls_layer *l, const struct machine_io *io)
{
    bool broken = io->peer > PEER_FIN;
    bool ended = io->peer == PEER_FIN && is_drained(l, io);
    if (broken || ended) {
        l->core.peer = (uint8_t)(l->core.peer > io->peer ? l->core.peer : io->peer);
    }
}

/* The inner machine is driven through its own link from now on. */
static enum machine_wish step_encrypted(struct tls_layer *l, struct machine_io *io)
{
    enum machine_wish wish;
    if (l->phase == TLS_SHAKING && io->peer <= PEER_FIN && misbehave(l, io, &wish)) {
        pass_peer(l, io);
        if (!pump(l, NULL, 0)) {
            return WISH_RESET;
        }
        return wish == WISH_RESET ? wish : follow_wish(l, io);
    }
    while (advance(l, io)) {}
    pass_peer(l, io);
    /* Deadlines, wakes, and output that waited. */
    if (l->core.wish != WISH_RESET && !pump(l, NULL, 0)) {
        return WISH_RESET;
    }
    while (l->core.wish != WISH_RESET && advance(l, io)) {}
    return follow_wish(l, io);
}

/* TLS has begun, and bytes are there that came before it. */
static void take_early(struct tls_layer *l, const char *bytes, size_t len)
{
    switch (l->tls->early) {
    case TLS_EARLY_DROPPED:
        tls_facts_early(&l->facts, bytes, len);
        break;
    case TLS_EARLY_HEARD: /* the inner machine reads nothing before TLS stands */
        if (!pump(l, bytes, len)) {
            l->core.wish = WISH_RESET;
        }
        break;
    case TLS_EARLY_AS_TLS:
        if (BIO_write(l->from_peer, bytes, (int)len) <= 0) {
            break_down(l, "no memory");
        }
        break;
    }
}

static enum machine_wish step_clear(struct tls_layer *l, struct machine_io *io)
{
    io->tls = MACHINE_TLS_READY;
    enum machine_wish wish = l->inner.ops->step(l->inner.self, io);
    io->tls = MACHINE_TLS_NONE;
    if (!io->start_tls || wish != WISH_OPEN) {
        io->start_tls = false;
        return wish;
    }
    io->start_tls = false;
    assert(io->out_ready == io->out_len);
    const char *early = io->in + io->in_used;
    size_t early_len = io->in_len - io->in_used;
    io->in_used = io->in_len;
    begin(l);
    if (early_len > 0 && l->phase == TLS_SHAKING) {
        take_early(l, early, early_len);
    }
    return step_encrypted(l, io);
}

static enum machine_wish layer_step(void *self, struct machine_io *io)
{
    struct tls_layer *l = self;
    enum machine_wish wish;
    l->now_ns = io->now_ns;
    if (l->phase == TLS_WAITING && (io->peer == PEER_OPEN || io->peer == PEER_FIN)) {
        begin(l);
    }
    if (l->phase == TLS_CLEAR) {
        wish = step_clear(l, io);
    } else if (l->phase == TLS_WAITING) {
        l->core.peer = (uint8_t)io->peer;
        wish = pump(l, NULL, 0) ? (enum machine_wish)l->core.wish : WISH_RESET;
    } else {
        wish = step_encrypted(l, io);
    }
    io->trace = l->phase == TLS_CLEAR ? 0 : l->trace;
    return wish;
}

static int64_t layer_deadline(const void *self)
{
    const struct tls_layer *l = self;
    int64_t deadline_ns = l->inner.ops->deadline(l->inner.self);
    return deadline_ns < l->close_by_ns ? deadline_ns : l->close_by_ns;
}

void tls_layer_drop(struct tls_layer *l)
{
    struct tls *t = l->tls;
    link_clear(&l->core, &t->pool);
    SSL_free(l->ssl); /* and its BIOs */
    slab_put(&t->layers, l);
}

/* The inner machine's end may be that of the settings, too. */
static void layer_ended(void *self)
{
    struct tls_layer *l = self;
    struct machine inner = l->inner;
    tls_layer_drop(l);
    if (inner.ops->ended != NULL) {
        inner.ops->ended(inner.self);
    }
}

static const struct machine_ops layer_ops = {"tls", layer_step, layer_deadline, layer_ended};

struct tls_layer *tls_layer_new(struct tls *t, struct machine inner, bool implicit,
                                const char *peer_name)
{
    struct endpoint address;
    struct tls_layer *l = slab_get(&t->layers);
    if (l == NULL) {
        return NULL;
    }
    memset(l, 0, sizeof *l);
    l->tls = t;
    l->inner = inner;
    l->implicit = implicit;
    l->phase = implicit ? TLS_WAITING : TLS_CLEAR;
    l->close_by_ns = CLOCK_NEVER;
    l->trace = trace_start;
    link_init(&l->core, inner, PEER_CONNECTING);
    l->core.tls = implicit ? MACHINE_TLS_HANDSHAKE : MACHINE_TLS_READY;
    if (peer_name != NULL && peer_name[0] != '\0' &&
        !endpoint_parse_address(span_of(peer_name), &address) &&
        !bytes_copy(l->peer_name, sizeof(l->peer_name), span_of(peer_name))) {
        l->peer_name[0] = '\0';
    }
    return l;
}

void tls_layer_present(struct tls_layer *l)
{
    l->presents = true;
}

struct machine tls_layer_machine(struct tls_layer *l)
{
    return (struct machine){&layer_ops, l};
}

const struct tls_facts *tls_layer_facts(const struct tls_layer *l)
{
    return &l->facts;
}
