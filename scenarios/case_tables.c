/*
 * case_tables.c - the keys of a case file
 *
 * Every key is one row: the loader, "did you mean", `relaylab schema` and the reference page all read these rows. What a
 * row cannot say (a mapping of names to counts, one thing or a list of them) has a small parser of its own below.
 */
#include "scenarios/case_tables.h"

#include <string.h>

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

static const struct conf_name verdict_names[] = {
    {"open", VERDICT_OPEN, "a delivery was seen"},
    {"bounces", VERDICT_BOUNCES, "accepted, then returned"},
    {"discards", VERDICT_DISCARDS, "accepted, and nothing came"},
    {"accepts", VERDICT_ACCEPTS, "accepted, fate unknown"},
    {"inconclusive", VERDICT_INCONCLUSIVE, "the question was not settled"},
    {"closed", VERDICT_CLOSED, "refused from this vantage"},
    {"unreachable", VERDICT_UNREACHABLE, "no SMTP greeting came"},
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
    {.name = "connect", .type = CONF_ENUM, AT(sim_path, connect), .names = connect_names,
     .doc = "what happens to a connection attempt"},
    {.name = "latency", .type = CONF_DURATION, AT(sim_path, latency_ns), .doc = "one way"},
    {.name = "jitter", .type = CONF_DURATION, AT(sim_path, jitter_ns),
     .doc = "a seeded extra of up to this per segment"},
    {.name = "segment", .type = CONF_CUSTOM, AT(sim_path, segment_max), .parse = parse_u32,
     .doc = "most bytes in a segment", .example = "1"},
    {.name = "random", .type = CONF_BOOL, AT(sim_path, segment_random), .doc = "seeded cuts of up to `segment` bytes"},
    {.name = "window", .type = CONF_CUSTOM, AT(sim_path, window), .parse = parse_u32,
     .doc = "bytes under way and unread", .example = "4096"},
    {.name = "reset_after", .type = CONF_UINT, AT(sim_path, reset_after),
     .doc = "the connection breaks after so many bytes from the server"},
    {.name = "fin_after", .type = CONF_UINT, AT(sim_path, fin_after),
     .doc = "the server's stream ends after so many bytes"},
    {.name = "stall_after", .type = CONF_UINT, AT(sim_path, stall_after),
     .doc = "nothing more arrives after so many bytes from the server"},
};

static const struct conf_table network_table = {
    .name = "network", .doc = "how the network behaves towards a server (simulator; `connect: refuse` in both worlds)",
    .fields = network_fields, .field_count = sizeof network_fields / sizeof network_fields[0],
    .size = sizeof(struct sim_path),
};

/* none, or names of the servers and mailboxes that mail is routed to. */
static bool parse_routes(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_server *s = (struct case_server *)(void *)((char *)target - offsetof(struct case_server, route_names));

    if (!conf_read_texts(c, n, &s->route_names))
        return false;
    if (s->route_names.count == 1 && strcmp(s->route_names.item[0], "none") == 0) {
        s->route_names.count = 0;
        s->no_routes = true;
    }
    return true;
}

static const struct conf_field server_fields[] = {
    {.name = "network", .type = CONF_STRUCT, AT(case_server, network), .sub = &network_table,
     .doc = "how the network behaves towards this server"},
    {.name = "routes", .type = CONF_CUSTOM, AT(case_server, route_names), .parse = parse_routes,
     .doc = "mailboxes and servers that its relayed mail reaches: names, or none; all when left out"},
};

const struct conf_table case_server_own_table = {
    .name = "server", .doc = "a mock server of the case", .fields = server_fields,
    .field_count = sizeof server_fields / sizeof server_fields[0], .size = sizeof(struct case_server),
    .position_offset = offsetof(struct case_server, at),
};

static const struct conf_field mailbox_fields[] = {
    {.name = "domains", .type = CONF_TEXTS, .flags = CONF_REQUIRED, AT(case_mailbox, domains),
     .doc = "domains whose mail comes here", .example = "[canary.test]"},
    {.name = "front", .type = CONF_STRUCT, AT(case_mailbox, front), .set_offset = offsetof(struct case_mailbox, has_front),
     .sub = &server_table, .doc = "a mock server as the mailbox's own MX, for a canary side that misbehaves"},
};

