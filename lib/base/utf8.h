/*
 * utf8.h - where a well-formed sequence ends
 */
#ifndef RELAYLAB_LIB_BASE_UTF8_H
#define RELAYLAB_LIB_BASE_UTF8_H

#include "lib/base/bytes.h"

/* Length of the well-formed UTF-8 sequence that s begins with (Unicode 15, table 3-7), 2 to 4; 1
   for ASCII; 0 for anything else. */
size_t utf8_len(struct span s);

#endif
