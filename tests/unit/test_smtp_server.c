/* The server machine: order of commands, end of data, held replies, and every cut of the input. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/smtp/server.h"
#include "tests/unit/pump.h"

/* A policy that can be told what to do at one event, and writes down what it saw. */
struct book {
    struct smtp_action order; /* used at order_at */
    enum smtp_event order_at;
    const char *order_text;
    int order_code;
    bool order_set;
    unsigned more_left;
    char seen[65536];
    size_t seen_len;
    char body[65536];
    size_t body_len;
    const char *closed;
};

static void book_decide(void *self, struct smtp_server *s, const struct smtp_command *cmd,
                        struct smtp_action *action)
{
    struct book *b = self;
    (void)s;
    b->seen_len += (size_t)snprintf(b->seen + b->seen_len, sizeof b->seen - b->seen_len,
                                    "%s(%.*s)%d%s;", smtp_event_name(cmd->at), (int)cmd->arg.len,
                                    cmd->arg.ptr ? cmd->arg.ptr : "", cmd->proposal,
                                    cmd->retry ? "r" : "");
    if (b->order_set && cmd->at == b->order_at && !cmd->retry) {
        struct strbuf *reply = action->reply;
        *action = b->order;
        action->reply = reply;
        if (b->order_text) {
            smtp_server_reply(action, b->order_code, NULL, span_of(b->order_text));
        }
    }
}

static void book_body(void *self, struct smtp_server *s, struct span piece)
{
    struct book *b = self;
    (void)s;
    memcpy(b->body + b->body_len, piece.ptr, piece.len);
    b->body_len += piece.len;
}

static bool book_more(void *self, struct smtp_server *s, struct strbuf *out)
{
    struct book *b = self;
    (void)s;
    strbuf_adds(out, "250-more\r\n");
    b->more_left--;
    if (b->more_left == 0) {
        strbuf_adds(out, "250 end\r\n");
    }
    return b->more_left > 0;
}

static void book_closed(void *self, struct smtp_server *s, const char *how)
{
    struct book *b = self;
    (void)s;
    assert_null(b->closed);
    b->closed = how;
}

static const struct smtp_policy book_policy = {
    .decide = book_decide, .body = book_body, .more = book_more, .closed = book_closed};

struct desk {
    struct book book;
    struct smtp_server server;
    struct pump pump;
};

static struct desk *desk_new(void)
{
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    smtp_server_init(&d->server, &book_policy, &d->book, 0, 5 * CLOCK_MINUTE);
    pump_init(&d->pump, smtp_server_machine(&d->server), 0);
    return d;
}

struct dialogue_row {
    const char *label, *in, *out, *seen, *body;
};

