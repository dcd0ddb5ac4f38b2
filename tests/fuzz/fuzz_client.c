/* The client machine against any server: it ends, says `done` once, and never waits without a
   deadline. */
#include <string.h>

#include "lib/smtp/client.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/pump.h"

struct script {
    unsigned next, done;
};

static void hear(void *self, struct smtp_client *c, const struct reply *reply)
{
    static const struct {
        enum smtp_step step;
        const char *line;
    } lines[] = {{STEP_EHLO, "EHLO me"},
                 {STEP_MAIL, "MAIL FROM:<>"},
                 {STEP_RCPT, "RCPT TO:<c@d>"},
                 {STEP_DATA, "DATA"}};
    struct script *s = self;
    if (reply->code == 421 || s->next > 6) {
        smtp_client_close(c);
    } else if (reply->code == 299) {
        smtp_client_wait(c, c->now_ns + CLOCK_SECOND);
    } else if (s->next < sizeof lines / sizeof *lines) {
        smtp_client_command(c, lines[s->next].step, span_of(lines[s->next].line));
    } else if (s->next == 4 && reply->code == 298) {
        smtp_client_chunk(c, SPAN("Subject: x\r\n\r\n.\r\n"));
    } else if (s->next == 4) {
        smtp_client_body(c, SPAN("Subject: x\r\n\r\n.\r\n"));
    } else {
        smtp_client_command(c, STEP_QUIT, SPAN("QUIT"));
    }
    s->next++;
}

static void done(void *self, struct smtp_client *c, enum smtp_outcome outcome, enum smtp_step step)
{
    struct script *s = self;
    (void)c;
    (void)step;
    FUZZ_CHECK(smtp_outcome_name(outcome)[0] != '\0');
    s->done++;
}

static void said(void *self, struct smtp_client *c, enum smtp_step step, struct span text)
{
    enum smtp_step again = STEP_COUNT;
    (void)self;
    FUZZ_CHECK(smtp_step_parse(span_of(smtp_step_name(step)), &again) && again == step);
    FUZZ_CHECK(step == STEP_END_OF_DATA || text.len + 2 <= sizeof c->line);
}

static void ended(void *self, struct smtp_client *c)
{
    struct script *s = self;
    FUZZ_CHECK(s->done == 1 && c->state == CLIENT_DONE);
}

static const struct smtp_script script_ops = {
    .next = hear, .done = done, .ended = ended, .said = said};

/* Input bytes: 0xfc cancels; 0xff ends a segment and lets ten seconds pass, 0xfe resets, 0xfd
   closes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pump p;
    static struct smtp_client c;
    struct script s = {0, 0};
    size_t start = 0;
    if (size > 8192) {
        return 0;
    }
    smtp_client_init(&c, &script_ops, &s, &smtp_timeouts_rfc5321, 0, CLOCK_HOUR);
    pump_init(&p, smtp_client_machine(&c), 0);
    for (size_t i = 0; i <= size; i++) {
        if (i < size && data[i] < 0xfc) {
            continue;
        }
        if (i < size && data[i] == 0xfc) {
            smtp_client_cancel(&c);
        } else if (i < size && data[i] != 0xff) {
            p.peer = data[i] == 0xfe ? PEER_RESET : PEER_FIN;
        }
        pump_feed(&p, (const char *)data + start, i - start);
        p.now_ns += 10 * CLOCK_SECOND;
        start = i + 1;
    }
    for (int i = 0; i < 10 && s.done == 0; i++) {
        FUZZ_CHECK(p.machine.ops->deadline(p.machine.self) != CLOCK_NEVER);
        pump_wait(&p);
    }
    FUZZ_CHECK(s.done == 1);
    p.machine.ops->ended(p.machine.self);
    FUZZ_CHECK(s.done == 1);
    return 0;
}
