/*
 * test_collect.c - mail that comes home to runs that are over, by a ledger in memory; and runs
 * printed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive/ledger/ledger_memory.h"
#include "probe/home/collect.h"
#include "probe/program/ledger_print.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Tokens of the one form that was sent (R, S), and of the control. */
#define R "raaaaaaaaaaaaaaa"
#define S "saaaaaaaaaaaaaaa"
#define C "rcccccccccccccccc"
#define FIELD(token) "X-Relaylab-Token: " token "\r\n\r\nbody"
#define DSN(mta, action, more)                                                                   \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"     \
    "Content-Type: text/plain\r\n\r\nno\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" \
    "Reporting-MTA: dns; " mta "\r\n\r\nFinal-Recipient: rfc822; x+" R "@canary.test\r\n"        \
    "Action: " action "\r\nStatus: 5.1.1\r\n" more "\r\n--b\r\nContent-Type: message/rfc822\r\n" \
    "\r\nX-Relaylab-Token: " R "\r\n\r\nbody\r\n--b--\r\n"

struct fixture {
    struct ledger_memory *memory;
    struct ledger ledger;
    struct ledger_reader reader;
    struct collect collect;
};

static void write_message(struct fixture *f, const char *form, const char *sender,
                          const char *letters)
{
    struct token_pair pair;
    memset(pair.sender.text, letters[0], TOKEN_LEN);
    memset(pair.recipient.text, letters[0], TOKEN_LEN);
    pair.sender.text[0] = 's';
    pair.recipient.text[0] = 'r';
    pair.sender.text[TOKEN_LEN] = pair.recipient.text[TOKEN_LEN] = '\0';
    struct ledger_message m = {
        .run = SPAN("run-a"),
        .form = span_of(form),
        .sender = span_of(sender),
        .recipient = SPAN("x+" R "@canary.test"),
        .message_id = SPAN("id"),
        .tokens = &pair,
        .attempt = 1,
        .epoch_s = 1000};
    assert_true(f->ledger.ops->message(f->ledger.self, &m));
}

static void say_verdict(struct fixture *f, const char *verdict)
{
    struct ledger_verdict v = {SPAN("run-a"), span_of(verdict), SPAN("code"),
                               SPAN("why"),   SPAN("run"),      1100};
    if (verdict[0] != '\0')
        assert_true(f->ledger.ops->verdict(f->ledger.self, &v));
}

static struct fixture *set_up(const char *kind, const char *sender, const char *verdict)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->memory = ledger_memory_new();
    f->ledger = ledger_memory_ledger(f->memory);
    f->reader = ledger_memory_reader(f->memory);
    struct ledger_run run = {.run = SPAN("run-a"),
                             .target = SPAN("192.0.2.1:25"),
                             .target_name = SPAN("victim.test"),
                             .greeting = SPAN("mx.victim.test"),
                             .canary = SPAN("x@other.test, x@canary.test"),
                             .sender = SPAN("p@sender.test"),
                             .epoch_s = 900};
    struct ledger_form form = {
        .run = SPAN("run-a"), .form = SPAN("S1-R1"), .kind = span_of(kind), .epoch_s = 1000};
    assert_true(f->ledger.ops->run(f->ledger.self, &run));
    assert_true(f->ledger.ops->form(f->ledger.self, &form));
    write_message(f, "S1-R1", sender, "a");
    write_message(f, "control-before", "x@canary.test", "c");
    say_verdict(f, verdict);
    assert_true(collect_init(&f->collect, f->ledger, f->reader));
    return f;
}

static void tear_down(struct fixture *f)
{
    ledger_memory_free(f->memory);
    free(f);
}

static bool take(struct fixture *f, const char *sender, const char *to, const char *content,
                 struct collected *out)
{
    struct span recipient = span_of(to);
    struct mail_view mail = {span_of(sender), &recipient, to[0] != '\0', span_of(content)};
    return collect_mail(&f->collect, SPAN("maildir:/m"), &mail, 1000 + 26 * 3600, out);
}

struct last {
    char verdict[32], cause[16];
    unsigned verdicts, arrivals;
};

static void see_verdict(void *self, const struct ledger_verdict *v)
{
    struct last *l = self;
    bytes_copy(l->verdict, sizeof l->verdict, v->verdict);
    bytes_copy(l->cause, sizeof l->cause, v->cause);
    l->verdicts++;
}

