/*
 * case_tables.h - private to case*.c: the tables of a case's keys
 */
#ifndef RELAYLAB_SCENARIOS_CASE_CASE_TABLES_H
#define RELAYLAB_SCENARIOS_CASE_CASE_TABLES_H

#include "scenarios/case/case.h"

extern const struct conf_field case_fields[]; /* `servers` has no sub-table yet */
extern const size_t case_field_count;
extern const struct conf_table case_server_own_table; /* the keys that mockmta's server_table has
                                                         not */

bool case_parse_expect(struct conf *c, const struct conf_node *n, void *target);
bool case_parse_dialogue(struct conf *c, const struct conf_node *n, void *target);
bool case_parse_matrix(struct conf *c, const struct conf_node *n, void *target);
extern const struct conf_table case_mailbox_table; /* case_mailbox.c */

/* Checks of tables: what one mapping shows by itself. */
bool case_check_probe(struct conf *conf, const struct conf_node *n, void *target);
bool case_check_mailbox(struct conf *conf, const struct conf_node *n, void *target);
bool case_check_vantage(struct conf *conf, const struct conf_node *n, void *target);
bool case_check_names(struct conf *conf, struct case_file *c);

#endif
