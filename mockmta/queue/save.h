/*
 * save.h - keeps every accepted message as files: QUEUEID.eml byte for byte, QUEUEID.json with its
 * envelope
 *
 * Both are written under a temporary name and then linked to their own, envelope first, so that who
 * sees an .eml sees a whole message. A name that is taken (an older run's) is never written over:
 * -2, -3, ... is added.
 *
 * Errors: false, with a sentence; nothing half-written is left.
 */
#ifndef RELAYLAB_MOCKMTA_QUEUE_SAVE_H
#define RELAYLAB_MOCKMTA_QUEUE_SAVE_H

#include "mockmta/mock.h"

/* The directory is there and can be written. */
bool save_check(const char *directory, struct strbuf *error);
bool save_message(const char *directory, int64_t epoch_s, const struct mock_event *e,
                  struct strbuf *error);

#endif