static void see_arrival(void *self, const struct ledger_arrival *a)
{
    struct last *l = self;
    assert_true(a->head.len > 0);
    l->arrivals++;
}

static struct last last_of(struct fixture *f)
{
    struct last l = {.verdicts = 0};
    struct ledger_visitor v = {.verdict = see_verdict, .arrival = see_arrival, .self = &l};
    assert_int_equal(f->reader.ops->show(f->reader.self, SPAN("run-a"), &v), LEDGER_FOUND);
    f->reader.ops->strays(f->reader.self, &v);
    return l;
}

static const struct {
    const char *label, *was, *kind, *sender, *recipient, *content;
    enum arrival_kind arrival;
    const char *now;
    unsigned arrivals;
} rows[] = {
    {"a delivery", "discards", "external", "p@a.test", "x+" R "@canary.test", FIELD(R),
     ARRIVAL_DELIVERY, "open", 1},
    {"closed is withdrawn", "closed", "ambiguous", "p@a.test", "", FIELD(R), ARRIVAL_DELIVERY,
     "open", 1},
    {"bounced and delivered", "bounces", "external", "p@a.test", "", FIELD(R), ARRIVAL_DELIVERY,
     "open", 1},
    {"accepts is proved", "accepts", "external", "p@a.test", "", FIELD(R), ARRIVAL_DELIVERY, "open",
     1},
    {"the run was killed", "", "external", "p@a.test", "", FIELD(R), ARRIVAL_DELIVERY, "open", 1},
    {"open already", "open", "external", "p@a.test", "", FIELD(R), ARRIVAL_DELIVERY, "open", 1},
    {"the field is gone, the envelope speaks", "discards", "external", "p@a.test",
     "X+" R "@canary.test", "Subject: a\r\n\r\nb", ARRIVAL_DELIVERY, "open", 1},
    {"the control", "discards", "external", "x@canary.test", "", FIELD("rccccccccccccccc"),
     ARRIVAL_CONTROL, "discards", 0},
    {"somebody else's", "discards", "external", "p@a.test", "x@canary.test", "Subject: a\r\n\r\nb",
     ARRIVAL_FOREIGN, "discards", 0},
    {"a forged field", "discards", "external", "p@a.test", "", FIELD("raaaaaaaaaaaaaab"),
     ARRIVAL_FORGED, "discards", 1},
    {"the sender's token in our field", "discards", "external", "p@a.test", "", FIELD(S),
     ARRIVAL_UNCLEAR, "accepts", 1},
    {"a forged address", "discards", "external", "p@a.test", "x+raaaaaaaaaaaaaab@canary.test",
     "Subject: a\r\n\r\nb", ARRIVAL_FORGED, "discards", 1},
    {"the same tag in another's domain", "discards", "external", "p@a.test",
     "x+raaaaaaaaaaaaaab@example.test", "Subject: a\r\n\r\nb", ARRIVAL_FOREIGN, "discards", 0},
    {"quoted", "closed", "external", "p@a.test", "", "Subject: a\r\n\r\n> " R, ARRIVAL_UNCLEAR,
     "accepts", 1},
    {"quoted, after the proof", "open", "external", "p@a.test", "", "Subject: a\r\n\r\n> " R,
     ARRIVAL_UNCLEAR, "open", 1},
    {"the target's bounce", "discards", "external", "", "p+" S "@sender.test",
     DSN("mx.victim.test", "failed", ""), ARRIVAL_REPORT, "bounces", 1},
    {"its bounce, by the name that was given", "discards", "external", "", "",
     DSN("victim.test", "failed", ""), ARRIVAL_REPORT, "bounces", 1},
    {"of an ambiguous form", "discards", "ambiguous", "", "", DSN("mx.victim.test", "failed", ""),
     ARRIVAL_REPORT, "discards", 1},
    {"another's bounce", "discards", "external", "", "", DSN("mx.other.test", "failed", ""),
     ARRIVAL_REPORT, "discards", 1},
    {"a delay is no bounce", "discards", "external", "", "", DSN("mx.victim.test", "delayed", ""),
     ARRIVAL_REPORT, "discards", 1},
    {"the canary's side refused", "closed", "external", "", "",
     DSN("mx.victim.test", "failed", "Remote-MTA: dns; mx.canary.test\r\n"), ARRIVAL_REPORT,
     "accepts", 1},
    {"a bounce of what was delivered", "open", "external", "", "",
     DSN("mx.victim.test", "failed", ""), ARRIVAL_REPORT, "open", 1},
};

