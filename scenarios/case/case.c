/*
 * case.c - loads a case: which combinations there are, then one of them whole
 *
 * A matrix gives values to names that stand anywhere in the file, so it must be known before the
 * rest can be typed. Its pass uses the same rows with every other key skipped: what is unknown or
 * twice there is found at once, and nothing is typed that has a ${name} in it still.
 */
#include "scenarios/case/case_tables.h"

#include "lib/base/utf8.h"

#include <assert.h>
#include <string.h>

enum { FIELDS_MAX = 64 };

struct tables {
    struct conf_field server_fields[FIELDS_MAX];
    struct conf_field fields[FIELDS_MAX];
    struct conf_table server;
    struct conf_table root;
};

static void server_defaults(void *target)
{
    struct case_server *s = target;

    if (server_table.defaults != NULL)
        server_table.defaults(&s->source);
}

static bool server_check(struct conf *c, const struct conf_node *n, void *target)
{
    struct case_server *s = target;

    return server_table.check == NULL || server_table.check(c, n, &s->source);
}

/* mockmta's keys, moved to where a case_server keeps them, and the case's own. */
static void make_server_table(struct tables *t)
{
    const size_t base = offsetof(struct case_server, source);
    const size_t own = case_server_own_table.field_count;

    assert(server_table.field_count + own <= FIELDS_MAX);
    for (size_t i = 0; i < server_table.field_count; i++) {
        struct conf_field *f = &t->server_fields[i];

        *f = server_table.fields[i];
        f->offset += base;
        f->count_offset += base;
        f->set_offset += f->set_offset != 0 ? base : 0;
    }
    for (size_t i = 0; i < own; i++)
        t->server_fields[server_table.field_count + i] = case_server_own_table.fields[i];
    t->server = case_server_own_table;
    t->server.fields = t->server_fields;
    t->server.field_count = server_table.field_count + own;
    t->server.defaults = server_defaults;
    t->server.check = server_check;
}

const struct conf_table *case_table(struct arena *arena)
{
    struct tables *t = arena_get(arena, 1, sizeof *t);

    if (t == NULL)
        return NULL;
    assert(case_field_count <= FIELDS_MAX);
    make_server_table(t);
    for (size_t i = 0; i < case_field_count; i++) {
        t->fields[i] = case_fields[i];
        if (strcmp(case_fields[i].name, "servers") == 0)
            t->fields[i].sub = &t->server;
    }
    t->root = (struct conf_table){
        .name = "case",
        .doc = "a small mail world, a detector, and what must come out",
        .fields = t->fields,
        .field_count = case_field_count,
        .size = sizeof(struct case_file),
    };
    return &t->root;
}

static bool out_of_memory(struct conf *conf)
{
    return conf_fail_at(conf, (struct conf_position){1, 1}, 1, NULL, "the file is too large");
}

static bool skip(struct conf *c, const struct conf_node *n, void *target)
{
    (void)c;
    (void)n;
    (void)target;
    return true;
}

struct vantage_names {
    const char *name[CASE_VANTAGES_MAX];
    size_t count;
};

struct first_pass {
    struct case_matrix matrix;
    struct vantage_names vantages;
};

static bool parse_vantage_names(struct conf *c, const struct conf_node *n, void *target)
{
    struct vantage_names *v = target;

    if (!conf_is_map(n) || conf_length(n) == 0 || conf_length(n) > CASE_VANTAGES_MAX)
        return conf_fail(c, n, "write {outside: {source: 127.0.0.2, truth: closed}}",
                         "vantages are a mapping of 1 to %d names", CASE_VANTAGES_MAX);
    for (v->count = 0; v->count < conf_length(n); v->count++) {
        struct conf_node_value memory;

        if (conf_pair(c, n, v->count, &memory, &v->name[v->count]) == NULL)
            return false;
    }
    return true;
}