static const struct conf_table mailbox_table = {
    .name = "mailbox", .doc = "a mailbox of ours", .fields = mailbox_fields,
    .field_count = sizeof mailbox_fields / sizeof mailbox_fields[0], .size = sizeof(struct case_mailbox),
};

static const struct conf_field vantage_fields[] = {
    {.name = "source", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(case_vantage, source),
     .doc = "address that is asked from", .example = "127.0.0.2"},
    {.name = "truth", .type = CONF_ENUM, .flags = CONF_REQUIRED, AT(case_vantage, truth), .names = truth_names,
     .doc = "what really happens to mail from there"},
};

static const struct conf_table vantage_table = {
    .name = "vantage", .doc = "a place that is asked from", .fields = vantage_fields,
    .field_count = sizeof vantage_fields / sizeof vantage_fields[0], .size = sizeof(struct case_vantage),
};

static bool parse_timeouts(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_probe *p = (struct case_probe *)(void *)((char *)target - offsetof(struct case_probe, timeout));

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
            return conf_fail(c, value, "greeting, ehlo, mail, rcpt, data, block, end-of-data, quit, ...",
                             "no such step: %s", key);
        if (!conf_read_duration(c, value, &p->timeout.ns[step]))
            return false;
        p->timeout.set[step] = true;
    }
    return true;
}

static bool parse_mailbox_flag(struct conf *c, const struct conf_node *n, void *target)
{
    const char *text = conf_scalar(c, n);

    if (text == NULL)
        return false;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return conf_fail(c, n, "write true or false", "not a truth value");
    *(bool *)target = strcmp(text, "false") == 0;
    return true;
}

static const struct conf_field probe_fields[] = {
    {.name = "canary", .type = CONF_TEXT, AT(case_probe, canary), .doc = "default: probe@ the first mailbox's domain"},
    {.name = "sender", .type = CONF_TEXT, AT(case_probe, sender), .doc = "default: in the canary's domain"},
    {.name = "helo", .type = CONF_TEXT, AT(case_probe, helo), .doc = "name given in EHLO"},
    {.name = "source", .type = CONF_TEXT, AT(case_probe, source), .doc = "address that is asked from"},
    {.name = "domain", .type = CONF_TEXT, AT(case_probe, domain), .doc = "a domain local to the target"},
    {.name = "forms", .type = CONF_TEXT, AT(case_probe, forms), .doc = "quick, standard, full, or a list of ids"},
    {.name = "target", .type = CONF_TEXT, AT(case_probe, target), .doc = "server that is asked; default the first"},
    {.name = "listener", .type = CONF_TEXT, AT(case_probe, listener), .doc = "listener of the target"},
    {.name = "wait", .type = CONF_DURATION, AT(case_probe, wait_ns), .doc = "the window for deliveries"},
    {.name = "max_time", .type = CONF_DURATION, AT(case_probe, max_time_ns), .doc = "asking ends then"},
    {.name = "retry", .type = CONF_DURATION, AT(case_probe, retry_ns), .doc = "first retry of what was deferred"},
    {.name = "timeout", .type = CONF_CUSTOM, AT(case_probe, timeout), .parse = parse_timeouts,
     .doc = "per step: {rcpt: 10s}"},
    {.name = "mailbox", .type = CONF_CUSTOM, AT(case_probe, no_mailbox), .parse = parse_mailbox_flag,
     .doc = "false: the probe cannot see what arrives"},
    {.name = "exhaustive", .type = CONF_BOOL, AT(case_probe, exhaustive),
     .doc = "wait the whole window though a delivery was seen"},
    {.name = "interrupt", .type = CONF_DURATION, AT(case_probe, interrupt_at_ns),
     .set_offset = offsetof(struct case_probe, interrupt_set), .doc = "Ctrl-C at this instant"},
};

static const struct conf_table probe_table = {
    .name = "probe", .doc = "options of the probe, as on its command line", .fields = probe_fields,
    .field_count = sizeof probe_fields / sizeof probe_fields[0], .size = sizeof(struct case_probe),
};

