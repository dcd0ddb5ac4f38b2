/*
 * receive.c - what comes home, written down: deliveries, reports, controls, callouts, refusals of
 * our own side
 *
 * Nothing here changes what is asked. The probe's next step is called for only while it waits: for
 * the control, or in the window.
 */
#include <string.h>

#include "lib/smtp/received.h"
#include "probe/home/arrivals.h"
#include "probe/probe.h"
#include "probe/home/record.h"
#include "probe/ask/steps.h"

enum { MARK_SHOWN_MAX = 256, WHY_MAX = 192 };

static void copy_visible(char *room, size_t cap, struct span text)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    strbuf_add_visible(&out, text);
}

/* Oldest first, as the message went; of a very long chain the newest hops are left out. */
static void keep_chain(struct probe_proof *proof, struct span headers)
{
    unsigned total = mail_header_count(headers, SPAN("Received"));
    struct received r;
    size_t at = 0;
    proof->hop_count = total;
    for (unsigned i = total; i > 0 && received_next(headers, &at, &r); i--) {
        if (i > proof->hop_room) {
            continue;
        }
        struct probe_hop *hop = &proof->hops[i - 1];
        copy_visible(hop->from, sizeof(hop->from), r.from);
        copy_visible(hop->address, sizeof(hop->address), r.address);
        copy_visible(hop->by, sizeof(hop->by), r.by);
        copy_visible(hop->date, sizeof(hop->date), r.date);
    }
}

static size_t proof_size(unsigned hops)
{
    return sizeof(struct probe_proof) + hops * sizeof(struct probe_hop);
}

static void keep_proof(struct probe *p, const struct arrival *a, struct span mailbox,
                       const struct mail_view *mail)
{
    struct span headers, body, value;
    if (p->proof != NULL) {
        return;
    }
    mail_split(mail->content, &headers, &body);
    unsigned hops = mail_header_count(headers, SPAN("Received"));
    unsigned room = hops < PROBE_HOPS_MAX ? hops : PROBE_HOPS_MAX;
    struct probe_proof *proof = memory_get(&p->memory, proof_size(room));
    if (proof == NULL) {
        return;
    }
    p->proof = proof;
    proof->hop_room = room;
    proof->form = a->form;
    proof->token_in_header = mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL);
    copy_visible(proof->mailbox, sizeof(proof->mailbox), mailbox);
    keep_chain(proof, headers);
}

/* The list with room for one more; NULL: it is full, or there is no memory. */
static void *more_room(struct probe *p, void *list, unsigned count, size_t size, unsigned max)
{
    return count < max ? memory_resize(&p->memory, list, count * size, (count + 1) * size) : NULL;
}

static void keep_delivery(struct probe *p, const struct form_result *r, struct span recipient)
{
    char room[MAIL_PATH_MAX];
    struct strbuf to;
    struct probe_delivery *list = more_room(p, p->deliveries, p->delivery_kept, sizeof(*list),
                                            FORMS_MAX);
    if (list == NULL) {
        return;
    }
    strbuf_init(&to, room, sizeof(room));
    strbuf_add_visible(&to, recipient);
    p->deliveries = list;
    list[p->delivery_kept++] = (struct probe_delivery){
        .at_ns = world_now(p->world),
        .form = (uint16_t)(r - p->results),
        .to = evidence_keep(&p->evidence, r, strbuf_span(&to)),
    };
}

const struct probe_delivery *probe_delivery_of(const struct probe *p, const struct form_result *r)
{
    for (unsigned i = 0; i < p->delivery_kept; i++) {
        if (&p->results[p->deliveries[i].form] == r) {
            return &p->deliveries[i];
        }
    }
    return NULL;
}

static void take_delivery(struct probe *p, const struct arrival *a, struct span mailbox,
                          const struct mail_view *mail)
{
    struct form_result *r = &p->results[a->form];
    p->delivery_count++;
    keep_proof(p, a, mailbox, mail);
    if (!r->delivered) {
        keep_delivery(p, r, a->recipient);
        r->delivered = true;
    }
    if (p->first_delivery_ns == 0) {
        p->first_delivery_ns = world_now(p->world);
    }
}

static uint16_t keep_text(struct probe *p, int form, const char *text)
{
    const struct form_result *r = form >= 0 ? &p->results[form] : NULL;
    return evidence_keep(&p->evidence, r, span_of(text));
}

void receive_keep_report(struct probe *p, const struct probe_report *d)
{
    struct probe_report_kept *kept = more_room(p, p->reports, p->report_kept, sizeof(*kept),
                                               PROBE_REPORTS_MAX);
    if (kept == NULL) {
        return;
    }
    p->reports = kept;
    kept[p->report_kept++] = (struct probe_report_kept){
        .at_ns = d->at_ns,
        .form = d->form,
        .action = d->action,
        .is_dsn = d->is_dsn,
        .in_words = d->in_words,
        .by_target = d->by_target,
        .canary_side = d->canary_side,
        .reporting_mta = keep_text(p, d->form, d->reporting_mta),
        .remote_mta = keep_text(p, d->form, d->remote_mta),
        .status = keep_text(p, d->form, d->status),
        .diagnostic = keep_text(p, d->form, d->diagnostic),
        .to = keep_text(p, d->form, d->to),
    };
}