static bool read_first_pass(struct conf *conf, struct first_pass *out)
{
    struct conf_field *fields = arena_get(conf->arena, case_field_count, sizeof *fields);
    struct conf_table table = {.name = "case", .doc = "", .size = sizeof *out};

    if (fields == NULL)
        return out_of_memory(conf);
    for (size_t i = 0; i < case_field_count; i++) {
        struct conf_field *f = &fields[i];

        *f = (struct conf_field){.name = case_fields[i].name,
                                 .type = CONF_CUSTOM,
                                 .parse = skip,
                                 .doc = case_fields[i].doc};
        if (strcmp(f->name, "matrix") == 0) {
            f->offset = offsetof(struct first_pass, matrix);
            f->parse = case_parse_matrix;
        } else if (strcmp(f->name, "vantages") == 0) {
            f->offset = offsetof(struct first_pass, vantages);
            f->parse = parse_vantage_names;
        }
    }
    table.fields = fields;
    table.field_count = case_field_count;
    conf->binding_count = 0;
    *out = (struct first_pass){.matrix.count = 0};
    return conf_load(conf, &table, out);
}

static size_t count_combinations(const struct first_pass *p)
{
    size_t count = p->vantages.count > 0 ? p->vantages.count : 1;

    for (size_t i = 0; i < p->matrix.count; i++)
        count *= p->matrix.values[i].count;
    return count;
}

size_t case_combinations(struct conf *conf)
{
    struct first_pass p = {.vantages.count = 0};

    return read_first_pass(conf, &p) ? count_combinations(&p) : 0;
}

/* The names of a row; its first value is the key's too. */
static void bind_row(const struct case_matrix *m, size_t i, size_t at, struct case_file *out)
{
    for (size_t k = 0; k < m->row_count[i]; k++)
        out->bindings[out->binding_count++] =
            (struct conf_binding){m->row_key[i][k], m->row_value[i][at * CASE_ROW_KEYS_MAX + k]};
}

/* The last key turns fastest; the vantage faster still. */
static void bind_combination(const struct first_pass *p, size_t combination, struct case_file *out)
{
    size_t rest = combination;

    out->binding_count = p->matrix.count;
    if (p->vantages.count > 0) {
        out->bindings[out->binding_count++] =
            (struct conf_binding){"vantage", p->vantages.name[rest % p->vantages.count]};
        rest /= p->vantages.count;
    }
    out->shown_count = out->binding_count;
    for (size_t i = p->matrix.count; i-- > 0;) {
        const struct conf_texts *v = &p->matrix.values[i];

        out->bindings[i] = (struct conf_binding){p->matrix.key[i], v->item[rest % v->count]};
        bind_row(&p->matrix, i, rest % v->count, out);
        rest /= v->count;
    }
}

static bool fail_engine(struct conf *conf, const struct case_server *s, const char *hint,
                        const char *what)
{
    struct conf_position at = s->at.line > 0 ? s->at : (struct conf_position){1, 1};

    return conf_fail_at(conf, at, 1, hint, "%s: %s", s->name, what);
}

/* The engine's file, with messages about the case where it is named. */
static bool resolve_engine(struct conf *conf, struct case_server *s)
{
    struct conf other = {.arena = conf->arena};
    struct engine *engine = arena_get(conf->arena, 1, sizeof *engine);

    if (s->engine_name == NULL)
        return (s->engine_config == NULL && s->file_count == 0 && s->port == 0) ||
               fail_engine(conf, s, "name the engine: postfix, exim, opensmtpd or sendmail",
                           "config, files and port are keys of an engine");
    if (engine == NULL)
        return out_of_memory(conf);
    if (s->config.rule_count > 0 || s->source.persona != NULL)
        return fail_engine(conf, s, "rules and personas are for mocks",
                           "a real server has its own configuration");
    if (s->config.tls == MOCK_TLS_IMPLICIT)
        return fail_engine(conf, s,
                           "write tls: starttls, or put the service into its configuration",
                           "a real server gets STARTTLS only");
    if (!engine_load(&other, s->engine_name, engine))
        return fail_engine(conf, s, "postfix, exim, opensmtpd or sendmail", other.error);
    s->engine = engine;
    return true;
}

static bool resolve_servers(struct conf *conf, const struct persona_path *personas,
                            struct case_file *out)
{
    for (size_t i = 0; i < out->server_count; i++) {
        struct case_server *s = &out->servers[i];

        if (!server_resolve(conf, personas, &s->source, &s->config) || !resolve_engine(conf, s))
            return false;
    }
    for (size_t i = 0; i < out->mailbox_count; i++) {
        struct case_mailbox *m = &out->mailboxes[i];

        if (!m->has_front)
            continue;
        if (m->front.own.local_domains.count == 0)
            m->front.own.local_domains = m->domains;
        if (!server_resolve(conf, personas, &m->front, &m->front_config))
            return false;
    }
    return true;
}

