/*
 * dns_world.h - names that the tests of DNS share, and what must be found at them
 */
#ifndef RELAYLAB_TESTS_UNIT_DNS_WORLD_H
#define RELAYLAB_TESTS_UNIT_DNS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/dns/zone.h"

static const struct zone_mx dns_world_mx[] = {{20, "mx2.test"}, {10, "mx.test"}};
static const struct zone_mx dns_world_null[] = {{0, "."}};
static const struct endpoint dns_world_addresses[] = {
    {.family = 4, .bytes = {127, 0, 0, 1}},
    {.family = 4, .bytes = {127, 0, 0, 2}},
    {.family = 6, .bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

#define DNS_WORLD_HOST .addresses = dns_world_addresses, .address_count = 3

static const struct zone_name dns_world_names[] = {
    {.name = "victim.test", .mx = dns_world_mx, .mx_count = 2},
    {.name = "null.test", .mx = dns_world_null, .mx_count = 1},
    {.name = "many.test", .mx = dns_world_mx, .mx_count = 1, .more_mx = 300},
    {.name = "too-many.test", .more_mx = 600},
    {.name = "mx.test", DNS_WORLD_HOST},
    {.name = "alias.test", .cname = "mx.test"},
    {.name = "apart.test", .cname = "alias.test", .fault = ZONE_APART},
    {.name = "nowhere.test", .cname = "gone.test"},
    {.name = "circle.test", .cname = "circle2.test"},
    {.name = "circle2.test", .cname = "circle.test"},
    {.name = "selfish.test", .cname = "selfish.test", .fault = ZONE_APART},
    {.name = "nx.test", DNS_WORLD_HOST, .fault = ZONE_NXDOMAIN},
    {.name = "fails.test", DNS_WORLD_HOST, .fault = ZONE_SERVFAIL},
    {.name = "refuses.test", DNS_WORLD_HOST, .fault = ZONE_REFUSED},
    {.name = "silent.test", DNS_WORLD_HOST, .fault = ZONE_SILENT},
    {.name = "wrong.test", DNS_WORLD_HOST, .fault = ZONE_WRONG_ID},
    {.name = "forged.test", DNS_WORLD_HOST, .fault = ZONE_FORGED},
    {.name = "large.test", DNS_WORLD_HOST, .fault = ZONE_TRUNCATED},
    {.name = "no-tcp.test", DNS_WORLD_HOST, .fault = ZONE_NO_TCP},
    {.name = "malformed.test", DNS_WORLD_HOST, .fault = ZONE_MALFORMED},
    {.name = "slow.test", DNS_WORLD_HOST, .delay_ns = 50 * CLOCK_MS},
    {.name = "never.test", DNS_WORLD_HOST, .delay_ns = CLOCK_HOUR},
};

static const struct zone dns_world_zone = {
    .names = dns_world_names, .count = sizeof dns_world_names / sizeof dns_world_names[0]};

struct dns_world_row {
    enum dns_type type;
    const char *name;
    enum dns_status status;
    size_t count, left_out;
    const char *canonical; /* NULL: the name */
    bool on_the_wire;      /* depends on ids, time or transport */
};

static const struct dns_world_row dns_world_rows[] = {
    {DNS_MX, "victim.test", DNS_FOUND, 2, 0, NULL, false},
    {DNS_MX, "Victim.TEST.", DNS_FOUND, 2, 0, "Victim.TEST", false},
    {DNS_A, "victim.test", DNS_NODATA, 0, 0, NULL, false},
    {DNS_MX, "null.test", DNS_FOUND, 1, 0, NULL, false},
    {DNS_MX, "many.test", DNS_FOUND, 301, 0, NULL, false},
    {DNS_MX, "too-many.test", DNS_FOUND, DNS_RECORDS_MAX, 88, NULL, false},
    {DNS_A, "mx.test", DNS_FOUND, 2, 0, NULL, false},
    {DNS_AAAA, "mx.test", DNS_FOUND, 1, 0, NULL, false},
    {DNS_A, "alias.test", DNS_FOUND, 2, 0, "mx.test", false},
    {DNS_A, "apart.test", DNS_FOUND, 2, 0, "mx.test", false},
    {DNS_MX, "alias.test", DNS_NODATA, 0, 0, "mx.test", false},
    {DNS_A, "nowhere.test", DNS_NXDOMAIN, 0, 0, "gone.test", false},
    {DNS_A, "circle.test", DNS_LOOP, 0, 0, "", false},
    {DNS_A, "selfish.test", DNS_LOOP, 0, 0, "", false},
    {DNS_A, "gone.test", DNS_NXDOMAIN, 0, 0, NULL, false},
    {DNS_A, "nx.test", DNS_NXDOMAIN, 0, 0, NULL, false},
    {DNS_A, "fails.test", DNS_SERVFAIL, 0, 0, NULL, false},
    {DNS_A, "refuses.test", DNS_REFUSED, 0, 0, NULL, false},
    {DNS_A, "forged.test", DNS_FOUND, 2, 0, NULL, false},
    {DNS_A, "large.test", DNS_FOUND, 2, 0, NULL, false},
    {DNS_A, "malformed.test", DNS_MALFORMED, 0, 0, NULL, false},
    {DNS_A, "slow.test", DNS_FOUND, 2, 0, NULL, true},
    {DNS_A, "silent.test", DNS_TIMEOUT, 0, 0, NULL, true},
    {DNS_A, "wrong.test", DNS_TIMEOUT, 0, 0, NULL, true},
    {DNS_A, "never.test", DNS_TIMEOUT, 0, 0, NULL, true},
    {DNS_A, "no-tcp.test", DNS_TRUNCATED, 0, 0, NULL, true},
};

enum { DNS_WORLD_ROWS = sizeof dns_world_rows / sizeof dns_world_rows[0] };

static inline void dns_world_check(const struct dns_world_row *row, const struct dns_answer *a)
{
    const char *canonical = row->canonical != NULL ? row->canonical : row->name;

    if (a->status != row->status || a->count != row->count || a->left_out != row->left_out)
        fail_msg("%s %s: %s, %zu records and %zu left out; expected %s, %zu and %zu",
                 dns_type_name(row->type), row->name, dns_status_name(a->status), a->count,
                 a->left_out, dns_status_name(row->status), row->count, row->left_out);
    if (canonical[0] != '\0' && !span_equal(a->canonical, span_of(canonical)))
        fail_msg("%s %s: canonical name %.*s", dns_type_name(row->type), row->name,
                 (int)a->canonical.len, a->canonical.ptr);
}

#endif
