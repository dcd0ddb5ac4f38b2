/*
 * loop_listen.c - letting connections in
 *
 * A wake-up takes one connection, unless the last one was in the loop's previous turn: then they
 * come fast, and up to ACCEPT_MAX are taken at once. So a slow trickle costs no accept4 that finds
 * nothing, and a flood no epoll_wait for each. TCP_NODELAY is set on the listening socket: Linux
 * hands it down to the accepted ones.
 *
 * Without a free descriptor the queue would wake us for ever, so all listeners rest for PAUSE_S;
 * without a free link they rest until one is over.
 */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/loop/loop_addr.h"
#include "drive/loop/loop_private.h"

enum { ACCEPT_MAX = 64, BACKLOG = 1024 };
static const ev_tstamp PAUSE_S = 0.1;

void loop_accept_pause(struct loop *l)
{
    l->accept_paused = true;
    for (struct loop_listener *k = l->listener_list; k != NULL; k = k->next)
        ev_io_stop(l->ev, &k->io);
}

void loop_accept_resume(struct loop *l)
{
    l->accept_paused = false;
    ev_timer_stop(l->ev, &l->accept_again);
    for (struct loop_listener *k = l->listener_list; k != NULL; k = k->next)
        ev_io_start(l->ev, &k->io);
}

static void rest(struct loop *l)
{
    loop_accept_pause(l);
    ev_timer_set(&l->accept_again, PAUSE_S, 0.);
    ev_timer_start(l->ev, &l->accept_again);
}

static bool is_still_listening(const struct loop *l, const struct loop_listener *wanted)
{
    const struct loop_listener *k = l->listener_list;
    while (k != NULL && k != wanted)
        k = k->next;
    return k != NULL;
}

static void let_in(struct loop_listener *k, int fd, const struct sockaddr_storage *from)
{
    struct loop *l = k->loop;
    struct loop_link *link = loop_link_new(l, fd);
    if (link == NULL) {
        close(fd);
        return;
    }
    struct endpoint local = k->at;
    struct endpoint peer;
    loop_addr_get(from, &peer);
    struct sockaddr_storage own;
    socklen_t own_len = sizeof own;
    if (k->wildcard && getsockname(fd, (struct sockaddr *)&own, &own_len) == 0)
        loop_addr_get(&own, &local);
    struct machine machine = {0};
    struct acceptor acceptor = k->acceptor;
    if (acceptor.accept(acceptor.self, (struct link *)link, &local, &peer, &machine))
        loop_link_start(link, machine);
    else
        loop_link_free(link, false);
}

/* False: no further one now. */
static bool accept_one(struct loop_listener *k)
{
    struct loop *l = k->loop;
    if (l->link_count >= l->config.links_max) {
        loop_accept_pause(l);
        return false;
    }
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    int fd = accept4(k->io.fd, (struct sockaddr *)&from, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        let_in(k, fd, &from);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        rest(l);
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
    (void)revents;
    struct loop_listener *k = w->data;
    struct loop *l = k->loop;
    unsigned iteration = ev_iteration(ev);
    unsigned most = iteration - k->last_iteration <= 1 ? ACCEPT_MAX : 1;
    k->last_iteration = iteration;
    while (most-- > 0 && is_still_listening(l, k) && accept_one(k))
        continue;
}

static int open_socket(const struct endpoint *at, struct endpoint *bound)
{
    static const int on = 1;
    struct sockaddr_storage address;
    socklen_t len = loop_addr_put(at, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    struct sockaddr_storage own;
    socklen_t own_len = sizeof own;
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &own_len) == 0) {
        loop_addr_get(&own, bound);
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static bool is_wildcard(const struct endpoint *e)
{
    static const uint8_t any[16] = {0};
    return memcmp(e->bytes, any, e->family == 4 ? 4 : 16) == 0;
}

struct listener *loop_listen(struct world *w, const struct endpoint *at, struct acceptor acceptor,
                             struct endpoint *bound, struct strbuf *error)
{
    struct loop *l = (struct loop *)w;
    struct endpoint own = {0};
    struct loop_listener *k = slab_get(&l->listeners);
    int fd = k != NULL ? open_socket(at, &own) : -1;
    if (fd < 0) {
        const char *why = strerror(k != NULL ? errno : ENOMEM);
        strbuf_adds(error, "cannot listen on ");
        endpoint_print(error, at);
        strbuf_adds(error, ": ");
        strbuf_adds(error, why);
        if (k != NULL)
            slab_put(&l->listeners, k);
        return NULL;
    }
    *k = (struct loop_listener){
        .next = l->listener_list, .loop = l, .at = own, .acceptor = acceptor};
    k->wildcard = is_wildcard(&own);
    k->last_iteration = ev_iteration(l->ev) - 2;
    l->listener_list = k;
    ev_io_init(&k->io, on_readable, fd, EV_READ);
    k->io.data = k;
    if (!l->accept_paused)
        ev_io_start(l->ev, &k->io);
    if (bound != NULL)
        *bound = own;
    return (struct listener *)k;
}

void loop_unlisten(struct world *w, struct listener *listener)
{
    struct loop *l = (struct loop *)w;
    struct loop_listener *k = (struct loop_listener *)listener;
    struct loop_listener **at = &l->listener_list;
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    ev_io_stop(l->ev, &k->io);
    close(k->io.fd);
    slab_put(&l->listeners, k);
}
