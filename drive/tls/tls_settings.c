/*
 * tls_settings.c - clients that take everything, servers with a certificate of their own making
 *
 * A probe wants to talk to old servers: security level 0, every cipher, every version that OpenSSL
 * was built with, whatever the host's openssl.cnf says. Tickets and session ids are off, so that
 * each handshake looks like the first.
 */
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "drive/tls/tls_private.h"

enum { LAYERS_PER_CHUNK = 8, VALID_DAYS = 365 };

static const int64_t day_s = 86400;

static int protocol_of(enum tls_version v)
{
    static const int protocols[] = {
        [TLS_ANY] = 0,
        [TLS_1_0] = TLS1_VERSION,
        [TLS_1_1] = TLS1_1_VERSION,
        [TLS_1_2] = TLS1_2_VERSION,
        [TLS_1_3] = TLS1_3_VERSION,
    };
    return protocols[v];
}

enum tls_version tls_version_min(void)
{
#if !defined(OPENSSL_NO_TLS1)
    return TLS_1_0;
#elif !defined(OPENSSL_NO_TLS1_1)
    return TLS_1_1;
#else
    return TLS_1_2;
#endif
}

static bool set_common(SSL_CTX *c, enum tls_version min, enum tls_version max)
{
    int lowest = min == TLS_ANY ? TLS1_VERSION : protocol_of(min);
    (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_LEGACY_SERVER_CONNECT);
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(c, 0);
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    return SSL_CTX_set_num_tickets(c, 0) == 1 && SSL_CTX_set_min_proto_version(c, lowest) == 1 &&
           SSL_CTX_set_max_proto_version(c, protocol_of(max)) == 1 &&
           SSL_CTX_set_cipher_list(c, "ALL:COMPLEMENTOFDEFAULT:@SECLEVEL=0") == 1;
}

static struct tls *new_tls(const SSL_METHOD *method, struct strbuf *error)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        strbuf_adds(error, "TLS: no memory");
        return NULL;
    }
    slab_init(&t->layers, sizeof(struct tls_layer), LAYERS_PER_CHUNK);
    t->context = SSL_CTX_new(method);
    if (t->context == NULL || !link_pool_init(&t->pool)) {
        tls_say_openssl(error, "TLS");
        tls_free(t);
        return NULL;
    }
    return t;
}

void tls_free(struct tls *t)
{
    if (t == NULL) {
        return;
    }
    link_pool_clear(&t->pool);
    slab_clear(&t->layers);
    SSL_CTX_free(t->context);
    tls_identity_clear(&t->identity);
    free(t);
}

/* -- clients */

/* The server asked for a certificate. Without one set here it is told that there is none. */
static int on_asked(SSL *ssl, void *self)
{
    const struct tls *t = self;
    struct tls_layer *l = SSL_get_app_data(ssl);
    l->facts.asked = true;
    l->facts.shown = l->presents &&
                     SSL_use_cert_and_key(ssl, t->identity.certificate, t->identity.key,
                                          t->identity.chain, 1) == 1;
    return 1;
}

static bool set_identity(struct tls *t, const struct tls_client_config *config,
                         struct strbuf *error)
{
    SSL_CTX_set_cert_cb(t->context, on_asked, t);
    if (config->certificate_file != NULL) {
        return tls_identity_read(&t->identity, config->certificate_file, config->key_file, error);
    }
    if (!tls_identity_make(&t->identity, "relayprobe.invalid", config->now_s - day_s,
                           config->now_s + VALID_DAYS * day_s)) {
        tls_say_openssl(error, "TLS certificate");
        return false;
    }
    return true;
}

struct tls *tls_client_new(const struct tls_client_config *config, struct strbuf *error)
{
    struct tls *t = new_tls(TLS_client_method(), error);
    if (t == NULL) {
        return NULL;
    }
    if (!set_common(t->context, TLS_ANY, TLS_ANY)) {
        tls_say_openssl(error, "TLS");
    } else if (set_identity(t, config, error)) {
        return t;
    }
    tls_free(t);
    return NULL;
}

/* -- servers */

static bool set_certificate(SSL_CTX *c, const struct tls_server_config *config)
{
    struct tls_identity id = {0};
    bool ok = tls_identity_make(&id, config->name, config->not_before_s, config->not_after_s) &&
              SSL_CTX_use_certificate(c, id.certificate) == 1 &&
              SSL_CTX_use_PrivateKey(c, id.key) == 1;
    tls_identity_clear(&id);
    return ok;
}

/* Anybody's certificate will do. */
static int take_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static int take_none(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    return 0;
}

static void ask_for_certificate(SSL_CTX *c, enum tls_asks asks)
{
    int must = asks == TLS_ASKS_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    if (asks != TLS_ASKS_NONE) {
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER | must,
                           asks == TLS_ASKS_TRUSTED ? take_none : take_any);
    }
}

struct tls *tls_server_new(const struct tls_server_config *config, struct strbuf *error)
{
    struct tls *t = new_tls(TLS_server_method(), error);
    if (t == NULL) {
        return NULL;
    }
    t->server = true;
    t->fault = config->fault;
    t->early = config->early;
    if (!set_common(t->context, config->version_min, config->version_max) ||
        !set_certificate(t->context, config)) {
        tls_say_openssl(error, "TLS certificate");
        tls_free(t);
        return NULL;
    }
    ask_for_certificate(t->context, config->asks);
    return t;
}
