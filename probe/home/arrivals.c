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
#include "probe/home/arrivals.h"

static int find_owner(const struct arrival_book *b, struct span text, enum token_role role)
{
    size_t at = 0;
    while ((at = token_find(text, at)) != SIZE_MAX) {
        int owner = b->owner(b->self, (struct span){text.ptr + at, TOKEN_LEN}, role);
        if (owner != ARRIVAL_NO_FORM) {
            return owner;
        }
        at += TOKEN_LEN;
    }
    return ARRIVAL_NO_FORM;
}

static int owner_by_recipients(const struct arrival_book *b, const struct mail_view *mail,
                               enum token_role role, struct span *matched)
{
    for (size_t i = 0; i < mail->recipient_count; i++) {
        int owner = find_owner(b, mail->recipients[i], role);
        if (owner != ARRIVAL_NO_FORM) {
            *matched = mail->recipients[i];
            return owner;
        }
    }
    return ARRIVAL_NO_FORM;
}

static int owner_by_field(const struct arrival_book *b, struct span headers)
{
    struct span value;
    if (!mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL)) {
        return ARRIVAL_NO_FORM;
    }
    return find_owner(b, value, ROLE_RECIPIENT);
}

static void judge_report(const struct arrival_book *b, const struct mail_view *mail,
                         struct arrival *out)
{
    out->kind = ARRIVAL_REPORT;
    out->form = owner_by_recipients(b, mail, ROLE_EITHER, &out->recipient);
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(b, out->report.returned, ROLE_EITHER);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(b, mail->content, ROLE_EITHER);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->kind = ARRIVAL_FOREIGN;
    }
}

/* Our token, but in a quoted line or behind a boundary: told about the message, not the message. */
static bool only_quoted(const struct arrival_book *b, struct span headers, struct span body)
{
    struct span type, line;
    if (mail_header(headers, SPAN("Content-Type"), 0, &type, NULL) &&
        span_istarts(type, SPAN("multipart/"))) {
        return find_owner(b, body, ROLE_EITHER) != ARRIVAL_NO_FORM;
    }
    while (span_cut(&body, '\n', &line)) {
        bool quoted = line.len > 0 && (line.ptr[0] == '>' || line.ptr[0] == '|');
        if (quoted && find_owner(b, line, ROLE_EITHER) != ARRIVAL_NO_FORM) {
            return true;
        }
    }
    return false;
}

/*
 * The envelope recipient alone makes a delivery, except where a reply could have gone there too:
 * the form was asked in that very name, or the reverse-path is null and our message is quoted.
 */
static bool envelope_speaks(const struct arrival_book *b, const struct mail_view *mail, int owner,
                            struct span headers, struct span body)
{
    if (owner == ARRIVAL_NO_FORM || b->own_name(b->self, owner)) {
        return false;
    }
    return mail->sender.len > 0 || !only_quoted(b, headers, body);
}

static void judge_message(const struct arrival_book *b, const struct mail_view *mail,
                          struct arrival *out)
{
    struct span headers, body;
    mail_split(mail->content, &headers, &body);
    int by_field = owner_by_field(b, headers);
    int by_envelope = owner_by_recipients(b, mail, ROLE_RECIPIENT, &out->recipient);
    if (by_field != ARRIVAL_NO_FORM || envelope_speaks(b, mail, by_envelope, headers, body)) {
        out->form = by_field != ARRIVAL_NO_FORM ? by_field : by_envelope;
        out->kind = out->form >= 0 ? ARRIVAL_DELIVERY : ARRIVAL_CONTROL;
        return;
    }
    out->form = by_envelope;
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = owner_by_recipients(b, mail, ROLE_SENDER, &out->recipient);
    }
    if (out->form == ARRIVAL_NO_FORM) {
        out->form = find_owner(b, mail->content, ROLE_EITHER);
    }
    out->kind = out->form >= 0 ? ARRIVAL_UNCLEAR : ARRIVAL_FOREIGN;
}

