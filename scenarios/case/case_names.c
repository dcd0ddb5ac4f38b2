/*
 * case_names.c - `dns: {victim.test: {mx: ["10 mx.victim.test"]}, mx.victim.test: {a: server mx}}`
 *
 * What a name has is written as in a zone file, but for addresses: "server mx" is wherever the
 * case's server mx listens.
 */
#include "scenarios/case/case_names.h"

#include <string.h>

#include "probe/program/target.h"

#define AT(member) .offset = offsetof(struct case_name, member)

static bool read_one_mx(struct conf *c, const struct conf_node *n, const char *text,
                        struct zone_mx *out)
{
    struct span s = span_of(text), first;
    uint64_t preference;

    if (!span_cut(&s, ' ', &first) || !span_uint(first, UINT16_MAX, &preference) ||
        !(span_equal(s, SPAN(".")) || dns_name_is_valid(s)))
        return conf_fail(c, n, "write \"10 mx.victim.test\", or \"0 .\" for a null MX",
                         "not an MX record: %s", text);
    *out = (struct zone_mx){.preference = (uint16_t)preference, .host = s.ptr};
    return true;
}

static bool parse_mx(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_name *name = (struct case_name *)(void *)((char *)target -
                                                          offsetof(struct case_name, mx));
    struct conf_texts texts;

    if (!conf_read_texts(c, n, &texts))
        return false;
    name->mx = arena_get(c->arena, texts.count + 1, sizeof *name->mx);
    if (name->mx == NULL)
        return conf_fail(c, n, NULL, "the file is too large");
    for (name->mx_count = 0; name->mx_count < texts.count; name->mx_count++)
        if (!read_one_mx(c, n, texts.item[name->mx_count], &name->mx[name->mx_count]))
            return false;
    return true;
}

static bool read_one_address(struct conf *c, const struct conf_node *n, const char *text,
                             struct case_address *out)
{
    struct span s = span_of(text);

    *out = (struct case_address){.server = NULL};
    if (span_starts(s, SPAN("server "))) {
        out->server = text + strlen("server ");
        return true;
    }
    if (endpoint_parse_address(s, &out->at) && endpoint_scope(&out->at) == SCOPE_LOOPBACK)
        return true;
    return conf_fail(c, n, "write server NAME, or an address in 127.0.0.0/8, or ::1",
                     "not an address of this case: %s", text);
}

static bool parse_addresses(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_name *name = (struct case_name *)(void *)((char *)target -
                                                          offsetof(struct case_name, addresses));
    struct conf_texts texts;

    if (!conf_read_texts(c, n, &texts))
        return false;
    name->addresses = arena_get(c->arena, texts.count + 1, sizeof *name->addresses);
    if (name->addresses == NULL)
        return conf_fail(c, n, NULL, "the file is too large");
    for (name->address_count = 0; name->address_count < texts.count; name->address_count++)
        if (!read_one_address(c, n, texts.item[name->address_count],
                              &name->addresses[name->address_count]))
            return false;
    return true;
}

static const struct conf_name fault_names[] = {
    {"nxdomain", ZONE_NXDOMAIN, "the name is said not to exist"},
    {"servfail", ZONE_SERVFAIL, "the DNS server fails"},
    {"refused", ZONE_REFUSED, "the DNS server refuses to answer"},
    {"silent", ZONE_SILENT, "no answer comes"},
    {"wrong-id", ZONE_WRONG_ID, "answers come with another id only"},
    {"forged", ZONE_FORGED, "a wrong answer with a wrong id comes before the right one"},
    {"truncated", ZONE_TRUNCATED, "always too large for UDP"},
    {"no-tcp", ZONE_NO_TCP, "too large for UDP, and nothing comes by TCP"},
    {"malformed", ZONE_MALFORMED, "the answer is cut in the middle"},
    {"apart", ZONE_APART, "a CNAME comes without what it leads to"},
    {NULL, 0, NULL},
};

static const struct conf_field fields[] = {
    {.name = "mx",
     .type = CONF_CUSTOM,
     AT(mx),
     .parse = parse_mx,
     .doc = "MX records, preference and host; `0 .` is a null MX",
     .example = "[\"10 mx.victim.test\"]"},
    {.name = "more_mx",
     .type = CONF_UINT,
     AT(more_mx),
     .max = 2000,
     .doc = "so many MX records more, of hosts that do not exist"},
    {.name = "address",
     .type = CONF_CUSTOM,
     AT(addresses),
     .parse = parse_addresses,
     .doc = "A and AAAA: `server NAME`, where that one listens, or loopback addresses",
     .example = "server mx"},
    {.name = "cname", .type = CONF_TEXT, AT(cname), .doc = "an alias of that name"},
    {.name = "fault",
     .type = CONF_ENUM,
     AT(fault),
     .names = fault_names,
     .doc = "what happens to questions for this name"},
    {.name = "delay", .type = CONF_DURATION, AT(delay_ns), .doc = "each answer takes so long"},
};

const struct conf_table case_name_table = {
    .name = "DNS name",
    .doc = "what DNS says about a name; others do not exist",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .size = sizeof(struct case_name),
    .position_offset = offsetof(struct case_name, at),
};

bool case_target_is_name(const struct case_file *c)
{
    return c->name_count > 0 && c->probe.target != NULL &&
           (strchr(c->probe.target, '.') != NULL || strchr(c->probe.target, ':') != NULL);
}

static bool fail(struct conf *conf, struct conf_position at, const char *hint, const char *what,
                 const char *name)
{
    return conf_fail_at(conf, at, 1, hint, "%s: %s", what, name);
}

static bool has_server(const struct case_file *c, const char *name)
{
    for (size_t i = 0; i < c->server_count; i++)
        if (strcmp(c->servers[i].name, name) == 0)
            return true;
    return false;
}

static bool check_name(struct conf *conf, const struct case_file *c, const struct case_name *n)
{
    if (!dns_name_is_valid(span_of(n->name)))
        return fail(conf, n->at, "write it without a final dot", "not a name", n->name);
    if (n->cname != NULL && !dns_name_is_valid(span_of(n->cname)))
        return fail(conf, n->at, "name another one", "not a name to be an alias of", n->cname);
    if (n->cname != NULL && (n->mx_count > 0 || n->address_count > 0))
        return fail(conf, n->at, "an alias has nothing else (RFC 1034 3.6.2)",
                    "a name with cname and more", n->name);
    for (size_t i = 0; i < n->address_count; i++)
        if (n->addresses[i].server != NULL && !has_server(c, n->addresses[i].server))
            return fail(conf, n->at, "name a server of this case", "no such server",
                        n->addresses[i].server);
    return true;
}

bool case_check_dns(struct conf *conf, const struct case_file *c)
{
    char memory[256];
    struct strbuf error;
    struct target target;

    for (size_t i = 0; i < c->name_count; i++)
        if (!check_name(conf, c, &c->names[i]))
            return false;
    if (c->probe.server != NULL && !case_target_is_name(c))
        return fail(conf, c->probe.at, "write target: NAME",
                    "only a target given by name leads to a server", c->probe.server);
    if (c->probe.control == CASE_CONTROL_MX && c->name_count == 0)
        return conf_fail_at(conf, c->probe.at, 1, "add `dns`",
                            "control: mx needs names to look up");
    strbuf_init(&error, memory, sizeof memory);
    if (!case_target_is_name(c) ||
        (target_read(&target, span_of(c->probe.target), &error) && target.is_name))
        return true;
    return fail(conf, c->probe.at, "write mx:victim.test or mx.victim.test, without a port",
                "no such target", c->probe.target);
}
