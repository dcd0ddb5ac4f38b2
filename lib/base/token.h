/*
 * token.h - unguessable marks that tie a delivery to one form of one run
 *
 * A token is HMAC-SHA256 (RFC 2104) under the run's secret over (target, form, role), cut to 80
 * bits and written in lower-case base32 (RFC 4648 6, no padding): 16 characters. It is the same
 * whenever the same question is asked again (greylists key on the triplet). Sender and recipient
 * tokens differ by role.
 *
 * Ownership: token_key holds OpenSSL state; token_key_clear gives it back. Everything else is by
 * value.
 */
#ifndef RELAYLAB_LIB_BASE_TOKEN_H
#define RELAYLAB_LIB_BASE_TOKEN_H

#include "lib/base/bytes.h"

enum { TOKEN_LEN = 16, TOKEN_OCTETS = TOKEN_LEN * 5 / 8, TOKEN_SECRET_LEN = 32 };

struct token {
    char text[TOKEN_LEN + 1];
};

/* Both roles of one form, from one HMAC. */
struct token_pair {
    struct token sender;
    struct token recipient;
};

/* The same before base32, for whoever keeps many. */
struct token_octets {
    uint8_t sender[TOKEN_OCTETS], recipient[TOKEN_OCTETS];
};

struct token_key {
    void *mac; /* EVP_MAC_CTX, keyed */
};

/* False when OpenSSL cannot provide HMAC-SHA256. */
bool token_key_init(struct token_key *k, const uint8_t secret[TOKEN_SECRET_LEN]);
void token_key_clear(struct token_key *k);
/* The pair of the form named `form` asked of `target` (any text that names it, the same on every
   call). */
void token_make(const struct token_key *k, struct span target, struct span form,
                struct token_pair *out);
void token_pack(const struct token_pair *pair, struct token_octets *out);
struct token_pair token_unpack(const struct token_octets *octets);
/* The octets of a text that is a token; false: it has not the shape of one. */
bool token_read(struct span text, uint8_t octets[TOKEN_OCTETS]);
bool token_octets_equal(const uint8_t a[TOKEN_OCTETS], const uint8_t b[TOKEN_OCTETS]); /* constant
                                                                                          time */
/* First place in text that has the shape of a token ([a-z2-7]{16}, case folded, no such character
   before or after); returns its offset or SIZE_MAX. */
size_t token_find(struct span text, size_t start);
/* True, with a lower-case copy, when the whole text has the shape of a token. */
bool token_fold(struct span text, struct token *out);
bool token_equal(const struct token *t, struct span text); /* ASCII case folded, constant time */

#endif
