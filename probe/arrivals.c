/*
 * arrivals.c - tokens in the envelope, in the header, in what is quoted
 *
 * The order of questions matters. First: is it a report? Then no token in it makes it a delivery.
 * Next the two places that only a delivery fills: the envelope recipient (unless the form's sender
 * was the same address: then a reply goes there too) and our own header field in the outermost
 * header. A null reverse-path weakens the envelope: bounces have it, and some come without any
 * other mark. Whatever else names a token is a quotation, or a message whose header was rewritten:
 * we cannot tell, and say so.
 */
#include "probe/arrivals.h"

#include <string.h>

enum role { ROLE_SENDER = 1, ROLE_RECIPIENT = 2, ROLE_EITHER = 3 };

static bool pair_has(const struct token_pair *pair, struct span text, enum role role)
{
    bool sender = token_equal(&pair->sender, text);
    bool recipient = token_equal(&pair->recipient, text);
    return (sender && (role & ROLE_SENDER) != 0) || (recipient && (role & ROLE_RECIPIENT) != 0);
}

static int owner_of(const struct probe *p, struct span token, enum role role)
{
    for (size_t i = 0; i < p->result_count; i++) {
        if (pair_has(&p->results[i].form.tokens, token, role)) {
            return (int)i;
        }
    }
    if (pair_has(&p->before.tokens, token, role)) {
        return ARRIVAL_BEFORE;
    }
    return pair_has(&p->after.tokens, token, role) ? ARRIVAL_AFTER : ARRIVAL_NO_FORM;
}

static int find_owner(const struct probe *p, struct span text, enum role role)
{
    size_t at = 0;
    while ((at = token_find(text, at)) != SIZE_MAX) {
        int owner = owner_of(p, (struct span){text.ptr + at, TOKEN_LEN}, role);
        if (owner != ARRIVAL_NO_FORM) {
            return owner;
        }
        at += TOKEN_LEN;
    }
    return ARRIVAL_NO_FORM;
}

int arrival_form_in(const struct probe *p, struct span text)
{
    return find_owner(p, text, ROLE_EITHER);
}

int arrival_recipient_in(const struct probe *p, struct span text)
{
    return find_owner(p, text, ROLE_RECIPIENT);
}

static int owner_by_recipients(const struct probe *p, const struct mail_view *mail, enum role role,
                               struct span *matched)
{
    for (size_t i = 0; i < mail->recipient_count; i++) {
        int owner = find_owner(p, mail->recipients[i], role);
        if (owner != ARRIVAL_NO_FORM) {
            *matched = mail->recipients[i];
            return owner;
        }
    }
    return ARRIVAL_NO_FORM;
}

static int owner_by_field(const struct probe *p, struct span headers)
{
    struct span value;
    if (!mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL)) {
        return ARRIVAL_NO_FORM;
    }
    return find_owner(p, value, ROLE_RECIPIENT);
}

/* A reply would go to the same address when the form was asked in the recipient's own name. */
static bool sender_is_recipient(const struct probe *p, int form)
{
    if (form < 0) {
        return false;
    }
    const struct sender_row *used = p->results[form].sender_used;
    used = used != NULL ? used : p->results[form].form.sender;
    return strstr(used->template, "{x}") != NULL;
}

static void judge_report(const struct probe *p, const struct mail_view *mail, struct arrival *out)
{
    out->kind = ARRIVAL_REPORT;
    out->form = owner_by_recipients(p, mail, ROLE_EITHER, &out->recipient);
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(p, out->report.returned, ROLE_EITHER);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(p, mail->content, ROLE_EITHER);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->kind = ARRIVAL_FOREIGN;
    }
}

/* Our token, but in a quoted line or behind a boundary: told about the message, not the message. */
static bool only_quoted(const struct probe *p, struct span headers, struct span body)
{
    struct span type, line;
    if (mail_header(headers, SPAN("Content-Type"), 0, &type, NULL) &&
        span_istarts(type, SPAN("multipart/"))) {
        return find_owner(p, body, ROLE_EITHER) != ARRIVAL_NO_FORM;
    }
    while (span_cut(&body, '\n', &line)) {
        bool quoted = line.len > 0 && (line.ptr[0] == '>' || line.ptr[0] == '|');
        if (quoted && find_owner(p, line, ROLE_EITHER) != ARRIVAL_NO_FORM) {
            return true;
        }
    }
    return false;
}

