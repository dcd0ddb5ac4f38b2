/*
 * report_notes.c - what is worth knowing beside the forms, and what to do about a verdict
 *
 * Notes are sentences without a place of their own in the reports; the same ones stand in text and
 * JSON. Advice is a table: the first row whose verdict and reason code fit is said.
 */
#include <string.h>

#include "probe/ask/contexts.h"
#include "probe/report/report_private.h"

enum { NOTE_MAX = 1536 };

struct noter {
    const struct report *report;
    void (*emit)(void *self, struct span note);
    void *self;
    struct strbuf text;
};

static void note(struct noter *n, bool holds, const char *text)
{
    if (holds)
        n->emit(n->self, span_of(text));
}

static struct strbuf *note_begin(struct noter *n)
{
    strbuf_reset(&n->text);
    return &n->text;
}

static void note_end(struct noter *n)
{
    n->emit(n->self, strbuf_span(&n->text));
}

static void note_vantage(struct noter *n)
{
    switch (n->report->vantage) {
    case VANTAGE_SAME_HOST:
    case VANTAGE_SAME_NETWORK:
    case VANTAGE_INSIDE:
        n->emit(
            n->self,
            SPAN("Asked from inside: many servers relay for their own host and network by design, "
                 "so ask from outside too."));
        break;
    case VANTAGE_PRIVATE:
        n->emit(
            n->self,
            SPAN(
                "Asked over private addresses: the server may hold this host for one of its own."));
        break;
    case VANTAGE_PUBLIC:
    case VANTAGE_OUTSIDE:
        break;
    }
}

static void note_control(struct noter *n, const struct probe_control *c)
{
    struct strbuf *text;

    if (!c->started || c->arrived || c->route.family == 0)
        return;
    text = note_begin(n);
    strbuf_addf(text, "The %s message did not come home", c->id);
    if (c->reply[0] != '\0')
        strbuf_addf(text, "; last reply: %s", c->reply);
    else
        strbuf_addf(text, "; its session: %s at %s", smtp_outcome_name(c->outcome),
                    smtp_step_name(c->step));
    strbuf_adds(text, ". Silence of the mailbox therefore proves nothing.");
    note_end(n);
}

static void note_session_refusal(struct noter *n, const struct probe *p)
{
    const struct target_notes *t = &p->target;
    struct strbuf *text;

    if (t->session_answer == ANSWER_NONE || t->session_answer == ANSWER_ACCEPTED)
        return;
    text = note_begin(n);
    strbuf_addf(text, "The server refused a session (%s) at %s: ", answer_name(t->session_answer),
                smtp_step_name(t->session_step));
    strbuf_add(text, evidence_plain(&p->evidence, t->session_reply));
    note_end(n);
}

static void note_tls(struct noter *n, const struct probe *p)
{
    const struct target_notes *t = &p->target;
    struct strbuf *text;

    note(n, t->starttls_offered && !t->starttls_refused && t->tls == NULL,
         "STARTTLS was offered and not used: what the server allows over TLS was not asked.");
    note(n, p->plan.tls.demanded && !p->plan.tls.forced,
         "The server answers nothing in clear; the forms were asked behind STARTTLS.");
    note(
        n, t->tls_injected,
        "Bytes in clear came behind the 220 to STARTTLS: somebody on the way, or the server, mixes "
        "them in. They were dropped.");
    note(n, t->certificate_asked,
         "The server asks clients for a certificate; who shows one is asked about by @E3b.");
    note(n, t->tls != NULL && !t->tls->on && t->greeted,
         "The TLS handshake failed; what belongs behind it has no answer.");
    if (t->starttls_refused) {
        text = note_begin(n);
        strbuf_adds(text, "STARTTLS was refused: ");
        strbuf_add(text, evidence_plain(&p->evidence, t->starttls_reply));
        note_end(n);
    }
}

static bool lets_name_address(struct span keywords)
{
    return span_find(keywords, SPAN("XCLIENT")) != SIZE_MAX ||
           span_find(keywords, SPAN("XFORWARD")) != SIZE_MAX;
}

static void note_target(struct noter *n, const struct probe *p)
{
    const struct target_notes *t = &p->target;
    struct span keywords = evidence_plain(&p->evidence, t->ehlo_keywords);
    struct span in_tls = evidence_plain(&p->evidence, t->tls_keywords);

    note_session_refusal(n, p);
    note(n, t->helo_used, "EHLO was refused; HELO was used instead.");
    note(n, t->bare_mail || t->bare_rcpt,
         "The server takes addresses only without angle brackets.");
    note_tls(n, p);
    note(n, lets_name_address(keywords) || lets_name_address(in_tls),
         "XCLIENT or XFORWARD is offered to us: whoever may use it names the address that he is "
         "judged by.");
    note(n, t->bare_lf, "A reply line ended in LF alone (RFC 5321 2.3.8 wants CR LF).");
    note(n, t->eight_bit, "A reply held 8-bit octets.");
    note(n, t->control_bytes, "A reply held NUL or another control character.");
    note(n, t->mixed_codes,
         "The lines of one reply had different codes; the last line was believed.");
    note(n, t->hung_up, "The server closed a session by itself.");
    note(
        n, t->tainted,
        "A session answered more than was asked and was not believed; its forms were asked again.");
    note(n, t->quit_unanswered, "QUIT was not answered.");
}

