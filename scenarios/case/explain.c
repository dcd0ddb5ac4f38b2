/*
 * explain.c - reads a loaded case aloud; what a persona brings is in its own words (mockmta
 * --explain)
 */
#include "scenarios/case/explain.h"

#include "scenarios/judge/judge.h"

static void add_list(struct strbuf *out, const char *label, const struct conf_texts *texts)
{
    if (texts->count == 0)
        return;
    strbuf_addf(out, "%-10s ", label);
    for (size_t i = 0; i < texts->count; i++)
        strbuf_addf(out, "%s%s", i > 0 ? ", " : "", texts->item[i]);
    strbuf_addc(out, '\n');
}

static void add_server(struct strbuf *out, const struct case_file *c, const struct case_server *s)
{
    strbuf_addf(out, "server     %s", s->name);
    if (s->source.persona != NULL)
        strbuf_addf(out, ", persona %s", s->source.persona);
    strbuf_addf(out, ", %zu rules%s\n", s->config.rule_count,
                s == c->target ? "; it is asked" : "");
    if (s->config.why != NULL && s->source.persona != NULL)
        strbuf_addf(out, "           %s\n", s->config.why);
    if (s->config.local_domains.count > 0) {
        strbuf_adds(out, "           takes mail for ");
        for (size_t i = 0; i < s->config.local_domains.count; i++)
            strbuf_addf(out, "%s%s", i > 0 ? ", " : "", s->config.local_domains.item[i]);
        strbuf_addc(out, '\n');
    }
}

static void add_name(struct strbuf *out, const struct case_name *n)
{
    strbuf_addf(out, "name       %s", n->name);
    if (n->cname != NULL)
        strbuf_addf(out, ", alias of %s", n->cname);
    for (size_t i = 0; i < n->mx_count; i++)
        strbuf_addf(out, ", MX %u %s", n->mx[i].preference, n->mx[i].host);
    for (size_t i = 0; i < n->address_count; i++) {
        strbuf_adds(out, n->addresses[i].server != NULL ? ", at server " : ", at ");
        if (n->addresses[i].server != NULL)
            strbuf_adds(out, n->addresses[i].server);
        else
            endpoint_print_address(out, &n->addresses[i].at);
    }
    if (n->fault != ZONE_SOUND)
        strbuf_adds(out, "; its DNS server is at fault");
    strbuf_addc(out, '\n');
}

static void add_counts(struct strbuf *out, const char *what, const struct case_count *list,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(out, "           %s %s: ", what, list[i].name);
        judge_print_range(&list[i].range, out);
        strbuf_addc(out, '\n');
    }
}

static void add_expect(struct strbuf *out, const struct case_expect *e)
{
    strbuf_adds(out, "expected  ");
    if (e->verdict >= 0)
        strbuf_addf(out, " verdict %s", verdict_name((enum verdict)e->verdict));
    if (e->reason_code != NULL)
        strbuf_addf(out, ", reason %s", e->reason_code);
    if (e->plain_accepted != NULL)
        strbuf_addf(out, ", plain accepted: %s", e->plain_accepted);
    if (e->delivered_none)
        strbuf_adds(out, ", nothing delivered");
    strbuf_addc(out, '\n');
    add_counts(out, "delivered to", e->delivered, e->delivered_count);
    add_counts(out, "commands", e->commands, e->command_count);
    add_counts(out, "log lines with", e->log, e->log_count);
    for (size_t i = 0; i < e->form_count; i++)
        strbuf_addf(out, "           form %s: %s\n", e->forms[i].id, e->forms[i].answer);
    for (size_t i = 0; i < e->relayed_by.count; i++)
        strbuf_addf(out, "           relayed by %s\n", e->relayed_by.item[i]);
}

void explain_case(const struct case_file *c, struct strbuf *out)
{
    static const char *const times[] = {"virtual and real", "virtual", "real"};

    strbuf_addf(out, "%s", c->name);
    case_print_bindings(c, out);
    strbuf_addf(out, " - %s\n\n%s\n\n", c->title, c->why);
    add_list(out, "tags", &c->tags);
    add_list(out, "rfc", &c->rfc);
    add_list(out, "caveat", &c->caveat);
    strbuf_addf(out, "%-10s %s\n%-10s %s\n", "time", times[c->time], "truth",
                case_truth_name(c->truth));
    if (c->vantage != NULL)
        strbuf_addf(out, "asked from %s (%s)\n", c->vantage->name, c->vantage->source);
    for (size_t i = 0; i < c->server_count; i++)
        add_server(out, c, &c->servers[i]);
    for (size_t i = 0; i < c->name_count; i++)
        add_name(out, &c->names[i]);
    for (size_t i = 0; i < c->mailbox_count; i++) {
        strbuf_addf(out, "mailbox    %s for", c->mailboxes[i].name);
        for (size_t k = 0; k < c->mailboxes[i].domains.count; k++)
            strbuf_addf(out, " %s", c->mailboxes[i].domains.item[k]);
        strbuf_adds(out, c->mailboxes[i].has_front ? ", behind an MX of its own" : "");
        strbuf_adds(out, c->mailboxes[i].kind == CASE_MEMORY ? ", stored and read later\n" : "\n");
    }
    for (size_t i = 0; i < c->expect_count; i++)
        if (case_applies(c, &c->expect[i]))
            add_expect(out, &c->expect[i]);
    if (c->fails_with != NULL)
        strbuf_addf(out, "must fail with \"%s\"\n", c->fails_with);
}