static void mail_changes_the_verdict_of_its_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *f = set_up(rows[i].kind, "p@sender.test", rows[i].was);
        struct collected what;
        for (unsigned again = 0; again < 2; again++) {
            assert_true(take(f, rows[i].sender, rows[i].recipient, rows[i].content, &what));
            struct last l = last_of(f);
            bool changed = strcmp(rows[i].was, rows[i].now) != 0;
            unsigned verdicts = (unsigned)changed + (rows[i].was[0] != '\0');
            if (what.kind != rows[i].arrival || strcmp(l.verdict, rows[i].now) != 0 ||
                l.verdicts != verdicts || l.arrivals != rows[i].arrivals ||
                what.changed != (changed && again == 0))
                fail_msg("%s: kind %d, verdict %s, %u verdicts, %u arrivals", rows[i].label,
                         (int)what.kind, l.verdict, l.verdicts, l.arrivals);
        }
        tear_down(f);
    }
}

/* Where a reply to the form would go, the envelope alone proves nothing. */
static void asked_in_the_recipients_own_name(void **state)
{
    struct fixture *f = set_up("external", "x+" R "@canary.test", "discards");
    struct collected what;
    (void)state;
    assert_true(take(f, "m@a.test", "x+" R "@canary.test", "Subject: re\r\n\r\nb", &what));
    assert_int_equal(what.kind, ARRIVAL_UNCLEAR);
    assert_true(take(f, "m@a.test", "x+" R "@canary.test", FIELD(R), &what));
    assert_int_equal(what.kind, ARRIVAL_DELIVERY);
    assert_string_equal(last_of(f).verdict, "open");
    tear_down(f);
}

static void words(void **state)
{
    struct fixture *f = set_up("external", "p@sender.test", "discards");
    char memory[512];
    struct strbuf out;
    struct collected what;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    assert_true(take(f, "p@a.test", "", FIELD(R), &what));
    assert_string_equal(what.reason, "S1-R1 came home 1 d 02 h after it was sent");
    collect_print(&out, &what);
    assert_string_equal(memory,
                        "run run-a, 192.0.2.1:25: S1-R1, sent 1970-01-01T00:16:40Z, came home, "
                        "seen 1970-01-02T02:16:40Z; verdict open, was discards at "
                        "1970-01-01T00:18:20Z");
    assert_true(take(f, "p@a.test", "", FIELD(R), &what));
    assert_true(what.again);
    strbuf_reset(&out);
    assert_true(take(f, "p@a.test", "", FIELD("\x1b[31m"), &what));
    collect_print(&out, &what);
    assert_string_equal(memory, "a forged or altered token, which counts for nothing: \\x1b[31m");
    strbuf_reset(&out);
    assert_true(take(f, "p@a.test", "", "Subject: a\r\n\r\n", &what));
    collect_print(&out, &what);
    assert_string_equal(memory, "");
    tear_down(f);
}

static void a_ledger_that_fails_says_so(void **state)
{
    struct fixture *f = set_up("external", "p@sender.test", "discards");
    struct collected what;
    (void)state;
    ledger_memory_break(f->memory, true);
    assert_false(take(f, "p@a.test", "", FIELD(R), &what));
    assert_false(what.changed);
    assert_false(collect_init(&f->collect, f->ledger, f->reader));
    tear_down(f);
}

static void count_change(void *self, const struct collected *what)
{
    assert_true(what->changed && what->now == VERDICT_OPEN);
    assert_string_equal(what->match.form, "S1-R1");
    ++*(unsigned *)self;
}

