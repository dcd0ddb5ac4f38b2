/*
 * loop_link.c - one socket and its machine
 *
 * A command costs one read, one write and a share of one epoll_wait: the read watcher stays as it
 * is, the write watcher is on only while the socket takes no more, and a read that was not full is
 * not tried again. The kernel's event mask is changed only when `want` changes.
 *
 * The timer is lazy. Most deadlines move away with each reply long before they come, so the libev
 * timer is moved only when it has to come earlier; when it comes too early it is set to the real
 * deadline then. world_wake feeds the timer watcher an event, which libev handles before it
 * sleeps.
 *
 * Closing: close() with unread bytes in the socket sends a reset, and a reset may overtake the
 * last reply. So our side is shut down first, and what still comes is read and dropped until the
 * peer's FIN, for LINK_LINGER_NS at most. When the peer has said FIN before, nothing can come and
 * the socket is closed at once.
 *
 * A failed write does not end a link at once: the peer's last words may be in the socket still,
 * and come first.
 */
#define _GNU_SOURCE /* IP_BIND_ADDRESS_NO_PORT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/loop/loop_addr.h"
#include "drive/loop/loop_private.h"

static void on_socket(struct ev_loop *ev, ev_io *w, int revents);
static void on_timer(struct ev_loop *ev, ev_timer *w, int revents);

struct loop_link *loop_link_new(struct loop *l, int fd)
{
    bool full = l->closing || l->link_count >= l->config.links_max;
    struct loop_link *k = full ? NULL : slab_get(&l->links);
    if (k == NULL)
        return NULL;
    *k = (struct loop_link){
        .loop = l, .next = l->link_list, .timer_ns = CLOCK_NEVER, .deadline_ns = CLOCK_NEVER};
    ev_io_init(&k->io, on_socket, fd, EV_READ);
    k->io.data = k;
    ev_timer_init(&k->timer, on_timer, 0., 0.);
    k->timer.data = k;
    if (k->next != NULL)
        k->next->prev = k;
    l->link_list = k;
    l->link_count++;
    return k;
}

