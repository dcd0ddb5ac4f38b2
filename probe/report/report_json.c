/*
 * report_json.c - the report for programs
 *
 * Members are written in one order and none is ever left out: what is not known is null. So a
 * reader needs no existence tests, and two reports can be compared line by line. Formatting uses no
 * printf: a bench writes thousands of these a second.
 */
#include "lib/base/json.h"
#include "probe/report/report_private.h"
#include "probe/report/reproduce.h"

enum { LINE_MAX_LEN = 2048 };

static void text_or_null(struct json *j, const char *key, const char *text)
{
    json_string(j, key, text[0] != '\0' ? text : NULL);
}

static void time_text(struct json *j, const char *key, int64_t epoch_s)
{
    char memory[32];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    clock_print_rfc3339(&text, epoch_s);
    json_text(j, key, strbuf_span(&text));
}

typedef void write_form(struct strbuf *out, const struct probe *p, const struct form_result *r);

static void form_text(struct json *j, const char *key, write_form *write, const struct probe *p,
                      const struct form_result *r)
{
    char memory[LINE_MAX_LEN];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof(memory));
    write(&text, p, r);
    json_text(j, key, strbuf_span(&text));
}

static const char *kind_name(enum form_kind kind)
{
    switch (kind) {
    case FORM_EXTERNAL:
        return "external";
    case FORM_AMBIGUOUS:
        return "ambiguous";
    case FORM_CONTROL:
        break;
    }
    return "control";
}

static void form_paths(struct json *j, const struct probe *p, const struct form_result *r)
{
    if (r->state == FORM_NOT_APPLICABLE) {
        json_null(j, "sender");
        json_null(j, "recipient");
        json_null(j, "reproduce");
        return;
    }
    form_text(j, "sender", reproduce_sender, p, r);
    form_text(j, "recipient", reproduce_recipient, p, r);
    form_text(j, "reproduce", reproduce_line, p, r);
}

static void form_arrival(struct json *j, const struct probe *p, const struct form_result *r)
{
    const struct probe_delivery *d = probe_delivery_of(p, r);
    char room[EVIDENCE_TEXT_MAX];

    json_bool(j, "delivered", r->delivered);
    if (d != NULL) {
        json_text(j, "delivered_to", report_said(p, r, d->to, room));
        json_int(j, "delivered_after_ms", (d->at_ns - p->started_ns) / CLOCK_MS);
    } else {
        json_null(j, "delivered_to");
        json_null(j, "delivered_after_ms");
    }
    json_bool(j, "bounced", r->bounced);
}

static void form_object(struct json *j, const struct probe *p, const struct form_result *r)
{
    bool heard = r->reply != 0;
    char room[EVIDENCE_TEXT_MAX];
    bool asked = r->attempts > 0;

    json_open(j, NULL, '{');
    json_string(j, "id", form_id(&r->form).text);
    json_string(j, "kind", kind_name(r->form.kind));
    form_paths(j, p, r);
    json_string(j, "state", report_state_name(r->state));
    json_string(j, "answer", r->answer == ANSWER_NONE ? NULL : answer_name(r->answer));
    json_string(j, "rule", r->row != NULL ? r->row->id : NULL);
    json_string(j, "step", asked ? smtp_step_name(r->step) : NULL);
    if (heard)
        json_text(j, "reply", report_said(p, r, r->reply, room));
    else
        json_null(j, "reply");
    json_string(j, "no_reply", asked && !heard ? smtp_outcome_name(r->outcome) : NULL);
    json_bool(j, "rcpt_accepted", r->rcpt_accepted);
    json_bool(j, "data_accepted", r->data_accepted);
    json_int(j, "attempts", r->attempts);
    form_arrival(j, p, r);
    json_string(j, "why_not", r->state == FORM_NOT_APPLICABLE ? r->form.why_not : NULL);
    json_close(j);
}

static void form_list(struct json *j, const char *key, const struct probe *p, bool controls)
{
    json_open(j, key, '[');
    for (size_t i = 0; p != NULL && i < p->result_count; i++)
        if ((p->results[i].form.kind == FORM_CONTROL) == controls)
            form_object(j, p, &p->results[i]);
    json_close(j);
}

void report_counts_json(struct json *j, const struct verdict_result *v)
{
    json_int(j, "total", v->total);
    json_int(j, "refused", v->refused);
    json_int(j, "accepted", v->accepted);
    json_int(j, "undecided", v->undecided);
    json_int(j, "not_asked", v->not_asked);
    json_int(j, "not_applicable", v->not_applicable);
}

static void forms_object(struct json *j, const struct report *r)
{
    json_open(j, "forms", '{');
    report_counts_json(j, r->verdict);
    form_list(j, "list", r->probe, false);
    json_close(j);
}

