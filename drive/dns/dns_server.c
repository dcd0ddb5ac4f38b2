/*
 * dns_server.c - a UDP socket beside a listener of the world's
 *
 * The port is the listener's; a UDP socket is then bound to the same number, and another port is
 * tried where that is taken. A response that has to wait is kept as the query it answers, since
 * queries are small and the zone does not change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/dns/dns_server_private.h"
#include "drive/loop/loop_addr.h"
#include "drive/loop/loop_watch.h"

enum { PORTS_TRIED = 20 };

struct waiting {
    struct dns_server *owner;
    struct world_timer timer;
    bool used;
    struct sockaddr_storage peer;
    socklen_t peer_len;
    size_t len;
    char query[DNS_UDP_MAX];
};

struct dns_server {
    struct loop *loop;
    struct world *world;
    const struct zone *zone;
    struct listener *listener;
    struct dns_tcp *tcp;
    struct loop_watch *watch;
    int fd;
    struct waiting waiting[DNS_SERVER_WAITING_MAX];
    char query[DNS_UDP_MAX];
    char response[DNS_MESSAGE_MAX + 1];
};

struct datagram {
    const struct sockaddr_storage *peer;
    socklen_t peer_len;
    struct span query;
};

/* What the socket does not take is lost, as datagrams may be. */
static void send_response(struct dns_server *s, const struct datagram *d, const struct strbuf *out)
{
    ssize_t sent = sendto(s->fd, out->ptr, out->len, 0, (const struct sockaddr *)d->peer,
                          d->peer_len);

    (void)sent;
}

static bool keep_waiting(struct dns_server *s, const struct datagram *d, int64_t delay_ns)
{
    for (size_t i = 0; i < DNS_SERVER_WAITING_MAX; i++) {
        struct waiting *w = &s->waiting[i];

        if (w->used)
            continue;
        w->used = true;
        w->peer = *d->peer;
        w->peer_len = d->peer_len;
        w->len = d->query.len;
        memcpy(w->query, d->query.ptr, d->query.len);
        world_timer_set(s->world, &w->timer, clock_after(world_now(s->world), delay_ns));
        return true;
    }
    return false;
}

static void answer(struct dns_server *s, const struct datagram *d, bool waited)
{
    struct zone_effect effect;
    struct strbuf out;
    unsigned turn = 0;

    do {
        strbuf_init(&out, s->response, sizeof s->response);
        effect = zone_answer(s->zone, d->query, ZONE_BY_UDP, turn++, &out);
        if (effect.silent || (effect.delay_ns > 0 && !waited))
            break;
        send_response(s, d, &out);
    } while (effect.again);
    if (!effect.silent && effect.delay_ns > 0 && !waited)
        (void)keep_waiting(s, d, effect.delay_ns);
}

static void on_timer(void *self)
{
    struct waiting *w = self;
    struct datagram d = {.peer = &w->peer, .peer_len = w->peer_len, .query = {w->query, w->len}};

    answer(w->owner, &d, true);
    w->used = false;
}

static void on_ready(void *self, int fd, unsigned events)
{
    struct dns_server *s = self;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    ssize_t got = recvfrom(fd, s->query, sizeof s->query, 0, (struct sockaddr *)&peer, &peer_len);

    (void)events;
    if (got > 0)
        answer(s,
               &(struct datagram){
                   .peer = &peer, .peer_len = peer_len, .query = {s->query, (size_t)got}},
               false);
}

static int open_socket(const struct endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t len = loop_addr_put(at, &address);
    int fd = socket(at->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
        bind(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

/* Both at the same port. */
static bool open_both(struct dns_server *s, const struct endpoint *at, struct endpoint *bound,
                      struct strbuf *error)
{
    for (int i = 0; i < PORTS_TRIED; i++) {
        s->listener = world_listen(s->world, at, dns_tcp_acceptor(s->tcp), bound, error);
        if (s->listener == NULL)
            return false;
        s->fd = open_socket(bound);
        if (s->fd >= 0)
            return true;
        world_unlisten(s->world, s->listener);
        s->listener = NULL;
        if (errno != EADDRINUSE || at->port != 0)
            break;
    }
    strbuf_addf(error, "DNS server: %s", strerror(errno));
    return false;
}

struct dns_server *dns_server_new(struct loop *loop, const struct zone *zone,
                                  const struct endpoint *at, struct endpoint *bound,
                                  struct strbuf *error)
{
    struct dns_server *s = calloc(1, sizeof *s);
    struct endpoint where;

    if (s == NULL) {
        strbuf_adds(error, "no memory for a DNS server");
        return NULL;
    }
    s->loop = loop;
    s->world = loop_world(loop);
    s->zone = zone;
    s->fd = -1;
    for (size_t i = 0; i < DNS_SERVER_WAITING_MAX; i++) {
        s->waiting[i].owner = s;
        world_timer_init(&s->waiting[i].timer, on_timer, &s->waiting[i]);
    }
    s->tcp = dns_tcp_new(s->world, zone);
    if (s->tcp != NULL && open_both(s, at, &where, error))
        s->watch = loop_watch_new(loop, s->fd, (struct watcher){.ready = on_ready, .self = s});
    if (s->watch == NULL) {
        if (error->len == 0)
            strbuf_adds(error, "no memory for a DNS server");
        dns_server_free(s);
        return NULL;
    }
    loop_watch_set(s->watch, WATCH_READ);
    if (bound != NULL)
        *bound = where;
    return s;
}

void dns_server_free(struct dns_server *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < DNS_SERVER_WAITING_MAX; i++)
        world_timer_stop(s->world, &s->waiting[i].timer);
    loop_watch_free(s->watch);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listener != NULL)
        world_unlisten(s->world, s->listener);
    dns_tcp_free(s->tcp);
    free(s);
}
