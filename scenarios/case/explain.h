/*
 * explain.h - a case in words: who is there, what is asked, what must come out
 */
#ifndef RELAYLAB_SCENARIOS_CASE_EXPLAIN_H
#define RELAYLAB_SCENARIOS_CASE_EXPLAIN_H

#include "scenarios/case/case.h"

void explain_case(const struct case_file *c, struct strbuf *out);

#endif
