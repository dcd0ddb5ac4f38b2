/*
 * identity.c - the names of a trial, from what the case says and what follows from it
 */
#include "scenarios/trial.h"

void trial_split(const char *text, struct span *local, struct span *domain)
{
    struct span s = span_of(text);
    size_t at = span_rchr(s, '@');

    *local = span_to(s, at);
    *domain = span_from(s, at + 1);
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
