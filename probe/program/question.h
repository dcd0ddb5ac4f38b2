/*
 * question.h - what is asked about one target: each of its hosts, on each port, over IPv4 and IPv6,
 * from each address of ours
 *
 * A target that is an address is one question. --ports, --source given several times, --all-mx and
 * a name with addresses of both families make several; they are asked one after another, each with
 * tokens, a run and a report of its own. Within a question the addresses of a host are tried until
 * an SMTP server answers.
 *
 *     for (more = question_first(&q, o, t); more; more = question_next(&q, o, t)) ...
 *
 * Ownership: a question is a value; options and target are lent, the same to every call.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_QUESTION_H
#define RELAYLAB_PROBE_PROGRAM_QUESTION_H

#include "probe/program/options.h"

enum { QUESTION_NAME_MAX = 2 * TARGET_NAME_MAX + 2 * ENDPOINT_TEXT_MAX };

struct question {
    unsigned number;         /* private */
    size_t at, end;          /* the address that is asked; where its host's end */
    struct endpoint address; /* the same, with the question's port */
    struct endpoint source;  /* ours; family 0: any */
    uint8_t source_index;    /* in options */
};

/* False: there is none (no address that --source and --family allow). */
bool question_first(struct question *q, const struct options *o, const struct target *t);
bool question_next(struct question *q, const struct options *o, const struct target *t);
/* Goes on to the next address of the same question; false: there is none, and q is as it was. */
bool question_at_other(struct question *q, const struct target *t);
/* At most so many, of any target. */
size_t question_count_max(const struct options *o, const struct target *t);
/* The question as the user would name it: the target's text, and what tells it from the target's
 * other questions: "mx.test:587 over IPv6 from 192.0.2.9". */
void question_name(const struct question *q, const struct options *o, const struct target *t,
                   struct strbuf *out);
/* What tells it apart from others of the same text and address number; empty where nothing was
 * asked for that could. It is an input of a run's name, so it stays the same for ever. */
void question_key(const struct question *q, const struct options *o, const struct target *t,
                  struct strbuf *out);
/* "The name has other addresses, which were not asked: ...", or nothing. */
void question_others(const struct question *q, const struct target *t, struct strbuf *out);

#endif
