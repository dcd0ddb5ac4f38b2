/*
 * test_mail.c - header sections, and the probe's message
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/smtp/mail.h"

#include <string.h>

static void test_split(void **state)
{
    static const struct {
        const char *label, *content, *headers, *body;
    } rows[] = {
        {"CRLF", "A: 1\r\nB: 2\r\n\r\nbody\r\n", "A: 1\r\nB: 2\r\n", "body\r\n"},
        {"LF", "A: 1\n\nbody\n", "A: 1\n", "body\n"},
        {"mixed", "A: 1\n\r\nbody", "A: 1\n", "body"},
        {"the first empty line counts", "A: 1\n\n\nbody", "A: 1\n", "\nbody"},
        {"no body", "A: 1\r\n\r\n", "A: 1\r\n", ""},
        {"no empty line", "A: 1\r\nB: 2", "A: 1\r\nB: 2", ""},
        {"no headers", "\r\nbody", "", "body"},
        {"nothing", "", "", ""},
        {"a line of blanks is no empty line", "A: 1\n \nB: 2\n\nb", "A: 1\n \nB: 2\n", "b"},
        {"bare CR is no empty line", "A: 1\n\rB\n\nb", "A: 1\n\rB\n", "b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span headers, body;
        mail_split(span_of(rows[i].content), &headers, &body);
        if (!span_equal(headers, span_of(rows[i].headers)) ||
            !span_equal(body, span_of(rows[i].body)))
            fail_msg("%s", rows[i].label);
    }
}

static void test_header(void **state)
{
    static const char headers[] =
        "From somebody Mon Jan  1\n"
        "Subject:  a test \r\n"
        "Received: one\r\n\tby two\r\n for three\r\n"
        "no field at all\r\n"
        "X-Empty:\r\n"
        "Old : yes\r\n"
        "Subjective: no\r\n"
        "RECEIVED: again\r\n"
        "Last: here";
    static const struct {
        const char *name, *value; /* NULL: absent */
    } rows[] = {
        {"Subject", "a test"},
        {"subject", "a test"},
        {"Received", "one\r\n\tby two\r\n for three"},
        {"X-Empty", ""},
        {"Old", "yes"},
        {"Subj", NULL},
        {"Last", "here"},
        {"From", NULL},
        {"by two", NULL},
        {"Absent", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span value;
        bool found = mail_header(SPAN(headers), span_of(rows[i].name), 0, &value, NULL);
        if (found != (rows[i].value != NULL) ||
            (found && !span_equal(value, span_of(rows[i].value))))
            fail_msg("%s", rows[i].name);
    }
    assert_int_equal(mail_header_count(SPAN(headers), SPAN("Received")), 2);
    assert_int_equal(mail_header_count(SPAN(headers), SPAN("Absent")), 0);
    assert_int_equal(mail_header_count(span_of(NULL), SPAN("Received")), 0);
}

static void test_header_goes_on(void **state)
{
    struct span headers = SPAN("A: 1\r\nB: 2\r\nA: 3\r\n"), value;
    size_t next = 0;
    (void)state;
    assert_true(mail_header(headers, SPAN("A"), next, &value, &next));
    assert_true(span_equal(value, SPAN("1")));
    assert_true(mail_header(headers, SPAN("A"), next, &value, &next));
    assert_true(span_equal(value, SPAN("3")));
    assert_false(mail_header(headers, SPAN("A"), next, &value, &next));
}

static const struct token TOKEN = {"abcdefghijklmn27"};

static struct mail_probe polite(void)
{
    return (struct mail_probe){
        .from = SPAN("probe@example.test"),
        .to = SPAN("r-abcdefghijklmn27@canary.test"),
        .form_id = SPAN("S1-R1"),
        .target = SPAN("192.0.2.1:25"),
        .helo = SPAN("probe.example.test"),
        .contact = SPAN("postmaster@example.test"),
        .token = &TOKEN,
        .attempt = 2,
        .epoch_s = 1795502520,
    };
}

