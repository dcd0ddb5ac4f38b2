/*
 * case_expect.c - the keys of what must come out: expectations and dialogues
 *
 * Both may be one mapping or a list of them. Names of answers and states are checked here, so that
 * a typing error is found before anything runs.
 */
#include "scenarios/case/case_tables.h"

#include <string.h>

#define AT(type, member) .offset = offsetof(struct type, member)

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

/* A mapping of names to counts: {DATA: 0, QUIT: 1..}. */
static bool read_counts(struct conf *c, const struct conf_node *n, struct case_count **list,
                        size_t *count)
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
    ((struct case_expect *)(void *)((char *)(target)-offsetof(struct case_expect, member)))

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
        return conf_fail(c, n, "write {delay: 299s}",
                         "a condition is a mapping of matrix keys to values");
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
            return conf_fail(
                c, value,
                "an answer (denied, deferred, refused-sender, ...) or a state (accepted, "
                "undecided, not-asked, ...)",
                "no such answer: %s", e->forms[i].answer);
    }
    return true;
}

static const struct conf_field expect_fields[] = {
    {.name = "if",
     .type = CONF_CUSTOM,
     AT(case_expect, conditions),
     .parse = parse_if,
     .doc = "this expectation holds for these values of the matrix",
     .example = "{delay: 299s}"},
    {.name = "verdict",
     .type = CONF_ENUM,
     AT(case_expect, verdict),
     .names = verdict_names,
     .doc = "what the probe must conclude"},
    {.name = "later",
     .type = CONF_ENUM,
     AT(case_expect, later),
     .names = verdict_names,
     .doc = "what it has become when `collect_after` is over"},
    {.name = "reason_code",
     .type = CONF_TEXT,
     AT(case_expect, reason_code),
     .doc = "why, as a stable word"},
    {.name = "plain_accepted",
     .type = CONF_TEXT,
     AT(case_expect, plain_accepted),
     .doc = "no, rcpt, data or end-of-data"},
    {.name = "delivered",
     .type = CONF_CUSTOM,
     AT(case_expect, delivered),
     .parse = parse_delivered,
     .doc = "forms' messages that reached each mailbox, or none",
     .example = "{canary: 1..}"},
    {.name = "commands",
     .type = CONF_CUSTOM,
     AT(case_expect, commands),
     .parse = parse_commands,
     .doc = "commands that the target saw",
     .example = "{DATA: 0, QUIT: 1..}"},
    {.name = "log",
     .type = CONF_CUSTOM,
     AT(case_expect, log),
     .parse = parse_log,
     .doc = "fragments of the target's log lines and how many have them",
     .example = "{relay attempt: 1..}"},
    {.name = "forms",
     .type = CONF_CUSTOM,
     AT(case_expect, forms),
     .parse = parse_forms,
     .doc = "answer or state of a form",
     .example = "{S1-R1: denied}"},
    {.name = "report_has",
     .type = CONF_TEXTS,
     AT(case_expect, report_has),
     .doc = "fragments of the text report"},
    {.name = "relayed_by",
     .type = CONF_TEXTS,
     AT(case_expect, relayed_by),
     .doc = "forms that must be delivered"},
    {.name = "elapsed",
     .type = CONF_RANGE,
     AT(case_expect, elapsed_s),
     .set_offset = offsetof(struct case_expect, elapsed_set),
     .doc = "seconds to the verdict; `time: virtual` only"},
    {.name = "connections",
     .type = CONF_RANGE,
     AT(case_expect, connections),
     .set_offset = offsetof(struct case_expect, connections_set),
     .doc = "connections that the target saw"},
};

static void expect_defaults(void *target)
{
    struct case_expect *e = target;

    e->verdict = e->later = -1;
}

static bool expect_check(struct conf *c, const struct conf_node *n, void *target)
{
    const struct case_expect *e = target;

    if (e->plain_accepted == NULL)
        return true;
    for (int p = PLAIN_NO; p <= PLAIN_END_OF_DATA; p++)
        if (strcmp(plain_accepted_name((enum plain_accepted)p), e->plain_accepted) == 0)
            return true;
    return conf_fail(c, n, "no, rcpt, data or end-of-data", "no such value of plain_accepted: %s",
                     e->plain_accepted);
}

static const struct conf_table expect_table = {
    .name = "expectation",
    .doc = "what must come out",
    .fields = expect_fields,
    .field_count = sizeof expect_fields / sizeof expect_fields[0],
    .size = sizeof(struct case_expect),
    .defaults = expect_defaults,
    .check = expect_check,
    .position_offset = offsetof(struct case_expect, at),
};

static const struct conf_field dialogue_fields[] = {
    {.name = "server", .type = CONF_TEXT, AT(case_dialogue, server), .doc = "default: the target"},
    {.name = "connection",
     .type = CONF_UINT,
     AT(case_dialogue, connection),
     .min = 1,
     .doc = "which connection of the server; default the first"},
    {.name = "lines",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(case_dialogue, lines),
     .doc = "lines that come in this order: S: or C:, then text with {any}"},
};

static const struct conf_table dialogue_table = {
    .name = "dialogue",
    .doc = "what must be said in this order",
    .fields = dialogue_fields,
    .field_count = sizeof dialogue_fields / sizeof dialogue_fields[0],
    .size = sizeof(struct case_dialogue),
    .position_offset = offsetof(struct case_dialogue, at),
};

/* One mapping, or a list of them. */
static bool read_one_or_many(struct conf *c, const struct conf_node *n,
                             const struct conf_table *table, void **list, size_t *count)
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

bool case_parse_expect(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_file *f = (struct case_file *)(void *)((char *)target -
                                                       offsetof(struct case_file, expect));
    void *list = NULL;

    if (!read_one_or_many(c, n, &expect_table, &list, &f->expect_count))
        return false;
    f->expect = list;
    return true;
}

bool case_parse_dialogue(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_file *f = (struct case_file *)(void *)((char *)target -
                                                       offsetof(struct case_file, dialogue));
    void *list = NULL;

    if (!read_one_or_many(c, n, &dialogue_table, &list, &f->dialogue_count))
        return false;
    f->dialogue = list;
    return true;
}
