/*
 * forms_print.c - the rows as a table for a terminal, as JSON, and as the page doc/forms.md
 *
 * A row of the terminal's table is a form's id and what is sent, then what it needs and what it
 * finds, so that nothing is cut on eighty columns.
 */
#include "lib/base/json.h"
#include "probe/ask/contexts.h"
#include "probe/ask/forms_private.h"

enum { ID_WIDTH = 6, SENT_WIDTH = 44, LINE_WIDTH = 79 };

struct shown { /* one row, sender or recipient */
    const char *id, *name, *verb, *template, *params, *mail_params, *companion, *extension;
    bool companion_after, control;
    enum form_battery battery;
    const char *why, *asked;
};

static const char *const batteries[] = {"quick", "first", "standard", "full"};

static struct shown show_sender(const struct sender_row *s)
{
    return (struct shown){.id = s->id,
                          .name = s->name,
                          .verb = "MAIL FROM:",
                          .template = s->template,
                          .params = s->params,
                          .extension = s->extension,
                          .battery = s->battery,
                          .why = s->why,
                          .asked = s->asked};
}

static struct shown show_recipient(const struct recipient_row *r)
{
    return (struct shown){
        .id = r->id,
        .name = r->name,
        .verb = "RCPT TO:",
        .template = r->template,
        .params = r->params,
        .mail_params = r->mail_params,
        .companion = r->companion,
        .companion_after = r->companion_after,
        .control = r->control,
        .extension = r->extension,
        .battery = r->battery,
        .why = r->why,
        .asked = r->asked};
}

/* The plain session is no row of the list. */
static struct shown show_context(const struct context_row *c)
{
    return (struct shown){.id = c->id,
                          .name = c->name,
                          .verb = "session",
                          .template = c->said,
                          .extension = c->extension,
                          .control = c->notice != NULL,
                          .battery = c->battery,
                          .why = c->why,
                          .asked = c->asked};
}

static size_t shown_count(void)
{
    return form_sender_count + form_recipient_count + form_context_count - 1;
}

static struct shown shown_at(size_t i)
{
    if (i < form_sender_count) {
        return show_sender(&form_senders[i]);
    }
    i -= form_sender_count;
    return i < form_recipient_count ? show_recipient(&form_recipients[i])
                                    : show_context(&form_contexts[i - form_recipient_count + 1]);
}

/* Where a part of the list begins: its title. */
static const char *part_at(size_t i)
{
    return i == 0                   ? "Senders"
           : i == form_sender_count ? "Recipients"
           : i == form_sender_count + form_recipient_count
               ? "Sessions"
               : NULL;
}

/* Path and parameters, and the other recipient where there is one. */
static void add_sent(struct strbuf *out, const struct shown *r)
{
    if (r->companion != NULL && !r->companion_after) {
        strbuf_addf(out, "%s, then ", r->companion);
    }
    strbuf_adds(out, r->template);
    if (r->params != NULL) {
        strbuf_addf(out, " %s", r->params);
    }
    if (r->mail_params != NULL) {
        strbuf_addf(out, " (MAIL %s)", r->mail_params);
    }
    if (r->companion != NULL && r->companion_after) {
        strbuf_addf(out, ", then %s", r->companion);
    }
}

static void add_needs(struct strbuf *out, const struct shown *r)
{
    char room[256];
    struct strbuf all;
    strbuf_init(&all, room, sizeof(room));
    strbuf_adds(&all, r->template);
    strbuf_adds(&all, r->params != NULL ? r->params : "");
    strbuf_adds(&all, r->companion != NULL ? r->companion : "");
    form_needs(room, r->extension, out);
}

static void pad(struct strbuf *out, size_t from, size_t width)
{
    while (out->len < from + width) {
        strbuf_addc(out, ' ');
    }
    strbuf_addc(out, ' ');
}

/* Words go to the next line, indented, where they would pass the right edge. */
static void add_wrapped(struct strbuf *out, struct span text)
{
    struct span word;
    size_t column = ID_WIDTH + 1;
    while (span_cut(&text, ' ', &word)) {
        if (column + word.len > LINE_WIDTH) {
            strbuf_addc(out, '\n');
            pad(out, out->len, ID_WIDTH);
            column = ID_WIDTH + 1;
        }
        strbuf_add(out, word);
        strbuf_addc(out, ' ');
        column += word.len + 1;
    }
    out->len--;
    strbuf_addc(out, '\n');
}

