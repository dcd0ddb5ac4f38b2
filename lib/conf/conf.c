/*
 * conf.c - loads a document and walks it by tables
 *
 * The document is looked over first (conf_scan.c); what is left is mappings, lists and raw texts of
 * bounded depth. conf_read_struct and the field types call each other through the tables, never
 * deeper than the document, whose depth was bounded before: no hostile file can make this use more
 * stack.
 *
 * A field is read in the order of the file, so that the first error is the first in the file;
 * missing keys are reported after that, and the table's own check across fields comes last.
 */
#include <string.h>

#include "lib/conf/conf_private.h"

void conf_init(struct conf *c, struct arena *arena, const char *file, struct span text)
{
    memset(c, 0, sizeof *c);
    c->arena = arena;
    c->file = file;
    c->text = text;
}

static bool load_document(struct conf *c, yaml_document_t *document)
{
    yaml_parser_t parser;
    bool ok;

    if (!yaml_parser_initialize(&parser)) {
        return conf_fail(c, NULL, NULL, "out of memory");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)c->text.ptr, c->text.len);
    ok = yaml_parser_load(&parser, document) != 0 || conf_fail_yaml(c, &parser);
    yaml_parser_delete(&parser);
    return ok;
}

bool conf_load(struct conf *c, const struct conf_table *table, void *target)
{
    struct span mark = SPAN("\xEF\xBB\xBF"); /* of byte order, that some editors put first */
    yaml_document_t document;
    bool ok;

    c->text = span_starts(c->text, mark) ? span_from(c->text, mark.len) : c->text;
    if (c->text.len > CONF_SIZE_MAX) {
        return conf_fail(c, NULL, NULL, "larger than %d octets", CONF_SIZE_MAX);
    }
    if (!conf_scan(c) || !load_document(c, &document)) {
        return false;
    }
    ok = conf_check_keys(c, &document);
    if (ok) {
        struct conf_node root = {&document, yaml_document_get_root_node(&document)};
        ok = conf_read_struct(c, &root, table, target);
    }
    yaml_document_delete(&document);
    return ok;
}

yaml_node_t *conf_yaml(const struct conf_node *n)
{
    return n->node;
}

bool conf_is_scalar(const struct conf_node *n)
{
    return conf_yaml(n)->type == YAML_SCALAR_NODE;
}

bool conf_is_list(const struct conf_node *n)
{
    return conf_yaml(n)->type == YAML_SEQUENCE_NODE;
}

bool conf_is_map(const struct conf_node *n)
{
    return conf_yaml(n)->type == YAML_MAPPING_NODE;
}

struct conf_position conf_position(const struct conf_node *n)
{
    yaml_mark_t mark = conf_yaml(n)->start_mark;

