/*
 * receive.c - what comes home, written down: deliveries, reports, controls, callouts, refusals of
 * our own side
 *
 * Nothing here changes what is asked. The probe's next step is called for only while it waits: for
 * the control, or in the window.
 */
#include <string.h>

#include "probe/arrivals.h"
#include "probe/probe.h"
#include "probe/steps.h"

static void take_delivery(struct probe *p, const struct arrival *a)
{
    struct form_result *r = &p->results[a->form];
    p->delivery_count++;
    if (!r->delivered) {
        struct strbuf to;
        strbuf_init(&to, r->delivered_to, sizeof(r->delivered_to));
        strbuf_add_visible(&to, a->recipient);
        r->delivered = true;
        r->delivered_ns = world_now(p->world);
    }
    if (p->first_delivery_ns == 0) {
        p->first_delivery_ns = r->delivered_ns;
    }
}

static void take_report(struct probe *p, const struct arrival *a)
{
    struct probe_report report;
    arrival_read_report(p, a, &report);
    report.at_ns = world_now(p->world);
    if (p->report_count < PROBE_REPORTS_MAX) {
        p->reports[p->report_count] = report;
    }
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
    struct strbuf shown;
    strbuf_init(&shown, p->unclear, sizeof(p->unclear));
    strbuf_adds(&shown, "from <");
    strbuf_add_visible(&shown, mail->sender);
    strbuf_adds(&shown, "> to <");
    strbuf_add_visible(&shown, a->recipient);
    strbuf_adds(&shown, ">: ");
    strbuf_add_visible(&shown, span_to(mail->content, PROBE_SHOWN_MAX / 2));
}

void probe_arrival_in(struct probe *p, struct span mailbox, const struct mail_view *mail)
{
    struct arrival a;
    (void)mailbox;
    if (probe_is_finished(p)) {
        return;
    }
    arrival_judge(p, mail, &a);
    switch (a.kind) {
    case ARRIVAL_DELIVERY:
        take_delivery(p, &a);
        break;
    case ARRIVAL_REPORT:
        take_report(p, &a);
        break;
    case ARRIVAL_CONTROL: {
        struct probe_control *c = a.form == ARRIVAL_BEFORE ? &p->before : &p->after;
        c->arrived_ns = c->arrived ? c->arrived_ns : world_now(p->world);
        c->arrived = true;
        break;
    }
    case ARRIVAL_UNCLEAR:
        take_unclear(p, mail, &a);
        break;
    case ARRIVAL_FOREIGN:
        p->foreign_count++;
        break;
    case ARRIVAL_FORGED:
        p->forged_count++;
        break;
    case ARRIVAL_REPLAYED:
        p->replayed_count++;
        break;
    }
    if (p->observer.arrival != NULL) {
        p->observer.arrival(p->observer.self, a.kind, a.form >= 0 ? &p->results[a.form] : NULL,
                            mail);
    }
    if (p->phase == PROBE_CONTROL_BEFORE || p->phase == PROBE_WINDOW) {
        steps_poke(p);
    }
}

void probe_arrival(struct probe *p, const struct mail_view *mail)
{
    bool named = p->config.mailbox_count > 0;
    probe_arrival_in(p, named ? p->config.mailboxes[0] : (struct span){NULL, 0}, mail);
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
    struct strbuf text;
    strbuf_init(&text, m->why, sizeof(m->why));
    strbuf_add_visible(&text, why);
    m->troubled_ns = m->troubled ? m->troubled_ns : world_now(p->world);
    m->troubled = true;
    m->lasting = lasting;
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
    if (p->callout_count < PROBE_CALLOUTS_MAX) {
        struct probe_callout *c = &p->callouts[p->callout_count];
        struct strbuf from, to;
        int form = arrival_form_in(p, recipient);
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
    p->turned_away |= recipient.len == 0;
    if (arrival_recipient_in(p, recipient) < 0) {
        return;
    }
    if (!p->canary_refused) {
        struct strbuf text;
        strbuf_init(&text, p->canary_refusal, sizeof(p->canary_refusal));
        strbuf_add_visible(&text, reply);
    }
    p->canary_refused = true;
}
