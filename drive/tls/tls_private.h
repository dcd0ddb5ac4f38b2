/*
 * tls_private.h - what the layer, its settings, its certificates and its facts share
 */
#ifndef RELAYLAB_DRIVE_TLS_TLS_PRIVATE_H
#define RELAYLAB_DRIVE_TLS_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "drive/link.h"
#include "drive/slab.h"
#include "drive/tls/tls.h"

struct tls_identity {
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* above the certificate; may be empty */
};

struct tls {
    SSL_CTX *context;
    struct tls_identity identity; /* a client's */
    struct link_pool pool;        /* of the plaintext side */
    struct slab layers;
    enum tls_fault fault;
    enum tls_early early;
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
    bool presents;                /* a client's certificate, where the server asks for it */
    char peer_name[TLS_NAME_MAX]; /* "": none */
    struct tls_facts facts;
};

/* tls_identity.c. False: no memory, or what OpenSSL has to say (error names the file). Either way
   it is cleared by tls_identity_clear. */
bool tls_identity_make(struct tls_identity *id, const char *name, int64_t not_before_s,
                       int64_t not_after_s);
bool tls_identity_read(struct tls_identity *id, const char *certificate_file, const char *key_file,
                       struct strbuf *error);
void tls_identity_clear(struct tls_identity *id);
/* "what: why", with OpenSSL's last word. */
void tls_say_openssl(struct strbuf *error, const char *what);

/* tls_facts.c: from a handshake that stands, and from one that does not. */
void tls_facts_learn(struct tls_facts *f, SSL *ssl, const char *peer_name);
void tls_facts_fail(struct tls_facts *f, const char *what);
void tls_facts_early(struct tls_facts *f, const char *bytes, size_t len);

#endif
