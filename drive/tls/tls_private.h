/*
 * tls_private.h - what the layer, its settings and its facts share
 */
#ifndef RELAYLAB_DRIVE_TLS_TLS_PRIVATE_H
#define RELAYLAB_DRIVE_TLS_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "drive/link.h"
#include "drive/slab.h"
#include "drive/tls/tls.h"

struct tls {
    SSL_CTX *context;
    struct link_pool pool; /* of the plaintext side */
    struct slab layers;
    enum tls_fault fault;
    bool server;
};

enum tls_phase {
    TLS_CLEAR,   /* the inner machine works on the driver's buffers */
    TLS_WAITING, /* implicit: for the connection */
    TLS_SHAKING,
    TLS_STANDS,
    TLS_BROKEN /* only what is left to send goes out */
};

struct tls_layer {
    struct tls *tls;
    struct machine inner;
    struct link_core core; /* of the inner machine; not in use while TLS_CLEAR */
    SSL *ssl;
    BIO *from_peer, *to_peer; /* the ssl's */
    int64_t now_ns, close_by_ns;
    uint64_t trace; /* over plaintext, never 0 once TLS began */
    uint8_t phase;  /* enum tls_phase */
    bool implicit, said_goodbye, fault_done;
    char peer_name[TLS_NAME_MAX]; /* "": none */
    struct tls_facts facts;
};

/* tls_facts.c: from a handshake that stands, and from one that does not. */
void tls_facts_learn(struct tls_facts *f, SSL *ssl, const char *peer_name);
void tls_facts_fail(struct tls_facts *f, const char *what);
void tls_facts_early(struct tls_facts *f, const char *bytes, size_t len);

#endif