static void test_probe_fields(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"Date", "Tue, 24 Nov 2026 06:42:00 +0000"},
        {"From", "relaylab open relay test <probe@example.test>"},
        {"To", "<r-abcdefghijklmn27@canary.test>"},
        {"Subject", "Open relay test S1-R1, token abcdefghijklmn27"},
        {"Message-ID", "<abcdefghijklmn27.2.S1-R1@probe.example.test>"},
        {"MIME-Version", "1.0"},
        {"Content-Type", "text/plain; charset=us-ascii"},
        {MAIL_TOKEN_HEADER, "abcdefghijklmn27"},
        {MAIL_FORM_HEADER, "S1-R1"},
        {"X-Relaylab-Attempt", "2"},
        {"X-Relaylab-Target", "192.0.2.1:25"},
        {"X-Relaylab-Contact", "postmaster@example.test"},
    };
    char memory[4096];
    struct strbuf out;
    struct mail_probe p = polite();
    struct span headers, body, value;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    mail_write_probe(&out, &p);
    mail_split(strbuf_span(&out), &headers, &body);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!mail_header(headers, span_of(rows[i].name), 0, &value, NULL) ||
            !span_equal(value, span_of(rows[i].value)))
            fail_msg("%s", rows[i].name);
        assert_int_equal(mail_header_count(headers, span_of(rows[i].name)), 1);
    }
    assert_false(mail_header(headers, SPAN("Auto-Submitted"), 0, &value, NULL));
    assert_int_not_equal(span_find(body, span_of(TOKEN.text)), SIZE_MAX);
    assert_int_not_equal(span_find(body, SPAN("postmaster@example.test")), SIZE_MAX);
    assert_int_not_equal(span_find(body, SPAN("192.0.2.1:25")), SIZE_MAX);
}

/* Every line ends in CRLF, has no other CR, and keeps below `longest` characters. */
static void check_lines(struct span text, size_t longest)
{
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            assert_true(i > 0 && text.ptr[i - 1] == '\r');
            column = 0;
        } else if (c == '\r') {
            assert_true(i + 1 < text.len && text.ptr[i + 1] == '\n');
        } else {
            assert_in_range(c, ' ', '~');
            assert_true(++column < longest);
        }
    }
    assert_int_equal(column, 0);
}

static void test_probe_lines(void **state)
{
    char memory[4096];
    struct strbuf out;
    struct mail_probe p = polite();
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    mail_write_probe(&out, &p);
    assert_false(out.truncated);
    check_lines(strbuf_span(&out), 78);
    p.contact = SPAN("");
    strbuf_reset(&out);
    mail_write_probe(&out, &p);
    check_lines(strbuf_span(&out), 78);
    assert_int_equal(span_find(strbuf_span(&out), SPAN("X-Relaylab-Contact")), SIZE_MAX);
}

/* What a case file puts in cannot add fields or leave ASCII. */
static void test_probe_hostile(void **state)
{
    char memory[4096];
    struct strbuf out;
    struct mail_probe p = polite();
    struct span headers, body;
    (void)state;
    p.form_id = SPAN("S1\r\nBcc: a@example.test\r\n");
    p.target = SPAN("\xc3\xa4\0\r\n\r\n.\r\n");
    p.to = SPAN("a>\r\nX-Evil: 1");
    p.contact = SPAN("\n\n.\nQUIT\n");
    strbuf_init(&out, memory, sizeof memory);
    mail_write_probe(&out, &p);
    check_lines(strbuf_span(&out), 998);
    mail_split(strbuf_span(&out), &headers, &body);
    assert_int_equal(mail_header_count(headers, SPAN("Bcc")), 0);
    assert_int_equal(mail_header_count(headers, SPAN("X-Evil")), 0);
    assert_int_equal(span_find(strbuf_span(&out), SPAN("\r\n.")), SIZE_MAX);
}

static void test_probe_truncation(void **state)
{
    char memory[100];
    struct strbuf out;
    struct mail_probe p = polite();
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    mail_write_probe(&out, &p);
    assert_true(out.truncated);
    assert_int_equal(out.len, sizeof memory - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_goes_on),
        cmocka_unit_test(test_probe_fields),
        cmocka_unit_test(test_probe_lines),
        cmocka_unit_test(test_probe_hostile),
        cmocka_unit_test(test_probe_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
