/*
 * answers.c - the table of what servers say, and how a reply is held against it
 *
 * Rows stand from the particular to the general; first row that fits wins. What is decided first is
 * who is meant: the session (421, TLS), relaying by name, the canary's side, the sender, our name,
 * this client, and only then words that may mean several things. A code alone is the last resort,
 * and marked so (row NULL): texts are free (RFC 5321 4.2.1), codes are what a client must go by,
 * and real servers use one code for many things.
 *
 * The text is folded once per reply, and only when a row with a text is reached. Texts are matched
 * in order, piece by piece between the stars.
 */
#include "probe/ask/answers.h"

#include <string.h>

#include "lib/base/token.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum {
    G = 1u << STEP_GREETING,
    H = 1u << STEP_EHLO | 1u << STEP_HELO,
    M = 1u << STEP_MAIL,
    R = 1u << STEP_RCPT,
    D = 1u << STEP_DATA,
    E = 1u << STEP_END_OF_DATA,
    ASK = M | R | D | E,
    ANY = 0
};

const struct answer_row answer_rows[] = {
    /* The session itself. */
    {"service-421", ANY, 421, 421, NULL, NULL, ANSWER_SERVICE,
     "RFC 5321 3.8: 421 at any time before closing"},
    {"greeting-4yz", G, 400, 499, NULL, NULL, ANSWER_SERVICE, "RFC 5321 4.2.1: transient"},
    {"helo-4yz", H, 400, 499, NULL, NULL, ANSWER_SERVICE, "RFC 5321 4.2.1: transient"},
    {"tls-530", ANY, 500, 599, NULL, "starttls", ANSWER_TLS_REQUIRED,
     "RFC 3207 4: 530 Must issue a STARTTLS command first"},
    {"tls-5.7.10", ANY, 500, 599, "5.7.10", NULL, ANSWER_TLS_REQUIRED,
     "RFC 7817 registry: 5.7.10 encryption needed"},
    {"postfix-encryption", ASK, 400, 599, NULL, "encryption*required", ANSWER_TLS_REQUIRED,
     "Postfix smtpd_check.c reject_plaintext_session, plaintext_reject_code 450"},

    /* Relaying, by name. */
    {"sendmail-450-relay", ASK, 400, 499, NULL, "relaying temporarily denied", ANSWER_DEFERRED,
     "Sendmail cf/m4/proto.m4 Basic_check_relay: client's name could not be looked up"},
    {"postfix-454-relay", ASK, 400, 499, NULL, "relay access denied", ANSWER_DENIED,
     "Postfix defer_unauth_destination, relay_domains_reject_code for smtpd_relay_restrictions"},
    {"postfix-554-relay", ASK, 500, 599, NULL, "relay access denied", ANSWER_DENIED,
     "Postfix smtpd_check.c reject_unauth_destination, relay_domains_reject_code 554"},
    {"generic-454-relay", ASK, 454, 454, NULL, "relay", ANSWER_DENIED,
     "454 used for a relay denial by servers that follow Postfix"},

    /* The canary's side was asked. */
    {"postfix-verify-pending", R, 400, 499, NULL, "unverified address", ANSWER_DEFERRED,
     "Postfix reject_unverified_recipient: address verification in progress"},
    {"postfix-verify-failed", R, 400, 599, NULL, "recipient*undeliverable address",
     ANSWER_REFUSED_VERIFY, "Postfix unverified_recipient_reject_code: host ... said"},
    {"callout-recipient", R, 400, 599, NULL, "recipient verify", ANSWER_REFUSED_VERIFY,
     "Exim verify = recipient/callout: Could not complete recipient verify callout"},
    {"callout-said", R, 400, 599, NULL, "callout*said", ANSWER_REFUSED_VERIFY,
     "Exim verify = recipient/callout with smtp_return_error_details"},
    {"postfix-rcpt-domain", R, 400, 599, NULL, "recipient address rejected: domain not found",
     ANSWER_REFUSED_VERIFY, "Postfix reject_unknown_recipient_domain"},
    {"null-mx-recipient", R, 556, 556, NULL, NULL, ANSWER_REFUSED_VERIFY,
     "RFC 7504 4, RFC 7505 4.1: 556 5.1.10"},

    /* The sender. */
    {"postfix-sender", ASK, 400, 599, NULL, "sender address rejected", ANSWER_REFUSED_SENDER,
     "Postfix reject_unknown_sender_domain (450 4.1.8), reject_non_fqdn_sender (504)"},
    {"exim-sender-verify", ASK, 400, 599, NULL, "sender verif", ANSWER_REFUSED_SENDER,
     "Exim verify = sender: Sender verify failed, Sender verification failed"},
    {"exim-sender-domain", M, 500, 599, NULL, "sender address must contain a domain",
     ANSWER_REFUSED_SENDER, "Exim smtp_in.c MAIL"},
    {"sendmail-sender-domain", ASK, 500, 599, NULL, "domain name required for sender",
     ANSWER_REFUSED_SENDER, "Sendmail proto.m4 check_mail: 553 5.5.4"},
    {"sendmail-sender-dns", ASK, 400, 599, "x.1.8", NULL, ANSWER_REFUSED_SENDER,
     "Sendmail proto.m4 check_mail: 553 5.1.8 Domain of sender address does not exist"},
    {"null-mx-sender", ASK, 500, 599, "x.7.27", NULL, ANSWER_REFUSED_SENDER,
     "RFC 7505 4.2: sender address has null MX"},
    {"spf-5.7.23", M | R, 500, 599, "x.7.23", NULL, ANSWER_REFUSED_SENDER,
     "RFC 7372 3.2: SPF failed"},
    {"spf-text", M | R, 500, 599, NULL, "spf", ANSWER_REFUSED_SENDER,
     "policyd-spf: Message rejected due to: SPF fail"},
    {"qmail-envelope-sender", ASK, 500, 599, NULL, "envelope sender is in my badmailfrom",
     ANSWER_REFUSED_SENDER, "qmail-smtpd.c err_bmf"},

    /* Our name in HELO. */
    {"postfix-helo", ANY, 400, 599, NULL, "helo command rejected", ANSWER_REFUSED_HELO,
     "Postfix smtpd_check.c: reject_invalid_helo_hostname, reject_unknown_helo_hostname"},
    {"exim-helo", H, 500, 599, NULL, "invalid helo", ANSWER_REFUSED_HELO,
     "Exim smtp_in.c: Syntactically invalid HELO argument(s)"},
    {"helo-unknown", H, 500, 502, NULL, NULL, ANSWER_SYNTAX,
     "RFC 5321 4.2.4: command not recognised"},
    {"sendmail-helo", H, 553, 553, NULL, NULL, ANSWER_REFUSED_HELO,
     "Sendmail srvrsmtp.c: 553 hostname"},
    {"helo-504", H, 501, 504, NULL, NULL, ANSWER_REFUSED_HELO, "RFC 5321 4.2.2: parameter"},

    /* This client. */
    {"code-521", ANY, 521, 521, NULL, NULL, ANSWER_REFUSED_CLIENT,
     "RFC 7504 3: does not accept mail"},
    {"postfix-client", ANY, 400, 599, NULL, "client host rejected", ANSWER_REFUSED_CLIENT,
     "Postfix smtpd_check.c: check_client_access, reject_unknown_client_hostname"},
    {"postfix-dnsbl", ANY, 400, 599, NULL, "blocked using", ANSWER_REFUSED_CLIENT,
     "Postfix reject_rbl_client, default_rbl_reply"},
    {"exim-dnsbl", ANY, 500, 599, NULL, "black list", ANSWER_REFUSED_CLIENT,
     "Exim default ACL, dnslists: is in a black list at"},
    {"blacklist", ANY, 500, 599, NULL, "blacklist", ANSWER_REFUSED_CLIENT, "common DNSBL texts"},
    {"blocklist", ANY, 500, 599, NULL, "blocklist", ANSWER_REFUSED_CLIENT, "common DNSBL texts"},
    {"outlook-block-list", ANY, 500, 599, NULL, "block list", ANSWER_REFUSED_CLIENT,
     "Exchange Online S3150: network is on our block list"},
    {"blocked-by", ANY, 500, 599, NULL, "blocked by", ANSWER_REFUSED_CLIENT, "553 Blocked by PBL"},
    {"dnsbl", ANY, 500, 599, NULL, "dnsbl", ANSWER_REFUSED_CLIENT, "common DNSBL texts"},
    {"sendmail-dnsbl", ANY, 500, 599, NULL, "blackhole", ANSWER_REFUSED_CLIENT,
     "Sendmail FEATURE(dnsbl): refused by blackhole site"},
    {"spamhaus", ANY, 500, 599, NULL, "spamhaus", ANSWER_REFUSED_CLIENT, "DNSBL named by its site"},
    {"reputation", ANY, 400, 599, NULL, "reputation", ANSWER_REFUSED_CLIENT, "reputation services"},
    {"spam-client", M | R, 500, 599, NULL, "spam", ANSWER_REFUSED_CLIENT,
     "spam source refused at MAIL or RCPT"},
    {"too-many", ANY, 500, 599, NULL, "too many", ANSWER_SERVICE,
     "Exim smtp_in.c: too many nonmail commands, too many syntax or protocol errors"},

    /* Not now. */
    {"greylist", ASK, 400, 499, NULL, "greylist", ANSWER_DEFERRED,
     "Postgrey, SQLgrey, Exim recipes"},
    {"graylist", ASK, 400, 499, NULL, "graylist", ANSWER_DEFERRED, "American spelling"},
    {"grey-listed", ASK, 400, 499, NULL, "grey*listed", ANSWER_DEFERRED, "milter-greylist"},

    /* Relaying and authentication, in other words. */
    {"sendmail-550-relay", ASK, 500, 599, NULL, "relaying denied", ANSWER_DENIED,
     "Sendmail proto.m4 Local_check_rcpt: 550 5.7.1 Relaying denied"},
    {"exim-relay", ASK, 500, 599, NULL, "relay not permitted", ANSWER_DENIED, "Exim default ACL"},
    {"qmail-rcpthosts", ASK, 500, 599, NULL, "allowed rcpthosts", ANSWER_DENIED,
     "qmail-smtpd.c err_nogateway: 553"},
    {"exchange-relay", ASK, 500, 599, NULL, "unable to relay", ANSWER_DENIED,
     "Exchange: 550 5.7.1 Unable to relay, 5.7.54 in non-accepted domain"},
    {"auth-530", ASK | H, 530, 530, NULL, NULL, ANSWER_DENIED_AUTH,
     "RFC 4954 6: authentication required"},
    {"auth-required", ASK | G | H, 500, 599, NULL, "authentication*required", ANSWER_DENIED_AUTH,
     "RFC 4954 6, Exim: authentication required"},
    {"requires-auth", ASK, 500, 599, NULL, "requires authentication", ANSWER_DENIED_AUTH,
     "MailEnable: 503 This mail server requires authentication"},
    {"exchange-auth", ASK, 500, 599, NULL, "not authenticated", ANSWER_DENIED_AUTH,
     "Exchange: 530 5.7.57 Client was not authenticated"},
    {"must-authenticate", ASK, 500, 599, NULL, "must authenticate", ANSWER_DENIED_AUTH,
     "common text"},
    {"please-authenticate", ASK, 500, 599, NULL, "please authenticate", ANSWER_DENIED_AUTH,
     "common text"},
    {"smtp-auth", ASK, 500, 599, NULL, "smtp auth", ANSWER_DENIED_AUTH,
     "hMailServer, qmail patches"},
    {"generic-relay", R | D | E, 500, 599, NULL, "relay", ANSWER_DENIED,
     "Courier 513 Relaying denied, MDaemon: we do not relay"},
    {"not-local-551", R, 551, 551, NULL, NULL, ANSWER_DENIED, "RFC 5321 3.4: 551 User not local"},
    {"hmailserver", R, 500, 599, NULL, "delivery is not allowed to this address", ANSWER_DENIED,
     "hMailServer SMTPConnection: no external to external"},
    {"not-hosted", R, 500, 599, NULL, "not hosted here", ANSWER_DENIED, "common text"},

    /* The way of writing. */
    {"exim-restricted", R, 500, 599, NULL, "restricted characters", ANSWER_SYNTAX,
     "Exim default ACL: Restricted characters in address"},
    {"opensmtpd-syntax", M | R, 553, 553, NULL, "syntax error", ANSWER_SYNTAX,
     "OpenSMTPD smtp_session.c: Sender address syntax error, Recipient address syntax error"},
    {"sendmail-route", R, 553, 553, NULL, "route address", ANSWER_SYNTAX,
     "Sendmail parseaddr: invalid route"},
    {"sendmail-invalid-address", R, 553, 553, NULL, "invalid address", ANSWER_SYNTAX,
     "Sendmail proto.m4: 553 5.1.2 Invalid address, of <x@[name]@>"},
    {"postfix-routing", R, 500, 599, NULL, "routing attempted", ANSWER_SYNTAX,
     "Postfix: source route"},
    {"syntax-50x", M | R, 500, 502, NULL, NULL, ANSWER_SYNTAX,
     "RFC 5321 4.2.2, Postfix 501 5.1.7 Bad sender address syntax, Exim 501 malformed address"},
    {"syntax-504", M | R, 504, 504, NULL, NULL, ANSWER_SYNTAX,
     "RFC 5321 4.2.2: parameter not implemented"},
    {"qmail-555", M | R, 555, 555, NULL, NULL, ANSWER_SYNTAX,
     "RFC 5321 4.1.1.11, qmail: 555 syntax error"},

    /* Mailboxes, and recipients without a word about why. */
    {"exchange-not-found", R, 550, 550, NULL, "recipient not found", ANSWER_NO_MAILBOX,
     "Exchange 2013: 550 5.1.10 RESOLVER.ADR.RecipientNotFound"},
    {"postfix-user-unknown", R, 500, 599, NULL, "user unknown", ANSWER_NO_MAILBOX,
     "Postfix, Sendmail, Exchange: 550 5.1.1"},
    {"exim-unrouteable", R, 500, 599, NULL, "unrouteable address", ANSWER_NO_MAILBOX,
     "Exim verify.c"},
    {"exim-unknown-user", R, 500, 599, NULL, "unknown user", ANSWER_NO_MAILBOX, "Exim routers"},
    {"no-such-user", R, 500, 599, NULL, "no such user", ANSWER_NO_MAILBOX, "RFC 5321 D.1"},
    {"qmail-no-mailbox", R, 500, 599, NULL, "no mailbox here", ANSWER_NO_MAILBOX,
     "qmail-local, patches"},
    {"mailbox-unavailable", R, 550, 550, NULL, "mailbox unavailable", ANSWER_NO_MAILBOX,
     "RFC 5321 4.2.3"},
    {"status-x.1.1", R, 500, 599, "x.1.1", NULL, ANSWER_NO_MAILBOX,
     "RFC 3463 3.2: bad mailbox address"},
    {"status-x.1.2", R, 400, 599, "x.1.2", NULL, ANSWER_REFUSED_VERIFY,
     "RFC 3463 3.2: bad system address"},
    {"opensmtpd-rcpt", R, 550, 550, NULL, "invalid recipient", ANSWER_DENIED_UNKNOWN,
     "OpenSMTPD lka: 550 Invalid recipient, for foreign and unknown alike"},
    {"postfix-rcpt-rejected", R, 500, 599, NULL, "recipient address rejected",
     ANSWER_DENIED_UNKNOWN, "Postfix check_recipient_access, reject"},

    /* An answer to another question: replies and commands have lost each other. */
    {"no-valid-recipients", D, 500, 599, NULL, "no valid recipients", ANSWER_NONE,
     "Postfix smtpd.c data_cmd: 554 5.5.1, though RCPT was answered with 250"},

    /* DATA and end-of-data: what they name. */
    {"data-recipient", D | E, 500, 599, NULL, "recipient", ANSWER_DENIED, "names the recipient"},
    {"data-spam", D | E, 500, 599, NULL, "spam", ANSWER_REFUSED_CONTENT, "SpamAssassin, rspamd"},
    {"data-virus", D | E, 500, 599, NULL, "virus", ANSWER_REFUSED_CONTENT, "ClamAV, Amavis"},
    {"data-malware", D | E, 500, 599, NULL, "malware", ANSWER_REFUSED_CONTENT, "Exim av_scanner"},
    {"data-content", D | E, 500, 599, NULL, "content", ANSWER_REFUSED_CONTENT,
     "Postfix header_checks, Exim acl"},
    {"data-dmarc", D | E, 500, 599, NULL, "dmarc", ANSWER_REFUSED_CONTENT,
     "OpenDMARC: rejected by DMARC policy"},
    {"data-dkim", D | E, 500, 599, NULL, "dkim", ANSWER_REFUSED_CONTENT, "DKIM policy"},
    {"data-spf", D | E, 500, 599, NULL, "spf", ANSWER_REFUSED_CONTENT, "SPF after DATA"},
    {"data-policy", D | E, 500, 599, NULL, "policy", ANSWER_REFUSED_CONTENT, "rejected by policy"},
    {"status-x.3.4", ASK, 400, 599, "x.3.4", NULL, ANSWER_REFUSED_CONTENT,
     "RFC 3463 3.4: message too big"},
    {"size-552", ASK, 552, 552, NULL, NULL, ANSWER_REFUSED_CONTENT,
     "RFC 1870 6: 552 exceeds fixed limit"},
    {"status-x.6", D | E, 500, 599, "x.6.*", NULL, ANSWER_REFUSED_CONTENT,
     "RFC 3463 3.7: content or media"},

    /* An answer to another question again. */
    {"bad-sequence", ASK, 503, 503, NULL, NULL, ANSWER_NONE,
     "RFC 5321 4.1.4, though the commands came in order"},

    /* The session again. */
    {"greeting-5yz", G, 500, 599, NULL, NULL, ANSWER_REFUSED_CLIENT,
     "RFC 5321 3.1: 554 instead of 220"},
    {"helo-5yz", H, 500, 599, NULL, NULL, ANSWER_REFUSED_CLIENT, "nothing named: this client"},
};

