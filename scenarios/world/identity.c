/*
 * identity.c - the names of a trial and the probe's options, from what the case says and what
 * follows from it
 */
#include "scenarios/world/trial.h"

#include <string.h>

void trial_split(const char *text, struct span *local, struct span *domain)
{
    struct span s = span_of(text);
    size_t at = span_rchr(s, '@');

    *local = span_to(s, at);
    *domain = span_from(s, at + 1);
}

static void read_extras(const struct case_probe *p, struct form_extras *x)
{
    x->zone = p->zone != NULL ? span_of(p->zone) : (struct span){NULL, 0};
    x->backup_domain = p->backup_domain != NULL ? span_of(p->backup_domain) : x->backup_domain;
    x->mx_domain = p->mx_domain != NULL ? span_of(p->mx_domain) : x->mx_domain;
    if (p->local_recipient != NULL)
        x->local_recipient = span_of(p->local_recipient);
    for (size_t i = 0; i < p->canary_ip.count; i++) {
        struct endpoint e;

        if (endpoint_parse_address(span_of(p->canary_ip.item[i]), &e))
            *(e.family == 6 ? &x->canary_ip6 : &x->canary_ip4) = e;
    }
}

void trial_identify(const struct case_file *c, const struct endpoint *target,
                    struct trial_identity *out)
{
    const struct case_probe *p = &c->probe;
    const struct server_config *server = &c->target->config;
    struct form_identity *who = &out->who;
    struct strbuf helo;
    const char *source = c->vantage != NULL ? c->vantage->source : p->source;

    /* Who asks a real server without saying from where is a stranger to it. */
    if (source == NULL && c->target->engine != NULL)
        source = ENGINE_OUTSIDE;

    *out = (struct trial_identity){.who = {.target = *target}};
    who->canary_local = SPAN("probe");
    who->canary_domain = span_of(c->mailboxes[0].domains.item[0]);
    if (p->canary != NULL)
        trial_split(p->canary, &who->canary_local, &who->canary_domain);
    who->sender_local = SPAN("probe");
    who->sender_domain = who->canary_domain;
    if (p->sender != NULL)
        trial_split(p->sender, &who->sender_local, &who->sender_domain);
    for (size_t i = 0; i < p->canaries.count; i++, who->further_count++)
        trial_split(p->canaries.item[i], &who->further[i].local, &who->further[i].domain);
    who->target_name = span_of(server->hostname);
    read_extras(p, &who->extras);
    if (p->domain != NULL)
        who->local_domain = span_of(p->domain);
    else if (server->local_domains.count > 0)
        who->local_domain = span_of(server->local_domains.item[0]);
    if (source != NULL)
        (void)endpoint_parse_address(span_of(source), &out->source);
    strbuf_init(&helo, out->helo, sizeof out->helo);
    if (p->helo != NULL) {
        strbuf_adds(&helo, p->helo);
    } else {
        strbuf_adds(&helo, "probe.");
        strbuf_add(&helo, who->sender_domain);
    }
}

/* The mailbox that a further canary's domain belongs to. */
static const struct stage_mailbox *mailbox_of(const struct stage *s, struct span domain)
{
    const struct case_file *c = s->c;

    for (size_t i = 0; i < c->mailbox_count; i++)
        for (size_t k = 0; k < c->mailboxes[i].domains.count; k++)
            if (span_iequal(span_of(c->mailboxes[i].domains.item[k]), domain))
                return &s->mailboxes[i];
    return &s->mailboxes[0];
}

static void add_mailboxes(const struct stage *s, const struct case_file *c,
                          const struct form_identity *who, struct probe_config *config)
{
    for (unsigned i = 0; i < c->mailbox_count && i < PROBE_MAILBOXES_MAX; i++)
        config->mailboxes[config->mailbox_count++] = span_of(c->mailboxes[i].name);
    config->control_route = s->mailboxes[0].at;
    for (size_t i = 0; i < who->further_count; i++) {
        config->further[i] = who->further[i];
        config->further_route[i] = mailbox_of(s, who->further[i].domain)->at;
    }
    config->further_count = who->further_count;
}

void trial_configure(const struct stage *s, const struct trial_identity *id,
                     struct probe_config *config)
{
    const struct case_file *c = s->c;
    const struct case_probe *p = &c->probe;
    *config = (struct probe_config){
        .canary_local = id->who.canary_local,
        .canary_domain = id->who.canary_domain,
        .sender_local = id->who.sender_local,
        .sender_domain = id->who.sender_domain,
        .helo = span_of(id->helo),
        .contact = SPAN("relaylab"),
        .target = id->who.target,
        .target_name = id->who.target_name,
        .local_domain = id->who.local_domain,
        .source = id->source,
        .extras = id->who.extras,
        .forms = p->forms != NULL ? span_of(p->forms) : SPAN("first"),
        .mailbox = !p->no_mailbox,
        .wait_ns = p->wait_ns != 0 ? p->wait_ns : 2 * CLOCK_MINUTE,
        .max_time_ns = p->max_time_ns != 0 ? p->max_time_ns : 15 * CLOCK_MINUTE,
        .retry_ns = p->retry_ns != 0 ? p->retry_ns : 5 * CLOCK_MINUTE + CLOCK_SECOND,
        .max_messages = (unsigned)p->max_messages,
        .timeouts = smtp_timeouts_rfc5321,
        .tls_mode = p->tls == CASE_TLS_NONE       ? SESSION_TLS_NONE
                    : p->tls == CASE_TLS_IMPLICIT ? SESSION_TLS_IMPLICIT
                    : p->tls == CASE_TLS_STARTTLS ? SESSION_TLS_STARTTLS
                                                  : SESSION_TLS_AUTO,
        .pipelining = p->pipelining,
        .sessions = (unsigned)p->sessions,
        .exhaustive = p->exhaustive,
        .vantage = VANTAGE_OUTSIDE,
    };
    if (c->vantage != NULL && strcmp(c->vantage->name, "inside") == 0)
        config->vantage = VANTAGE_INSIDE;
    if (p->unnamed) {
        config->target_name = (struct span){NULL, 0};
        config->local_domain = p->domain != NULL ? id->who.local_domain : config->target_name;
    }
    if (!p->no_mailbox)
        add_mailboxes(s, c, &id->who, config);
    for (int step = 0; step < STEP_COUNT; step++)
        if (p->timeout.set[step])
            config->timeouts.ns[step] = p->timeout.ns[step];
}
