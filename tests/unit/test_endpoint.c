/*
 * test_endpoint.c - addresses, ports, networks
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/endpoint.h"

#include <string.h>

static void test_parse(void **state)
{
    static const struct {
        const char *label, *text;
        const char *printed; /* NULL: refused */
    } rows[] = {
        {"IPv4", "192.0.2.1:25", "192.0.2.1:25"},
        {"IPv6", "[2001:db8::1]:25", "[2001:db8::1]:25"},
        {"IPv6 in full", "[2001:0DB8:0:0:0:0:0:1]:25", "[2001:db8::1]:25"},
        {"mapped", "[::ffff:192.0.2.1]:25", "[::ffff:192.0.2.1]:25"},
        {"the largest port", "192.0.2.1:65535", "192.0.2.1:65535"},
        {"leading zeros", "192.0.2.1:00025", "192.0.2.1:25"},
        {"port too large", "192.0.2.1:65536", NULL},
        {"port far too large", "192.0.2.1:4294967321", NULL},
        {"port 0", "192.0.2.1:0", NULL},
        {"no port", "192.0.2.1", NULL},
        {"empty port", "192.0.2.1:", NULL},
        {"port of letters", "192.0.2.1:smtp", NULL},
        {"negative port", "192.0.2.1:-25", NULL},
        {"IPv6 without brackets", "2001:db8::1:25", NULL},
        {"IPv6 without port", "[2001:db8::1]", NULL},
        {"IPv4 in brackets", "[192.0.2.1]:25", NULL},
        {"half a bracket", "[2001:db8::1:25", NULL},
        {"a name", "mx.victim.test:25", NULL},
        {"too few numbers", "192.0.2:25", NULL},
        {"too large a number", "192.0.2.256:25", NULL},
        {"octal look", "192.0.02.1:25", NULL},
        {"a zone", "[fe80::1%lo]:25", NULL},
        {"white space", " 192.0.2.1:25", NULL},
        {"empty", "", NULL},
        {"a colon alone", ":", NULL},
        {"port alone", ":25", NULL},
        {"longer than any address",
         "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:25", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[ENDPOINT_TEXT_MAX];
        struct strbuf out;
        struct endpoint e;
        bool ok = endpoint_parse(span_of(rows[i].text), false, &e);
        if (ok != (rows[i].printed != NULL))
            fail_msg("%s", rows[i].label);
        if (!ok)
            continue;
        strbuf_init(&out, memory, sizeof memory);
        endpoint_print(&out, &e);
        if (strcmp(memory, rows[i].printed) != 0)
            fail_msg("%s: %s", rows[i].label, memory);
    }
    struct endpoint e;
    assert_true(endpoint_parse(SPAN("127.0.0.1:0"), true, &e));
    assert_int_equal(e.port, 0);
    assert_false(endpoint_parse(SPAN("127.0.0.1\0:25"), false, &e));
}