const size_t answer_row_count = COUNT(answer_rows);

struct folded { /* the text, folded when first asked for */
    bool ready;
    char text[REPLY_TEXT_MAX + 1];
};

/* Letters and digits in a row that are no word of any language: the token in an address that the
 * reply repeats. One run in twenty has a token with "spf" in it. */
static void blank_tokens(char *text, size_t len)
{
    enum { LONGEST = TOKEN_LEN + 2 /* "2b" before it, in an encoded address */ };
    size_t run = 0;
    bool letters = false;
    for (size_t i = 0; i <= len; i++) {
        bool letter = text[i] >= 'a' && text[i] <= 'z';
        bool alnum = letter || (text[i] >= '0' && text[i] <= '9');
        if (!alnum && letters && run >= TOKEN_LEN && run <= LONGEST) {
            memset(text + i - run, ' ', run);
        }
        letters = alnum && (letters || letter);
        run = alnum ? run + 1 : 0;
    }
}

/* Addresses in brackets say what was asked, not what is answered. */
static void blank_paths(char *text)
{
    for (char *at = text; (at = strchr(at, '<')) != NULL; at++) {
        size_t len = strcspn(at + 1, "<>");
        if (at[len + 1] == '>' && memchr(at + 1, '@', len) != NULL) {
            memset(at + 1, ' ', len);
        }
    }
}

