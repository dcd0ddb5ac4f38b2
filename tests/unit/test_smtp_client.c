/* The client machine: scripts against canned servers, every cut of the replies, deadlines,
   stuffing, and strays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/smtp/client.h"
#include "tests/unit/pump.h"

/* Says the lines one after another; "BODY" sends the body, "RAW" as it stands, "CHUNK" by BDAT;
   "BYE" is a farewell, after which 221 alone ends the session; after the last it closes. */
struct notes {
    const char *const *lines;
    struct span body;
    unsigned next;
    unsigned group_left; /* replies that call for nothing */
    char heard[4096];
    size_t heard_len;
    unsigned done_count;
    enum smtp_outcome outcome;
    enum smtp_step step;
};

static enum smtp_step step_of(const char *line)
{
    switch (line[0]) {
    case 'E':
        return STEP_EHLO;
    case 'M':
        return STEP_MAIL;
    case 'R':
        return line[1] == 'C' ? STEP_RCPT : STEP_RSET;
    case 'D':
        return STEP_DATA;
    case 'Q':
        return STEP_QUIT;
    default:
        return STEP_OTHER;
    }
}

static void notes_next(void *self, struct smtp_client *c, const struct reply *reply)
{
    struct notes *n = self;
    n->heard_len += (size_t)snprintf(n->heard + n->heard_len, sizeof n->heard - n->heard_len,
                                     "%s=%d;", smtp_step_name(c->step), reply->code);
    if (n->group_left > 0) {
        assert_int_equal(smtp_client_group_left(c), n->group_left--);
        return;
    }
    const char *line = n->lines[n->next];
    bool bye = line != NULL && strcmp(line, "BYE") == 0 && !smtp_client_is_sending(c);
    if (smtp_client_is_leaving(c) && reply->code != 221 && !bye) {
        return;
    }
    if (!line) {
        smtp_client_close(c);
        return;
    }
    n->next++;
    if (strcmp(line, "GROUP") == 0) {
        static const uint8_t steps[] = {STEP_MAIL, STEP_RCPT, STEP_RSET};
        n->group_left = 2;
        smtp_client_group(c, SPAN("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\n"), steps, 3,
                          CLOCK_MINUTE);
    } else if (strcmp(line, "BYE") == 0) {
        smtp_client_farewell(c, SPAN("QUIT"));
    } else if (strcmp(line, "RAW") == 0) {
        smtp_client_raw(c, n->body);
    } else if (strcmp(line, "BODY") == 0) {
        smtp_client_body(c, n->body);
    } else if (strcmp(line, "CHUNK") == 0) {
        smtp_client_chunk(c, n->body);
    } else {
        smtp_client_command(c, step_of(line), span_of(line));
    }
}

static void notes_done(void *self, struct smtp_client *c, enum smtp_outcome outcome,
                       enum smtp_step step)
{
    struct notes *n = self;
    (void)c;
    n->done_count++;
    n->outcome = outcome;
    n->step = step;
}

static const struct smtp_script notes_script = {.next = notes_next, .done = notes_done};

struct desk {
    struct notes notes;
    struct smtp_client client;
    struct pump pump;
};

static struct desk *desk_new(const char *const *lines, const char *body)
{
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->notes.lines = lines;
    d->notes.body = span_of(body);
    smtp_client_init(&d->client, &notes_script, &d->notes, &smtp_timeouts_rfc5321, 0, CLOCK_NEVER);
    pump_init(&d->pump, smtp_client_machine(&d->client), 0);
    pump_run(&d->pump);
    return d;
}

/* One reply is fed, and cut, at a time: a server answers what it was asked. */
static void feed_cut(struct desk *d, const char *reply, size_t cut)
{
    size_t len = strlen(reply);
    if (cut > len) {
        for (size_t i = 0; i < len; i++) {
            pump_feed(&d->pump, reply + i, 1);
        }
        return;
    }
    pump_feed(&d->pump, reply, cut);
    pump_feed(&d->pump, reply + cut, len - cut);
}

