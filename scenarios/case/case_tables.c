/*
 * case_tables.c - the keys of a case file
 *
 * Every key is one row: the loader, "did you mean", `relaylab schema` and the reference page all
 * read these rows. What a row cannot say has a small parser of its own. What a case expects is in
 * case_expect.c.
 */
#include "scenarios/case/case_names.h"
#include "scenarios/case/case_tables.h"

#include <string.h>

#include "probe/ask/plan.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define COUNTED(type, member, counter) \
    .offset = offsetof(struct type, member), .count_offset = offsetof(struct type, counter)

static const struct conf_name time_names[] = {
    {"any", TIME_ANY, "both worlds give the same verdict and the same dialogue"},
    {"virtual", TIME_VIRTUAL, "the simulator only"},
    {"real", TIME_REAL, "sockets only"},
    {NULL, 0, NULL},
};

static const struct conf_name truth_names[] = {
    {"open", TRUTH_OPEN, "the oracle's message reaches a mailbox"},
    {"closed", TRUTH_CLOSED, "it is refused, or never arrives"},
    {"undecidable", TRUTH_UNDECIDABLE, "the question gets no answer"},
    {NULL, 0, NULL},
};

static const struct conf_name connect_names[] = {
    {"ok", SIM_CONNECT_OK, "connections stand"},
    {"refuse", SIM_CONNECT_REFUSE, "connection refused; in both worlds"},
    {"silent", SIM_CONNECT_SILENT, "nothing answers"},
    {"unreachable", SIM_CONNECT_UNREACHABLE, "no route"},
    {NULL, 0, NULL},
};

static bool parse_u32(struct conf *c, const struct conf_node *n, void *target)
{
    const char *text = conf_scalar(c, n);
    uint64_t value;

    if (text == NULL)
        return false;
    if (!span_uint(span_of(text), UINT32_MAX, &value))
        return conf_fail(c, n, "write a whole number", "not a number of bytes");
    *(uint32_t *)target = (uint32_t)value;
    return true;
}

static const struct conf_field network_fields[] = {
    {.name = "connect",
     .type = CONF_ENUM,
     AT(sim_path, connect),
     .names = connect_names,
     .doc = "what happens to a connection attempt"},
    {.name = "latency", .type = CONF_DURATION, AT(sim_path, latency_ns), .doc = "one way"},
    {.name = "jitter",
     .type = CONF_DURATION,
     AT(sim_path, jitter_ns),
     .doc = "a seeded extra of up to this per segment"},
    {.name = "segment",
     .type = CONF_CUSTOM,
     AT(sim_path, segment_max),
     .parse = parse_u32,
     .doc = "most bytes in a segment",
     .example = "1"},
    {.name = "random",
     .type = CONF_BOOL,
     AT(sim_path, segment_random),
     .doc = "seeded cuts of up to `segment` bytes"},
    {.name = "window",
     .type = CONF_CUSTOM,
     AT(sim_path, window),
     .parse = parse_u32,
     .doc = "bytes under way and unread",
     .example = "4096"},
    {.name = "reset_after",
     .type = CONF_UINT,
     AT(sim_path, reset_after),
     .doc = "the connection breaks after so many bytes from the server"},
    {.name = "fin_after",
     .type = CONF_UINT,
     AT(sim_path, fin_after),
     .doc = "the server's stream ends after so many bytes"},
    {.name = "stall_after",
     .type = CONF_UINT,
     AT(sim_path, stall_after),
     .doc = "nothing more arrives after so many bytes from the server"},
};

static const struct conf_table network_table = {
    .name = "network",
    .doc = "how the network behaves towards a server (simulator; `connect: refuse` in both worlds)",
    .fields = network_fields,
    .field_count = sizeof network_fields / sizeof network_fields[0],
    .size = sizeof(struct sim_path),
};

/* none, or names of the servers and mailboxes that mail is routed to. */
static bool parse_routes(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_server *s =
        (struct case_server *)(void *)((char *)target - offsetof(struct case_server, route_names));

    if (!conf_read_texts(c, n, &s->route_names))
        return false;
    if (s->route_names.count == 1 && strcmp(s->route_names.item[0], "none") == 0) {
        s->route_names.count = 0;
        s->no_routes = true;
    }
    return true;
}

