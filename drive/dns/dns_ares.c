/*
 * dns_ares.c - two channels of c-ares: one that asks by UDP and shows truncated answers, one by TCP
 *
 * One channel would ask again by TCP by itself, but a TCP that fails looks to its caller like a
 * server that is not there; "truncated" could not be said. NOCHECKRESP lets SERVFAIL and REFUSED
 * come through instead of "could not contact DNS servers".
 *
 * c-ares may call back inside ares_query when it fails at once. Such an answer is kept as a status
 * and told from a timer, as the contract wants. Patience is split over three attempts of which each
 * is twice as long as the one before, as c-ares does it.
 */
#include "drive/dns/dns_ares.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <ares.h> /* wants fd_set and struct timeval to be known */

#include "drive/loop/loop_watch.h"
#include "lib/dns/chase.h"

enum { ARES_PATIENCE_S = 15, ATTEMPTS = 3, ATTEMPT_PARTS = 1 + 2 + 4, CLASS_IN = 1 };

enum { WATCHES_MAX = 64 };

struct ares_line { /* a channel */
    struct dns_ares *owner;
    ares_channel channel;
    bool made;
    struct world_timer timer;
};

struct ares_watch {
    struct ares_line *line;
    struct loop_watch *watch; /* NULL: free */
    int fd;
};

struct ares_question {
    struct ares_question *next;
    struct dns_ares *owner;
    struct dns_question *question; /* NULL: cancelled */
    struct dns_chase chase;
    struct ares_line *line;
    struct world_timer later;
    enum dns_status status; /* to be told later */
    bool asking;            /* inside ares_query */
    bool under_way;         /* c-ares has it */
};

struct dns_ares {
    struct loop *loop;
    struct world *world;
    struct ares_line udp, tcp;
    struct ares_question *open;
    struct ares_watch watches[WATCHES_MAX];
    struct dns_record records[DNS_RECORDS_MAX];
    bool closing;
};

static void rewind_timer(struct ares_line *line)
{
    struct dns_ares *a = line->owner;
    struct timeval memory, *wait = ares_timeout(line->channel, NULL, &memory);

    if (wait == NULL) {
        world_timer_stop(a->world, &line->timer);
        return;
    }
    world_timer_set(a->world, &line->timer,
                    clock_after(world_now(a->world), (int64_t)wait->tv_sec * CLOCK_SECOND +
                                                         (int64_t)wait->tv_usec * CLOCK_US));
}

