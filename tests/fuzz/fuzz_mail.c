/* Headers and reports: spans stay inside, and a report never depends on what is behind its end. */
#include "lib/smtp/dsn.h"
#include "tests/fuzz/fuzz.h"

static void inside(struct span part, struct span whole)
{
    if (part.len > 0) {
        FUZZ_CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
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
    for (unsigned i = 0; i < 1000 && mail_header(headers, SPAN("Received"), next, &value, &next); i++) {
        inside(value, headers);
        FUZZ_CHECK(next <= headers.len);
    }
    mail_header_count(headers, SPAN("Subject"));
    for (int null_sender = 0; null_sender < 2; null_sender++) {
        dsn_read(null_sender ? SPAN("") : SPAN("a@canary.test"), content, &report);
        inside(report.reporting_mta, content);
        inside(report.final_recipient, content);
        inside(report.status, content);
        inside(report.diagnostic, content);
        inside(report.remote_mta, content);
        inside(report.returned, content);
        FUZZ_CHECK(!report.is_dsn || report.is_report);
    }
    return 0;
}