static void test_address(void **state)
{
    static const struct {
        const char *label, *text, *alone, *literal;
    } rows[] = {
        {"IPv4", "192.0.2.1", "192.0.2.1", "[192.0.2.1]"},
        {"IPv6", "2001:db8::1", "2001:db8::1", "[IPv6:2001:db8::1]"},
        {"IPv6 in brackets", "[::1]", "::1", "[IPv6:::1]"},
        {"IPv4 in brackets", "[192.0.2.1]", NULL, NULL},
        {"with a port", "192.0.2.1:25", NULL, NULL},
        {"empty brackets", "[]", NULL, NULL},
        {"empty", "", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char alone[ENDPOINT_TEXT_MAX], literal[ENDPOINT_TEXT_MAX];
        struct strbuf a, l;
        struct endpoint e;
        bool ok = endpoint_parse_address(span_of(rows[i].text), &e);
        if (ok != (rows[i].alone != NULL))
            fail_msg("%s", rows[i].label);
        if (rows[i].alone == NULL)
            continue;
        strbuf_init(&a, alone, sizeof alone);
        strbuf_init(&l, literal, sizeof literal);
        endpoint_print_address(&a, &e);
        endpoint_print_literal(&l, &e);
        if (strcmp(alone, rows[i].alone) != 0 || strcmp(literal, rows[i].literal) != 0)
            fail_msg("%s: %s %s", rows[i].label, alone, literal);
    }
}

static void test_scope(void **state)
{
    static const struct {
        const char *text;
        enum endpoint_scope scope;
    } rows[] = {
        {"127.0.0.1", SCOPE_LOOPBACK},
        {"127.255.255.254", SCOPE_LOOPBACK},
        {"0.0.0.0", SCOPE_LOOPBACK},
        {"0.0.0.1", SCOPE_PUBLIC},
        {"::1", SCOPE_LOOPBACK},
        {"::", SCOPE_LOOPBACK},
        {"::2", SCOPE_PUBLIC},
        {"::ffff:127.0.0.1", SCOPE_LOOPBACK},
        {"::ffff:10.0.0.1", SCOPE_PRIVATE},
        {"::ffff:192.0.2.1", SCOPE_PUBLIC},
        {"169.254.1.1", SCOPE_LINK_LOCAL},
        {"fe80::1", SCOPE_LINK_LOCAL},
        {"febf::1", SCOPE_LINK_LOCAL},
        {"fec0::1", SCOPE_PUBLIC},
        {"10.0.0.1", SCOPE_PRIVATE},
        {"11.0.0.1", SCOPE_PUBLIC},
        {"172.15.0.1", SCOPE_PUBLIC},
        {"172.16.0.1", SCOPE_PRIVATE},
        {"172.31.255.255", SCOPE_PRIVATE},
        {"172.32.0.1", SCOPE_PUBLIC},
        {"192.168.0.1", SCOPE_PRIVATE},
        {"192.169.0.1", SCOPE_PUBLIC},
        {"100.63.0.1", SCOPE_PUBLIC},
        {"100.64.0.1", SCOPE_PRIVATE},
        {"100.127.0.1", SCOPE_PRIVATE},
        {"100.128.0.1", SCOPE_PUBLIC},
        {"fc00::1", SCOPE_PRIVATE},
        {"fdff::1", SCOPE_PRIVATE},
        {"2001:db8::1", SCOPE_PUBLIC},
        {"192.0.2.1", SCOPE_PUBLIC},
    };
    struct endpoint e = {0};
    (void)state;
    assert_int_equal(endpoint_scope(&e), SCOPE_PUBLIC);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(endpoint_parse_address(span_of(rows[i].text), &e));
        if (endpoint_scope(&e) != rows[i].scope)
            fail_msg("%s: %d", rows[i].text, (int)endpoint_scope(&e));
    }
}

static void test_equality(void **state)
{
    struct endpoint a, b, c, d;
    (void)state;
    assert_true(endpoint_parse(SPAN("192.0.2.1:25"), false, &a));
    assert_true(endpoint_parse(SPAN("192.0.2.1:587"), false, &b));
    assert_true(endpoint_parse(SPAN("192.0.2.2:25"), false, &c));
    assert_true(endpoint_parse(SPAN("[c000:201::]:25"), false, &d));
    assert_true(endpoint_equal(&a, &a));
    assert_false(endpoint_equal(&a, &b));
    assert_true(endpoint_same_address(&a, &b));
    assert_false(endpoint_same_address(&a, &c));
    assert_false(endpoint_same_address(&a, &d));
}

static void test_network(void **state)
{
    static const struct {
        const char *label, *network, *address;
        int contained; /* -1: no network */
    } rows[] = {
        {"inside", "10.0.0.0/8", "10.255.0.1", 1},
        {"outside", "10.0.0.0/8", "11.0.0.1", 0},
        {"host bits do not matter", "10.1.2.3/8", "10.9.9.9", 1},
        {"odd prefix inside", "192.0.2.128/25", "192.0.2.129", 1},
        {"odd prefix outside", "192.0.2.128/25", "192.0.2.127", 0},
        {"a host", "192.0.2.1", "192.0.2.1", 1},
        {"another host", "192.0.2.1", "192.0.2.2", 0},
        {"everything", "0.0.0.0/0", "192.0.2.1", 1},
        {"families differ", "0.0.0.0/0", "::1", 0},
        {"IPv6", "::1/128", "::1", 1},
        {"IPv6 prefix", "2001:db8::/33", "2001:db8:8000::1", 0},
        {"IPv6 in brackets", "[2001:db8::]/32", "2001:db8:8000::1", 1},
        {"prefix too long", "10.0.0.0/33", "10.0.0.0", -1},
        {"IPv6 prefix too long", "::/129", "::", -1},
        {"no prefix after the slash", "10.0.0.0/", "10.0.0.0", -1},
        {"negative prefix", "10.0.0.0/-8", "10.0.0.0", -1},
        {"two slashes", "10.0.0.0/8/8", "10.0.0.0", -1},
        {"no address", "/8", "10.0.0.0", -1},
        {"abbreviated", "10/8", "10.0.0.0", -1},
        {"empty", "", "10.0.0.0", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network n;
        struct endpoint e;
        bool ok = network_parse(span_of(rows[i].network), &n);
        assert_true(endpoint_parse_address(span_of(rows[i].address), &e));
        if (ok != (rows[i].contained >= 0) ||
            (ok && network_contains(&n, &e) != (rows[i].contained == 1)))
            fail_msg("%s", rows[i].label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_address),
        cmocka_unit_test(test_scope),   cmocka_unit_test(test_equality),
        cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