static const char *folded_text(struct folded *f, const struct reply *reply)
{
    if (!f->ready) {
        size_t n = 0;
        for (; n < reply->text_len; n++) {
            char c = reply->text[n];
            f->text[n] = c >= 'A' && c <= 'Z'     ? (char)(c + ('a' - 'A'))
                         : c == '\n' || c == '\0' ? ' '
                                                  : c;
        }
        f->text[n] = '\0';
        blank_tokens(f->text, n);
        blank_paths(f->text);
        f->ready = true;
    }
    return f->text;
}

/* The pattern's pieces, in order; a star at both ends is implied. */
static bool text_fits(const char *text, const char *pattern)
{
    char piece[64];
    while (*pattern != '\0') {
        size_t len = strcspn(pattern, "*");
        size_t kept = len < sizeof(piece) - 1 ? len : sizeof(piece) - 1;
        memcpy(piece, pattern, kept);
        piece[kept] = '\0';
        const char *hit = strstr(text, piece);
        if (hit == NULL) {
            return false;
        }
        text = hit + kept;
        pattern += len + (pattern[len] == '*');
    }
    return true;
}

/* "5.7.1", "x.7.1" (class 4 or 5), "x.6.*". */
static bool enhanced_fits(const struct reply *reply, const char *pattern)
{
    if (!reply_has_enhanced(reply)) {
        return false;
    }
    struct span rest = span_of(pattern);
    struct span field;
    for (unsigned i = 0; i < 3 && span_cut(&rest, '.', &field); i++) {
        uint64_t wanted;
        bool wild = field.len == 1 && (field.ptr[0] == 'x' || field.ptr[0] == '*');
        if (!wild && (!span_uint(field, 999, &wanted) || wanted != reply->enhanced[i])) {
            return false;
        }
    }
    return true;
}

