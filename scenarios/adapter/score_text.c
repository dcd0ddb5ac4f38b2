/*
 * score_text.c - the scorecard for a terminal, and for a page
 *
 * Both are the same three tables: detectors in columns; numbers, caveats and cases in rows. Text
 * numbers its columns, since names of detectors are long.
 */
#include "scenarios/adapter/score_numbers.h"

#include <string.h>

enum { FIRST_WIDTH = 46, CELL_WIDTH = 13 };

static void print_missed(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->missed);
}

static void print_alarms(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->alarms);
}

static void print_decided(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->decided);
    strbuf_addc(out, '/');
    strbuf_addu(out, s->decidable);
}

static void print_silent(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->silent);
}

static void print_coverage(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->passed);
    strbuf_addc(out, '/');
    strbuf_addu(out, s->applicable);
    strbuf_addc(out, '/');
    strbuf_addu(out, s->total);
}

static void print_mails(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->use.mails);
}

static void print_connections(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->use.connections);
}

static void print_after_quit(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->use.after_quit);
}

static void print_bare_lfs(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, s->use.bare_lfs);
}

static void print_wall(const struct score_sum *s, struct strbuf *out)
{
    strbuf_addu(out, (uint64_t)(s->wall_ns / CLOCK_SECOND));
    strbuf_adds(out, " s");
}

const struct score_number score_numbers[] = {
    {"missed relays", print_missed},
    {"false alarms", print_alarms},
    {"decided / decidable", print_decided},
    {"no verdict (crash, time limit, silence)", print_silent},
    {"coverage: passed / applicable / total", print_coverage},
    {"mails sent", print_mails},
    {"connections", print_connections},
    {"commands after QUIT", print_after_quit},
    {"bare LFs", print_bare_lfs},
    {"wall time", print_wall},
};

const size_t score_number_count = sizeof score_numbers / sizeof score_numbers[0];

struct table { /* where a cell begins and ends */
    struct strbuf *out;
    bool markdown;
};

static void pad(struct strbuf *out, size_t start, size_t width)
{
    while (out->len - start < width && !out->truncated)
        strbuf_addc(out, ' ');
}

static void cell(const struct table *t, size_t column, const char *text)
{
    size_t start = t->out->len;

    if (t->markdown) {
        strbuf_addf(t->out, "%s %s |", column == 0 ? "|" : "", text);
        return;
    }
    strbuf_adds(t->out, text);
    strbuf_adds(t->out, "  ");
    pad(t->out, start, column == 0 ? FIRST_WIDTH : CELL_WIDTH);
}

static void end_row(const struct table *t)
{
    if (!t->markdown)
        while (t->out->len > 0 && t->out->ptr[t->out->len - 1] == ' ')
            t->out->len--;
    strbuf_addc(t->out, '\n');
}

static bool is_shown(const struct score_detector *d)
{
    return d->unscored[0] == '\0';
}

static void head(const struct score *s, const struct table *t, const char *first,
                 const char *second)
{
    size_t columns = second != NULL ? 2 : 1;

    cell(t, 0, first);
    if (second != NULL)
        cell(t, 1, second);
    for (size_t i = 0; i < s->detector_count; i++) {
        char number[24];
        struct strbuf b;

        if (!is_shown(&s->detectors[i]))
            continue;
        strbuf_init(&b, number, sizeof number);
        strbuf_addu(&b, i + 1);
        cell(t, columns++, t->markdown ? s->detectors[i].manifest.adapter.name : number);
    }
    end_row(t);
    if (!t->markdown)
        return;
    strbuf_addc(t->out, '|');
    for (size_t i = 0; i < columns; i++)
        strbuf_adds(t->out, "---|");
    strbuf_addc(t->out, '\n');
}

static void write_numbers(const struct score *s, const struct table *t)
{
    head(s, t, "all cases", NULL);
    for (size_t i = 0; i < score_number_count; i++) {
        cell(t, 0, score_numbers[i].name);
        for (size_t k = 0; k < s->detector_count; k++) {
            char text[64];
            struct strbuf b;

            if (!is_shown(&s->detectors[k]))
                continue;
            strbuf_init(&b, text, sizeof text);
            score_numbers[i].print(&s->detectors[k].sum, &b);
            cell(t, k + 1, text);
        }
        end_row(t);
    }
}

static void write_groups(const struct score *s, const struct table *t)
{
    head(s, t, "passed / applicable, by caveat", NULL);
    for (size_t i = 0; i < s->group_count; i++) {
        cell(t, 0, s->group[i]);
        for (size_t k = 0; k < s->detector_count; k++) {
            struct score_sum sum;
            char text[64];
            struct strbuf b;

            if (!is_shown(&s->detectors[k]))
                continue;
            score_sum_group(s, &s->detectors[k], s->group[i], &sum);
            strbuf_init(&b, text, sizeof text);
            strbuf_addf(&b, "%llu/%llu", (unsigned long long)sum.passed,
                        (unsigned long long)sum.applicable);
            cell(t, k + 1, text);
        }
        end_row(t);
    }
}

static void write_cases(const struct score *s, const struct table *t)
{
    head(s, t, "case", "truth");
    for (size_t i = 0; i < s->task.job_count; i++) {
        const struct outcome *o = score_case(s, i);

        if (o == NULL)
            continue;
        cell(t, 0, o->id);
        cell(t, 1, o->truth != TRUTH_UNSET ? case_truth_name(o->truth) : "-");
        for (size_t k = 0; k < s->detector_count; k++)
            if (is_shown(&s->detectors[k]))
                cell(t, k + 2, score_cell(&s->detectors[k], i));
        end_row(t);
    }
}

static void write_detectors(const struct score *s, const struct table *t)
{
    for (size_t i = 0; i < s->detector_count; i++) {
        const struct score_detector *d = &s->detectors[i];
        const struct adapter *a = &d->manifest.adapter;

        if (t->markdown)
            strbuf_addf(t->out, "- **%s**", a->name);
        else
            strbuf_addf(t->out, "%3zu  %s", i + 1, a->name);
        if (d->version[0] != '\0')
            strbuf_addf(t->out, " %s", d->version);
        strbuf_addf(t->out, ": %s%s", a->title, a->words == WORDS_SEVEN ? "; seven words" : "");
        if (a->baseline)
            strbuf_adds(t->out, "; a baseline");
        if (d->unscored[0] != '\0')
            strbuf_addf(t->out, "; NOT SCORED: %s", d->unscored);
        strbuf_addc(t->out, '\n');
    }
    strbuf_addc(t->out, '\n');
}

static void write_all(const struct score *s, const struct table *t)
{
    write_detectors(s, t);
    write_numbers(s, t);
    strbuf_addc(t->out, '\n');
    if (s->group_count > 0) {
        write_groups(s, t);
        strbuf_addc(t->out, '\n');
    }
    write_cases(s, t);
}

void score_text(const struct score *s, struct strbuf *out)
{
    write_all(s, &(struct table){.out = out});
}

void score_markdown(const struct score *s, struct strbuf *out)
{
    write_all(s, &(struct table){.out = out, .markdown = true});
}
