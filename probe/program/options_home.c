/*
 * options_home.c - the options about canaries, mailboxes and the ledger
 *
 * Which mailbox is whose is not asked: when there are as many mailboxes as canaries, they belong
 * together in the order given, and a sink is its canary's way in. A stored mailbox has no way in of
 * its own; then --control-route tells it, again once for each canary, the last one for all that
 * follow.
 */
#include <string.h>

#include "lib/smtp/address.h"
#include "probe/program/options_private.h"

static bool read_address(struct reader *r, struct span *local, struct span *domain)
{
    const char *why = "";
    size_t column = 0;

    if (!address_check_mailbox(r->value, local, domain, &why, &column))
        return option_wrong_at(r, why, column);
    if (local->len > OPTIONS_CANARY_LOCAL_MAX)
        return option_wrong(
            r, "at most 47 characters before the @: a token is put after it, and SMTP allows 64");
    return true;
}

bool option_canary(struct reader *r)
{
    struct options *o = r->o;
    struct canary c;

    if (o->canary.len > 0 && o->further_count == FORM_CANARIES_MAX - 1)
        return option_wrong(r, "at most 4 canaries");
    if (!read_address(r, &c.local, &c.domain))
        return false;
    if (o->canary.len == 0) {
        o->canary = r->value;
        o->canary_local = c.local;
        o->canary_domain = c.domain;
        return true;
    }
    if (span_iequal(c.domain, o->canary_domain))
        return option_wrong(r, "of the same domain as the first; canaries are to be unrelated");
    for (size_t i = 0; i < o->further_count; i++)
        if (span_iequal(c.domain, o->further[i].domain))
            return option_wrong(r, "of the same domain as another; canaries are to be unrelated");
    o->further[o->further_count++] = c;
    return true;
}

bool option_sender(struct reader *r)
{
    r->o->sender = r->value;
    return read_address(r, &r->o->sender_local, &r->o->sender_domain);
}

/* No token stands in it. That it is none of ours is checked when all options are known. */
bool option_local_recipient(struct reader *r)
{
    const char *why = "";
    struct span local, domain;
    size_t column = 0;

    r->o->extras.local_recipient = r->value;
    return address_check_mailbox(r->value, &local, &domain, &why, &column) ||
           option_wrong_at(r, why, column);
}

static bool check_local_recipient(const struct options *o, struct strbuf *error)
{
    struct span address = o->extras.local_recipient;
    struct span domain = span_from(address, address.len > 0 ? span_rchr(address, '@') + 1 : 0);
    bool ours = span_iequal(domain, o->canary_domain) || span_iequal(domain, o->sender_domain);

    for (size_t i = 0; i < o->further_count; i++)
        ours = ours || span_iequal(domain, o->further[i].domain);
    if (address.len > 0 && ours)
        strbuf_adds(error, "--local-recipient: of a domain of ours; name one that the target takes "
                           "mail for");
    return address.len == 0 || !ours;
}

bool option_domain(struct reader *r)
{
    struct options *o = r->o;
    struct span name;

    if (!option_name(r, &name))
        return false;
    if (o->domain.len == 0) {
        o->domain = name;
        return true;
    }
    if (o->further_domain_count == FORM_LOCALS_MAX - 1)
        return option_wrong(r, "at most 4 domains");
    bool known = span_iequal(name, o->domain);
    for (size_t i = 0; i < o->further_domain_count; i++)
        known |= span_iequal(name, o->further_domain[i]);
    if (known)
        return option_wrong(r, "given twice");
    o->further_domain[o->further_domain_count++] = name;
    return true;
}

bool option_token(struct reader *r)
{
    if (span_equal(r->value, SPAN("subaddress")))
        r->o->token_place = TOKEN_SUBADDRESS;
    else if (span_equal(r->value, SPAN("catch-all")))
        r->o->token_place = TOKEN_CATCH_ALL;
    else
        return option_wrong(r, "write subaddress (local+token@) or catch-all (token@)");
    return true;
}