static bool row_fits(const struct answer_row *row, enum smtp_step step, const struct reply *reply,
                     struct folded *f)
{
    if (reply->code < row->code_low || reply->code > row->code_high) {
        return false;
    }
    if (row->steps != ANY && (row->steps & 1u << step) == 0) {
        return false;
    }
    if (row->enhanced != NULL && !enhanced_fits(reply, row->enhanced)) {
        return false;
    }
    return row->text == NULL || text_fits(folded_text(f, reply), row->text);
}

/* What a positive reply means depends on what was asked: 354 is right after DATA only. */
static enum answer judge_positive(enum smtp_step step, const struct reply *reply)
{
    if (step == STEP_DATA) {
        return reply->code == 354 ? ANSWER_ACCEPTED : ANSWER_NONE;
    }
    return reply_class(reply) == 2 ? ANSWER_ACCEPTED : ANSWER_NONE;
}

/* No row knows it. At MAIL it is the sender that was judged; after 354 a nameless no is a no to the
 * message. */
static enum answer judge_code(enum smtp_step step, const struct reply *reply)
{
    if (reply_class(reply) == 4) {
        return ANSWER_DEFERRED;
    }
    if (step == STEP_MAIL) {
        return ANSWER_REFUSED_SENDER;
    }
    return step == STEP_RCPT ? ANSWER_DENIED_UNKNOWN : ANSWER_DENIED;
}

