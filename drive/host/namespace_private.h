/*
 * namespace_private.h - between the files of namespace: steps inside the child
 *
 * Errors: false with a sentence.
 */
#ifndef RELAYLAB_DRIVE_HOST_NAMESPACE_PRIVATE_H
#define RELAYLAB_DRIVE_HOST_NAMESPACE_PRIVATE_H

#include <sys/types.h>

#include "drive/host/namespace.h"

bool namespace_mount(const struct namespace_config *c, struct strbuf *error);
bool namespace_network(const struct namespace_config *c, struct strbuf *error);
/* In the parent: ids of the child's users. */
bool namespace_map_users(pid_t child, bool many, struct strbuf *error);

#endif
