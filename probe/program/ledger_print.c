/*
 * ledger_print.c - visitors that write one row at a time
 */
#include "probe/program/ledger_print.h"

#include <string.h>

#include "lib/base/clock.h"

static void flush(struct ledger_printer *p)
{
    if (!p->failed && p->page.len > 0)
        p->failed = !p->emit(p->self, strbuf_span(&p->page));
    strbuf_reset(&p->page);
}

static void add_time(struct strbuf *out, int64_t epoch_s)
{
    clock_print_rfc3339(out, epoch_s);
    strbuf_adds(out, "  ");
}

static void pad(struct strbuf *out, size_t from, size_t width)
{
    do
        strbuf_addc(out, ' ');
    while (out->len < from + width && !out->truncated);
}

static void add_column(struct strbuf *out, struct span text, size_t width)
{
    size_t from = out->len;
    strbuf_add_visible(out, text);
    pad(out, from, width);
}

/* -- the list */

static void end_line(struct ledger_printer *p)
{
    if (p->pending)
        strbuf_adds(&p->page, "no verdict\n");
    p->pending = false;
    flush(p);
}

static void list_run(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct ledger_printer *p = self;
    end_line(p);
    add_column(&p->page, r->run, 18);
    add_time(&p->page, r->epoch_s);
    add_column(&p->page, r->target, 22);
    strbuf_addf(&p->page, "%3u sent  %3u home  %3u reports  ", counts->messages, counts->deliveries,
                counts->reports);
    p->pending = true;
}

static void list_verdict(void *self, const struct ledger_verdict *v)
{
    struct ledger_printer *p = self;
    strbuf_add_visible(&p->page, v->verdict);
    if (span_equal(v->cause, SPAN("collect")))
        strbuf_adds(&p->page, ", collected later");
    strbuf_addc(&p->page, '\n');
    p->pending = false;
}

enum ledger_found ledger_print_runs(struct ledger_printer *p, struct ledger_reader reader)
{
    struct ledger_visitor v = {.run = list_run, .verdict = list_verdict, .self = p};
    enum ledger_found found = reader.ops->runs(reader.self, &v);
    end_line(p);
    return found;
}

/* -- one run, for people */

static struct strbuf *section(struct ledger_printer *p, const char *title)
{
    flush(p);
    if (p->section == NULL || strcmp(p->section, title) != 0)
        strbuf_addf(&p->page, "\n%s\n", title);
    p->section = title;
    strbuf_adds(&p->page, "  ");
    return &p->page;
}

static void add_line(struct strbuf *out, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    add_column(out, span_of(name), 11);
    strbuf_add_visible(out, value);
    strbuf_addc(out, '\n');
}

static void show_run(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct ledger_printer *p = self;
    struct strbuf *out = &p->page;
    (void)counts;
    add_line(out, "run", r->run);
    add_column(out, SPAN("asked"), 11);
    clock_print_rfc3339(out, r->epoch_s);
    strbuf_addc(out, '\n');
    add_line(out, "target", r->target);
    add_line(out, "name", r->target_name);
    add_line(out, "greets as", r->greeting);
    add_line(out, "vantage", r->vantage);
    add_line(out, "canary", r->canary);
    add_line(out, "sender", r->sender);
    add_line(out, "mailboxes", r->mailboxes);
    add_line(out, "forms", r->forms);
}

static void show_form(void *self, const struct ledger_form *f)
{
    struct strbuf *out = section(self, "forms");
    add_column(out, f->form, 10);
    add_column(out, f->kind, 11);
    add_column(out, f->state, 15);
    add_column(out, f->answer, 15);
    strbuf_add_visible(out, f->recipient);
    if (f->reply.len > 0)
        strbuf_adds(out, "  ");
    strbuf_add_visible(out, f->reply);
    strbuf_addc(out, '\n');
}

static void show_message(void *self, const struct ledger_message *m)
{
    struct strbuf *out = section(self, "messages sent");
    add_time(out, m->epoch_s);
    add_column(out, m->form, 10);
    strbuf_addf(out, "attempt %u  ", m->attempt);
    strbuf_add_visible(out, m->sender);
    strbuf_adds(out, " to ");
    strbuf_add_visible(out, m->recipient);
    strbuf_adds(out, "  token ");
    strbuf_adds(out, m->tokens->recipient.text);
    strbuf_addc(out, '\n');
}

static void show_arrival(void *self, const struct ledger_arrival *a)
{
    struct strbuf *out = section(self, "arrivals");
    struct span head = a->head, line;
    add_time(out, a->epoch_s);
    add_column(out, span_of(ledger_arrival_name(a->kind)), 10);
    add_column(out, a->form, 10);
    strbuf_add_visible(out, a->mailbox);
    strbuf_addc(out, '\n');
    while (span_cut(&head, '\n', &line)) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        strbuf_adds(out, line.len > 0 ? "      " : "");
        strbuf_add_visible(out, line);
        strbuf_adds(out, line.len > 0 ? "\n" : "");
    }
}

