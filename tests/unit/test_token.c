/*
 * test_token.c - marks that nobody guesses and everybody finds again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/token.h"

#include <openssl/hmac.h>
#include <string.h>

static const uint8_t SECRET[TOKEN_SECRET_LEN] = "an ordinary secret of 32 bytes.";

/* The header's definition, computed another way: one-shot HMAC, base32 five bits at a time. */
static void test_definition(void **state)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    static const char input[] = "\0\0\0\0\0\0\0\x0e"
                                "mx.victim.testS1-R1";
    unsigned char digest[32];
    struct token_key k;
    struct token_pair pair;
    char both[33] = "";
    (void)state;
    assert_non_null(HMAC(EVP_sha256(), SECRET, sizeof SECRET, (const unsigned char *)input,
                         sizeof input - 1, digest, NULL));
    for (size_t i = 0; i < 32; i++) {
        unsigned value = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
            value = value << 1 | ((digest[bit / 8] >> (7 - bit % 8)) & 1);
        both[i] = alphabet[value];
    }
    assert_true(token_key_init(&k, SECRET));
    token_make(&k, SPAN("mx.victim.test"), SPAN("S1-R1"), &pair);
    assert_memory_equal(pair.sender.text, both, TOKEN_LEN);
    assert_memory_equal(pair.recipient.text, both + TOKEN_LEN, TOKEN_LEN);
    token_key_clear(&k);
}

static void test_same_question_same_token(void **state)
{
    struct token_key k, other;
    struct token_pair a, b, c;
    uint8_t secret[TOKEN_SECRET_LEN];
    (void)state;
    memcpy(secret, SECRET, sizeof secret);
    secret[31] ^= 1;
    assert_true(token_key_init(&k, SECRET));
    assert_true(token_key_init(&other, secret));
    token_make(&k, SPAN("192.0.2.1:25"), SPAN("S1-R1"), &a);
    token_make(&k, SPAN("192.0.2.1:25"), SPAN("S1-R2"), &c);
    token_make(&k, SPAN("192.0.2.1:25"), SPAN("S1-R1"), &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_string_not_equal(a.sender.text, a.recipient.text);
    assert_string_not_equal(a.sender.text, c.sender.text);
    token_make(&other, SPAN("192.0.2.1:25"), SPAN("S1-R1"), &b);
    assert_string_not_equal(a.sender.text, b.sender.text);
    token_key_clear(&k);
    token_key_clear(&other);
    assert_null(k.mac);
}

static void test_fields_do_not_run_together(void **state)
{
    struct token_key k;
    struct token_pair a, b;
    (void)state;
    assert_true(token_key_init(&k, SECRET));
    token_make(&k, SPAN("ab"), SPAN("c"), &a);
    token_make(&k, SPAN("a"), SPAN("bc"), &b);
    assert_string_not_equal(a.sender.text, b.sender.text);
    token_make(&k, span_of(NULL), span_of(NULL), &b);
    assert_int_equal(strlen(b.sender.text), TOKEN_LEN);
    token_key_clear(&k);
}

static void test_find(void **state)
{
    static const struct {
        const char *label, *text;
        size_t start, wanted;
    } rows[] = {
        {"alone", "abcdefghijklmn27", 0, 0},
        {"in an address", "<r-abcdefghijklmn27@canary.test>", 0, 3},
        {"upper case", "ABCDEFGHIJKLMN27", 0, 0},
        {"too short", "abcdefghijklmn2", 0, SIZE_MAX},
        {"too long", "abcdefghijklmn277", 0, SIZE_MAX},
        {"a character that is none", "abcdefgh1jklmn27", 0, SIZE_MAX},
        {"the second candidate", "abcdefghijklmn277 bbcdefghijklmn27", 0, 18},
        {"the next one", "abcdefghijklmn27 bbcdefghijklmn27", 1, 17},
        {"start at it", "abcdefghijklmn27 bbcdefghijklmn27", 17, 17},
        {"start within a longer one", "aabcdefghijklmn27", 1, SIZE_MAX},
        {"start beyond", "abc", 9, SIZE_MAX},
        {"empty", "", 0, SIZE_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (token_find(span_of(rows[i].text), rows[i].start) != rows[i].wanted)
            fail_msg("%s", rows[i].label);
}

static void test_made_tokens_are_found(void **state)
{
    struct token_key k;
    (void)state;
    assert_true(token_key_init(&k, SECRET));
    for (unsigned i = 0; i < 1000; i++) {
        char memory[64];
        struct strbuf text;
        struct token_pair pair;
        strbuf_init(&text, memory, sizeof memory);
        strbuf_addu(&text, i);
        token_make(&k, strbuf_span(&text), SPAN("S1-R1"), &pair);
        strbuf_reset(&text);
        strbuf_adds(&text, "x-");
        strbuf_adds(&text, pair.recipient.text);
        strbuf_adds(&text, "@canary.test");
        assert_int_equal(token_find(strbuf_span(&text), 0), 2);
    }
    token_key_clear(&k);
}

static void test_equal(void **state)
{
    struct token t = {"abcdefghijklmn27"};
    (void)state;
    assert_true(token_equal(&t, SPAN("abcdefghijklmn27")));
    assert_true(token_equal(&t, SPAN("ABCDEFGHIJKLMN27")));
    assert_false(token_equal(&t, SPAN("abcdefghijklmn26")));
    assert_false(token_equal(&t, SPAN("abcdefghijklmn2")));
    assert_false(token_equal(&t, span_of(NULL)));
}

static void test_packed_tokens_come_back(void **state)
{
    (void)state;
    uint8_t secret[TOKEN_SECRET_LEN] = {3};
    struct token_key key;
    assert_true(token_key_init(&key, secret));
    for (unsigned i = 0; i < 200; i++) {
        struct token_pair pair;
        struct token_octets octets;
        uint8_t read[TOKEN_OCTETS];
        char upper[TOKEN_LEN];
        token_make(&key, SPAN("192.0.2.1:25"), (struct span){(const char *)&i, sizeof i}, &pair);
        token_pack(&pair, &octets);
        struct token_pair back = token_unpack(&octets);
        assert_string_equal(back.sender.text, pair.sender.text);
        assert_string_equal(back.recipient.text, pair.recipient.text);
        assert_false(token_octets_equal(octets.sender, octets.recipient));
        for (size_t k = 0; k < TOKEN_LEN; k++)
            upper[k] = (char)(pair.sender.text[k] & ~(pair.sender.text[k] >= 'a' ? 32 : 0));
        assert_true(token_read((struct span){upper, TOKEN_LEN}, read));
        assert_true(token_octets_equal(read, octets.sender));
    }
    token_key_clear(&key);
    uint8_t read[TOKEN_OCTETS];
    assert_false(token_read(SPAN("abcdefgh234567a"), read));
    assert_false(token_read(SPAN("abcdefgh234567ab2"), read));
    assert_false(token_read(SPAN("abcdefgh134567ab"), read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_same_question_same_token),
        cmocka_unit_test(test_fields_do_not_run_together),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_made_tokens_are_found),
        cmocka_unit_test(test_packed_tokens_come_back),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
