/*
 * encrypt.h - TLS of a mock server and of its sessions
 *
 * Private to mockmta/. The server's struct tls is the mock's and outlives its sessions' layers.
 */
#ifndef RELAYLAB_MOCKMTA_ENCRYPT_H
#define RELAYLAB_MOCKMTA_ENCRYPT_H

#include "mockmta/parts.h"

/* Makes m->tls where the configuration wants it. False: no memory. */
bool encrypt_init(struct mock *m);
/* Wraps the session's machine where its listener can do TLS. False: no memory. */
bool encrypt_session(struct session *s, struct machine *machine);
/* The client showed one. */
bool encrypt_certificate(const struct session *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", and what came too early; of a session with a layer. */
void encrypt_print(const struct session *s, struct strbuf *out);

#endif
