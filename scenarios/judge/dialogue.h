/*
 * dialogue.h - what was said: held against patterns, and compared between worlds
 *
 * A pattern is one line, "S: ..." or "C: ...", in which {any} stands for any text. Patterns must
 * come in their order; lines may stand between them.
 *
 * Parity: the same case in two worlds gives the same dialogue, once what must differ is replaced:
 * tokens, queue ids, dates, and ports.
 */
#ifndef RELAYLAB_SCENARIOS_JUDGE_DIALOGUE_H
#define RELAYLAB_SCENARIOS_JUDGE_DIALOGUE_H

#include "scenarios/judge/record.h"

bool dialogue_match(struct span line, struct span pattern);
/* All patterns (one per line of `patterns`) hold for that connection; else *missing is the first
 * that did not. */
bool dialogue_holds(const struct record *r, unsigned server, uint64_t connection,
                    struct span patterns, struct span *missing);
/* One line with what differs from run to run replaced: {token}, {queue-id}, {date}, {port}. */
void dialogue_normalise(const struct record *r, struct span line, struct strbuf *out);
/* Every connection of a server, in order, normalised, one line each. */
void dialogue_print(const struct record *r, unsigned server, struct strbuf *out);
/* The first line in which two texts differ; false when they are equal. */
bool dialogue_difference(struct span a, struct span b, struct span *line_a, struct span *line_b,
                         unsigned *line);

#endif