static const struct dialogue_row dialogues[] = {
    {"banner only", "", "220 ESMTP\r\n", "connect()0;banner()0;", ""},
    {"a whole mail",
     "EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n",
     "220 ESMTP\r\n250 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
     "354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok\r\n"
     "221 2.0.0 Bye\r\n",
     "connect()0;banner()0;EHLO(me)0;MAIL(<a@b.test>)0;RCPT(<c@d.test>)0;DATA()0;end-of-data()0;"
     "QUIT()0;",
     "hi\r\n"},
    {"dots unstuffed, bare LF dot is content",
     "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n..a\r\n.b\r\n\n.\n\r.\r\r\n.\r\n",
     "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n"
     "250 2.0.0 Ok\r\n",
     "connect()0;banner()0;MAIL(<>)0;RCPT(<c@d>)0;DATA()0;end-of-data()0;",
     ".a\r\nb\r\n\n.\n\r.\r\r\n"},
    {"dot CR without LF is content", "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\rx\r\n.\r\n",
     "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n"
     "250 2.0.0 Ok\r\n",
     "connect()0;banner()0;MAIL(<>)0;RCPT(<c@d>)0;DATA()0;end-of-data()0;", "\rx\r\n"},
    {"order kept", "RCPT TO:<x@y>\r\nDATA\r\nMAIL FROM:<>\r\nDATA\r\nMAIL FROM:<>\r\n",
     "220 ESMTP\r\n503 5.5.1 Error: bad sequence of commands\r\n"
     "503 5.5.1 Error: bad sequence of commands\r\n"
     "250 2.1.0 Ok\r\n503 5.5.1 Error: bad sequence of commands\r\n"
     "503 5.5.1 Error: bad sequence of commands\r\n",
     "connect()0;banner()0;RCPT(<x@y>)503;DATA()503;MAIL(<>)0;DATA()503;MAIL(<>)503;", ""},
    {"unknown, empty, no argument", "FOO bar\r\n\r\nMAIL x\r\nEHLO\r\n",
     "220 ESMTP\r\n500 5.5.2 Error: command not recognized\r\n"
     "500 5.5.2 Error: command not recognized\r\n"
     "501 5.5.4 Syntax error in parameters\r\n501 5.5.4 Syntax error in parameters\r\n",
     "connect()0;banner()0;unknown(bar)500;unknown()500;MAIL(x)501;EHLO()501;", ""},
    {"old verbs are unknown", "SEND FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
     "220 ESMTP\r\n500 5.5.2 Error: command not recognized\r\n"
     "503 5.5.1 Error: bad sequence of commands\r\n",
     "connect()0;banner()0;unknown(FROM:<a@b>)500;RCPT(<c@d>)503;", ""},
    {"bare LF ends a command", "NOOP\nRSET\n", "220 ESMTP\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n",
     "connect()0;banner()0;NOOP()0;RSET()0;", ""},
    {"BDAT in two chunks",
     "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nabcBDAT 2 LAST\r\ndeQUIT\r\n",
     "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
     "221 2.0.0 Bye\r\n",
     "connect()0;banner()0;MAIL(<>)0;RCPT(<c@d>)0;BDAT(3)0;end-of-data(2 LAST)0;"
     "QUIT()0;",
     "abcde"},
    {"BDAT without octets may be the last", /* RFC 3030 2 */
     "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nbdat 2\r\n\r\nBDAT  0  last\r\nBDAT 1 LAST\r\nxNOOP\r\n",
     "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
     "503 5.5.1 Error: bad sequence of commands\r\n250 2.0.0 Ok\r\n",
     "connect()0;banner()0;MAIL(<>)0;RCPT(<c@d>)0;BDAT(2)0;end-of-data(0 LAST)0;BDAT(1 LAST)503;"
     "NOOP()0;",
     "\r\n"},
    {"DATA after BDAT is out of order until RSET",
     "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nBDAT 1\r\nxDATA\r\nRSET\r\nMAIL FROM:<>\r\n"
     "RCPT TO:<c@d>\r\nDATA\r\n.\r\n",
     "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n"
     "503 5.5.1 Error: bad sequence of commands\r\n250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n"
     "250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok\r\n",
     "connect()0;banner()0;MAIL(<>)0;RCPT(<c@d>)0;BDAT(1)0;DATA()503;RSET()0;MAIL(<>)0;"
     "RCPT(<c@d>)0;DATA()0;end-of-data()0;",
     "x"},
    {"BDAT out of order is consumed", "BDAT 4 LAST\r\nabcdNOOP\r\n",
     "220 ESMTP\r\n503 5.5.1 Error: bad sequence of commands\r\n250 2.0.0 Ok\r\n",
     "connect()0;banner()0;BDAT(4 LAST)503;NOOP()0;", ""},
    {"BDAT without a number", "BDAT x\r\nNOOP\r\n",
     "220 ESMTP\r\n501 5.5.4 Syntax error in parameters\r\n250 2.0.0 Ok\r\n",
     "connect()0;banner()0;BDAT(x)501;NOOP()0;", ""},
};

static void check_dialogue(const struct dialogue_row *row, const struct desk *d, size_t cut)
{
    if (strcmp(d->pump.sent, row->out) != 0 || strcmp(d->book.seen, row->seen) != 0 ||
        d->book.body_len != strlen(row->body) ||
        memcmp(d->book.body, row->body, d->book.body_len) != 0) {
        fail_msg("%s, cut at %zu:\n%s\n%s\n%.*s", row->label, cut, d->pump.sent, d->book.seen,
                 (int)d->book.body_len, d->book.body);
    }
}

#define END(before, after) SMTP_END_OF_DATA(LINE_END_##before, LINE_END_##after)

