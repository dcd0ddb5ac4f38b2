/*
 * evidence.h - what was said about each form, kept so that what is alike is kept once
 *
 * A server that refuses everything says the same to eighty forms, but for the addresses in it. So a
 * line is kept with marks where the form's own recipient, sender or token stands; equal lines are
 * one, equal dialogues are one, and a form has no more than a number. Printed is what was said:
 * the marks become the form's addresses again.
 *
 *     evidence_line(e, r, 'C', line) ...     a dialogue begins anew with each MAIL
 *     evidence_print_dialogue(e, r, out)     "C: MAIL FROM:<...>\n" "S: 250 ok\n" ...
 *
 * Ownership: one growing block of the probe's memory; evidence_clear gives it back. `who` is
 * borrowed and must not change once a line was kept. Limits: EVIDENCE_DIALOGUE_MAX octets of a
 * dialogue, as kept, and EVIDENCE_MAX of all of them; lines beyond are left out, and other texts
 * beyond twice as much. Errors: what there is no memory for is left out, and memory.failed says so.
 */
#ifndef RELAYLAB_PROBE_EVIDENCE_H
#define RELAYLAB_PROBE_EVIDENCE_H

#include "probe/memory.h"
#include "probe/verdict.h"

enum {
    EVIDENCE_MAX = 131072,
    EVIDENCE_DIALOGUE_MAX = 1024,
    EVIDENCE_BUCKETS = 32,
    EVIDENCE_TEXT_MAX = 1280
};

struct evidence {
    const struct form_identity *who;
    struct memory *memory;
    char *block; /* entries; a number is an offset in steps of four octets, 0 none */
    uint32_t used, cap;
    uint16_t texts[EVIDENCE_BUCKETS], turns[EVIDENCE_BUCKETS]; /* the first of each chain */
};

void evidence_init(struct evidence *e, const struct form_identity *who, struct memory *memory);
void evidence_clear(struct evidence *e);
/* A line of the form's dialogue; `text` as it was sent or heard, without its line end. */
void evidence_line(struct evidence *e, struct form_result *r, char direction, struct span text);
/* Another text, about the form or (r NULL) about none, visible characters: its number, 0 when there
 * is no room or nothing to keep. */
uint16_t evidence_keep(struct evidence *e, const struct form_result *r, struct span text);
/* The text of that number and of the same form, written into `room`; empty for 0, and when e is
 * NULL. */
struct span evidence_text(const struct evidence *e, const struct form_result *r, uint16_t number,
                          char *room, size_t cap);
/* A text about no form, as it stands in the block: until the next one is kept. */
struct span evidence_plain(const struct evidence *e, uint16_t number);
void evidence_print_dialogue(const struct evidence *e, const struct form_result *r,
                             struct strbuf *out);

#endif