static void control_object(struct json *j, const char *key, const struct probe_control *c)
{
    if (c == NULL || !c->started) {
        json_null(j, key);
        return;
    }
    json_open(j, key, '{');
    json_bool(j, "accepted", c->accepted);
    json_bool(j, "arrived", c->arrived);
    text_or_null(j, "reply", c->reply);
    json_close(j);
}

static void controls_object(struct json *j, const struct probe *p)
{
    bool known = p != NULL && p->canary_count > 0;

    json_open(j, "controls", '{');
    control_object(j, "before", known ? &p->controls[0] : NULL);
    control_object(j, "after", known ? &p->controls[1] : NULL);
    form_list(j, "forms", p, true);
    json_close(j);
}

static void report_object(struct json *j, const struct probe *p, const struct probe_report *d)
{
    bool of_form = d->form >= 0 && (size_t)d->form < p->result_count;

    json_open(j, NULL, '{');
    json_string(j, "form", of_form ? form_id(&p->results[d->form].form).text : NULL);
    json_string(j, "action", d->is_dsn ? dsn_action_name(d->action) : NULL);
    json_bool(j, "in_words", d->in_words);
    json_bool(j, "by_target", d->by_target);
    text_or_null(j, "reporting_mta", d->reporting_mta);
    text_or_null(j, "status", d->status);
    text_or_null(j, "diagnostic", d->diagnostic);
    text_or_null(j, "to", d->to);
    json_close(j);
}

static void reports_array(struct json *j, const struct probe *p)
{
    json_open(j, "reports", '[');
    for (unsigned i = 0; p != NULL && i < p->report_kept; i++) {
        struct probe_report d;

        probe_report_at(p, i, &d);
        report_object(j, p, &d);
    }
    json_close(j);
}

static void plain_or_null(struct json *j, const char *key, const struct probe *p, uint16_t number)
{
    struct span text = evidence_plain(&p->evidence, number);

    if (text.len > 0)
        json_text(j, key, text);
    else
        json_null(j, key);
}

static void server_object(struct json *j, const struct probe *p)
{
    if (p == NULL) {
        json_null(j, "server");
        return;
    }
    json_open(j, "server", '{');
    json_string(j, "address", p->target_text);
    plain_or_null(j, "greeting", p, p->target.greeting);
    plain_or_null(j, "extensions", p, p->target.ehlo_keywords);
    json_close(j);
}

/* Over what, and from where, as far as it was chosen. */
static void way_members(struct json *j, const struct probe *p)
{
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf source;

    strbuf_init(&source, memory, sizeof(memory));
    if (p != NULL && p->config.source.family != 0)
        endpoint_print_address(&source, &p->config.source);
    text_or_null(j, "source", memory);
    json_string(j, "family", p == NULL ? NULL : p->config.target.family == 6 ? "IPv6" : "IPv4");
}

static void emit_note(void *self, struct span note)
{
    json_text(self, NULL, note);
}

void report_json(struct strbuf *out, const struct report *r)
{
    const struct probe *p = r->probe;
    struct json j;

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", REPORT_SCHEMA_VERSION);
    json_text(&j, "target", r->target);
    json_string(&j, "vantage", p != NULL ? report_vantage_name(r->vantage) : NULL);
    way_members(&j, p);
    json_string(&j, "verdict", verdict_name(r->verdict->verdict));
    json_string(&j, "reason_code", r->verdict->reason_code);
    json_string(&j, "reason", r->verdict->reason);
    json_string(&j, "plain_accepted", plain_accepted_name(r->verdict->plain_accepted));
    if (p != NULL && p->config.run_id.len > 0)
        json_text(&j, "run", p->config.run_id);
    else
        json_null(&j, "run");
    time_text(&j, "started", r->started_epoch_s);
    time_text(&j, "finished", r->finished_epoch_s);
    json_int(&j, "elapsed_ms", p != NULL ? (p->finished_ns - p->started_ns) / CLOCK_MS : 0);
    json_int(&j, "sessions", p != NULL ? p->target.sessions : 0);
    json_int(&j, "commands", p != NULL ? p->target.commands : 0);
    json_int(&j, "round_trips", p != NULL ? p->target.round_trips : 0);
    json_int(&j, "longest_chain", p != NULL ? p->target.longest : 0);
    json_bool(&j, "interrupted", p != NULL && p->interrupted);
    server_object(&j, p);
    report_tls_json(&j, r);
    forms_object(&j, r);
    controls_object(&j, p);
    reports_array(&j, p);
    report_home_json(&j, p);
    report_proof_json(&j, p);
    json_int(&j, "callouts", p != NULL ? p->callout_count : 0);
    json_open(&j, "notes", '[');
    report_notes(r, emit_note, &j);
    json_close(&j);
    json_close(&j);
}
