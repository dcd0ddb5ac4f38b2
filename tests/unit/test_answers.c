/*
 * test_answers.c - what real servers say, and what it means
 *
 * Each row of the table is named by at least one reply here (a test sees to that), so that no row
 * can be changed or lost unnoticed. The first column is the row that must speak; NULL: the code
 * alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "probe/ask/answers.h"

struct said {
    const char *row;
    enum smtp_step step;
    const char *reply;
    enum answer answer;
};

static const struct said said[] = {
    {"service-421", STEP_MAIL, "421 4.3.2 Service not available, closing transmission channel\r\n",
     ANSWER_SERVICE},
    {"greeting-4yz", STEP_GREETING, "450 try later\r\n", ANSWER_SERVICE},
    {"helo-4yz", STEP_EHLO, "451 4.3.0 temporary\r\n", ANSWER_SERVICE},
    {"tls-530", STEP_MAIL, "530 5.7.0 Must issue a STARTTLS command first\r\n",
     ANSWER_TLS_REQUIRED},
    {"tls-5.7.10", STEP_MAIL, "523 5.7.10 Encryption Needed\r\n", ANSWER_TLS_REQUIRED},
    {"postfix-encryption", STEP_RCPT, "450 4.7.1 Session encryption is required\r\n",
     ANSWER_TLS_REQUIRED},
    {"sendmail-450-relay", STEP_RCPT,
     "450 4.4.0 <x@canary.test>... Relaying temporarily denied. "
     "Cannot resolve PTR record for 127.0.0.2\r\n",
     ANSWER_DEFERRED},
    {"postfix-454-relay", STEP_RCPT, "454 4.7.1 <x@canary.test>: Relay access denied\r\n",
     ANSWER_DENIED},
    {"postfix-554-relay", STEP_RCPT, "554 5.7.1 <x@canary.test>: Relay access denied\r\n",
     ANSWER_DENIED},
    {"generic-454-relay", STEP_RCPT, "454 4.7.1 relaying is not for you\r\n", ANSWER_DENIED},
    {"postfix-verify-pending", STEP_RCPT,
     "450 4.1.1 <x@canary.test>: Recipient address rejected: "
     "unverified address: Address verification in progress\r\n",
     ANSWER_DEFERRED},
    {"postfix-verify-failed", STEP_RCPT,
     "450 4.1.1 <x@canary.test>: Recipient address rejected: "
     "undeliverable address: host mx.canary.test[127.0.0.1] said: 550 5.1.1 no\r\n",
     ANSWER_REFUSED_VERIFY},
    {"postfix-554-relay", STEP_RCPT,
     "554 5.7.1 <localhost!probe+aaaaaaspfaaaaaa2@canary.test>: Relay access denied\r\n",
     ANSWER_DENIED},
    {NULL, STEP_RCPT, "550 5.9.9 <probe+aaaaaaspfaaaaaa2%spamhaus.test@d.test> no\r\n",
     ANSWER_DENIED_UNKNOWN},
    {NULL, STEP_RCPT, "550 5.9.9 probe+aaaaaaspfaaaaaa2: no\r\n", ANSWER_DENIED_UNKNOWN},
    {"callout-recipient", STEP_RCPT, "451 Could not complete recipient verify callout\r\n",
     ANSWER_REFUSED_VERIFY},
    {"callout-said", STEP_RCPT,
     "550 Callout verification failed: mx.canary.test [127.0.0.1] said 550 no\r\n",
     ANSWER_REFUSED_VERIFY},
    {"postfix-rcpt-domain", STEP_RCPT,
     "450 4.1.2 <x@canary.test>: Recipient address rejected: Domain not found\r\n",
     ANSWER_REFUSED_VERIFY},
    {"null-mx-recipient", STEP_RCPT, "556 5.1.10 Recipient address has null MX\r\n",
     ANSWER_REFUSED_VERIFY},
    {"postfix-sender", STEP_MAIL,
     "450 4.1.8 <p@canary.test>: Sender address rejected: Domain not found\r\n",
     ANSWER_REFUSED_SENDER},
    {"postfix-sender", STEP_RCPT,
     "504 5.5.2 <p>: Sender address rejected: need fully-qualified address\r\n",
     ANSWER_REFUSED_SENDER},
    {"postfix-sender", STEP_DATA,
     "550 5.1.8 <p@canary.test>: Sender address rejected: Domain not found\r\n",
     ANSWER_REFUSED_SENDER},
    {"exim-sender-verify", STEP_RCPT,
     "550-Verification failed for <p@canary.test>\r\n550 Sender verify failed\r\n",
     ANSWER_REFUSED_SENDER},
    {"exim-sender-domain", STEP_MAIL, "501 <p>: sender address must contain a domain\r\n",
     ANSWER_REFUSED_SENDER},
    {"sendmail-sender-domain", STEP_MAIL,
     "553 5.5.4 <p>... Domain name required for sender address p\r\n", ANSWER_REFUSED_SENDER},
    {"sendmail-sender-dns", STEP_RCPT,
     "553 5.1.8 <p@canary.test>... Domain of address p@canary.test does not exist\r\n",
     ANSWER_REFUSED_SENDER},
    {"sendmail-sender-dns", STEP_RCPT,
     "451 4.1.8 Domain of address p@canary.test does not resolve\r\n", ANSWER_REFUSED_SENDER},
    {"null-mx-sender", STEP_RCPT, "550 5.7.27 Sender address has null MX\r\n",
     ANSWER_REFUSED_SENDER},
    {"spf-5.7.23", STEP_RCPT, "550 5.7.23 not permitted to use this domain\r\n",
     ANSWER_REFUSED_SENDER},
    {"spf-text", STEP_RCPT, "550 Message rejected due to: SPF fail - not authorized\r\n",
     ANSWER_REFUSED_SENDER},
    {"qmail-envelope-sender", STEP_RCPT,
     "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)\r\n",
     ANSWER_REFUSED_SENDER},
    {"postfix-helo", STEP_RCPT,
     "504 5.5.2 <probe>: Helo command rejected: need fully-qualified hostname\r\n",
     ANSWER_REFUSED_HELO},
    {"postfix-helo", STEP_MAIL,
     "450 4.7.1 <probe.canary.test>: Helo command rejected: Host not found\r\n",
     ANSWER_REFUSED_HELO},
    {"exim-helo", STEP_EHLO, "501 Syntactically invalid HELO argument(s)\r\n", ANSWER_REFUSED_HELO},
    {"helo-unknown", STEP_EHLO, "502 5.5.2 Error: command not recognized\r\n", ANSWER_SYNTAX},
    {"helo-unknown", STEP_HELO, "500 what\r\n", ANSWER_SYNTAX},
    {"sendmail-helo", STEP_HELO, "553 5.0.0 probe.canary.test is not my kind of hostname\r\n",
     ANSWER_REFUSED_HELO},
    {"helo-504", STEP_HELO, "504 5.5.2 parameter\r\n", ANSWER_REFUSED_HELO},
    {"code-521", STEP_GREETING, "521 mx.victim.test\r\n", ANSWER_REFUSED_CLIENT},
    {"code-521", STEP_RCPT, "521 5.3.2 host does not accept mail\r\n", ANSWER_REFUSED_CLIENT},
    {"postfix-client", STEP_RCPT,
     "554 5.7.1 <unknown[127.0.0.2]>: Client host rejected: Access denied\r\n",
     ANSWER_REFUSED_CLIENT},
    {"postfix-client", STEP_RCPT,
     "450 4.7.25 Client host rejected: cannot find your hostname, [127.0.0.2]\r\n",
     ANSWER_REFUSED_CLIENT},
    {"postfix-dnsbl", STEP_RCPT,
     "554 5.7.1 Service unavailable; Client host [127.0.0.2] blocked using bl.example.test\r\n",
     ANSWER_REFUSED_CLIENT},
    {"exim-dnsbl", STEP_RCPT,
     "550 rejected because 127.0.0.2 is in a black list at bl.example.test\r\n",
     ANSWER_REFUSED_CLIENT},
    {"blacklist", STEP_RCPT, "550 5.7.1 Your address is blacklisted\r\n", ANSWER_REFUSED_CLIENT},
    {"blacklist", STEP_RCPT, "550 listed as open relay in a blacklist\r\n", ANSWER_REFUSED_CLIENT},
    {"blocklist", STEP_RCPT, "550 5.7.1 on our blocklist\r\n", ANSWER_REFUSED_CLIENT},
    {"outlook-block-list", STEP_MAIL,
     "550 5.7.1 Unfortunately, messages from [127.0.0.2] weren't "
     "sent. part of their network is on our block list (S3150)\r\n",
     ANSWER_REFUSED_CLIENT},
    {"blocked-by", STEP_RCPT, "553 Blocked by PBL\r\n", ANSWER_REFUSED_CLIENT},
    {"dnsbl", STEP_RCPT, "554 5.7.1 DNSBL hit\r\n", ANSWER_REFUSED_CLIENT},
    {"sendmail-dnsbl", STEP_MAIL,
     "550 5.7.1 Mail from 127.0.0.2 refused by blackhole site bl.example.test\r\n",
     ANSWER_REFUSED_CLIENT},
    {"spamhaus", STEP_RCPT, "550 see www.spamhaus.org\r\n", ANSWER_REFUSED_CLIENT},
    {"reputation", STEP_RCPT, "450 4.7.1 poor reputation\r\n", ANSWER_REFUSED_CLIENT},
    {"spam-client", STEP_RCPT, "550 5.7.1 you are a spam source\r\n", ANSWER_REFUSED_CLIENT},
    {"too-many", STEP_MAIL, "554 too many nonmail commands\r\n", ANSWER_SERVICE},
    {"greylist", STEP_RCPT,
     "450 4.2.0 <x@canary.test>: Recipient address rejected: Greylisted, see postgrey\r\n",
     ANSWER_DEFERRED},
    {"graylist", STEP_RCPT, "451 4.7.1 Graylisting in action\r\n", ANSWER_DEFERRED},
    {"grey-listed", STEP_RCPT, "451 4.7.1 Grey-listed, come back in 00:05:00\r\n", ANSWER_DEFERRED},
    {"sendmail-550-relay", STEP_RCPT, "550 5.7.1 <x@canary.test>... Relaying denied\r\n",
     ANSWER_DENIED},
    {"sendmail-550-relay", STEP_RCPT,
     "550 5.7.1 <x@canary.test>... Relaying denied. IP name lookup failed [127.0.0.2]\r\n",
     ANSWER_DENIED},
    {"exim-relay", STEP_RCPT, "550 relay not permitted\r\n", ANSWER_DENIED},
    {"qmail-rcpthosts", STEP_RCPT,
     "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)\r\n", ANSWER_DENIED},
    {"exchange-relay", STEP_RCPT,
     "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain\r\n", ANSWER_DENIED},
    {"exchange-relay", STEP_END_OF_DATA, "550 5.7.1 Unable to relay\r\n", ANSWER_DENIED},
    {"auth-530", STEP_MAIL, "530 5.7.0 say who you are\r\n", ANSWER_DENIED_AUTH},
    {"auth-required", STEP_RCPT, "550 5.7.1 Authentication is required for relay\r\n",
     ANSWER_DENIED_AUTH},
    {"auth-required", STEP_EHLO, "550 authentication required\r\n", ANSWER_DENIED_AUTH},
    {"requires-auth", STEP_RCPT,
     "503 This mail server requires authentication when "
     "attempting to send to a non-local e-mail address\r\n",
     ANSWER_DENIED_AUTH},
    {"exchange-auth", STEP_RCPT,
     "550 5.7.57 SMTP; Client was not authenticated to send anonymous mail\r\n",
     ANSWER_DENIED_AUTH},
    {"must-authenticate", STEP_RCPT, "553 sorry, you must authenticate first\r\n",
     ANSWER_DENIED_AUTH},
    {"please-authenticate", STEP_RCPT, "550 Please authenticate\r\n", ANSWER_DENIED_AUTH},
    {"smtp-auth", STEP_RCPT, "554 use SMTP AUTH here\r\n", ANSWER_DENIED_AUTH},
    {"generic-relay", STEP_RCPT, "550 5.7.1 Sorry, we do not relay\r\n", ANSWER_DENIED},
    {"generic-relay", STEP_DATA, "554 no relay probes here\r\n", ANSWER_DENIED},
    {"generic-relay", STEP_END_OF_DATA, "550 5.7.1 no relay probes here\r\n", ANSWER_DENIED},
    {"not-local-551", STEP_RCPT, "551 not a user of this house\r\n", ANSWER_DENIED},
    {"hmailserver", STEP_RCPT, "550 Delivery is not allowed to this address.\r\n", ANSWER_DENIED},
    {"not-hosted", STEP_RCPT, "550 domain is not hosted here\r\n", ANSWER_DENIED},
    {"exim-restricted", STEP_RCPT, "550 Restricted characters in address\r\n", ANSWER_SYNTAX},
    {"opensmtpd-syntax", STEP_RCPT, "553 5.1.3 Recipient address syntax error\r\n", ANSWER_SYNTAX},
    {"opensmtpd-syntax", STEP_MAIL, "553 5.1.7 Sender address syntax error\r\n", ANSWER_SYNTAX},
    {"sendmail-invalid-address", STEP_RCPT, "553 5.1.2 <x@[canary.test]@>... Invalid address\r\n",
     ANSWER_SYNTAX},
    {"sendmail-route", STEP_RCPT,
     "553 5.1.3 <@mx.victim.test:x@canary.test>... Invalid route address\r\n", ANSWER_SYNTAX},
    {"postfix-routing", STEP_RCPT, "550 5.1.3 source routing attempted\r\n", ANSWER_SYNTAX},
    {"syntax-50x", STEP_RCPT, "501 5.1.3 Bad recipient address syntax\r\n", ANSWER_SYNTAX},
    {"syntax-50x", STEP_MAIL, "501 5.1.7 Bad sender address syntax\r\n", ANSWER_SYNTAX},
    {"syntax-504", STEP_RCPT, "504 not implemented\r\n", ANSWER_SYNTAX},
    {"qmail-555", STEP_MAIL, "555 syntax error (#5.5.4)\r\n", ANSWER_SYNTAX},
    {"exchange-not-found", STEP_RCPT,
     "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\r\n",
     ANSWER_NO_MAILBOX},
    {"postfix-user-unknown", STEP_RCPT,
     "550 5.1.1 <x@canary.test>: Recipient address rejected: User "
     "unknown in local recipient table\r\n",
     ANSWER_NO_MAILBOX},
    {"exim-unrouteable", STEP_RCPT, "550 Unrouteable address\r\n", ANSWER_NO_MAILBOX},
    {"exim-unknown-user", STEP_RCPT, "550 Unknown user\r\n", ANSWER_NO_MAILBOX},
    {"no-such-user", STEP_RCPT, "550 No such user here\r\n", ANSWER_NO_MAILBOX},
    {"qmail-no-mailbox", STEP_RCPT, "554 sorry, no mailbox here by that name. (#5.1.1)\r\n",
     ANSWER_NO_MAILBOX},
    {"mailbox-unavailable", STEP_RCPT, "550 mailbox unavailable\r\n", ANSWER_NO_MAILBOX},
    {"status-x.1.1", STEP_RCPT, "550 5.1.1 gone\r\n", ANSWER_NO_MAILBOX},
    {"status-x.1.2", STEP_RCPT, "550 5.1.2 bad host\r\n", ANSWER_REFUSED_VERIFY},
    {"opensmtpd-rcpt", STEP_RCPT, "550 Invalid recipient: <x@canary.test>\r\n",
     ANSWER_DENIED_UNKNOWN},
    {"postfix-rcpt-rejected", STEP_RCPT,
     "554 5.7.1 <x@canary.test>: Recipient address rejected: Access denied\r\n",
     ANSWER_DENIED_UNKNOWN},
    {"data-recipient", STEP_END_OF_DATA, "554 5.7.1 recipient spam trap\r\n", ANSWER_DENIED},
    {"data-spam", STEP_END_OF_DATA, "550 5.7.1 looks like spam\r\n", ANSWER_REFUSED_CONTENT},
    {"data-virus", STEP_END_OF_DATA, "554 virus found\r\n", ANSWER_REFUSED_CONTENT},
    {"data-malware", STEP_END_OF_DATA, "550 This message contains malware\r\n",
     ANSWER_REFUSED_CONTENT},
    {"data-content", STEP_END_OF_DATA, "550 5.7.1 content rejected\r\n", ANSWER_REFUSED_CONTENT},
    {"data-dmarc", STEP_END_OF_DATA, "550 5.7.1 failed DMARC\r\n", ANSWER_REFUSED_CONTENT},
    {"data-dkim", STEP_END_OF_DATA, "550 5.7.20 no passing DKIM signature\r\n",
     ANSWER_REFUSED_CONTENT},
    {"data-spf", STEP_END_OF_DATA, "550 5.7.23 SPF fail\r\n", ANSWER_REFUSED_CONTENT},
    {"data-policy", STEP_DATA, "554 5.7.1 rejected by local policy\r\n", ANSWER_REFUSED_CONTENT},
    {"status-x.3.4", STEP_END_OF_DATA, "554 5.3.4 too big\r\n", ANSWER_REFUSED_CONTENT},
    {"size-552", STEP_MAIL, "552 exceeds fixed limit\r\n", ANSWER_REFUSED_CONTENT},
    {"status-x.6", STEP_END_OF_DATA, "554 5.6.0 bad media\r\n", ANSWER_REFUSED_CONTENT},
    {"no-valid-recipients", STEP_DATA, "554 5.5.1 Error: no valid recipients\r\n", ANSWER_NONE},
    {"bad-sequence", STEP_RCPT, "503 5.5.1 Error: need MAIL command\r\n", ANSWER_NONE},
    {"bad-sequence", STEP_DATA, "503 valid RCPT command must precede DATA\r\n", ANSWER_NONE},
    {"greeting-5yz", STEP_GREETING, "554 mx.victim.test no SMTP service here\r\n",
     ANSWER_REFUSED_CLIENT},
    {"helo-5yz", STEP_HELO, "554 go away\r\n", ANSWER_REFUSED_CLIENT},
    {NULL, STEP_GREETING, "220 mx.victim.test ESMTP\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_EHLO, "250-mx.victim.test\r\n250 SIZE 10240000\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_MAIL, "250 2.1.0 Ok\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_RCPT, "250 2.1.5 530 550 5.7.1 Relay access denied\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_RCPT, "251 User not local; will forward\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_DATA, "354 End data with <CR><LF>.<CR><LF>\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_DATA, "250 Ok\r\n", ANSWER_NONE},
    {NULL, STEP_RCPT, "354 go on\r\n", ANSWER_NONE},
    {NULL, STEP_END_OF_DATA, "250 2.0.0 Ok: queued as 550\r\n", ANSWER_ACCEPTED},
    {NULL, STEP_RCPT, "450 4.3.2 <x@canary.test>: try again\r\n", ANSWER_DEFERRED},
    {NULL, STEP_RCPT, "451 later\r\n", ANSWER_DEFERRED},
    {NULL, STEP_END_OF_DATA, "451 4.3.0 queue file write error\r\n", ANSWER_DEFERRED},
    {NULL, STEP_MAIL, "550 5.7.1 no\r\n", ANSWER_REFUSED_SENDER},
    {NULL, STEP_RCPT, "550 Administrative prohibition\r\n", ANSWER_DENIED_UNKNOWN},
    {NULL, STEP_RCPT, "550 250 Ok\r\n", ANSWER_DENIED_UNKNOWN},
    {NULL, STEP_DATA, "554 5.7.1 <DATA>: Data command rejected: Access denied\r\n", ANSWER_DENIED},
    {NULL, STEP_END_OF_DATA, "554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected\r\n", ANSWER_DENIED},
    {NULL, STEP_END_OF_DATA, "550 no\r\n", ANSWER_DENIED},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void read_reply(const char *text, struct reply_reader *r)
{
    reply_reader_reset(r);
    size_t used = reply_reader_feed(r, text, strlen(text));
    assert_int_equal(used, strlen(text));
    assert_int_equal(r->status, REPLY_COMPLETE);
}

static void replies_mean_what_they_say(void **state)
{
    static struct reply_reader r;
    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        read_reply(said[i].reply, &r);
        struct answer_judgement j = answer_judge(said[i].step, &r.reply);
        const char *row = j.row != NULL ? j.row->id : NULL;
        if (j.answer != said[i].answer || (row == NULL) != (said[i].row == NULL) ||
            (row != NULL && strcmp(row, said[i].row) != 0)) {
            fail_msg("%s%s: %s by %s, expected %s by %s", smtp_step_name(said[i].step),
                     said[i].reply, answer_name(j.answer), row != NULL ? row : "the code",
                     answer_name(said[i].answer), said[i].row != NULL ? said[i].row : "the code");
        }
    }
}

static bool has_a_reply(const char *id)
{
    for (size_t i = 0; i < COUNT(said); i++) {
        if (said[i].row != NULL && strcmp(said[i].row, id) == 0) {
            return true;
        }
    }
    return false;
}

static void every_row_is_heard_here(void **state)
{
    (void)state;
    for (size_t i = 0; i < answer_row_count; i++) {
        if (!has_a_reply(answer_rows[i].id)) {
            fail_msg("no reply for the row %s", answer_rows[i].id);
        }
        assert_non_null(answer_rows[i].source);
        assert_true(answer_rows[i].code_low <= answer_rows[i].code_high);
        assert_true(answer_rows[i].text == NULL || strlen(answer_rows[i].text) < 64);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(answer_rows[i].id, answer_rows[j].id);
        }
    }
}

static void case_of_letters_does_not_matter(void **state)
{
    static struct reply_reader r;
    (void)state;
    read_reply("554 5.7.1 <x>: RELAY ACCESS DENIED\r\n", &r);
    assert_int_equal(answer_judge(STEP_RCPT, &r.reply).answer, ANSWER_DENIED);
}

/* The longest text that is kept, without what is looked for, then with it at the very end. */
static void long_texts_are_searched_whole(void **state)
{
    static struct reply_reader r;
    static char line[REPLY_TEXT_MAX + 64];
    (void)state;
    memset(line, 'a', sizeof(line));
    memcpy(line, "554 ", 4);
    memcpy(line + REPLY_TEXT_MAX - 40, "relay access denied\r\n\0", 22);
    read_reply(line, &r);
    assert_int_equal(answer_judge(STEP_RCPT, &r.reply).answer, ANSWER_DENIED);
    memset(line, 'a', sizeof(line));
    memcpy(line, "554 ", 4);
    memcpy(line + sizeof(line) - 3, "\r\n\0", 3);
    read_reply(line, &r);
    assert_int_equal(answer_judge(STEP_RCPT, &r.reply).answer, ANSWER_DENIED_UNKNOWN);
}

