/*
 * One paragraph a rule: when it fires, what it says, what then. Words are put together from parts;
 * a part that a rule does not use says nothing.
 */
#include "mockmta/config/explain.h"

static void add_list(struct strbuf *out, const struct conf_texts *list)
{
    for (size_t i = 0; i < list->count; i++) {
        strbuf_adds(out, i == 0 ? "" : i + 1 == list->count ? " or " : ", ");
        strbuf_adds(out, list->item[i][0] == '\0' ? "<>" : list->item[i]);
    }
}

static void add_events(struct strbuf *out, unsigned at)
{
    unsigned all = (1U << AT_COUNT) - 1;
    const char *separator = "";
    if ((at & all) == all) {
        strbuf_adds(out, "anything");
        return;
    }
    for (unsigned i = 0; i < AT_COUNT; i++) {
        if ((at & 1U << i) != 0) {
            strbuf_adds(out, separator);
            strbuf_adds(out, smtp_event_name((enum smtp_event)i));
            separator = ", ";
        }
    }
}

static void add_domain(struct strbuf *out, const char *whose, enum match_domain wanted,
                       const struct conf_texts *globs)
{
    switch (wanted) {
    case DOMAIN_ANY:
        break;
    case DOMAIN_LOCAL:
        strbuf_addf(out, ", if the %s is local", whose);
        break;
    case DOMAIN_NOT_LOCAL:
        strbuf_addf(out, ", if the %s is not local", whose);
        break;
    case DOMAIN_NONE:
        strbuf_addf(out, ", if the %s has no domain", whose);
        break;
    case DOMAIN_GLOB:
        strbuf_addf(out, ", if the %s's domain is like ", whose);
        add_list(out, globs);
        break;
    }
}

static void add_globs(struct strbuf *out, const char *what, const struct conf_texts *globs)
{
    if (globs->count > 0) {
        strbuf_addf(out, ", if %s is like ", what);
        add_list(out, globs);
    }
}

static void add_tri(struct strbuf *out, enum tri wanted, const char *yes, const char *no)
{
    if (wanted != TRI_ANY) {
        strbuf_addf(out, ", if %s", wanted == TRI_YES ? yes : no);
    }
}

static void add_networks(struct strbuf *out, const struct rule_when *w)
{
    for (size_t i = 0; i < w->from_count; i++) {
        strbuf_adds(out, i == 0 ? ", if the client is in " : " or ");
        endpoint_print_address(out, &w->from[i].base);
        strbuf_addf(out, "/%u", (unsigned)w->from[i].prefix_bits);
    }
}

static void add_shapes(struct strbuf *out, unsigned shapes)
{
    const char *separator = ", if the recipient is written as ";
    for (unsigned i = 0; i <= SHAPE_PLAIN; i++) {
        if ((shapes & 1U << i) != 0) {
            strbuf_adds(out, separator);
            strbuf_adds(out, address_shape_name((enum address_shape)i));
            separator = " or ";
        }
    }
}

static void add_history(struct strbuf *out, const struct rule_when *w)
{
    if (w->seen_after_ns > 0) {
        strbuf_adds(out, ", if client, sender and recipient were seen before, ");
        clock_print(out, w->seen_after_ns);
        strbuf_adds(out, " ago or longer");
    } else {
        add_tri(out, w->seen, "client, sender and recipient were seen before",
                "client, sender and recipient are new");
    }
    if (w->after_set) {
        strbuf_addf(out, ", after %s was answered", smtp_event_name(w->after_event));
        if (w->after_code != 0) {
            strbuf_addf(out, " with %d%s", w->after_code, w->after_code < 10 ? "xx" : "");
        }
    }
    if (w->errors_min > 0) {
        strbuf_addf(out, ", after %llu refusals", (unsigned long long)w->errors_min);
    }
}