/*
 * The envelope recipient alone makes a delivery, except where a reply could have gone there too:
 * the form was asked in that very name, or the reverse-path is null and our message is quoted.
 */
static bool envelope_speaks(const struct probe *p, const struct mail_view *mail, int owner,
                            struct span headers, struct span body)
{
    if (owner == ARRIVAL_NO_FORM || sender_is_recipient(p, owner)) {
        return false;
    }
    return mail->sender.len > 0 || !only_quoted(p, headers, body);
}

static void judge_message(const struct probe *p, const struct mail_view *mail, struct arrival *out)
{
    struct span headers, body;
    mail_split(mail->content, &headers, &body);
    int by_field = owner_by_field(p, headers);
    int by_envelope = owner_by_recipients(p, mail, ROLE_RECIPIENT, &out->recipient);
    if (by_field != ARRIVAL_NO_FORM || envelope_speaks(p, mail, by_envelope, headers, body)) {
        out->form = by_field != ARRIVAL_NO_FORM ? by_field : by_envelope;
        out->kind = out->form >= 0 ? ARRIVAL_DELIVERY : ARRIVAL_CONTROL;
        return;
    }
    out->form = by_envelope;
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = owner_by_recipients(p, mail, ROLE_SENDER, &out->recipient);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(p, mail->content, ROLE_EITHER);
    }
    out->kind = out->form >= 0 ? ARRIVAL_UNCLEAR : ARRIVAL_FOREIGN;
}

void arrival_judge(const struct probe *p, const struct mail_view *mail, struct arrival *out)
{
    *out = (struct arrival){.kind = ARRIVAL_FOREIGN, .form = ARRIVAL_NO_FORM};
    if (mail->recipient_count > 0) {
        out->recipient = mail->recipients[0];
    }
    dsn_read(mail->sender, mail->content, &out->report);
    if (out->report.is_report) {
        judge_report(p, mail, out);
    } else {
        judge_message(p, mail, out);
    }
}

/* Words by which a report quotes another host: Postfix, qmail, Exim. */
static bool quotes_a_host(struct span diagnostic)
{
    static const char *const words[] = {"*host * said*", "*remote host said*", "*remote server*",
                                        "*connected to *"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_glob(diagnostic, span_of(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool names_another_host(const struct probe *p, const struct dsn_report *r)
{
    bool remote = r->remote_mta.len > 0 && !span_iequal(r->remote_mta, r->reporting_mta) &&
                  !span_iequal(r->remote_mta, p->who.target_name);
    return remote || quotes_a_host(r->diagnostic);
}

/* By the name that was given, or by the one it gives itself in its greeting. Reports without a name
   are taken for the target's: who else knows the message? */
static bool made_by_target(const struct probe *p, struct span reporting_mta)
{
    struct span greeting = span_from(span_of(p->target.greeting), 4);
    struct span own_name = span_to(greeting, span_chr(greeting, ' '));
    return reporting_mta.len == 0 || span_iequal(reporting_mta, own_name) ||
           span_iequal(reporting_mta, p->who.target_name);
}

static void copy_visible(char *room, size_t cap, struct span text)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    strbuf_add_visible(&out, text);
}

void arrival_read_report(const struct probe *p, const struct arrival *a, struct probe_report *out)
{
    const struct dsn_report *r = &a->report;
    *out = (struct probe_report){.form = a->form >= 0 ? a->form : -1,
                                 .is_dsn = r->is_dsn,
                                 .action = r->action};
    bool failed = r->is_dsn && r->action == DSN_FAILED;
    bool elsewhere = names_another_host(p, r);
    out->canary_side = failed && elsewhere;
    out->by_target = failed && !elsewhere && made_by_target(p, r->reporting_mta);
    copy_visible(out->reporting_mta, sizeof(out->reporting_mta), r->reporting_mta);
    copy_visible(out->remote_mta, sizeof(out->remote_mta), r->remote_mta);
    copy_visible(out->status, sizeof(out->status), r->status);
    copy_visible(out->diagnostic, sizeof(out->diagnostic), r->diagnostic);
    copy_visible(out->to, sizeof(out->to), a->recipient);
}
