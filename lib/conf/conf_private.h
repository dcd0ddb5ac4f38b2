/*
 * conf_private.h - what the files of lib/conf share
 *
 * Nobody else includes this: conf.h is the interface.
 */
#ifndef RELAYLAB_LIB_CONF_CONF_PRIVATE_H
#define RELAYLAB_LIB_CONF_CONF_PRIVATE_H

#include <yaml.h>

#include "lib/conf/conf.h"

enum { CONF_HINT_MAX = 256, CONF_KEYS_MAX = 96, CONF_PAIRS_MAX = 4096, CONF_SCALAR_MAX = 65536 };

struct conf_node {
    void *document; /* yaml_document_t */
    void *node;     /* yaml_node_t */
};

yaml_node_t *conf_yaml(const struct conf_node *n);
/* First pass, over events: refuses what the restricted language leaves out. */
bool conf_scan(struct conf *c);
/* Between the passes: keys must be plain texts, each given once. */
bool conf_check_keys(struct conf *c, yaml_document_t *document);
bool conf_fail_yaml(struct conf *c, const yaml_parser_t *p);
/* An error at the key of a pair. */
bool conf_fail_mark(struct conf *c, yaml_mark_t start, yaml_mark_t end, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
bool conf_read_value(struct conf *c, const struct conf_node *n, const struct conf_field *f,
                     void *target);
/* "did you mean "x"?" or "one of: a, b, c", into hint. */
void conf_suggest(const char *word, const char *const *names, size_t count, struct strbuf *hint);
/* The index-th field of a table, those of included tables in their place; NULL past the end. */
const struct conf_field *conf_field_at(const struct conf_table *t, size_t index, size_t *base);
/* The index-th line of the text, 1-based, without its line end. */
struct span conf_line(const struct conf *c, size_t line);

#endif
