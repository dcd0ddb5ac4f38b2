/*
 * kill_at.c - LD_PRELOAD: ends the process with SIGKILL at its Nth write to a file or a socket
 *
 * RELAYLAB_KILL_AT=N kills in place of the Nth call, so that everything before it happened and
 * nothing of it did; 0 or nothing never kills. RELAYLAB_KILL_COUNT=FILE: at a normal end the number
 * of calls is written there, so that a test knows how far N reaches.
 *
 * Counted are the calls by which SQLite and the loop let anything out: by number, not by time, so
 * the instants between two rows, and between a row and the octets on the wire, are all met.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_ulong calls; /* libcurl has a thread of its own for names */

/* RTLD_NEXT, for which glibc wants _GNU_SOURCE, which makes sendto's prototype one that no other
   compiler takes. */
#define BEHIND_US ((void *)-1L)

static void *next(const char *name)
{
    void *found = dlsym(BEHIND_US, name);
    if (found == NULL)
        abort();
    return found;
}

static void count(void)
{
    const char *at = getenv("RELAYLAB_KILL_AT");
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    if (at != NULL && strtoul(at, NULL, 10) == number)
        raise(SIGKILL);
}

/* ISO C knows no cast from void * to a function: by way of a union. */
#define CALL(name, result, arguments, values) \
    result name arguments;                    \
    result name arguments                     \
    {                                         \
        union {                               \
            void *pointer;                    \
            result(*function) arguments;      \
        } call = {next(#name)};               \
        count();                              \
        return call.function values;          \
    }

/* The names that glibc gives to parameters are its own. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
CALL(write, ssize_t, (int fd, const void *data, size_t len), (fd, data, len))
CALL(writev, ssize_t, (int fd, const struct iovec *parts, int parts_count),
     (fd, parts, parts_count))
CALL(pwrite, ssize_t, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
CALL(pwrite64, ssize_t, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
CALL(send, ssize_t, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
CALL(sendto, ssize_t,
     (int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len),
     (fd, data, len, flags, to, to_len))
CALL(sendmsg, ssize_t, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
CALL(fsync, int, (int fd), (fd))
CALL(fdatasync, int, (int fd), (fd))
CALL(ftruncate64, int, (int fd, off_t len), (fd, len))
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

__attribute__((destructor)) static void say_count(void)
{
    const char *path = getenv("RELAYLAB_KILL_COUNT");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL)
        return;
    fprintf(file, "%lu\n", atomic_load(&calls));
    fclose(file);
}
