/*
 * test_sink.c - the sink in the simulator: what it takes, what it refuses, what it tells, and what
 * it cannot be made to do. Each row is everything a client says, sent in one piece and then octet
 * by octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive/sim/sim.h"
#include "probe/home/sink.h"

enum { HEARD_MAX = 65536, TOLD_MAX = 4096 };

struct talker { /* says its text `piece` octets a step, and hears until the other side ends */
    const char *text;
    size_t len, said, piece;
    bool leave; /* break off once everything was said and answered by at least the banner */
    bool ended;
    size_t heard_len;
    char heard[HEARD_MAX];
};

static enum machine_wish talker_step(void *self, struct machine_io *io)
{
    struct talker *t = self;
    size_t room = io->out_cap - io->out_len;
    size_t left = t->len - t->said;
    size_t n = left < room ? left : room;

    if (n > t->piece)
        n = t->piece;
    if (io->in_len > 0 && t->heard_len + io->in_len < HEARD_MAX) {
        memcpy(t->heard + t->heard_len, io->in, io->in_len);
        t->heard_len += io->in_len;
    }
    io->in_used = io->in_len;
    if (io->peer == PEER_CONNECTING)
        return WISH_OPEN;
    if (io->peer != PEER_OPEN)
        return WISH_CLOSE;
    if (n > 0)
        memcpy(io->out + io->out_len, t->text + t->said, n);
    io->out_len += n;
    io->out_ready = io->out_len;
    t->said += n;
    return t->leave && t->said == t->len && t->heard_len > 0 ? WISH_CLOSE : WISH_OPEN;
}

static int64_t talker_deadline(const void *self)
{
    return ((const struct talker *)self)->ended ? CLOCK_NEVER : CLOCK_HOUR;
}

static void talker_ended(void *self)
{
    ((struct talker *)self)->ended = true;
}

static const struct machine_ops talker_ops = {
    .name = "talker", .step = talker_step, .deadline = talker_deadline, .ended = talker_ended};

struct lab {
    struct sim *sim;
    struct world *world;
    struct sink *sink;
    struct endpoint at;
    struct strbuf told;
    size_t content_len;
    unsigned mails;
    char memory[TOLD_MAX];
};

static void tell_mail(void *self, const struct mail_view *mail, bool truncated)
{
    struct lab *l = self;

    l->mails++;
    l->content_len = mail->content.len;
    strbuf_adds(&l->told, truncated ? "cut <" : "mail <");
    strbuf_add(&l->told, mail->sender);
    strbuf_addc(&l->told, '>');
    for (size_t i = 0; i < mail->recipient_count && i < 3; i++) {
        strbuf_addc(&l->told, ' ');
        strbuf_add(&l->told, mail->recipients[i]);
    }
    strbuf_adds(&l->told, ": ");
    strbuf_add_visible(&l->told, span_to(mail->content, 60));
    strbuf_addc(&l->told, '\n');
}

static void tell_callout(void *self, struct span sender, struct span recipient)
{
    struct lab *l = self;

    strbuf_adds(&l->told, "callout <");
    strbuf_add(&l->told, sender);
    strbuf_adds(&l->told, "> ");
    strbuf_add(&l->told, recipient);
    strbuf_addc(&l->told, '\n');
}

static void tell_refused(void *self, struct span recipient, struct span reply)
{
    struct lab *l = self;

    strbuf_adds(&l->told, recipient.ptr == NULL ? "turned away " : "refused ");
    strbuf_add_visible(&l->told, recipient);
    strbuf_addc(&l->told, ' ');
    strbuf_add(&l->told, span_to(reply, 9));
    strbuf_addc(&l->told, '\n');
}

static void lab_open(struct lab *l)
{
    struct sim_config config = {.seed = 1};
    struct sink_owner owner = {.mail = tell_mail, .callout = tell_callout, .refused = tell_refused};
    char memory[200];
    struct strbuf error;

    memset(l, 0, sizeof(*l));
    owner.self = l;
    strbuf_init(&l->told, l->memory, sizeof(l->memory));
    strbuf_init(&error, memory, sizeof(memory));
    l->sim = sim_new(&config);
    assert_non_null(l->sim);
    l->world = sim_world(l->sim);
    l->sink = sink_new(l->world, owner);
    assert_non_null(l->sink);
    assert_true(sink_domain_add(l->sink, SPAN("canary.test")));
    assert_true(sink_domain_add(l->sink, SPAN("example.test")));
    assert_true(endpoint_parse(SPAN("10.0.0.9:25"), false, &l->at));
    assert_true(sink_listen(l->sink, &l->at, NULL, &error));
}

static void lab_close(struct lab *l)
{
    sink_free(l->sink);
    sim_free(l->sim);
}