/* Killed between the row of the arrival and that of the verdict. */
static void what_was_seen_is_settled(void **state)
{
    static const char *const verdicts[] = {"", "discards", "open"};
    (void)state;
    for (size_t i = 0; i < COUNT(verdicts); i++) {
        struct fixture *f = set_up("external", "p@sender.test", verdicts[i]);
        unsigned changes = 0;
        struct ledger_arrival a = {.kind = LEDGER_DELIVERY,
                                   .run = SPAN("run-a"),
                                   .form = SPAN("S1-R1"),
                                   .token = SPAN(R),
                                   .head = SPAN("Subject: a"),
                                   .epoch_s = 1050};
        assert_true(collect_settle(&f->collect, 5000, count_change, &changes));
        assert_int_equal(changes, 0);
        assert_true(f->ledger.ops->arrival(f->ledger.self, &a));
        assert_true(collect_settle(&f->collect, 5000, count_change, &changes));
        assert_true(collect_settle(&f->collect, 5000, count_change, &changes));
        assert_int_equal(changes, strcmp(verdicts[i], "open") != 0);
        assert_string_equal(last_of(f).verdict, "open");
        tear_down(f);
    }
}

static bool keep(void *self, struct span text)
{
    strbuf_add(self, text);
    return true;
}

static void runs_are_printed(void **state)
{
    static char page[LEDGER_PAGE_MAX], memory[8192];
    struct fixture *f = set_up("external", "p@sender.test", "discards");
    struct collected what;
    struct strbuf out;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    struct ledger_printer p = {.emit = keep, .self = &out};
    strbuf_init(&p.page, page, sizeof page);
    assert_true(take(f, "p@a.test", "", FIELD(R), &what));
    assert_int_equal(ledger_print_runs(&p, f->reader), LEDGER_FOUND);
    assert_string_equal(memory, "run-a             1970-01-01T00:15:00Z  192.0.2.1:25            2 "
                                "sent    1 home    0 reports  open, collected later\n");
    strbuf_reset(&out);
    assert_int_equal(ledger_print_run(&p, f->reader, SPAN("run-a")), LEDGER_FOUND);
    assert_non_null(strstr(memory, "\nmessages sent\n  1970-01-01T00:16:40Z  S1-R1 "));
    assert_non_null(strstr(memory, "\nverdicts, the last one counts\n"
                                   "  1970-01-01T00:18:20Z  discards (code): why\n"
                                   "  1970-01-02T02:16:40Z  open (delivered, collected later): "
                                   "S1-R1 came home 1 d 02 h"));
    strbuf_reset(&out);
    assert_int_equal(ledger_export_run(&p, f->reader, SPAN("run-a")), LEDGER_FOUND);
    assert_non_null(strstr(memory, "{\"schema_version\":1,\"run\":\"run-a\","));
    assert_non_null(strstr(memory, "\"arrivals\":[{\"kind\":\"delivery\",\"form\":\"S1-R1\","));
    assert_non_null(strstr(memory, "\"cause\":\"collect\",\"at\":\"1970-01-02T02:16:40Z\"}]}\n"));
    strbuf_reset(&out);
    p.section = NULL;
    assert_int_equal(ledger_export_run(&p, f->reader, SPAN("run-z")), LEDGER_UNKNOWN);
    assert_string_equal(memory, "");
    tear_down(f);
}

/* Lists without a row are there too. */
static void an_empty_run_is_exported_whole(void **state)
{
    static char page[LEDGER_PAGE_MAX], memory[2048];
    struct ledger_memory *m = ledger_memory_new();
    struct ledger l = ledger_memory_ledger(m);
    struct ledger_run run = {.run = SPAN("run-b"), .epoch_s = 900};
    struct strbuf out;
    (void)state;
    strbuf_init(&out, memory, sizeof memory);
    struct ledger_printer p = {.emit = keep, .self = &out};
    strbuf_init(&p.page, page, sizeof page);
    assert_true(l.ops->run(l.self, &run));
    assert_int_equal(ledger_export_run(&p, ledger_memory_reader(m), SPAN("run-b")), LEDGER_FOUND);
    assert_non_null(
        strstr(memory, "\"forms\":[],\"messages\":[],\"arrivals\":[],\"verdicts\":[]}\n"));
    strbuf_reset(&out);
    assert_int_equal(ledger_print_runs(&p, ledger_memory_reader(m)), LEDGER_FOUND);
    assert_non_null(strstr(memory, "no verdict\n"));
    ledger_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_changes_the_verdict_of_its_run),
        cmocka_unit_test(asked_in_the_recipients_own_name),
        cmocka_unit_test(words),
        cmocka_unit_test(a_ledger_that_fails_says_so),
        cmocka_unit_test(what_was_seen_is_settled),
        cmocka_unit_test(runs_are_printed),
        cmocka_unit_test(an_empty_run_is_exported_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
