/*
 * tls_identity.c - a certificate and its key: of our own making, in memory, or read from files
 *
 * One of our own is signed by itself. Files are read once, at the start: a session needs no disk. A
 * key that wants a pass phrase is refused, since nobody may be there to be asked.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "drive/tls/tls_private.h"

enum { ROOM_HOST_NAME = 300, COMMON_NAME_MAX = 64 /* ub-common-name, RFC 5280 */ };

void tls_say_openssl(struct strbuf *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    strbuf_adds(error, what);
    strbuf_adds(error, ": ");
    strbuf_adds(error, reason != NULL ? reason : "no memory");
    ERR_clear_error();
}

void tls_identity_clear(struct tls_identity *id)
{
    X509_free(id->certificate);
    EVP_PKEY_free(id->key);
    sk_X509_pop_free(id->chain, X509_free);
    *id = (struct tls_identity){0};
}

/* -- made */

static bool set_names(X509 *x, const char *name)
{
    char room[ROOM_HOST_NAME];
    struct strbuf alternative;
    X509_NAME *subject = X509_get_subject_name(x);
    size_t len = strlen(name) < COMMON_NAME_MAX ? strlen(name) : COMMON_NAME_MAX;
    strbuf_init(&alternative, room, sizeof(room));
    strbuf_addf(&alternative, "DNS:%s", name);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, room);
    bool ok = X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                         (int)len, -1, 0) == 1 &&
              X509_set_issuer_name(x, subject) == 1 && e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

bool tls_identity_make(struct tls_identity *id, const char *name, int64_t not_before_s,
                       int64_t not_after_s)
{
    X509 *x = X509_new();
    id->certificate = x;
    id->key = EVP_EC_gen("P-256");
    return x != NULL && id->key != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(x), (time_t)not_before_s) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after_s) != NULL &&
           X509_set_pubkey(x, id->key) == 1 && set_names(x, name) &&
           X509_sign(x, id->key, EVP_sha256()) > 0;
}

bool tls_client_certificate(const struct tls *t, struct strbuf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_X509(bio, t->identity.certificate) == 1;
    char *text = NULL;
    long len = ok ? BIO_get_mem_data(bio, &text) : 0;
    strbuf_add(out, (struct span){text, (size_t)len});
    BIO_free(bio);
    return ok;
}

/* -- read */

/* Instead of a question on the terminal. */
static int no_pass_phrase(char *room, int cap, int writing, void *self)
{
    (void)writing;
    (void)self;
    if (cap > 0) {
        room[0] = '\0';
    }
    return -1;
}

/* The first certificate of the file is ours, what follows is above it. */
static bool read_certificates(struct tls_identity *id, BIO *file)
{
    X509 *above = NULL;
    id->certificate = PEM_read_bio_X509(file, NULL, no_pass_phrase, NULL);
    id->chain = sk_X509_new_null();
    if (id->certificate == NULL || id->chain == NULL) {
        return false;
    }
    while ((above = PEM_read_bio_X509(file, NULL, no_pass_phrase, NULL)) != NULL) {
        if (sk_X509_push(id->chain, above) == 0) {
            X509_free(above);
            return false;
        }
    }
    ERR_clear_error(); /* the end of the file */
    return true;
}

static bool read_file(struct tls_identity *id, const char *name, bool key, struct strbuf *error)
{
    BIO *file = BIO_new_file(name, "r");
    bool ok = file != NULL;
    if (ok && key) {
        id->key = PEM_read_bio_PrivateKey(file, NULL, no_pass_phrase, NULL);
        ok = id->key != NULL;
    } else if (ok) {
        ok = read_certificates(id, file);
    }
    BIO_free(file);
    if (!ok) {
        tls_say_openssl(error, name);
    }
    return ok;
}

bool tls_identity_read(struct tls_identity *id, const char *certificate_file, const char *key_file,
                       struct strbuf *error)
{
    const char *keys = key_file != NULL ? key_file : certificate_file;
    if (!read_file(id, certificate_file, false, error) || !read_file(id, keys, true, error)) {
        return false;
    }
    if (X509_check_private_key(id->certificate, id->key) != 1) {
        tls_say_openssl(error, keys);
        return false;
    }
    return true;
}
