/*
 * score_numbers.h - the rows of a detector's numbers, the same in text and Markdown (private)
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_SCORE_NUMBERS_H
#define RELAYLAB_SCENARIOS_ADAPTER_SCORE_NUMBERS_H

#include "scenarios/adapter/score.h"

struct score_number {
    const char *name;
    void (*print)(const struct score_sum *sum, struct strbuf *out);
};

extern const struct score_number score_numbers[];
extern const size_t score_number_count;

#endif
