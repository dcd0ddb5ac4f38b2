/* The reply reader: whole, and cut in two at a place the input chooses, must give the same reply.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/reply.h"
#include "probe/ask/answers.h"
#include "tests/fuzz/fuzz.h"

static void feed(struct reply_reader *r, const char *data, size_t len)
{
    size_t n = reply_reader_feed(r, data, len);
    FUZZ_CHECK(n <= len);
    FUZZ_CHECK(r->reply.text_len <= REPLY_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reply_reader whole, cut;
    if (size < 2) {
        return 0;
    }
    size_t at = (size_t)(data[0] | data[1] << 8) % (size - 1);
    const char *text = (const char *)data + 2;
    size -= 2;
    at = at > size ? size : at;
    reply_reader_reset(&whole);
    reply_reader_reset(&cut);
    feed(&whole, text, size);
    feed(&cut, text, at);
    feed(&cut, text + at, size - at);
    FUZZ_CHECK(whole.status == cut.status);
    FUZZ_CHECK(whole.reply.bytes == cut.reply.bytes);
    FUZZ_CHECK(whole.reply.text_len == cut.reply.text_len);
    FUZZ_CHECK(memcmp(whole.reply.text, cut.reply.text, whole.reply.text_len) == 0);
    FUZZ_CHECK(memcmp(whole.reply.enhanced, cut.reply.enhanced, sizeof whole.reply.enhanced) == 0);
    if (whole.status == REPLY_COMPLETE) {
        char memory[8192];
        struct strbuf out;
        struct span params;
        strbuf_init(&out, memory, sizeof memory);
        reply_print(&out, &whole.reply);
        reply_ehlo_keyword(&whole.reply, SPAN("SIZE"), &params);
        reply_line(&whole.reply, whole.reply.line_count);
        for (int step = 0; step < STEP_COUNT; step++) {
            answer_judge((enum smtp_step)step, &whole.reply);
        }
        answer_retry_seconds(&whole.reply);
    }
    return 0;
}
