/*
 * namespace_net.c - the network inside: one loopback interface that answers for whole networks
 *
 * A route of type local ("any address of this network is mine") needs no address on an interface.
 * So a client may ask from 198.51.100.7 though no mail server that lists the machine's addresses
 * finds it there: to the server it is a stranger, as it should be. Spoken by netlink (rtnetlink 7),
 * since ioctl(2) knows no such routes.
 */
#define _DEFAULT_SOURCE /* struct ifreq */
#include "drive/host/namespace_private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr head;
    union {
        struct ifaddrmsg address;
        struct rtmsg route;
    } body;
    char attributes[128];
};

static unsigned char family_of(const struct network *n)
{
    return n->base.family == 4 ? AF_INET : AF_INET6;
}

static void begin(struct request *r, unsigned short type, size_t body)
{
    *r = (struct request){
        .head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE}};
    r->head.nlmsg_len = (unsigned)NLMSG_LENGTH(body);
}

static void add(struct request *r, unsigned short type, const void *value, size_t len)
{
    struct rtattr *a = (struct rtattr *)(void *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), value, len);
    r->head.nlmsg_len = (unsigned)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static bool ask(int fd, const struct request *r)
{
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } reply;

    if (send(fd, r, r->head.nlmsg_len, 0) < 0)
        return false;
    ssize_t n = recv(fd, &reply, sizeof reply, 0);
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || reply.head.nlmsg_type != NLMSG_ERROR)
        return false;
    const struct nlmsgerr *e = NLMSG_DATA(&reply.head);
    errno = -e->error;
    return e->error == 0 || e->error == -EEXIST;
}

static size_t address_len(const struct network *n)
{
    return n->base.family == 4 ? 4 : 16;
}

static bool add_address(int fd, unsigned loopback, const struct network *n)
{
    struct request r;

    begin(&r, RTM_NEWADDR, sizeof r.body.address);
    r.body.address = (struct ifaddrmsg){
        .ifa_family = family_of(n), .ifa_prefixlen = n->prefix_bits, .ifa_index = loopback};
    add(&r, IFA_LOCAL, n->base.bytes, address_len(n));
    add(&r, IFA_ADDRESS, n->base.bytes, address_len(n));
    return ask(fd, &r);
}

/* source NULL: whatever the kernel thinks. */
static bool add_route(int fd, unsigned loopback, const struct network *n,
                      const struct endpoint *source)
{
    struct request r;

    begin(&r, RTM_NEWROUTE, sizeof r.body.route);
    r.head.nlmsg_flags |= NLM_F_REPLACE;
    r.body.route = (struct rtmsg){.rtm_family = family_of(n),
                                  .rtm_dst_len = n->prefix_bits,
                                  .rtm_table = RT_TABLE_LOCAL,
                                  .rtm_protocol = RTPROT_STATIC,
                                  .rtm_scope = RT_SCOPE_HOST,
                                  .rtm_type = RTN_LOCAL};
    add(&r, RTA_DST, n->base.bytes, address_len(n));
    add(&r, RTA_OIF, &loopback, sizeof loopback);
    if (source != NULL)
        add(&r, RTA_PREFSRC, source->bytes, address_len(n));
    return ask(fd, &r);
}

/* The kernel answered for an address by routes of its own; these say who asks it. */
static bool steer(int fd, unsigned loopback, const struct network *n, const struct endpoint *asker)
{
    struct network whole = *n, host = *n;
    const unsigned bits = (unsigned)address_len(n) * 8;

    if (asker->family != n->base.family)
        return true;
    host.prefix_bits = (uint8_t)bits;
    for (unsigned i = n->prefix_bits; i < bits; i++)
        whole.base.bytes[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
    return add_route(fd, loopback, &host, asker) && add_route(fd, loopback, &whole, asker);
}

static bool loopback_up(void)
{
    struct ifreq r = {.ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok;

    if (fd < 0)
        return false;
    memcpy(r.ifr_name, "lo", 3);
    ok = ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    (void)close(fd);
    return ok;
}

static bool fail(struct strbuf *error, const char *what, const struct network *n)
{
    strbuf_addf(error, "%s: ", what);
    if (n != NULL)
        endpoint_print_address(error, &n->base);
    strbuf_addf(error, ": %s", strerror(errno));
    return false;
}

bool namespace_network(const struct namespace_config *c, struct strbuf *error)
{
    const unsigned loopback = if_nametoindex("lo");
    const struct network *bad = NULL;

    if (!loopback_up())
        return fail(error, "the loopback interface", NULL);
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (fd < 0)
        return fail(error, "netlink", NULL);
    for (size_t i = 0; bad == NULL && i < c->address_count; i++)
        if (!add_address(fd, loopback, &c->addresses[i]))
            bad = &c->addresses[i];
    for (size_t i = 0; bad == NULL && i < c->routed_count; i++)
        if (!add_route(fd, loopback, &c->routed[i], NULL))
            bad = &c->routed[i];
    for (size_t i = 0; bad == NULL && i < c->address_count; i++)
        if (!steer(fd, loopback, &c->addresses[i], &c->asker))
            bad = &c->addresses[i];
    int why = errno;
    (void)close(fd);
    errno = why;
    return bad == NULL || fail(error, "address", bad);
}
