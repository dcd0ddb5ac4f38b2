/*
 * conf.h - restricted YAML into C structs, by tables, with exact error positions
 *
 * A table of fields (name, type, where in the struct, enum values, one line of doc) is the single
 * source of the loader, of "did you mean", of the JSON Schema (conf_schema.h) and of the reference
 * page. libyaml's document API gives the positions.
 *
 * Restricted: no anchors, aliases, tags, several documents; depth 8, size 1 MiB; duplicate and
 * unknown keys are errors; scalars are raw text that is typed here (300s is a duration, 010 is not
 * eight, on is not true).
 *
 * Ownership: what is loaded lives in conf->arena; the text must outlive error reporting only.
 * Errors: the first one, in conf->error, already formatted over several lines:
 *     greylist.yaml:14:12: error: not a duration
 *        14 |     delay: 5 minutes
 *           |            ^^^^^^^^^ write a number and a unit: 300s, 5min, 250ms
 */
#ifndef RELAYLAB_LIB_CONF_CONF_H
#define RELAYLAB_LIB_CONF_CONF_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"

enum { CONF_DEPTH_MAX = 8, CONF_SIZE_MAX = 1048576, CONF_ERROR_MAX = 2048 };

struct conf_position {
    unsigned line, column; /* 1-based; 0: nowhere */
};

struct conf_binding { /* ${name} in scalars is replaced before typing (matrix); other ${...} are
                         left alone */
    const char *name;
    const char *value;
};

struct conf {
    struct arena *arena;
    const char *file; /* name for messages */
    struct span text;
    const struct conf_binding *bindings;
    size_t binding_count;
    bool failed;
    char error[CONF_ERROR_MAX];
};

struct conf_node; /* a YAML node with its document: opaque; valid during a parse call */

enum conf_type {
    CONF_TEXT,     /* const char * */
    CONF_BOOL,     /* bool; true|false */
    CONF_UINT,     /* uint64_t within min..max; decimal, no leading zeros */
    CONF_DURATION, /* int64_t ns */
    CONF_ENUM,     /* int (an enum) from `names` */
    CONF_TEXTS,    /* struct conf_texts; a scalar counts as a list of one */
    CONF_RANGE,    /* struct conf_range: 3, 1.., ..4, 2..5, none (0..0) */
    CONF_STRUCT,   /* in place, by `sub` */
    CONF_STRUCTS,  /* list of structs by `sub` (one alone counts as a list of one): pointer at
                      offset, size_t count at  count_offset */
    CONF_MAP,      /* mapping name -> struct by `sub`; the struct begins with const char *name; as
                      CONF_STRUCTS */
    CONF_INCLUDE, /* the keys of `sub` stand beside ours, its struct is at offset; one level, no key
                     of its own */
    CONF_CUSTOM   /* `parse` reads the node itself */
};

struct conf_texts {
    const char **item;
    size_t count;
};

struct conf_range {
    uint64_t min, max;
};

struct conf_name {
    const char *name;
    int value;
    const char *doc;
};

enum { CONF_REQUIRED = 1 };

struct conf_table;

struct conf_field {
    const char *name;
    enum conf_type type;
    unsigned flags;
    size_t offset;
    size_t count_offset; /* STRUCTS and MAP */
    size_t set_offset;   /* a bool to set when the key was given; 0: none (offset 0 is never a set
                            flag) */
    uint64_t min, max;   /* UINT; max 0: no limit. STRUCTS and MAP: at most max items */
    const struct conf_name *names; /* ENUM; for CUSTOM: values for the schema, may be NULL */
    const struct conf_table *sub;
    bool (*parse)(struct conf *c, const struct conf_node *n, void *target); /* CUSTOM: target is
                                                                               struct + offset */
    const char *doc;                                                        /* one line */
    const char *example; /* shown in hints, or NULL */
};

struct conf_table {
    const char *name; /* "rule", "server", for messages: unknown key in a rule */
    const char *doc;
    const struct conf_field *fields;
    size_t field_count;
    size_t size; /* of the struct */
    /* Called on each struct before its fields are read (defaults) and after (checks across fields);
     * may be NULL. */
    void (*defaults)(void *target);
    bool (*check)(struct conf *c, const struct conf_node *n, void *target);
    size_t position_offset; /* of a struct conf_position to fill in; 0: none */
    bool lenient;           /* unknown keys are passed over: for a first look at a part of a file */
};

void conf_init(struct conf *c, struct arena *arena, const char *file, struct span text);
/* Reads the whole document by the table into target (zeroed, defaults applied first). False:
 * c->error. */
bool conf_load(struct conf *c, const struct conf_table *table, void *target);

/* For CUSTOM parsers. */
bool conf_is_scalar(const struct conf_node *n);
bool conf_is_list(const struct conf_node *n);
bool conf_is_map(const struct conf_node *n);
/* The scalar with bindings applied, in the arena; an error (and NULL) when n is none. */
const char *conf_scalar(struct conf *c, const struct conf_node *n);
bool conf_scalar_quoted(const struct conf_node *n);
struct conf_position conf_position(const struct conf_node *n);
size_t conf_length(const struct conf_node *n); /* items or pairs */
/* The i-th item, or the value of the i-th pair with its key; the callback style avoids allocation:
   out nodes are small values. */
struct conf_node_value {
    void *priv[3];
};
const struct conf_node *conf_item(const struct conf_node *n, size_t index,
                                  struct conf_node_value *memory);
const struct conf_node *conf_pair(struct conf *c, const struct conf_node *n, size_t index,
                                  struct conf_node_value *memory, const char **key);
bool conf_read_struct(struct conf *c, const struct conf_node *n, const struct conf_table *table,
                      void *target);
bool conf_read_enum(struct conf *c, const struct conf_node *n, const struct conf_name *names,
                    int *value);
bool conf_read_texts(struct conf *c, const struct conf_node *n, struct conf_texts *out);
bool conf_read_duration(struct conf *c, const struct conf_node *n, int64_t *out);
bool conf_read_range(struct conf *c, const struct conf_node *n, struct conf_range *out);

/* Records an error (the first stays) and returns false, so that parsers can `return
   conf_fail(...)`. hint goes behind the caret; NULL: none. */
bool conf_fail(struct conf *c, const struct conf_node *n, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool conf_fail_at(struct conf *c, struct conf_position at, size_t length, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The name in the list that is closest to `word` (edit distance 2 at most), or NULL. */
const char *conf_nearest(const char *word, const char *const *names, size_t count);

/* JSON Schema draft-07 of a table, and a Markdown reference of it. */
void conf_schema(const struct conf_table *root, const char *title, struct strbuf *out);
void conf_reference(const struct conf_table *root, struct strbuf *out);

#endif
