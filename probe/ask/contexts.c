/*
 * contexts.c - the rows, and what is said in their sessions
 *
 * E5t and E5d want the target's own names; the three others are nobody's. E7 and E8 begin a
 * transaction and take it back: what a server remembers of it decides. E8 would be stronger after a
 * message that was accepted, but whoever is postmaster there did not ask for our mail.
 */
#include "probe/ask/contexts.h"

#include <string.h>

#include "lib/smtp/proxy.h"

enum { PROXY_CLIENT_PORT = 40000, SMTP_PORT = 25 };

/* base64 of NUL "nobody@probe.invalid" NUL "nonsense": no server has that user (RFC 2606). */
#define NONSENSE "AG5vYm9keUBwcm9iZS5pbnZhbGlkAG5vbnNlbnNl"
#define NO_PROXY_HEADER "the server does not take a PROXY header"
#define SMUGGLED(end)                               \
    .said = "in a message to <{L}>, behind " end,   \
    .steps = {{NULL, WANT_TAKEN, false},            \
              {"RCPT TO:<{L}>", WANT_TAKEN, false}, \
              {"DATA", WANT_DATA, false}},          \
    .step_count = 3, .battery = BATTERY_FULL,       \
    .refused = "the server does not take the message to the local recipient"
#define NAME_REFUSED "the server does not take that name in EHLO"

