/*
 * tls_settings.c - clients that take everything, servers with a certificate of their own making
 *
 * A probe wants to talk to old servers: security level 0, every cipher, every version that OpenSSL
 * was built with, whatever the host's openssl.cnf says. Tickets and session ids are off, so that
 * each handshake looks like the first.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tls/tls_private.h"

enum { LAYERS_PER_CHUNK = 8, ROOM_HOST_NAME = 300 };

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

static void say_openssl(struct strbuf *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    strbuf_adds(error, what);
    strbuf_adds(error, ": ");
    strbuf_adds(error, reason != NULL ? reason : "no memory");
    ERR_clear_error();
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
        say_openssl(error, "TLS");
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
    free(t);
}

struct tls *tls_client_new(struct strbuf *error)
{
    struct tls *t = new_tls(TLS_client_method(), error);
    if (t != NULL && !set_common(t->context, TLS_ANY, TLS_ANY)) {
        say_openssl(error, "TLS");
        tls_free(t);
        return NULL;
    }
    return t;
}

/* -- a certificate of our own */

static bool set_names(X509 *x, const char *name)
{
    char room[ROOM_HOST_NAME];
    struct strbuf alternative;
    X509_NAME *subject = X509_get_subject_name(x);
    size_t len = strlen(name) < 64 ? strlen(name) : 64; /* ub-common-name, RFC 5280 */
    strbuf_init(&alternative, room, sizeof(room));
    strbuf_addf(&alternative, "DNS:%s", name);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, room);
    bool ok = X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                         (int)len, -1, 0) == 1 &&
              X509_set_issuer_name(x, subject) == 1 && e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static X509 *make_certificate(const struct tls_server_config *config, EVP_PKEY *key)
{
    X509 *x = X509_new();
    bool ok = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(x), (time_t)config->not_before_s) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(x), (time_t)config->not_after_s) != NULL &&
              X509_set_pubkey(x, key) == 1 && set_names(x, config->name) &&
              X509_sign(x, key, EVP_sha256()) > 0;
    if (!ok) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static bool set_certificate(SSL_CTX *c, const struct tls_server_config *config)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? make_certificate(config, key) : NULL;
    bool ok = certificate != NULL && SSL_CTX_use_certificate(c, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(c, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}

struct tls *tls_server_new(const struct tls_server_config *config, struct strbuf *error)
{
    struct tls *t = new_tls(TLS_server_method(), error);
    if (t == NULL) {
        return NULL;
    }
    t->server = true;
    t->fault = config->fault;
    if (!set_common(t->context, config->version_min, config->version_max) ||
        !set_certificate(t->context, config)) {
        say_openssl(error, "TLS certificate");
        tls_free(t);
        return NULL;
    }
    return t;
}
