/*
 * ruling.c - two ways of reading one table
 */
#include "scenarios/adapter/ruling.h"

int ruling_expected(const struct case_file *c)
{
    int expected = -1;

    for (size_t i = 0; i < c->expect_count; i++)
        if (c->expect[i].verdict >= 0 && case_applies(c, &c->expect[i]))
            expected = c->expect[i].verdict;
    return expected;
}

static bool is_fate(int verdict)
{
    return verdict == VERDICT_BOUNCES || verdict == VERDICT_DISCARDS || verdict == VERDICT_ACCEPTS;
}

enum mark ruling_mark(enum adapter_words words, int truth, int expected, enum verdict said)
{
    if ((int)said == expected)
        return MARK_RIGHT;
    if (words == WORDS_FOUR && truth != TRUTH_OPEN && is_fate(expected) &&
        (said == VERDICT_INCONCLUSIVE || said == VERDICT_CLOSED))
        return MARK_RIGHT;
    return judge_mark(truth, said);
}

/* Some truths cannot be seen by whoever asks: behind a blocklist, or when the line breaks. The case
   says so by what it expects. */
static bool is_decidable(const struct case_file *c, int expected)
{
    return (c->truth == TRUTH_OPEN || c->truth == TRUTH_CLOSED) &&
           expected != VERDICT_INCONCLUSIVE && expected != VERDICT_UNREACHABLE &&
           expected != VERDICT_ACCEPTS;
}

static void fill(const struct contest_result *r, struct outcome *out)
{
    out->verdict = r->said.verdict;
    out->said = (int)r->said.kind;
    out->confidence = r->said.confidence;
    out->elapsed_ns = r->elapsed_ns;
    out->use = r->use;
    out->connections = r->use.connections;
    out->commands = r->use.commands;
    out->deliveries = r->deliveries;
    bytes_copy(out->reason_code, sizeof out->reason_code,
               span_of(r->said.kind == SAID_VERDICT
                           ? adapter_confidence_names[r->said.confidence].name
                           : said_kind_name(r->said.kind)));
    bytes_copy(out->reason, sizeof out->reason,
               span_of(r->trouble[0] != '\0' ? r->trouble : r->said.note));
}

static unsigned wrong(const struct case_file *c, int expected, const struct outcome *out,
                      struct strbuf *failures)
{
    strbuf_addf(failures, "%s\n  truth:    %s\n", ruling_failed_as(out), case_truth_name(c->truth));
    if (expected >= 0)
        strbuf_addf(failures, "  expected: %s\n", adapter_verdict_name(expected));
    strbuf_addf(failures, "  said:     %s", adapter_verdict_name(out->verdict));
    if (out->reason[0] != '\0') {
        strbuf_adds(failures, " (");
        strbuf_add_visible(failures, span_of(out->reason));
        strbuf_addc(failures, ')');
    }
    strbuf_addc(failures, '\n');
    return 1;
}

unsigned ruling_judge(const struct adapter *a, const struct case_file *c,
                      const struct contest_result *r, struct outcome *out, struct strbuf *failures)
{
    const enum adapter_words words = (enum adapter_words)a->words;
    const int expected = ruling_expected(c);

    out->mark = MARK_UNDECIDED;
    out->decidable = is_decidable(c, expected);
    fill(r, out);
    if (r->stragglers > 0)
        strbuf_addf(failures, "%u processes outlived the detector and were ended\n", r->stragglers);
    if (r->said.kind != SAID_VERDICT)
        return wrong(c, expected, out, failures) + (r->stragglers > 0);
    out->mark = ruling_mark(words, c->truth, expected, (enum verdict)r->said.verdict);
    if (out->mark != MARK_RIGHT ||
        (words == WORDS_SEVEN && expected >= 0 && r->said.verdict != expected))
        return wrong(c, expected, out, failures) + (r->stragglers > 0);
    return r->stragglers > 0;
}

const char *ruling_failed_as(const struct outcome *out)
{
    if (out->said != (int)SAID_VERDICT)
        return said_kind_name((enum said_kind)out->said);
    return out->mark == MARK_RIGHT ? "verdict" : mark_name(out->mark);
}
