/* DNS: octets as an answer to a question of ours, and as a query to the mock server. What is read
 * is written and read again; answers of the server are always readable.
 */
#include <string.h>

#include "lib/dns/chase.h"
#include "lib/dns/zone.h"
#include "tests/fuzz/fuzz.h"

static const struct zone_mx mx[] = {{10, "mx.test"}, {20, "."}};
static const struct endpoint addresses[] = {{.family = 4, .bytes = {127, 0, 0, 1}},
                                            {.family = 6, .bytes = {[15] = 1}}};
static const struct zone_name names[] = {
    {.name = "a.test", .mx = mx, .mx_count = 2, .addresses = addresses, .address_count = 2},
    {.name = "b.test", .cname = "a.test", .more_mx = 3},
    {.name = "c.test", .cname = "c.test"},
    {.name = "d.test", .cname = "b.test", .fault = ZONE_APART},
    {.name = "e.test", .more_mx = 60},
    {.name = "f.test", .fault = ZONE_FORGED},
};
static const struct zone zone = {.names = names, .count = sizeof names / sizeof names[0]};

static char memory[DNS_MESSAGE_MAX + 1];
static struct dns_record records[8];

static void read_as_answer(enum dns_type type, struct span message)
{
    struct dns_chase c;
    struct dns_answer a;

    dns_chase_init(&c, type, SPAN("a.test"), records, sizeof records / sizeof records[0]);
    if (dns_chase_read(&c, message, &a) != DNS_CHASE_OVER)
        return;
    FUZZ_CHECK(a.count <= sizeof records / sizeof records[0]);
    FUZZ_CHECK((a.status == DNS_FOUND) == (a.count > 0));
    FUZZ_CHECK(a.canonical.len < DNS_NAME_MAX);
    for (size_t i = 0; i < a.count; i++) {
        struct dns_reader r;
        struct dns_header h;
        struct dns_record q, again;
        struct strbuf out;

        strbuf_init(&out, memory, sizeof memory);
        FUZZ_CHECK(dns_write_query(&out, 1, type, SPAN("a.test")));
        FUZZ_CHECK(dns_write_record(&out, &a.records[i]));
        FUZZ_CHECK(dns_read_header(&r, strbuf_span(&out), &h) && dns_read_question(&r, &q) &&
                   dns_read_record(&r, &again));
        FUZZ_CHECK(span_iequal(span_of(again.owner), span_of(a.records[i].owner)));
        FUZZ_CHECK(strcmp(again.target, a.records[i].target) == 0);
        FUZZ_CHECK(endpoint_equal(&again.address, &a.records[i].address));
    }
}

static void answer_it(enum zone_transport transport, struct span query)
{
    struct dns_reader r;
    struct dns_header h;
    struct dns_record record;
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    struct zone_effect e = zone_answer(&zone, query, transport, 1, &out);
    if (e.silent)
        return;
    FUZZ_CHECK(transport == ZONE_BY_TCP || out.len <= DNS_UDP_MAX);
    FUZZ_CHECK(dns_read_header(&r, strbuf_span(&out), &h) && h.response);
    FUZZ_CHECK(dns_read_question(&r, &record));
    for (unsigned i = 0; i < h.answers; i++)
        FUZZ_CHECK(dns_read_record(&r, &record));
    FUZZ_CHECK(r.at == out.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_MX, DNS_CNAME};

    if (size < 1 || size > DNS_MESSAGE_MAX)
        return 0;
    struct span rest = {(const char *)data + 1, size - 1};
    if ((data[0] & 128) != 0)
        answer_it((data[0] & 1) != 0 ? ZONE_BY_TCP : ZONE_BY_UDP, rest);
    else
        read_as_answer(types[data[0] & 3], rest);
    return 0;
}