static const char *const whole[] = {
    "EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "BODY", "RSET", "QUIT", NULL};
static const char *const replies[] = {
    "220 hello\r\n", "250-mx\r\n250-SIZE 1\r\n250 HELP\r\n", "250 2.1.0 Ok\r\n", "250 2.1.5 Ok\r\n",
    "354 go\r\n",    "250-2.0.0 queued\r\n250 as 1\r\n",     "250 Ok\r\n",       "221 Bye\r\n"};

static void a_mail_at_every_split(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 40; cut++) {
        struct desk *d = desk_new(whole, ".x\r\ny\r\n..\r\n");
        for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
            feed_cut(d, replies[i], cut);
        }
        assert_string_equal(
            d->notes.heard,
            "greeting=220;ehlo=250;mail=250;rcpt=250;data=354;end-of-data=250;rset=250;quit=221;");
        assert_string_equal(
            d->pump.sent,
            "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n..x\r\ny\r\n...\r\n.\r\n"
            "RSET\r\nQUIT\r\n");
        assert_int_equal(d->notes.outcome, OUTCOME_CLOSED_BY_US);
        assert_int_equal(d->notes.done_count, 1);
        assert_int_equal(d->pump.wish, WISH_CLOSE);
        free(d);
    }
}

static const char *const grouped[] = {"EHLO me", "GROUP", "GROUP", "QUIT", NULL};

static void groups_at_every_split(void **state)
{
    (void)state;
    static const char *const answers[] = {"220 hello\r\n", "250 mx\r\n",
                                          "250 Ok\r\n550-no\r\n550 no\r\n250 Ok\r\n",
                                          "250 Ok\r\n250 Ok\r\n250 Ok\r\n", "221 Bye\r\n"};
    for (size_t cut = 0; cut < 50; cut++) {
        struct desk *d = desk_new(grouped, "");
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
            feed_cut(d, answers[i], cut);
        }
        assert_string_equal(d->notes.heard, "greeting=220;ehlo=250;mail=250;rcpt=550;rset=250;"
                                            "mail=250;rcpt=250;rset=250;quit=221;");
        assert_string_equal(d->pump.sent, "EHLO me\r\n"
                                          "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\n"
                                          "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nQUIT\r\n");
        assert_int_equal(d->notes.outcome, OUTCOME_CLOSED_BY_US);
        free(d);
    }
}

struct group_row {
    const char *label, *answers; /* to the first group */
    enum machine_peer peer;
    enum smtp_outcome outcome;
    enum smtp_step step;
};

static const struct group_row group_ends[] = {
    {"one reply too many", "250 a\r\n550 b\r\n250 c\r\n250 d\r\n", PEER_OPEN, OUTCOME_UNSOLICITED,
     STEP_MAIL},
    {"FIN in the middle", "250 a\r\n550 b\r\n", PEER_FIN, OUTCOME_CLOSED, STEP_RSET},
    {"no reply in the middle", "250 a\r\n550-b\r\n", PEER_FIN, OUTCOME_CLOSED, STEP_RCPT},
    {"nonsense", "250 a\r\nhello\r\n", PEER_OPEN, OUTCOME_MALFORMED, STEP_RCPT},
};

static void groups_that_break(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof group_ends / sizeof *group_ends; i++) {
        const struct group_row *row = &group_ends[i];
        struct desk *d = desk_new(grouped, "");
        pump_feed(&d->pump, "220 x\r\n", 7);
        pump_feed(&d->pump, "250 x\r\n", 7);
        pump_feed(&d->pump, row->answers, strlen(row->answers));
        d->pump.peer = row->peer;
        pump_run(&d->pump);
        if (d->notes.outcome != row->outcome || d->notes.step != row->step) {
            fail_msg("%s: %s at %s", row->label, smtp_outcome_name(d->notes.outcome),
                     smtp_step_name(d->notes.step));
        }
        free(d);
    }
}

/* The time for a reply begins when the one before has come, and is the group's patience at most. */
static void groups_have_patience(void **state)
{
    (void)state;
    struct desk *d = desk_new(grouped, "");
    pump_feed(&d->pump, "220 x\r\n", 7);
    pump_feed(&d->pump, "250 x\r\n", 7);
    d->pump.now_ns = 50 * CLOCK_SECOND;
    pump_feed(&d->pump, "250 a\r\n", 7);
    assert_int_equal(d->pump.machine.ops->deadline(d->pump.machine.self),
                     50 * CLOCK_SECOND + CLOCK_MINUTE);
    free(d);
}

struct body_row {
    const char *label, *body, *wire;
};