/* {NAME: text} of the files that go with an engine's configuration. */
static bool parse_files(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_server *s = (struct case_server *)(void *)((char *)target -
                                                           offsetof(struct case_server, files));

    if (!conf_is_map(n))
        return conf_fail(c, n, "write {master.cf: |...}", "files are a mapping of names to texts");
    s->files = arena_get(c->arena, conf_length(n) + 1, sizeof *s->files);
    for (size_t i = 0; s->files != NULL && i < conf_length(n); i++) {
        struct conf_node_value memory;
        struct engine_given *file = &s->files[i];
        const struct conf_node *value = conf_pair(c, n, i, &memory, &file->name);

        if (value == NULL || (file->text = conf_scalar(c, value)) == NULL)
            return false;
        if (file->name[0] == '.' || strchr(file->name, '/') != NULL || strlen(file->name) > 64)
            return conf_fail(c, value, "a file's own name, without directories",
                             "not a name for a file: %s", file->name);
    }
    s->file_count = s->files != NULL ? conf_length(n) : 0;
    return s->files != NULL || conf_fail(c, n, NULL, "the file is too large");
}

static const struct conf_field server_fields[] = {
    {.name = "address",
     .type = CONF_TEXT,
     AT(case_server, address),
     .doc = "where it listens; default 127.0.0.1, with `dns` 127.0.1.1 and so on at one port",
     .example = "\"::1\""},
    {.name = "engine",
     .type = CONF_TEXT,
     AT(case_server, engine_name),
     .doc =
         "a real mail server instead of a mock: postfix, exim, opensmtpd, sendmail; `time: real`",
     .example = "postfix"},
    {.name = "config",
     .type = CONF_TEXT,
     AT(case_server, engine_config),
     .doc = "engine: its configuration, the text of main.cf, exim.conf, smtpd.conf or sendmail.mc"},
    {.name = "files",
     .type = CONF_CUSTOM,
     AT(case_server, files),
     .parse = parse_files,
     .doc = "engine: further files of its configuration, {NAME: text}"},
    {.name = "port",
     .type = CONF_UINT,
     AT(case_server, port),
     .min = 1,
     .max = 65535,
     .doc = "engine: the port that is asked; default 25"},
    {.name = "network",
     .type = CONF_STRUCT,
     AT(case_server, network),
     .sub = &network_table,
     .doc = "how the network behaves towards this server"},
    {.name = "routes",
     .type = CONF_CUSTOM,
     AT(case_server, route_names),
     .parse = parse_routes,
     .doc =
         "mailboxes and servers that its relayed mail reaches: names, or none; all when left out"},
};

const struct conf_table case_server_own_table = {
    .name = "server",
    .doc = "a mock server of the case",
    .fields = server_fields,
    .field_count = sizeof server_fields / sizeof server_fields[0],
    .size = sizeof(struct case_server),
    .position_offset = offsetof(struct case_server, at),
};

static const struct conf_field vantage_fields[] = {
    {.name = "source",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(case_vantage, source),
     .doc = "address that is asked from",
     .example = "127.0.0.2"},
    {.name = "truth",
     .type = CONF_ENUM,
     .flags = CONF_REQUIRED,
     AT(case_vantage, truth),
     .names = truth_names,
     .doc = "what really happens to mail from there"},
};

static const struct conf_table vantage_table = {
    .name = "vantage",
    .doc = "a place that is asked from",
    .fields = vantage_fields,
    .field_count = sizeof vantage_fields / sizeof vantage_fields[0],
    .size = sizeof(struct case_vantage),
    .check = case_check_vantage,
};

static bool parse_timeouts(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_probe *p = (struct case_probe *)(void *)((char *)target -
                                                         offsetof(struct case_probe, timeout));

    if (!conf_is_map(n))
        return conf_fail(c, n, "write {rcpt: 10s}", "timeouts are a mapping of steps to durations");
    for (size_t i = 0; i < conf_length(n); i++) {
        struct conf_node_value memory;
        const char *key;
        enum smtp_step step;
        const struct conf_node *value = conf_pair(c, n, i, &memory, &key);

        if (value == NULL)
            return false;
        if (!smtp_step_parse(span_of(key), &step))
            return conf_fail(c, value,
                             "greeting, ehlo, mail, rcpt, data, block, end-of-data, quit, ...",
                             "no such step: %s", key);
        if (!conf_read_duration(c, value, &p->timeout.ns[step]))
            return false;
        p->timeout.set[step] = true;
    }
    return true;
}