struct answer_judgement answer_judge(enum smtp_step step, const struct reply *reply)
{
    if (reply_class(reply) < 4) {
        return (struct answer_judgement){judge_positive(step, reply), NULL};
    }
    struct folded f;
    f.ready = false;
    for (size_t i = 0; i < COUNT(answer_rows); i++) {
        if (row_fits(&answer_rows[i], step, reply, &f)) {
            return (struct answer_judgement){answer_rows[i].answer, &answer_rows[i]};
        }
    }
    return (struct answer_judgement){judge_code(step, reply), NULL};
}

const char *answer_name(enum answer a)
{
    switch (a) {
    case ANSWER_NONE:
        return "none";
    case ANSWER_ACCEPTED:
        return "accepted";
    case ANSWER_DENIED:
        return "denied";
    case ANSWER_DENIED_AUTH:
        return "denied-auth";
    case ANSWER_DENIED_UNKNOWN:
        return "denied-unknown";
    case ANSWER_SYNTAX:
        return "syntax";
    case ANSWER_DEFERRED:
        return "deferred";
    case ANSWER_REFUSED_SENDER:
        return "refused-sender";
    case ANSWER_REFUSED_HELO:
        return "refused-helo";
    case ANSWER_REFUSED_CLIENT:
        return "refused-client";
    case ANSWER_REFUSED_CONTENT:
        return "refused-content";
    case ANSWER_REFUSED_VERIFY:
        return "refused-verify";
    case ANSWER_NO_MAILBOX:
        return "no-mailbox";
    case ANSWER_TLS_REQUIRED:
        return "tls-required";
    case ANSWER_SERVICE:
        return "service";
    }
    return "none";
}

