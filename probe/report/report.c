/*
 * report.c - the report for people
 *
 * The verdict line comes first and stands alone, so that `head -1` is an answer. Then why, what to
 * make of it, and the evidence: a form that was plainly refused has one line; a finding (anything
 * that got past RCPT, or came home) has its dialogue and the line that repeats it. A peer's text
 * was made visible where it was kept, so nothing here can move a terminal's cursor.
 */
#include "probe/ask/contexts.h"
#include "probe/report/report.h"

#include <string.h>

#include "probe/report/report_private.h"
#include "probe/report/reproduce.h"

struct page {
    struct strbuf *out;
    const struct report *report;
    bool colour;
};

#define COLOUR_OPEN "\033[1;31m"
#define COLOUR_CLOSED "\033[1;32m"
#define COLOUR_OTHER "\033[1;33m"
#define COLOUR_END "\033[0m"

static const char *const vantage_names[] = {
    [VANTAGE_SAME_HOST] = "same-host", [VANTAGE_SAME_NETWORK] = "same-network",
    [VANTAGE_PRIVATE] = "private",     [VANTAGE_PUBLIC] = "public",
    [VANTAGE_INSIDE] = "inside",       [VANTAGE_OUTSIDE] = "outside"};

static const char *const vantage_phrases[] = {
    [VANTAGE_SAME_HOST] = "inside: the same host",
    [VANTAGE_SAME_NETWORK] = "inside: the same network",
    [VANTAGE_PRIVATE] = "a private network",
    [VANTAGE_PUBLIC] = "a public address",
    [VANTAGE_INSIDE] = "inside, as declared",
    [VANTAGE_OUTSIDE] = "outside, as declared"};

static const char *const state_names[] = {
    [FORM_NOT_ASKED] = "not-asked", [FORM_NOT_APPLICABLE] = "not-applicable",
    [FORM_DENIED] = "refused",      [FORM_ACCEPTED] = "accepted",
    [FORM_OFFERED] = "offered",     [FORM_UNDECIDED] = "undecided"};

const char *report_vantage_name(enum vantage v)
{
    return vantage_names[v];
}

const char *report_state_name(enum form_state s)
{
    return state_names[s];
}

int64_t report_epoch(const struct probe *p, int64_t instant_ns)
{
    return p->world->epoch_s + instant_ns / CLOCK_SECOND;
}

void report_of(struct report *r, const struct probe *p, struct span target)
{
    *r = (struct report){
        .target = target, .probe = p, .verdict = &p->verdict, .vantage = p->config.vantage};
    r->started_epoch_s = report_epoch(p, p->started_ns);
    r->finished_epoch_s = report_epoch(p, p->finished_ns);
}

static void verdict_line(struct page *page)
{
    const struct report *r = page->report;
    enum verdict v = r->verdict->verdict;
    const char *colour = v == VERDICT_OPEN     ? COLOUR_OPEN
                         : v == VERDICT_CLOSED ? COLOUR_CLOSED
                                               : COLOUR_OTHER;

    strbuf_add_visible(page->out, r->target);
    strbuf_adds(page->out, ": ");
    if (page->colour)
        strbuf_adds(page->out, colour);
    strbuf_adds(page->out, verdict_name(v));
    if (page->colour)
        strbuf_adds(page->out, COLOUR_END);
    if (r->probe != NULL) {
        strbuf_adds(page->out, " (asked from ");
        strbuf_adds(page->out, vantage_phrases[r->vantage]);
        strbuf_addc(page->out, ')');
    }
    strbuf_addc(page->out, '\n');
}

static void labelled(struct page *page, const char *label, const char *text)
{
    strbuf_adds(page->out, "  ");
    strbuf_adds(page->out, label);
    strbuf_adds(page->out, text);
    strbuf_addc(page->out, '\n');
}

static void count(struct strbuf *out, unsigned value, const char *what)
{
    strbuf_adds(out, ", ");
    strbuf_addu(out, value);
    strbuf_addc(out, ' ');
    strbuf_adds(out, what);
}

static void counts(struct page *page)
{
    const struct verdict_result *v = page->report->verdict;

    strbuf_adds(page->out, "  forms:    of ");
    strbuf_addu(page->out, v->total);
    strbuf_adds(page->out, " forms");
    count(page->out, v->refused, "refused");
    count(page->out, v->accepted, "accepted");
    count(page->out, v->undecided, "undecided");
    count(page->out, v->not_asked, "not asked");
    count(page->out, v->not_applicable, "not applicable");
    strbuf_addc(page->out, '\n');
}