static void add_when(struct strbuf *out, const struct rule_when *w)
{
    add_networks(out, w);
    add_tri(out, w->trusted, "the client is in a trusted network",
            "the client is in no trusted network");
    add_domain(out, "recipient", w->to_domain, &w->to_domain_glob);
    add_domain(out, "sender", w->sender_domain, &w->sender_domain_glob);
    add_globs(out, "the recipient", &w->to);
    add_globs(out, "the sender", &w->sender);
    add_shapes(out, w->to_shapes);
    add_tri(out, w->brackets, "the path stands in brackets", "the path stands without brackets");
    add_tri(out, w->unwrapped_local, "the unwrapped recipient is local",
            "the unwrapped recipient is not local");
    add_tri(out, w->space, "white space stands before the path",
            "no white space stands before the path");
    add_tri(out, w->capitals, "the domain has capitals", "the domain has no capitals");
    add_globs(out, "MAIL's parameters", &w->mail_params);
    add_globs(out, "the verb", &w->verb);
    if (w->taken_set) {
        strbuf_addf(out, ", with %llu to %llu recipients before", (unsigned long long)w->taken.min,
                    (unsigned long long)w->taken.max);
    }
    add_globs(out, "the HELO name", &w->helo);
    add_tri(out, w->esmtp, "EHLO was said", "EHLO was not said");
    add_tri(out, w->tls, "the session is encrypted", "the session is not encrypted");
    add_tri(out, w->certificate, "the client showed a certificate",
            "the client showed no certificate");
    add_tri(out, w->auth, "the client is authenticated", "the client is not authenticated");
    add_globs(out, "the listener", &w->listener);
    add_globs(out, "a line of the message", &w->header);
    if (w->arg_glob != NULL) {
        strbuf_addf(out, ", if the argument is like %s", w->arg_glob);
    }
    add_history(out, w);
}

static void add_nth(struct strbuf *out, const struct rule_nth *n)
{
    static const char *const words[] = {[NTH_COMMAND] = "of its kind in the session",
                                        [NTH_TRANSACTION] = "transaction of the session",
                                        [NTH_CONNECTION] = "connection",
                                        [NTH_SERVER] = "of its kind on the server",
                                        [NTH_MESSAGE] = "message"};
    if (!n->set) {
        return;
    }
    strbuf_addf(out, ", only number %llu", (unsigned long long)n->min);
    if (n->max == UINT64_MAX) {
        strbuf_adds(out, " and later");
    } else if (n->max != n->min) {
        strbuf_addf(out, " to %llu", (unsigned long long)n->max);
    }
    strbuf_addf(out, " (%s)", words[n->of]);
}

static void add_reply(struct strbuf *out, const struct rule *r)
{
    const struct rule_reply *reply = &r->reply;
    if (r->ignore) {
        strbuf_adds(out, "; no reply");
    } else if (reply->set && reply->raw != NULL) {
        strbuf_adds(out, "; sends \"");
        strbuf_add_visible(out, span_to((struct span){reply->raw, reply->raw_len}, 200));
        strbuf_adds(out, reply->raw_len > 200 ? "...\"" : "\"");
    } else if (reply->set) {
        strbuf_addf(out, "; replies %d%s%s", reply->code, reply->enhanced == NULL ? "" : " ",
                    reply->enhanced == NULL ? "" : reply->enhanced);
        for (size_t i = 0; i < reply->line_count; i++) {
            strbuf_adds(out, i == 0 ? " " : " / ");
            strbuf_adds(out, reply->lines[i]);
        }
    }
    if (reply->repeat > 1) {
        strbuf_addf(out, " (the first line %lu times)", (unsigned long)reply->repeat);
    }
}

static void add_then(struct strbuf *out, const struct rule *r)
{
    static const char *const words[] = {
        [THEN_GO_ON] = "",
        [THEN_CLOSE] = "; then closes",
        [THEN_RESET] = "; then resets the connection",
        [THEN_HALF_CLOSE] = "; then closes its half and reads on",
        [THEN_STALL] = "; then never says anything again",
        [THEN_DEAF] = "; then stops reading too"};
    strbuf_adds(out, r->then_421 ? "; then says 421 and closes" : words[r->then]);
    if (r->delay_ns > 0) {
        strbuf_adds(out, "; waits ");
        clock_print(out, r->delay_ns);
        strbuf_adds(out, " before it answers");
    }
    strbuf_adds(out, r->wire_set ? "; its bytes go out in an unusual shape" : "");
}

