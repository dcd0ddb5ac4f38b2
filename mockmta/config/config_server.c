/*
 * config_server.c - the table of a server's keys
 */
#include <string.h>

#include "mockmta/config/config_tables.h"

static bool parse_persona(struct conf *c, const struct conf_node *n, void *target)
{
    struct server_source *s = target;

    s->persona = conf_scalar(c, n);
    s->persona_at = conf_position(n);
    if (s->persona == NULL) {
        return false;
    }
    if (s->persona[0] == '\0' ||
        strspn(s->persona, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(s->persona)) {
        return conf_fail(c, n, "lower-case letters, digits and hyphens: postfix-554",
                         "not a name of a persona");
    }
    return true;
}

static bool parse_trusted(struct conf *c, const struct conf_node *n, void *target)
{
    struct server_config *s = &((struct server_source *)target)->own;

    return parse_networks(c, n, &s->networks, &s->network_count);
}

static bool is_host_name(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 255 && text[0] != '.' && text[0] != '-' && text[len - 1] != '-' &&
           strstr(text, "..") == NULL &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

static bool parse_hostname(struct conf *c, const struct conf_node *n, void *target)
{
    struct server_config *s = &((struct server_source *)target)->own;

    s->hostname = conf_scalar(c, n);
    return s->hostname != NULL &&
           (is_host_name(s->hostname) ||
            conf_fail(c, n, "for instance mx.victim.test", "not a host name"));
}

/* A list of names, each without white space where `words` is wanted. */
static bool read_names(struct conf *c, const struct conf_node *n, struct conf_texts *out,
                       const char *refused, const char *what)
{
    if (!conf_read_texts(c, n, out)) {
        return false;
    }
    if (out->count > SERVER_NAMES_MAX) {
        return conf_fail(c, n, NULL, "more than %d of them", SERVER_NAMES_MAX);
    }
    for (size_t i = 0; i < out->count; i++) {
        struct conf_node_value memory;
        const char *text = out->item[i];
        if (text[0] == '\0' || strcspn(text, refused) != strlen(text)) {
            return conf_fail(c, conf_is_list(n) ? conf_item(n, i, &memory) : n,
                             "several are written as a list: [a, b]", "not %s", what);
        }
    }
    return true;
}

static bool parse_local_domains(struct conf *c, const struct conf_node *n, void *target)
{
    return read_names(c, n, &((struct server_source *)target)->own.local_domains, " ,@<>",
                      "a domain");
}

static bool parse_users(struct conf *c, const struct conf_node *n, void *target)
{
    return read_names(c, n, &((struct server_source *)target)->own.users, " ,@<>", "a local part");
}

static bool parse_extensions(struct conf *c, const struct conf_node *n, void *target)
{
    return read_names(c, n, &((struct server_source *)target)->own.extensions, "\r\n,",
                      "an EHLO keyword and its parameters");
}

/* clang-format off */
static const struct conf_name end_names[] = {
    {"lf-lf", SMTP_END_OF_DATA(LINE_END_LF, LINE_END_LF), "LF . LF"},
    {"lf-crlf", SMTP_END_OF_DATA(LINE_END_LF, LINE_END_CRLF), "LF . CRLF"},
    {"lf-cr", SMTP_END_OF_DATA(LINE_END_LF, LINE_END_CR), "LF . CR"},
    {"cr-lf", SMTP_END_OF_DATA(LINE_END_CR, LINE_END_LF), "CR . LF"},
    {"cr-crlf", SMTP_END_OF_DATA(LINE_END_CR, LINE_END_CRLF), "CR . CRLF"},
    {"cr-cr", SMTP_END_OF_DATA(LINE_END_CR, LINE_END_CR), "CR . CR"},
    {"crlf-lf", SMTP_END_OF_DATA(LINE_END_CRLF, LINE_END_LF), "CRLF . LF"},
    {"crlf-cr", SMTP_END_OF_DATA(LINE_END_CRLF, LINE_END_CR), "CRLF . CR"},
    {NULL, 0, NULL}
};
/* clang-format on */

static bool parse_ends(struct conf *c, const struct conf_node *n, void *target)
{
    struct server_config *s = &((struct server_source *)target)->own;
    size_t count = conf_is_list(n) ? conf_length(n) : 1;

    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        int end;

        if (!conf_read_enum(c, conf_is_list(n) ? conf_item(n, i, &memory) : n, end_names, &end)) {
            return false;
        }
        s->lax_ends |= (unsigned)end;
    }
    return true;
}

static bool parse_listen(struct conf *c, const struct conf_node *n, void *target)
{
    struct conf_texts *listen = &((struct server_source *)target)->own.listen;

    return read_names(c, n, listen, " ,:/", "a listener's name") &&
           (listen->count > 0 || conf_fail(c, n, "for instance [smtp]", "no listener is named"));
}

static bool parse_implicit_tls(struct conf *c, const struct conf_node *n, void *target)
{
    struct conf_texts *names = &((struct server_source *)target)->own.implicit_tls;

    return read_names(c, n, names, " ,:/", "a listener's name");
}

/* clang-format off */
static const struct conf_name tls_names[] = {
    {"none", MOCK_TLS_NONE, "no TLS"},
    {"starttls", MOCK_TLS_STARTTLS, "EHLO lists STARTTLS, which is answered with 220 and done"},
    {"implicit", MOCK_TLS_IMPLICIT, "TLS from the first byte, on every listener"},
    {NULL, 0, NULL}
};

static const struct conf_name proxy_names[] = {
    {"off", MOCK_PROXY_OFF, "it is a bad command"},
    {"optional", MOCK_PROXY_OPTIONAL, "read where it comes; without it the client is greeted"},
    {"required", MOCK_PROXY_REQUIRED, "read, and without it the connection is closed"},
    {NULL, 0, NULL}
};

static const struct conf_name proxy_versions[] = {
    {"any", 0, "both"},
    {"1", 1, "the line of text"},
    {"2", 2, "the binary one"},
    {NULL, 0, NULL}
};

static const struct conf_name certificate_names[] = {
    {"valid", CERTIFICATE_VALID, "made now for the hostname, signed by itself"},
    {"expired", CERTIFICATE_EXPIRED, "its time is over since yesterday"},
    {"not-yet", CERTIFICATE_NOT_YET, "its time begins tomorrow"},
    {"other-name", CERTIFICATE_OTHER_NAME, "made for another host"},
    {NULL, 0, NULL}
};

static const struct conf_name version_names[] = {
    {"1.0", TLS_1_0, "TLS 1.0 (where OpenSSL was built with it)"},
    {"1.1", TLS_1_1, "TLS 1.1 (where OpenSSL was built with it)"},
    {"1.2", TLS_1_2, "TLS 1.2"},
    {"1.3", TLS_1_3, "TLS 1.3"},
    {NULL, 0, NULL}
};

static const struct conf_name asks_names[] = {
    {"none", TLS_ASKS_NONE, "clients are not asked"},
    {"any", TLS_ASKS_ANY, "asked for, and taken whoever signed it; without one is fine, too"},
    {"required", TLS_ASKS_REQUIRED, "taken whoever signed it; without one there is no handshake"},
    {"trusted", TLS_ASKS_TRUSTED, "asked for, and none is trusted: the handshake fails with it"},
    {NULL, 0, NULL}
};

static const struct conf_name early_names[] = {
    {"dropped", TLS_EARLY_DROPPED, "thrown away"},
    {"answered", TLS_EARLY_HEARD, "read and answered inside TLS (CVE-2011-0411)"},
    {"taken-for-tls", TLS_EARLY_AS_TLS, "taken for the client's hello: the handshake fails"},
    {NULL, 0, NULL}
};

static const struct conf_name handshake_names[] = {
    {"normal", TLS_FAULT_NONE, "as it should be"},
    {"stall", TLS_FAULT_STALL, "the client's hello is never answered"},
    {"garbage", TLS_FAULT_GARBAGE, "the client's hello is answered in clear"},
    {"close", TLS_FAULT_CLOSE, "the connection is closed when the hello comes"},
    {"reset", TLS_FAULT_RESET, "the connection is broken off when the hello comes"},
    {NULL, 0, NULL}
};
/* clang-format on */

#define AT(member) offsetof(struct server_source, member)

/* clang-format off */
static const struct conf_field server_fields[] = {
    {.name = "persona", .type = CONF_CUSTOM, .parse = parse_persona,
     .doc = "takes over what stands in that persona's file", .example = "postfix-554"},
    {.name = "title", .type = CONF_TEXT, .offset = AT(own.title), .doc = "one line: what it is"},
    {.name = "why", .type = CONF_TEXT, .offset = AT(own.why), .doc = "what real thing it imitates"},
    {.name = "source", .type = CONF_TEXT, .offset = AT(own.source),
     .doc = "where its texts come from"},
    {.name = "hostname", .type = CONF_CUSTOM, .parse = parse_hostname,
     .doc = "the name in banner and EHLO reply", .example = "mx.victim.test"},
    {.name = "local_domains", .type = CONF_CUSTOM, .parse = parse_local_domains,
     .doc = "domains it takes mail for", .example = "[victim.test]"},
    {.name = "users", .type = CONF_CUSTOM, .parse = parse_users,
     .doc = "local parts that exist; all, when not given", .example = "[postmaster, info]"},
    {.name = "extensions", .type = CONF_CUSTOM, .parse = parse_extensions,
     .doc = "lines of the EHLO reply after the first", .example = "[PIPELINING, SIZE 10240000]"},
    {.name = "listen", .type = CONF_CUSTOM, .parse = parse_listen, .doc = "names of its listeners",
     .example = "[smtp]"},
    {.name = "networks", .type = CONF_CUSTOM, .parse = parse_trusted,
     .doc = "trusted networks, for when: {from: trusted}", .example = "[10.0.0.0/8]"},
    {.name = "message_max", .type = CONF_UINT, .offset = AT(own.message_max), .min = 1,
     .max = 1073741824, .set_offset = AT(message_max_set), .doc = "largest message, octets"},
    {.name = "errors_max", .type = CONF_UINT, .offset = AT(own.errors_max),
     .set_offset = AT(errors_max_set), .max = 1000000,
     .doc = "421 and close after so many replies 4yz or 5yz; 0: never"},
    {.name = "idle", .type = CONF_DURATION, .offset = AT(own.idle_ns), .set_offset = AT(idle_set),
     .doc = "patience between commands", .example = "5min"},
    {.name = "old_verbs", .type = CONF_BOOL, .offset = AT(own.old_verbs),
     .doc = "whether SEND, SOML and SAML (RFC 821) are known; to rules they are MAIL"},
    {.name = "end_of_data", .type = CONF_CUSTOM, .parse = parse_ends, .names = end_names,
     .doc = "what it takes for the end of data beside CRLF . CRLF, one or a list",
     .example = "[lf-lf, cr-crlf]"},
    {.name = "proxy", .type = CONF_ENUM, .names = proxy_names, .offset = AT(own.proxy),
     .doc = "whether a PROXY header (v1 or v2) is read before all else; rules see its client"},
    {.name = "proxy_version", .type = CONF_ENUM, .names = proxy_versions,
     .offset = AT(own.proxy_version), .doc = "which header is read; another is none",
     .example = "2"},
    {.name = "tls", .type = CONF_ENUM, .names = tls_names, .offset = AT(own.tls),
     .doc = "whether sessions can be encrypted, and how that begins", .example = "starttls"},
    {.name = "implicit_tls", .type = CONF_CUSTOM, .parse = parse_implicit_tls,
     .doc = "listeners that are TLS from the first byte", .example = "[smtps]"},
    {.name = "certificate", .type = CONF_ENUM, .names = certificate_names,
     .offset = AT(own.certificate), .doc = "what it shows to clients", .example = "expired"},
    {.name = "tls_max", .type = CONF_ENUM, .names = version_names, .offset = AT(own.tls_max),
     .doc = "the newest version that it speaks", .example = "1.2"},
    {.name = "handshake", .type = CONF_ENUM, .names = handshake_names, .offset = AT(own.handshake),
     .doc = "what it does instead of one", .example = "stall"},
    {.name = "client_certificate", .type = CONF_ENUM, .names = asks_names, .offset = AT(own.asks),
     .doc = "whether its handshake asks clients for one", .example = "any"},
    {.name = "early_commands", .type = CONF_ENUM, .names = early_names, .offset = AT(own.early),
     .doc = "what becomes of commands that came in clear behind STARTTLS", .example = "answered"},
    {.name = "rules", .type = CONF_STRUCTS, .sub = &rule_table, .offset = AT(own.rules),
     .count_offset = AT(own.rule_count), .max = RULES_MAX, .doc = "ordered; the first match wins"},
    {.name = "wire", .type = CONF_STRUCTS, .sub = &wire_table, .offset = AT(wires),
     .count_offset = AT(wire_count), .max = SERVER_NAMES_MAX,
     .doc = "how the bytes of replies go out"},
};

const struct conf_table server_table = {
    .name = "server", .doc = "a mock mail server", .fields = server_fields,
    .field_count = sizeof server_fields / sizeof server_fields[0],
    .size = sizeof(struct server_source),
};
/* clang-format on */
