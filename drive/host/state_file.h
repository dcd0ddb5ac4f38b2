/*
 * state_file.h - where a program keeps what a user would miss: the XDG state directory
 *
 * $XDG_STATE_HOME/relaylab, or ~/.local/state/relaylab. A relative XDG_STATE_HOME does not count
 * (XDG Base Directory Specification).
 *
 * Errors: false with one sentence.
 */
#ifndef RELAYLAB_DRIVE_HOST_STATE_FILE_H
#define RELAYLAB_DRIVE_HOST_STATE_FILE_H

#include "lib/base/bytes.h"

/* The path of the file `name` there. Nothing is made. */
bool state_file_path(struct strbuf *path, const char *name, struct strbuf *error);
/* Makes the directories that the file's path names, with mode 0700. */
bool state_file_folders(const struct strbuf *path, struct strbuf *error);

#endif