static void print_text_row(struct strbuf *out, const struct shown *r)
{
    char room[256];
    struct strbuf text;
    size_t from = out->len;
    strbuf_init(&text, room, sizeof(room));
    strbuf_adds(out, r->id);
    pad(out, from, ID_WIDTH);
    from = out->len;
    add_sent(out, r);
    pad(out, from, SENT_WIDTH);
    add_needs(&text, r);
    if (text.len == 0) {
        strbuf_addc(&text, '-');
    }
    if (out->len - from + text.len > LINE_WIDTH - ID_WIDTH) {
        strbuf_addc(out, '\n');
        pad(out, out->len, ID_WIDTH);
    }
    strbuf_add(out, strbuf_span(&text));
    strbuf_addc(out, '\n');
    strbuf_reset(&text);
    strbuf_addf(&text, "%s; %s", r->control ? "control" : batteries[r->battery], r->why);
    pad(out, out->len, ID_WIDTH);
    add_wrapped(out, strbuf_span(&text));
}

static void print_text(struct strbuf *out)
{
    for (size_t i = 0; i < shown_count(); i++) {
        struct shown r = shown_at(i);
        if (part_at(i) != NULL) {
            size_t from = out->len;
            strbuf_adds(out, "ID");
            pad(out, from, ID_WIDTH);
            from = out->len;
            strbuf_addf(out, "%s", r.verb);
            pad(out, from, SENT_WIDTH);
            strbuf_adds(out, "NEEDS\n");
            pad(out, out->len, ID_WIDTH);
            strbuf_adds(out, "BATTERY; WHAT IT FINDS\n");
        }
        print_text_row(out, &r);
    }
    strbuf_adds(out,
                "\n{x} {X} {t} the canary with token, its domain, the token; {p} {S} {rand} the\n"
                "same of the sender; {T} {ip} the target's name, address; {D} a domain local to\n"
                "it; {L} a recipient of it; {M} a domain whose MX it is; {Z} {B} a zone of ours,\n"
                "a domain it is a backup MX for; {canary-ip4} the canary's server; {xh} {Xh} +XX\n"
                "for odd characters; {XU} capitals; {Xw} a full-width letter; {pad} 60 letters.\n"
                "A form is a sender and a recipient: S3-R1; S3 alone is S3-R1, R6 alone S1-R6.\n"
                "It may be asked in a session of another kind: S1-R1@E5h.\n"
                "A battery is every recipient with S1, then every sender with R1, then S1-R1 in\n"
                "the sessions, then controls: these explain other answers and are never counted;\n"
                "no message is sent for them.\n");
}

static void json_shown(struct json *j, const struct shown *r)
{
    char room[256];
    struct strbuf text;
    strbuf_init(&text, room, sizeof(room));
    json_open(j, NULL, '{');
    json_string(j, "id", r->id);
    json_string(j, "name", r->name);
    json_string(j, "command", r->verb);
    add_sent(&text, r);
    json_text(j, "sent", strbuf_span(&text));
    strbuf_reset(&text);
    add_needs(&text, r);
    json_text(j, "needs", strbuf_span(&text));
    json_string(j, "battery", batteries[r->battery]);
    json_bool(j, "control", r->control);
    json_string(j, "finds", r->why);
    json_string(j, "asked_by", r->asked);
    json_close(j);
}

static void print_json(struct strbuf *out)
{
    struct json j;
    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_open(&j, "forms", '[');
    for (size_t i = 0; i < shown_count(); i++) {
        struct shown r = shown_at(i);
        json_shown(&j, &r);
    }
    json_close(&j);
    json_close(&j);
    strbuf_addc(out, '\n');
}

/* The case of scenarios/cases/forms that has a row for the form; a test holds this list to the
 * files. */
static const struct {
    const char *name, *ids; /* with a space on both sides of each */
} proofs[] = {
    {"plain", " S1 R1 "},
    {"recipients-routed", " R3 R4 R5 R6 R7 R8 R8d R9 R10 R11 R12 R13 R13i "},
    {"recipients-lines", " R2 R30 R30d R31 R31l R35u R35w "},
    {"recipient-loopback", " R8l "},
    {"recipient-behind-local", " R38 "},
    {"recipient-before-local", " R38r "},
    {"recipient-subdomain", " R39s "},
    {"sessions-greeting", " E3 E5t E5d E5h E5l E5i E6 E6n "},
    {"sessions-steps", " E7 E8 E9 E9a E10 "},
    {"sessions-forwarded", " E14 E14f "},
    {"sessions-certificate", " E3b "},
    {"message-by-bdat", " E12 "},
    {"sender-by-old-verbs", " E17s E17o E17a "},
    {"sessions-proxied", " E15a E15b "},
    {"sessions-smuggled", " E16a E16b E16c E16d E16e E16f "},
    {"recipients-paths",
     " R14 R15 R16 R17 R18 R19 R20 R20i R21 R22 R22t R22d R23 R24 R24p R25 R25a "},
};

static void add_proof(struct strbuf *out, const char *id)
{
    char room[FORM_ID_MAX];
    struct strbuf word;
    const char *name = id[0] == 'S' ? "senders" : "recipients-encoded";
    strbuf_init(&word, room, sizeof(room));
    strbuf_addf(&word, " %s ", id);
    for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
        if (span_find(span_of(proofs[i].ids), strbuf_span(&word)) != SIZE_MAX) {
            name = proofs[i].name;
        }
    }
    bool plain = span_equal(span_of(name), SPAN("plain"));
    strbuf_addf(out, "%s `form=%s` |\n", name, plain ? "S1-R1" : id);
}

