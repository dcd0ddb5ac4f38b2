/*
 * tally.c - counts, and a bit for each verdict that was seen
 */
#include "scenarios/report/tally.h"

#include <stdlib.h>

void tally_add(struct event_tally *t, const struct outcome *out)
{
    if (out->verdict >= 0)
        t->verdicts |= 1u << out->verdict;
    switch (out->status) {
    case OUTCOME_PASSED:
        t->passed++;
        return;
    case OUTCOME_FAILED:
        t->failed++;
        return;
    case OUTCOME_SKIPPED:
        t->skipped++;
        return;
    }
}

unsigned tally_verdicts(const struct event_tally *t)
{
    unsigned count = 0;

    for (unsigned bits = t->verdicts; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

bool tally_is_flaky(const struct event_tally *t)
{
    return (t->passed > 0 && t->failed > 0) || tally_verdicts(t) > 1;
}

struct event_flaky *tally_flaky(const struct event_tally *t, const char *const *names,
                                size_t per_round, size_t *count)
{
    struct event_flaky *list = calloc(per_round + 1, sizeof *list);

    *count = 0;
    for (size_t i = 0; list != NULL && i < per_round; i++) {
        struct event_flaky *f = &list[*count];

        if (!tally_is_flaky(&t[i]))
            continue;
        bytes_copy(f->id, sizeof f->id, span_of(names[i]));
        f->passed = t[i].passed;
        f->failed = t[i].failed;
        f->verdicts = tally_verdicts(&t[i]);
        (*count)++;
    }
    return list;
}
