/*
 * conf_schema.c - JSON Schema and a reference page from the tables
 *
 * Tables refer to tables; a first pass gathers them all, each once, so that both outputs are flat
 * lists and nothing here recurses. The schema is for editors: it must take whatever the loader
 * takes, and may take a little more, since an editor sees YAML's own types (421 a number, true a
 * boolean) where the loader sees raw texts.
 */
#include <string.h>

#include "lib/base/json.h"
#include "lib/conf/conf_private.h"

enum { TABLES_MAX = 64, KEY_MAX = 64 };

struct gathered {
    const struct conf_table *table[TABLES_MAX];
    size_t count;
};

static void gather_one(struct gathered *g, const struct conf_table *t)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->table[i] == t) {
            return;
        }
    }
    if (g->count < TABLES_MAX) {
        g->table[g->count++] = t;
    }
}

static void gather(struct gathered *g, const struct conf_table *root)
{
    const struct conf_field *f;
    size_t base;

    g->count = 0;
    gather_one(g, root);
    for (size_t i = 0; i < g->count; i++) {
        for (size_t k = 0; (f = conf_field_at(g->table[i], k, &base)) != NULL; k++) {
            if (f->sub != NULL) {
                gather_one(g, f->sub);
            }
        }
    }
}

/* The table's name as a word; a number behind it where two tables share a name. */
static void table_key(const struct gathered *g, const struct conf_table *t, struct strbuf *out)
{
    size_t namesakes = 0;

    for (size_t i = 0; i < g->count && g->table[i] != t; i++) {
        namesakes += strcmp(g->table[i]->name, t->name) == 0;
    }
    for (const char *c = t->name; *c != '\0'; c++) {
        strbuf_addc(out, *c == ' ' ? '-' : *c);
    }
    if (namesakes > 0) {
        strbuf_addf(out, "-%zu", namesakes + 1);
    }
}

static void add_ref(struct json *j, const char *key, const struct gathered *g,
                    const struct conf_table *t)
{
    char memory[KEY_MAX];
    struct strbuf ref;

    strbuf_init(&ref, memory, sizeof memory);
    strbuf_adds(&ref, "#/definitions/");
    table_key(g, t, &ref);
    json_open(j, key, '{');
    json_text(j, "$ref", strbuf_span(&ref));
    json_close(j);
}

static void add_scalar(struct json *j, const char *key)
{
    json_open(j, key, '{');
    json_open(j, "type", '[');
    json_text(j, NULL, SPAN("string"));
    json_text(j, NULL, SPAN("number"));
    json_text(j, NULL, SPAN("boolean"));
    json_close(j);
    json_close(j);
}

/* One of the names, as YAML's types show them, or a ${name} of a matrix. */
static void add_names(struct json *j, const char *key, const struct conf_name *names)
{
    uint64_t number;

    json_open(j, key, '{');
    json_open(j, "anyOf", '[');
    json_open(j, NULL, '{');
    json_open(j, "enum", '[');
    for (; names->name != NULL; names++) {
        struct span name = span_of(names->name);
        json_text(j, NULL, name);
        if (span_uint(name, INT32_MAX, &number)) {
            json_int(j, NULL, (int64_t)number);
        } else if (span_equal(name, SPAN("true")) || span_equal(name, SPAN("false"))) {
            json_bool(j, NULL, name.ptr[0] == 't');
        }
    }
    json_close(j);
    json_close(j);
    json_open(j, NULL, '{');
    json_text(j, "type", SPAN("string"));
    json_text(j, "pattern", SPAN("\\$\\{"));
    json_close(j);
    json_close(j);
    json_close(j);
}

static void add_array(struct json *j, const char *key, const struct conf_name *names)
{
    json_open(j, key, '{');
    json_text(j, "type", SPAN("array"));
    if (names != NULL) {
        add_names(j, "items", names);
    } else {
        add_scalar(j, "items");
    }
    json_close(j);
}

static void add_uint(struct json *j, const struct conf_field *f)
{
    json_open(j, "type", '[');
    json_text(j, NULL, SPAN("integer"));
    json_text(j, NULL, SPAN("string"));
    json_close(j);
    if (f->min <= INT64_MAX) {
        json_int(j, "minimum", (int64_t)f->min);
    }
    if (f->max != 0 && f->max <= INT64_MAX) {
        json_int(j, "maximum", (int64_t)f->max);
    }
}

/* Of a parser that says nothing about its shapes, nothing is known: any value will do. */
static void add_custom(struct json *j, const struct gathered *g, const struct conf_field *f)
{
    if (f->sub == NULL && f->names == NULL) {
        return;
    }
    json_open(j, "anyOf", '[');
    if (f->sub != NULL) {
        add_ref(j, NULL, g, f->sub);
    }
    if (f->names != NULL) {
        add_names(j, NULL, f->names);
    } else {
        add_scalar(j, NULL);
    }
    add_array(j, NULL, f->names);
    json_close(j);
}

static void add_structs(struct json *j, const struct gathered *g, const struct conf_field *f)
{
    json_open(j, "anyOf", '[');
    json_open(j, NULL, '{');
    json_text(j, "type", SPAN("array"));
    add_ref(j, "items", g, f->sub);
    json_close(j);
    add_ref(j, NULL, g, f->sub);
    json_close(j);
}

