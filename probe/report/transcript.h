/*
 * transcript.h - every line of every session, with its time, into a stream
 *
 *        0.012  1 C  EHLO probe.canary.test
 *        0.013  1 S  250 mx.victim.test
 *
 * Seconds since the run began, number of the session, who spoke (C we, S the server, * a note),
 * and the line with control and 8-bit octets made visible. Flushed line by line, so that nothing
 * is lost when the run is killed.
 *
 * Ownership: transcript_open opens the file, transcript_close closes it. A transcript without a
 * stream writes nothing.
 * Errors: transcript_open gives false with errno; trouble while writing shows in transcript_close.
 */
#ifndef RELAYLAB_PROBE_REPORT_TRANSCRIPT_H
#define RELAYLAB_PROBE_REPORT_TRANSCRIPT_H

#include <stdio.h>

#include "drive/world.h"

struct transcript {
    FILE *file; /* NULL: none */
    FILE *echo; /* stderr, for --verbose; or NULL */
    struct world *world;
    int trouble; /* errno of the first that could not be written; 0: none */
    int64_t start_ns;
};

/* Time starts now. file NULL: none. A file that exists is emptied. */
bool transcript_open(struct transcript *t, struct world *w, const char *file);
void transcript_line(struct transcript *t, unsigned session, char direction, struct span text);
bool transcript_close(struct transcript *t); /* false, with errno: something could not be written */

#endif
