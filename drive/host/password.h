/*
 * password.h - a mailbox's password, from a file or the environment
 *
 * Never from a command line, which every user of the host can read. A file that others can read is
 * refused. Whoever gets a password wipes it when done.
 *
 * Errors: one line that names the file, never what is in it.
 */
#ifndef RELAYLAB_DRIVE_HOST_PASSWORD_H
#define RELAYLAB_DRIVE_HOST_PASSWORD_H

#include "lib/base/bytes.h"

enum { PASSWORD_MAX = 256 /* with NUL */ };

#define PASSWORD_VARIABLE "RELAYPROBE_PASSWORD"
/* Behind a refusal, where neither gave one. */
#define PASSWORD_HINT \
    " (no password by --password-file or " PASSWORD_VARIABLE "; ~/.netrc was asked)"

/* The first line of the file at `path`; NULL: the environment's; neither: empty and true. */
bool password_read(const char *path, char to[PASSWORD_MAX], struct strbuf *error);
void password_wipe(char text[PASSWORD_MAX]);

#endif