/* A mailbox has one name, that of its URL, in reports and in the ledger. */
static bool add_mailbox(struct reader *r, const char *scheme)
{
    struct options *o = r->o;
    struct mailbox_url *m = &o->mailbox[o->mailbox_count];
    char memory[200];
    struct strbuf name, why;

    if (o->mailbox_count == PROBE_MAILBOXES_MAX)
        return option_wrong(r, "at most 8 mailboxes");
    strbuf_init(&name, o->mailbox_name[o->mailbox_count], OPTIONS_MAILBOX_NAME_MAX);
    strbuf_adds(&name, scheme);
    strbuf_add(&name, r->value);
    strbuf_init(&why, memory, sizeof(memory));
    if (name.truncated)
        return option_wrong(r, "too long");
    if (!mailbox_url_parse(m, strbuf_span(&name), &why)) {
        /* Not through option_wrong: the value may hold a password. */
        strbuf_addf(r->error, "%s: ", r->option);
        strbuf_add(r->error, strbuf_span(&why));
        return false;
    }
    for (size_t i = 0; i < o->mailbox_count; i++)
        if (span_equal(o->mailbox[i].text, m->text))
            return option_wrong(r, "given twice");
    if (m->kind == MAILBOX_SINK && o->sink.family == 0)
        o->sink = m->at;
    o->mailbox_count++;
    return true;
}

bool option_sink(struct reader *r)
{
    struct endpoint at;

    return option_endpoint(r, &at) && add_mailbox(r, "sink://");
}

bool option_mailbox(struct reader *r)
{
    return add_mailbox(r, "");
}

bool option_control_route(struct reader *r)
{
    struct options *o = r->o;

    if (o->control_route_count == FORM_CANARIES_MAX)
        return option_wrong(r, "at most one for each canary");
    return option_endpoint(r, &o->control_route[o->control_route_count++]);
}

bool option_file_name(struct reader *r, const char **to)
{
    if (r->value.len == 0)
        return option_wrong(r, "write the name of a file");
    *to = r->value.ptr;
    return true;
}

bool option_password_file(struct reader *r)
{
    return option_file_name(r, &r->o->password_file);
}

bool option_ca_file(struct reader *r)
{
    return option_file_name(r, &r->o->ca_file);
}

bool option_ledger(struct reader *r)
{
    return option_file_name(r, &r->o->ledger);
}

bool option_save_proof(struct reader *r)
{
    if (r->value.len == 0)
        return option_wrong(r, "write the name of a directory");
    r->o->save_proof = r->value.ptr;
    return true;
}

static bool read_run(struct reader *r, enum options_mode mode)
{
    if (r->value.len == 0 || r->value.len >= LEDGER_RUN_MAX)
        return option_wrong(r, "write the name of a run, as --list-runs shows it");
    r->o->mode = mode;
    r->o->run_name = r->value;
    return true;
}

bool option_show_run(struct reader *r)
{
    return read_run(r, MODE_SHOW_RUN);
}

bool option_export_run(struct reader *r)
{
    return read_run(r, MODE_EXPORT_RUN);
}

static bool public_route(const struct options *o)
{
    for (size_t i = 0; i < o->control_route_count; i++)
        if (endpoint_scope(&o->control_route[i]) == SCOPE_PUBLIC)
            return true;
    return false;
}

static bool has_remote(const struct options *o)
{
    for (size_t i = 0; i < o->mailbox_count; i++)
        if (mailbox_url_is_remote(&o->mailbox[i]))
            return true;
    return false;
}

/* A server takes the mail of its own domains; that is no relaying. */
static bool is_canary_domain(const struct options *o, struct span domain)
{
    for (size_t i = 0; i < o->further_count; i++)
        if (span_iequal(domain, o->further[i].domain))
            return true;
    return domain.len > 0 && span_iequal(domain, o->canary_domain);
}

static bool domain_is_canary(const struct options *o)
{
    bool is = is_canary_domain(o, o->domain);

    for (size_t i = 0; i < o->further_domain_count; i++)
        is |= is_canary_domain(o, o->further_domain[i]);
    return is;
}

bool options_check_home(struct options *o, struct strbuf *error)
{
    const char *wrong = NULL;

    if (domain_is_canary(o))
        wrong = "--domain: that is the canary's own domain: what the target takes for it is not "
                "relayed";
    else if (public_route(o) && !o->allow_public)
        wrong = "--control-route: a public address; say --allow-public when it is meant";
    else if (o->control_route_count > 1 + o->further_count)
        wrong = "--control-route: more of them than canaries";
    else if (o->ledger != NULL && o->no_ledger)
        wrong = "--ledger and --no-ledger exclude each other";
    else if ((o->password_file != NULL || o->ca_file != NULL) && !has_remote(o))
        wrong = "--password-file and --ca-file are for a mailbox of imap or pop3";
    else if (o->save_proof != NULL && o->mailbox_count == 0)
        wrong = "--save-proof needs a --mailbox: nothing else brings a message home";
    else if (o->tidy && o->mailbox_count == 0)
        wrong = "--tidy needs a --mailbox";
    if (wrong != NULL)
        strbuf_adds(error, wrong);
    return wrong == NULL && check_local_recipient(o, error);
}