/* For members that say the opposite of the key, since false is what a case leaves out. */
static bool parse_negated(struct conf *c, const struct conf_node *n, void *target)
{
    const char *text = conf_scalar(c, n);

    if (text == NULL)
        return false;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return conf_fail(c, n, "write true or false", "not a truth value");
    *(bool *)target = strcmp(text, "false") == 0;
    return true;
}

static const struct conf_name tls_names[] = {
    {"auto", CASE_TLS_AUTO, "in clear; the plain form once more behind STARTTLS"},
    {"none", CASE_TLS_NONE, "never TLS"},
    {"starttls", CASE_TLS_STARTTLS, "everything behind STARTTLS"},
    {"implicit", CASE_TLS_IMPLICIT, "TLS from the first byte"},
    {NULL, 0, NULL},
};

static const struct conf_name control_names[] = {
    {"mailbox", CASE_CONTROL_MAILBOX, "into the mailbox itself"},
    {"mx", CASE_CONTROL_MX, "by the MX of the canary's domain, which `dns` names"},
    {NULL, 0, NULL},
};

static const struct conf_field probe_fields[] = {
    {.name = "canary",
     .type = CONF_TEXT,
     AT(case_probe, canary),
     .doc = "default: probe@ the first mailbox's domain"},
    {.name = "canaries",
     .type = CONF_TEXTS,
     AT(case_probe, canaries),
     .doc = "further canaries, asked with the plain form only",
     .example = "[probe@other.test]"},
    {.name = "sender",
     .type = CONF_TEXT,
     AT(case_probe, sender),
     .doc = "default: in the canary's domain"},
    {.name = "helo", .type = CONF_TEXT, AT(case_probe, helo), .doc = "name given in EHLO"},
    {.name = "source",
     .type = CONF_TEXT,
     AT(case_probe, source),
     .doc = "address that is asked from"},
    {.name = "domain",
     .type = CONF_TEXT,
     AT(case_probe, domain),
     .doc = "a domain local to the target"},
    {.name = "forms",
     .type = CONF_TEXT,
     AT(case_probe, forms),
     .doc = "quick, first (default), standard, full, or a list of ids"},
    {.name = "zone",
     .type = CONF_TEXT,
     AT(case_probe, zone),
     .doc = "of ours, all its names lead to the mailbox"},
    {.name = "backup_domain",
     .type = CONF_TEXT,
     AT(case_probe, backup_domain),
     .doc = "of ours, with the target as a backup MX"},
    {.name = "mx_domain",
     .type = CONF_TEXT,
     AT(case_probe, mx_domain),
     .doc = "one whose MX is the target"},
    {.name = "local_recipient",
     .type = CONF_TEXT,
     AT(case_probe, local_recipient),
     .doc = "one that the target takes mail for: forms are carried in messages to it",
     .example = "info@victim.test"},
    {.name = "canary_ip",
     .type = CONF_TEXTS,
     AT(case_probe, canary_ip),
     .doc = "addresses of the mailbox's server, for literals",
     .example = "[192.0.2.25]"},
    {.name = "target",
     .type = CONF_TEXT,
     AT(case_probe, target),
     .doc = "server that is asked; default the first. With `dns` also mx:DOMAIN or a host name"},
    {.name = "server",
     .type = CONF_TEXT,
     AT(case_probe, server),
     .doc = "server that a target given by name leads to; default the first"},
    {.name = "resolver_timeout",
     .type = CONF_DURATION,
     AT(case_probe, resolver_timeout_ns),
     .doc = "patience for one answer of the resolver"},
    {.name = "listener",
     .type = CONF_TEXT,
     AT(case_probe, listener),
     .doc = "listener of the target"},
    {.name = "wait",
     .type = CONF_DURATION,
     AT(case_probe, wait_ns),
     .doc = "the window for deliveries"},
    {.name = "max_time",
     .type = CONF_DURATION,
     AT(case_probe, max_time_ns),
     .doc = "asking ends then"},
    {.name = "max_messages",
     .type = CONF_UINT,
     AT(case_probe, max_messages),
     .min = 1,
     .max = FORMS_MAX,
     .doc = "messages that the target may take; default: one for each form"},
    {.name = "retry",
     .type = CONF_DURATION,
     AT(case_probe, retry_ns),
     .doc = "first retry of what was deferred"},
    {.name = "timeout",
     .type = CONF_CUSTOM,
     AT(case_probe, timeout),
     .parse = parse_timeouts,
     .doc = "per step: {rcpt: 10s}"},
    {.name = "tls",
     .type = CONF_ENUM,
     AT(case_probe, tls),
     .names = tls_names,
     .doc = "as --tls; default auto"},
    {.name = "control",
     .type = CONF_ENUM,
     AT(case_probe, control),
     .names = control_names,
     .doc = "where control messages go in; default mailbox"},
    {.name = "mailbox",
     .type = CONF_CUSTOM,
     AT(case_probe, no_mailbox),
     .parse = parse_negated,
     .doc = "false: the probe cannot see what arrives"},
    {.name = "named",
     .type = CONF_CUSTOM,
     AT(case_probe, unnamed),
     .parse = parse_negated,
     .doc = "false: the target is given as an address"},
    {.name = "pipelining",
     .type = CONF_BOOL,
     AT(case_probe, pipelining),
     .doc =
         "several forms in one write, where the server offers it; default false, since a dialogue "
         "is easier to read one command at a time"},
    {.name = "sessions",
     .type = CONF_UINT,
     AT(case_probe, sessions),
     .min = 1,
     .max = PLAN_SESSIONS_MAX,
     .doc =
         "so many at the same time with one target; default 1. With more the worlds are not held "
         "against each other line by line"},
    {.name = "exhaustive",
     .type = CONF_BOOL,
     AT(case_probe, exhaustive),
     .doc = "wait the whole window though a delivery was seen"},
    {.name = "interrupt",
     .type = CONF_DURATION,
     AT(case_probe, interrupt_at_ns),
     .set_offset = offsetof(struct case_probe, interrupt_set),
     .doc = "Ctrl-C at this instant"},
    {.name = "collect_after",
     .type = CONF_DURATION,
     AT(case_probe, collect_after_ns),
     .doc = "what comes until then is judged by the ledger, as --collect does",
     .example = "25h"},
};