/* A loss is a weaker no than words: some path may have cut what the server would have taken. */
static bool closed_by_loss(const struct form_result *r)
{
    return r->state == FORM_DENIED && r->answer == ANSWER_NONE && r->hang_ups > 0 &&
           r->form.kind != FORM_CONTROL;
}

static void note_losses(struct noter *n, const struct probe *p)
{
    struct strbuf *text = note_begin(n);
    unsigned count = 0;

    strbuf_adds(text, "Counted as refused since the connection was lost at them each time, while "
                      "the plain form was answered; a path that cuts can look the same:");
    for (size_t i = 0; i < p->result_count; i++)
        if (closed_by_loss(&p->results[i]))
            strbuf_addf(text, "%s %s", count++ > 0 ? "," : "", form_id(&p->results[i].form).text);
    if (count > 0)
        note_end(n);
}

static void note_senders(struct noter *n, const struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        struct strbuf *text;

        if (r->sender_used == NULL || r->sender_used == r->form.sender ||
            r->form.kind == FORM_CONTROL)
            continue;
        text = note_begin(n);
        strbuf_addf(text,
                    "The server refused sender %s; forms were asked with sender %s (%s) instead.",
                    r->form.sender->id, r->sender_used->id, r->sender_used->name);
        note_end(n);
        return;
    }
}

/* What is asked beside the forms: taken, it is worth a sentence, and no verdict. */
static void note_notices(struct noter *n, const struct probe *p)
{
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        const struct context_row *row = context_of(&r->form);
        if (row->notice == NULL || r->state != FORM_ACCEPTED)
            continue;
        n->emit(n->self, span_of(row->taken));
    }
}

/* How it reads is a hole by itself: what stands behind another's message is taken for his. */
static void note_false_ends(struct noter *n, const struct probe *p)
{
    struct strbuf *text = note_begin(n);
    unsigned count = 0;

    strbuf_adds(text, "The server answered as if a message had ended where it did not (RFC 5321 "
                      "4.1.1.4), and took what stood behind for commands:");
    for (size_t i = 0; i < p->result_count; i++) {
        const struct form_result *r = &p->results[i];
        const char *name = context_of(&r->form)->name;

        if (r->ended_early)
            strbuf_addf(text, "%s %s (%s)", count++ > 0 ? "," : "", form_id(&r->form).text, name);
    }
    if (count > 0)
        note_end(n);
}

static void note_callouts(struct noter *n, const struct probe *p)
{
    unsigned kept = p->callout_kept;

    for (unsigned i = 0; i < kept; i++) {
        const struct probe_callout *c = &p->callouts[i];
        struct strbuf *text = note_begin(n);

        strbuf_adds(text, "Callout: somebody asked our mailbox about <");
        strbuf_add_visible(text, span_of(c->recipient));
        strbuf_adds(text, "> as <");
        strbuf_add_visible(text, span_of(c->sender));
        strbuf_adds(text, "> and left before a message: an address check, no delivery.");
        note_end(n);
    }
    if (p->callout_count > kept) {
        strbuf_addf(note_begin(n), "%u further callouts.", p->callout_count - kept);
        note_end(n);
    }
}

static const struct form_result *report_form(const struct probe *p, const struct probe_report *d)
{
    return d->form >= 0 && (size_t)d->form < p->result_count ? &p->results[d->form] : NULL;
}

static bool is_backscatter(const struct probe *p, const struct probe_report *d)
{
    const struct form_result *r = report_form(p, d);

    return r != NULL && r->form.kind == FORM_AMBIGUOUS;
}

/* The same words would be said of both. */
static bool alike(const struct probe *p, const struct probe_report *a, const struct probe_report *b)
{
    return is_backscatter(p, a) == is_backscatter(p, b) && a->is_dsn == b->is_dsn &&
           a->action == b->action && a->canary_side == b->canary_side &&
           strcmp(a->reporting_mta, b->reporting_mta) == 0 && strcmp(a->status, b->status) == 0 &&
           strcmp(a->diagnostic, b->diagnostic) == 0;
}

