/*
 * dry_run.c - binds the forms as a run would, and prints each as its commands
 *
 * The tokens are of a secret that is drawn for this run, so they are examples: the next run has
 * others.
 */
#include "probe/program/dry_run.h"

#include "lib/smtp/proxy.h"
#include "probe/ask/contexts.h"

#include <string.h>

enum { NAME_MAX_LEN = 256 };

struct names { /* text that a run derives from its config */
    char helo[NAME_MAX_LEN];
    char target[ENDPOINT_TEXT_MAX];
    char literal[ENDPOINT_TEXT_MAX + 8];
};

static void derive(struct names *n, const struct probe_config *c)
{
    struct strbuf helo, target;

    strbuf_init(&helo, n->helo, sizeof(n->helo));
    strbuf_init(&target, n->target, sizeof(n->target));
    if (c->helo.len == 0)
        strbuf_adds(&helo, "probe.");
    strbuf_add(&helo, c->helo.len > 0 ? c->helo : c->sender_domain);
    endpoint_print(&target, &c->target);
}

static struct form_identity identity(const struct probe_config *c)
{
    return (struct form_identity){
        .token_place = c->token_place,
        .canary_local = c->canary_local,
        .canary_domain = c->canary_domain,
        .further_count = c->further_count,
        .sender_local = c->sender_local,
        .sender_domain = c->sender_domain,
        .target_name = c->target_name,
        .target = c->target,
        .local_domain = c->local_domain.len > 0 ? c->local_domain : c->target_name,
        .further_local_count = c->further_local_count,
        .extras = c->extras};
}

static void print_recipients(struct strbuf *out, const struct form *f,
                             const struct form_identity *who)
{
    const struct recipient_row *row = f->recipient;

    for (int i = 0; i < 2; i++) {
        bool own = row->companion == NULL ? i == 0 : (i == 0) == row->companion_after;

        if (!own && row->companion == NULL)
            continue;
        strbuf_adds(out, "\nRCPT TO:");
        if (own)
            form_recipient(f, who, false, out);
        else
            form_companion(f, who, out);
    }
}

static void print_header(struct strbuf *out, const struct context_row *row,
                         const struct endpoint *target)
{
    char memory[PROXY_WRITE_MAX];
    struct strbuf header;

    strbuf_init(&header, memory, sizeof(memory));
    context_header(row, target, &header);
    strbuf_add_visible(out, strbuf_span(&header));
    strbuf_adds(out, header.len > 0 ? "\n" : "");
}

/* Its session's greeting, and what comes before the form. */
static void print_context(struct strbuf *out, const struct form *f, const struct form_identity *who,
                          const char *helo)
{
    const struct context_row *row = context_of(f);

    strbuf_addf(out, "# in a session of its own: %s\n", row->name);
    print_header(out, row, &who->target);
    if (row->hello != HELLO_NONE) {
        strbuf_adds(out, row->hello == HELLO_HELO ? "HELO " : "EHLO ");
        context_name(f, who, span_of(helo), out);
        strbuf_addc(out, '\n');
    }
    for (unsigned i = 0; i < row->step_count; i++) {
        context_command(f, i, f->sender, who, span_of(helo), out);
        strbuf_addc(out, '\n');
    }
}

static void print_form(struct strbuf *out, const struct form *f, const struct form_identity *who,
                       const char *helo)
{
    strbuf_addf(out, "\n# %s: %s -> %s\n", form_id(f).text, f->sender->name, f->recipient->name);
    if (!f->applicable) {
        strbuf_addf(out, "# not applicable: %s\n", f->why_not != NULL ? f->why_not : "");
        return;
    }
    if (context_of(f)->early) {
        strbuf_adds(out, "# last of all, in a session of its own, where STARTTLS is offered:\n"
                         "# in one write\nSTARTTLS\nNOOP\n# and inside TLS\nQUIT\n");
        return;
    }
    if (context_of(f)->notice != NULL) {
        form_expand(f, context_of(f)->notice, who, out);
        strbuf_adds(out, "\nRSET\n");
        return;
    }
    if (f->context == CONTEXT_STARTTLS)
        strbuf_adds(out, "# where STARTTLS is offered, behind it and another EHLO:\n");
    else if (context_of(f)->certificate)
        strbuf_adds(out, "# in a session of its own, in TLS, with a certificate of ours shown:\n");
    else if (context_of_session(f) != CONTEXT_PLAIN)
        print_context(out, f, who, helo);
    if (context_of(f)->false_end != NULL)
        strbuf_addf(out, "# if all is accepted, a message, and in it, behind %s\n",
                    strstr(context_of(f)->name, "behind ") + strlen("behind "));
    strbuf_addf(out, "%s FROM:", context_verb(f));
    form_sender(f, f->sender, who, false, out);
    print_recipients(out, f, who);
    if (context_of(f)->false_end != NULL) {
        strbuf_adds(out, "\nDATA\n# the message; the dot, and QUIT\n");
        return;
    }
    strbuf_adds(out, f->kind == FORM_CONTROL ? "\n"
                     : context_of(f)->chunk
                         ? "\n# if both are accepted, and CHUNKING is offered: BDAT, the message\n"
                         : "\n# if both are accepted: DATA, the message, and the dot\n");
    strbuf_adds(out, "RSET\n");
}