static struct talker *talk(struct lab *l, struct span text, size_t piece, bool leave)
{
    struct talker *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->text = text.ptr;
    t->len = text.len;
    t->piece = piece;
    t->leave = leave;
    assert_non_null(world_connect(l->world, NULL, &l->at, (struct machine){&talker_ops, t}));
    return t;
}

struct row {
    const char *label;
    const char *said;
    const char *told;  /* by the owner's callbacks */
    const char *heard; /* some of it */
    bool leave;
};

#define HELLO "EHLO mx.victim.test\r\n"
#define FROM "MAIL FROM:<p@victim.test>\r\n"
#define TO "RCPT TO:<probe@canary.test>\r\n"

static const struct row rows[] = {
    {"a message", HELLO FROM TO "DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n",
     "mail <p@victim.test> probe@canary.test: Subject: x\\r\\n\\r\\nhello\\r\\n\n",
     "250 2.0.0 Ok: seen", false},
    {"a null reverse-path", HELLO "MAIL FROM:<>\r\n" TO "DATA\r\nx\r\n.\r\nQUIT\r\n",
     "mail <> probe@canary.test: x\\r\\n\n", "221", false},
    {"two recipients, two domains",
     HELLO FROM TO "RCPT TO:<q@EXAMPLE.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
     "mail <p@victim.test> probe@canary.test q@EXAMPLE.test: x\\r\\n\n", "221", false},
    {"dots are unstuffed", HELLO FROM TO "DATA\r\n..x\r\n.\r\nQUIT\r\n",
     "mail <p@victim.test> probe@canary.test: .x\\r\\n\n", "221", false},
    {"the last BDAT ends a message", HELLO FROM TO "BDAT 3\r\nab\nBDAT 2 LAST\r\ncdQUIT\r\n",
     "mail <p@victim.test> probe@canary.test: ab\\ncd\n", "221", false},
    {"two messages in a session",
     HELLO FROM TO "DATA\r\n1\r\n.\r\n" FROM TO "DATA\r\n2\r\n.\r\nQUIT\r\n",
     "mail <p@victim.test> probe@canary.test: 1\\r\\n\nmail <p@victim.test> probe@canary.test: "
     "2\\r\\n\n",
     "221", false},
    {"not our domain", HELLO FROM "RCPT TO:<x@elsewhere.test>\r\nQUIT\r\n",
     "refused x@elsewhere.test 550 5.7.1\n", "550 5.7.1", false},
    {"our domain behind another", HELLO FROM "RCPT TO:<probe@canary.test@victim.test>\r\nQUIT\r\n",
     "refused probe@canary.test@victim.test 550 5.7.1\n", "550 5.7.1", false},
    {"no recipient at all", HELLO FROM "RCPT TO:\r\nQUIT\r\n", "", "501", false},
    {"an empty recipient", HELLO FROM "RCPT TO:<>\r\nQUIT\r\n", "refused <> 501 5.1.3\n", "501",
     false},
    {"RSET after RCPT is a callout", HELLO FROM TO "RSET\r\nQUIT\r\n",
     "callout <p@victim.test> probe@canary.test\n", "221", false},
    {"QUIT after RCPT is a callout", HELLO FROM TO "QUIT\r\n",
     "callout <p@victim.test> probe@canary.test\n", "221", false},
    {"leaving after RCPT is a callout", HELLO FROM TO,
     "callout <p@victim.test> probe@canary.test\n", "220", true},
    {"leaving within the message is a callout", HELLO FROM TO "DATA\r\nhalf a mess",
     "callout <p@victim.test> probe@canary.test\n", "220", true},
    {"a dot after a bare LF ends nothing", HELLO FROM TO "DATA\r\nx\n.\nQUIT\r\n",
     "callout <p@victim.test> probe@canary.test\n", "220", true},
    {"RCPT before MAIL", HELLO TO "QUIT\r\n", "", "503", false},
    {"nonsense, VRFY, AUTH and STARTTLS",
     HELLO "FOO\r\nVRFY x\r\nAUTH PLAIN\r\nSTARTTLS\r\nQUIT\r\n", "", "502", false},
};

static void run_row(const struct row *row, size_t piece)
{
    struct lab l;
    struct talker *t;

    lab_open(&l);
    t = talk(&l, span_of(row->said), piece, row->leave);
    sim_run(l.sim, 10 * CLOCK_MINUTE);
    if (row->told != NULL && strcmp(l.told.ptr, row->told) != 0)
        fail_msg("%s (in pieces of %zu): told '%s' instead of '%s'", row->label, piece, l.told.ptr,
                 row->told);
    if (strstr(t->heard, row->heard) == NULL)
        fail_msg("%s (in pieces of %zu): heard '%s' without '%s'", row->label, piece, t->heard,
                 row->heard);
    lab_close(&l);
    assert_true(t->ended);
    free(t);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i], SIZE_MAX);
        run_row(&rows[i], 1);
        run_row(&rows[i], 7);
    }
}

