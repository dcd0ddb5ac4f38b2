/*
 * tls_facts.c - what a peer showed, as text that can be printed
 *
 * A certificate is the peer's: every text is cut to its room and made visible.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "drive/tls/tls_private.h"

enum { DAY_SECONDS = 86400 };

static void put_bio(char *room, size_t cap, BIO *bio)
{
    struct strbuf out;
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    strbuf_init(&out, room, cap);
    if (len > 0) {
        strbuf_add_visible(&out, (struct span){text, (size_t)len});
    }
}

static void put_name(char *room, size_t cap, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && name != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~(unsigned long)XN_FLAG_SPC_EQ) >= 0) {
        put_bio(room, cap, bio);
    }
    BIO_free(bio);
}

static void add_address(struct strbuf *out, const ASN1_OCTET_STRING *ip)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(ip);
    int len = ASN1_STRING_length(ip);
    strbuf_adds(out, "IP:");
    for (int i = 0; i < len; i++) {
        if (len == 4) {
            strbuf_addf(out, "%s%u", i > 0 ? "." : "", bytes[i]);
        } else {
            strbuf_addf(out, "%s%02x", i > 0 && i % 2 == 0 ? ":" : "", bytes[i]);
        }
    }
}

/* Names of hosts and addresses; other kinds do not name a mail server. */
static void put_alternatives(char *room, size_t cap, const X509 *certificate)
{
    struct strbuf out;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    strbuf_init(&out, room, cap);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type != GEN_DNS && n->type != GEN_IPADD) {
            continue;
        }
        strbuf_adds(&out, out.len > 0 ? ", " : "");
        if (n->type == GEN_DNS) {
            const ASN1_IA5STRING *text = n->d.dNSName;
            strbuf_adds(&out, "DNS:");
            strbuf_add_visible(&out, (struct span){(const char *)ASN1_STRING_get0_data(text),
                                                   (size_t)ASN1_STRING_length(text)});
        } else {
            add_address(&out, n->d.iPAddress);
        }
    }
    GENERAL_NAMES_free(names);
}

/* A time that cannot be read is 0. */
static int64_t seconds_of(const ASN1_TIME *t)
{
    ASN1_TIME *start = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    if (start == NULL || ASN1_TIME_diff(&days, &seconds, start, t) != 1) {
        days = seconds = 0;
    }
    ASN1_TIME_free(start);
    return (int64_t)days * DAY_SECONDS + seconds;
}

static void learn_certificate(struct tls_facts *f, X509 *certificate, const char *peer_name)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    const X509_NAME *issuer = X509_get_issuer_name(certificate);
    f->certificate = true;
    f->self_signed = X509_NAME_cmp(subject, issuer) == 0;
    f->names_match = peer_name != NULL && X509_check_host(certificate, peer_name, 0, 0, NULL) == 1;
    f->not_before_s = seconds_of(X509_get0_notBefore(certificate));
    f->not_after_s = seconds_of(X509_get0_notAfter(certificate));
    put_name(f->subject, sizeof(f->subject), subject);
    put_name(f->issuer, sizeof(f->issuer), issuer);
    put_alternatives(f->names, sizeof(f->names), certificate);
}

void tls_facts_learn(struct tls_facts *f, SSL *ssl, const char *peer_name)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    const char *cipher = SSL_get_cipher_name(ssl);
    f->on = true;
    (void)bytes_copy(f->version, sizeof(f->version), span_of(SSL_get_version(ssl)));
    (void)bytes_copy(f->cipher, sizeof(f->cipher), span_of(cipher != NULL ? cipher : ""));
    if (certificate != NULL) {
        learn_certificate(f, certificate, peer_name);
    }
    X509_free(certificate);
    ERR_clear_error(); /* what odd certificates leave there */
}

/* Alerts about a certificate (RFC 8446 6.2; they come behind a handshake of TLS 1.3, too). TLS 1.2
 * has no word of its own for one that is missing (RFC 5246 7.4.6). */
static bool is_about_certificate(const struct tls_facts *f, unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return ERR_GET_LIB(error) == ERR_LIB_SSL && f->asked && !f->shown;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return ERR_GET_LIB(error) == ERR_LIB_SSL;
    default:
        return false;
    }
}

void tls_facts_fail(struct tls_facts *f, const char *what)
{
    struct strbuf out;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    f->failed = true;
    f->refused = is_about_certificate(f, ERR_peek_last_error());
    strbuf_init(&out, f->why, sizeof(f->why));
    strbuf_adds(&out, what);
    if (reason != NULL) {
        strbuf_adds(&out, ": ");
        strbuf_add_visible(&out, span_of(reason));
    }
    ERR_clear_error();
}

void tls_facts_early(struct tls_facts *f, const char *bytes, size_t len)
{
    struct strbuf out;
    f->early += len;
    strbuf_init(&out, f->early_text, sizeof(f->early_text));
    strbuf_add_visible(&out, span_to((struct span){bytes, len}, sizeof(f->early_text) / 4 - 1));
}
