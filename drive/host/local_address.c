/*
 * local_address.c - one socket, bound and closed
 */
#include "drive/host/local_address.h"

#include <errno.h>
#include <unistd.h>

#include "drive/loop/loop_addr.h"

enum local_address local_address_try(const struct endpoint *e)
{
    struct endpoint any_port = *e;
    struct sockaddr_storage address;
    socklen_t len;
    int fd, why;

    any_port.port = 0;
    len = loop_addr_put(&any_port, &address);
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? LOCAL_ADDRESS_NOT_OURS : LOCAL_ADDRESS_TROUBLE;
    why = bind(fd, (const struct sockaddr *)&address, len) == 0 ? 0 : errno;
    close(fd);
    errno = why;
    if (why == 0)
        return LOCAL_ADDRESS_OURS;
    /* EINVAL: a link-local address, of which nobody says on which link. */
    return why == EADDRNOTAVAIL || why == EINVAL ? LOCAL_ADDRESS_NOT_OURS : LOCAL_ADDRESS_TROUBLE;
}