/* A mapping of names to counts: {DATA: 0, QUIT: 1..}. */
static bool read_counts(struct conf *c, const struct conf_node *n, struct case_count **list, size_t *count)
{
    if (!conf_is_map(n))
        return conf_fail(c, n, "write {NAME: 1..}", "counts are a mapping of names to ranges");
    *count = conf_length(n);
    *list = arena_get(c->arena, *count, sizeof **list);
    if (*list == NULL)
        return conf_fail(c, n, NULL, "too large");
    for (size_t i = 0; i < *count; i++) {
        struct conf_node_value memory;
        const struct conf_node *value = conf_pair(c, n, i, &memory, &(*list)[i].name);

        if (value == NULL || !conf_read_range(c, value, &(*list)[i].range))
            return false;
    }
    return true;
}

#define EXPECT_OF(target, member) \
    ((struct case_expect *)(void *)((char *)(target) - offsetof(struct case_expect, member)))

static bool parse_delivered(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_expect *e = EXPECT_OF(target, delivered);

    if (conf_is_scalar(n)) {
        const char *text = conf_scalar(c, n);

        if (text == NULL || strcmp(text, "none") != 0)
            return conf_fail(c, n, "write none, or {canary: 1..}", "not a count per mailbox");
        e->delivered_none = true;
        return true;
    }
    return read_counts(c, n, &e->delivered, &e->delivered_count);
}

static bool parse_commands(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_expect *e = EXPECT_OF(target, commands);

    return read_counts(c, n, &e->commands, &e->command_count);
}

static bool parse_log(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_expect *e = EXPECT_OF(target, log);

    return read_counts(c, n, &e->log, &e->log_count);
}

static bool parse_if(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_expect *e = EXPECT_OF(target, conditions);

    if (!conf_is_map(n))
        return conf_fail(c, n, "write {delay: 299s}", "a condition is a mapping of matrix keys to values");
    e->condition_count = conf_length(n);
    e->conditions = arena_get(c->arena, e->condition_count, sizeof *e->conditions);
    if (e->conditions == NULL)
        return conf_fail(c, n, NULL, "too large");
    for (size_t i = 0; i < e->condition_count; i++) {
        struct conf_node_value memory;
        const struct conf_node *value = conf_pair(c, n, i, &memory, &e->conditions[i].key);

        if (value == NULL || (e->conditions[i].value = conf_scalar(c, value)) == NULL)
            return false;
        bool known = false;
        for (size_t k = 0; k < c->binding_count; k++)
            known |= strcmp(c->bindings[k].name, e->conditions[i].key) == 0;
        if (!known)
            return conf_fail(c, value, "name a key of `matrix`, or `vantage`", "no such key: %s",
                             e->conditions[i].key);
    }
    return true;
}

static bool is_form_word(const char *word)
{
    for (int a = ANSWER_NONE; a <= ANSWER_SERVICE; a++)
        if (strcmp(answer_name((enum answer)a), word) == 0)
            return true;
    for (int s = FORM_NOT_ASKED; s <= FORM_UNDECIDED; s++)
        if (strcmp(case_form_state_name(s), word) == 0)
            return true;
    return false;
}

static bool parse_forms(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_expect *e = EXPECT_OF(target, forms);

    if (!conf_is_map(n))
        return conf_fail(c, n, "write {S1-R1: denied}", "forms are a mapping of ids to answers");
    e->form_count = conf_length(n);
    e->forms = arena_get(c->arena, e->form_count, sizeof *e->forms);
    if (e->forms == NULL)
        return conf_fail(c, n, NULL, "too large");
    for (size_t i = 0; i < e->form_count; i++) {
        struct conf_node_value memory;
        const struct conf_node *value = conf_pair(c, n, i, &memory, &e->forms[i].id);

        if (value == NULL || (e->forms[i].answer = conf_scalar(c, value)) == NULL)
            return false;
        if (!is_form_word(e->forms[i].answer))
            return conf_fail(c, value, "an answer (denied, deferred, refused-sender, ...) or a state (accepted, "
                                       "undecided, not-asked, ...)", "no such answer: %s", e->forms[i].answer);
    }
    return true;
}

