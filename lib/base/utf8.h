/*
 * utf8.h - where a well-formed sequence ends, and text that is safe to show
 */
#ifndef RELAYLAB_LIB_BASE_UTF8_H
#define RELAYLAB_LIB_BASE_UTF8_H

#include "lib/base/bytes.h"

/* Length of the well-formed UTF-8 sequence that s begins with (Unicode 15, table 3-7), 2 to 4; 1
   for ASCII; 0 for anything else. */
size_t utf8_len(struct span s);
/* All on one line that no terminal takes for orders: control characters, those of U+0080 to U+009F
   too, U+2028 and U+2029, and bytes that are no UTF-8 as \xHH. Backslashes stay as they are. */
void utf8_add_line(struct strbuf *out, struct span s);

#endif