static void warning(struct page *page)
{
    enum plain_accepted plain = page->report->verdict->plain_accepted;

    if (plain == PLAIN_NO)
        return;
    strbuf_adds(
        page->out,
        "  WARNING:  the plain form, an ordinary stranger's mail to an ordinary stranger, was "
        "accepted at ");
    strbuf_adds(page->out, plain_accepted_name(plain));
    strbuf_adds(page->out, "; take that seriously, whatever the verdict\n");
}

static void seconds(struct strbuf *out, const struct probe *p, int64_t instant_ns)
{
    clock_print_human(out, instant_ns - p->started_ns);
}

/* accepted, refused (denied), undecided (greylisted), ... */
static void outcome_words(struct strbuf *out, const struct form_result *r)
{
    const char *state = report_state_name(r->state);

    strbuf_adds(out, r->delivered ? "DELIVERED" : state);
    if (r->answer != ANSWER_NONE && r->answer != ANSWER_ACCEPTED) {
        strbuf_adds(out, ", ");
        strbuf_adds(out, answer_name(r->answer));
    }
    if (r->bounced)
        strbuf_adds(out, ", bounced");
}

static bool is_finding(const struct form_result *r)
{
    return r->rcpt_accepted || r->delivered || r->bounced || r->body_sent;
}

static void pad(struct strbuf *out, size_t from, size_t width)
{
    do
        strbuf_addc(out, ' ');
    while (out->len < from + width && !out->truncated);
}

static void what_came(struct page *page, const struct form_result *r)
{
    struct strbuf *out = page->out;
    char room[EVIDENCE_TEXT_MAX];

    if (r->state == FORM_NOT_APPLICABLE) {
        strbuf_adds(out, r->form.why_not != NULL ? r->form.why_not : "");
    } else if (r->reply != 0) {
        strbuf_add(out, report_said(page->report->probe, r, r->reply, room));
        strbuf_adds(out, " [");
        strbuf_adds(out, smtp_step_name(r->step));
        strbuf_addc(out, ']');
    } else if (r->attempts > 0) {
        strbuf_adds(out, "no reply at ");
        strbuf_adds(out, smtp_step_name(r->step));
        strbuf_adds(out, ": ");
        strbuf_adds(out, smtp_outcome_name(r->outcome));
    }
}

static void form_head(struct page *page, const struct form_result *r)
{
    const struct probe *p = page->report->probe;
    size_t from = page->out->len;

    strbuf_adds(page->out, "  ");
    strbuf_adds(page->out, form_id(&r->form).text);
    pad(page->out, from, 11);
    from = page->out->len;
    outcome_words(page->out, r);
    pad(page->out, from, 22);
    if (context_of(&r->form)->notice != NULL) {
        strbuf_addf(page->out, "%s  ", context_of(&r->form)->name);
    } else if (r->state != FORM_NOT_APPLICABLE) {
        if (context_of(&r->form)->false_end != NULL) {
            strbuf_adds(page->out, "in mail to <");
            strbuf_add(page->out, p->who.extras.local_recipient);
            strbuf_adds(page->out, ">: ");
        }
        reproduce_sender(page->out, p, r);
        strbuf_adds(page->out, " -> ");
        reproduce_recipient(page->out, p, r);
        strbuf_adds(page->out, "  ");
    }
    what_came(page, r);
    strbuf_addc(page->out, '\n');
}

/* By whom, with which status, and why: of the first report on this form. */
static void form_returned(struct page *page, const struct form_result *r)
{
    const struct probe *p = page->report->probe;

    for (unsigned i = 0; i < p->report_kept; i++) {
        struct probe_report report;
        const struct probe_report *d = &report;

        probe_report_at(p, i, &report);
        if (d->form != (int)(r - p->results) || !(d->by_target || d->canary_side))
            continue;
        strbuf_addf(page->out, "             returned by %s%s%s",
                    d->reporting_mta[0] != '\0' ? d->reporting_mta : "a server without a name",
                    d->status[0] != '\0' ? ", " : "", d->status);
        if (d->diagnostic[0] != '\0')
            strbuf_addf(page->out, ": %s", d->diagnostic);
        strbuf_addc(page->out, '\n');
        return;
    }
}

static void form_delivery(struct page *page, const struct form_result *r)
{
    const struct probe *p = page->report->probe;
    const struct probe_delivery *d = probe_delivery_of(p, r);
    char room[EVIDENCE_TEXT_MAX];

    form_returned(page, r);
    if (d == NULL)
        return;
    strbuf_adds(page->out, "             came home to <");
    strbuf_add_visible(page->out, report_said(p, r, d->to, room));
    strbuf_adds(page->out, "> after ");
    seconds(page->out, p, d->at_ns);
    strbuf_addc(page->out, '\n');
}

