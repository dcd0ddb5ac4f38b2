/*
 * test_dsn.c - reports as the servers of the field write them, and messages that only look like one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/smtp/dsn.h"

#include <stdlib.h>
#include <string.h>

#define OURS                                                     \
    "Subject: Open relay test S1-R1, token abcdefghijklmn27\r\n" \
    "X-Relaylab-Token: abcdefghijklmn27\r\n"

struct row {
    const char *label, *sender, *content;
    bool is_report, is_dsn, words;
    enum dsn_action action;
    const char *mta, *recipient, *status, *diagnostic, *remote;
    const char *returned; /* its beginning; NULL: nothing is returned */
};

static const struct row ROWS[] = {
    {.label = "Postfix",
     .content =
         "Received: by mx.victim.test (Postfix)\r\n"
         "From: MAILER-DAEMON@mx.victim.test (Mail Delivery System)\r\n"
         "Subject: Undelivered Mail Returned to Sender\r\n"
         "Auto-Submitted: auto-replied\r\n"
         "MIME-Version: 1.0\r\n"
         "Content-Type: multipart/report; report-type=delivery-status;\r\n"
         "\tboundary=\"4A1.1795502520/mx.victim.test\"\r\n"
         "\r\n"
         "This is a MIME-encapsulated message.\r\n"
         "\r\n"
         "--4A1.1795502520/mx.victim.test\r\n"
         "Content-Description: Notification\r\n"
         "Content-Type: text/plain; charset=us-ascii\r\n"
         "\r\n"
         "This is the mail system at host mx.victim.test.\r\n"
         "\r\n"
         "--4A1.1795502520/mx.victim.test\r\n"
         "Content-Description: Delivery report\r\n"
         "Content-Type: message/delivery-status\r\n"
         "\r\n"
         "Reporting-MTA: dns; mx.victim.test\r\n"
         "X-Postfix-Queue-ID: 4A1\r\n"
         "X-Postfix-Sender: rfc822; s@example.test\r\n"
         "Arrival-Date: Tue, 24 Nov 2026 06:42:00 +0000 (UTC)\r\n"
         "\r\n"
         "Final-Recipient: rfc822; x@canary.test\r\n"
         "Original-Recipient: rfc822;x@canary.test\r\n"
         "Action: failed\r\n"
         "Status: 5.1.1\r\n"
         "Remote-MTA: dns; mx.canary.test\r\n"
         "Diagnostic-Code: smtp; 550 5.1.1 <x@canary.test>: Recipient address\r\n"
         "    rejected\r\n"
         "\r\n"
         "Final-Recipient: rfc822; y@canary.test\r\n"
         "Action: delayed\r\n"
         "Status: 4.4.1\r\n"
         "\r\n"
         "--4A1.1795502520/mx.victim.test\r\n"
         "Content-Description: Undelivered Message\r\n"
         "Content-Type: message/rfc822\r\n"
         "\r\n" OURS "\r\nbody\r\n"
         "\r\n"
         "--4A1.1795502520/mx.victim.test--\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .status = "5.1.1",
     .diagnostic = "550 5.1.1 <x@canary.test>: Recipient address\r\n    rejected",
     .remote = "mx.canary.test",
     .returned = OURS "\r\nbody\r\n"},
    {.label = "Exim: no blank after the type, fields in another order, boundary unquoted, LF",
     .content =
         "X-Failed-Recipients: x@canary.test\n"
         "Auto-Submitted: auto-replied\n"
         "From: Mail Delivery System <Mailer-Daemon@mx.victim.test>\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=1795-eximdsn-20\n"
         "MIME-Version: 1.0\n"
         "Subject: Mail delivery failed: returning message to sender\n"
         "\n"
         "--1795-eximdsn-20\n"
         "Content-type: text/plain; charset=us-ascii\n"
         "\n"
         "This message was created automatically by mail delivery software.\n"
         "\n"
         "--1795-eximdsn-20\n"
         "Content-type: message/delivery-status\n"
         "\n"
         "Reporting-MTA: dns; mx.victim.test\n"
         "\n"
         "Action: failed\n"
         "Final-Recipient: rfc822;x@canary.test\n"
         "Status: 5.0.0\n"
         "Remote-MTA: dns; mx.canary.test\n"
         "Diagnostic-Code: smtp; 550 no\n"
         "\n"
         "--1795-eximdsn-20\n"
         "Content-type: message/rfc822\n"
         "\n"
         "Return-path: <s@example.test>\n" OURS "\nbody\n"
         "--1795-eximdsn-20--\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .status = "5.0.0",
     .diagnostic = "550 no",
     .remote = "mx.canary.test",
     .returned = "Return-path: <s@example.test>\n"},
    {.label = "Sendmail: upper-case types, a Received-From-MTA, headers only",
     .content =
         "Subject: Returned mail: see transcript for details\r\n"
         "Auto-Submitted: auto-generated (failure)\r\n"
         "MIME-Version: 1.0\r\n"
         "Content-Type: Multipart/Report; report-type=delivery-status;\r\n"
         " boundary = \"xAO6g0;12/mx.victim.test\" ; x=y\r\n"
         "\r\n"
         "This is a MIME-encapsulated message\r\n"
         "\r\n"
         "--xAO6g0;12/mx.victim.test\r\n"
         "\r\n"
         "The original message was received\r\n"
         "\r\n"
         "--xAO6g0;12/mx.victim.test\r\n"
         "Content-Type: Message/Delivery-Status\r\n"
         "\r\n"
         "Reporting-MTA: dns; mx.victim.test\r\n"
         "Received-From-MTA: DNS; probe.example.test\r\n"
         "\r\n"
         "Final-Recipient: RFC822; x@canary.test\r\n"
         "Action: Failed\r\n"
         "Status: 5.1.1 (bad address)\r\n"
         "Diagnostic-Code: SMTP; 550 5.1.1 User unknown\r\n"
         "\r\n"
         "--xAO6g0;12/mx.victim.test\r\n"
         "Content-Type: text/rfc822-headers\r\n"
         "\r\n" OURS "\r\n"
         "--xAO6g0;12/mx.victim.test--\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .status = "5.1.1",
     .diagnostic = "550 5.1.1 User unknown",
     .returned = OURS},
    {.label = "delayed, and cut off before its last boundary",
     .content = "Content-Type: multipart/report; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                "Reporting-MTA: dns;mx.victim.test\r\n\r\n"
                "Final-Recipient: rfc822;x@canary.test\r\nAction: delayed\r\nStatus: 4.4.1\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_DELAYED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .status = "4.4.1"},
    {.label = "all in one group",
     .content = "Content-Type: multipart/report; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                "Reporting-MTA: mx.victim.test\r\nOriginal-Recipient: rfc822;x@canary.test\r\n"
                "Action: failed\r\n--b--\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test"},
    {.label = "a boundary that begins like another",
     .content =
         "Content-Type: multipart/report; boundary=b\r\n\r\n"
         "--bb\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--bb--\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: delivered\r\n--b--\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_DELIVERED},
    {.label = "qmail",
     .content = "Date: 24 Nov 2026 06:42:00 -0000\n"
                "From: MAILER-DAEMON@mx.victim.test\n"
                "To: s@example.test\n"
                "Subject: failure notice\n"
                "\n"
                "Hi. This is the qmail-send program at mx.victim.test.\n"
                "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
                "This is a permanent error; I've given up. Sorry it didn't work out.\n"
                "\n"
                "<x@canary.test>:\n"
                "192.0.2.9 does not like recipient.\n"
                "Remote host said: 550 no such user (#5.1.1)\n"
                "Giving up on 192.0.2.9.\n"
                "\n"
                "<y@canary.test>:\n"
                "Sorry, no mailbox here by that name. (#5.1.2)\n"
                "\n"
                "--- Below this line is a copy of the message.\n"
                "\n"
                "Return-Path: <s@example.test>\n" OURS "\nbody\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .status = "5.1.1",
     .diagnostic = "192.0.2.9 does not like recipient.\n"
                   "Remote host said: 550 no such user (#5.1.1)\n"
                   "Giving up on 192.0.2.9.",
     .remote = "192.0.2.9",
     .returned = "Return-Path: <s@example.test>\n"},
    {.label = "qmail's double bounce",
     .sender = "#@[]",
     .content = "Subject: failure notice\r\n\r\n"
                "Hi. This is the qmail-send program at mx.victim.test.\r\n\r\n"
                "<x@canary.test>:\r\nno\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED,
     .mta = "mx.victim.test",
     .recipient = "x@canary.test",
     .diagnostic = "no"},
    {.label = "qmail's words from a sender",
     .sender = "s@example.test",
     .content = "Subject: look\r\n\r\nHi. This is the qmail-send program at mx.victim.test.\r\n"},
    {.label = "free text of a mailer-daemon",
     .content = "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.victim.test>\r\n"
                "Subject: sorry\r\n\r\n"
                "Your message was not delivered.\r\n\r\n"
                "   ----- Original message follows -----\r\n\r\n" OURS "\r\nbody\r\n",
     .is_report = true,
     .words = true,
     .mta = "mx.victim.test",
     .returned = OURS},
    {.label = "free text that quotes our header",
     .content = "Subject: hello\r\n\r\nThis came:\r\n\r\n> " OURS,
     .is_report = true},
    {.label = "old Exim, no MIME",
     .content = "X-Failed-Recipients: x@canary.test\r\nAuto-Submitted: auto-replied\r\n"
                "From: Mail Delivery System <Mailer-Daemon@mx.victim.test>\r\n\r\n"
                "A message that you sent could not be delivered.\r\n\r\n"
                "------ This is a copy of the message, including all the headers. ------\r\n\r\n"
                "Return-path: <s@example.test>\r\n" OURS "\r\nbody\r\n",
     .is_report = true,
     .words = true,
     .mta = "mx.victim.test",
     .returned = "Return-path: <s@example.test>\r\n"},
    {.label = "free text with a reason",
     .content = "From: <MAILER-DAEMON@victim.test>\r\nSubject: Undeliverable\r\n\r\n"
                "To 10.5.1.1 and x@5.1.1.test:\r\n"
                "550 no\r\n"
                "x@canary.test: 550 5.1.10 no such user\r\n",
     .is_report = true,
     .words = true,
     .mta = "victim.test",
     .status = "5.1.10",
     .diagnostic = "x@canary.test: 550 5.1.10 no such user"},
    {.label = "free text with a reply code alone",
     .content = "Subject: Returned mail\r\n\r\nx@canary.test:\r\n  550 no\r\n  551 no\r\n",
     .is_report = true,
     .words = true,
     .diagnostic = "550 no"},
    {.label = "free text, a warning in the subject",
     .content = "From: MAILER-DAEMON@victim.test\r\nSubject: Warning: could not be sent\r\n\r\n"
                "4.4.1 not yet\r\n",
     .is_report = true},
    {.label = "free text, a warning in the text",
     .content = "From: MAILER-DAEMON@victim.test\r\nSubject: mail\r\n\r\n"
                "You do not need to resend your message.\r\n",
     .is_report = true},
    {.label = "a vacation reply with the null reverse-path",
     .content = "From: someone@victim.test\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n"
                "\r\n> " OURS,
     .is_report = true},
    {.label = "a mailer-daemon with a reverse-path",
     .sender = "MAILER-DAEMON@mx.victim.test",
     .content =
         "From: MAILER-DAEMON@mx.victim.test\r\nSubject: failure notice\r\n\r\nno\r\n\r\n" OURS,
     .is_report = true,
     .words = true,
     .mta = "mx.victim.test",
     .returned = OURS},
    {.label = "a mailer-daemon with a reverse-path and other news",
     .sender = "MAILER-DAEMON@mx.victim.test",
     .content = "From: MAILER-DAEMON@mx.victim.test\r\nSubject: hello\r\n\r\nno\r\n"},
    {.label = "somebody who writes of a failure notice",
     .sender = "someone@example.test",
     .content = "From: someone@example.test\r\nSubject: failure notice\r\n\r\nno\r\n"},
    {.label = "an out-of-office reply",
     .sender = "someone@example.test",
     .content = "From: someone@example.test\r\nSubject: Away\r\n"
                "Auto-Submitted: auto-replied\r\n\r\nbye\r\n",
     .is_report = true},
    {.label = "Auto-Submitted: no",
     .sender = "someone@example.test",
     .content = "Auto-Submitted: No (really)\r\nSubject: hello\r\n\r\nhello\r\n"},
    {.label = "a read receipt",
     .sender = "someone@example.test",
     .content =
         "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
         "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
         "Disposition: manual-action\r\n--b--\r\n",
     .is_report = true},
    {.label = "multipart/mixed with a delivery-status, null reverse-path",
     .content = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--\r\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED},
    {.label = "the same with a reverse-path is somebody's mail",
     .sender = "someone@example.test",
     .content = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--\r\n"},
    {.label = "ours, relayed with the null reverse-path",
     .content = "Received: from mx.victim.test\r\n" OURS
                "Content-Type: text/plain; charset=us-ascii\r\n\r\nThis message is a test\r\n"},
    {.label = "ours, relayed from a postmaster with the null reverse-path",
     .content = "From: relaylab open relay test <postmaster@victim.test>\r\n" OURS "\r\nbody\r\n"},
    {.label = "ours, relayed from a sender",
     .sender = "s@example.test",
     .content = OURS "\r\nbody\r\n"},
    {.label = "null reverse-path, nothing else", .content = "Subject: hello\r\n\r\nhello\r\n"},
    {.label = "nothing at all", .content = ""},
    {.label = "report without a boundary",
     .content = "Content-Type: multipart/report\r\n\r\n--\r\nAction: failed\r\n",
     .is_report = true},
    {.label = "report with an unclosed boundary",
     .content = "Content-Type: multipart/report; boundary=\"b\r\n\r\n--b\r\n",
     .is_report = true},
    {.label = "report whose boundary is never met",
     .content = "Content-Type: multipart/report; boundary=b\r\n\r\nAction: failed\r\n",
     .is_report = true},
    {.label = "report with an action that nobody knows",
     .content = "Content-Type: multipart/report; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                "Reporting-MTA:\r\n\r\nFinal-Recipient:;\r\nAction: lost\r\nStatus:\r\n--b--",
     .is_report = true,
     .is_dsn = true},
    {.label = "qmail cut short",
     .content = "\r\nHi. This is the",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED},
    {.label = "qmail with an empty recipient",
     .content = "\nHi. This is the qmail-send program at .\n\n<>:\n\n",
     .is_report = true,
     .is_dsn = true,
     .action = DSN_FAILED},
};

static bool same(struct span s, const char *text)
{
    return span_equal(s, span_of(text));
}

static void check_row(const struct row *row)
{
    size_t len = strlen(row->content);
    char *exact = malloc(len > 0 ? len : 1); /* so that a byte too far is seen */
    struct dsn_report r;
    memcpy(exact, row->content, len);
    dsn_read(span_of(row->sender), (struct span){exact, len}, &r);
    if (r.failed_in_words != row->words)
        fail_msg("%s: in words %d", row->label, r.failed_in_words);
    if (r.is_report != row->is_report || r.is_dsn != row->is_dsn || r.action != row->action)
        fail_msg("%s: %d %d %s", row->label, r.is_report, r.is_dsn, dsn_action_name(r.action));
    if (!same(r.reporting_mta, row->mta) || !same(r.remote_mta, row->remote))
        fail_msg("%s: mta %.*s, remote %.*s", row->label, (int)r.reporting_mta.len,
                 r.reporting_mta.ptr, (int)r.remote_mta.len, r.remote_mta.ptr);
    if (!same(r.final_recipient, row->recipient) || !same(r.status, row->status))
        fail_msg("%s: recipient %.*s, status %.*s", row->label, (int)r.final_recipient.len,
                 r.final_recipient.ptr, (int)r.status.len, r.status.ptr);
    if (!same(r.diagnostic, row->diagnostic))
        fail_msg("%s: diagnostic %.*s", row->label, (int)r.diagnostic.len, r.diagnostic.ptr);
    if ((r.returned.len > 0) != (row->returned != NULL) ||
        !span_starts(r.returned, span_of(row->returned)))
        fail_msg("%s: returned %.*s", row->label, (int)r.returned.len, r.returned.ptr);
    free(exact);
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        check_row(&ROWS[i]);
}

/* Every report cut off anywhere: nothing is promised but that reading stays within it. */
static void test_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        size_t len = strlen(ROWS[i].content);
        for (size_t cut = 0; cut <= len; cut++) {
            char *exact = malloc(cut > 0 ? cut : 1);
            struct dsn_report r;
            memcpy(exact, ROWS[i].content, cut);
            dsn_read(span_of(ROWS[i].sender), (struct span){exact, cut}, &r);
            assert_true(r.returned.len <= cut);
            free(exact);
        }
    }
}

static struct dsn_write ordinary(void)
{
    return (struct dsn_write){
        .reporting_mta = SPAN("mx.victim.test"),
        .to = SPAN("s@example.test"),
        .failed_recipient = SPAN("x@canary.test"),
        .status = SPAN("5.1.1"),
        .diagnostic = SPAN("550 5.1.1 no such user"),
        .remote_mta = SPAN("mx.canary.test"),
        .original = SPAN(OURS "\r\nsecret body\r\n"),
        .queue_id = SPAN("4A1"),
        .epoch_s = 1795502520,
    };
}

static void test_written_is_read(void **state)
{
    char memory[4096];
    struct strbuf out;
    struct dsn_report r;
    struct dsn_write d = ordinary();
    struct span headers, body, value;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    dsn_write(&out, &d);
    assert_false(out.truncated);
    dsn_read(SPAN(""), strbuf_span(&out), &r);
    assert_true(r.is_report && r.is_dsn);
    assert_int_equal(r.action, DSN_FAILED);
    assert_true(span_equal(r.reporting_mta, d.reporting_mta));
    assert_true(span_equal(r.final_recipient, d.failed_recipient));
    assert_true(span_equal(r.status, d.status));
    assert_true(span_equal(r.diagnostic, d.diagnostic));
    assert_true(span_equal(r.remote_mta, d.remote_mta));
    assert_true(span_starts(r.returned, SPAN(OURS)));
    assert_int_equal(span_find(strbuf_span(&out), SPAN("secret body")), SIZE_MAX);
    mail_split(strbuf_span(&out), &headers, &body);
    assert_int_equal(mail_header_count(headers, SPAN(MAIL_TOKEN_HEADER)), 0);
    assert_true(mail_header(headers, SPAN("To"), 0, &value, NULL));
    assert_true(span_equal(value, SPAN("<s@example.test>")));
    for (size_t i = 0; i < out.len; i++)
        if (memory[i] == '\n')
            assert_true(i > 0 && memory[i - 1] == '\r');
}

static void test_written_sparely(void **state)
{
    static const struct {
        const char *label;
        struct span original;
    } rows[] = {
        {"no message", {NULL, 0}},
        {"no empty line", {"Subject: a", 10}},
        {"no header", {"\r\nbody", 6}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char memory[4096];
        struct strbuf out;
        struct dsn_report r;
        struct dsn_write d = ordinary();
        d.original = rows[i].original;
        d.status = d.diagnostic = d.remote_mta = SPAN("");
        d.failed_recipient = SPAN("x@canary.test\r\nAction: delivered");
        strbuf_init(&out, memory, sizeof memory);
        dsn_write(&out, &d);
        dsn_read(SPAN(""), strbuf_span(&out), &r);
        if (!r.is_dsn || r.action != DSN_FAILED || !same(r.status, "5.0.0") ||
            r.remote_mta.len > 0 || r.diagnostic.len > 0)
            fail_msg("%s", rows[i].label);
        if (!span_iends(strbuf_span(&out), SPAN("\r\n--relaylab.4A1.1795502520--\r\n")))
            fail_msg("%s", rows[i].label);
    }
}

static void test_action_names(void **state)
{
    (void)state;
    assert_string_equal(dsn_action_name(DSN_NONE), "none");
    assert_string_equal(dsn_action_name(DSN_EXPANDED), "expanded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_written_sparely),
        cmocka_unit_test(test_action_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
