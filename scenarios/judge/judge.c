/*
 * judge.c - one small check per thing that can be expected
 *
 * Each check that fails adds a paragraph, so that one run shows all that is wrong. A mark is no
 * failure by itself when the case expects that very verdict: some servers are open by a form that
 * the battery does not ask.
 */
#include "scenarios/judge/judge.h"

#include "probe/evidence.h"
#include "scenarios/judge/dialogue.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

enum { VERDICT_COUNT = VERDICT_UNREACHABLE + 1 };

/* Rows: truth. Columns: verdict, in the order of enum verdict. */
static const enum mark marks[TRUTH_UNDECIDABLE + 1][VERDICT_COUNT] = {
    [TRUTH_OPEN] = {MARK_RIGHT, MARK_UNDECIDED, MARK_UNDECIDED, MARK_UNDECIDED, MARK_UNDECIDED,
                    MARK_MISSED_RELAY, MARK_UNDECIDED},
    [TRUTH_CLOSED] = {MARK_FALSE_ALARM, MARK_RIGHT, MARK_RIGHT, MARK_UNDECIDED, MARK_UNDECIDED,
                      MARK_RIGHT, MARK_UNDECIDED},
    [TRUTH_UNDECIDABLE] = {MARK_FALSE_ALARM, MARK_FALSE_ALARM, MARK_FALSE_ALARM, MARK_RIGHT,
                           MARK_RIGHT, MARK_MISSED_RELAY, MARK_RIGHT},
};

enum mark judge_mark(int truth, enum verdict verdict)
{
    assert(truth > TRUTH_UNSET && truth <= TRUTH_UNDECIDABLE);
    return marks[truth][verdict];
}

const char *mark_name(enum mark m)
{
    static const char *const names[] = {"right", "false alarm", "missed relay", "undecided"};

    return names[m];
}

void judge_print_range(const struct conf_range *range, struct strbuf *out)
{
    if (range->min == range->max) {
        strbuf_addu(out, range->min);
        return;
    }
    if (range->min > 0)
        strbuf_addu(out, range->min);
    strbuf_adds(out, "..");
    if (range->max != UINT64_MAX)
        strbuf_addu(out, range->max);
}

/* Begins a failure; the caller adds what was expected and what came. */
static void fail(struct judgement *j, struct strbuf *out, const char *what)
{
    j->failures++;
    strbuf_addf(out, "%s\n", what);
}

static void expected_text(struct strbuf *out, const char *expected, const char *actual)
{
    strbuf_addf(out, "  expected: %s\n  actual:   %s\n", expected, actual);
}

static void check_range(struct judgement *j, struct strbuf *out, const char *what,
                        const struct conf_range *range, uint64_t actual)
{
    if (actual >= range->min && actual <= range->max)
        return;
    fail(j, out, what);
    strbuf_adds(out, "  expected: ");
    judge_print_range(range, out);
    strbuf_adds(out, "\n  actual:   ");
    strbuf_addu(out, actual);
    strbuf_addc(out, '\n');
}

void judge_truth(const struct case_file *c, const struct oracle_result *oracle,
                 struct judgement *out, struct strbuf *failures)
{
    if (oracle_agrees(oracle->outcome, c->truth))
        return;
    fail(out, failures, "the declared truth is not what the servers do");
    strbuf_addf(failures, "  expected: %s\n  actual:   the oracle's message %s",
                case_truth_name(c->truth), oracle_outcome_name(oracle->outcome));
    if (oracle->reply[0] != '\0')
        strbuf_addf(failures, " (%s: %s)", oracle->form, oracle->reply);
    strbuf_addc(failures, '\n');
}

/* Whatever was expected. */
static void check_invariants(const struct trial_result *r, struct judgement *j, struct strbuf *out)
{
    unsigned delivered = record_deliveries(r->record, UINT_MAX);

    if (r->verdict->verdict == VERDICT_CLOSED && delivered > 0) {
        fail(j, out, "closed was said, and a form's message reached a mailbox");
        expected_text(out, "no delivery of a form", "at least one");
    }
    if (r->verdict->verdict == VERDICT_OPEN && delivered == 0) {
        fail(j, out, "open was said, and no form's message reached a mailbox");
        expected_text(out, "at least one delivery of a form", "none");
    }
}

