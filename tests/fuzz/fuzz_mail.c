/* Headers and reports: spans stay inside, and a report never depends on what is behind its end. */
#include "lib/smtp/dsn.h"
#include "lib/smtp/received.h"
#include "tests/fuzz/fuzz.h"

static void inside(struct span part, struct span whole)
{
    if (part.len > 0) {
        FUZZ_CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
    }
}

/* What is written from any text must be read back: one header section, the token where it belongs.
 */
static void write_and_read(struct span text)
{
    static char memory[32768];
    static const struct token token = {"abcdefghijklmnop"};
    struct strbuf out;
    struct span headers, body, value;
    struct dsn_report report;
    struct mail_probe p = {.from = text,
                           .to = span_to(text, 40),
                           .form_id = span_to(text, 10),
                           .target = text,
                           .helo = span_to(text, 60),
                           .contact = text,
                           .token = &token,
                           .attempt = 2,
                           .epoch_s = (int64_t)text.len * 1000003};
    strbuf_init(&out, memory, sizeof memory);
    mail_write_probe(&out, &p);
    mail_split(strbuf_span(&out), &headers, &body);
    FUZZ_CHECK(out.truncated || (mail_header(headers, SPAN(MAIL_TOKEN_HEADER), 0, &value, NULL) &&
                                 token_equal(&token, value)));
    strbuf_reset(&out);
    struct dsn_write d = {.reporting_mta = SPAN("mx.victim.test"),
                          .to = SPAN("p@canary.test"),
                          .failed_recipient = span_to(text, 50),
                          .status = SPAN("5.1.1"),
                          .diagnostic = text,
                          .remote_mta = span_to(text, 20),
                          .original = text,
                          .queue_id = SPAN("1"),
                          .epoch_s = 1};
    dsn_write(&out, &d);
    dsn_read(SPAN(""), strbuf_span(&out), &report);
    FUZZ_CHECK(out.truncated ||
               (report.is_dsn && report.action == DSN_FAILED && dsn_action_name(report.action)));
}

static void look_at_trace(struct span headers)
{
    struct received r;
    size_t at = 0;
    for (unsigned i = 0; i < 1000 && received_next(headers, &at, &r); i++) {
        inside(r.from, headers);
        inside(r.address, headers);
        inside(r.by, headers);
        inside(r.with, headers);
        inside(r.date, headers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span content = {(const char *)data, size}, headers, body, value;
    struct dsn_report report;
    size_t next = 0;
    mail_split(content, &headers, &body);
    inside(headers, content);
    inside(body, content);
    for (unsigned i = 0; i < 1000 && mail_header(headers, SPAN("Received"), next, &value, &next);
         i++) {
        inside(value, headers);
        FUZZ_CHECK(next <= headers.len);
    }
    look_at_trace(headers);
    mail_header_count(headers, SPAN("Subject"));
    write_and_read(content);
    for (int null_sender = 0; null_sender < 2; null_sender++) {
        dsn_read(null_sender ? SPAN("") : SPAN("a@canary.test"), content, &report);
        inside(report.reporting_mta, content);
        inside(report.final_recipient, content);
        inside(report.status, content);
        inside(report.diagnostic, content);
        inside(report.remote_mta, content);
        inside(report.returned, content);
        inside(report.words, content);
        FUZZ_CHECK(!report.is_dsn || report.is_report);
    }
    return 0;
}
