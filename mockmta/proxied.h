/*
 * proxied.h - a session that reads a PROXY header before anything else
 *
 * Private to mockmta/. With `proxy: required` nothing is said before a whole header was read; what
 * is none ends the connection. With `optional` the server guesses, as no server should: what begins
 * like a header is one, and whoever says nothing for a moment is greeted. The client that a header
 * names is whom rules see.
 */
#ifndef RELAYLAB_MOCKMTA_PROXIED_H
#define RELAYLAB_MOCKMTA_PROXIED_H

#include "mockmta/parts.h"

/* Wraps the session's machine where the configuration wants it. */
void proxied_session(struct session *s, struct machine *machine);

#endif