/* clang-format off */
const struct context_row form_contexts[] = {
    [CONTEXT_PLAIN] = {.id = "E1", .name = "plain", .said = "EHLO, then the form", .asked = "all",
     .battery = BATTERY_QUICK, .why = "base case"},
    [CONTEXT_STARTTLS] = {.id = "E3", .name = "behind STARTTLS", .said = "STARTTLS, EHLO again",
     .extension = "STARTTLS", .battery = BATTERY_QUICK, .asked = "mxcheck, bsdfirst",
     .why = "permit_tls_* and listeners whose policy hangs on the clear text"},
    {.id = "E3b", .name = "with a client certificate",
     .said = "STARTTLS, showing a certificate", .certificate = true, .extension = "STARTTLS",
     .refused = "the server does not take our certificate", .battery = BATTERY_STANDARD,
     .asked = "none", .why = "Postfix: permit_tls_all_clientcerts; a certificate is a pass"},
    {.id = "E3c", .name = "commands before the handshake",
     .said = "STARTTLS and NOOP in one write, last of all", .early = true, .notice = "NOOP",
     .taken = "A command that came in clear behind STARTTLS is answered inside TLS "
              "(CVE-2011-0411): who stands on the way can put commands into others' sessions.",
     .extension = "STARTTLS", .battery = BATTERY_STANDARD, .asked = "none",
     .why = "CVE-2011-0411: what was said in clear counts inside TLS"},
    {.id = "E5t", .name = "HELO: target's name", .said = "EHLO {T}", .helo = "{T}",
     .refused = NAME_REFUSED, .battery = BATTERY_STANDARD, .asked = "T",
     .why = "whoever calls himself like the server is taken for it"},
    {.id = "E5d", .name = "HELO: local domain", .said = "EHLO {D}", .helo = "{D}",
     .refused = NAME_REFUSED, .battery = BATTERY_STANDARD, .asked = "T E",
     .why = "check_helo_access with the own domain PERMIT before reject_unauth_destination"},
    {.id = "E5h", .name = "HELO: localhost", .said = "EHLO localhost", .helo = "localhost",
     .refused = NAME_REFUSED, .battery = BATTERY_STANDARD, .asked = "E",
     .why = "a HELO rule for the server's own programs"},
    {.id = "E5l", .name = "HELO: localhost.localdomain", .said = "EHLO localhost.localdomain",
     .helo = "localhost.localdomain", .refused = NAME_REFUSED, .battery = BATTERY_STANDARD,
     .asked = "E",
     .why = "Postfix: localhost.localdomain PERMIT before reject_unauth_destination"},
    {.id = "E5i", .name = "HELO: loopback literal", .said = "EHLO [127.0.0.1]",
     .helo = "[127.0.0.1]", .refused = NAME_REFUSED, .battery = BATTERY_STANDARD, .asked = "none",
     .why = "the address that a client names believed instead of its own"},
    {.id = "E6", .name = "HELO", .said = "HELO instead of EHLO", .hello = HELLO_HELO,
     .refused = "the server does not take HELO", .battery = BATTERY_STANDARD, .asked = "E",
     .why = "rules that hang on EHLO, or on what only an ESMTP session knows"},
    {.id = "E6n", .name = "no greeting", .said = "neither EHLO nor HELO", .hello = HELLO_NONE,
     .refused = "the server wants EHLO or HELO first", .battery = BATTERY_STANDARD,
     .asked = "Seuss27", .why = "checks at HELO time that never run"},
    {.id = "E7", .name = "second transaction", .said = "MAIL, RSET, then the form",
     .steps = {{NULL, WANT_TAKEN, true}, {"RSET", WANT_TAKEN, true}}, .step_count = 2,
     .refused = "the server does not take the first transaction", .battery = BATTERY_STANDARD,
     .asked = "N P", .why = "checks that the first transaction alone goes through"},
    {.id = "E8", .name = "after a local recipient",
     .said = "MAIL, RCPT <postmaster@{D}>, RSET, then the form",
     .steps = {{NULL, WANT_TAKEN, true}, {"RCPT TO:<postmaster@{D}>", WANT_TAKEN, true},
               {"RSET", WANT_TAKEN, true}},
     .step_count = 3, .refused = "the server takes no local recipient from us",
     .battery = BATTERY_STANDARD, .asked = "none",
     .why = "a session that was good once stays trusted"},
    {.id = "E9", .name = "after a bogus AUTH", .said = "AUTH PLAIN with nonsense, then the form",
     .steps = {{"AUTH PLAIN " NONSENSE, WANT_TRIED, false}}, .step_count = 1, .extension = "AUTH",
     .refused = "the server does not look at AUTH PLAIN here", .battery = BATTERY_STANDARD,
     .asked = "O D", .why = "a flag that says authenticated, set before the password was seen"},
    {.id = "E9a", .name = "after an aborted AUTH", .said = "AUTH PLAIN, then *, then the form",
     .steps = {{"AUTH PLAIN", WANT_BEGUN, false}, {"*", WANT_ANY, true}}, .step_count = 2,
     .extension = "AUTH",
     .refused = "the server does not begin AUTH PLAIN here", .battery = BATTERY_STANDARD,
     .asked = "none", .why = "a flag that says authenticated, not taken back"},
    {.id = "E10", .name = "second EHLO", .said = "EHLO, EHLO again, then the form",
     .steps = {{"EHLO ", WANT_TAKEN, false}}, .step_count = 1,
     .refused = "the server does not take a second EHLO", .battery = BATTERY_STANDARD,
     .asked = "none", .why = "state that a second greeting throws away, or keeps"},
    {.id = "E12", .name = "BDAT", .said = "BDAT n LAST instead of DATA", .in_plain = true,
     .chunk = true, .extension = "CHUNKING", .battery = BATTERY_STANDARD, .asked = "none",
     .why = "checks that hang on DATA alone, in filters and proxies"},
    {.id = "E14", .name = "XCLIENT", .said = "XCLIENT ADDR=127.0.0.1, EHLO again",
     .steps = {{"XCLIENT ADDR=127.0.0.1", WANT_TAKEN, false}, {"EHLO ", WANT_TAKEN, false}},
     .step_count = 2, .names_address = true,
     .extension = "XCLIENT", .refused = "the server offers XCLIENT, and does not take it from us",
     .battery = BATTERY_FULL, .asked = "none",
     .why = "a stranger may name the address that he is judged by"},
    {.id = "E14f", .name = "XFORWARD", .said = "XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL",
     .steps = {{"XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL", WANT_TAKEN, true}}, .step_count = 1,
     .names_address = true,
     .extension = "XFORWARD", .refused = "the server offers XFORWARD, and does not take it from us",
     .battery = BATTERY_FULL, .asked = "none", .why = "an address for logs alone, believed"},
    {.id = "E17s", .name = "SEND", .said = "SEND FROM instead of MAIL FROM", .in_plain = true,
     .verb = "SEND", .refused = "the server does not take SEND FROM", .battery = BATTERY_FULL,
     .asked = "none", .why = "checks that hang on MAIL, and miss a verb of RFC 821"},
    {.id = "E17o", .name = "SOML", .said = "SOML FROM instead of MAIL FROM", .in_plain = true,
     .verb = "SOML", .refused = "the server does not take SOML FROM", .battery = BATTERY_FULL,
     .asked = "none", .why = "the same"},
    {.id = "E17a", .name = "SAML", .said = "SAML FROM instead of MAIL FROM", .in_plain = true,
     .verb = "SAML", .refused = "the server does not take SAML FROM", .battery = BATTERY_FULL,
     .asked = "none", .why = "the same"},
    {.id = "E17e", .name = "ETRN", .said = "ETRN {X}", .in_plain = true, .notice = "ETRN {X}",
     .taken = "ETRN is taken from a stranger, who thereby may have the server's queue run.",
     .battery = BATTERY_FULL, .asked = "none",
     .why = "whether a stranger may have the queue run (RFC 1985)"},
    {.id = "E17t", .name = "TURN", .said = "TURN", .in_plain = true, .notice = "TURN",
     .taken = "TURN is taken from a stranger, who thereby may fetch the mail that is queued.",
     .battery = BATTERY_FULL, .asked = "none",
     .why = "whether a stranger may fetch the queued mail (RFC 5321 F.1)"},
    {.id = "E15a", .name = "PROXY header, version 1",
     .said = "PROXY TCP4 127.0.0.1 {ip} 40000 25, then EHLO", .proxy = 1, .names_address = true,
     .refused = NO_PROXY_HEADER, .battery = BATTERY_FULL, .asked = "none",
     .why = "a port that is meant for a proxy: a stranger names the address he is judged by"},
    {.id = "E15b", .name = "PROXY header, version 2",
     .said = "the same in version 2, binary", .proxy = 2, .names_address = true,
     .refused = NO_PROXY_HEADER, .battery = BATTERY_FULL, .asked = "none",
     .why = "the same, where version 2 alone is read"},
    {.id = "E16a", .name = "smuggled behind LF . LF", .false_end = "\n.\n", SMUGGLED("LF . LF"),
     .asked = "mxcheck", .why = "a second transaction in a message: the server, or the one behind "
                               "it that trusts it, ends messages there"},
    {.id = "E16b", .name = "smuggled behind LF . CRLF", .false_end = "\n.\r\n",
     SMUGGLED("LF . CRLF"), .asked = "mxcheck", .why = "the same"},
    {.id = "E16c", .name = "smuggled behind CR . CRLF", .false_end = "\r.\r\n",
     SMUGGLED("CR . CRLF"), .asked = "none", .why = "the same"},
    {.id = "E16d", .name = "smuggled behind CRLF . LF", .false_end = "\r\n.\n",
     SMUGGLED("CRLF . LF"), .asked = "none", .why = "the same"},
    {.id = "E16e", .name = "smuggled behind CR . CR", .false_end = "\r.\r", SMUGGLED("CR . CR"),
     .asked = "none", .why = "the same"},
    {.id = "E16f", .name = "smuggled behind CRLF . CR", .false_end = "\r\n.\r",
     SMUGGLED("CRLF . CR"), .asked = "none", .why = "the same"},
};
/* clang-format on */
const size_t form_context_count = sizeof(form_contexts) / sizeof(form_contexts[0]);

