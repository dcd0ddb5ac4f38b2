/* The server machine: the same bytes whole and cut in two must give the same replies and the same
   message. */
#include <string.h>

#include "lib/smtp/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/pump.h"

/* Orders that the policy gives in turn; the first byte of the input says how many commands pass
   between two. */
static const struct wire_shape shapes[] = {
    {.segment = WIRE_PER_LINE},
    {.segment = WIRE_PER_BYTE, .gap_ns = CLOCK_MS},
    {.segment = WIRE_SPLIT_CRLF},
    {.segment = WIRE_BYTES, .bytes = 3},
    {.eol = EOL_LF},
    {.eol = EOL_CR},
    {.eol = EOL_NONE},
};
static const struct smtp_action orders[] = {
    {.wire = &shapes[0]}, {.wire = &shapes[1]}, {.wire = &shapes[2]}, {.wire = &shapes[3]},
    {.wire = &shapes[4]}, {.wire = &shapes[5]}, {.wire = &shapes[6]}, {.delay_ns = CLOCK_SECOND},
    {.no_reply = true},   {.pending = true},    {.more = true},       {.then = THEN_HALF_CLOSE},
    {.then = THEN_STALL}, {.then = THEN_RESET}, {.then = THEN_CLOSE}, {.then = THEN_DEAF},
};

struct record {
    uint64_t hash; /* of everything the policy saw */
    unsigned every, count, more_left;
    struct smtp_server server;
    struct pump pump;
};

static void mix(struct record *r, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        r->hash = (r->hash ^ (unsigned char)bytes.ptr[i]) * 1099511628211u;
    }
}

static void decide(void *self, struct smtp_server *s, const struct smtp_command *cmd,
                   struct smtp_action *action)
{
    struct record *r = self;
    (void)s;
    if (r->every > 0 && !cmd->retry && ++r->count % r->every == 0) {
        struct strbuf *reply = action->reply;
        *action = orders[(r->count / r->every + r->every) % (sizeof orders / sizeof *orders)];
        action->reply = reply;
        r->more_left = 3;
        if (!action->pending) {
            smtp_server_reply(action, cmd->at == AT_DATA ? 354 : 250, "2.0.0",
                              SPAN("two\nlines \x01"));
        }
    }
    mix(r, cmd->overlong ? SPAN("overlong") : cmd->line);
    mix(r, cmd->arg);
    mix(r, cmd->path.domain);
    r->hash += (uint64_t)cmd->at + cmd->size + (uint64_t)cmd->proposal;
}

static void body(void *self, struct smtp_server *s, struct span piece)
{
    (void)s;
    mix(self, piece);
}

static void closed(void *self, struct smtp_server *s, const char *how)
{
    (void)s;
    mix(self, span_of(how));
}

static bool more(void *self, struct smtp_server *s, struct strbuf *out)
{
    struct record *r = self;
    (void)s;
    strbuf_adds(out, "250 more\r\n");
    return --r->more_left > 0;
}

static void replied(void *self, struct smtp_server *s, struct span bytes)
{
    (void)s;
    mix(self, bytes);
}

static const struct smtp_policy policy = {
    .decide = decide, .body = body, .more = more, .replied = replied, .closed = closed};

/* Feeds, and lets a short time pass where the machine waits for it. */
static void feed(struct record *r, const char *bytes, size_t len)
{
    pump_feed(&r->pump, bytes, len);
    for (int i = 0; i < 4000; i++) {
        if (r->server.pending) {
            smtp_server_resume(&r->server);
        } else if (r->server.release_at_ns <= r->pump.now_ns) {
            break;
        }
        r->pump.now_ns = r->server.release_at_ns > r->pump.now_ns ? r->server.release_at_ns
                                                                  : r->pump.now_ns;
        pump_run(&r->pump);
    }
}

static void begin(struct record *r, unsigned every)
{
    r->hash = 0;
    r->every = every;
    r->count = 0;
    smtp_server_init(&r->server, &policy, r, 0, CLOCK_MINUTE);
    pump_init(&r->pump, smtp_server_machine(&r->server), 0);
    pump_run(&r->pump);
}

static void end(struct record *r)
{
    r->pump.peer = PEER_FIN;
    pump_run(&r->pump);
    for (int i = 0; i < 4 && !r->server.closed_told; i++) {
        FUZZ_CHECK(r->pump.machine.ops->deadline(r->pump.machine.self) != CLOCK_NEVER);
        pump_wait(&r->pump);
    }
    FUZZ_CHECK(r->server.closed_told);
    r->pump.machine.ops->ended(r->pump.machine.self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record whole, cut;
    if (size < 3 || size > 8192) {
        return 0;
    }
    size_t at = (size_t)(data[0] | data[1] << 8) % (size - 2);
    unsigned every = data[2] < 'A' ? data[2] % 17 : 0;
    const char *text = (const char *)data + 3;
    size -= 3;
    begin(&whole, every);
    begin(&cut, every);
    feed(&whole, text, size);
    feed(&cut, text, at);
    feed(&cut, text + at, size - at);
    end(&whole);
    end(&cut);
    FUZZ_CHECK(whole.hash == cut.hash);
    FUZZ_CHECK(whole.pump.sent_len == cut.pump.sent_len);
    FUZZ_CHECK(memcmp(whole.pump.sent, cut.pump.sent, whole.pump.sent_len) == 0);
    return 0;
}