static void form_by_hand(struct page *page, const struct form_result *r)
{
    strbuf_adds(page->out, "             by hand: ");
    reproduce_line(page->out, page->report->probe, r);
    strbuf_addc(page->out, '\n');
}

/* Forms that have nothing to show, by name: "not asked: S1-R1, S1-R2". */
static void named(struct page *page, enum form_state state, const char *label)
{
    const struct probe *p = page->report->probe;
    bool any = false;

    for (size_t i = 0; i < p->result_count; i++) {
        if (p->results[i].state != state)
            continue;
        strbuf_adds(page->out, any ? ", " : label);
        strbuf_adds(page->out, form_id(&p->results[i].form).text);
        any = true;
    }
    if (any)
        strbuf_addc(page->out, '\n');
}

static bool has_evidence(const struct form_result *r)
{
    return r->attempts > 0 || (r->state != FORM_NOT_ASKED && r->state != FORM_NOT_APPLICABLE);
}

static void form_block(struct page *page, const struct form_result *r, bool by_hand)
{
    form_head(page, r);
    form_delivery(page, r);
    if (by_hand && r->attempts > 0)
        form_by_hand(page, r);
}

static void forms(struct page *page, bool full)
{
    const struct probe *p = page->report->probe;
    bool controls = false;

    strbuf_adds(page->out, "\nevidence:\n");
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        bool control = r->form.kind == FORM_CONTROL;

        if (!full && !has_evidence(r))
            continue;
        if (control && !controls)
            strbuf_adds(page->out, "controls (they explain, and are not counted):\n");
        controls = controls || control;
        form_block(page, r, full || i == 0 || (is_finding(r) && !control));
    }
    if (!full) {
        named(page, FORM_NOT_ASKED, "  not asked: ");
        named(page, FORM_NOT_APPLICABLE, "  not applicable (--verbose says why): ");
    }
}

static void course(struct page *page)
{
    const struct probe *p = page->report->probe;

    strbuf_adds(page->out, "  server:   ");
    strbuf_adds(page->out, p->target_text);
    if (p->target.greeting != 0) {
        strbuf_adds(page->out, ", \"");
        strbuf_add(page->out, evidence_plain(&p->evidence, p->target.greeting));
        strbuf_addc(page->out, '"');
    }
    if (report_has_tls(p)) {
        strbuf_adds(page->out, "\n  tls:      ");
        report_tls_line(page->out, page->report);
    }
    strbuf_adds(page->out, "\n  course:   ");
    strbuf_addu(page->out, p->target.sessions);
    strbuf_adds(page->out, p->target.sessions == 1 ? " session, " : " sessions, ");
    strbuf_addu(page->out, p->target.commands);
    strbuf_adds(page->out, p->target.commands == 1 ? " command and " : " commands and ");
    strbuf_addu(page->out, p->target.round_trips);
    strbuf_adds(page->out, p->target.round_trips == 1 ? " round trip" : " round trips");
    if (p->target.longest < p->target.round_trips) {
        strbuf_adds(page->out, ", ");
        strbuf_addu(page->out, p->target.longest);
        strbuf_adds(page->out, " of them one after another,");
    }
    strbuf_adds(page->out, " in ");
    seconds(page->out, p, p->finished_ns);
    strbuf_adds(page->out, ", begun ");
    clock_print_rfc3339(page->out, page->report->started_epoch_s);
    strbuf_addc(page->out, '\n');
}

static void emit_note(void *self, struct span text)
{
    struct page *page = self;

    strbuf_adds(page->out, "  - ");
    strbuf_add(page->out, text);
    strbuf_addc(page->out, '\n');
}

static void notes(struct page *page)
{
    size_t before;

    strbuf_adds(page->out, "\nnotes:\n");
    before = page->out->len;
    report_notes(page->report, emit_note, page);
    if (page->out->len == before)
        strbuf_adds(page->out, "  none\n");
}

void report_text(struct strbuf *out, const struct report *r, enum report_amount amount, bool colour)
{
    struct page page = {.out = out, .report = r, .colour = colour};

    verdict_line(&page);
    if (amount == REPORT_BRIEF)
        return;
    labelled(&page, "why:      ", r->verdict->reason);
    warning(&page);
    if (r->probe != NULL) {
        counts(&page);
        course(&page);
    }
    strbuf_adds(out, "  next:     ");
    report_advice(out, r);
    strbuf_addc(out, '\n');
    if (r->probe != NULL)
        report_proof_text(out, r->probe);
    if (r->probe != NULL && r->probe->result_count > 0)
        forms(&page, amount == REPORT_FULL);
    notes(&page);
}
