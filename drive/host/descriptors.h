/*
 * descriptors.h - how many files and sockets this process may have open
 */
#ifndef RELAYLAB_DRIVE_HOST_DESCRIPTORS_H
#define RELAYLAB_DRIVE_HOST_DESCRIPTORS_H

#include "lib/base/bytes.h"

/* Raises the soft limit as far as needed and allowed. False, with one sentence: it is too low. */
bool descriptors_want(unsigned count, struct strbuf *error);

#endif
