/*
 * test_stored.c - envelopes read back from what mailbox servers write on top of a message
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "probe/home/stored.h"

#define REST "Subject: x\r\n\r\nDelivered-To: body@canary.test\r\n"

static const struct row {
    const char *label;
    const char *content;
    const char *sender; /* NULL: not known */
    const char *recipients;
} rows[] = {
    {"Postfix virtual",
     "Return-Path: <a@victim.test>\r\nX-Original-To: t1@canary.test\r\n"
     "Delivered-To: box@canary.test\r\n"
     "Received: from x by y (Postfix) with ESMTP id 1\r\n\tfor <t1@canary.test>; Tue\r\n" REST,
     "a@victim.test", "box@canary.test t1@canary.test"},
    {"Dovecot LMTP",
     "Return-Path: <>\r\nDelivered-To: t1@canary.test\r\nReceived: from mx.canary.test\r\n"
     "\tby mx.canary.test with LMTP\r\n\tid x\r\n\t(envelope-from <>)\r\n"
     "\tfor <t1@canary.test>; Tue, 24 Nov 2026\r\n" REST,
     "", "t1@canary.test"},
    {"Exim appendfile",
     "Return-path: <a@b.test>\nEnvelope-to: t1@canary.test\nDelivery-date: Tue\n"
     "Received: from x by y with smtp (Exim 4)\n\tid 1; Tue\nSubject: x\n\nbody\n",
     "a@b.test", "t1@canary.test"},
    {"qmail without brackets", "Return-Path: <a@b.test>\nDelivered-To: t1@canary.test\n\n",
     "a@b.test", "t1@canary.test"},
    {"a provider that puts Received above Return-Path",
     "Delivered-To: t1@canary.test\r\nReceived: by 2002:a05; Tue\r\nReturn-Path: <a@b.test>\r\n"
     "Received: from evil for <evil@canary.test>; Tue\r\n" REST,
     "a@b.test", "t1@canary.test"},
    {"only the Received field tells",
     "Received: from x by y for <t1@canary.test>; Tue\r\nReceived: from z for <t2@canary.test>; "
     "x\r\n" REST,
     NULL, "t1@canary.test"},
    {"fields below the first Received are anybody's",
     "Received: from x by y; Tue\r\nDelivered-To: t1@canary.test\r\nX-Original-To: t2@c.test\r\n"
     "Envelope-To: t3@c.test\r\n" REST,
     NULL, ""},
    {"no header at all", "\r\nDelivered-To: t1@canary.test\r\n", NULL, ""},
    {"nothing", "", NULL, ""},
    {"mbox", "From a@victim.test Tue Nov 24 06:42:00 2026\nDelivered-To: t1@canary.test\n\nbody\n",
     "a@victim.test", "t1@canary.test"},
    {"mbox, null reverse-path", "From MAILER-DAEMON Tue Nov 24\nTo: x\n\n", "", ""},
    {"mbox, Return-Path is nearer", "From postmaster@here Tue\nReturn-Path: <a@b.test>\nTo: x\n\n",
     "a@b.test", ""},
    {"the first Return-Path counts", "Return-Path: <>\r\nReturn-Path: <a@b.test>\r\n" REST, "", ""},
    {"the same recipient twice",
     "Delivered-To: t1@canary.test\r\nX-Original-To: t1@canary.test\r\n" REST, NULL,
     "t1@canary.test"},
    {"empty values", "Return-Path:\r\nDelivered-To:\r\nX-Original-To: <>\r\n" REST, "", ""},
    {"a comment behind the address", "Delivered-To: t1@canary.test (box)\r\n" REST, NULL,
     "t1@canary.test"},
    {"folded", "Delivered-To:\r\n <t1@canary.test>\r\n" REST, NULL, "t1@canary.test"},
    {"a bracket that does not end", "Delivered-To: <t1@canary.test\r\n" REST, NULL,
     "t1@canary.test"},
    {"before is no for", "Received: therefor <t1@canary.test>; x\r\n" REST, NULL, ""},
    {"a date that says for", "Received: by y; for <t1@canary.test>\r\n" REST, NULL, ""},
};

static void check(const struct row *row)
{
    struct stored_mail m;
    char memory[512];
    struct strbuf all;

    stored_read(&m, span_of(row->content));
    assert_int_equal(m.sender_known, row->sender != NULL);
    assert_true(span_equal(m.view.sender, span_of(row->sender == NULL ? "" : row->sender)));
    strbuf_init(&all, memory, sizeof memory);
    for (size_t i = 0; i < m.view.recipient_count; i++) {
        if (i > 0)
            strbuf_addc(&all, ' ');
        strbuf_add(&all, m.view.recipients[i]);
    }
    assert_string_equal(memory, row->recipients);
    assert_true(span_equal(m.view.content, span_of(row->content)));
}

static void envelopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].label);
        check(&rows[i]);
    }
}

/* Cut off anywhere, in memory of that very size: nothing is read behind its end. */
static void cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t len = 0; len <= strlen(rows[i].content); len++) {
            struct stored_mail m;
            char *copy = malloc(len + 1);

            assert_non_null(copy);
            memcpy(copy + 1, rows[i].content, len);
            stored_read(&m, (struct span){copy + 1, len});
            assert_true(m.view.recipient_count <= STORED_RCPT_MAX);
            free(copy);
        }
}

static void more_recipients_than_are_kept(void **state)
{
    char memory[4096];
    struct strbuf text;
    struct stored_mail m;

    (void)state;
    strbuf_init(&text, memory, sizeof memory);
    for (unsigned i = 0; i < 2 * STORED_RCPT_MAX; i++)
        strbuf_addf(&text, "Delivered-To: t%u@canary.test\r\n", i);
    stored_read(&m, strbuf_span(&text));
    assert_int_equal(m.view.recipient_count, STORED_RCPT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),
        cmocka_unit_test(cut_off_anywhere),
        cmocka_unit_test(more_recipients_than_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