/* What is taken for the end beside CRLF . CRLF: what stands behind it is a command. */
static const struct lax_row {
    const char *label;
    unsigned ends;
    const char *in, *seen, *body; /* behind DATA */
} lax_rows[] = {
    {"LF . LF", END(LF, LF), "a\n.\nNOOP\r\n", "end-of-data()0;NOOP()0;", "a\n"},
    {"LF . CRLF", END(LF, CRLF), "a\n.\r\nNOOP\r\n", "end-of-data()0;NOOP()0;", "a\n"},
    {"LF . CR", END(LF, CR), "a\n.\rNOOP\r\n", "end-of-data()0;NOOP()0;", "a\n"},
    {"CR . LF", END(CR, LF), "a\r.\nNOOP\r\n", "end-of-data()0;NOOP()0;", "a\r"},
    {"CR . CRLF", END(CR, CRLF), "a\r.\r\nNOOP\r\n", "end-of-data()0;NOOP()0;", "a\r"},
    {"CR . CR", END(CR, CR), "a\r.\rNOOP\r\n", "end-of-data()0;NOOP()0;", "a\r"},
    {"CRLF . LF", END(CRLF, LF), "a\r\n.\nNOOP\r\n", "end-of-data()0;NOOP()0;", "a\r\n"},
    {"CRLF . CR", END(CRLF, CR), "a\r\n.\rNOOP\r\n", "end-of-data()0;NOOP()0;", "a\r\n"},
    {"CRLF . CRLF is always one", END(LF, LF), "a\r\n.\r\nNOOP\r\n", "end-of-data()0;NOOP()0;",
     "a\r\n"},
    {"at once", END(CRLF, LF), ".\nNOOP\r\n", "end-of-data()0;NOOP()0;", ""},
    {"one of two", END(LF, LF) | END(CR, CRLF), "a\n.\r\nb\r.\r\nNOOP\r\n",
     "end-of-data()0;NOOP()0;", "a\n.\r\nb\r"},
    {"others are content", END(LF, LF), "a\n.\r\n\r.\r\nb\r\n.\n.\rc\r\n.\r\n", "end-of-data()0;",
     "a\n.\r\n\r.\r\nb\r\n\n.\rc\r\n"},
    {"CR alone is none before LF", END(CR, CR), "a\r.\r\nb\r\r.\rNOOP\r\n",
     "end-of-data()0;NOOP()0;", "a\r.\r\nb\r\r"},
    {"dots in lines and at their start", END(LF, LF), "a.\n.b\r\n..c\r\n.d\n.\nNOOP\r\n",
     "end-of-data()0;NOOP()0;", "a.\n.b\r\n.c\r\nd\n"},
    {"none of them", 0, "a\n.\nb\r.\rc\r\n.\nd\r\n.\r\n", "end-of-data()0;",
     "a\n.\nb\r.\rc\r\n\nd\r\n"},
};

static void run_lax(const struct lax_row *row, size_t cut)
{
    static const char begin[] = "MAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
    size_t len = strlen(row->in);
    struct desk *d = desk_new();
    d->server.lax_ends = (uint16_t)row->ends;
    pump_feed(&d->pump, begin, sizeof begin - 1);
    d->book.seen_len = 0;
    for (size_t i = 0; i < len && cut > len; i++) {
        pump_feed(&d->pump, row->in + i, 1);
    }
    if (cut <= len) {
        pump_feed(&d->pump, row->in, cut);
        pump_feed(&d->pump, row->in + cut, len - cut);
    }
    if (strcmp(d->book.seen, row->seen) != 0 || d->book.body_len != strlen(row->body) ||
        memcmp(d->book.body, row->body, d->book.body_len) != 0) {
        fail_msg("%s, cut at %zu:\n%s\n%.*s", row->label, cut, d->book.seen, (int)d->book.body_len,
                 d->book.body);
    }
    free(d);
}

static void other_ends_of_data_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lax_rows / sizeof *lax_rows; i++) {
        for (size_t cut = 0; cut <= strlen(lax_rows[i].in) + 1; cut++) {
            run_lax(&lax_rows[i], cut);
        }
    }
}

