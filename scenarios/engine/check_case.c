/*
 * check_case.c - the case that nobody wrote: one server, a mailbox, and the DNS around them
 *
 * The names are those that a server asks for when it looks at us and at itself: the canary's domain
 * with its MX, a domain of ours that claims the server as its backup MX, the server's own domains.
 * Nothing else exists, so lists of bad addresses have nobody on them.
 */
#include "scenarios/engine/check_private.h"

#include <string.h>

#include "lib/dns/message.h"

#define CANARY "canary.test"
#define CANARY_HOST "mail." CANARY
#define BACKUP "behind." CANARY

static bool has_name(const struct check *c, const char *name)
{
    for (size_t i = 0; i < c->c.name_count; i++)
        if (span_iequal(span_of(c->names[i].name), span_of(name)))
            return true;
    return false;
}

/* NULL where that name is there already, or is none. */
static struct case_name *add_name(struct check *c, const char *name)
{
    struct case_name *n = &c->names[c->c.name_count];

    if (c->c.name_count == CHECK_NAMES_MAX || !dns_name_is_valid(span_of(name)) ||
        has_name(c, name))
        return NULL;
    *n = (struct case_name){.name = name};
    c->c.name_count++;
    return n;
}

static void add_mx(struct check *c, const char *name, const char *host, const char *backup)
{
    struct case_name *n = add_name(c, name);

    if (n == NULL)
        return;
    struct zone_mx *mx = c->mx[n - c->names];

    mx[0] = (struct zone_mx){.preference = 10, .host = host};
    mx[1] = (struct zone_mx){.preference = 20, .host = backup};
    n->mx = mx;
    n->mx_count = backup != NULL ? 2 : 1;
}

static void add_address(struct check *c, const char *name, const char *server, const char *address)
{
    struct case_name *n = add_name(c, name);

    if (n == NULL)
        return;
    struct case_address *a = &c->addresses[n - c->names];

    *a = (struct case_address){.server = server};
    if (address != NULL)
        (void)endpoint_parse_address(span_of(address), &a->at);
    n->addresses = a;
    n->address_count = 1;
}

void check_case_names(struct check *c)
{
    const struct conf_texts *domains = &c->server.config.local_domains;
    const char *first = domains->count > 0 ? domains->item[0] : NULL;
    const char *own = c->request->domain != NULL ? c->request->domain : first;
    const char *hostname = c->server.config.hostname;
    struct strbuf prefixed;

    add_address(c, hostname, c->server.name, NULL);
    add_address(c, "probe." CANARY, NULL, ENGINE_OUTSIDE);
    add_address(c, CANARY_HOST, NULL, ENGINE_OUTSIDE);
    add_mx(c, CANARY, CANARY_HOST, NULL);
    add_mx(c, BACKUP, CANARY_HOST, hostname);
    for (size_t i = 0; i < domains->count; i++)
        add_mx(c, domains->item[i], hostname, NULL);
    if (own == NULL)
        return;
    add_mx(c, own, hostname, NULL);
    strbuf_init(&prefixed, c->prefixed, sizeof c->prefixed);
    strbuf_addf(&prefixed, "%s." CANARY, own);
    if (prefixed.truncated)
        return;
    add_mx(c, c->prefixed, CANARY_HOST, NULL);
    c->mailbox_domains[c->mailbox.domains.count++] = c->prefixed;
    c->has_zone = true;
}

void check_case_init(struct check *c)
{
    c->mailbox_domains[0] = CANARY;
    c->mailbox_domains[1] = BACKUP;
    c->mailbox = (struct case_mailbox){.name = "canary", .domains = {c->mailbox_domains, 2}};
    c->server = (struct case_server){.name = "server",
                                     .engine_name = c->engine->name,
                                     .engine = c->engine,
                                     .directory = c->config,
                                     .config = {.hostname = "mx.victim.test"}};
    c->c = (struct case_file){
        .name = "check",
        .time = TIME_REAL,
        .servers = &c->server,
        .server_count = 1,
        .mailboxes = &c->mailbox,
        .mailbox_count = 1,
        .names = c->names,
        .vantage = &c->vantage,
        .target = &c->server};
}

void check_case_ask(struct check *c, const char *forms, int64_t wait_ns)
{
    c->c.probe = (struct case_probe){
        .forms = forms,
        .wait_ns = wait_ns,
        .max_time_ns = CLOCK_MINUTE,
        .retry_ns = 2 * CLOCK_SECOND,
        .domain = c->request->domain,
        .zone = c->has_zone ? CANARY : NULL,
        .backup_domain = BACKUP,
        .tls = c->wrapped ? CASE_TLS_IMPLICIT : CASE_TLS_AUTO,
        .pipelining = true,
        .exhaustive = check_is_outside(c)};
}