static void add_type(struct json *j, const struct gathered *g, const struct conf_field *f)
{
    switch (f->type) {
    case CONF_UINT:
        add_uint(j, f);
        break;
    case CONF_ENUM:
        json_open(j, "allOf", '[');
        add_names(j, NULL, f->names);
        json_close(j);
        break;
    case CONF_DURATION:
        json_text(j, "pattern", SPAN("^[0-9]+(ns|us|ms|s|min|h|d)?$|\\$\\{"));
        break;
    case CONF_TEXTS:
        json_open(j, "anyOf", '[');
        add_scalar(j, NULL);
        add_array(j, NULL, NULL);
        json_close(j);
        break;
    case CONF_STRUCT:
        json_open(j, "allOf", '[');
        add_ref(j, NULL, g, f->sub);
        json_close(j);
        break;
    case CONF_STRUCTS:
        add_structs(j, g, f);
        break;
    case CONF_MAP:
        json_text(j, "type", SPAN("object"));
        add_ref(j, "additionalProperties", g, f->sub);
        break;
    case CONF_CUSTOM:
        add_custom(j, g, f);
        break;
    case CONF_TEXT:
    case CONF_RANGE:
    case CONF_BOOL:
        json_open(j, "anyOf", '[');
        add_scalar(j, NULL);
        json_close(j);
        break;
    case CONF_INCLUDE:
        break;
    }
}

static void add_table(struct json *j, const struct gathered *g, const struct conf_table *t)
{
    char memory[KEY_MAX];
    const struct conf_field *f;
    struct strbuf key;
    size_t base;
    bool any = false;

    strbuf_init(&key, memory, sizeof memory);
    table_key(g, t, &key);
    json_open(j, memory, '{');
    json_text(j, "type", SPAN("object"));
    json_string(j, "description", t->doc != NULL ? t->doc : t->name);
    json_bool(j, "additionalProperties", t->lenient);
    json_open(j, "properties", '{');
    for (size_t i = 0; (f = conf_field_at(t, i, &base)) != NULL; i++) {
        json_open(j, f->name, '{');
        json_string(j, "description", f->doc != NULL ? f->doc : f->name);
        add_type(j, g, f);
        json_close(j);
        any = any || (f->flags & CONF_REQUIRED) != 0;
    }
    json_close(j);
    if (any) {
        json_open(j, "required", '[');
        for (size_t i = 0; (f = conf_field_at(t, i, &base)) != NULL; i++) {
            if ((f->flags & CONF_REQUIRED) != 0) {
                json_string(j, NULL, f->name);
            }
        }
        json_close(j);
    }
    json_close(j);
}

void conf_schema(const struct conf_table *root, const char *title, struct strbuf *out)
{
    struct gathered g;
    struct json j;

    gather(&g, root);
    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_text(&j, "$schema", SPAN("http://json-schema.org/draft-07/schema#"));
    json_string(&j, "title", title);
    json_open(&j, "allOf", '[');
    add_ref(&j, NULL, &g, root);
    json_close(&j);
    json_open(&j, "definitions", '{');
    for (size_t i = 0; i < g.count; i++) {
        add_table(&j, &g, g.table[i]);
    }
    json_close(&j);
    json_close(&j);
    strbuf_addc(out, '\n');
}

static const char *type_word(const struct conf_field *f)
{
    switch (f->type) {
    case CONF_TEXT:
        return "text";
    case CONF_BOOL:
        return "true or false";
    case CONF_UINT:
        return "number";
    case CONF_DURATION:
        return "duration";
    case CONF_ENUM:
        return "one of";
    case CONF_TEXTS:
        return "text or list of texts";
    case CONF_RANGE:
        return "count: 3, 1.., ..4, 2..5, none";
    case CONF_STRUCT:
        return "mapping";
    case CONF_STRUCTS:
        return "list";
    case CONF_MAP:
        return "mapping of names";
    case CONF_CUSTOM:
        return f->names != NULL ? "one of" : f->sub != NULL ? "text or mapping" : "text or list";
    case CONF_INCLUDE:
        break;
    }
    return "";
}

static void add_row(struct strbuf *out, const struct conf_field *f)
{
    strbuf_addf(out, "| `%s`%s | %s", f->name, (f->flags & CONF_REQUIRED) != 0 ? " (required)" : "",
                type_word(f));
    if (f->sub != NULL) {
        strbuf_addf(out, ", see *%s*", f->sub->name);
    }
    for (const struct conf_name *n = f->names; n != NULL && n->name != NULL; n++) {
        strbuf_addf(out, "%s`%s`", n == f->names ? " " : ", ", n->name);
    }
    strbuf_addf(out, " | %s", f->doc != NULL ? f->doc : "");
    if (f->example != NULL) {
        strbuf_addf(out, " (for instance `%s`)", f->example);
    }
    strbuf_adds(out, " |\n");
}

void conf_reference(const struct conf_table *root, struct strbuf *out)
{
    struct gathered g;
    const struct conf_field *f;
    size_t base;

    gather(&g, root);
    for (size_t i = 0; i < g.count; i++) {
        const struct conf_table *t = g.table[i];
        strbuf_addf(out, "%s## %s\n\n%s\n\n| key | value | meaning |\n|---|---|---|\n",
                    i > 0 ? "\n" : "", t->name, t->doc != NULL ? t->doc : "");
        for (size_t k = 0; (f = conf_field_at(t, k, &base)) != NULL; k++) {
            add_row(out, f);
        }
    }
}
