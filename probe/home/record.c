/*
 * record.c - structs of the probe into rows of the ledger
 *
 * Everything is a span over text that the probe keeps, or over a room on the stack: the ledger has
 * committed when its call returns. Times are the world's, in seconds since 1970.
 */
#include "probe/home/record.h"

#include "probe/report/report.h"
#include "probe/report/reproduce.h"

enum { LIST_MAX = 1024, HEAD_MAX = LEDGER_HEAD_MAX };

static void written(struct probe *p, bool fine)
{
    p->ledger_failed |= !fine;
}

static int64_t epoch(const struct probe *p)
{
    return world_epoch(p->world);
}

static void list_canaries(struct strbuf *out, const struct probe *p)
{
    for (size_t i = 0; i < p->canary_count; i++) {
        const struct canary *c = &p->controls[2 * i].canary;
        strbuf_adds(out, i > 0 ? ", " : "");
        strbuf_add(out, c->local);
        strbuf_addc(out, '@');
        strbuf_add(out, c->domain);
    }
}

static void list_mailboxes(struct strbuf *out, const struct probe *p)
{
    for (size_t i = 0; i < p->config.mailbox_count; i++) {
        strbuf_adds(out, i > 0 ? ", " : "");
        strbuf_add(out, p->config.mailboxes[i]);
    }
}

void record_run(struct probe *p)
{
    char canary_room[LIST_MAX], sender_room[MAIL_PATH_MAX], box_room[LIST_MAX];
    char vantage_room[ENDPOINT_TEXT_MAX + 32];
    struct strbuf canaries, sender, boxes, vantage;
    struct arrival_book book = arrival_book_of(p);
    if (p->config.ledger.ops == NULL) {
        return;
    }
    strbuf_init(&canaries, canary_room, sizeof(canary_room));
    strbuf_init(&sender, sender_room, sizeof(sender_room));
    strbuf_init(&boxes, box_room, sizeof(box_room));
    list_canaries(&canaries, p);
    list_mailboxes(&boxes, p);
    strbuf_init(&vantage, vantage_room, sizeof(vantage_room));
    strbuf_adds(&vantage, report_vantage_name(p->config.vantage));
    if (p->config.source.family != 0) {
        strbuf_adds(&vantage, ", from ");
        endpoint_print_address(&vantage, &p->config.source);
    }
    strbuf_add(&sender, p->who.sender_local);
    strbuf_addc(&sender, '@');
    strbuf_add(&sender, p->who.sender_domain);
    struct ledger_run row = {
        .run = p->config.run_id,
        .target = span_of(p->target_text),
        .target_name = p->named ? p->who.target_name : (struct span){NULL, 0},
        .greeting = book.greeting_name(p, 0),
        .vantage = strbuf_span(&vantage),
        .canary = strbuf_span(&canaries),
        .sender = strbuf_span(&sender),
        .mailboxes = strbuf_span(&boxes),
        .forms = p->config.forms,
        .epoch_s = report_epoch(p, p->started_ns),
    };
    written(p, p->config.ledger.ops->run(p->config.ledger.self, &row));
}

static const char *kind_name(enum form_kind kind)
{
    return kind == FORM_EXTERNAL ? "external" : kind == FORM_AMBIGUOUS ? "ambiguous" : "control";
}

void record_form(struct probe *p, const struct form_result *r)
{
    char sender_room[MAIL_PATH_MAX], recipient_room[MAIL_PATH_MAX], reply_room[EVIDENCE_TEXT_MAX];
    struct strbuf sender, recipient;
    if (p->config.ledger.ops == NULL) {
        return;
    }
    strbuf_init(&sender, sender_room, sizeof(sender_room));
    strbuf_init(&recipient, recipient_room, sizeof(recipient_room));
    if (r->state != FORM_NOT_APPLICABLE) {
        reproduce_sender(&sender, p, r);
        reproduce_recipient(&recipient, p, r);
    }
    struct form_name id = form_id(&r->form);
    struct ledger_form row = {
        .run = p->config.run_id,
        .form = span_of(id.text),
        .sender = strbuf_span(&sender),
        .recipient = strbuf_span(&recipient),
        .answer = span_of(answer_name(r->answer)),
        .state = span_of(report_state_name(r->state)),
        .reply = evidence_text(&p->evidence, r, r->reply, reply_room, sizeof(reply_room)),
        .kind = span_of(kind_name(r->form.kind)),
        .epoch_s = epoch(p),
    };
    written(p, p->config.ledger.ops->form(p->config.ledger.self, &row));
    p->rows[r - p->results] = (struct probe_row){true, r->state, r->answer};
}

static bool row_is_old(const struct probe *p, size_t i)
{
    const struct probe_row *row = &p->rows[i];
    return row->state != p->results[i].state || row->answer != p->results[i].answer;
}

void record_forms_changed(struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        if (p->rows[i].written && row_is_old(p, i)) {
            record_form(p, &p->results[i]);
        }
    }
}

void record_forms_left(struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        if (!p->rows[i].written || row_is_old(p, i)) {
            record_form(p, &p->results[i]);
        }
    }
}

