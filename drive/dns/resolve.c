/*
 * resolve.c - getaddrinfo(3), asked for TCP addresses only
 *
 * AI_ADDRCONFIG is deliberately not set: a name that has only an IPv6 address is found on a host
 * without IPv6 too, and the probe then says "unreachable" with the address in its report instead of
 * "no such name".
 */
#include "drive/dns/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool take(const struct sockaddr *from, uint16_t port, struct endpoint *to)
{
    memset(to, 0, sizeof(*to));
    to->port = port;
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in4;

        memcpy(&in4, from, sizeof(in4));
        to->family = 4;
        memcpy(to->bytes, &in4.sin_addr, 4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, from, sizeof(in6));
        to->family = 6;
        memcpy(to->bytes, &in6.sin6_addr, 16);
        return true;
    }
    return false;
}

static bool known(const struct endpoint *list, size_t count, const struct endpoint *e)
{
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&list[i], e))
            return true;
    return false;
}

/* The resolver's own trouble is named; every other code (EAI_NONAME, glibc's EAI_NODATA, ...)
 * speaks of the name. */
static enum resolve_status failure(int code, struct strbuf *error)
{
    strbuf_adds(error, gai_strerror(code));
    if (code == EAI_AGAIN || code == EAI_FAIL || code == EAI_MEMORY || code == EAI_SYSTEM)
        return RESOLVE_TROUBLE;
    return RESOLVE_NO_NAME;
}

enum resolve_status resolve_host(struct span name, uint16_t port, struct endpoint *out, size_t cap,
                                 size_t *count, struct strbuf *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[RESOLVE_NAME_MAX];
    int code;

    *count = 0;
    if (!bytes_copy(text, sizeof(text), name)) {
        strbuf_adds(error, "the name is too long");
        return RESOLVE_NO_NAME;
    }
    code = getaddrinfo(text, NULL, &hints, &found);
    if (code != 0)
        return failure(code, error);
    for (const struct addrinfo *a = found; a != NULL && *count < cap; a = a->ai_next)
        if (take(a->ai_addr, port, &out[*count]) && !known(out, *count, &out[*count]))
            (*count)++;
    freeaddrinfo(found);
    if (*count > 0)
        return RESOLVE_FOUND;
    strbuf_adds(error, "the name has no IP address");
    return RESOLVE_NO_NAME;
}
