/*
 * config_when.c - the conditions of a rule: `when:`
 */
#include <string.h>

#include "mockmta/config/config_tables.h"

static const struct conf_name tri_names[] = {
    {"true", TRI_YES, "must hold"}, {"false", TRI_NO, "must not hold"}, {NULL, 0, NULL}};

static const struct conf_name unwrapped_names[] = {
    {"local", TRI_YES, "behind the routing trick stands a local domain"},
    {"not-local", TRI_NO, "behind it stands a foreign domain"},
    {NULL, 0, NULL}};

static const struct conf_name domain_names[] = {
    {"any", DOMAIN_ANY, "whatever it is"},
    {"local", DOMAIN_LOCAL, "one of local_domains"},
    {"not-local", DOMAIN_NOT_LOCAL, "a domain, and none of local_domains"},
    {"none", DOMAIN_NONE, "no domain at all"},
    {NULL, 0, NULL}};

static const struct conf_name shape_names[] = {
    {"null", SHAPE_NULL, "<>"},
    {"source-route", SHAPE_SOURCE_ROUTE, "<@hop:x@d>"},
    {"quoted-at", SHAPE_QUOTED_AT, "<\"x@X\"@T>"},
    {"quoted-percent", SHAPE_QUOTED_PERCENT, "<\"x%X\">"},
    {"double-at", SHAPE_DOUBLE_AT, "<x@X@T>"},
    {"percent", SHAPE_PERCENT, "<x%X@T>"},
    {"bang", SHAPE_BANG, "<X!x@T>"},
    {"no-domain", SHAPE_NO_DOMAIN, "<user>"},
    {"plain", SHAPE_PLAIN, "<user@domain>"},
    {NULL, 0, NULL}};

static bool parse_tri(struct conf *c, const struct conf_node *n, void *target)
{
    int value = TRI_ANY;
    bool ok = conf_read_enum(c, n, tri_names, &value);

    *(enum tri *)target = (enum tri)value;
    return ok;
}

static bool parse_unwrapped(struct conf *c, const struct conf_node *n, void *target)
{
    int value = TRI_ANY;
    bool ok = conf_read_enum(c, n, unwrapped_names, &value);

    *(enum tri *)target = (enum tri)value;
    return ok;
}

static const struct conf_name *find_name(const struct conf_name *names, const char *word)
{
    for (; names->name != NULL; names++) {
        if (strcmp(names->name, word) == 0) {
            return names;
        }
    }
    return NULL;
}

/* One of domain_names alone, or globs. */
static bool parse_domain(struct conf *c, const struct conf_node *n, enum match_domain *kind,
                         struct conf_texts *globs)
{
    if (!conf_read_texts(c, n, globs)) {
        return false;
    }
    *kind = DOMAIN_GLOB;
    for (size_t i = 0; i < globs->count; i++) {
        const char *word = globs->item[i];
        const struct conf_name *name = find_name(domain_names, word);
        if (name != NULL && globs->count > 1) {
            return conf_fail(c, n, "write it alone, not in a list",
                             "\"%s\" cannot be one of several", word);
        }
        if (name != NULL) {
            *kind = (enum match_domain)name->value;
            globs->count = 0;
            return true;
        }
        if (strcspn(word, " @<>") != strlen(word)) {
            return conf_fail(c, n, "write a domain, *.example.test, local, not-local or none",
                             "not a domain");
        }
        if (strpbrk(word, ".*?[:") == NULL) {
            return conf_fail(c, n, "write a domain, *.example.test, local, not-local or none",
                             "\"%.64s\" is a domain without a dot", word);
        }
    }
    return true;
}

static bool parse_to_domain(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_when *w = target;

    return parse_domain(c, n, &w->to_domain, &w->to_domain_glob);
}

static bool parse_sender_domain(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_when *w = target;

    return parse_domain(c, n, &w->sender_domain, &w->sender_domain_glob);
}

bool parse_networks(struct conf *c, const struct conf_node *n, struct network **out, size_t *count)
{
    struct conf_texts texts;

    if (!conf_read_texts(c, n, &texts)) {
        return false;
    }
    *count = texts.count;
    *out = arena_get(c->arena, texts.count + 1, sizeof **out);
    if (*out == NULL) {
        return conf_fail(c, n, NULL, "the file is too large");
    }
    for (size_t i = 0; i < texts.count; i++) {
        struct conf_node_value memory;
        const struct conf_node *item = conf_is_list(n) ? conf_item(n, i, &memory) : n;
        if (!network_parse(span_of(texts.item[i]), &(*out)[i])) {
            return conf_fail(c, item, "write 192.0.2.0/24, 2001:db8::/32 or one address",
                             "not a network");
        }
    }
    return true;
}

static bool parse_from(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_when *w = target;
    const char *text = conf_is_scalar(n) ? conf_scalar(c, n) : "";

    if (text == NULL) {
        return false;
    }
    if (strcmp(text, "trusted") == 0 || strcmp(text, "not-trusted") == 0) {
        w->trusted = text[0] == 't' ? TRI_YES : TRI_NO;
        return true;
    }
    return parse_networks(c, n, &w->from, &w->from_count);
}

static bool parse_shape(struct conf *c, const struct conf_node *n, void *target)
{
    unsigned *bits = target;
    size_t count = conf_is_list(n) ? conf_length(n) : 1;

    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        int value = 0;
        if (!conf_read_enum(c, conf_is_list(n) ? conf_item(n, i, &memory) : n, shape_names,
                            &value)) {
            return false;
        }
        *bits |= 1U << (unsigned)value;
    }
    return true;
}

static bool parse_seen_after(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_when *w = target;

    if (w->seen == TRI_ANY) {
        w->seen = TRI_YES;
    }
    return conf_read_duration(c, n, &w->seen_after_ns);
}