static void print_message(struct strbuf *out, const struct form *f, const struct names *n,
                          const struct probe_config *c)
{
    char memory[4096], from[MAIL_PATH_MAX], to[MAIL_PATH_MAX];
    struct strbuf message, from_text, to_text;
    struct form_name id = form_id(f);
    struct token_pair tokens = form_tokens(f);
    struct mail_probe probe = {.form_id = span_of(id.text),
                               .target = span_of(n->target),
                               .helo = span_of(n->helo),
                               .contact = c->contact,
                               .token = &tokens.recipient,
                               .attempt = 1};
    struct span rest, line;

    strbuf_init(&message, memory, sizeof(memory));
    strbuf_init(&from_text, from, sizeof(from));
    strbuf_init(&to_text, to, sizeof(to));
    form_mailbox(&from_text, c->token_place, c->sender_local, &tokens.sender, c->sender_domain);
    form_mailbox(&to_text, c->token_place, c->canary_local, &tokens.recipient, c->canary_domain);
    probe.from = strbuf_span(&from_text);
    probe.to = strbuf_span(&to_text);
    mail_write_probe(&message, &probe);
    strbuf_addf(out, "\n# the message of %s (its date is that of the run)\n", id.text);
    rest = strbuf_span(&message);
    while (rest.len > 0 && span_cut(&rest, '\n', &line)) {
        strbuf_add(out, line.len > 0 && line.ptr[line.len - 1] == '\r' ? span_to(line, line.len - 1)
                                                                       : line);
        strbuf_addc(out, '\n');
    }
}

/* One control as it is said; the one after the last form differs in its tokens only. */
static void print_control(struct strbuf *out, const struct probe_config *c,
                          const struct form_identity *who, const struct names *n, size_t canary)
{
    const struct endpoint *route = canary == 0 ? &c->control_route : &c->further_route[canary - 1];
    struct canary to = form_canary(&(struct form){.canary = (uint8_t)canary}, who);
    struct token_pair tokens;
    char id[32];
    struct strbuf id_text;

    if (!c->mailbox || route->family == 0) {
        strbuf_adds(out, "# no control message to ");
        strbuf_add(out, to.domain);
        strbuf_adds(out, !c->mailbox ? ": no mailbox was given\n"
                                     : ": no way in is known (--control-route)\n");
        if (c->mailbox && c->route_trouble[canary].len > 0) {
            strbuf_adds(out, "# ");
            strbuf_add(out, c->route_trouble[canary]);
            strbuf_addc(out, '\n');
        }
        return;
    }
    strbuf_init(&id_text, id, sizeof(id));
    strbuf_adds(&id_text, "control-before");
    if (canary > 0)
        strbuf_addf(&id_text, ".%zu", canary + 1);
    token_make(c->key, span_of(n->target), span_of(id), &tokens);
    strbuf_adds(out, "# before, and likewise after: a control message by ");
    endpoint_print(out, route);
    strbuf_addf(out, "\nEHLO %s\nMAIL FROM:<", n->helo);
    form_mailbox(out, c->token_place, c->sender_local, &tokens.sender, c->sender_domain);
    strbuf_adds(out, ">\nRCPT TO:<");
    form_mailbox(out, c->token_place, to.local, &tokens.recipient, to.domain);
    strbuf_adds(out, ">\nDATA\n# the message, and the dot\nQUIT\n");
}

bool dry_run_print(struct strbuf *out, const struct probe_config *config)
{
    struct form forms[FORMS_MAX];
    char memory[200];
    struct strbuf error;
    struct names names;
    struct form_identity who;
    size_t count = 0;
    struct forms_wanted wanted = {
        .selection = config->forms,
        .own = config->own,
        .own_count = config->own_count,
        .starttls = config->tls_mode == SESSION_TLS_AUTO && forms_names_battery(config->forms),
        .further_canaries = config->further_count,
        .further_locals = config->further_local_count};

    strbuf_init(&error, memory, sizeof(memory));
    derive(&names, config);
    who = identity(config);
    if (config->target_name.len == 0)
        forms_name_by_address(&who, names.literal, sizeof(names.literal));
    memcpy(who.further, config->further, sizeof(who.further));
    memcpy(who.further_local, config->further_local, sizeof(who.further_local));
    memset(forms, 0, sizeof(forms));
    if (!forms_make(&wanted, forms, FORMS_MAX, &count, &error))
        return false;
    forms_bind(forms, count, &who, config->key, span_of(names.target));
    strbuf_addf(out, "# %s: what would be said; nothing was sent\n", names.target);
    for (size_t i = 0; i <= config->further_count; i++)
        print_control(out, config, &who, &names, i);
    if (config->target_name.len == 0 && config->local_domain.len > 0)
        strbuf_adds(out,
                    "# the target's name becomes what it greets with, if that is under --domain\n");
    strbuf_addf(out, "\nEHLO %s\n", names.helo);
    for (size_t i = 0; i < count; i++)
        print_form(out, &forms[i], &who, names.helo);
    strbuf_adds(out, "QUIT\n");
    if (count > 0)
        print_message(out, &forms[0], &names, config);
    return !out->truncated;
}
