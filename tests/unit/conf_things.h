/*
 * conf_things.h - tables of a thing with a key of every type, and a text read by them
 *
 * Include after cmocka.h.
 */
#ifndef RELAYLAB_TESTS_UNIT_CONF_THINGS_H
#define RELAYLAB_TESTS_UNIT_CONF_THINGS_H

#include <stdio.h>
#include <string.h>

#include "lib/conf/conf.h"

enum colour { RED, GREEN };

struct inner {
    const char *name; /* of a map's item */
    uint64_t size;
    struct conf_position at;
};

struct shared {
    const char *label;
    bool checked;
};

struct outer {
    const char *text;
    bool yes;
    uint64_t number;
    int64_t pause_ns;
    int colour;
    struct conf_texts words;
    struct conf_range range;
    struct inner one;
    struct inner *many;
    size_t many_count;
    struct inner *named;
    size_t named_count;
    char odd[8];
    bool number_set;
    struct shared shared;
};

static const struct conf_name colours[] = {{"red", RED, ""}, {"green", GREEN, ""}, {NULL, 0, NULL}};

static const struct conf_field inner_fields[] = {
    {.name = "size",
     .type = CONF_UINT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct inner, size),
     .min = 1,
     .max = 10,
     .doc = "how large",
     .example = "3"},
};

static const struct conf_table inner_table = {
    .name = "box",
    .fields = inner_fields,
    .field_count = 1,
    .size = sizeof(struct inner),
    .position_offset = offsetof(struct inner, at),
};

static const struct conf_field shared_fields[] = {
    {.name = "label", .type = CONF_TEXT, .offset = offsetof(struct shared, label)},
};

static bool check_shared(struct conf *c, const struct conf_node *n, void *target)
{
    struct shared *s = target;

    s->checked = true;
    return s->label == NULL || strcmp(s->label, "bad") != 0 ||
           conf_fail(c, n, NULL, "the label is bad");
}

static const struct conf_table shared_table = {
    .name = "tag",
    .fields = shared_fields,
    .field_count = 1,
    .size = sizeof(struct shared),
    .check = check_shared,
};

static bool parse_odd(struct conf *c, const struct conf_node *n, void *target)
{
    const char *text = conf_scalar(c, n);

    if (text == NULL) {
        return false;
    }
    (void)snprintf(target, 8, "%.7s", text);
    return text[0] == 'o' || conf_fail(c, n, "write o...", "not odd");
}

#define AT(member) offsetof(struct outer, member)
static const struct conf_field outer_fields[] = {
    {.name = "text", .type = CONF_TEXT, .offset = AT(text)},
    {.name = "yes", .type = CONF_BOOL, .offset = AT(yes)},
    {.name = "number", .type = CONF_UINT, .offset = AT(number), .set_offset = AT(number_set)},
    {.name = "pause", .type = CONF_DURATION, .offset = AT(pause_ns)},
    {.name = "colour", .type = CONF_ENUM, .offset = AT(colour), .names = colours},
    {.name = "words", .type = CONF_TEXTS, .offset = AT(words)},
    {.name = "range", .type = CONF_RANGE, .offset = AT(range)},
    {.name = "one", .type = CONF_STRUCT, .offset = AT(one), .sub = &inner_table},
    {.name = "many",
     .type = CONF_STRUCTS,
     .offset = AT(many),
     .count_offset = AT(many_count),
     .max = 2,
     .sub = &inner_table},
    {.name = "named",
     .type = CONF_MAP,
     .offset = AT(named),
     .count_offset = AT(named_count),
     .max = 2,
     .sub = &inner_table},
    {.name = "odd", .type = CONF_CUSTOM, .offset = AT(odd), .parse = parse_odd},
    {.name = "shared", .type = CONF_INCLUDE, .offset = AT(shared), .sub = &shared_table},
};
#undef AT

static void outer_defaults(void *target)
{
    ((struct outer *)target)->number = 7;
}

static const struct conf_table outer_table = {
    .name = "thing",
    .fields = outer_fields,
    .field_count = sizeof outer_fields / sizeof outer_fields[0],
    .size = sizeof(struct outer),
    .defaults = outer_defaults,
};

static char block[1 << 20];

static inline bool load_bound(struct conf *c, struct arena *a, const char *text,
                              const struct conf_binding *bindings, size_t count, struct outer *out)
{
    arena_init(a, block, sizeof block);
    conf_init(c, a, "t.yaml", span_of(text));
    c->bindings = bindings;
    c->binding_count = count;
    return conf_load(c, &outer_table, out);
}

static inline bool load(struct conf *c, struct arena *a, const char *text, struct outer *out)
{
    return load_bound(c, a, text, NULL, 0, out);
}

#endif