static void check_mark(const struct case_file *c, const struct trial_result *r, struct judgement *j,
                       struct strbuf *out)
{
    j->mark = judge_mark(c->truth, r->verdict->verdict);
    if (j->mark == MARK_RIGHT || j->mark == MARK_UNDECIDED)
        return;
    for (size_t i = 0; i < c->expect_count; i++)
        if (case_applies(c, &c->expect[i]) && c->expect[i].verdict == (int)r->verdict->verdict)
            return;
    fail(j, out, mark_name(j->mark));
    strbuf_addf(out, "  truth:    %s\n  verdict:  %s (%s)\n", case_truth_name(c->truth),
                verdict_name(r->verdict->verdict), r->verdict->reason);
}

static void check_verdict(const struct case_expect *e, const struct trial_result *r,
                          struct judgement *j, struct strbuf *out)
{
    const struct verdict_result *v = r->verdict;

    if (e->verdict >= 0 && e->verdict != (int)v->verdict) {
        fail(j, out, "verdict");
        strbuf_addf(out, "  expected: %s\n  actual:   %s (%s: %s)\n",
                    verdict_name((enum verdict)e->verdict), verdict_name(v->verdict),
                    v->reason_code, v->reason);
    }
    if (e->later >= 0 && e->later != r->later) {
        fail(j, out, "verdict after collecting");
        expected_text(out, verdict_name((enum verdict)e->later),
                      r->later < 0 ? "none: the ledger could not be read"
                                   : verdict_name((enum verdict)r->later));
    }
    if (e->reason_code != NULL && strcmp(e->reason_code, v->reason_code) != 0) {
        fail(j, out, "reason_code");
        strbuf_addf(out, "  expected: %s\n  actual:   %s (%s)\n", e->reason_code, v->reason_code,
                    v->reason);
    }
    if (e->plain_accepted != NULL &&
        strcmp(e->plain_accepted, plain_accepted_name(v->plain_accepted)) != 0) {
        fail(j, out, "plain_accepted");
        expected_text(out, e->plain_accepted, plain_accepted_name(v->plain_accepted));
    }
}

static unsigned mailbox_index(const struct case_file *c, const char *name)
{
    for (unsigned i = 0; i < c->mailbox_count; i++)
        if (strcmp(c->mailboxes[i].name, name) == 0)
            return i;
    return UINT_MAX - 1;
}

static void check_deliveries(const struct case_file *c, const struct case_expect *e,
                             const struct trial_result *r, struct judgement *j, struct strbuf *out)
{
    const struct conf_range none = {0, 0};

    if (e->delivered_none)
        check_range(j, out, "deliveries in all mailboxes", &none,
                    record_deliveries(r->record, UINT_MAX));
    for (size_t i = 0; i < e->delivered_count; i++) {
        const char *name = e->delivered[i].name;
        char what[128];
        struct strbuf b;

        strbuf_init(&b, what, sizeof what);
        strbuf_addf(&b, "deliveries in mailbox %s", name);
        check_range(j, out, what, &e->delivered[i].range,
                    record_deliveries(r->record, mailbox_index(c, name)));
    }
}

static void check_counts(const struct case_expect *e, const struct trial_result *r,
                         struct judgement *j, struct strbuf *out)
{
    char what[256];
    struct strbuf b;

    strbuf_init(&b, what, sizeof what);
    for (size_t i = 0; i < e->command_count; i++) {
        strbuf_reset(&b);
        strbuf_addf(&b, "%s commands at the target", e->commands[i].name);
        check_range(j, out, what, &e->commands[i].range,
                    record_commands(r->record, r->target, e->commands[i].name));
    }
    for (size_t i = 0; i < e->log_count; i++) {
        strbuf_reset(&b);
        strbuf_addf(&b, "log lines of the target with \"%s\"", e->log[i].name);
        check_range(j, out, what, &e->log[i].range,
                    record_log_lines(r->record, r->target, e->log[i].name));
    }
    if (e->connections_set)
        check_range(j, out, "connections of the target", &e->connections,
                    record_connections(r->record, r->target));
    if (e->elapsed_set)
        check_range(j, out, "seconds to the verdict", &e->elapsed_s,
                    (uint64_t)(r->elapsed_ns / CLOCK_SECOND));
}

static int form_index(const struct trial_result *r, const char *id)
{
    for (size_t i = 0; i < r->form_count; i++)
        if (span_iequal(span_of(form_id(&r->forms[i].form).text), span_of(id)))
            return (int)i;
    return -1;
}