struct after_keys {
    int at;
    uint64_t replied;
    uint64_t times;
};

/* clang-format off */
static const struct conf_field after_fields[] = {
    {.name = "at", .type = CONF_ENUM, .flags = CONF_REQUIRED, .names = event_names,
     .offset = offsetof(struct after_keys, at), .doc = "the earlier command", .example = "RCPT"},
    {.name = "replied", .type = CONF_UINT,
     .offset = offsetof(struct after_keys, replied), .max = 599,
     .doc = "what it got: a code, or 2, 4 or 5 for the class", .example = "550"},
    {.name = "times", .type = CONF_UINT,
     .offset = offsetof(struct after_keys, times), .min = 1, .max = 65535,
     .doc = "how often it was said, or more; this one counts too", .example = "2"},
};

static const struct conf_table after_table = {
    .name = "condition on an earlier command", .doc = "an earlier command of this session",
    .fields = after_fields, .field_count = 3, .size = sizeof(struct after_keys),
};
/* clang-format on */

static bool parse_after(struct conf *c, const struct conf_node *n, void *target)
{
    struct rule_when *w = target;
    struct after_keys k;

    if (!conf_read_struct(c, n, &after_table, &k)) {
        return false;
    }
    if (k.at < 0) {
        return conf_fail(c, n, "name one: after: {at: RCPT}", "\"any\" is not one command");
    }
    if (k.replied != 0 && (k.replied < 2 || (k.replied > 5 && k.replied < 200))) {
        return conf_fail(c, n, "write a code from 200 to 599, or a class from 2 to 5",
                         "no such reply code");
    }
    w->after_event = (enum smtp_event)k.at;
    w->after_code = (int)k.replied;
    w->after_times = (unsigned)k.times;
    w->after_set = true;
    return true;
}

#define AT(member) offsetof(struct rule_when, member)
/* clang-format off */
#define TRI(key, member, text) \
    {.name = key, .type = CONF_CUSTOM, .parse = parse_tri, .offset = AT(member), \
     .names = tri_names, .doc = text}
#define GLOBS(key, member, text) \
    {.name = key, .type = CONF_TEXTS, .offset = AT(member), .doc = text}

static const struct conf_field when_fields[] = {
    {.name = "from", .type = CONF_CUSTOM, .parse = parse_from,
     .doc = "the client's network: CIDR or a list, trusted (the server's networks), not-trusted"},
    {.name = "to_domain", .type = CONF_CUSTOM, .parse = parse_to_domain,
     .doc = "the recipient's domain: local, not-local, none, or globs"},
    {.name = "sender_domain", .type = CONF_CUSTOM, .parse = parse_sender_domain,
     .doc = "the reverse-path's domain: local, not-local, none, or globs"},
    GLOBS("to", to, "globs over the recipient's path without brackets"),
    GLOBS("sender", sender, "globs over the reverse-path; \"\" is the null reverse-path"),
    {.name = "shape", .type = CONF_CUSTOM, .parse = parse_shape, .offset = AT(to_shapes),
     .names = shape_names, .doc = "shape of the path, one or a list"},
    {.name = "mail_params", .type = CONF_TEXTS, .offset = AT(mail_params),
     .set_offset = AT(mail_params_set),
     .doc = "globs over the parameters of MAIL; \"\" is none", .example = "AUTH=*"},
    GLOBS("verb", verb, "globs over the verb that begins the transaction: MAIL, SEND, SOML, SAML"),
    {.name = "taken", .type = CONF_RANGE, .offset = AT(taken), .set_offset = AT(taken_set),
     .doc = "recipients that the transaction has already", .example = "1.."},
    TRI("space", space, "whether white space stands before the path"),
    TRI("capitals", capitals, "whether the path's domain has a capital letter"),
    TRI("brackets", brackets, "whether the path stood in < >"),
    {.name = "unwrapped", .type = CONF_CUSTOM, .parse = parse_unwrapped,
     .offset = AT(unwrapped_local),
     .names = unwrapped_names, .doc = "where a routing trick (percent, bang, route) leads"},
    GLOBS("helo", helo, "globs over the name given in HELO or EHLO"),
    TRI("proper", proper, "whether the command is known, well formed and in sequence"),
    TRI("esmtp", esmtp, "whether EHLO was said, not HELO"),
    TRI("tls", tls, "whether the session is encrypted"),
    TRI("client_certificate", certificate, "whether the client showed a certificate in TLS"),
    TRI("auth", auth, "whether AUTH succeeded"),
    GLOBS("listener", listener, "names of `listen`"),
    GLOBS("content", header, "globs over whole lines of the message, at end-of-data"),
    TRI("seen", seen, "whether the triplet (client, sender, recipient) was seen before"),
    {.name = "seen_after", .type = CONF_CUSTOM, .parse = parse_seen_after,
     .doc = "the triplet was first seen so long ago or longer", .example = "5min"},
    {.name = "arg", .type = CONF_TEXT, .offset = AT(arg_glob), .doc = "glob over the argument"},
    {.name = "after", .type = CONF_CUSTOM, .parse = parse_after, .sub = &after_table,
     .doc = "an earlier command of this session, and its reply"},
    {.name = "errors", .type = CONF_UINT, .offset = AT(errors_min), .min = 1, .max = 1000000,
     .doc = "so many replies 4yz and 5yz were given in this session, or more"},
};

const struct conf_table when_table = {
    .name = "condition", .doc = "every condition given must hold", .fields = when_fields,
    .field_count = sizeof when_fields / sizeof when_fields[0], .size = sizeof(struct rule_when),
};
/* clang-format on */
