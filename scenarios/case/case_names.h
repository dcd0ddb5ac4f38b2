/*
 * case_names.h - private to case*.c: the table of a case's `dns` names
 */
#ifndef RELAYLAB_SCENARIOS_CASE_CASE_NAMES_H
#define RELAYLAB_SCENARIOS_CASE_CASE_NAMES_H

#include "scenarios/case/case.h"

extern const struct conf_table case_name_table;

/* The names are names, their servers exist; `probe.target` may be one of them. */
bool case_check_dns(struct conf *conf, const struct case_file *c);
/* `probe.target` is looked up; then `server`, or the first, is the one that is meant to answer. */
bool case_target_is_name(const struct case_file *c);

#endif