static const char *const alter_words[] = {
    [ALTER_NONE] = "",
    [ALTER_STRIP_HEADERS] = ", without X- fields and Message-ID",
    [ALTER_AUTOREPLY] = ", no: an automatic answer goes to its sender",
    [ALTER_TRUNCATE] = ", with two lines of its body only",
    [ALTER_ATTACH] = ", as an attachment of another message",
    [ALTER_QUOTED_PRINTABLE] = ", its body in quoted-printable",
    [ALTER_BASE64] = ", its body in base64",
};

static void add_fate(struct strbuf *out, const struct rule *r)
{
    static const char *const words[] = {
        [FATE_NONE] = "",
        [FATE_RELAY] = "; the message is relayed",
        [FATE_KEEP] = "; the message is kept",
        [FATE_DISCARD] = "; the message is discarded",
        [FATE_BOUNCE] = "; the message is bounced to its sender",
        [FATE_HOLD] = "; the message is held"};
    const struct rule_fate *f = &r->fate;
    strbuf_adds(out, words[f->kind]);
    if (f->after_ns > 0) {
        strbuf_adds(out, " after ");
        clock_print(out, f->after_ns);
    }
    if (f->copies > 1) {
        strbuf_addf(out, ", %u times", f->copies);
    }
    strbuf_adds(out, f->only == ONLY_FIRST ? ", but only the first one" : "");
    strbuf_adds(out, alter_words[f->alter]);
    strbuf_adds(out, r->rewrite == REWRITE_UNWRAP ? "; routing tricks in the recipient are honoured"
                     : r->rewrite == REWRITE_DECODE ? "; what the recipient encodes is decoded"
                                                    : "");
}

static void add_rule(struct strbuf *out, const struct rule *r, size_t number)
{
    strbuf_addf(out, "  %zu. At ", number);
    add_events(out, r->at);
    add_when(out, &r->when);
    add_nth(out, &r->nth);
    if (r->times > 0) {
        strbuf_addf(out, ", at most %llu times", (unsigned long long)r->times);
    }
    strbuf_adds(out, r->callout ? ", if a callout to the sender is refused" : "");
    add_reply(out, r);
    add_then(out, r);
    add_fate(out, r);
    if (r->log != NULL) {
        strbuf_addf(out, "; logs \"%s\"", r->log);
    }
    strbuf_adds(out, r->go_on ? "; later rules decide the rest.\n" : ".\n");
}

static void add_line(struct strbuf *out, const char *word, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        strbuf_addf(out, "%s: %s\n", word, text);
    }
}

void explain_server(struct strbuf *out, const struct server_config *config)
{
    strbuf_addf(out, "%s", config->name == NULL ? "mockmta" : config->name);
    strbuf_addf(out, "%s%s\n", config->title == NULL ? "" : " - ",
                config->title == NULL ? "" : config->title);
    add_line(out, "why", config->why);
    add_line(out, "source", config->source);
    add_line(out, "hostname", config->hostname);
    strbuf_adds(out, "local domains: ");
    add_list(out, &config->local_domains);
    if (config->users.count > 0) {
        strbuf_adds(out, "\nusers: ");
        add_list(out, &config->users);
    }
    strbuf_addf(out, "\nlimits: messages of %llu octets; silence of ",
                (unsigned long long)config->message_max);
    clock_print(out, config->idle_ns);
    if (config->errors_max > 0) {
        strbuf_addf(out, "; 421 after %llu refusals", (unsigned long long)config->errors_max);
    }
    strbuf_adds(out, "\nrules, first match wins:\n");
    for (size_t i = 0; i < config->rule_count; i++) {
        add_rule(out, &config->rules[i], i + 1);
    }
    strbuf_addf(out,
                "  %zu. Anything else: as a closed server; local recipients are kept, "
                "others denied (554 5.7.1).\n",
                config->rule_count + 1);
}
