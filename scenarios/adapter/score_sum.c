/*
 * score_sum.c - cells into numbers
 *
 * Applicable is what the detector was asked: neither virtual only nor declared unsupported. All
 * other numbers are of applicable cases.
 */
#include "scenarios/adapter/ruling.h"
#include "scenarios/adapter/score.h"

#include <string.h>

static bool is_there(const struct outcome *o)
{
    return o->id[0] != '\0';
}

const struct outcome *score_case(const struct score *s, size_t index)
{
    for (size_t i = 0; i < s->detector_count; i++)
        if (s->detectors[i].unscored[0] == '\0' && is_there(&s->detectors[i].cells[index]))
            return &s->detectors[i].cells[index];
    return NULL;
}

static bool is_in_group(const struct outcome *o, const char *group)
{
    struct span rest = span_of(o->caveat), one;

    if (group == NULL)
        return true;
    while (rest.len > 0 && span_cut(&rest, ' ', &one))
        if (span_equal(one, span_of(group)))
            return true;
    return false;
}

/* 10 of "C10b". */
static uint64_t number_of(struct span name)
{
    struct span rest = span_from(name, 1);
    uint64_t number = 0;

    (void)span_uint(span_to(rest, strspn(rest.ptr, "0123456789")), 9999, &number);
    return number;
}

/* A7 before A14, and C10 before C10b: the letter, then the number, then the rest. */
static bool comes_before(struct span a, const char *b)
{
    struct span other = span_of(b);

    if (a.len == 0 || other.len == 0 || a.ptr[0] != other.ptr[0])
        return a.len > 0 && other.len > 0 && a.ptr[0] < other.ptr[0];
    uint64_t x = number_of(a), y = number_of(other);

    return x != y ? x < y : strcmp(a.ptr, b) < 0;
}

static void insert_group(struct score *s, struct span name)
{
    char text[SCORE_GROUP_LEN];
    size_t at = s->group_count;

    if (!bytes_copy(text, sizeof text, name) || s->group_count == SCORE_GROUPS_MAX)
        return;
    for (size_t i = 0; i < s->group_count; i++)
        if (strcmp(s->group[i], text) == 0)
            return;
    for (; at > 0 && comes_before(span_of(text), s->group[at - 1]); at--)
        memcpy(s->group[at], s->group[at - 1], SCORE_GROUP_LEN);
    memcpy(s->group[at], text, SCORE_GROUP_LEN);
    s->group_count++;
}

void score_list_groups(struct score *s)
{
    for (size_t i = 0; i < s->task.job_count; i++) {
        const struct outcome *o = score_case(s, i);
        struct span rest = span_of(o != NULL ? o->caveat : ""), one;

        while (rest.len > 0 && span_cut(&rest, ' ', &one))
            insert_group(s, one);
    }
}

static bool is_decision(const struct outcome *o)
{
    return o->said == (int)SAID_VERDICT && o->verdict >= 0 && o->verdict != VERDICT_INCONCLUSIVE &&
           o->verdict != VERDICT_UNREACHABLE && o->verdict != VERDICT_ACCEPTS;
}

static void add(struct score_sum *sum, const struct outcome *o)
{
    bool spoke = o->said == (int)SAID_VERDICT;

    sum->total++;
    if (o->status == OUTCOME_SKIPPED)
        return;
    sum->applicable++;
    sum->passed += o->status == OUTCOME_PASSED;
    sum->decidable += o->decidable;
    sum->decided += o->decidable && is_decision(o);
    sum->missed += spoke && o->mark == MARK_MISSED_RELAY;
    sum->alarms += spoke && o->mark == MARK_FALSE_ALARM;
    sum->undecided += spoke && o->mark == MARK_UNDECIDED;
    sum->silent += !spoke;
    sum->use.mails += o->use.mails;
    sum->use.connections += o->use.connections;
    sum->use.commands += o->use.commands;
    sum->use.after_quit += o->use.after_quit;
    sum->use.bare_lfs += o->use.bare_lfs;
    sum->wall_ns += o->elapsed_ns;
}

void score_sum_group(const struct score *s, const struct score_detector *d, const char *group,
                     struct score_sum *out)
{
    *out = (struct score_sum){.passed = 0};
    if (d->unscored[0] != '\0')
        return;
    for (size_t i = 0; i < s->task.job_count; i++)
        if (is_there(&d->cells[i]) && is_in_group(&d->cells[i], group))
            add(out, &d->cells[i]);
}

const char *score_cell(const struct score_detector *d, size_t index)
{
    const struct outcome *o = &d->cells[index];

    if (d->unscored[0] != '\0' || o->status == OUTCOME_SKIPPED || !is_there(o))
        return "-";
    if (o->status == OUTCOME_PASSED)
        return "right";
    if (o->said != (int)SAID_VERDICT)
        return said_kind_name((enum said_kind)o->said);
    switch (o->mark) {
    case MARK_FALSE_ALARM:
        return "ALARM";
    case MARK_MISSED_RELAY:
        return "MISSED";
    case MARK_UNDECIDED:
        return "undecided";
    case MARK_RIGHT:
        break;
    }
    return "other word";
}