/* A tag that could pass for a token: one of ours, altered by a character or two. */
static bool like_a_token(struct span tag)
{
    if (tag.len + 1 < TOKEN_LEN || tag.len > TOKEN_LEN + 1) {
        return false;
    }
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.ptr[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool find_mark(const struct arrival_book *b, const struct mail_view *mail, struct span *mark)
{
    struct span headers, body;
    mail_split(mail->content, &headers, &body);
    if (mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, mark, NULL) && mark->len > 0) {
        return true;
    }
    for (size_t i = 0; i < mail->recipient_count; i++) {
        if (b->tagged(b->self, mail->recipients[i], mark) && like_a_token(*mark)) {
            return true;
        }
    }
    return false;
}

/* Nobody's message, but with our mark on it. */
static void judge_mark(const struct arrival_book *b, const struct mail_view *mail,
                       struct arrival *out)
{
    if (!find_mark(b, mail, &out->mark)) {
        return;
    }
    struct strbuf whose;
    strbuf_init(&whose, out->whose, sizeof(out->whose));
    size_t at = token_find(out->mark, 0);
    out->kind = ARRIVAL_FORGED;
    if (at != SIZE_MAX && b->earlier != NULL &&
        b->earlier(b->self, (struct span){out->mark.ptr + at, TOKEN_LEN}, &whose)) {
        out->kind = ARRIVAL_REPLAYED;
    }
}

void arrival_judge_by(const struct arrival_book *b, const struct mail_view *mail,
                      struct arrival *out)
{
    *out = (struct arrival){.kind = ARRIVAL_FOREIGN, .form = ARRIVAL_NO_FORM};
    if (mail->recipient_count > 0) {
        out->recipient = mail->recipients[0];
    }
    dsn_read(mail->sender, mail->content, &out->report);
    if (out->report.is_report && !out->report.guessed) {
        judge_report(b, mail, out);
    } else {
        judge_message(b, mail, out);
    }
    if (out->kind == ARRIVAL_FOREIGN && out->form == ARRIVAL_NO_FORM) {
        judge_mark(b, mail, out);
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

static bool names_another_host(struct span target_name, const struct dsn_report *r)
{
    bool remote = r->remote_mta.len > 0 && !span_iequal(r->remote_mta, r->reporting_mta) &&
                  !span_iequal(r->remote_mta, target_name);
    return remote || quotes_a_host(r->diagnostic) || quotes_a_host(r->words);
}

/* A daemon that writes as mailer-daemon@victim.test for mx.victim.test. */
static bool same_house(struct span name, struct span daemon)
{
    size_t dot = name.len - daemon.len - 1;
    return daemon.len > 0 && name.len > daemon.len && name.ptr[dot] == '.' &&
           span_iends(name, daemon);
}

/* By the name that was given, or by the one it gives itself in its greeting. Reports without a name
   are taken for the target's: who else knows the message? */
static bool made_by_target(struct span name, struct span greets_as, const struct dsn_report *r)
{
    struct span reporting = r->reporting_mta;
    bool named = reporting.len == 0 || span_iequal(reporting, greets_as) ||
                 span_iequal(reporting, name);
    return named || (r->failed_in_words &&
                     (same_house(name, reporting) || same_house(greets_as, reporting)));
}

static void copy_visible(char *room, size_t cap, struct span text)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    strbuf_add_visible(&out, text);
}

void arrival_read_report_by(const struct arrival_book *b, const struct arrival *a,
                            struct probe_report *out)
{
    const struct dsn_report *r = &a->report;
    struct span name = b->target_name(b->self, a->form);
    *out = (struct probe_report){.form = a->form >= 0 ? a->form : -1,
                                 .is_dsn = r->is_dsn,
                                 .in_words = r->failed_in_words,
                                 .action = r->action};
    bool failed = (r->is_dsn && r->action == DSN_FAILED) || r->failed_in_words;
    bool elsewhere = names_another_host(name, r);
    out->canary_side = failed && elsewhere;
    out->by_target = failed && !elsewhere &&
                     made_by_target(name, b->greeting_name(b->self, a->form), r);
    copy_visible(out->reporting_mta, sizeof(out->reporting_mta), r->reporting_mta);
    copy_visible(out->remote_mta, sizeof(out->remote_mta), r->remote_mta);
    copy_visible(out->status, sizeof(out->status), r->status);
    copy_visible(out->diagnostic, sizeof(out->diagnostic), r->diagnostic);
    copy_visible(out->to, sizeof(out->to), a->recipient);
}