static void every_dialogue_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++) {
        size_t len = strlen(dialogues[i].in);
        for (size_t cut = 0; cut <= len + 1; cut++) { /* len + 1: a byte at a time */
            struct desk *d = desk_new();
            pump_run(&d->pump);
            if (cut <= len) {
                pump_feed(&d->pump, dialogues[i].in, cut);
                pump_feed(&d->pump, dialogues[i].in + cut, len - cut);
            }
            for (size_t at = 0; cut > len && at < len; at++) {
                pump_feed(&d->pump, dialogues[i].in + at, 1);
            }
            check_dialogue(&dialogues[i], d, cut);
            free(d);
        }
    }
}

static void line_without_end_is_consumed(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    char junk[4096];
    memset(junk, 'a', sizeof junk);
    for (int i = 0; i < 64; i++) {
        pump_feed(&d->pump, junk, sizeof junk);
        assert_true(d->pump.in_len < SMTP_SERVER_LINE_MAX);
    }
    pump_feed(&d->pump, "\r\nNOOP\r\n", 8);
    assert_string_equal(d->pump.sent,
                        "220 ESMTP\r\n500 5.5.2 Error: command not recognized\r\n250 2.0.0 Ok\r\n");
    free(d);
}

static struct desk *desk_ordered(enum smtp_event at, int code, const char *text,
                                 struct smtp_action order)
{
    struct desk *d = desk_new();
    d->book.order_at = at;
    d->book.order_code = code;
    d->book.order_text = text;
    d->book.order = order;
    d->book.order_set = true;
    return d;
}

static void delayed_reply_comes_at_its_instant(void **state)
{
    (void)state;
    struct desk *d = desk_ordered(AT_NOOP, 250, "late",
                                  (struct smtp_action){.delay_ns = 299 * CLOCK_SECOND});
    pump_feed(&d->pump, "NOOP\r\nRSET\r\n", 12);
    assert_string_equal(d->pump.sent, "220 ESMTP\r\n");
    assert_true(d->pump.in_len > 0); /* RSET is not read while the reply is held */
    assert_int_equal(pump_wait(&d->pump), 299 * CLOCK_SECOND);
    assert_string_equal(d->pump.sent, "220 ESMTP\r\n250 late\r\n250 2.0.0 Ok\r\n");
    free(d);
}

struct shape_row {
    const char *label, *text;
    struct wire_shape wire;
    const char *out;
};

static const struct shape_row shapes[] = {
    {"per line", "a\nb", {.segment = WIRE_PER_LINE}, "220 ESMTP\r\n|250-a\r\n|250 b\r\n|"},
    {"per byte", "a", {.segment = WIRE_PER_BYTE}, "220 ESMTP\r\n|2|5|0| |a|\r|\n|"},
    {"inside CRLF", "a\nb", {.segment = WIRE_SPLIT_CRLF}, "220 ESMTP\r\n|250-a\r|\n250 b\r|\n|"},
    {"three bytes", "abc", {.segment = WIRE_BYTES, .bytes = 3}, "220 ESMTP\r\n|250| ab|c\r\n|"},
    {"LF only", "a\nb", {.eol = EOL_LF}, "220 ESMTP\r\n|250-a\n250 b\n|"},
    {"CR only", "a", {.eol = EOL_CR}, "220 ESMTP\r\n|250 a\r|"},
    {"no last line end", "a", {.eol = EOL_NONE}, "220 ESMTP\r\n|250 a|"},
    {"stopped after 5", "abc", {.stop_after = 5}, "220 ESMTP\r\n|250 a|"},
};

static void shapes_cut_as_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct desk *d = desk_ordered(AT_NOOP, 250, shapes[i].text,
                                      (struct smtp_action){.wire = &shapes[i].wire});
        d->pump.mark_writes = true;
        pump_run(&d->pump);
        pump_feed(&d->pump, "NOOP\r\n", 6);
        if (strcmp(d->pump.sent, shapes[i].out) != 0) {
            fail_msg("%s: %s", shapes[i].label, d->pump.sent);
        }
        free(d);
    }
}

static void dripping_keeps_its_gap(void **state)
{
    (void)state;
    static const struct wire_shape drip = {.segment = WIRE_PER_BYTE, .gap_ns = 10 * CLOCK_SECOND};
    struct desk *d = desk_ordered(AT_NOOP, 250, "x", (struct smtp_action){.wire = &drip});
    pump_feed(&d->pump, "NOOP\r\n", 6);
    for (int64_t n = 1; n < 7; n++) {
        assert_int_equal(pump_wait(&d->pump), n * 10 * CLOCK_SECOND);
        assert_int_equal(d->pump.sent_len, 11 + n + 1);
    }
    free(d);
}