/* Without `mailboxes:` there is one, "canary", for canary.test. */
static bool default_mailbox(struct conf *conf, struct case_file *out)
{
    const char **domain = arena_get(conf->arena, 1, sizeof *domain);

    out->mailboxes = arena_get(conf->arena, 1, sizeof *out->mailboxes);
    if (domain == NULL || out->mailboxes == NULL)
        return out_of_memory(conf);
    domain[0] = "canary.test";
    out->mailboxes[0] = (struct case_mailbox){.name = "canary", .domains = {domain, 1}};
    out->mailbox_count = 1;
    return true;
}

static bool pick_vantage(struct case_file *out)
{
    for (size_t i = 0; i < out->vantage_count; i++) {
        const char *name = out->bindings[out->shown_count - 1].value;

        if (strcmp(out->vantages[i].name, name) == 0)
            out->vantage = &out->vantages[i];
    }
    if (out->vantage != NULL)
        out->truth = out->vantage->truth;
    return out->truth != TRUTH_UNSET;
}

bool case_load(struct conf *conf, const struct persona_path *personas, size_t combination,
               struct case_file *out)
{
    struct first_pass pass = {.vantages.count = 0};
    const struct conf_table *table = case_table(conf->arena);

    *out = (struct case_file){.truth = TRUTH_UNSET};
    if (table == NULL)
        return out_of_memory(conf);
    if (!read_first_pass(conf, &pass))
        return false;
    assert(combination < count_combinations(&pass));
    struct conf_binding *bindings = arena_get(conf->arena, CASE_BINDINGS_MAX, sizeof *bindings);
    if (bindings == NULL)
        return out_of_memory(conf);
    bind_combination(&pass, combination, out);
    memcpy(bindings, out->bindings, sizeof out->bindings);
    size_t binding_count = out->binding_count, shown_count = out->shown_count;
    conf->bindings = bindings;
    conf->binding_count = binding_count;
    if (!conf_load(conf, table, out))
        return false;
    /* conf_load starts from a zeroed struct. */
    memcpy(out->bindings, bindings, sizeof out->bindings);
    out->binding_count = binding_count;
    out->shown_count = shown_count;
    out->path = conf->file;
    if (out->mailbox_count == 0 && !default_mailbox(conf, out))
        return false;
    if (!pick_vantage(out))
        return conf_fail_at(conf, (struct conf_position){1, 1}, 4,
                            "write truth: open, closed or undecidable",
                            "the case declares no truth");
    return resolve_servers(conf, personas, out) && case_check_names(conf, out);
}

bool case_has_engine(const struct case_file *c)
{
    for (size_t i = 0; i < c->server_count; i++)
        if (c->servers[i].engine != NULL)
            return true;
    return false;
}

void case_print_bindings(const struct case_file *c, struct strbuf *out)
{
    for (size_t i = 0; i < c->shown_count; i++) {
        strbuf_addc(out, i == 0 ? '[' : ',');
        strbuf_adds(out, c->bindings[i].name);
        strbuf_addc(out, '=');
        utf8_add_line(out, span_of(c->bindings[i].value));
    }
    if (c->shown_count > 0)
        strbuf_addc(out, ']');
}

bool case_applies(const struct case_file *c, const struct case_expect *e)
{
    for (size_t i = 0; i < e->condition_count; i++)
        for (size_t k = 0; k < c->binding_count; k++)
            if (strcmp(c->bindings[k].name, e->conditions[i].key) == 0 &&
                strcmp(c->bindings[k].value, e->conditions[i].value) != 0)
                return false;
    return true;
}

const char *case_truth_name(int truth)
{
    static const char *const names[] = {"unset", "open", "closed", "undecidable"};

    assert(truth >= TRUTH_UNSET && truth <= TRUTH_UNDECIDABLE);
    return names[truth];
}

const char *case_form_state_name(int state)
{
    static const char *const names[] = {"not-asked", "not-applicable", "denied",
                                        "accepted",  "offered",        "undecided"};

    assert(state >= FORM_NOT_ASKED && state <= FORM_UNDECIDED);
    return names[state];
}