/* The connection in which the target was asked that form; 0: none. */
static uint64_t connection_of(const struct trial_result *r, int form)
{
    struct token_pair tokens = form_tokens(&r->forms[form].form);
    struct span token = span_of(tokens.recipient.text);

    for (size_t i = 0; i < r->record->event_count; i++) {
        const struct record_event *e = &r->record->events[i];

        if (e->server == r->target && e->kind == MOCK_COMMAND &&
            span_find(record_text(r->record, e->text, e->text_len), token) != SIZE_MAX)
            return e->connection;
    }
    return 0;
}

static void check_form(const struct case_form *f, const struct trial_result *r, struct judgement *j,
                       struct strbuf *out)
{
    int index = form_index(r, f->id);

    if (index < 0) {
        fail(j, out, "form");
        strbuf_addf(out, "  expected: %s: %s\n  actual:   there was no such form\n", f->id,
                    f->answer);
        return;
    }
    const struct form_result *result = &r->forms[index];
    const char *answer = answer_name(result->answer);
    const char *state = case_form_state_name((int)result->state);
    if (strcmp(answer, f->answer) == 0 || strcmp(state, f->answer) == 0)
        return;
    if (j->connection == 0)
        j->connection = connection_of(r, index);
    char room[EVIDENCE_TEXT_MAX];
    struct span said = evidence_text(r->evidence, result, result->reply, room, sizeof room);
    fail(j, out, "form");
    strbuf_addf(out, "  expected: %s: %s\n  actual:   %s: answer %s, state %s (%.*s)\n", f->id,
                f->answer, f->id, answer, state, (int)said.len, said.ptr);
}

static void check_forms(const struct case_expect *e, const struct trial_result *r,
                        struct judgement *j, struct strbuf *out)
{
    for (size_t i = 0; i < e->form_count; i++)
        check_form(&e->forms[i], r, j, out);
    for (size_t i = 0; i < e->relayed_by.count; i++) {
        int index = form_index(r, e->relayed_by.item[i]);

        if (index >= 0 && record_form_delivered(r->record, index))
            continue;
        if (index >= 0 && j->connection == 0)
            j->connection = connection_of(r, index);
        fail(j, out, "relayed_by");
        strbuf_addf(out, "  expected: %s is delivered\n  actual:   %s\n", e->relayed_by.item[i],
                    index < 0 ? "there was no such form" : "it is not");
    }
    for (size_t i = 0; i < e->report_has.count; i++) {
        if (span_find(r->report, span_of(e->report_has.item[i])) != SIZE_MAX)
            continue;
        fail(j, out, "report");
        strbuf_addf(out, "  expected: a report with \"%s\"\n  actual:\n", e->report_has.item[i]);
        strbuf_add(out, span_to(r->report, 4096));
        strbuf_addc(out, '\n');
    }
}

static unsigned server_index(const struct case_file *c, const char *name, unsigned otherwise)
{
    for (unsigned i = 0; name != NULL && i < c->server_count; i++)
        if (strcmp(c->servers[i].name, name) == 0)
            return i;
    return otherwise;
}

static void check_dialogues(const struct case_file *c, const struct trial_result *r,
                            struct judgement *j, struct strbuf *out)
{
    for (size_t i = 0; i < c->dialogue_count; i++) {
        const struct case_dialogue *d = &c->dialogue[i];
        uint64_t connection = d->connection > 0 ? d->connection : 1;
        struct span missing;

        if (dialogue_holds(r->record, server_index(c, d->server, r->target), connection,
                           span_of(d->lines), &missing))
            continue;
        if (j->connection == 0)
            j->connection = connection;
        fail(j, out, "dialogue");
        strbuf_adds(out, "  expected: ");
        strbuf_add(out, missing);
        strbuf_adds(out, "\n  actual:   no such line after those before it\n");
    }
}

void judge_run(const struct case_file *c, const struct trial_result *r, struct judgement *out,
               struct strbuf *failures)
{
    out->mark = MARK_UNDECIDED;
    if (r->verdict == NULL) {
        fail(out, failures, "no verdict");
        expected_text(failures, "a verdict", r->trouble);
        return;
    }
    check_invariants(r, out, failures);
    check_mark(c, r, out, failures);
    for (size_t i = 0; i < c->expect_count; i++) {
        const struct case_expect *e = &c->expect[i];

        if (!case_applies(c, e))
            continue;
        check_verdict(e, r, out, failures);
        check_deliveries(c, e, r, out, failures);
        check_counts(e, r, out, failures);
        check_forms(e, r, out, failures);
    }
    check_dialogues(c, r, out, failures);
}
