/*
 * report_home.c - what is said of canaries, mailboxes, forged tokens and the ledger
 */
#include "probe/report/report_private.h"

static bool sent_to(const struct probe *p, size_t canary)
{
    for (size_t i = 0; i < p->result_count; i++)
        if (p->results[i].form.canary == canary && p->results[i].body_sent)
            return true;
    return false;
}

bool report_canary_reached(const struct probe *p, size_t canary)
{
    for (size_t i = 0; i < p->result_count; i++)
        if (p->results[i].form.canary == canary && p->results[i].delivered)
            return true;
    return false;
}

static void add_canary(struct strbuf *out, const struct canary *c)
{
    strbuf_add_visible(out, c->local);
    strbuf_addc(out, '@');
    strbuf_add_visible(out, c->domain);
}

static void list_canaries(struct strbuf *out, const struct probe *p, bool reached)
{
    bool any = false;

    for (size_t i = 0; i < p->canary_count; i++) {
        if (!sent_to(p, i) || report_canary_reached(p, i) != reached)
            continue;
        strbuf_adds(out, any ? ", " : "");
        add_canary(out, &p->controls[2 * i].canary);
        any = true;
    }
}

/* Only some of them: a honeypot, or a filter that knows one of the domains. */
static bool some_reached(const struct probe *p)
{
    unsigned sent = 0, reached = 0;

    for (size_t i = 0; i < p->canary_count; i++) {
        sent += sent_to(p, i);
        reached += sent_to(p, i) && report_canary_reached(p, i);
    }
    return reached > 0 && reached < sent;
}

void report_home_notes(const struct probe *p, struct strbuf *text,
                       void (*emit)(void *self, struct span note), void *self)
{
    if (some_reached(p)) {
        strbuf_reset(text);
        strbuf_adds(text, "Only some canaries were reached: ");
        list_canaries(text, p, true);
        strbuf_adds(text, "; and not ");
        list_canaries(text, p, false);
        strbuf_adds(text,
                    p->window_whole ? " within the window" : " before the wait was cut short");
        strbuf_adds(text, ". A honeypot lets the first message through, to look like a relay.");
        emit(self, strbuf_span(text));
    }
    for (size_t i = 0; i < p->config.mailbox_count; i++) {
        const struct probe_mailbox *m = &p->mailboxes[i];

        if (!m->troubled)
            continue;
        strbuf_reset(text);
        strbuf_adds(text, "Mailbox ");
        strbuf_add_visible(text, p->config.mailboxes[i]);
        strbuf_adds(text, " could not be read: ");
        strbuf_add(text, evidence_plain(&p->evidence, m->why));
        strbuf_adds(text, ". Its silence proves nothing.");
        emit(self, strbuf_span(text));
    }
    if (p->forged_count > 0) {
        strbuf_reset(text);
        strbuf_addf(text,
                    "%u message(s) with a forged or altered token came, and count for "
                    "nothing; the first: ",
                    p->forged_count);
        strbuf_add(text, evidence_plain(&p->evidence, p->forged));
        emit(self, strbuf_span(text));
    }
    if (p->replayed_count > 0) {
        strbuf_reset(text);
        strbuf_addf(text,
                    "%u message(s) with a token of an earlier run came, and count for nothing "
                    "here; the first: ",
                    p->replayed_count);
        strbuf_add(text, evidence_plain(&p->evidence, p->replayed));
        emit(self, strbuf_span(text));
    }
    if (p->ledger_failed)
        emit(self, p->config.ledger_required
                       ? SPAN("The ledger could not be written: what it could not take was not "
                              "sent.")
                       : SPAN("The ledger could not be written: what comes home later may not be "
                              "known for ours."));
}

static void canary_object(struct json *j, const struct probe *p, size_t i)
{
    char memory[MAIL_PATH_MAX];
    struct strbuf address;

    strbuf_init(&address, memory, sizeof(memory));
    add_canary(&address, &p->controls[2 * i].canary);
    json_open(j, NULL, '{');
    json_text(j, "address", strbuf_span(&address));
    json_bool(j, "sent", sent_to(p, i));
    json_bool(j, "reached", report_canary_reached(p, i));
    json_bool(j, "control_before", p->controls[2 * i].arrived);
    json_bool(j, "control_after", p->controls[2 * i + 1].arrived);
    json_close(j);
}

void report_home_json(struct json *j, const struct probe *p)
{
    json_open(j, "canaries", '[');
    for (size_t i = 0; p != NULL && i < p->canary_count; i++)
        canary_object(j, p, i);
    json_close(j);
    json_open(j, "mailboxes", '[');
    for (size_t i = 0; p != NULL && i < p->config.mailbox_count; i++) {
        const struct probe_mailbox *m = &p->mailboxes[i];

        json_open(j, NULL, '{');
        json_text(j, "name", p->config.mailboxes[i]);
        json_bool(j, "readable", !m->troubled);
        if (m->troubled && m->why != 0)
            json_text(j, "trouble", evidence_plain(&p->evidence, m->why));
        else
            json_null(j, "trouble");
        json_close(j);
    }
    json_close(j);
    json_int(j, "forged", p != NULL ? p->forged_count : 0);
    json_int(j, "replayed", p != NULL ? p->replayed_count : 0);
}