static const struct body_row bodies[] = {
    {"empty", "", ".\r\n"},
    {"no last line end", "a", "a\r\n.\r\n"},
    {"a dot alone", ".\r\n", "..\r\n.\r\n"},
    {"dot without line end", ".", "..\r\n.\r\n"},
    {"dot inside", "a.b\r\n", "a.b\r\n.\r\n"},
    {"bare LF begins a line too", "a\n.b\n", "a\n..b\n.\r\n"},
};

static void bodies_are_stuffed(void **state)
{
    (void)state;
    static const char *const lines[] = {"DATA", "BODY", NULL};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct desk *d = desk_new(lines, bodies[i].body);
        pump_feed(&d->pump, "220 x\r\n", 7);
        pump_feed(&d->pump, "354 x\r\n", 7);
        if (strcmp(d->pump.sent + strlen("DATA\r\n"), bodies[i].wire) != 0) {
            fail_msg("%s: %s", bodies[i].label, d->pump.sent);
        }
        assert_true(d->client.data_byte_sent && d->client.eom_sent);
        free(d);
    }
}

static void chunks_go_as_they_are(void **state)
{
    (void)state;
    static const char *const lines[] = {"CHUNK", "RSET", NULL};
    static const struct body_row chunks[] = {
        {"empty", "", "BDAT 0 LAST\r\n"},
        {"no last line end", "a", "BDAT 1 LAST\r\na"},
        {"dots", ".\r\n..\r\n", "BDAT 7 LAST\r\n.\r\n..\r\n"},
    };
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct desk *d = desk_new(lines, chunks[i].body);
        pump_feed(&d->pump, "220 x\r\n", 7);
        if (strcmp(d->pump.sent, chunks[i].wire) != 0) {
            fail_msg("%s: %s", chunks[i].label, d->pump.sent);
        }
        assert_int_equal(d->client.step, STEP_END_OF_DATA);
        pump_feed(&d->pump, "250 x\r\n", 7);
        assert_string_equal(d->notes.heard, "greeting=220;end-of-data=250;");
        assert_string_equal(d->pump.sent + strlen(chunks[i].wire), "RSET\r\n");
        free(d);
    }
}

static void raw_bodies_are_not_stuffed(void **state)
{
    (void)state;
    static const char *const lines[] = {"DATA", "RAW", NULL};
    static const struct body_row raw[] = {
        {"no last line end", "a\n.\nb", "a\n.\nb\r\n.\r\n"},
        {"dots", "a\r.\r\n.b\r\n", "a\r.\r\n.b\r\n.\r\n"},
    };
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        struct desk *d = desk_new(lines, raw[i].body);
        pump_feed(&d->pump, "220 x\r\n", 7);
        pump_feed(&d->pump, "354 x\r\n", 7);
        if (strcmp(d->pump.sent + strlen("DATA\r\n"), raw[i].wire) != 0) {
            fail_msg("%s: %s", raw[i].label, d->pump.sent);
        }
        free(d);
    }
}

/* Who takes the data to end early answers while we still send. */
static void replies_to_a_raw_body_may_come_early(void **state)
{
    (void)state;
    static const char *const lines[] = {"DATA", "RAW", "BYE", NULL};
    struct desk *d = desk_new(lines, "a\n.\nMAIL FROM:<>\r\n");
    pump_feed(&d->pump, "220 x\r\n", 7);
    d->pump.blocked = true;
    pump_feed(&d->pump, "354 x\r\n", 7);
    pump_feed(&d->pump, "250 a\r\n", 7);
    assert_true(smtp_client_is_sending(&d->client));
    d->pump.blocked = false;
    pump_run(&d->pump);
    assert_false(smtp_client_is_sending(&d->client));
    pump_feed(&d->pump, "250 b\r\n", 7);
    pump_feed(&d->pump, "221 bye\r\n", 9);
    assert_string_equal(d->notes.heard,
                        "greeting=220;data=354;block=250;end-of-data=250;quit=221;");
    assert_string_equal(d->pump.sent, "DATA\r\na\n.\nMAIL FROM:<>\r\n.\r\nQUIT\r\n");
    assert_int_equal(d->notes.outcome, OUTCOME_CLOSED_BY_US);
    free(d);
}