struct then_row {
    const char *label;
    enum smtp_then then;
    enum machine_wish wish;
    const char *closed;
};

static const struct then_row thens[] = {
    {"close", THEN_CLOSE, WISH_CLOSE, "closed"},
    {"reset", THEN_RESET, WISH_RESET, "reset"},
    {"half-close", THEN_HALF_CLOSE, WISH_HALF_CLOSE, NULL},
    {"stall", THEN_STALL, WISH_OPEN, NULL},
};

static void then_is_obeyed_after_the_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof thens / sizeof *thens; i++) {
        struct desk *d = desk_ordered(AT_NOOP, 250, "x",
                                      (struct smtp_action){.then = thens[i].then});
        pump_feed(&d->pump, "NOOP\r\nRSET\r\n", 12);
        assert_string_equal(d->pump.sent, "220 ESMTP\r\n250 x\r\n");
        assert_int_equal(d->pump.wish, thens[i].wish);
        assert_int_equal(d->pump.in_len, 0);
        assert_true((d->book.closed == NULL) == (thens[i].closed == NULL));
        free(d);
    }
}

static void silence_and_pending(void **state)
{
    (void)state;
    struct desk *d = desk_ordered(AT_NOOP, 0, NULL, (struct smtp_action){.no_reply = true});
    pump_feed(&d->pump, "NOOP\r\nRSET\r\n", 12);
    assert_string_equal(d->pump.sent, "220 ESMTP\r\n250 2.0.0 Ok\r\n");
    free(d);
    d = desk_ordered(AT_RCPT, 0, NULL, (struct smtp_action){.pending = true});
    const char *in = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\n";
    pump_feed(&d->pump, in, strlen(in));
    assert_string_equal(d->pump.sent, "220 ESMTP\r\n250 2.1.0 Ok\r\n");
    smtp_server_resume(&d->server);
    pump_run(&d->pump);
    assert_string_equal(d->pump.sent,
                        "220 ESMTP\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n");
    assert_string_equal(d->book.seen,
                        "connect()0;banner()0;MAIL(<a@b>)0;RCPT(<c@d>)0;RCPT(<c@d>)0r;RSET()0;");
    free(d);
}

static void ten_thousand_lines(void **state)
{
    (void)state;
    struct desk *d = desk_ordered(AT_NOOP, 250, "first", (struct smtp_action){.more = true});
    d->book.more_left = 10000;
    pump_feed(&d->pump, "NOOP\r\n", 6);
    assert_int_equal(d->pump.sent_len, strlen("220 ESMTP\r\n250 first\r\n250 end\r\n") +
                                           10000 * strlen("250-more\r\n"));
    free(d);
}

static void ends_and_patience(void **state)
{
    (void)state;
    struct desk *d = desk_new();
    pump_feed(&d->pump, "NOO", 3);
    assert_int_equal(pump_wait(&d->pump), 5 * CLOCK_MINUTE);
    assert_string_equal(d->book.closed, "timeout");
    free(d);
    d = desk_new();
    pump_feed(&d->pump, "NOO", 3);
    d->pump.peer = PEER_FIN;
    pump_run(&d->pump);
    assert_string_equal(d->book.closed, "peer-closed");
    assert_int_equal(d->pump.wish, WISH_CLOSE);
    free(d);
    d = desk_new();
    pump_run(&d->pump);
    d->pump.peer = PEER_RESET;
    pump_run(&d->pump);
    assert_string_equal(d->book.closed, "peer-reset");
    d->pump.machine.ops->ended(d->pump.machine.self);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialogue_at_every_split),
        cmocka_unit_test(other_ends_of_data_at_every_split),
        cmocka_unit_test(line_without_end_is_consumed),
        cmocka_unit_test(delayed_reply_comes_at_its_instant),
        cmocka_unit_test(shapes_cut_as_told),
        cmocka_unit_test(dripping_keeps_its_gap),
        cmocka_unit_test(then_is_obeyed_after_the_reply),
        cmocka_unit_test(silence_and_pending),
        cmocka_unit_test(ten_thousand_lines),
        cmocka_unit_test(ends_and_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