static void get_text(const struct probe *p, int form, uint16_t number, char *room, size_t cap)
{
    const struct form_result *r = form >= 0 ? &p->results[form] : NULL;
    room[0] = '\0';
    evidence_text(&p->evidence, r, number, room, cap);
}

void probe_report_at(const struct probe *p, unsigned i, struct probe_report *out)
{
    const struct probe_report_kept *k = &p->reports[i];
    *out = (struct probe_report){.at_ns = k->at_ns,
                                 .form = k->form,
                                 .action = k->action,
                                 .is_dsn = k->is_dsn,
                                 .in_words = k->in_words,
                                 .by_target = k->by_target,
                                 .canary_side = k->canary_side};
    get_text(p, k->form, k->reporting_mta, out->reporting_mta, sizeof(out->reporting_mta));
    get_text(p, k->form, k->remote_mta, out->remote_mta, sizeof(out->remote_mta));
    get_text(p, k->form, k->status, out->status, sizeof(out->status));
    get_text(p, k->form, k->diagnostic, out->diagnostic, sizeof(out->diagnostic));
    get_text(p, k->form, k->to, out->to, sizeof(out->to));
}

static void take_report(struct probe *p, const struct arrival *a)
{
    struct probe_report report;
    arrival_read_report(p, a, &report);
    report.at_ns = world_now(p->world);
    receive_keep_report(p, &report);
    p->report_count++;
    if (report.form >= 0) {
        p->results[report.form].bounced |= report.by_target;
        p->canary_refused |= report.canary_side;
    }
}

static void take_unclear(struct probe *p, const struct mail_view *mail, const struct arrival *a)
{
    if (p->unclear_count++ > 0) {
        return;
    }
    char room[PROBE_SHOWN_MAX];
    struct strbuf shown;
    strbuf_init(&shown, room, sizeof(room));
    strbuf_adds(&shown, "from <");
    strbuf_add_visible(&shown, mail->sender);
    strbuf_adds(&shown, "> to <");
    strbuf_add_visible(&shown, a->recipient);
    strbuf_adds(&shown, ">: ");
    strbuf_add_visible(&shown, span_to(mail->content, PROBE_SHOWN_MAX / 2));
    p->unclear = evidence_keep(&p->evidence, NULL, strbuf_span(&shown));
}

static void take_control(struct probe *p, const struct arrival *a)
{
    struct probe_control *c = arrival_control(p, a->form);
    if (c != NULL && !c->arrived) {
        c->arrived_ns = world_now(p->world);
        c->arrived = true;
    }
}

/* Forged, altered or replayed: it counts for nothing, and is shown. */
static void take_mark(struct probe *p, const struct arrival *a, struct span mailbox,
                      const struct mail_view *mail, bool replayed)
{
    unsigned *count = replayed ? &p->replayed_count : &p->forged_count;
    char room[MARK_SHOWN_MAX];
    struct strbuf shown;
    if ((*count)++ > 0) {
        return;
    }
    strbuf_init(&shown, room, sizeof(room));
    strbuf_add_visible(&shown, span_to(a->mark, 40));
    if (a->whose[0] != '\0') {
        strbuf_adds(&shown, " of run ");
        strbuf_add_visible(&shown, span_of(a->whose));
    }
    strbuf_adds(&shown, ", from <");
    strbuf_add_visible(&shown, span_to(mail->sender, 80));
    strbuf_adds(&shown, ">");
    if (mailbox.len > 0) {
        strbuf_adds(&shown, " in ");
        strbuf_add_visible(&shown, span_to(mailbox, 80));
    }
    uint16_t *kept = replayed ? &p->replayed : &p->forged;
    *kept = evidence_keep(&p->evidence, NULL, strbuf_span(&shown));
}

static void take(struct probe *p, const struct arrival *a, struct span mailbox,
                 const struct mail_view *mail)
{
    switch (a->kind) {
    case ARRIVAL_DELIVERY:
        take_delivery(p, a, mailbox, mail);
        break;
    case ARRIVAL_REPORT:
        take_report(p, a);
        break;
    case ARRIVAL_CONTROL:
        take_control(p, a);
        break;
    case ARRIVAL_UNCLEAR:
        take_unclear(p, mail, a);
        break;
    case ARRIVAL_FOREIGN:
        p->foreign_count++;
        break;
    case ARRIVAL_FORGED:
        take_mark(p, a, mailbox, mail, false);
        break;
    case ARRIVAL_REPLAYED:
        take_mark(p, a, mailbox, mail, true);
        break;
    }
}

