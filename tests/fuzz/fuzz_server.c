/* The server machine: the same bytes whole and cut in two must give the same replies and the same message. */
#include <string.h>

#include "lib/smtp/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/pump.h"

struct record {
    uint64_t hash; /* of everything the policy saw */
    struct smtp_server server;
    struct pump pump;
};

static void mix(struct record *r, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        r->hash = (r->hash ^ (unsigned char)bytes.ptr[i]) * 1099511628211u;
    }
}

static void decide(void *self, struct smtp_server *s, const struct smtp_command *cmd, struct smtp_action *action)
{
    struct record *r = self;
    (void)s;
    (void)action;
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

static const struct smtp_policy policy = {decide, body, NULL, NULL, closed, NULL};

static void begin(struct record *r)
{
    r->hash = 0;
    smtp_server_init(&r->server, &policy, r, 0, CLOCK_MINUTE);
    pump_init(&r->pump, smtp_server_machine(&r->server), 0);
    pump_run(&r->pump);
}

static void end(struct record *r)
{
    r->pump.peer = PEER_FIN;
    pump_run(&r->pump);
    FUZZ_CHECK(r->server.closed_told);
    r->pump.machine.ops->ended(r->pump.machine.self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record whole, cut;
    if (size < 2 || size > 8192) {
        return 0;
    }
    size_t at = (size_t)(data[0] | data[1] << 8) % (size - 1);
    const char *text = (const char *)data + 2;
    size -= 2;
    begin(&whole);
    begin(&cut);
    pump_feed(&whole.pump, text, size);
    pump_feed(&cut.pump, text, at);
    pump_feed(&cut.pump, text + at, size - at);
    end(&whole);
    end(&cut);
    FUZZ_CHECK(whole.hash == cut.hash);
    FUZZ_CHECK(whole.pump.sent_len == cut.pump.sent_len);
    FUZZ_CHECK(memcmp(whole.pump.sent, cut.pump.sent, whole.pump.sent_len) == 0);
    return 0;
}
