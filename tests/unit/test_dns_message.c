/* DNS messages: what is written is read again, cut messages at every length, hostile names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/dns/message.h"

static char memory[1024];

static struct dns_record record_of(enum dns_type type, const char *owner, const char *value)
{
    struct dns_record r = {.type = (uint16_t)type, .ttl = 70000, .preference = 10};

    bytes_copy(r.owner, sizeof r.owner, span_of(owner));
    if (type == DNS_A || type == DNS_AAAA)
        assert_true(endpoint_parse_address(span_of(value), &r.address));
    else
        bytes_copy(r.target, sizeof r.target, span_of(value));
    return r;
}

static const struct {
    enum dns_type type;
    const char *owner, *value;
} written[] = {
    {DNS_A, "victim.test", "192.0.2.1"},
    {DNS_AAAA, "other.victim.test", "2001:db8::1"},
    {DNS_CNAME, "www.victim.test", "victim.test"},
    {DNS_MX, "VICTIM.test", "mx.victim.test"},
    {DNS_MX, "victim.test", ""},
};

enum { WRITTEN = sizeof written / sizeof written[0] };

static struct span write_all(void)
{
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    dns_write_header(&out, &(struct dns_header){.id = 0xBEEF,
                                                .response = true,
                                                .authoritative = true,
                                                .recursion_desired = true,
                                                .recursion_available = true,
                                                .rcode = DNS_RCODE_NXDOMAIN});
    assert_true(dns_write_question(&out, DNS_MX, SPAN("victim.test.")));
    for (size_t i = 0; i < WRITTEN; i++) {
        struct dns_record r = record_of(written[i].type, written[i].owner, written[i].value);

        assert_true(dns_write_record(&out, &r));
    }
    dns_write_counts(&out, 1, WRITTEN);
    assert_false(out.truncated);
    return strbuf_span(&out);
}

static void test_what_is_written_is_read(void **state)
{
    struct span message = write_all();
    struct dns_reader r;
    struct dns_header h;
    struct dns_record q, record;

    (void)state;
    assert_true(dns_read_header(&r, message, &h));
    assert_int_equal(h.id, 0xBEEF);
    assert_true(h.response && h.authoritative && h.recursion_desired && h.recursion_available);
    assert_false(h.truncated);
    assert_int_equal(h.rcode, DNS_RCODE_NXDOMAIN);
    assert_int_equal(h.questions, 1);
    assert_int_equal(h.answers, WRITTEN);
    assert_true(dns_read_question(&r, &q));
    assert_string_equal(q.owner, "victim.test");
    assert_int_equal(q.type, DNS_MX);
    for (size_t i = 0; i < WRITTEN; i++) {
        struct dns_record wanted = record_of(written[i].type, written[i].owner, written[i].value);

        assert_true(dns_read_record(&r, &record));
        assert_true(span_iequal(span_of(record.owner), span_of(wanted.owner)));
        assert_int_equal(record.type, wanted.type);
        assert_int_equal(record.ttl, 70000);
        assert_string_equal(record.target, wanted.target);
        assert_true(endpoint_equal(&record.address, &wanted.address));
    }
    assert_int_equal(r.at, message.len);
}

/* How many records come out of the first `len` octets, with the rest out of reach. */
static size_t records_in(struct span message, size_t len)
{
    char cut[sizeof memory];
    struct dns_reader r;
    struct dns_header h;
    struct dns_record record;
    size_t count = 0;

    memcpy(cut, message.ptr, len);
    memset(cut + len, 0x41, sizeof cut - len);
    if (!dns_read_header(&r, (struct span){cut, len}, &h) || !dns_read_question(&r, &record))
        return 0;
    while (count < h.answers && dns_read_record(&r, &record))
        count++;
    return count;
}

static void test_every_cut(void **state)
{
    struct span message = write_all();
    size_t before = 0;

    (void)state;
    for (size_t len = 0; len < message.len; len++) {
        size_t count = records_in(message, len);

        assert_true(count < WRITTEN && count >= before);
        before = count;
    }
    assert_int_equal(records_in(message, message.len), WRITTEN);
}

#define HEADER "\0\1\x81\x80\0\0\0\1\0\0\0\0"
#define FIXED(type, len) "\0" type "\0\1\0\0\0\0\0" len

