/*
 * ready.c - asks again every few milliseconds
 */
#include "drive/host/ready.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drive/loop/loop_addr.h"
#include "lib/base/clock.h"

enum { PAUSE_MS = 5 };

static bool answers(const struct endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t len = loop_addr_put(at, &address);
    int fd = socket(address.ss_family, SOCK_STREAM, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

bool ready_wait(const struct endpoint *at, int64_t limit_ns, const char *ended)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * CLOCK_MS};

    for (int64_t waited = 0; waited < limit_ns; waited += PAUSE_MS * CLOCK_MS) {
        if (answers(at))
            return true;
        if (ended != NULL && access(ended, F_OK) == 0)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}
