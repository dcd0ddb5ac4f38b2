/*
 * loop_addr.c - both ways between struct endpoint and struct sockaddr
 */
#include "drive/loop/loop_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

socklen_t loop_addr_put(const struct endpoint *e, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (e->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)to;
        in->sin_family = AF_INET;
        in->sin_port = htons(e->port);
        memcpy(&in->sin_addr, e->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(e->port);
    memcpy(&in6->sin6_addr, e->bytes, 16);
    return sizeof *in6;
}

void loop_addr_get(const struct sockaddr_storage *from, struct endpoint *e)
{
    *e = (struct endpoint){0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        e->family = 4;
        e->port = ntohs(in->sin_port);
        memcpy(e->bytes, &in->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        e->family = 6;
        e->port = ntohs(in6->sin6_port);
        memcpy(e->bytes, &in6->sin6_addr, 16);
    }
}