static void test_large_message_is_cut(void **state)
{
    static const char head[] = HELLO FROM TO "DATA\r\n";
    static const char tail[] = "\r\n.\r\nQUIT\r\n";
    size_t body = 3 * (size_t)SINK_MESSAGE_MAX;
    size_t len = sizeof(head) - 1 + body + sizeof(tail) - 1;
    char *text = malloc(len);
    struct lab l;
    struct talker *t;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
    lab_open(&l);
    t = talk(&l, (struct span){text, len}, SIZE_MAX, false);
    sim_run(l.sim, CLOCK_MINUTE);
    assert_int_equal(l.mails, 1);
    assert_int_equal(l.content_len, SINK_MESSAGE_MAX);
    assert_true(span_starts(strbuf_span(&l.told), SPAN("cut <p@victim.test> probe@canary.test")));
    lab_close(&l);
    free(t);
    free(text);
}

static void test_too_many_recipients(void **state)
{
    static char text[(MAIL_RCPT_MAX + 8) * 40];
    struct strbuf said;
    struct lab l;
    struct talker *t;

    (void)state;
    strbuf_init(&said, text, sizeof(text));
    strbuf_adds(&said, HELLO FROM);
    for (int i = 0; i < MAIL_RCPT_MAX + 1; i++)
        strbuf_adds(&said, TO);
    strbuf_adds(&said, "DATA\r\nx\r\n.\r\nQUIT\r\n");
    lab_open(&l);
    t = talk(&l, strbuf_span(&said), SIZE_MAX, false);
    sim_run(l.sim, CLOCK_MINUTE);
    assert_int_equal(l.mails, 1);
    assert_non_null(strstr(t->heard, "452 4.5.3"));
    assert_non_null(strstr(l.told.ptr, "refused probe@canary.test 452 4.5.3"));
    lab_close(&l);
    free(t);
}

static void test_too_many_sessions(void **state)
{
    struct talker *t[SINK_SESSIONS_DEFAULT + 1];
    struct lab l;

    (void)state;
    lab_open(&l);
    for (size_t i = 0; i < SINK_SESSIONS_DEFAULT + 1; i++)
        t[i] = talk(&l, SPAN(HELLO), SIZE_MAX, false);
    sim_run(l.sim, CLOCK_MINUTE);
    assert_non_null(strstr(l.told.ptr, "turned away"));
    assert_int_equal(t[SINK_SESSIONS_DEFAULT]->heard_len, 0);
    /* The patience of the sink ends, and there is room again. */
    sim_run(l.sim, 10 * CLOCK_MINUTE);
    free(t[0]);
    t[0] = talk(&l, SPAN(HELLO FROM TO "DATA\r\nx\r\n.\r\nQUIT\r\n"), SIZE_MAX, false);
    sim_run(l.sim, 11 * CLOCK_MINUTE);
    assert_int_equal(l.mails, 1);
    lab_close(&l);
    for (size_t i = 0; i < SINK_SESSIONS_DEFAULT + 1; i++)
        free(t[i]);
}

/* sink_free while a session stands: the session goes on, and tells nobody anything. */
static void test_free_before_the_end(void **state)
{
    struct lab l;
    struct talker *t;

    (void)state;
    lab_open(&l);
    t = talk(&l, SPAN(HELLO FROM TO), SIZE_MAX, false);
    sim_run(l.sim, CLOCK_SECOND);
    assert_non_null(strstr(t->heard, "250 2.1.5"));
    sink_free(l.sink);
    sim_run(l.sim, CLOCK_MINUTE);
    sim_free(l.sim);
    assert_string_equal(l.told.ptr, "");
    free(t);
}

static void test_domains(void **state)
{
    struct lab l;

    (void)state;
    lab_open(&l);
    assert_true(sink_domain_add(l.sink, SPAN("Canary.Test"))); /* known already */
    assert_true(sink_domain_add(l.sink, SPAN("a.test")));
    assert_true(sink_domain_add(l.sink, SPAN("b.test")));
    for (char name[] = "c.test"; name[0] < 'c' + SINK_DOMAINS_MAX - 4; name[0]++)
        assert_true(sink_domain_add(l.sink, span_of(name)));
    assert_false(sink_domain_add(l.sink, SPAN("z.test")));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_large_message_is_cut),
        cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_free_before_the_end),
        cmocka_unit_test(test_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