static void a_long_body_goes_out_whole(void **state)
{
    (void)state;
    static const char *const lines[] = {"DATA", "BODY", NULL};
    size_t len = 200000;
    char *body = malloc(len + 1);
    assert_non_null(body);
    for (size_t i = 0; i < len; i++) {
        body[i] = i % 79 == 78 ? '\n' : i % 79 == 77 ? '\r' : '.';
    }
    body[len] = '\0';
    struct desk *d = desk_new(lines, body);
    pump_feed(&d->pump, "220 x\r\n", 7);
    pump_feed(&d->pump, "354 x\r\n", 7);
    size_t starts = (len + 78) / 79;
    assert_int_equal(d->pump.sent_len, 6 + len + starts + 5);
    assert_memory_equal(d->pump.sent + d->pump.sent_len - 5, "\r\n.\r\n", 5);
    free(d);
    static const char *const in_one[] = {"CHUNK", NULL};
    d = desk_new(in_one, body);
    pump_feed(&d->pump, "220 x\r\n", 7);
    assert_int_equal(d->pump.sent_len, strlen("BDAT 200000 LAST\r\n") + len);
    assert_memory_equal(d->pump.sent + strlen("BDAT 200000 LAST\r\n"), body, len);
    free(d);
    free(body);
}

struct end_row {
    const char *label;
    const char *in; /* after the greeting and EHLO's reply */
    enum machine_peer peer;
    enum smtp_outcome outcome;
    enum smtp_step step;
    const char *heard;
    const char *rest; /* where the session is still open: what comes next, and ends it */
};

static const struct end_row ends[] = {
    {"FIN instead of a reply", "", PEER_FIN, OUTCOME_CLOSED, STEP_MAIL, "", NULL},
    {"FIN inside a reply", "250-x", PEER_FIN, OUTCOME_CLOSED, STEP_MAIL, "", NULL},
    {"reply, then FIN", "250 ok\r\n", PEER_FIN, OUTCOME_CLOSED, STEP_RCPT, "mail=250;", NULL},
    {"RST", "", PEER_RESET, OUTCOME_RESET, STEP_MAIL, "", NULL},
    {"no SMTP", "hello\r\n", PEER_OPEN, OUTCOME_MALFORMED, STEP_MAIL, "", NULL},
    {"two replies at once", "250 ok\r\n550 no\r\n", PEER_OPEN, OUTCOME_UNSOLICITED, STEP_RCPT,
     "mail=250;", NULL},
    {"half a second reply", "250 ok\r\n55", PEER_OPEN, OUTCOME_UNSOLICITED, STEP_COUNT, "mail=250;",
     "0 no\r\n"},
    {"half a second reply spoils the next", "250 ok\r\n55", PEER_OPEN, OUTCOME_UNSOLICITED,
     STEP_COUNT, "mail=250;", "250 ok\r\n"},
    {"reply and 421 at once", "250 ok\r\n421 bye\r\n", PEER_FIN, OUTCOME_CLOSED, STEP_DATA,
     "mail=250;rcpt=421;", NULL},
};

static void how_sessions_end(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "QUIT", NULL};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct end_row *row = &ends[i];
        struct desk *d = desk_new(lines, "");
        pump_feed(&d->pump, "220 x\r\n", 7);
        pump_feed(&d->pump, "250 x\r\n", 7);
        d->pump.peer = row->peer;
        pump_feed(&d->pump, row->in, strlen(row->in));
        const char *heard = d->notes.heard + strlen("greeting=220;ehlo=250;");
        bool open = row->step == STEP_COUNT;
        if (strcmp(heard, row->heard) != 0 || d->notes.done_count != (open ? 0u : 1u) ||
            (!open && (d->notes.outcome != row->outcome || d->notes.step != row->step))) {
            fail_msg("%s: heard %s, %s at %s", row->label, heard,
                     smtp_outcome_name(d->notes.outcome), smtp_step_name(d->notes.step));
        }
        if (open) { /* the rest of the stray reply comes: unsolicited, for it began too early */
            pump_feed(&d->pump, row->rest, strlen(row->rest));
            assert_int_equal(d->notes.outcome, row->outcome);
        }
        free(d);
    }
}

