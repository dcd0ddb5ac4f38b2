/*
 * case_check.c - what a table cannot see: names that must be defined elsewhere in the same case
 *
 * Everything here is found before anything runs, so that a typing error never looks like a failing
 * server.
 */
#include "scenarios/case/case_names.h"
#include "scenarios/case/case_tables.h"

#include "lib/smtp/address.h"
#include "mockmta/queue/alter.h"

#include <string.h>

static bool fail(struct conf *conf, struct conf_position at, const char *hint, const char *what,
                 const char *name)
{
    if (at.line == 0)
        at = (struct conf_position){1, 1};
    return conf_fail_at(conf, at, 1, hint, "%s: %s", what, name);
}

static const struct case_server *find_server(const struct case_file *c, const char *name)
{
    for (size_t i = 0; i < c->server_count; i++)
        if (strcmp(c->servers[i].name, name) == 0)
            return &c->servers[i];
    return NULL;
}

static bool is_mailbox(const struct case_file *c, const char *name)
{
    for (size_t i = 0; i < c->mailbox_count; i++)
        if (strcmp(c->mailboxes[i].name, name) == 0)
            return true;
    return false;
}

static bool check_routes(struct conf *conf, const struct case_file *c)
{
    for (size_t i = 0; i < c->server_count; i++) {
        const struct case_server *s = &c->servers[i];

        for (size_t k = 0; k < s->route_names.count; k++)
            if (find_server(c, s->route_names.item[k]) == NULL &&
                !is_mailbox(c, s->route_names.item[k]))
                return fail(conf, s->at, "name a server or a mailbox of this case", "no such route",
                            s->route_names.item[k]);
    }
    return true;
}

/* The value of a key, or the mapping itself: what the user's eye is sent to. */
static const struct conf_node *value_of(struct conf *conf, const struct conf_node *map,
                                        const char *key, struct conf_node_value *memory)
{
    const struct conf_node *node = map;
    const char *name = "";

    for (size_t i = 0; i < conf_length(map) && strcmp(name, key) != 0; i++)
        node = conf_pair(conf, map, i, memory, &name);
    return node != NULL ? node : map;
}

static bool fail_at_key(struct conf *conf, const struct conf_node *map, const char *key,
                        const char *hint, const char *what, const char *text)
{
    struct conf_node_value memory;

    return conf_fail(conf, value_of(conf, map, key, &memory), hint, "%s: %s", what, text);
}

static bool check_mailbox_text(struct conf *conf, const struct conf_node *map, const char *key,
                               const char *text, const char *what)
{
    struct span local, domain;
    const char *why;
    size_t column;

    if (text == NULL || address_check_mailbox(span_of(text), &local, &domain, &why, &column))
        return true;
    return fail_at_key(conf, map, key, why, what, text);
}