static void waits_are_read(void **state)
{
    static const struct {
        const char *reply;
        unsigned seconds;
    } rows[] = {
        {"450 4.2.0 Greylisted, try again in 300 seconds\r\n", 300},
        {"451 Greylisting in action, please come back in 00:04:59\r\n", 299},
        {"450 Greylisted for 5 minutes\r\n", 300},
        {"450 wait 1 hour\r\n", 3600},
        {"450 try again in 30sec\r\n", 30},
        {"450 4.2.0 try again later\r\n", 0},
        {"450 4.2.0 12 reasons, 7 dwarfs\r\n", 0},
        {"450 in 99:99:99\r\n", 0},
        {"450 come back in 999999999999999999999 seconds\r\n", 86400},
        {"450 come back in 999999999999 hours\r\n", 86400},
        {"450\r\n", 0},
    };
    static struct reply_reader r;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_reply(rows[i].reply, &r);
        if (answer_retry_seconds(&r.reply) != rows[i].seconds) {
            fail_msg("%s: %u seconds", rows[i].reply, answer_retry_seconds(&r.reply));
        }
    }
}

static void names_are_stable(void **state)
{
    static const char *const names[] = {
        "none",           "accepted",       "denied",          "denied-auth",
        "denied-unknown", "syntax",         "deferred",        "refused-sender",
        "refused-helo",   "refused-client", "refused-content", "refused-verify",
        "no-mailbox",     "tls-required",   "service"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(answer_name((enum answer)i), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_mean_what_they_say),
        cmocka_unit_test(every_row_is_heard_here),
        cmocka_unit_test(case_of_letters_does_not_matter),
        cmocka_unit_test(long_texts_are_searched_whole),
        cmocka_unit_test(waits_are_read),
        cmocka_unit_test(names_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
