/*
 * whole_file.h - a text file, or standard input, read to its end
 *
 * Ownership: *text is the caller's, to be given back with whole_file_free; a NUL stands behind it.
 * Limits: WHOLE_FILE_MAX octets.
 * Errors: false with a sentence; nothing is to be given back then.
 */
#ifndef RELAYLAB_DRIVE_HOST_WHOLE_FILE_H
#define RELAYLAB_DRIVE_HOST_WHOLE_FILE_H

#include "lib/base/bytes.h"

enum { WHOLE_FILE_MAX = 256 * 1024 * 1024 };

/* "-": standard input. */
bool whole_file_read(const char *name, struct span *text, struct strbuf *error);
void whole_file_free(struct span text);

#endif