static const struct end_row farewells[] = {
    {"its own reply", "221 bye\r\n", PEER_OPEN, OUTCOME_CLOSED_BY_US, STEP_QUIT, "quit=221;", NULL},
    {"two before it", "250 a\r\n550-b\r\n550 b\r\n221 bye\r\n", PEER_OPEN, OUTCOME_CLOSED_BY_US,
     STEP_QUIT, "quit=250;quit=550;quit=221;", NULL},
    {"one, and no other", "250 a\r\n", PEER_FIN, OUTCOME_CLOSED, STEP_QUIT, "quit=250;", NULL},
    {"nonsense", "250 a\r\nhello\r\n", PEER_OPEN, OUTCOME_MALFORMED, STEP_QUIT, "quit=250;", NULL},
    {"silence", "250 a\r\n", PEER_OPEN, OUTCOME_TIMEOUT, STEP_QUIT, "quit=250;", NULL},
};

/* Replies that come before QUIT has left (`ahead` octets of them) are heard as well. */
static void run_farewell(const struct end_row *row, size_t ahead)
{
    static const char *const lines[] = {"NOOP", "BYE", NULL};
    struct desk *d = desk_new(lines, "");
    char first[64] = "250 x\r\n";
    memcpy(first + 7, row->in, ahead);
    pump_feed(&d->pump, "220 x\r\n", 7);
    pump_feed(&d->pump, first, 7 + ahead);
    pump_feed(&d->pump, row->in + ahead, strlen(row->in) - ahead);
    d->pump.peer = row->peer;
    pump_run(&d->pump);
    if (d->notes.done_count == 0) {
        assert_int_equal(pump_wait(&d->pump), 10 * CLOCK_SECOND);
    }
    const char *heard = d->notes.heard + strlen("greeting=220;other=250;");
    if (strcmp(heard, row->heard) != 0 || d->notes.done_count != 1 ||
        d->notes.outcome != row->outcome || d->notes.step != row->step) {
        fail_msg("%s, %zu ahead: heard %s, %s at %s", row->label, ahead, heard,
                 smtp_outcome_name(d->notes.outcome), smtp_step_name(d->notes.step));
    }
    free(d);
}

static void farewells_hear_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof farewells / sizeof *farewells; i++) {
        for (size_t ahead = 0; ahead <= strlen(farewells[i].in); ahead++) {
            run_farewell(&farewells[i], ahead);
        }
    }
}

static void dripping_never_extends_a_deadline(void **state)
{
    (void)state;
    static const char *const lines[] = {"RCPT TO:<c@d>", "QUIT", NULL};
    struct desk *d = desk_new(lines, "");
    pump_feed(&d->pump, "220 x\r\n", 7);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(d->notes.done_count, 0);
        d->pump.now_ns += 10 * CLOCK_SECOND;
        pump_feed(&d->pump, i == 0 ? "250-" : "x", i == 0 ? 4 : 1);
    }
    assert_int_equal(d->notes.done_count, 1);
    assert_int_equal(d->notes.outcome, OUTCOME_TIMEOUT);
    assert_int_equal(d->notes.step, STEP_RCPT);
    assert_int_equal(d->pump.now_ns, 5 * CLOCK_MINUTE);
    assert_string_equal(d->pump.sent, "RCPT TO:<c@d>\r\nQUIT\r\n");
    free(d);
}

/* RFC 5321 4.5.3.2.5: three minutes for each block; the final dot's ten begin when it is out. */
static void a_body_that_cannot_leave(void **state)
{
    static const char *const lines[] = {"DATA", "BODY", NULL};
    struct desk *d = desk_new(lines, "hello\r\n");

    (void)state;
    pump_feed(&d->pump, "220 x\r\n", 7);
    d->pump.blocked = true;
    pump_feed(&d->pump, "354 x\r\n", 7);
    assert_true(d->client.eom_sent);
    assert_int_equal(pump_wait(&d->pump), 3 * CLOCK_MINUTE);
    assert_int_equal(d->notes.outcome, OUTCOME_TIMEOUT);
    assert_int_equal(d->notes.step, STEP_BLOCK);
    assert_int_equal(d->pump.wish, WISH_RESET);
    free(d);
    d = desk_new(lines, "hello\r\n");
    pump_feed(&d->pump, "220 x\r\n", 7);
    pump_feed(&d->pump, "354 x\r\n", 7);
    assert_int_equal(pump_wait(&d->pump), 10 * CLOCK_MINUTE);
    assert_int_equal(d->notes.step, STEP_END_OF_DATA);
    free(d);
}

