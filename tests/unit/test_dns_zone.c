/* A zone's answers to queries, octet by octet where the faults are; the chase over them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/dns/chase.h"
#include "tests/unit/dns_world.h"

static char response[DNS_MESSAGE_MAX + 1];
static struct dns_record records[DNS_RECORDS_MAX];

static struct span ask(enum dns_type type, const char *name, enum zone_transport transport,
                       unsigned turn, struct zone_effect *effect)
{
    char query[DNS_UDP_MAX];
    struct strbuf q, out;

    strbuf_init(&q, query, sizeof query);
    strbuf_init(&out, response, sizeof response);
    assert_true(dns_write_query(&q, 0x1234, type, span_of(name)));
    *effect = zone_answer(&dns_world_zone, strbuf_span(&q), transport, turn, &out);
    return strbuf_span(&out);
}

static uint16_t id_of(struct span message)
{
    return (uint16_t)((uint8_t)message.ptr[0] << 8 | (uint8_t)message.ptr[1]);
}

static void test_faults(void **state)
{
    struct zone_effect e;

    (void)state;
    ask(DNS_A, "silent.test", ZONE_BY_UDP, 0, &e);
    assert_true(e.silent);
    assert_int_not_equal(id_of(ask(DNS_A, "wrong.test", ZONE_BY_UDP, 0, &e)), 0x1234);
    assert_int_not_equal(id_of(ask(DNS_A, "forged.test", ZONE_BY_UDP, 0, &e)), 0x1234);
    assert_true(e.again);
    assert_int_equal(id_of(ask(DNS_A, "forged.test", ZONE_BY_UDP, 1, &e)), 0x1234);
    assert_false(e.again);
    ask(DNS_A, "slow.test", ZONE_BY_UDP, 0, &e);
    assert_int_equal(e.delay_ns, 50 * CLOCK_MS);
    ask(DNS_A, "no-tcp.test", ZONE_BY_TCP, 0, &e);
    assert_true(e.silent);
    /* 300 MX records: no datagram has room for them, a stream has. */
    assert_true(ask(DNS_MX, "many.test", ZONE_BY_UDP, 0, &e).len <= DNS_UDP_MAX);
    assert_true(ask(DNS_MX, "many.test", ZONE_BY_TCP, 0, &e).len > DNS_UDP_MAX);
}

