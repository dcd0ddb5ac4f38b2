/*
 * server_wire.h - how a reply's bytes look on the wire (private to the server machine)
 */
#ifndef RELAYLAB_LIB_SMTP_SERVER_WIRE_H
#define RELAYLAB_LIB_SMTP_SERVER_WIRE_H

#include "lib/smtp/server.h"

/* Line ends as the shape wants them, in place; returns the new length. */
size_t wire_line_ends(char *bytes, size_t len, enum wire_eol eol);
/* True when the reply must go out in more than one write. NULL: no shape. */
bool wire_is_shaped(const struct wire_shape *w);
/* How many of the held bytes make the next segment; at least 1 of len >= 1. */
size_t wire_next_segment(const struct wire_shape *w, const char *held, size_t len);

#endif
