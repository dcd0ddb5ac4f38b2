/*
 * spawn.h - a command of the host, run beside the loop and never left behind
 *
 * The command gets its own process group, /dev/null as standard input, one pipe as standard output
 * and standard error, and no other descriptor. At its deadline the group gets SIGTERM, after the
 * grace SIGKILL. Whatever became of the command, nothing that it started is alive when the result
 * is there, processes that left its group included; the same holds when the caller dies.
 *
 * Use: spawn_start, then spawn_watch (the loop tells when it is over) or spawn_wait (blocks), then
 * spawn_result, then spawn_free.
 *
 * Ownership: the config need not outlive spawn_start. The result borrows from the spawn. spawn_free
 * ends a command that still runs. Errors: NULL with a sentence; a command that cannot be executed
 * is a result (SPAWN_NOT_STARTED).
 * Limits: output_max octets of output are kept, the rest is read and counted.
 */
#ifndef RELAYLAB_DRIVE_HOST_SPAWN_H
#define RELAYLAB_DRIVE_HOST_SPAWN_H

#include "drive/loop/loop.h"

enum spawn_end {
    SPAWN_EXITED,      /* status: its exit status */
    SPAWN_SIGNALED,    /* status: the signal that was not ours */
    SPAWN_TIMED_OUT,   /* status: 0 when SIGTERM was enough, else SIGKILL's number */
    SPAWN_NOT_STARTED, /* status: errno */
    SPAWN_LOST         /* the keeper died; nothing is known */
};

struct spawn_config {
    const char *const *argv; /* NULL at the end; [0] is looked up in the PATH of env */
    const char *const *env;  /* NAME=value, NULL at the end; all that the command gets */
    const char *directory;   /* where it starts; NULL: here */
    int64_t limit_ns, grace_ns;
    size_t output_max;
};

struct spawn_result {
    enum spawn_end end;
    int status;
    unsigned stragglers; /* processes that were alive after the command, and were ended */
    uint64_t output_total;
    int64_t elapsed_ns;
    struct span output; /* both streams as they came; at most output_max */
};

struct spawn;

struct spawn *spawn_start(const struct spawn_config *config, struct strbuf *error);
/* Calls done from the loop, once, when the result is there. */
void spawn_watch(struct spawn *s, struct loop *l, void (*done)(void *self), void *self);
void spawn_wait(struct spawn *s);
const struct spawn_result *spawn_result(const struct spawn *s); /* valid once it is over */
void spawn_free(struct spawn *s);                               /* NULL is allowed */

#endif