static const struct {
    const char *label;
    const char *record; /* behind the header */
    size_t len;
    bool ok;
} rows[] = {
#define ROW(label, text, ok)              \
    {                                     \
        label, text, sizeof(text) - 1, ok \
    }
    ROW("an address", "\1a\0" FIXED("\1", "\4") "\300\0\2\1", true),
    ROW("an address of three octets", "\1a\0" FIXED("\1", "\3") "\300\0\2", false),
    ROW("an address of five octets", "\1a\0" FIXED("\1", "\5") "\300\0\2\1\1", false),
    ROW("data beyond the message", "\1a\0" FIXED("\1", "\4") "\300\0\2", false),
    ROW("an unknown type", "\1a\0" FIXED("\x63", "\3") "abc", true),
    ROW("a pointer to itself", "\300\x0c" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("a pointer forwards", "\300\x20" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("a pointer without its second octet", "\300", false),
    ROW("a label type of the reserved kinds", "\100a\0" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("a dot in a label", "\3a.b\0" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("a blank in a label", "\3a b\0" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("NUL in a label", "\3a\0b\0" FIXED("\1", "\4") "\300\0\2\1", false),
    ROW("a label beyond the message", "\77a", false),
    ROW("a name without an end", "\1a\1b", false),
    ROW("an MX of the root", "\1a\0" FIXED("\x0f", "\3") "\0\0\0", true),
    ROW("an MX whose name ends in its data", "\1a\0" FIXED("\x0f", "\5") "\0\12\1b\0", true),
    ROW("an MX whose name goes beyond its data", "\1a\0" FIXED("\x0f", "\4") "\0\12\1b\0", false),
    ROW("an MX with more behind its name", "\1a\0" FIXED("\x0f", "\6") "\0\12\1b\0\1", false),
    ROW("an MX without a name", "\1a\0" FIXED("\x0f", "\2") "\0\12", false),
    ROW("a CNAME that points back", "\1a\0" FIXED("\5", "\2") "\300\x0c", true),
    ROW("a CNAME that points into itself", "\1a\0" FIXED("\5", "\2") "\300\x19", false),
};

static void test_hostile_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char message[256];
        struct dns_reader r;
        struct dns_header h;
        struct dns_record record;
        size_t len = DNS_HEADER_LEN + rows[i].len;

        memcpy(message, HEADER, DNS_HEADER_LEN);
        memcpy(message + DNS_HEADER_LEN, rows[i].record, rows[i].len);
        assert_true(dns_read_header(&r, (struct span){message, len}, &h));
        if (dns_read_record(&r, &record) != rows[i].ok)
            fail_msg("%s: %s", rows[i].label, rows[i].ok ? "not read" : "read");
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *label, *name;
        bool ok;
    } names[] = {
        {"two labels", "victim.test", true},
        {"a final dot", "victim.test.", true},
        {"one label", "localhost", true},
        {"an underscore", "_smtp.victim.test", true},
        {"nothing", "", false},
        {"the root", ".", false},
        {"a dot in front", ".test", false},
        {"two dots", "victim..test", false},
        {"a blank", "vic tim.test", false},
        {"a label of 63", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.test",
         true},
        {"a label of 64", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.test",
         false},
    };
    char longest[300];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (dns_name_is_valid(span_of(names[i].name)) != names[i].ok)
            fail_msg("%s", names[i].label);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 == 0 ? 'a' : '.';
    assert_true(dns_name_is_valid((struct span){longest, 253}));
    assert_false(dns_name_is_valid((struct span){longest, 255}));
}

/* The longest name is written and read; a chain of pointers may not make a longer one. */
static void test_longest_name(void **state)
{
    char name[DNS_NAME_MAX] = "", packet[400];
    struct strbuf out;
    struct dns_reader r;
    struct dns_header h;
    struct dns_record q;

    (void)state;
    for (size_t i = 0; i < DNS_NAME_MAX - 1; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    strbuf_init(&out, packet, sizeof packet);
    assert_true(dns_write_query(&out, 7, DNS_A, span_of(name)));
    assert_true(dns_read_header(&r, strbuf_span(&out), &h) && dns_read_question(&r, &q));
    assert_string_equal(q.owner, name);
    strbuf_init(&out, packet, 60);
    assert_false(dns_write_query(&out, 7, DNS_A, span_of(name)));

    char longer[512] = HEADER;
    size_t at = DNS_HEADER_LEN;
    for (size_t i = 0; i < 130; i++) {
        longer[at++] = 1;
        longer[at++] = 'a';
    }
    longer[at++] = 0;
    assert_true(dns_read_header(&r, (struct span){longer, at + 100}, &h));
    assert_false(dns_read_question(&r, &q));
}

static void test_what_cannot_be_written(void **state)
{
    struct strbuf out;
    struct dns_record bad = record_of(DNS_A, "a..b", "192.0.2.1");
    struct dns_record odd = record_of(DNS_MX, "victim.test", "a..b");
    struct dns_record v6 = record_of(DNS_AAAA, "victim.test", "2001:db8::1");

    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    dns_write_counts(&out, 1, 1);
    assert_int_equal(out.len, 0);
    dns_write_header(&out, &(struct dns_header){.id = 1});
    v6.type = DNS_A;
    assert_false(dns_write_record(&out, &bad));
    assert_false(dns_write_record(&out, &odd));
    assert_false(dns_write_record(&out, &v6));
    v6.type = DNS_SOA;
    assert_false(dns_write_record(&out, &v6));
    assert_int_equal(out.len, DNS_HEADER_LEN);
    assert_false(dns_write_question(&out, DNS_A, SPAN("a..b")));
    strbuf_reset(&out);
    assert_false(dns_write_query(&out, 1, DNS_A, SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_hostile_records),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
