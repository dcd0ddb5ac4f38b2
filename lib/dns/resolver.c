/*
 * resolver.c - names of statuses and types, for reports
 */
#include "lib/dns/resolver.h"

const char *dns_status_name(enum dns_status s)
{
    static const char *const names[DNS_STATUS_COUNT] = {
        [DNS_FOUND] = "found",         [DNS_NXDOMAIN] = "nxdomain", [DNS_NODATA] = "nodata",
        [DNS_SERVFAIL] = "servfail",   [DNS_TIMEOUT] = "timeout",   [DNS_REFUSED] = "refused",
        [DNS_MALFORMED] = "malformed", [DNS_LOOP] = "loop",         [DNS_TRUNCATED] = "truncated"};

    return names[s];
}

const char *dns_type_name(enum dns_type t)
{
    switch (t) {
    case DNS_A:
        return "A";
    case DNS_AAAA:
        return "AAAA";
    case DNS_CNAME:
        return "CNAME";
    case DNS_MX:
        return "MX";
    case DNS_SOA:
        break;
    }
    return "SOA";
}