static bool is_ours(enum arrival_kind kind)
{
    return kind == ARRIVAL_DELIVERY || kind == ARRIVAL_REPORT || kind == ARRIVAL_CONTROL;
}

/* The verdict stands already; what comes now may still change it. */
static void take_late(struct probe *p, const struct arrival *a, struct span mailbox,
                      const struct mail_view *mail)
{
    enum verdict before = p->verdict.verdict;
    struct verdict_facts facts;
    if (a->kind != ARRIVAL_DELIVERY) {
        return;
    }
    take_delivery(p, a, mailbox, mail);
    probe_facts(p, &facts);
    verdict_decide(&facts, &p->verdict);
    if (p->verdict.verdict != before) {
        record_verdict(p);
    }
}

bool probe_arrival_in(struct probe *p, struct span mailbox, const struct mail_view *mail)
{
    struct arrival a;
    arrival_judge(p, mail, &a);
    bool late = probe_is_finished(p);
    if (late && !is_ours(a.kind)) {
        return false;
    }
    record_arrival(p, &a, mailbox, mail);
    if (late) {
        take_late(p, &a, mailbox, mail);
    } else {
        take(p, &a, mailbox, mail);
    }
    if (p->observer.arrival != NULL) {
        p->observer.arrival(p->observer.self, a.kind, a.form >= 0 ? &p->results[a.form] : NULL,
                            mail);
    }
    if (p->phase == PROBE_CONTROL_BEFORE || p->phase == PROBE_WINDOW) {
        steps_poke(p);
    }
    return is_ours(a.kind);
}

bool probe_arrival(struct probe *p, const struct mail_view *mail)
{
    bool named = p->config.mailbox_count > 0;
    return probe_arrival_in(p, named ? p->config.mailboxes[0] : (struct span){NULL, 0}, mail);
}

/* A name that is not the config's is nobody's. */
static struct probe_mailbox *mailbox_named(struct probe *p, struct span name)
{
    for (size_t i = 0; i < p->config.mailbox_count; i++) {
        if (span_equal(p->config.mailboxes[i], name)) {
            return &p->mailboxes[i];
        }
    }
    return NULL;
}

void probe_mailbox_trouble(struct probe *p, struct span name, struct span why, bool lasting)
{
    struct probe_mailbox *m = mailbox_named(p, name);
    if (m == NULL) {
        return;
    }
    char room[WHY_MAX];
    struct strbuf text;
    strbuf_init(&text, room, sizeof(room));
    strbuf_add_visible(&text, why);
    m->why = evidence_keep(&p->evidence, NULL, strbuf_span(&text));
    m->troubled_ns = m->troubled ? m->troubled_ns : world_now(p->world);
    m->troubled = true;
    m->lasting = lasting;
    if (p->phase == PROBE_CONTROL_BEFORE || p->phase == PROBE_WINDOW) {
        steps_poke(p);
    }
}

void probe_mailbox_well(struct probe *p, struct span name)
{
    struct probe_mailbox *m = mailbox_named(p, name);
    if (m != NULL) {
        m->troubled = m->lasting = false;
    }
}

void probe_callout(struct probe *p, struct span sender, struct span recipient)
{
    int form = arrival_form_in(p, recipient);
    record_callout(p, form, sender, recipient);
    struct probe_callout *kept = more_room(p, p->callouts, p->callout_kept, sizeof(*kept),
                                           PROBE_CALLOUTS_MAX);
    if (kept != NULL) {
        p->callouts = kept;
        struct probe_callout *c = &kept[p->callout_kept++];
        struct strbuf from, to;
        strbuf_init(&from, c->sender, sizeof(c->sender));
        strbuf_init(&to, c->recipient, sizeof(c->recipient));
        strbuf_add_visible(&from, sender);
        strbuf_add_visible(&to, recipient);
        c->form = form >= 0 ? form : -1;
        c->at_ns = world_now(p->world);
    }
    p->callout_count++;
}

void probe_canary_refused(struct probe *p, struct span recipient, struct span reply)
{
    p->turned_away |= recipient.ptr == NULL;
    if (arrival_recipient_in(p, recipient) < 0) {
        return;
    }
    if (!p->canary_refused) {
        char room[MARK_SHOWN_MAX];
        struct strbuf text;
        strbuf_init(&text, room, sizeof(room));
        strbuf_add_visible(&text, reply);
        p->canary_refusal = evidence_keep(&p->evidence, NULL, strbuf_span(&text));
    }
    p->canary_refused = true;
}

void receive_clear(struct probe *p)
{
    struct memory *m = &p->memory;
    memory_drop(m, p->reports, p->report_kept * sizeof(*p->reports));
    memory_drop(m, p->deliveries, p->delivery_kept * sizeof(*p->deliveries));
    memory_drop(m, p->callouts, p->callout_kept * sizeof(*p->callouts));
    memory_drop(m, p->proof, p->proof != NULL ? proof_size(p->proof->hop_room) : 0);
}