static void note_report(struct noter *n, const struct probe *p, const struct probe_report *all,
                        unsigned first, unsigned kept)
{
    const struct probe_report *d = &all[first];
    struct strbuf *text = note_begin(n);

    strbuf_adds(text, is_backscatter(p, d) ? "Backscatter, perhaps taken for local mail: returned"
                                           : "Returned");
    if (d->reporting_mta[0] != '\0')
        strbuf_addf(text, " by %s", d->reporting_mta);
    strbuf_adds(text, ": ");
    for (unsigned i = first; i < kept; i++) {
        const struct form_result *r = report_form(p, &all[i]);

        if (alike(p, d, &all[i]))
            strbuf_addf(text, "%s%s", i > first ? ", " : "",
                        r != NULL ? form_id(&r->form).text : "(no form)");
    }
    if (d->is_dsn)
        strbuf_addf(text, "; action %s, status %s", dsn_action_name(d->action),
                    d->status[0] != '\0' ? d->status : "unknown");
    if (d->diagnostic[0] != '\0')
        strbuf_addf(text, ": %s", d->diagnostic);
    if (d->canary_side)
        strbuf_adds(text, " (it names the canary's side as the one that refused)");
    note_end(n);
}

static void note_returned(struct noter *n, const struct probe *p)
{
    struct probe_report all[PROBE_REPORTS_MAX];
    unsigned kept = p->report_kept;

    for (unsigned i = 0; i < kept; i++)
        probe_report_at(p, i, &all[i]);
    for (unsigned i = 0; i < kept; i++) {
        unsigned earlier = 0;

        while (earlier < i && !alike(p, &all[earlier], &all[i]))
            earlier++;
        if (earlier == i)
            note_report(n, p, all, i, kept);
    }
    if (p->report_count > kept) {
        strbuf_addf(note_begin(n), "%u further reports.", p->report_count - kept);
        note_end(n);
    }
}

static void note_arrivals(struct noter *n, const struct probe *p)
{
    struct strbuf *text;

    note_returned(n, p);
    if (p->canary_refused) {
        text = note_begin(n);
        strbuf_adds(text, "The canary's side refused a relayed message: ");
        strbuf_add(text, evidence_plain(&p->evidence, p->canary_refusal));
        note_end(n);
    }
    note(n, p->turned_away,
         "Our mailbox was full and turned a connection away: that nothing came proves nothing.");
    if (p->unclear_count > 0) {
        text = note_begin(n);
        strbuf_addf(text, "%u arrival(s) could not be told apart from a delivery; the first: ",
                    p->unclear_count);
        strbuf_add(text, evidence_plain(&p->evidence, p->unclear));
        note_end(n);
    }
    if (p->foreign_count > 0) {
        strbuf_addf(note_begin(n), "%u message(s) without a token of this run came to our mailbox.",
                    p->foreign_count);
        note_end(n);
    }
}

static void note_no_control(struct noter *n, const struct probe *p, size_t canary)
{
    struct span why = p->config.route_trouble[canary];

    if (p->controls[2 * canary].route.family != 0)
        return;
    struct strbuf *text = note_begin(n);

    strbuf_adds(text, "No control message to ");
    strbuf_add(text, p->controls[2 * canary].canary.domain);
    strbuf_adds(text, " was possible: ");
    strbuf_add(text, why.len > 0 ? why : SPAN("its own way in is not known (--control-route)"));
    strbuf_addc(text, '.');
    note_end(n);
}

static void note_course(struct noter *n, const struct probe *p)
{
    note(n, p->interrupted, "Interrupted: this is what was known by then.");
    note(n, p->deadline_passed,
         "The time for asking (--max-time) ran out; forms that were not asked are counted.");
    note(n, p->plan.messages_spent,
         "The target took as many messages as it may be given (--max-messages); the forms that "
         "were left are counted as not asked.");
    note(n, p->sessions_used_up, "The most sessions that one run makes were used up.");
    note(n, !p->config.mailbox,
         "No mailbox was watched: what becomes of an accepted message cannot be seen.");
    for (size_t i = 0; p->config.mailbox && i < p->canary_count; i++)
        note_no_control(n, p, i);
}

void report_notes(const struct report *r, void (*emit)(void *self, struct span note), void *self)
{
    char memory[NOTE_MAX];
    struct noter n = {.report = r, .emit = emit, .self = self};

    strbuf_init(&n.text, memory, sizeof(memory));
    for (size_t i = 0; i < r->note_count; i++)
        emit(self, r->notes[i]);
    if (r->probe == NULL)
        return;
    note_vantage(&n);
    note_course(&n, r->probe);
    for (size_t i = 0; r->verdict->verdict != VERDICT_OPEN && i < 2 * r->probe->canary_count; i++)
        note_control(&n, &r->probe->controls[i]);
    note_target(&n, r->probe);
    note_senders(&n, r->probe);
    note_losses(&n, r->probe);
    report_home_notes(r->probe, &n.text, emit, self);
    note_arrivals(&n, r->probe);
    note_notices(&n, r->probe);
    note_false_ends(&n, r->probe);
    note_callouts(&n, r->probe);
}

