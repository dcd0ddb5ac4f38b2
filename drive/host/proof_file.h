/*
 * proof_file.h - keeps delivered messages as files: RUN-FORM-TOKEN.eml
 *
 * A message is written under a temporary name, synced, and given its name only then, so that no
 * half a message ever has it. A name that is taken is left alone: the next one is
 * RUN-FORM-TOKEN.2.eml, and so on.
 *
 * Errors: one line in `error` that names directory or file.
 */
#ifndef RELAYLAB_DRIVE_HOST_PROOF_FILE_H
#define RELAYLAB_DRIVE_HOST_PROOF_FILE_H

#include "lib/base/bytes.h"

enum { PROOF_COPIES_MAX = 100, PROOF_NAME_MAX = 256 };

/* Files can be made in it. */
bool proof_check(const char *directory, struct strbuf *error);
/* `name`: what was written, directory excluded. */
bool proof_save(const char *directory, struct span run, struct span form, struct span token,
                struct span content, char name[PROOF_NAME_MAX], struct strbuf *error);

#endif
