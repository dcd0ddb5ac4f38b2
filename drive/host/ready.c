/*
 * ready.c - asks again every few milliseconds
 *
 * A port that takes connections may have nobody behind it: Postfix' master listens for an smtpd
 * that dies of its configuration again and again. The first octet of a greeting tells.
 */
#include "drive/host/ready.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drive/loop/loop_addr.h"

enum { PAUSE_MS = 5 };

static int open_connection(const struct endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t len = loop_addr_put(at, &address);
    int fd = socket(address.ss_family, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void pass_time(const struct ready *r)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * CLOCK_MS};

    if (r->pause != NULL)
        r->pause(r->self);
    else
        (void)nanosleep(&pause, NULL);
}

static bool is_heard(int fd)
{
    struct pollfd said = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&said, 1, 0) > 0;
}

static bool is_greeting(int fd)
{
    char first;

    return recv(fd, &first, 1, MSG_DONTWAIT) == 1;
}

bool ready_wait(const struct ready *r)
{
    int fd = -1;
    int64_t stood = 0;
    bool ready = false, over = false;

    for (int64_t waited = 0; !ready && !over && waited < r->limit_ns;
         waited += PAUSE_MS * CLOCK_MS) {
        if (fd < 0)
            fd = open_connection(&r->at);
        stood = fd >= 0 ? stood + PAUSE_MS * CLOCK_MS : 0;
        ready = fd >= 0 && (!r->greets || (r->may_wait && stood >= READY_STANDS));
        if (is_heard(fd)) {
            ready = ready || is_greeting(fd);
            (void)close(fd); /* also of one that hung up: the next may be greeted */
            fd = -1;
            stood = 0;
        }
        if (!ready)
            pass_time(r);
        over = r->ended != NULL && access(r->ended, F_OK) == 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return ready;
}