static void test_what_is_no_query(void **state)
{
    static const struct {
        const char *label, *query;
        size_t len;
    } rows[] = {
        {"nothing", "", 0},
        {"half a header", "\0\1\0\0\0\1", 6},
        {"a response", "\0\1\x80\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19},
        {"no question", "\0\1\0\0\0\0\0\0\0\0\0\0", 12},
        {"two questions", "\0\1\0\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1a\0\0\1\0\1", 26},
        {"the root", "\0\1\0\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17},
        {"another class", "\0\1\0\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\3", 19},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct strbuf out;

        strbuf_init(&out, response, sizeof response);
        if (!zone_answer(&dns_world_zone, (struct span){rows[i].query, rows[i].len}, ZONE_BY_UDP, 0,
                         &out)
                 .silent)
            fail_msg("%s is answered", rows[i].label);
    }
}

/* Asks until the chase is over, without ids and without time. */
static struct dns_answer chase(struct dns_chase *c, enum dns_type type, const char *name)
{
    enum zone_transport transport = ZONE_BY_UDP;
    struct dns_answer a = {.status = DNS_TIMEOUT};

    dns_chase_init(c, type, span_of(name), records, DNS_RECORDS_MAX);
    for (int i = 0; i < 32; i++) {
        struct zone_effect e;
        struct span message = ask(type, c->name, transport, 1, &e);

        if (e.silent)
            break;
        switch (dns_chase_read(c, message, &a)) {
        case DNS_CHASE_OVER:
            return a;
        case DNS_CHASE_NEXT:
            transport = ZONE_BY_UDP;
            break;
        case DNS_CHASE_TCP:
            transport = ZONE_BY_TCP;
            break;
        }
    }
    return a;
}

static void test_chase(void **state)
{
    (void)state;
    for (size_t i = 0; i < DNS_WORLD_ROWS; i++) {
        const struct dns_world_row *row = &dns_world_rows[i];
        struct dns_chase c;
        struct dns_answer a;

        if (row->on_the_wire)
            continue;
        a = chase(&c, row->type, row->name);
        dns_world_check(row, &a);
    }
}

static void test_other_peoples_answers(void **state)
{
    struct dns_chase c;
    struct dns_answer a;
    struct zone_effect e;
    struct span message;
    char copy[DNS_UDP_MAX];

    (void)state;
    message = ask(DNS_A, "mx.test", ZONE_BY_UDP, 0, &e);
    dns_chase_init(&c, DNS_A, SPAN("other.test"), records, DNS_RECORDS_MAX);
    assert_int_equal(dns_chase_read(&c, message, &a), DNS_CHASE_OVER);
    assert_int_equal(a.status, DNS_MALFORMED);
    dns_chase_init(&c, DNS_AAAA, SPAN("mx.test"), records, DNS_RECORDS_MAX);
    dns_chase_read(&c, message, &a);
    assert_int_equal(a.status, DNS_MALFORMED);
    dns_chase_init(&c, DNS_A, SPAN("MX.TEST."), records, DNS_RECORDS_MAX);
    dns_chase_read(&c, message, &a);
    assert_int_equal(a.status, DNS_FOUND);
    /* Cut anywhere, it is never taken for an answer. */
    for (size_t len = 0; len < message.len; len++) {
        memcpy(copy, message.ptr, len);
        dns_chase_init(&c, DNS_A, SPAN("mx.test"), records, DNS_RECORDS_MAX);
        assert_int_equal(dns_chase_read(&c, (struct span){copy, len}, &a), DNS_CHASE_OVER);
        assert_int_equal(a.status, DNS_MALFORMED);
    }
    /* A refusal may come without the question; an answer may not. */
    dns_chase_init(&c, DNS_A, SPAN("mx.test"), records, DNS_RECORDS_MAX);
    dns_chase_read(&c, (struct span){"\0\1\x80\5\0\0\0\0\0\0\0\0", 12}, &a);
    assert_int_equal(a.status, DNS_REFUSED);
    dns_chase_read(&c, (struct span){"\0\1\x80\0\0\0\0\0\0\0\0\0", 12}, &a);
    assert_int_equal(a.status, DNS_MALFORMED);
    dns_chase_read(&c, (struct span){"\0\1\x80\4\0\0\0\0\0\0\0\0", 12}, &a);
    assert_int_equal(a.status, DNS_SERVFAIL);
}

static void test_few_are_kept(void **state)
{
    struct dns_record few[3];
    struct dns_chase c;
    struct dns_answer a;
    struct zone_effect e;

    (void)state;
    dns_chase_init(&c, DNS_MX, SPAN("many.test"), few, 3);
    dns_chase_read(&c, ask(DNS_MX, "many.test", ZONE_BY_TCP, 0, &e), &a);
    assert_int_equal(a.status, DNS_FOUND);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.left_out, 298);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < DNS_STATUS_COUNT; i++)
        assert_non_null(dns_status_name((enum dns_status)i));
    assert_string_equal(dns_type_name(DNS_A), "A");
    assert_string_equal(dns_type_name(DNS_AAAA), "AAAA");
    assert_string_equal(dns_type_name(DNS_MX), "MX");
    assert_string_equal(dns_type_name(DNS_CNAME), "CNAME");
    assert_string_equal(dns_type_name(DNS_SOA), "SOA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),       cmocka_unit_test(test_what_is_no_query),
        cmocka_unit_test(test_chase),        cmocka_unit_test(test_other_peoples_answers),
        cmocka_unit_test(test_few_are_kept), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
