/*
 * token.c - one HMAC, two tokens
 *
 * The key is absorbed once, in token_key_init; EVP_MAC_init without a key starts the next
 * computation from there. The input is the length of the target in eight bytes, the target, and the
 * form: no two questions give the same input. The roles are two disjoint pieces of one digest (bits
 * 0 to 79 the sender, 80 to 159 the recipient), which is as good as a role in the input, and half
 * the work.
 */
#include "lib/base/token.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

enum { DIGEST_LEN = 32 };

bool token_key_init(struct token_key *k, const uint8_t secret[TOKEN_SECRET_LEN])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context holds a reference of its own */
    if (ctx != NULL && EVP_MAC_init(ctx, secret, TOKEN_SECRET_LEN, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    k->mac = ctx;
    return ctx != NULL;
}

void token_key_clear(struct token_key *k)
{
    EVP_MAC_CTX_free(k->mac);
    k->mac = NULL;
}

static void base32(const uint8_t bytes[TOKEN_OCTETS], struct token *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t i = 0; i < TOKEN_LEN; i++) {
        size_t bit = i * 5, at = bit / 8;
        unsigned pair = (unsigned)bytes[at] << 8;
        if (at + 1 < TOKEN_OCTETS)
            pair |= bytes[at + 1];
        out->text[i] = alphabet[(pair >> (11 - bit % 8)) & 31];
    }
    out->text[TOKEN_LEN] = '\0';
}

static void put_length(uint8_t out[8], uint64_t len)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(len >> (56 - 8 * i));
}

void token_make(const struct token_key *k, struct span target, struct span form,
                struct token_pair *out)
{
    uint8_t digest[DIGEST_LEN], length[8];
    size_t digest_len = 0;
    put_length(length, target.len);
    bool made = EVP_MAC_init(k->mac, NULL, 0, NULL) == 1 &&
                EVP_MAC_update(k->mac, length, sizeof length) == 1 &&
                EVP_MAC_update(k->mac, (const uint8_t *)target.ptr, target.len) == 1 &&
                EVP_MAC_update(k->mac, (const uint8_t *)form.ptr, form.len) == 1 &&
                EVP_MAC_final(k->mac, digest, &digest_len, sizeof digest) == 1;
    assert(made && digest_len == DIGEST_LEN); /* a keyed HMAC-SHA256 has no way to fail */
    base32(digest, &out->sender);
    base32(digest + TOKEN_OCTETS, &out->recipient);
}

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
}

size_t token_find(struct span text, size_t start)
{
    size_t run = start;
    if (start > text.len)
        return SIZE_MAX;
    while (run > 0 && is_token_char(text.ptr[run - 1]))
        run--;
    for (size_t i = run; i <= text.len; i++) {
        if (i < text.len && is_token_char(text.ptr[i]))
            continue;
        if (i - run == TOKEN_LEN && run >= start)
            return run;
        run = i + 1;
    }
    return SIZE_MAX;
}

static char fold(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool token_fold(struct span text, struct token *out)
{
    *out = (struct token){""};
    if (text.len != TOKEN_LEN || token_find(text, 0) != 0)
        return false;
    for (size_t i = 0; i < TOKEN_LEN; i++)
        out->text[i] = fold(text.ptr[i]);
    return true;
}

bool token_read(struct span text, uint8_t octets[TOKEN_OCTETS])
{
    struct token folded;
    if (!token_fold(text, &folded))
        return false;
    unsigned bits = 0, count = 0;
    for (size_t i = 0, at = 0; i < TOKEN_LEN; i++) {
        char c = folded.text[i];
        bits = bits << 5 | (unsigned)(c >= 'a' ? c - 'a' : 26 + c - '2');
        count += 5;
        if (count >= 8) {
            count -= 8;
            octets[at++] = (uint8_t)(bits >> count);
        }
    }
    return true;
}

void token_pack(const struct token_pair *pair, struct token_octets *out)
{
    bool whole = token_read(span_of(pair->sender.text), out->sender) &&
                 token_read(span_of(pair->recipient.text), out->recipient);
    assert(whole);
}

struct token_pair token_unpack(const struct token_octets *octets)
{
    struct token_pair pair;
    base32(octets->sender, &pair.sender);
    base32(octets->recipient, &pair.recipient);
    return pair;
}

bool token_octets_equal(const uint8_t a[TOKEN_OCTETS], const uint8_t b[TOKEN_OCTETS])
{
    unsigned different = 0;
    for (size_t i = 0; i < TOKEN_OCTETS; i++)
        different |= (unsigned)a[i] ^ b[i];
    return different == 0;
}

bool token_equal(const struct token *t, struct span text)
{
    unsigned different = 0;
    if (text.len != TOKEN_LEN)
        return false;
    for (size_t i = 0; i < TOKEN_LEN; i++)
        different |= (unsigned)(unsigned char)fold(text.ptr[i]) ^ (unsigned char)t->text[i];
    return different == 0;
}