static void show_verdict(void *self, const struct ledger_verdict *v)
{
    struct strbuf *out = section(self, "verdicts, the last one counts");
    add_time(out, v->epoch_s);
    strbuf_add_visible(out, v->verdict);
    strbuf_adds(out, " (");
    strbuf_add_visible(out, v->reason_code);
    strbuf_adds(out, span_equal(v->cause, SPAN("collect")) ? ", collected later): " : "): ");
    strbuf_add_visible(out, v->reason);
    strbuf_addc(out, '\n');
}

enum ledger_found ledger_print_run(struct ledger_printer *p, struct ledger_reader reader,
                                   struct span run)
{
    struct ledger_visitor v = {show_run, show_form, show_message, show_arrival, show_verdict, p};
    enum ledger_found found = reader.ops->show(reader.self, run, &v);
    flush(p);
    return found;
}

/* -- one run, for programs */

static void json_time(struct json *j, const char *key, int64_t epoch_s)
{
    char memory[40];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    clock_print_rfc3339(&text, epoch_s);
    json_text(j, key, strbuf_span(&text));
}

static void put_run(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct ledger_printer *p = self;
    struct json *j = &p->json;
    (void)counts;
    json_init(j, &p->page);
    json_open(j, NULL, '{');
    json_int(j, "schema_version", LEDGER_EXPORT_VERSION);
    json_text(j, "run", r->run);
    json_time(j, "asked", r->epoch_s);
    json_text(j, "target", r->target);
    json_text(j, "target_name", r->target_name);
    json_text(j, "greeting", r->greeting);
    json_text(j, "vantage", r->vantage);
    json_text(j, "canary", r->canary);
    json_text(j, "sender", r->sender);
    json_text(j, "mailboxes", r->mailboxes);
    json_text(j, "form_selection", r->forms);
    p->section = NULL;
}

static const char *const sections[] = {"forms", "messages", "arrivals", "verdicts", NULL};

/* Every list is there, the empty ones too: those up to `wanted` are opened and closed in order. */
static struct json *list(struct ledger_printer *p, const char *wanted)
{
    struct json *j = &p->json;
    size_t i = 0;
    flush(p);
    if (p->section != NULL && wanted != NULL && strcmp(p->section, wanted) == 0)
        return j;
    while (p->section != NULL && strcmp(sections[i++], p->section) != 0)
        ;
    if (p->section != NULL)
        json_close(j);
    for (; sections[i] != NULL; i++) {
        json_open(j, sections[i], '[');
        p->section = sections[i];
        if (wanted != NULL && strcmp(sections[i], wanted) == 0)
            return j;
        json_close(j);
    }
    return j;
}

static void put_form(void *self, const struct ledger_form *f)
{
    struct json *j = list(self, "forms");
    json_open(j, NULL, '{');
    json_text(j, "form", f->form);
    json_text(j, "kind", f->kind);
    json_text(j, "sender", f->sender);
    json_text(j, "recipient", f->recipient);
    json_text(j, "state", f->state);
    json_text(j, "answer", f->answer);
    json_text(j, "reply", f->reply);
    json_time(j, "at", f->epoch_s);
    json_close(j);
}

static void put_message(void *self, const struct ledger_message *m)
{
    struct json *j = list(self, "messages");
    json_open(j, NULL, '{');
    json_text(j, "form", m->form);
    json_int(j, "attempt", m->attempt);
    json_text(j, "sender", m->sender);
    json_text(j, "recipient", m->recipient);
    json_text(j, "message_id", m->message_id);
    json_string(j, "sender_token", m->tokens->sender.text);
    json_string(j, "recipient_token", m->tokens->recipient.text);
    json_time(j, "at", m->epoch_s);
    json_close(j);
}

static void put_arrival(void *self, const struct ledger_arrival *a)
{
    struct json *j = list(self, "arrivals");
    json_open(j, NULL, '{');
    json_string(j, "kind", ledger_arrival_name(a->kind));
    json_text(j, "form", a->form);
    json_text(j, "mailbox", a->mailbox);
    json_text(j, "token", a->token);
    json_text(j, "head", a->head);
    json_time(j, "at", a->epoch_s);
    json_close(j);
}

static void put_verdict(void *self, const struct ledger_verdict *v)
{
    struct json *j = list(self, "verdicts");
    json_open(j, NULL, '{');
    json_text(j, "verdict", v->verdict);
    json_text(j, "reason_code", v->reason_code);
    json_text(j, "reason", v->reason);
    json_text(j, "cause", v->cause);
    json_time(j, "at", v->epoch_s);
    json_close(j);
}

enum ledger_found ledger_export_run(struct ledger_printer *p, struct ledger_reader reader,
                                    struct span run)
{
    struct ledger_visitor v = {put_run, put_form, put_message, put_arrival, put_verdict, p};
    enum ledger_found found = reader.ops->show(reader.self, run, &v);
    if (found == LEDGER_FOUND) {
        list(p, NULL);
        json_close(&p->json);
        strbuf_addc(&p->page, '\n');
        flush(p);
    }
    return found;
}
