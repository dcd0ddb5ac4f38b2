/* Small parsers of lib/base: endpoints, networks, durations, tokens, globs; and JSON, which must
   come out valid. */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/endpoint.h"
#include "lib/base/json.h"
#include "lib/base/token.h"
#include "tests/fuzz/fuzz.h"

/* What is printed must be read back as the same value. */
static void endpoints(struct span text)
{
    char memory[128];
    struct strbuf out;
    struct endpoint e, again;
    struct network n;
    strbuf_init(&out, memory, sizeof memory);
    if (endpoint_parse(text, true, &e)) {
        endpoint_print(&out, &e);
        FUZZ_CHECK(endpoint_parse(strbuf_span(&out), true, &again) && endpoint_equal(&e, &again));
        endpoint_scope(&e);
    }
    if (network_parse(text, &n)) {
        FUZZ_CHECK(network_contains(&n, &n.base));
    }
    strbuf_reset(&out);
    if (endpoint_parse_address(text, &e)) {
        endpoint_print_literal(&out, &e);
        endpoint_print_address(&out, &e);
    }
}

static void durations(struct span text)
{
    char memory[64];
    struct strbuf out;
    int64_t ns = 0, again = 0;
    strbuf_init(&out, memory, sizeof memory);
    if (clock_parse(text, &ns)) {
        FUZZ_CHECK(ns >= 0 && ns <= CLOCK_DURATION_MAX);
        clock_print(&out, ns);
        FUZZ_CHECK(clock_parse(strbuf_span(&out), &again) && again == ns);
        clock_print_human(&out, ns);
    }
}

static void dates(struct span text)
{
    char memory[128];
    struct strbuf out;
    int64_t epoch_s = 0;
    for (size_t i = 0; i < text.len && i < 7; i++) {
        epoch_s = epoch_s * 256 + (unsigned char)text.ptr[i];
    }
    strbuf_init(&out, memory, sizeof memory);
    clock_print_rfc5322(&out, epoch_s);
    clock_print_rfc3339(&out, epoch_s);
    FUZZ_CHECK(!out.truncated);
    FUZZ_CHECK(clock_after(epoch_s, CLOCK_NEVER) == CLOCK_NEVER);
}

static void printing(struct span text)
{
    static char memory[65536];
    struct strbuf out;
    struct json j;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_text(&j, "key", text);
    json_open(&j, "list", '[');
    json_int(&j, NULL, -(int64_t)text.len);
    json_bool(&j, NULL, text.len > 3);
    json_string(&j, NULL, NULL);
    json_null(&j, NULL);
    json_close(&j);
    json_close(&j);
    FUZZ_CHECK(out.truncated || (out.len >= 10 && out.ptr[out.len - 1] == '}'));
    for (size_t i = 0; i < out.len; i++) {
        FUZZ_CHECK((unsigned char)out.ptr[i] >= ' ');
    }
    strbuf_reset(&out);
    strbuf_add_visible(&out, text);
    for (size_t i = 0; i < out.len; i++) {
        FUZZ_CHECK(out.ptr[i] >= ' ' && out.ptr[i] <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    uint64_t value;
    size_t at = token_find(text, 0);
    FUZZ_CHECK(at == SIZE_MAX || at + TOKEN_LEN <= size);
    span_uint(text, 1000, &value);
    span_glob(text, span_to(text, size / 2));
    FUZZ_CHECK(span_find(text, span_from(text, size / 2)) != SIZE_MAX);
    endpoints(text);
    durations(text);
    dates(text);
    printing(text);
    return 0;
}
