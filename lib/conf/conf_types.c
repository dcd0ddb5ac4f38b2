/*
 * conf_types.c - raw texts into typed values
 *
 * YAML's own typing is not used: 300s is a duration, 010 is refused, `on` is not true. ${name} is
 * replaced first, when the case's matrix has that name; any other ${...} stays, since replies have
 * templates of their own. Where a typed value still holds "${", the name was mistyped, and the hint
 * says so.
 */
#include <string.h>

#include "lib/conf/conf_private.h"

bool conf_scalar_quoted(const struct conf_node *n)
{
    return conf_is_scalar(n) && conf_yaml(n)->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static const struct conf_binding *find_binding(const struct conf *c, struct span name)
{
    for (size_t i = 0; i < c->binding_count; i++) {
        if (span_equal(span_of(c->bindings[i].name), name)) {
            return &c->bindings[i];
        }
    }
    return NULL;
}

/* The binding that `rest` begins with ("${name}..."), or NULL; *len is the length of the whole
 * mark. */
static const struct conf_binding *binding_at(const struct conf *c, struct span rest, size_t *len)
{
    size_t close = span_chr(rest, '}');

    if (!span_starts(rest, SPAN("${")) || close == SIZE_MAX) {
        return NULL;
    }
    *len = close + 1;
    return find_binding(c, span_to(span_from(rest, 2), close - 2));
}

static void substitute(const struct conf *c, struct span raw, struct strbuf *out)
{
    size_t i = 0;

    while (i < raw.len) {
        size_t len = 0;
        const struct conf_binding *b = binding_at(c, span_from(raw, i), &len);
        if (b != NULL) {
            strbuf_adds(out, b->value);
            i += len;
        } else {
            strbuf_addc(out, raw.ptr[i++]);
        }
    }
}

static const char *bound_text(struct conf *c, const struct conf_node *n, struct span raw)
{
    size_t extra = 1, len = 0;
    struct strbuf out;
    char *memory;

    for (size_t i = 0; i < raw.len; i++) {
        const struct conf_binding *b = binding_at(c, span_from(raw, i), &len);
        extra += b != NULL ? strlen(b->value) : 0;
    }
    memory = raw.len + extra <= CONF_SCALAR_MAX ? arena_get(c->arena, raw.len + extra, 1) : NULL;
    if (memory == NULL) {
        (void)conf_fail(c, n, NULL, "the file is too large");
        return NULL;
    }
    strbuf_init(&out, memory, raw.len + extra);
    substitute(c, raw, &out);
    return memory;
}

const char *conf_scalar(struct conf *c, const struct conf_node *n)
{
    struct span raw;

    if (!conf_is_scalar(n)) {
        (void)conf_fail(c, n, NULL, "expected one value, not a %s",
                        conf_is_list(n) ? "list" : "mapping");
        return NULL;
    }
    raw.ptr = (const char *)conf_yaml(n)->data.scalar.value;
    raw.len = conf_yaml(n)->data.scalar.length;
    if (raw.len == 0 && !conf_scalar_quoted(n)) {
        (void)conf_fail(c, n, "write \"\" for an empty text", "no value is given");
        return NULL;
    }
    if (span_chr(raw, '\0') != SIZE_MAX) {
        (void)conf_fail(c, n, "where raw bytes are meant, write \\0 in single quotes",
                        "a NUL is not allowed here");
        return NULL;
    }
    return bound_text(c, n, raw);
}

/* "not a duration": with the usual hint, or with the name that was mistyped. */
static bool fail_typed(struct conf *c, const struct conf_node *n, const char *text,
                       const char *what, const char *hint)
{
    const char *mark = strstr(text, "${");
    const char *names[CONF_KEYS_MAX];
    char memory[CONF_HINT_MAX];
    struct strbuf h;

    strbuf_init(&h, memory, sizeof memory);
    if (mark != NULL) {
        struct span name = span_from(span_of(mark), 2);
        char word[64];
        name = span_to(name, span_chr(name, '}'));
        (void)bytes_copy(word, sizeof word, name);
        for (size_t i = 0; i < c->binding_count && i < CONF_KEYS_MAX; i++) {
            names[i] = c->bindings[i].name;
        }
        strbuf_addf(&h, "the matrix has no \"%s\"", word);
        if (c->binding_count > 0) {
            strbuf_adds(&h, ": ");
            conf_suggest(word, names, c->binding_count, &h);
        }
        hint = memory;
    }
    return conf_fail(c, n, hint, "%s", what);
}

bool conf_read_duration(struct conf *c, const struct conf_node *n, int64_t *out)
{
    const char *text = conf_scalar(c, n);

    return text != NULL && (clock_parse(span_of(text), out) ||
                            fail_typed(c, n, text, "not a duration",
                                       "write a number and a unit: 300s, 5min, 250ms"));
}

static bool read_bool(struct conf *c, const struct conf_node *n, bool *out)
{
    const char *text = conf_scalar(c, n);

    if (text == NULL) {
        return false;
    }
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0 ||
           fail_typed(c, n, text, "not a truth value", "write true or false");
}

static bool plain_number(struct span s, uint64_t max, uint64_t *out)
{
    return span_uint(s, max, out) && (s.len == 1 || s.ptr[0] != '0');
}

static bool read_uint(struct conf *c, const struct conf_node *n, const struct conf_field *f,
                      uint64_t *out)
{
    const char *text = conf_scalar(c, n);
    uint64_t max = f->max != 0 ? f->max : UINT64_MAX;
    char memory[CONF_HINT_MAX];
    struct strbuf hint;

    if (text == NULL || (plain_number(span_of(text), max, out) && *out >= f->min)) {
        return text != NULL;
    }
    strbuf_init(&hint, memory, sizeof memory);
    strbuf_addf(&hint, "decimal digits, no leading zero; at least %llu",
                (unsigned long long)f->min);
    if (f->max != 0) {
        strbuf_addf(&hint, ", at most %llu", (unsigned long long)f->max);
    }
    return fail_typed(c, n, text, "not a whole number that fits here", memory);
}

bool conf_read_enum(struct conf *c, const struct conf_node *n, const struct conf_name *names,
                    int *value)
{
    const char *text = conf_scalar(c, n);
    const char *words[CONF_KEYS_MAX];
    char memory[CONF_HINT_MAX], message[128];
    struct strbuf hint, what;
    size_t count = 0;

    if (text == NULL) {
        return false;
    }
    for (const struct conf_name *m = names; m->name != NULL && count < CONF_KEYS_MAX; m++) {
        if (strcmp(m->name, text) == 0) {
            *value = m->value;
            return true;
        }
        words[count++] = m->name;
    }
    strbuf_init(&hint, memory, sizeof memory);
    conf_suggest(text, words, count, &hint);
    strbuf_init(&what, message, sizeof message);
    strbuf_addf(&what, "unknown value \"%.64s\"", text);
    return fail_typed(c, n, text, message, memory);
}

bool conf_read_texts(struct conf *c, const struct conf_node *n, struct conf_texts *out)
{
    size_t count = conf_is_list(n) ? conf_length(n) : 1;

    /* One more than needed, so that an empty list differs from a list that was not given. */
    out->item = arena_get(c->arena, count + 1, sizeof *out->item);
    out->count = count;
    if (out->item == NULL) {
        return conf_fail(c, n, NULL, "the file is too large");
    }
    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        const struct conf_node *item = conf_is_list(n) ? conf_item(n, i, &memory) : n;
        out->item[i] = conf_scalar(c, item);
        if (out->item[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool parse_range(struct span s, struct conf_range *out)
{
    size_t dots = span_find(s, SPAN(".."));
    struct span low = span_to(s, dots), high;

    if (span_equal(s, SPAN("none"))) {
        *out = (struct conf_range){0, 0};
        return true;
    }
    if (dots == SIZE_MAX) {
        bool number = plain_number(s, UINT64_MAX, &out->min);
        out->max = out->min;
        return number;
    }
    high = span_from(s, dots + 2);
    out->min = 0;
    out->max = UINT64_MAX;
    return low.len + high.len > 0 && (low.len == 0 || plain_number(low, UINT64_MAX, &out->min)) &&
           (high.len == 0 || plain_number(high, UINT64_MAX, &out->max)) && out->min <= out->max;
}

bool conf_read_range(struct conf *c, const struct conf_node *n, struct conf_range *out)
{
    const char *text = conf_scalar(c, n);

    return text != NULL && (parse_range(span_of(text), out) ||
                            fail_typed(c, n, text, "not a count or range of counts",
                                       "write 3, 1.., ..4, 2..5 or none"));
}

static bool read_list(struct conf *c, const struct conf_node *n, const struct conf_field *f,
                      void *target)
{
    bool map = f->type == CONF_MAP, one = !map && conf_is_map(n);
    size_t count = one ? 1 : conf_length(n);
    char *items;

    if (!one && (map ? !conf_is_map(n) : !conf_is_list(n))) {
        return conf_fail(c, n, f->example, "expected a %s, each of it a %s",
                         map ? "mapping of names" : "list", f->sub->name);
    }
    if (f->max != 0 && count > f->max) {
        return conf_fail(c, n, NULL, "more than %llu of \"%s\"", (unsigned long long)f->max,
                         f->name);
    }
    items = arena_get(c->arena, count + 1, f->sub->size);
    if (items == NULL) {
        return conf_fail(c, n, NULL, "the file is too large");
    }
    for (size_t i = 0; i < count; i++) {
        struct conf_node_value memory;
        char *item = items + i * f->sub->size;
        const char *key = NULL;
        const struct conf_node *value = one   ? n
                                        : map ? conf_pair(c, n, i, &memory, &key)
                                              : conf_item(n, i, &memory);
        if (value == NULL || !conf_read_struct(c, value, f->sub, item)) {
            return false;
        }
        if (map) {
            memcpy(item, &key, sizeof key);
        }
    }
    memcpy((char *)target + f->offset, &items, sizeof items);
    memcpy((char *)target + f->count_offset, &count, sizeof count);
    return true;
}

static bool read_text(struct conf *c, const struct conf_node *n, const char **out)
{
    *out = conf_scalar(c, n);
    return *out != NULL;
}

static bool read_enum(struct conf *c, const struct conf_node *n, const struct conf_field *f,
                      void *at)
{
    int value = 0;

    if (!conf_read_enum(c, n, f->names, &value)) {
        return false;
    }
    memcpy(at, &value, sizeof value);
    return true;
}

bool conf_read_value(struct conf *c, const struct conf_node *n, const struct conf_field *f,
                     void *target)
{
    void *at = (char *)target + f->offset;

    switch (f->type) {
    case CONF_TEXT:
        return read_text(c, n, at);
    case CONF_BOOL:
        return read_bool(c, n, at);
    case CONF_UINT:
        return read_uint(c, n, f, at);
    case CONF_DURATION:
        return conf_read_duration(c, n, at);
    case CONF_ENUM:
        return read_enum(c, n, f, at);
    case CONF_TEXTS:
        return conf_read_texts(c, n, at);
    case CONF_RANGE:
        return conf_read_range(c, n, at);
    case CONF_STRUCT:
        return conf_read_struct(c, n, f->sub, at);
    case CONF_STRUCTS:
    case CONF_MAP:
        return read_list(c, n, f, target);
    case CONF_CUSTOM:
        return f->parse(c, n, at);
    case CONF_INCLUDE:
        break;
    }
    return conf_fail(c, n, NULL, "\"%s\" has no value of its own", f->name);
}
