/* From a domain to the addresses that are asked, over zones in virtual time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "drive/dns/dns_zones.h"
#include "drive/sim/sim.h"
#include "lib/dns/mx.h"

#define MX(...)                                  \
    .mx = (const struct zone_mx[]){__VA_ARGS__}, \
    .mx_count = sizeof((const struct zone_mx[]){__VA_ARGS__}) / sizeof(struct zone_mx)
#define AT(...)                                          \
    .addresses = (const struct endpoint[]){__VA_ARGS__}, \
    .address_count = sizeof((const struct endpoint[]){__VA_ARGS__}) / sizeof(struct endpoint)
#define V4(n)                                    \
    {                                            \
        .family = 4, .bytes = { 192, 0, 2, (n) } \
    }
#define V6(n)                                                    \
    {                                                            \
        .family = 6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = (n) } \
    }

static const struct zone_name names[] = {
    {.name = "victim.test", MX({20, "b.test"}, {10, "a.test"})},
    {.name = "a.test", AT(V6(1), V4(1))},
    {.name = "b.test", AT(V4(2))},
    {.name = "equal.test", MX({10, "C.test"}, {10, "b.test"}, {10, "a.test"})},
    {.name = "c.test", AT(V4(3))},
    {.name = "twice.test", MX({30, "a.test"}, {20, "b.test"}, {10, "A.TEST"}, {40, "b.test"})},
    {.name = "implicit.test", AT(V4(4))},
    {.name = "nothing.test", .mx_count = 0},
    {.name = "null.test", MX({0, "."}), AT(V4(5))},
    {.name = "half-null.test", MX({0, "."}, {10, "b.test"})},
    {.name = "fails.test", AT(V4(6)), .fault = ZONE_SERVFAIL},
    {.name = "silent.test", AT(V4(6)), .fault = ZONE_SILENT},
    {.name = "circle.test", .cname = "circle.test"},
    {.name = "dead-first.test", MX({10, "gone.test"}, {20, "b.test"})},
    {.name = "dead-all.test", MX({10, "gone.test"}, {20, "nothing.test"})},
    {.name = "doubtful.test", MX({10, "gone.test"}, {20, "fails.test"})},
    {.name = "dead-or-silent.test", MX({10, "silent.test"}, {20, "b.test"})},
    {.name = "alias.test", .cname = "victim.test"},
    {.name = "mx-alias.test", MX({10, "also-b.test"})},
    {.name = "also-b.test", .cname = "b.test"},
    {.name = "same.test", MX({10, "b.test"}, {20, "also-b.test"}, {30, "c.test"})},
    {.name = "many.test", .more_mx = 300, MX({200, "a.test"}, {5, "b.test"})},
    {.name = "crowd.test",
     MX({1, "crowd.test"}),
     AT(V4(1), V4(2), V4(3), V4(4), V6(1), V6(2), V6(3))},
};

static const struct zone zone = {.names = names, .count = sizeof names / sizeof names[0]};

static const struct {
    const char *label, *name;
    enum mx_way asked;
    enum mx_status status;
    enum mx_way way;
    const char *code, *hosts, *addresses;
    size_t left_out;
} rows[] = {
    {"by preference, IPv4 of a host first", "victim.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS,
     "found", "10 a.test, 20 b.test", "192.0.2.1:2525 [2001:db8::1]:2525 192.0.2.2:2525", 0},
    {"equal preferences by name", "equal.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS, "found",
     "10 a.test, 10 b.test, 10 C.test",
     "192.0.2.1:2525 [2001:db8::1]:2525 192.0.2.2:2525 192.0.2.3:2525", 0},
    {"a host twice keeps its better place", "twice.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS,
     "found", "10 A.TEST, 20 b.test", "192.0.2.1:2525 [2001:db8::1]:2525 192.0.2.2:2525", 0},
    {"no MX: the domain itself", "implicit.test", MX_BY_RECORDS, MX_FOUND, MX_IMPLICIT, "found",
     "0 implicit.test", "192.0.2.4:2525", 0},
    {"neither MX nor address", "nothing.test", MX_BY_RECORDS, MX_NO_SUCH_NAME, MX_IMPLICIT,
     "no-such-name", "0 nothing.test", "", 0},
    {"no such domain", "gone.test", MX_BY_RECORDS, MX_NO_SUCH_NAME, MX_BY_RECORDS, "no-such-name",
     "", "", 0},
    {"null MX, though there is an address", "null.test", MX_BY_RECORDS, MX_NULL, MX_BY_RECORDS,
     "null-mx", "", "", 0},
    {"a null MX among others is passed over", "half-null.test", MX_BY_RECORDS, MX_FOUND,
     MX_BY_RECORDS, "found", "10 b.test", "192.0.2.2:2525", 0},
    {"SERVFAIL is no implicit MX", "fails.test", MX_BY_RECORDS, MX_TROUBLE, MX_BY_RECORDS,
     "servfail", "", "", 0},
    {"silence is no implicit MX", "silent.test", MX_BY_RECORDS, MX_TROUBLE, MX_BY_RECORDS,
     "resolver-timeout", "", "", 0},
    {"a circle", "circle.test", MX_BY_RECORDS, MX_TROUBLE, MX_BY_RECORDS, "cname-loop", "", "", 0},
    {"the first host has no address", "dead-first.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS,
     "found", "10 gone.test, 20 b.test", "192.0.2.2:2525", 0},
    {"no host has one", "dead-all.test", MX_BY_RECORDS, MX_NO_SUCH_NAME, MX_BY_RECORDS,
     "no-such-name", "10 gone.test, 20 nothing.test", "", 0},
    {"no host, and of one it is not known", "doubtful.test", MX_BY_RECORDS, MX_TROUBLE,
     MX_BY_RECORDS, "servfail", "10 gone.test, 20 fails.test", "", 0},
    {"the first host's name is silent", "dead-or-silent.test", MX_BY_RECORDS, MX_FOUND,
     MX_BY_RECORDS, "found", "10 silent.test, 20 b.test", "192.0.2.2:2525", 0},
    {"the domain is a CNAME", "alias.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS, "found",
     "10 a.test, 20 b.test", "192.0.2.1:2525 [2001:db8::1]:2525 192.0.2.2:2525", 0},
    {"the host is a CNAME", "mx-alias.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS, "found",
     "10 also-b.test (alias)", "192.0.2.2:2525", 0},
    {"one address under two names is asked once", "same.test", MX_BY_RECORDS, MX_FOUND,
     MX_BY_RECORDS, "found", "10 b.test, 20 also-b.test (alias), 30 c.test",
     "192.0.2.2:2525 192.0.2.3:2525", 0},
    {"hundreds of records", "many.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS, "found",
     "5 b.test, 100 host-0.many.test, 101 host-1.many.test, 102 host-2.many.test, "
     "103 host-3.many.test, 104 host-4.many.test, 105 host-5.many.test, 106 host-6.many.test",
     "192.0.2.2:2525", 294},
    {"many addresses of one host", "crowd.test", MX_BY_RECORDS, MX_FOUND, MX_BY_RECORDS, "found",
     "1 crowd.test", "192.0.2.1:2525 192.0.2.2:2525 [2001:db8::1]:2525 [2001:db8::2]:2525", 0},
    {"a host's name", "a.test", MX_BY_NAME, MX_FOUND, MX_BY_NAME, "found", "0 a.test",
     "192.0.2.1:2525 [2001:db8::1]:2525", 0},
    {"a host's name with a final dot", "b.test.", MX_BY_NAME, MX_FOUND, MX_BY_NAME, "found",
     "0 b.test", "192.0.2.2:2525", 0},
    {"a host's name whose domain has MX", "victim.test", MX_BY_NAME, MX_NO_SUCH_NAME, MX_BY_NAME,
     "no-such-name", "0 victim.test", "", 0},
    {"a host that is not there", "gone.test", MX_BY_NAME, MX_NO_SUCH_NAME, MX_BY_NAME,
     "no-such-name", "0 gone.test", "", 0},
};

struct seen {
    struct mx_result result;
    unsigned times;
};

static void on_found(void *self, const struct mx_result *result)
{
    struct seen *seen = self;

    seen->times++;
    seen->result = *result;
}

static void print(const struct mx_result *r, struct strbuf *hosts, struct strbuf *addresses)
{
    for (size_t i = 0; i < r->host_count; i++)
        strbuf_addf(hosts, "%s%u %s%s", i > 0 ? ", " : "", r->hosts[i].preference, r->hosts[i].name,
                    r->hosts[i].alias ? " (alias)" : "");
    for (size_t i = 0; i < r->address_count; i++) {
        if (i > 0)
            strbuf_addc(addresses, ' ');
        endpoint_print(addresses, &r->address[i]);
        assert_true(r->host_of[i] < r->host_count);
    }
}

static struct dns_zones *open_zones(struct sim *sim)
{
    struct dns_zones_config config = {.zone = &zone};
    struct dns_zones *z = dns_zones_new(sim_world(sim), &config);

    assert_non_null(z);
    return z;
}

static void test_rows(void **state)
{
    static struct mx_find find;
    static struct seen seen;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim *sim = sim_new(&(struct sim_config){.seed = 1});
        struct dns_zones *z = open_zones(sim);
        char host_text[1024], address_text[1024], reason[512];
        struct strbuf hosts, addresses, why;

        seen.times = 0;
        assert_true(
            mx_find_start(&find, dns_zones_resolver(z), rows[i].asked, span_of(rows[i].name), 2525,
                          (struct mx_owner){.found = on_found, .self = &seen}));
        assert_int_equal(seen.times, 0);
        (void)sim_run(sim, CLOCK_NEVER);
        strbuf_init(&hosts, host_text, sizeof host_text);
        strbuf_init(&addresses, address_text, sizeof address_text);
        strbuf_init(&why, reason, sizeof reason);
        print(&seen.result, &hosts, &addresses);
        mx_print_reason(&seen.result, &why);
        if (seen.times != 1 || seen.result.status != rows[i].status ||
            seen.result.way != rows[i].way || seen.result.left_out != rows[i].left_out ||
            strcmp(mx_reason_code(&seen.result), rows[i].code) != 0 ||
            strcmp(host_text, rows[i].hosts) != 0 || strcmp(address_text, rows[i].addresses) != 0)
            fail_msg("%s: told %u times, status %d, %s, %zu left out\n  %s\n  %s\n  %s",
                     rows[i].label, seen.times, (int)seen.result.status,
                     mx_reason_code(&seen.result), seen.result.left_out, host_text, address_text,
                     reason);
        dns_zones_free(z);
        sim_free(sim);
    }
}

/* After so many milliseconds of the look-up, which then says nothing any more. */
static void test_cancelled_at_any_time(void **state)
{
    static struct mx_find find;
    static struct seen seen;

    (void)state;
    for (int ms = 0; ms < 12; ms++) {
        struct sim *sim = sim_new(&(struct sim_config){.seed = 1});
        struct dns_zones *z = open_zones(sim);
        unsigned before;

        seen.times = 0;
        assert_true(mx_find_start(&find, dns_zones_resolver(z), MX_BY_RECORDS, SPAN("victim.test"),
                                  25, (struct mx_owner){.found = on_found, .self = &seen}));
        (void)sim_run(sim, ms * CLOCK_MS);
        before = seen.times;
        mx_find_cancel(&find);
        (void)sim_run(sim, CLOCK_NEVER);
        assert_int_equal(seen.times, before);
        dns_zones_free(z);
        sim_free(sim);
    }
    assert_int_equal(seen.times, 1);
}

/* A resolver without memory from the nth question on. */
struct starved {
    unsigned left;
    struct dns_question *open;
};

static bool starve(void *self, struct dns_question *q)
{
    struct starved *s = self;

    if (s->left == 0)
        return false;
    s->left--;
    s->open = q;
    return true;
}

static void test_no_memory(void **state)
{
    static const struct resolver_ops ops = {.ask = starve};
    static struct mx_find find;
    static struct seen seen;

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        struct starved s = {.left = n};
        struct resolver r = {.ops = &ops, .self = &s};
        struct dns_answer none = {.status = DNS_NODATA};

        seen.times = 0;
        bool started = mx_find_start(&find, r, MX_BY_RECORDS, SPAN("victim.test"), 25,
                                     (struct mx_owner){.found = on_found, .self = &seen});
        assert_int_equal(started, n > 0);
        for (unsigned i = 0; i < n; i++)
            s.open->answered(s.open->self, &none);
        assert_int_equal(seen.times, n > 0 ? 1 : 0);
        if (n > 0)
            assert_string_equal(mx_reason_code(&seen.result), "servfail");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_cancelled_at_any_time),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
