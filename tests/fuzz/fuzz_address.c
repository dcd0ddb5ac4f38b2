/* Paths, mailboxes, domains, literals: every span stays inside the input; unwrapping gives
   something that parses. */
#include "lib/smtp/address_decode.h"
#include "tests/fuzz/fuzz.h"

static void inside(struct span part, struct span whole)
{
    if (part.len > 0) {
        FUZZ_CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
    }
}

static bool is_local(const void *self, struct span domain)
{
    (void)self;
    return span_iequal(domain, SPAN("d.test"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char memory[512];
    struct strbuf out;
    struct span local, domain, text = {(const char *)data, size};
    struct endpoint e;
    const char *why = NULL;
    size_t column = 0;
    struct address a = address_parse(text);
    inside(a.path, text);
    inside(a.route, text);
    inside(a.local, text);
    inside(a.domain, text);
    inside(a.params, text);
    strbuf_init(&out, memory, sizeof memory);
    if (a.valid && address_unwrap(&a, &out)) {
        FUZZ_CHECK(out.len < sizeof memory);
    }
    static const struct address_locals locals = {is_local, NULL};
    strbuf_reset(&out);
    if (address_decode(&a, &locals, &out)) {
        FUZZ_CHECK(a.valid && out.len > 0 && !out.truncated);
    }
    if (!address_check_mailbox(text, &local, &domain, &why, &column)) {
        FUZZ_CHECK(why && column <= size);
    }
    if (!address_check_domain(text, &why, &column)) {
        FUZZ_CHECK(why && column <= size);
    }
    address_literal(text, &e);
    return 0;
}