/* RFC 5737: the networks that an engine's namespace has. */
static bool is_example(const struct endpoint *e)
{
    static const char *const networks[] = {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"};
    struct network n;

    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        if (network_parse(span_of(networks[i]), &n) && network_contains(&n, e))
            return true;
    return false;
}

/* Whether an address of an engine's network can be meant is known when the servers are. */
static bool check_source(struct conf *conf, const struct conf_node *map, const char *text,
                         struct conf_position *at)
{
    struct conf_node_value memory;
    struct endpoint e;

    *at = conf_position(value_of(conf, map, "source", &memory));
    if (text == NULL || (endpoint_parse_address(span_of(text), &e) &&
                         (endpoint_scope(&e) == SCOPE_LOOPBACK || is_example(&e))))
        return true;
    return fail_at_key(conf, map, "source",
                       "write an address in 127.0.0.0/8, or, for an engine, in 192.0.2.0/24, "
                       "198.51.100.0/24 or 203.0.113.0/24",
                       "a source must be a loopback address", text);
}

bool case_check_mailbox(struct conf *conf, const struct conf_node *n, void *target)
{
    const struct case_mailbox *m = target;

    if (m->memory_only && m->kind != CASE_MEMORY)
        return conf_fail(conf, n, "say kind: memory", "only a mailbox that stores mail does that");
    if (m->alter == ALTER_AUTOREPLY)
        return fail_at_key(conf, n, "alter", "write it as a fate of a server",
                           "a mailbox does not answer", "autoreply");
    if (m->down.to_ns < m->down.from_ns)
        return fail_at_key(conf, n, "down", "write {from: 10s, to: 1min}",
                           "the end comes before the beginning", "down");
    return true;
}

bool case_check_vantage(struct conf *conf, const struct conf_node *n, void *target)
{
    struct case_vantage *v = target;

    return check_source(conf, n, v->source, &v->source_at);
}

bool case_check_probe(struct conf *conf, const struct conf_node *n, void *target)
{
    struct case_probe *p = target;
    char memory[256];
    struct strbuf error;
    struct form forms[FORMS_MAX];
    size_t count;

    strbuf_init(&error, memory, sizeof memory);
    if (p->forms != NULL && !forms_select(span_of(p->forms), forms, FORMS_MAX, &count, &error))
        return fail_at_key(conf, n, "forms", memory, "no such forms", p->forms);
    for (size_t i = 0; i < p->canary_ip.count; i++) {
        struct endpoint e;

        if (!endpoint_parse_address(span_of(p->canary_ip.item[i]), &e))
            return fail_at_key(conf, n, "canary_ip", "write an IPv4 or an IPv6 address",
                               "not an address", p->canary_ip.item[i]);
    }
    for (size_t i = 0; i < p->canaries.count; i++)
        if (!check_mailbox_text(conf, n, "canaries", p->canaries.item[i], "that is no mailbox"))
            return false;
    return check_source(conf, n, p->source, &p->source_at) &&
           check_mailbox_text(conf, n, "canary", p->canary, "the canary is no mailbox") &&
           check_mailbox_text(conf, n, "sender", p->sender, "the sender is no mailbox");
}

static bool find_target(struct conf *conf, struct case_file *c)
{
    const struct case_probe *p = &c->probe;
    const char *name = case_target_is_name(c) ? p->server : p->target;

    c->target = name == NULL ? &c->servers[0] : find_server(c, name);
    return c->target != NULL ||
           fail(conf, p->at, "name a server of this case", "no such target", name);
}

static bool has_domain(const struct case_file *c, struct span domain)
{
    for (size_t i = 0; i < c->mailbox_count; i++)
        for (size_t k = 0; k < c->mailboxes[i].domains.count; k++)
            if (span_iequal(span_of(c->mailboxes[i].domains.item[k]), domain))
                return true;
    return false;
}

static bool check_canaries(struct conf *conf, const struct case_file *c)
{
    const struct case_probe *p = &c->probe;

    if (p->canaries.count > FORM_CANARIES_MAX - 1)
        return fail(conf, p->at, "leave some out", "too many canaries", p->canaries.item[0]);
    for (size_t i = 0; i < p->canaries.count; i++) {
        struct span text = span_of(p->canaries.item[i]);

        if (!has_domain(c, span_from(text, span_rchr(text, '@') + 1)))
            return fail(conf, p->at, "name a domain of a mailbox of this case",
                        "no mailbox for that canary", p->canaries.item[i]);
    }
    return true;
}

static bool check_expect(struct conf *conf, const struct case_file *c)
{
    for (size_t i = 0; i < c->expect_count; i++) {
        const struct case_expect *e = &c->expect[i];

        if (e->elapsed_set && c->time != TIME_VIRTUAL)
            return fail(conf, e->at, "say time: virtual",
                        "elapsed may be asserted in virtual time only", c->name);
        if (e->later >= 0 && c->probe.collect_after_ns == 0)
            return fail(conf, e->at, "say probe: {collect_after: 25h}",
                        "nothing is collected later", c->name);
        for (size_t k = 0; k < e->delivered_count; k++)
            if (!is_mailbox(c, e->delivered[k].name))
                return fail(conf, e->at, "name a mailbox of this case", "no such mailbox",
                            e->delivered[k].name);
    }
    for (size_t i = 0; i < c->dialogue_count; i++)
        if (c->dialogue[i].server != NULL && find_server(c, c->dialogue[i].server) == NULL)
            return fail(conf, c->dialogue[i].at, "name a server of this case",
                        "no such server in dialogue", c->dialogue[i].server);
    return true;
}

static bool check_addresses(struct conf *conf, const struct case_file *c)
{
    for (size_t i = 0; i < c->server_count; i++) {
        struct endpoint e;

        if (c->servers[i].address != NULL &&
            !(endpoint_parse_address(span_of(c->servers[i].address), &e) &&
              endpoint_scope(&e) == SCOPE_LOOPBACK))
            return fail(conf, c->servers[i].at, "write an address in 127.0.0.0/8, or ::1",
                        "a server listens on loopback", c->servers[i].address);
    }
    return true;
}

/* Sockets on loopback cannot be made to lose or cut what the case wants lost or cut. */
static bool check_network(struct conf *conf, const struct case_file *c)
{
    for (size_t i = 0; i < c->server_count; i++) {
        struct sim_path p = c->servers[i].network;

        if (p.connect == SIM_CONNECT_REFUSE)
            p.connect = SIM_CONNECT_OK;
        bool plain = p.connect == SIM_CONNECT_OK && p.latency_ns == 0 && p.jitter_ns == 0 &&
                     p.segment_max == 0 && !p.segment_random && p.window == 0 &&
                     p.reset_after == 0 && p.fin_after == 0 && p.stall_after == 0;
        if (!plain && c->time != TIME_VIRTUAL)
            return fail(conf, c->servers[i].at, "say time: virtual",
                        "this network exists in virtual time only", c->servers[i].name);
    }
    return true;
}

static bool is_loopback(const char *source)
{
    struct endpoint e;

    return source == NULL ||
           (endpoint_parse_address(span_of(source), &e) && endpoint_scope(&e) == SCOPE_LOOPBACK);
}

/* What a real server needs, and what needs a real server. */
static bool check_engines(struct conf *conf, struct case_file *c)
{
    if (!case_has_engine(c)) {
        const char *source = c->vantage != NULL ? c->vantage->source : c->probe.source;
        struct conf_position at = c->vantage != NULL ? c->vantage->source_at : c->probe.source_at;

        return is_loopback(source) ||
               conf_fail_at(conf, at, strlen(source), "write an address in 127.0.0.0/8",
                            "a source must be a loopback address: %s", source);
    }
    return c->time == TIME_REAL || fail(conf, c->servers[0].at, "say time: real",
                                        "a real server runs in real time only", c->name);
}

/* It stands in ids, reports and file names. */
static bool is_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return name[0] != '\0' && strlen(name) <= 64 && name[strspn(name, letters)] == '\0';
}

bool case_check_names(struct conf *conf, struct case_file *c)
{
    if (!is_name(c->name))
        return fail(conf, (struct conf_position){0, 0}, "letters, digits, - _ and ., 64 at most",
                    "not a name for a case", c->name);
    if (c->server_count == 0)
        return fail(conf, (struct conf_position){0, 0}, "a case has at least one", "no servers",
                    c->name);
    if (c->expect_count == 0)
        return fail(conf, (struct conf_position){0, 0}, "say what must come out", "no expectation",
                    c->name);
    return check_canaries(conf, c) && check_routes(conf, c) && case_check_dns(conf, c) &&
           check_addresses(conf, c) && find_target(conf, c) && check_expect(conf, c) &&
           check_network(conf, c) && check_engines(conf, c);
}
