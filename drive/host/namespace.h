/*
 * namespace.h - a piece of work done where no packet, no look-up and no mail can leave
 *
 * namespace_call forks a child into namespaces of its own: network (a loopback interface, and
 * nothing else), mounts, processes, host name; without root also users. The child is the first of
 * its processes: when it ends, however it ends, the kernel ends all that it started, and what was
 * mounted is gone with it. It ends when its caller does.
 *
 * Inside, the host's files are read-only as far as they lie on the root file system, /run is empty,
 * and the one place to write is NAMESPACE_PLACE, which TMPDIR names. Files of the host may be
 * covered by others, and directories by empty ones, whether the host has them or not: nothing of
 * the host is changed.
 *
 * Ownership: the config is the caller's. `inside` runs in the child and must not return to the
 * caller's code otherwise; call before any loop exists.
 * Errors: NAMESPACE_REFUSED with a sentence and a remedy, when the host does not allow it.
 */
#ifndef RELAYLAB_DRIVE_HOST_NAMESPACE_H
#define RELAYLAB_DRIVE_HOST_NAMESPACE_H

#include "lib/base/endpoint.h"

#define NAMESPACE_PLACE "/run/relaylab"

struct namespace_file { /* covers a file of the host; left out where the host has none */
    const char *path;
    const char *text;
};

struct namespace_config {
    const char *hostname;
    const struct namespace_file *files;
    size_t file_count;
    const char *const *places; /* directories that are empty and writable inside */
    size_t place_count;
    const struct network *addresses; /* stand on the loopback interface */
    size_t address_count;
    const struct network *routed; /* all their addresses are ours, and on no interface */
    size_t routed_count;
    struct endpoint asker; /* where connections to `addresses` come from that say nothing else;
                              family 0: from the address itself */
    bool many_users;       /* other users than root are needed: subordinate ids, when not root */
};

enum namespace_end {
    NAMESPACE_DONE,    /* `out` has what the child answered */
    NAMESPACE_REFUSED, /* there is no such namespace to be had */
    NAMESPACE_LOST     /* the child died; error says how */
};

enum namespace_end namespace_call(const struct namespace_config *c,
                                  void (*inside)(void *self, int to), void *self, void *out,
                                  size_t cap, size_t *len, struct strbuf *error);
/* In the child: more of the answer. */
void namespace_answer(int to, const void *data, size_t len);

#endif