struct advice_row {
    enum verdict verdict;
    const char *reason; /* glob over the reason code */
    const char *advice;
};

/* clang-format off */
static const struct advice_row advice_rows[] = {
    {VERDICT_OPEN, "*",
     "Let the server refuse recipients outside its own domains to clients that are neither "
     "authenticated nor in its own networks (Postfix: reject_unauth_destination), then run "
     "this again."},
    {VERDICT_BOUNCES, "*",
     "Let the server refuse such recipients at RCPT instead of returning mail later: it sends "
     "its bounces to whoever was forged as the sender."},
    {VERDICT_DISCARDS, "*",
     "Look for the message in the server's log and queue, and run this again with a longer "
     "--wait: a delivery later than the window would make it open. relayprobe --collect looks for "
     "one that came meanwhile."},
    {VERDICT_ACCEPTS, "mailbox-dead",
     "Mend the mailbox first (the notes say what is wrong), then run this again, or --collect what "
     "came meanwhile."},
    {VERDICT_ACCEPTS, "no-control-route",
     "Say how mail reaches the mailbox without the target (--control-route ADDR:PORT, the canary "
     "domain's own server): until a control message comes home, silence says nothing."},
    {VERDICT_ACCEPTS, "*mailbox*",
     "Give a mailbox (--sink ADDR:PORT) that the canary's domain is routed to, so that a "
     "delivery can be seen."},
    {VERDICT_ACCEPTS, "*control*",
     "Mend the canary's own way in first: until a control message comes home, silence says "
     "nothing."},
    {VERDICT_ACCEPTS, "*canary*",
     "The server did pass the message on: let the canary's side take mail from it for the canary, "
     "then run this again."},
    {VERDICT_ACCEPTS, "turned-away",
     "Run this again while fewer connections come to the mailbox (the notes say so): one of those "
     "that were turned away may have brought the message."},
    {VERDICT_ACCEPTS, "*",
     "Run this again with the whole window (--wait, --max-time), and look into the server's "
     "queue and log."},
    {VERDICT_INCONCLUSIVE, "*grey*",
     "Run this again with a --max-time that leaves room for the server's delay."},
    {VERDICT_INCONCLUSIVE, "*defer*",
     "Run this again later, or with a longer --max-time."},
    {VERDICT_INCONCLUSIVE, "*sender*",
     "Run this again with a --sender whose domain exists and receives mail."},
    {VERDICT_INCONCLUSIVE, "*helo*",
     "Run this again with a --helo name that the server likes."},
    {VERDICT_INCONCLUSIVE, "*client*",
     "This client is blocked, which says nothing of others: ask from another address "
     "(--source), or have this one unblocked."},
    {VERDICT_INCONCLUSIVE, "tls-required",
     "The server wants TLS first: ask its TLS side (--tls starttls)."},
    {VERDICT_INCONCLUSIVE, "*tls*",
     "The server's TLS does not work for us: see the notes, and mend it or ask with --tls none."},
    {VERDICT_INCONCLUSIVE, "*timeout*",
     "Run this again with more patience (--timeout STEP=DURATION, --max-time)."},
    {VERDICT_INCONCLUSIVE, "max-time",
     "Run this again with a longer --max-time."},
    {VERDICT_INCONCLUSIVE, "max-messages",
     "Run this again with a greater --max-messages, or without one."},
    {VERDICT_INCONCLUSIVE, "*content*",
     "Let the server take the probe's message past its content filter, or ask one that has "
     "none."},
    {VERDICT_INCONCLUSIVE, "*verify*",
     "Let the canary's side answer address checks for the canary, then run this again."},
    {VERDICT_INCONCLUSIVE, "*interrupt*",
     "Run this again and let it come to its end."},
    {VERDICT_INCONCLUSIVE, "*",
     "Run this again later; --transcript FILE shows every line that was said."},
    {VERDICT_CLOSED, "*",
     "Nothing to mend. This holds for this vantage and for the forms above, not for what was "
     "not asked."},
    {VERDICT_UNREACHABLE, "*name*",
     "Check the name, and the resolver of this host."},
    {VERDICT_UNREACHABLE, "*",
     "Check address, port, and what filters port 25 between here and there. It says nothing "
     "about relaying."},
};
/* clang-format on */

void report_advice(struct strbuf *out, const struct report *r)
{
    struct span reason = span_of(r->verdict->reason_code);

    for (size_t i = 0; i < sizeof(advice_rows) / sizeof(advice_rows[0]); i++) {
        const struct advice_row *row = &advice_rows[i];

        if (row->verdict == r->verdict->verdict && span_glob(reason, span_of(row->reason))) {
            strbuf_adds(out, row->advice);
            return;
        }
    }
}