/* No template has a backquote or a |, which would end the cell. */
static void add_code(struct strbuf *out, struct span text)
{
    strbuf_addc(out, '`');
    strbuf_add(out, text);
    strbuf_addc(out, '`');
}

static void print_markdown_row(struct strbuf *out, const struct shown *r)
{
    char room[256];
    struct strbuf text;
    strbuf_init(&text, room, sizeof(room));
    add_sent(&text, r);
    strbuf_addf(out, "| %s | %s | ", r->id, r->name);
    add_code(out, strbuf_span(&text));
    strbuf_adds(out, " | ");
    strbuf_reset(&text);
    add_needs(&text, r);
    strbuf_add(out, strbuf_span(&text));
    strbuf_addf(out, " | %s | %s | %s | ", r->control ? "control" : batteries[r->battery], r->why,
                r->asked);
    if (r->control) {
        strbuf_adds(out, "explains, is never a finding |\n");
    } else {
        add_proof(out, r->id);
    }
}

static const char markdown_head[] =
    "# The forms\n"
    "\n"
    "Written by `relayprobe --list-forms --markdown`; tests/programs holds this page to it.\n"
    "\n"
    "A form is a sender and a recipient. A battery asks every recipient with S1, then every\n"
    "sender with R1, then S1-R1 in each kind of session (S1-R1@E5h), then the controls; a cross\n"
    "(S3-R6, S3-R6@E5h) is asked when it is named. Forms whose needs are not known, or which the\n"
    "server's EHLO does not offer, are listed as not applicable with the reason; so is a session\n"
    "that the server does not let us into: that is no answer about relaying. E8 names a local\n"
    "recipient and takes it back; a message to the target's own users is sent by E16 alone, to\n"
    "the one that --local-recipient names: in it, behind what some server takes for the end of\n"
    "data, the form is asked again. That the server takes such a message proves nothing; what\n"
    "comes home does. The batteries hold each other: quick, first, standard, full.\n"
    "\n"
    "A control says something of the server or of other answers, is never counted, and no message\n"
    "is sent for it; the sessions E3c, E17e and E17t are controls, and ask no form.\n"
    "\n"
    "*Asked by*: N nmap, M Metasploit, O OpenVAS and Nessus, E ERNW, D DSBL, A abuse.net, P MAPS,\n"
    "V ORVE and ORBS, R mailradar, G a gatorhole plugin, T ptsrvtester, L rlytest.\n"
    "\n"
    "*Proved by*: the case in scenarios/cases/forms and its row; a server that is open by that\n"
    "form alone must be called open, and its twin, which refuses it, closed.\n";

static void print_markdown(struct strbuf *out)
{
    strbuf_adds(out, markdown_head);
    for (size_t i = 0; i < shown_count(); i++) {
        struct shown r = shown_at(i);
        if (part_at(i) != NULL) {
            strbuf_addf(out, "\n## %s\n\n", part_at(i));
            strbuf_addf(out,
                        "| id | name | `%s` | needs | battery | what it finds | asked by "
                        "| proved by |\n|---|---|---|---|---|---|---|---|\n",
                        r.verb);
        }
        print_markdown_row(out, &r);
    }
}

/* Of the field's list of contexts, those that are no session of another kind. */
static const struct {
    const char *id, *name, *how;
} ways[] = {
    {"E2", "IPv6", "both families of a name are asked, side by side"},
    {"E4", "other ports", "`--ports`, or TARGET:PORT"},
    {"E11", "PIPELINING", "forms go out in groups where it is offered; `--one-by-one` does not"},
    {"E13", "refusal at RCPT, at DATA or at the end of the data",
     "who takes RCPT hears DATA, and who takes that gets the message"},
    {"E18", "LMTP, QMTP", "not asked"},
    {"E19", "the same again after a while",
     "what was deferred is asked again with the same tokens"},
    {"E20", "another source address", "`--source`, given again for each"},
    {"E21", "backscatter",
     "bounces are read at home, and shown where they say nothing of relaying"},
};

static void print_ways(struct strbuf *out)
{
    strbuf_adds(out, "\n## Ways of asking\n\nThey are no forms: whatever is asked is asked so.\n"
                     "\n| id | name | how |\n|---|---|---|\n");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        strbuf_addf(out, "| %s | %s | %s |\n", ways[i].id, ways[i].name, ways[i].how);
    }
}

void forms_print(struct strbuf *out, enum forms_style style)
{
    switch (style) {
    case FORMS_TEXT:
        print_text(out);
        break;
    case FORMS_JSON:
        print_json(out);
        break;
    case FORMS_MARKDOWN:
        print_markdown(out);
        print_ways(out);
        break;
    }
}