static const struct conf_table probe_table = {
    .name = "probe",
    .doc = "options of the probe, as on its command line",
    .fields = probe_fields,
    .field_count = sizeof probe_fields / sizeof probe_fields[0],
    .size = sizeof(struct case_probe),
    .check = case_check_probe,
    .position_offset = offsetof(struct case_probe, at),
};

/* The names of a row, the same in each of its list. */
static bool read_row(struct conf *c, const struct conf_node *row, struct case_matrix *m, size_t i,
                     size_t at)
{
    size_t count = conf_is_map(row) ? conf_length(row) : 0;

    if (count == 0 || count > CASE_ROW_KEYS_MAX || (at > 0 && count != m->row_count[i]))
        return conf_fail(c, row, "write {form: R6, to: x}, the same keys in each",
                         "a row of a matrix has 1 to %d keys", CASE_ROW_KEYS_MAX);
    m->row_count[i] = count;
    for (size_t k = 0; k < count; k++) {
        struct conf_node_value memory;
        const char *key;
        const struct conf_node *value = conf_pair(c, row, k, &memory, &key);
        const char *text = value != NULL ? conf_scalar(c, value) : NULL;

        if (text == NULL)
            return false;
        if (at > 0 && strcmp(key, m->row_key[i][k]) != 0)
            return conf_fail(c, value, "write the keys of the first row, in its order",
                             "another key: %s", key);
        m->row_key[i][k] = key;
        m->row_value[i][at * CASE_ROW_KEYS_MAX + k] = text;
    }
    return true;
}

static bool read_rows(struct conf *c, const struct conf_node *n, struct case_matrix *m, size_t i)
{
    size_t count = conf_length(n);

    m->values[i] = (struct conf_texts){arena_get(c->arena, count, sizeof(char *)), count};
    m->row_value[i] = arena_get(c->arena, count * CASE_ROW_KEYS_MAX, sizeof(char *));
    if (m->values[i].item == NULL || m->row_value[i] == NULL)
        return conf_fail(c, n, NULL, "the file is too large");
    for (size_t at = 0; at < count; at++) {
        struct conf_node_value memory;

        if (!read_row(c, conf_item(n, at, &memory), m, i, at))
            return false;
        m->values[i].item[at] = m->row_value[i][at * CASE_ROW_KEYS_MAX];
    }
    return true;
}

