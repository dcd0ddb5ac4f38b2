/*
 * descriptors.h - how many files and sockets this process may have open
 */
#ifndef RELAYLAB_DRIVE_HOST_DESCRIPTORS_H
#define RELAYLAB_DRIVE_HOST_DESCRIPTORS_H

#include "lib/base/bytes.h"

/* Raises the soft limit to `most`, or as far as the hard one allows; *granted: how many there may
   be now, `most` at most. False, with one sentence: fewer than `least`. */
bool descriptors_want(unsigned least, unsigned most, unsigned *granted, struct strbuf *error);

#endif
