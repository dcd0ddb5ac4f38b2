/*
 * random.c - getrandom(2), to the last octet
 *
 * getrandom may be interrupted, and gives at most 256 octets without being cut short; both are met
 * by asking again.
 */
#include "drive/host/random.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

bool random_fill(void *to, size_t len)
{
    unsigned char *at = to;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}
