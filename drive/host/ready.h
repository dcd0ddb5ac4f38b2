/*
 * ready.h - waits until something listens
 *
 * For servers of other people's, which do not say when they are ready. Blocks: call it where no
 * loop runs.
 */
#ifndef RELAYLAB_DRIVE_HOST_READY_H
#define RELAYLAB_DRIVE_HOST_READY_H

#include "lib/base/endpoint.h"

/* True when a connection to `at` stands (it is closed at once). False after the limit, or as soon
   as the file `ended` exists (NULL: none). */
bool ready_wait(const struct endpoint *at, int64_t limit_ns, const char *ended);

#endif