static const struct conf_field expect_fields[] = {
    {.name = "if", .type = CONF_CUSTOM, AT(case_expect, conditions), .parse = parse_if,
     .doc = "this expectation holds for these values of the matrix", .example = "{delay: 299s}"},
    {.name = "verdict", .type = CONF_ENUM, AT(case_expect, verdict), .names = verdict_names,
     .doc = "what the probe must conclude"},
    {.name = "reason_code", .type = CONF_TEXT, AT(case_expect, reason_code), .doc = "why, as a stable word"},
    {.name = "plain_accepted", .type = CONF_TEXT, AT(case_expect, plain_accepted),
     .doc = "no, rcpt, data or end-of-data"},
    {.name = "delivered", .type = CONF_CUSTOM, AT(case_expect, delivered), .parse = parse_delivered,
     .doc = "forms' messages that reached each mailbox, or none", .example = "{canary: 1..}"},
    {.name = "commands", .type = CONF_CUSTOM, AT(case_expect, commands), .parse = parse_commands,
     .doc = "commands that the target saw", .example = "{DATA: 0, QUIT: 1..}"},
    {.name = "log", .type = CONF_CUSTOM, AT(case_expect, log), .parse = parse_log,
     .doc = "fragments of the target's log lines and how many have them", .example = "{relay attempt: 1..}"},
    {.name = "forms", .type = CONF_CUSTOM, AT(case_expect, forms), .parse = parse_forms,
     .doc = "answer or state of a form", .example = "{S1-R1: denied}"},
    {.name = "report_has", .type = CONF_TEXTS, AT(case_expect, report_has), .doc = "fragments of the text report"},
    {.name = "relayed_by", .type = CONF_TEXTS, AT(case_expect, relayed_by), .doc = "forms that must be delivered"},
    {.name = "elapsed", .type = CONF_RANGE, AT(case_expect, elapsed_s),
     .set_offset = offsetof(struct case_expect, elapsed_set), .doc = "seconds to the verdict; `time: virtual` only"},
    {.name = "connections", .type = CONF_RANGE, AT(case_expect, connections),
     .set_offset = offsetof(struct case_expect, connections_set), .doc = "connections that the target saw"},
};

static void expect_defaults(void *target)
{
    struct case_expect *e = target;

    e->verdict = -1;
}

static bool expect_check(struct conf *c, const struct conf_node *n, void *target)
{
    const struct case_expect *e = target;

    if (e->plain_accepted == NULL)
        return true;
    for (int p = PLAIN_NO; p <= PLAIN_END_OF_DATA; p++)
        if (strcmp(plain_accepted_name((enum plain_accepted)p), e->plain_accepted) == 0)
            return true;
    return conf_fail(c, n, "no, rcpt, data or end-of-data", "no such value of plain_accepted: %s", e->plain_accepted);
}

static const struct conf_table expect_table = {
    .name = "expectation", .doc = "what must come out", .fields = expect_fields,
    .field_count = sizeof expect_fields / sizeof expect_fields[0], .size = sizeof(struct case_expect),
    .defaults = expect_defaults, .check = expect_check, .position_offset = offsetof(struct case_expect, at),
};

static const struct conf_field dialogue_fields[] = {
    {.name = "server", .type = CONF_TEXT, AT(case_dialogue, server), .doc = "default: the target"},
    {.name = "connection", .type = CONF_UINT, AT(case_dialogue, connection), .min = 1,
     .doc = "which connection of the server; default the first"},
    {.name = "lines", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(case_dialogue, lines),
     .doc = "lines that come in this order: S: or C:, then text with {any}"},
};

static const struct conf_table dialogue_table = {
    .name = "dialogue", .doc = "what must be said in this order", .fields = dialogue_fields,
    .field_count = sizeof dialogue_fields / sizeof dialogue_fields[0], .size = sizeof(struct case_dialogue),
};

/* One mapping, or a list of them. */
static bool read_one_or_many(struct conf *c, const struct conf_node *n, const struct conf_table *table, void **list,
                             size_t *count)
{
    *count = conf_is_list(n) ? conf_length(n) : 1;
    if (*count > CASE_EXPECT_MAX)
        return conf_fail(c, n, NULL, "more than %d of these", CASE_EXPECT_MAX);
    *list = arena_get(c->arena, *count, table->size);
    if (*list == NULL)
        return conf_fail(c, n, NULL, "too large");
    if (!conf_is_list(n))
        return conf_read_struct(c, n, table, *list);
    for (size_t i = 0; i < *count; i++) {
        struct conf_node_value memory;

        if (!conf_read_struct(c, conf_item(n, i, &memory), table, (char *)*list + i * table->size))
            return false;
    }
    return true;
}