static unsigned digits(const char **at)
{
    unsigned value = 0;
    while (**at >= '0' && **at <= '9') {
        value = value < 1000000 ? value * 10 + (unsigned)(**at - '0') : value;
        (*at)++;
    }
    return value;
}

/* "in 00:04:59" */
static unsigned clock_seconds(const char *text)
{
    const char *at = strstr(text, "in ");
    while (at != NULL) {
        at += 3;
        unsigned part[3] = {0};
        unsigned n = 0;
        while (n < 3 && *at >= '0' && *at <= '9') {
            part[n++] = digits(&at);
            at += n < 3 && *at == ':';
        }
        if (n == 3 && part[1] < 60 && part[2] < 60) {
            return (part[0] < 24 ? part[0] : 24) * 3600 + part[1] * 60 + part[2];
        }
        at = strstr(at, "in ");
    }
    return 0;
}

static unsigned unit_seconds(const char *at)
{
    at += strspn(at, " ");
    if (strncmp(at, "sec", 3) == 0) {
        return 1;
    }
    return strncmp(at, "min", 3) == 0 ? 60 : strncmp(at, "hour", 4) == 0 ? 3600 : 0;
}

unsigned answer_retry_seconds(const struct reply *reply)
{
    enum { DAY = 86400 };
    struct folded f;
    f.ready = false;
    const char *at = folded_text(&f, reply);
    unsigned seconds = clock_seconds(at);
    while (seconds == 0 && *at != '\0') {
        at += strcspn(at, "0123456789");
        unsigned value = digits(&at);
        unsigned unit = unit_seconds(at);
        seconds = value < DAY ? value * unit : DAY * (unit != 0);
    }
    return seconds < DAY ? seconds : DAY;
}