static bool read_values(struct conf *c, const struct conf_node *n, struct case_matrix *m, size_t i)
{
    struct conf_node_value memory;

    m->row_count[i] = 0;
    if (conf_is_list(n) && conf_length(n) > 0 && conf_is_map(conf_item(n, 0, &memory)))
        return read_rows(c, n, m, i);
    return conf_read_texts(c, n, &m->values[i]);
}

bool case_parse_matrix(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_matrix *m = target;
    size_t product = 1;

    if (!conf_is_map(n) || conf_length(n) > CASE_MATRIX_KEYS_MAX)
        return conf_fail(c, n, "write {delay: [299s, 301s]}",
                         "a matrix is a mapping of up to %d keys to lists", CASE_MATRIX_KEYS_MAX);
    for (m->count = 0; m->count < conf_length(n); m->count++) {
        struct conf_node_value memory;
        const struct conf_node *value = conf_pair(c, n, m->count, &memory, &m->key[m->count]);

        if (value == NULL || !read_values(c, value, m, m->count))
            return false;
        product *= m->values[m->count].count;
        if (product == 0 || product > CASE_MATRIX_MAX)
            return conf_fail(c, value, NULL, "a matrix has 1 to %d combinations", CASE_MATRIX_MAX);
    }
    return true;
}

const struct conf_field case_fields[] = {
    {.name = "case",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(case_file, name),
     .doc = "its name: letters, digits and -"},
    {.name = "title",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(case_file, title),
     .doc = "one line"},
    {.name = "why",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(case_file, why),
     .doc = "what it shows; printed when it fails"},
    {.name = "tags", .type = CONF_TEXTS, AT(case_file, tags), .doc = "for --tag"},
    {.name = "rfc", .type = CONF_TEXTS, AT(case_file, rfc), .doc = "sections that it rests on"},
    {.name = "caveat",
     .type = CONF_TEXTS,
     AT(case_file, caveat),
     .doc = "how detectors are fooled here: A7, C9"},
    {.name = "time",
     .type = CONF_ENUM,
     AT(case_file, time),
     .names = time_names,
     .doc = "worlds that it runs in"},
    {.name = "truth",
     .type = CONF_ENUM,
     AT(case_file, truth),
     .names = truth_names,
     .doc = "what really happens to mail; verified by the runner's oracle message"},
    {.name = "matrix",
     .type = CONF_CUSTOM,
     AT(case_file, matrix),
     .parse = case_parse_matrix,
     .doc = "the case runs once per combination; ${key} stands for the value; a list of mappings "
            "gives several names at once",
     .example = "{delay: [299s, 301s]}"},
    {.name = "probe",
     .type = CONF_STRUCT,
     AT(case_file, probe),
     .sub = &probe_table,
     .doc = "options of the probe"},
    {.name = "servers",
     .type = CONF_MAP,
     .flags = CONF_REQUIRED,
     COUNTED(case_file, servers, server_count),
     .max = CASE_SERVERS_MAX,
     .sub = NULL,
     .doc = "mock servers by name; the first is the target"},
    {.name = "mailboxes",
     .type = CONF_MAP,
     COUNTED(case_file, mailboxes, mailbox_count),
     .max = CASE_MAILBOXES_MAX,
     .sub = &case_mailbox_table,
     .doc = "mailboxes of ours; default: canary for canary.test"},
    {.name = "dns",
     .type = CONF_MAP,
     COUNTED(case_file, names, name_count),
     .max = CASE_NAMES_MAX,
     .sub = &case_name_table,
     .doc = "what a mock DNS server says about names; the probe's resolver"},
    {.name = "vantages",
     .type = CONF_MAP,
     COUNTED(case_file, vantages, vantage_count),
     .max = CASE_VANTAGES_MAX,
     .sub = &vantage_table,
     .doc = "the case runs once from each; `if: {vantage: NAME}`"},
    {.name = "dialogue",
     .type = CONF_CUSTOM,
     AT(case_file, dialogue),
     .parse = case_parse_dialogue,
     .doc = "what must be said in this order; one or a list"},
    {.name = "expect",
     .type = CONF_CUSTOM,
     .flags = CONF_REQUIRED,
     AT(case_file, expect),
     .parse = case_parse_expect,
     .doc = "what must come out; one or a list"},
    {.name = "fails_with",
     .type = CONF_TEXT,
     AT(case_file, fails_with),
     .doc = "the case passes when it fails with this text (tests of the runner itself)"},
};

const size_t case_field_count = sizeof case_fields / sizeof case_fields[0];
