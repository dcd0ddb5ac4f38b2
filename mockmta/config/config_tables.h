/*
 * config_tables.h - what the loader's tables share
 *
 * Private to mockmta's loader: load.h is the interface.
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_CONFIG_TABLES_H
#define RELAYLAB_MOCKMTA_CONFIG_CONFIG_TABLES_H

#include "mockmta/config/load.h"

extern const struct conf_name event_names[]; /* of `at:`, with "any" */
extern const struct conf_table when_table, nth_table, fate_table, reply_table, shape_table;

/* `at:` one name or a list into the bit set. */
bool parse_at(struct conf *c, const struct conf_node *n, void *target);
bool parse_networks(struct conf *c, const struct conf_node *n, struct network **out, size_t *count);
/* CUSTOM parsers of a rule's keys; target is the struct rule itself. */
bool parse_reply(struct conf *c, const struct conf_node *n, void *target);
bool parse_fate(struct conf *c, const struct conf_node *n, void *target);
/* ${name} in a text that is sent or logged: the name must be one that the server knows. */
bool check_templates(struct conf *c, const struct conf_node *n, const char *text);
/* An enhanced status code (RFC 3463: class 2, 4 or 5). */
bool enhanced_valid(struct span s);
/* The value of `key` in a mapping, or the mapping itself when there is none: for pointing at. */
const struct conf_node *node_of_key(struct conf *c, const struct conf_node *map, const char *key,
                                    struct conf_node_value *memory);
/* Combinations of keys that mean nothing are refused here. */
bool check_rule(struct conf *c, const struct conf_node *n, void *target);

#endif