static void connecting_and_cancelling(void **state)
{
    (void)state;
    static const char *const lines[] = {NULL};
    struct smtp_client c;
    struct notes n = {.lines = lines};
    struct pump *p = calloc(1, sizeof *p);
    assert_non_null(p);
    smtp_client_init(&c, &notes_script, &n, &smtp_timeouts_rfc5321, 0, CLOCK_NEVER);
    pump_init(p, smtp_client_machine(&c), 0);
    p->peer = PEER_CONNECTING;
    pump_run(p);
    assert_int_equal(pump_wait(p), 2 * CLOCK_MINUTE);
    assert_int_equal(n.outcome, OUTCOME_TIMEOUT);
    assert_int_equal(n.step, STEP_CONNECT);

    n.done_count = 0;
    smtp_client_init(&c, &notes_script, &n, &smtp_timeouts_rfc5321, 0, CLOCK_NEVER);
    p->peer = PEER_REFUSED;
    pump_run(p);
    assert_int_equal(n.outcome, OUTCOME_REFUSED);
    assert_int_equal(n.step, STEP_CONNECT);

    n.done_count = 0;
    smtp_client_init(&c, &notes_script, &n, &smtp_timeouts_rfc5321, p->now_ns, CLOCK_NEVER);
    p->peer = PEER_OPEN;
    pump_run(p);
    smtp_client_cancel(&c);
    pump_run(p);
    assert_int_equal(n.outcome, OUTCOME_CANCELLED);
    assert_int_equal(n.step, STEP_GREETING);
    smtp_client_cancel(&c);
    p->machine.ops->ended(p->machine.self);
    assert_int_equal(n.done_count, 1);
    free(p);
}

/* The peer's window is shut and our last words are still in the driver's buffer: no patience with
   them. */
static void what_the_peer_does_not_take_is_dropped_when_time_is_over(void **state)
{
    (void)state;
    static const char *const lines[] = {"RCPT TO:<c@d>", NULL};
    static const struct {
        const char *label;
        bool unsent;
        enum machine_wish wish;
    } rows[] = {{"all was taken", false, WISH_CLOSE}, {"some was not", true, WISH_RESET}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk *d = desk_new(lines, "");
        char out[64] = "RCPT TO:<c@d>\r\n";
        size_t unsent = rows[i].unsent ? strlen(out) : 0;
        struct machine_io io = {.now_ns = 5 * CLOCK_MINUTE,
                                .peer = PEER_OPEN,
                                .in = out,
                                .out = out,
                                .out_cap = sizeof out,
                                .out_len = unsent,
                                .out_ready = unsent};
        pump_feed(&d->pump, "220 x\r\n", 7);
        if (d->pump.machine.ops->step(d->pump.machine.self, &io) != rows[i].wish) {
            fail_msg("%s", rows[i].label);
        }
        assert_int_equal(d->notes.outcome, OUTCOME_TIMEOUT);
        free(d);
    }
}

static void a_session_of_too_many_bytes_ends(void **state)
{
    (void)state;
    static const char *const lines[] = {NULL};
    struct desk *d = desk_new(lines, "");
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    memcpy(junk, "220-", 4);
    for (int i = 0; i < 400 && d->notes.done_count == 0; i++) {
        pump_feed(&d->pump, junk, sizeof junk);
    }
    assert_int_equal(d->notes.outcome, OUTCOME_TOO_LONG);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_at_every_split),
        cmocka_unit_test(groups_at_every_split),
        cmocka_unit_test(groups_that_break),
        cmocka_unit_test(groups_have_patience),
        cmocka_unit_test(bodies_are_stuffed),
        cmocka_unit_test(chunks_go_as_they_are),
        cmocka_unit_test(raw_bodies_are_not_stuffed),
        cmocka_unit_test(replies_to_a_raw_body_may_come_early),
        cmocka_unit_test(a_long_body_goes_out_whole),
        cmocka_unit_test(how_sessions_end),
        cmocka_unit_test(farewells_hear_everything),
        cmocka_unit_test(dripping_never_extends_a_deadline),
        cmocka_unit_test(a_body_that_cannot_leave),
        cmocka_unit_test(connecting_and_cancelling),
        cmocka_unit_test(what_the_peer_does_not_take_is_dropped_when_time_is_over),
        cmocka_unit_test(a_session_of_too_many_bytes_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
