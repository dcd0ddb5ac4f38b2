/*
 * tls.h - TLS as a layer between a driver and a machine, the same in both worlds
 *
 * A layer is a machine that wraps a machine: the driver moves its bytes, the inner machine reads
 * and writes plaintext. TLS begins with the first byte (implicit), or when the inner machine sets
 * start_tls (STARTTLS); before that bytes go through untouched. The inner machine's deadlines hold
 * during the handshake too, and its failure is told to it (MACHINE_TLS_FAILED).
 *
 *     tls_client_new -> tls_layer_new(tls, inner, implicit, name) -> tls_layer_machine -> driver
 *
 * The client takes any certificate and any version that OpenSSL allows (security level 0), since
 * what is asked is not who the server is; tls_layer_facts says what it showed. The server shows a
 * certificate that it made itself, in memory; the client has one, too, and shows it to a server
 * that asks for one where the layer was told so (tls_layer_present).
 *
 * Bytes that came in clear behind the word that begins TLS are dropped, never read as TLS nor by
 * the machine, and counted (facts.early): behind a server's 220 they are an injection, behind a
 * client's STARTTLS they are commands that were sent too early. A server may be told to do with
 * those what it should not (enum tls_early).
 *
 * Ownership: a struct tls is the caller's and outlives its layers. A layer is given back by itself
 * when the driver calls its `ended`, right before that of the inner machine; one that was never
 * given to a driver by tls_layer_drop.
 * Limits: ciphertext under way is at most TLS_PENDING_MAX bytes each way; plaintext as in
 * lib/machine.h. No renegotiation, no resumption.
 */
#ifndef RELAYLAB_DRIVE_TLS_TLS_H
#define RELAYLAB_DRIVE_TLS_TLS_H

#include "lib/base/bytes.h"
#include "lib/machine.h"

enum { TLS_PENDING_MAX = 32768, TLS_NAME_MAX = 256, TLS_NAMES_MAX = 512 };

enum tls_version { TLS_ANY, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

/* What a server does instead of a handshake. */
enum tls_fault {
    TLS_FAULT_NONE,
    TLS_FAULT_STALL,   /* never answers */
    TLS_FAULT_GARBAGE, /* answers in clear */
    TLS_FAULT_CLOSE,   /* closes when the client's first bytes come */
    TLS_FAULT_RESET    /* breaks off likewise */
};

/* What a server does with bytes that came in clear behind STARTTLS. */
enum tls_early {
    TLS_EARLY_DROPPED,
    TLS_EARLY_HEARD, /* they are the first that the machine reads inside TLS (CVE-2011-0411) */
    TLS_EARLY_AS_TLS /* taken for the client's hello, which fails the handshake */
};

/* Whether a server asks clients for a certificate, and what it makes of theirs. */
enum tls_asks {
    TLS_ASKS_NONE,
    TLS_ASKS_ANY,      /* every certificate is taken, and so is none */
    TLS_ASKS_REQUIRED, /* every one is taken; without one there is no handshake */
    TLS_ASKS_TRUSTED   /* none that we could show is trusted: the handshake fails with it */
};

struct tls_server_config {
    const char *name;                  /* in the certificate */
    int64_t not_before_s, not_after_s; /* of the certificate, since 1970 */
    enum tls_version version_min, version_max;
    enum tls_fault fault;
    enum tls_asks asks;
    enum tls_early early;
};

struct tls_client_config {
    const char *certificate_file; /* PEM, with its chain behind it; NULL: one of our own making */
    const char *key_file;         /* PEM; NULL: in the file of the certificate */
    int64_t now_s;                /* since 1970: from the day before, ours is valid for a year */
};

struct tls_facts { /* texts are visible characters, "" where nothing is known */
    bool begun;    /* the handshake was begun */
    bool on;       /* and stood */
    bool failed;
    char version[16]; /* "TLSv1.3" */
    char cipher[64];
    bool certificate; /* the peer showed one */
    bool self_signed; /* issuer and subject are the same */
    bool names_match; /* it was made for the name that was asked for */
    int64_t not_before_s, not_after_s;
    char subject[TLS_NAME_MAX], issuer[TLS_NAME_MAX];
    char names[TLS_NAMES_MAX]; /* "DNS:mx.victim.test, IP:192.0.2.1" */
    bool asked;                /* a client: the server asked for a certificate of ours */
    bool shown;                /* ... and was shown it */
    bool refused;              /* the failure is the peer's word about our certificate, or that
                                  it wants one */
    size_t early;              /* bytes in clear that came too early */
    char early_text[80];       /* the first of them */
    char why[160];             /* of a failure */
};

struct tls;
struct tls_layer;

/* NULL: no memory, or OpenSSL refuses (error says why, and names the file). */
struct tls *tls_client_new(const struct tls_client_config *config, struct strbuf *error);
struct tls *tls_server_new(const struct tls_server_config *config, struct strbuf *error);
void tls_free(struct tls *t); /* NULL is allowed */
/* What a client shows, in PEM: for a server that is to trust it. False: no memory. */
bool tls_client_certificate(const struct tls *t, struct strbuf *out);
/* A key and a certificate for it as PEM, for servers of other people's. False: no memory, or no
   room. */
bool tls_pem(const char *name, int64_t not_before_s, int64_t not_after_s, struct strbuf *out);

/* peer_name: what a client expects in the certificate and names in its hello; NULL or an address:
   nothing. NULL: no memory. */
struct tls_layer *tls_layer_new(struct tls *t, struct machine inner, bool implicit,
                                const char *peer_name);
/* A client: shows its certificate, should the server ask for one. Before the handshake. */
void tls_layer_present(struct tls_layer *l);
void tls_layer_drop(struct tls_layer *l);
struct machine tls_layer_machine(struct tls_layer *l);
const struct tls_facts *tls_layer_facts(const struct tls_layer *l);
enum tls_version tls_version_min(void); /* the oldest that OpenSSL was built with */

#endif