static bool parse_expect(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_file *f = (struct case_file *)(void *)((char *)target - offsetof(struct case_file, expect));
    void *list;

    if (!read_one_or_many(c, n, &expect_table, &list, &f->expect_count))
        return false;
    f->expect = list;
    return true;
}

static bool parse_dialogue(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_file *f = (struct case_file *)(void *)((char *)target - offsetof(struct case_file, dialogue));
    void *list;

    if (!read_one_or_many(c, n, &dialogue_table, &list, &f->dialogue_count))
        return false;
    f->dialogue = list;
    return true;
}

bool case_parse_matrix(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_matrix *m = target;
    size_t product = 1;

    if (!conf_is_map(n) || conf_length(n) > CASE_MATRIX_KEYS_MAX)
        return conf_fail(c, n, "write {delay: [299s, 301s]}", "a matrix is a mapping of up to %d keys to lists",
                         CASE_MATRIX_KEYS_MAX);
    for (m->count = 0; m->count < conf_length(n); m->count++) {
        struct conf_node_value memory;
        const struct conf_node *value = conf_pair(c, n, m->count, &memory, &m->key[m->count]);

        if (value == NULL || !conf_read_texts(c, value, &m->values[m->count]))
            return false;
        product *= m->values[m->count].count;
        if (product == 0 || product > CASE_MATRIX_MAX)
            return conf_fail(c, value, NULL, "a matrix has 1 to %d combinations", CASE_MATRIX_MAX);
    }
    return true;
}

const struct conf_field case_fields[] = {
    {.name = "case", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(case_file, name),
     .doc = "its name: letters, digits and -"},
    {.name = "title", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(case_file, title), .doc = "one line"},
    {.name = "why", .type = CONF_TEXT, .flags = CONF_REQUIRED, AT(case_file, why),
     .doc = "what it shows; printed when it fails"},
    {.name = "tags", .type = CONF_TEXTS, AT(case_file, tags), .doc = "for --tag"},
    {.name = "rfc", .type = CONF_TEXTS, AT(case_file, rfc), .doc = "sections that it rests on"},
    {.name = "caveat", .type = CONF_TEXTS, AT(case_file, caveat), .doc = "how detectors are fooled here: A7, C9"},
    {.name = "time", .type = CONF_ENUM, AT(case_file, time), .names = time_names, .doc = "worlds that it runs in"},
    {.name = "truth", .type = CONF_ENUM, AT(case_file, truth), .names = truth_names,
     .doc = "what really happens to mail; verified by the runner's oracle message"},
    {.name = "matrix", .type = CONF_CUSTOM, AT(case_file, matrix), .parse = case_parse_matrix,
     .doc = "the case runs once per combination; ${key} stands for the value", .example = "{delay: [299s, 301s]}"},
    {.name = "probe", .type = CONF_STRUCT, AT(case_file, probe), .sub = &probe_table, .doc = "options of the probe"},
    {.name = "servers", .type = CONF_MAP, .flags = CONF_REQUIRED, COUNTED(case_file, servers, server_count),
     .max = CASE_SERVERS_MAX, .sub = NULL, .doc = "mock servers by name; the first is the target"},
    {.name = "mailboxes", .type = CONF_MAP, COUNTED(case_file, mailboxes, mailbox_count), .max = CASE_MAILBOXES_MAX,
     .sub = &mailbox_table, .doc = "mailboxes of ours; default: canary for canary.test"},
    {.name = "vantages", .type = CONF_MAP, COUNTED(case_file, vantages, vantage_count), .max = CASE_VANTAGES_MAX,
     .sub = &vantage_table, .doc = "the case runs once from each; `if: {vantage: NAME}`"},
    {.name = "dialogue", .type = CONF_CUSTOM, AT(case_file, dialogue), .parse = parse_dialogue,
     .doc = "what must be said in this order; one or a list"},
    {.name = "expect", .type = CONF_CUSTOM, .flags = CONF_REQUIRED, AT(case_file, expect), .parse = parse_expect,
     .doc = "what must come out; one or a list"},
    {.name = "fails_with", .type = CONF_TEXT, AT(case_file, fails_with),
     .doc = "the case passes when it fails with this text (tests of the runner itself)"},
};

const size_t case_field_count = sizeof case_fields / sizeof case_fields[0];