const struct context_row *context_of(const struct form *f)
{
    return &form_contexts[f->context];
}

bool context_in_tls(uint8_t context)
{
    return context == CONTEXT_STARTTLS || form_contexts[context].certificate;
}

bool context_wants_starttls(uint8_t context)
{
    return context_in_tls(context) || form_contexts[context].early;
}

uint8_t context_of_session(const struct form *f)
{
    bool plain = f->context == CONTEXT_STARTTLS || context_of(f)->in_plain;
    return plain ? CONTEXT_PLAIN : f->context;
}

const char *context_verb(const struct form *f)
{
    const char *verb = context_of(f)->verb;
    return verb != NULL ? verb : "MAIL";
}

bool context_has_hello(const struct context_row *row)
{
    return row->helo != NULL || row->hello != HELLO_EHLO;
}

void context_name(const struct form *f, const struct form_identity *who, struct span helo,
                  struct strbuf *out)
{
    const char *template = context_of(f)->helo;
    if (template != NULL) {
        form_expand(f, template, who, out);
    } else {
        strbuf_add(out, helo);
    }
}

void context_command(const struct form *f, unsigned step, const struct sender_row *from,
                     const struct form_identity *who, struct span helo, struct strbuf *out)
{
    const char *say = context_of(f)->steps[step].say;
    if (say == NULL) {
        strbuf_adds(out, "MAIL FROM:");
        form_sender(f, from, who, false, out);
        return;
    }
    form_expand(f, say, who, out);
    if (strcmp(say, "EHLO ") == 0) {
        strbuf_add(out, helo);
    }
}

void context_header(const struct context_row *row, const struct endpoint *target,
                    struct strbuf *out)
{
    struct endpoint client = {.family = target->family, .port = PROXY_CLIENT_PORT};
    if (row->proxy == 0) {
        return;
    }
    client.bytes[0] = target->family == 4 ? 127 : 0;
    client.bytes[target->family == 4 ? 3 : 15] = 1;
    struct endpoint server = *target;
    server.port = SMTP_PORT; /* where the proxy would have been asked */
    proxy_write(out, row->proxy, &client, &server);
}

bool context_wanted(enum context_want want, int code)
{
    switch (want) {
    case WANT_TAKEN:
        return code / 100 == 2;
    case WANT_BEGUN:
        return code == 334;
    case WANT_DATA:
        return code == 354;
    case WANT_TRIED: /* not: unknown, out of place, no such mechanism, TLS first (RFC 4954 4) */
        return code != 500 && code != 502 && code != 503 && code != 504 && code != 530 &&
               code != 538 && code / 100 != 3;
    case WANT_ANY:
        return true;
    }
    return false;
}

bool context_says(const struct context_row *row, const char *word)
{
    bool says = row->helo != NULL && strstr(row->helo, word) != NULL;
    for (unsigned i = 0; i < row->step_count; i++) {
        const char *say = row->steps[i].say;
        says = says || (say != NULL && strstr(say, word) != NULL);
    }
    return says;
}