void loop_link_free(struct loop_link *k, bool reset)
{
    struct loop *l = k->loop;
    ev_io_stop(l->ev, &k->io);
    ev_timer_stop(l->ev, &k->timer);
    link_clear(&k->core, &l->pool);
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(k->io.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    if (k->io.fd >= 0)
        close(k->io.fd);
    if (k->prev != NULL)
        k->prev->next = k->next;
    else
        l->link_list = k->next;
    if (k->next != NULL)
        k->next->prev = k->prev;
    slab_put(&l->links, k);
    l->link_count--;
    if (l->accept_paused && !l->closing)
        loop_accept_resume(l);
}

static void want(struct loop_link *k, int events)
{
    struct loop *l = k->loop;
    if (events == 0) {
        ev_io_stop(l->ev, &k->io);
        return;
    }
    if (ev_is_active(&k->io) && (k->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(l->ev, &k->io);
    ev_io_set(&k->io, k->io.fd, events);
    ev_io_start(l->ev, &k->io);
}

static void arm_at(struct loop_link *k, int64_t at_ns)
{
    struct loop *l = k->loop;
    int pending = ev_clear_pending(l->ev, &k->timer);
    ev_timer_stop(l->ev, &k->timer);
    ev_timer_set(&k->timer, loop_delay(l, at_ns), 0.);
    ev_timer_start(l->ev, &k->timer);
    k->timer_ns = at_ns;
    if ((pending & EV_CUSTOM) != 0) /* a wake must survive the move */
        ev_feed_event(l->ev, &k->timer, EV_CUSTOM);
}

static void arm(struct loop_link *k)
{
    if (k->deadline_ns == CLOCK_NEVER)
        return;
    if (!ev_is_active(&k->timer) || k->deadline_ns < k->timer_ns)
        arm_at(k, k->deadline_ns);
}

void loop_link_end(struct loop_link *k, bool reset)
{
    struct loop *l = k->loop;
    struct machine machine = k->core.machine;
    bool connected = k->state == LINK_LIVE;
    bool linger = connected && !reset && !l->closing && k->core.peer == PEER_OPEN && !k->broken;
    k->state = LINK_LINGERING;
    link_clear(&k->core, &l->pool);
    ev_timer_stop(l->ev, &k->timer); /* and the wake that may be pending */
    if (linger && !k->fin_sent)
        linger = shutdown(k->io.fd, SHUT_WR) == 0;
    if (linger) {
        want(k, EV_READ);
        arm_at(k, loop_now(l) + LINK_LINGER_NS);
    }
    if (machine.ops->ended != NULL)
        machine.ops->ended(machine.self);
    if (!linger)
        loop_link_free(k, reset);
}

static size_t send_bytes(void *link, const char *data, size_t len)
{
    struct loop_link *k = link;
    if (k->broken || k->fin_sent)
        return 0;
    ssize_t sent = send(k->io.fd, data, len, MSG_NOSIGNAL);
    if (sent >= 0)
        return (size_t)sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ENOBUFS)
        k->broken = true;
    return 0;
}

/* What the machine wished, and what the socket is to tell us next. False: the link is over. */
static bool settle(struct loop_link *k, bool sound)
{
    struct link_core *core = &k->core;
    if (!sound || core->wish == WISH_RESET) {
        loop_link_end(k, true);
        return false;
    }
    if (core->peer > PEER_FIN || (core->wish == WISH_CLOSE && !link_unsent(core))) {
        loop_link_end(k, false);
        return false;
    }
    if (core->wish == WISH_HALF_CLOSE && !link_unsent(core) && !k->fin_sent &&
        k->state == LINK_LIVE) {
        k->fin_sent = true;
        (void)shutdown(k->io.fd, SHUT_WR);
    }
    k->deadline_ns = link_deadline(core, loop_now(k->loop));
    arm(k);
    if (k->state == LINK_CONNECTING)
        return true;
    bool may_read = core->peer == PEER_OPEN && link_room(core) > 0;
    bool may_write = link_unsent(core) && !k->broken && !k->fin_sent;
    want(k, (may_read ? EV_READ : 0) | (may_write ? EV_WRITE : 0));
    return true;
}

static bool pump(struct loop_link *k, const char *data, size_t len)
{
    struct loop *l = k->loop;
    struct link_out out = {.send = send_bytes, .driver_link = k};
    if (!settle(k, link_pump(&k->core, &l->pool, loop_now(l), data, len, &out)))
        return false;
    if (!k->broken || k->core.peer != PEER_FIN)
        return true;
    k->core.peer = PEER_RESET; /* everything was read before, so nobody else will notice */
    return settle(k, link_pump(&k->core, &l->pool, loop_now(l), NULL, 0, &out));
}

void loop_link_start(struct loop_link *k, struct machine machine)
{
    link_init(&k->core, machine, PEER_OPEN);
    k->state = LINK_LIVE;
    (void)pump(k, NULL, 0);
}

static void read_some(struct loop_link *k)
{
    struct link_pool *pool = &k->loop->pool;
    size_t room = link_room(&k->core);
    if (room == 0 || k->core.peer != PEER_OPEN)
        return; /* the pump for EV_WRITE of the same turn changed what is wanted */
    ssize_t len = recv(k->io.fd, pool->scratch_in, room, 0);
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (len > 0) {
        (void)pump(k, pool->scratch_in, (size_t)len);
        return;
    }
    k->core.peer = len == 0 && !k->broken ? PEER_FIN : PEER_RESET;
    (void)pump(k, NULL, 0);
}

static void discard_some(struct loop_link *k)
{
    ssize_t len = recv(k->io.fd, k->loop->pool.scratch_in, MACHINE_IN_MAX, 0);
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (len > 0)
        k->discarded += (uint32_t)len;
    if (len <= 0 || k->discarded > LINK_LINGER_BYTES)
        loop_link_free(k, false);
}

static enum machine_peer peer_of(int error)
{
    return error == ECONNREFUSED ? PEER_REFUSED
           : error == ECONNRESET ? PEER_RESET
                                 : PEER_UNREACHABLE;
}

static void connected(struct loop_link *k)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(k->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    k->core.peer = (uint8_t)(error == 0 ? PEER_OPEN : peer_of(error));
    if (error == 0)
        k->state = LINK_LIVE;
    (void)pump(k, NULL, 0);
}

static void on_socket(struct ev_loop *ev, ev_io *w, int revents)
{
    (void)ev;
    struct loop_link *k = w->data;
    if (k->state == LINK_LINGERING)
        discard_some(k);
    else if (k->state == LINK_CONNECTING)
        connected(k);
    else if ((revents & EV_WRITE) == 0 || (pump(k, NULL, 0) && (revents & EV_READ) != 0))
        read_some(k);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev;
    struct loop_link *k = w->data;
    if (k->state == LINK_LINGERING) {
        if ((revents & EV_TIMER) != 0)
            loop_link_free(k, false);
        return;
    }
    if (k->failed != 0) {
        k->core.peer = k->failed;
        (void)pump(k, NULL, 0);
        return;
    }
    int64_t now_ns = loop_now(k->loop);
    bool due = now_ns >= k->deadline_ns;
    if (due && link_overdue(&k->core, now_ns, k->deadline_ns))
        loop_link_end(k, true);
    else if (due || (revents & EV_CUSTOM) != 0)
        (void)pump(k, NULL, 0);
    else
        arm(k);
}

/* Starts the connection; 0, or why not. */
static int start_connect(int fd, const struct endpoint *source, const struct endpoint *to)
{
    static const int on = 1;
    struct sockaddr_storage address;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source != NULL && source->family != 0) {
        socklen_t len = loop_addr_put(source, &address);
#ifdef IP_BIND_ADDRESS_NO_PORT
        if (source->port == 0)
            (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
        if (bind(fd, (struct sockaddr *)&address, len) != 0)
            return errno;
    }
    socklen_t len = loop_addr_put(to, &address);
    if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS)
        return errno;
    return 0;
}

struct link *loop_link_connect(struct loop *l, const struct endpoint *source,
                               const struct endpoint *to, struct machine machine)
{
    int family = to->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    struct loop_link *k = loop_link_new(l, fd);
    if (k == NULL) {
        close(fd);
        return NULL;
    }
    link_init(&k->core, machine, PEER_CONNECTING);
    k->state = LINK_CONNECTING;
    int error = start_connect(fd, source, to);
    if (error == 0)
        want(k, EV_WRITE);
    else
        k->failed = (uint8_t)peer_of(error);
    ev_feed_event(l->ev, &k->timer, EV_CUSTOM);
    return (struct link *)k;
}