    return (struct conf_position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

size_t conf_length(const struct conf_node *n)
{
    const yaml_node_t *y = conf_yaml(n);

    if (y->type == YAML_SEQUENCE_NODE) {
        return (size_t)(y->data.sequence.items.top - y->data.sequence.items.start);
    }
    if (y->type == YAML_MAPPING_NODE) {
        return (size_t)(y->data.mapping.pairs.top - y->data.mapping.pairs.start);
    }
    return 0;
}

static const struct conf_node *node_in(struct conf_node_value *memory, void *document, int index)
{
    memory->priv[0] = document;
    memory->priv[1] = yaml_document_get_node(document, index);
    return (const struct conf_node *)(const void *)memory->priv;
}

const struct conf_node *conf_item(const struct conf_node *n, size_t index,
                                  struct conf_node_value *memory)
{
    return node_in(memory, n->document, conf_yaml(n)->data.sequence.items.start[index]);
}

const struct conf_node *conf_pair(struct conf *c, const struct conf_node *n, size_t index,
                                  struct conf_node_value *memory, const char **key)
{
    const yaml_node_pair_t *pair = &conf_yaml(n)->data.mapping.pairs.start[index];
    const yaml_node_t *k = yaml_document_get_node(n->document, pair->key);

    *key = arena_text(c->arena,
                      (struct span){(const char *)k->data.scalar.value, k->data.scalar.length});
    if (*key == NULL) {
        (void)conf_fail(c, n, NULL, "the file is too large");
        return NULL;
    }
    return node_in(memory, n->document, pair->value);
}

const struct conf_field *conf_field_at(const struct conf_table *t, size_t index, size_t *base)
{
    for (size_t i = 0; i < t->field_count; i++) {
        const struct conf_field *f = &t->fields[i];
        bool include = f->type == CONF_INCLUDE;
        size_t count = include ? f->sub->field_count : 1;
        if (index < count) {
            *base = include ? f->offset : 0;
            return include ? &f->sub->fields[index] : f;
        }
        index -= count;
    }
    return NULL;
}

static const struct conf_field *find_field(const struct conf_table *t, const char *key,
                                           size_t *base)
{
    const struct conf_field *f;

    for (size_t i = 0; (f = conf_field_at(t, i, base)) != NULL; i++) {
        if (strcmp(f->name, key) == 0) {
            return f;
        }
    }
    return NULL;
}

static bool fail_unknown_key(struct conf *c, const struct conf_node *n, size_t index,
                             const struct conf_table *t, const char *key)
{
    const yaml_node_pair_t *pair = &conf_yaml(n)->data.mapping.pairs.start[index];
    const yaml_node_t *k = yaml_document_get_node(n->document, pair->key);
    const char *names[CONF_KEYS_MAX];
    char memory[CONF_HINT_MAX];
    const struct conf_field *f;
    struct strbuf hint;
    size_t count = 0, base;

    for (size_t i = 0; count < CONF_KEYS_MAX && (f = conf_field_at(t, i, &base)) != NULL; i++) {
        names[count++] = f->name;
    }
    strbuf_init(&hint, memory, sizeof memory);
    conf_suggest(key, names, count, &hint);
    return conf_fail_mark(c, k->start_mark, k->end_mark, memory, "unknown key \"%.64s\" in a %s",
                          key, t->name);
}

static bool read_pairs(struct conf *c, const struct conf_node *n, const struct conf_table *t,
                       void *target)
{
    for (size_t i = 0; i < conf_length(n); i++) {
        struct conf_node_value memory;
        const char *key;
        size_t base;
        const struct conf_node *value = conf_pair(c, n, i, &memory, &key);
        const struct conf_field *f = value != NULL ? find_field(t, key, &base) : NULL;
        if (value == NULL) {
            return false;
        }
        if (f == NULL && t->lenient) {
            continue;
        }
        if (f == NULL) {
            return fail_unknown_key(c, n, i, t, key);
        }
        if (!conf_read_value(c, value, f, (char *)target + base)) {
            return false;
        }
        if (f->set_offset != 0) {
            *(bool *)((char *)target + base + f->set_offset) = true;
        }
    }
    return true;
}

static bool has_key(const struct conf_node *n, const char *key)
{
    const yaml_node_t *y = conf_yaml(n);

    for (const yaml_node_pair_t *p = y->data.mapping.pairs.start; p < y->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *k = yaml_document_get_node(n->document, p->key);
        if (strcmp((const char *)k->data.scalar.value, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_required(struct conf *c, const struct conf_node *n, const struct conf_table *t)
{
    const struct conf_field *f;
    char memory[CONF_HINT_MAX];
    struct strbuf hint;
    size_t base;

    for (size_t i = 0; (f = conf_field_at(t, i, &base)) != NULL; i++) {
        if ((f->flags & CONF_REQUIRED) == 0 || has_key(n, f->name)) {
            continue;
        }
        strbuf_init(&hint, memory, sizeof memory);
        strbuf_addf(&hint, "add %s: %s", f->name, f->example != NULL ? f->example : f->doc);
        return conf_fail(c, n, memory, "a %s needs \"%s\"", t->name, f->name);
    }
    return true;
}

static void apply_defaults(const struct conf_table *t, void *target)
{
    for (size_t i = 0; i < t->field_count; i++) {
        const struct conf_field *f = &t->fields[i];
        if (f->type == CONF_INCLUDE && f->sub->defaults != NULL) {
            f->sub->defaults((char *)target + f->offset);
        }
    }
    if (t->defaults != NULL) {
        t->defaults(target);
    }
}

static void fill_position(const struct conf_node *n, const struct conf_table *t, void *target)
{
    struct conf_position at = conf_position(n);

    if (t->position_offset != 0) {
        memcpy((char *)target + t->position_offset, &at, sizeof at);
    }
}

static bool run_checks(struct conf *c, const struct conf_node *n, const struct conf_table *t,
                       void *target)
{
    for (size_t i = 0; i < t->field_count; i++) {
        const struct conf_field *f = &t->fields[i];
        if (f->type == CONF_INCLUDE && f->sub->check != NULL &&
            !f->sub->check(c, n, (char *)target + f->offset)) {
            return false;
        }
    }
    return t->check == NULL || t->check(c, n, target);
}

bool conf_read_struct(struct conf *c, const struct conf_node *n, const struct conf_table *table,
                      void *target)
{
    memset(target, 0, table->size);
    apply_defaults(table, target);
    if (!conf_is_map(n)) {
        return conf_fail(c, n, "write keys and values: key: value", "expected a %s here",
                         table->name);
    }
    fill_position(n, table, target);
    for (size_t i = 0; i < table->field_count; i++) {
        const struct conf_field *f = &table->fields[i];
        if (f->type == CONF_INCLUDE) {
            fill_position(n, f->sub, (char *)target + f->offset);
        }
    }
    return read_pairs(c, n, table, target) && check_required(c, n, table) &&
           run_checks(c, n, table, target);
}
