/* POP3 and IMAP: up to three tasks in one session, each with a part of the input as what the server
 * says; whole, and cut in two, it must come to the same. */
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/talk.h"
#include "tests/fuzz/fuzz.h"

enum { CONTENT_MAX = 256, HINTS_MAX = 16 };

struct side {
    struct talk talk;
    uint64_t seen; /* a sum over the entries, in order */
    char content[CONTENT_MAX];
    uint32_t hints[HINTS_MAX];
};

static void on_entry(void *self, struct span uid, uint64_t size)
{
    struct side *s = self;
    FUZZ_CHECK(uid.len > 0 && uid.len <= MAILBOX_UID_MAX && size == 0);
    for (size_t i = 0; i < uid.len; i++)
        s->seen = s->seen * 31 + (unsigned char)uid.ptr[i];
}

static void begin(struct side *s, enum talk_protocol protocol)
{
    struct talk_config config = {
        .protocol = protocol,
        .folder = SPAN("INBOX"),
        .entry = on_entry,
        .self = s,
        .content = s->content,
        .content_cap = CONTENT_MAX,
        .hints = s->hints,
        .hint_cap = HINTS_MAX};
    s->seen = 0;
    talk_init(&s->talk, &config);
}

static void check_same(const struct side *a, const struct side *b)
{
    FUZZ_CHECK(a->talk.done == b->talk.done && a->talk.busy == b->talk.busy);
    FUZZ_CHECK(a->talk.broken == b->talk.broken && a->talk.status == b->talk.status);
    FUZZ_CHECK(strcmp(a->talk.why, b->talk.why) == 0 && a->seen == b->seen);
    FUZZ_CHECK(span_equal(strbuf_span(&a->talk.out), strbuf_span(&b->talk.out)));
    FUZZ_CHECK(a->talk.content_len == b->talk.content_len && a->talk.content_len <= CONTENT_MAX);
    FUZZ_CHECK(memcmp(a->content, b->content, a->talk.content_len) == 0);
    FUZZ_CHECK(!a->talk.out.truncated);
}

static void play(struct side *whole, struct side *cut, struct span bytes, size_t at)
{
    talk_feed(&whole->talk, bytes);
    talk_feed(&cut->talk, span_to(bytes, at));
    talk_feed(&cut->talk, span_from(bytes, at));
    check_same(whole, cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct side whole, cut;
    if (size < 2)
        return 0;
    enum talk_protocol protocol = (data[0] & 1) != 0 ? TALK_IMAP : TALK_POP3;
    struct span uid = protocol == TALK_IMAP ? SPAN("7.42") : SPAN("aa"), part;
    struct span rest = {(const char *)data + 2, size - 2};
    begin(&whole, protocol);
    begin(&cut, protocol);
    for (unsigned task = data[0] >> 1 & 3; task < 3 && !whole.talk.broken; task++) {
        if (!span_cut(&rest, '\0', &part))
            break;
        strbuf_reset(&whole.talk.out);
        strbuf_reset(&cut.talk.out);
        talk_begin(&whole.talk, (enum talk_task)task, uid);
        talk_begin(&cut.talk, (enum talk_task)task, uid);
        play(&whole, &cut, part, part.len == 0 ? 0 : data[1] % part.len);
        if (!whole.talk.done)
            break;
    }
    return 0;
}