static bool record_message(struct probe *p, struct ledger_message *row, const struct mail_probe *m)
{
    char room[MAIL_PATH_MAX];
    struct strbuf id;
    strbuf_init(&id, room, sizeof(room));
    mail_write_id(&id, m);
    row->run = p->config.run_id;
    row->form = m->form_id;
    row->message_id = strbuf_span(&id);
    row->attempt = m->attempt;
    row->epoch_s = m->epoch_s;
    bool fine = p->config.ledger.ops->message(p->config.ledger.self, row);
    written(p, fine);
    return fine || !p->config.ledger_required;
}

bool record_form_message(struct probe *p, const struct form_result *r, const struct mail_probe *m)
{
    char sender_room[MAIL_PATH_MAX], recipient_room[MAIL_PATH_MAX];
    struct strbuf sender, recipient;
    if (p->config.ledger.ops == NULL) {
        return true;
    }
    strbuf_init(&sender, sender_room, sizeof(sender_room));
    strbuf_init(&recipient, recipient_room, sizeof(recipient_room));
    reproduce_sender(&sender, p, r);
    reproduce_recipient(&recipient, p, r);
    struct token_pair tokens = form_tokens(&r->form);
    struct ledger_message row = {.sender = strbuf_span(&sender),
                                 .recipient = strbuf_span(&recipient),
                                 .tokens = &tokens};
    return record_message(p, &row, m);
}

bool record_control_message(struct probe *p, const struct probe_control *c,
                            const struct mail_probe *m)
{
    struct ledger_message row = {.sender = m->from, .recipient = m->to, .tokens = &c->tokens};
    return p->config.ledger.ops == NULL || record_message(p, &row, m);
}

static bool ledger_kind(enum arrival_kind kind, enum ledger_arrival_kind *out)
{
    switch (kind) {
    case ARRIVAL_DELIVERY:
        *out = LEDGER_DELIVERY;
        return true;
    case ARRIVAL_CONTROL:
        *out = LEDGER_CONTROL;
        return true;
    case ARRIVAL_UNCLEAR:
        *out = LEDGER_UNCLEAR;
        return true;
    case ARRIVAL_REPORT:
        *out = LEDGER_REPORT;
        return true;
    case ARRIVAL_FORGED:
        *out = LEDGER_FORGED;
        return true;
    case ARRIVAL_REPLAYED:
        *out = LEDGER_REPLAYED;
        return true;
    case ARRIVAL_FOREIGN:
        break;
    }
    return false;
}

void record_head(struct strbuf *out, const struct mail_view *mail)
{
    struct span headers, body;
    mail_split(mail->content, &headers, &body);
    strbuf_adds(out, "Return-Path: <");
    strbuf_add_visible(out, mail->sender);
    strbuf_adds(out, ">\r\n");
    for (size_t i = 0; i < mail->recipient_count; i++) {
        strbuf_adds(out, "Delivered-To: ");
        strbuf_add_visible(out, mail->recipients[i]);
        strbuf_adds(out, "\r\n");
    }
    strbuf_add(out, headers);
}

void record_arrival(struct probe *p, const struct arrival *a, struct span mailbox,
                    const struct mail_view *mail)
{
    char room[HEAD_MAX];
    struct strbuf head;
    struct form_name id;
    struct token_pair tokens;
    struct ledger_arrival row = {.run = p->config.run_id, .mailbox = mailbox, .token = a->mark};
    if (p->config.ledger.ops == NULL || !ledger_kind(a->kind, &row.kind)) {
        return;
    }
    strbuf_init(&head, room, sizeof(room));
    record_head(&head, mail);
    if (a->form >= 0) {
        id = form_id(&p->results[a->form].form);
        row.form = span_of(id.text);
        tokens = form_tokens(&p->results[a->form].form);
        row.token = span_of(tokens.recipient.text);
    }
    row.head = strbuf_span(&head);
    row.epoch_s = epoch(p);
    written(p, p->config.ledger.ops->arrival(p->config.ledger.self, &row));
}

void record_callout(struct probe *p, int form, struct span sender, struct span recipient)
{
    char room[2 * MAIL_PATH_MAX + 64];
    struct strbuf head;
    if (p->config.ledger.ops == NULL) {
        return;
    }
    strbuf_init(&head, room, sizeof(room));
    strbuf_adds(&head, "MAIL FROM:<");
    strbuf_add_visible(&head, sender);
    strbuf_adds(&head, ">\r\nRCPT TO:<");
    strbuf_add_visible(&head, recipient);
    strbuf_adds(&head, ">\r\n");
    bool named = p->config.mailbox_count > 0;
    struct form_name id = {""};
    if (form >= 0) {
        id = form_id(&p->results[form].form);
    }
    struct ledger_arrival row = {
        .kind = LEDGER_CALLOUT,
        .run = p->config.run_id,
        .form = span_of(id.text),
        .mailbox = named ? p->config.mailboxes[0] : (struct span){NULL, 0},
        .head = strbuf_span(&head),
        .epoch_s = epoch(p),
    };
    written(p, p->config.ledger.ops->arrival(p->config.ledger.self, &row));
}

void record_verdict(struct probe *p)
{
    if (p->config.ledger.ops == NULL) {
        return;
    }
    struct ledger_verdict row = {
        .run = p->config.run_id,
        .verdict = span_of(verdict_name(p->verdict.verdict)),
        .reason_code = span_of(p->verdict.reason_code),
        .reason = span_of(p->verdict.reason),
        .cause = p->interrupted ? SPAN("interrupted") : SPAN("run"),
        .epoch_s = epoch(p),
    };
    written(p, p->config.ledger.ops->verdict(p->config.ledger.self, &row));
}
