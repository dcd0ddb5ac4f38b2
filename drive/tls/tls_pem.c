/*
 * tls_pem.c - a certificate of our own making, as a file would have it
 */
#include <openssl/pem.h>

#include "drive/tls/tls_private.h"

static bool write_pem(BIO *to, const struct tls_identity *id, struct strbuf *out)
{
    char *data = NULL;

    if (PEM_write_bio_PrivateKey(to, id->key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(to, id->certificate) != 1) {
        return false;
    }
    long len = BIO_get_mem_data(to, &data);
    if (len <= 0) {
        return false;
    }
    strbuf_add(out, (struct span){data, (size_t)len});
    return !out->truncated;
}

bool tls_pem(const char *name, int64_t not_before_s, int64_t not_after_s, struct strbuf *out)
{
    struct tls_identity id = {0};
    BIO *to = BIO_new(BIO_s_mem());
    bool ok = to != NULL && tls_identity_make(&id, name, not_before_s, not_after_s) &&
              write_pem(to, &id, out);
    tls_identity_clear(&id);
    BIO_free(to);
    return ok;
}