static void on_line_timer(void *self)
{
    struct ares_line *line = self;

    ares_process_fd(line->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rewind_timer(line);
}

static void on_ready(void *self, int fd, unsigned events)
{
    struct ares_watch *w = self;
    struct ares_line *line = w->line;

    ares_process_fd(line->channel, (events & WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (events & WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    rewind_timer(line);
}

static struct ares_watch *watch_of(struct dns_ares *a, int fd)
{
    struct ares_watch *unused = NULL;

    for (size_t i = 0; i < WATCHES_MAX; i++) {
        if (a->watches[i].watch != NULL && a->watches[i].fd == fd)
            return &a->watches[i];
        if (a->watches[i].watch == NULL && unused == NULL)
            unused = &a->watches[i];
    }
    return unused;
}

/* A socket without a free watch is never read: its question times out. */
static void on_socket(void *self, ares_socket_t fd, int readable, int writable)
{
    struct ares_line *line = self;
    struct dns_ares *a = line->owner;
    struct ares_watch *w = watch_of(a, fd);

    if (w == NULL)
        return;
    if (readable == 0 && writable == 0) {
        loop_watch_free(w->watch);
        w->watch = NULL;
        return;
    }
    if (w->watch == NULL) {
        *w = (struct ares_watch){.line = line, .fd = fd};
        w->watch = loop_watch_new(a->loop, fd, (struct watcher){.ready = on_ready, .self = w});
    }
    if (w->watch != NULL)
        loop_watch_set(w->watch, (readable != 0 ? (unsigned)WATCH_READ : 0u) |
                                     (writable != 0 ? (unsigned)WATCH_WRITE : 0u));
}

static void forget(struct ares_question *q)
{
    struct ares_question **at = &q->owner->open;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    world_timer_stop(q->owner->world, &q->later);
    free(q);
}

static void answer(struct ares_question *q, const struct dns_answer *a)
{
    struct dns_question *asked = q->question;

    if (asked != NULL) {
        asked->priv = NULL;
        q->question = NULL;
        asked->answered(asked->self, a);
    }
    forget(q);
}

static void on_later(void *self)
{
    struct ares_question *q = self;
    struct dns_answer a = {.status = q->status, .canonical = span_of(q->chase.name)};

    answer(q, &a);
}

static void answer_later(struct ares_question *q, enum dns_status status)
{
    q->status = status;
    world_timer_set(q->owner->world, &q->later, world_now(q->owner->world));
}

/* Without a message: what became of the attempt. By TCP nothing is asked but what was truncated. */
static enum dns_status status_without(const struct ares_question *q, int status)
{
    if (q->line == &q->owner->tcp)
        return DNS_TRUNCATED;
    switch (status) {
    case ARES_ETIMEOUT:
        return DNS_TIMEOUT;
    case ARES_ECONNREFUSED:
    case ARES_EREFUSED:
        return DNS_REFUSED;
    case ARES_ENOTFOUND:
        return DNS_NXDOMAIN;
    case ARES_ENODATA:
        return DNS_NODATA;
    case ARES_EBADNAME:
    case ARES_EBADRESP:
        return DNS_MALFORMED;
    default:
        return DNS_SERVFAIL;
    }
}

static void on_answer(void *self, int status, int timeouts, unsigned char *message, int len);

static void send_query(struct ares_question *q)
{
    q->asking = q->under_way = true;
    ares_query(q->line->channel, q->chase.name, CLASS_IN, (int)q->chase.type, on_answer, q);
    q->asking = false;
    rewind_timer(q->line);
}

static void take_message(struct ares_question *q, struct span message)
{
    struct dns_answer a;

    switch (dns_chase_read(&q->chase, message, &a)) {
    case DNS_CHASE_OVER:
        answer(q, &a);
        break;
    case DNS_CHASE_NEXT:
        q->line = &q->owner->udp;
        send_query(q);
        break;
    case DNS_CHASE_TCP:
        if (q->line == &q->owner->tcp) {
            answer_later(q, DNS_TRUNCATED);
            break;
        }
        q->line = &q->owner->tcp;
        send_query(q);
        break;
    }
}

static void on_answer(void *self, int status, int timeouts, unsigned char *message, int len)
{
    struct ares_question *q = self;

    (void)timeouts;
    q->under_way = false;
    if (q->owner->closing || q->question == NULL)
        forget(q);
    else if (message == NULL || len <= 0 || q->asking)
        answer_later(q, status_without(q, status));
    else
        take_message(q, (struct span){(const char *)message, (size_t)len});
}

static bool ask(void *self, struct dns_question *asked)
{
    struct dns_ares *a = self;
    struct ares_question *q = calloc(1, sizeof *q);

    asked->priv = q;
    if (q == NULL)
        return false;
    q->next = a->open;
    a->open = q;
    q->owner = a;
    q->question = asked;
    q->line = &a->udp;
    dns_chase_init(&q->chase, asked->type, span_of(asked->name), a->records, DNS_RECORDS_MAX);
    world_timer_init(&q->later, on_later, q);
    send_query(q);
    return true;
}

static void cancel(void *self, struct dns_question *asked)
{
    struct ares_question *q = asked->priv;

    (void)self;
    asked->priv = NULL;
    if (q == NULL)
        return;
    q->question = NULL;
    if (!q->under_way)
        forget(q);
}

static bool open_line(struct ares_line *line, struct dns_ares *a, const struct dns_ares_config *c,
                      int flags, struct strbuf *error)
{
    int64_t patience = c->patience_ns != 0 ? c->patience_ns : ARES_PATIENCE_S * CLOCK_SECOND;
    int64_t first_ms = patience / ATTEMPT_PARTS / CLOCK_MS;
    struct ares_options options = {
        .flags = flags | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP,
        .timeout = first_ms > 0 ? (int)first_ms : 1,
        .tries = ATTEMPTS,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = line};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf text;

    line->owner = a;
    world_timer_init(&line->timer, on_line_timer, line);
    int status = ares_init_options(&line->channel, &options, mask);
    line->made = status == ARES_SUCCESS;
    if (line->made && c->server.family != 0) {
        strbuf_init(&text, memory, sizeof memory);
        endpoint_print(&text, &c->server);
        status = ares_set_servers_ports_csv(line->channel, memory);
    }
    if (status != ARES_SUCCESS)
        strbuf_addf(error, "no resolver: %s", ares_strerror(status));
    return status == ARES_SUCCESS;
}

struct dns_ares *dns_ares_new(struct loop *loop, const struct dns_ares_config *config,
                              struct strbuf *error)
{
    struct dns_ares *a = calloc(1, sizeof *a);

    if (a == NULL || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        strbuf_adds(error, "no memory for a resolver");
        free(a);
        return NULL;
    }
    a->loop = loop;
    a->world = loop_world(loop);
    if (open_line(&a->udp, a, config, ARES_FLAG_IGNTC, error) &&
        open_line(&a->tcp, a, config, ARES_FLAG_USEVC, error))
        return a;
    dns_ares_free(a);
    return NULL;
}

static void close_line(struct ares_line *line)
{
    if (!line->made)
        return;
    world_timer_stop(line->owner->world, &line->timer);
    ares_destroy(line->channel);
}

/* ares_destroy calls back for every question that it has. */
void dns_ares_free(struct dns_ares *a)
{
    if (a == NULL)
        return;
    a->closing = true;
    close_line(&a->udp);
    close_line(&a->tcp);
    while (a->open != NULL) {
        struct ares_question *q = a->open;

        a->open = q->next;
        world_timer_stop(a->world, &q->later);
        free(q);
    }
    ares_library_cleanup();
    free(a);
}

struct resolver dns_ares_resolver(struct dns_ares *a)
{
    static const struct resolver_ops ops = {.ask = ask, .cancel = cancel};

    return (struct resolver){.ops = &ops, .self = a};
}

size_t dns_ares_in_hosts(struct dns_ares *a, struct span name, uint16_t port, struct endpoint *out,
                         size_t cap)
{
    static const struct {
        int number;
        uint8_t family;
        size_t len;
    } families[] = {{AF_INET, 4, 4}, {AF_INET6, 6, 16}};
    char text[DNS_NAME_MAX];
    size_t count = 0;

    if (!bytes_copy(text, sizeof(text), name))
        return 0;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && count < cap; i++) {
        struct hostent *found = NULL;

        if (ares_gethostbyname_file(a->udp.channel, text, families[i].number, &found) !=
            ARES_SUCCESS)
            continue;
        if (found->h_addr_list[0] != NULL) {
            out[count] = (struct endpoint){.family = families[i].family, .port = port};
            memcpy(out[count++].bytes, found->h_addr_list[0], families[i].len);
        }
        ares_free_hostent(found);
    }
    return count;
}
