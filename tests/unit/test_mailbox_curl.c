/*
 * A mailbox's server as a machine in the same loop: it answers each command by a table, in which a
 * row of a test may replace one answer. In answers `$` is the command's tag; "!" ends the
 * connection, "" is silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "drive/loop/loop.h"
#include "drive/mailbox/mailbox_curl.h"

enum { SESSIONS_MAX = 8, HEARD_MAX = 2048, TOLD_MAX = 1024 };
#define PASSWORD "hush-hush"

struct reaction {
    const char *verb, *answer;
};

static const struct reaction imap_answers[] = {
    {"GREETING", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n"},
    {"CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n$ OK\r\n"},
    {"AUTHENTICATE", "$ OK welcome\r\n"},
    {"EXAMINE", "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n$ OK\r\n"},
    {"SELECT", "* OK [UIDVALIDITY 7] x\r\n$ OK\r\n"},
    {"UID SEARCH", "* SEARCH 1 2\r\n$ OK\r\n"},
    {"UID FETCH", "* 2 FETCH (UID 2 BODY[]<0> {4}\r\nbody)\r\n$ OK\r\n"},
    {"UID STORE", "$ OK\r\n"},
    {"UID EXPUNGE", "$ OK\r\n"},
    {"LOGOUT", "* BYE\r\n$ OK\r\n"},
    {NULL, "$ BAD\r\n"}};

static const struct reaction pop3_answers[] = {
    {"GREETING", "+OK hello\r\n"},
    {"CAPA", "+OK\r\nSASL PLAIN\r\nUIDL\r\n.\r\n"},
    {"AUTH PLAIN", "+ \r\n"},
    {"AG", "+OK welcome\r\n"}, /* the credentials in base 64 begin so */
    {"UIDL 2", "+OK 2 7.2\r\n"},
    {"UIDL", "+OK\r\n1 7.1\r\n2 7.2\r\n.\r\n"},
    {"TOP", "+OK\r\nbody\r\n.\r\n"},
    {"DELE", "+OK\r\n"},
    {"QUIT", "+OK bye\r\n"},
    {NULL, "-ERR\r\n"}};

struct row {
    const char *label;
    bool imap;
    struct reaction instead; /* of the table's */
    const char *todo;        /* l(ist) f(etch) r(emove), or h(ang up: the server ends all) */
    const char *told;
    unsigned connections;
};

struct session {
    struct rig *rig;
    struct link *link;
    size_t line_len;
    char line[512];
    bool greeted, hang_up, live;
};

struct rig {
    const struct row *row;
    struct loop *loop;
    struct world *world;
    struct mailbox_curl *box;
    struct session session[SESSIONS_MAX];
    unsigned connections;
    const char *todo;
    struct strbuf told, heard;
    char told_memory[TOLD_MAX], heard_memory[HEARD_MAX];
    struct world_timer guard;
};

static void answer(struct session *s, struct machine_io *io, struct span line)
{
    const struct row *row = s->rig->row;
    const struct reaction *r = row->imap ? imap_answers : pop3_answers;
    size_t space = row->imap && s->greeted ? span_chr(line, ' ') : 0;
    struct span tag = span_to(line, space), words = span_trim(span_from(line, space));
    while (r->verb != NULL && !span_istarts(words, span_of(r->verb)))
        r++;
    const char *text = r->answer;
    if (row->instead.verb != NULL && span_istarts(words, span_of(row->instead.verb)))
        text = row->instead.answer;
    s->hang_up = text[0] == '!';
    for (; *text != '\0' && !s->hang_up; text++) {
        struct span part = *text == '$' ? tag : (struct span){text, 1};
        memcpy(io->out + io->out_len, part.ptr, part.len);
        io->out_len += part.len;
    }
}

static enum machine_wish step(void *self, struct machine_io *io)
{
    struct session *s = self;
    if (!s->greeted && io->peer == PEER_OPEN) {
        answer(s, io, SPAN("GREETING"));
        s->greeted = true;
    }
    for (; io->in_used < io->in_len; io->in_used++) {
        char c = io->in[io->in_used];
        if (c == '\n') {
            strbuf_add(&s->rig->heard, (struct span){s->line, s->line_len});
            answer(s, io, (struct span){s->line, s->line_len - 1});
            s->line_len = 0;
        } else if (s->line_len < sizeof(s->line)) {
            s->line[s->line_len++] = c;
        }
    }
    io->out_ready = io->out_len;
    return s->hang_up || io->peer > PEER_OPEN ? WISH_CLOSE : WISH_OPEN;
}

static int64_t deadline(const void *self)
{
    (void)self;
    return CLOCK_NEVER - 1;
}

static void session_ended(void *self)
{
    ((struct session *)self)->live = false;
}

static const struct machine_ops session_ops = {"store", step, deadline, session_ended};

static bool on_accept(void *self, struct link *link, const struct endpoint *local,
                      const struct endpoint *peer, struct machine *machine)
{
    struct rig *r = self;
    struct session *s = &r->session[r->connections++];
    (void)local;
    (void)peer;
    *s = (struct session){.rig = r, .link = link, .live = true};
    *machine = (struct machine){&session_ops, s};
    return true;
}

static void next(struct rig *r)
{
    struct mailbox m = mailbox_curl_mailbox(r->box);
    char what = *r->todo;
    if (what == '\0') {
        world_stop(r->world);
        return;
    }
    r->todo++;
    switch (what) {
    case 'l':
        m.ops->list(m.self);
        break;
    case 'f':
        m.ops->fetch(m.self, SPAN("7.2"));
        break;
    case 'r':
        m.ops->remove(m.self, SPAN("7.2"));
        break;
    default: /* the server ends its sessions, while the mailbox is idle */
        for (unsigned i = 0; i < r->connections; i++)
            if (r->session[i].live) {
                r->session[i].hang_up = true;
                world_wake(r->world, r->session[i].link);
            }
        next(r);
        break;
    }
}

static void tell(struct rig *r, const char *what, enum mailbox_status status, struct span more)
{
    static const char *const names[] = {"ok", "gone", "trouble", "refused"};
    strbuf_addf(&r->told, "%s %s: ", what, names[status]);
    strbuf_add(&r->told, more);
    strbuf_addc(&r->told, '\n');
    next(r);
}

static void on_entry(void *self, struct span uid, uint64_t size)
{
    struct rig *r = self;
    (void)size;
    strbuf_add(&r->told, uid);
    strbuf_addc(&r->told, ' ');
}

static void on_listed(void *self, enum mailbox_status status, struct span why)
{
    tell(self, "list", status, why);
}

static void on_fetched(void *self, enum mailbox_status status, struct span uid, struct span content,
                       bool truncated, struct span why)
{
    assert_true(span_equal(uid, SPAN("7.2")));
    assert_false(truncated);
    tell(self, "fetch", status, status == MAILBOX_OK ? content : why);
}

static void on_removed(void *self, enum mailbox_status status, struct span uid, struct span why)
{
    assert_true(span_equal(uid, SPAN("7.2")));
    tell(self, "remove", status, why);
}

static void give_up(void *self)
{
    strbuf_adds(&((struct rig *)self)->told, "(never answered)");
    world_stop(((struct rig *)self)->world);
}

static struct rig *rig_new(const struct row *row)
{
    static const struct endpoint any_port = {.family = 4, .bytes = {127, 0, 0, 1}};
    struct rig *r = calloc(1, sizeof(*r));
    struct endpoint at;
    char memory[256];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof(memory));
    strbuf_init(&r->told, r->told_memory, sizeof(r->told_memory));
    strbuf_init(&r->heard, r->heard_memory, sizeof(r->heard_memory));
    r->row = row;
    r->todo = row->todo;
    r->loop = loop_new(&(struct loop_config){0}, &error);
    r->world = loop_world(r->loop);
    assert_non_null(
        world_listen(r->world, &any_port, (struct acceptor){on_accept, r}, &at, &error));
    struct mailbox_curl_config config = {
        .imap = row->imap,
        .host = "127.0.0.1",
        .port = at.port,
        .folder = "INBOX",
        .user = "me@canary.test",
        .password = SPAN(PASSWORD),
        .silence_ns = 300 * CLOCK_MS};
    struct mailbox_user user = {on_entry, on_listed, on_fetched, on_removed, r};
    r->box = mailbox_curl_new(r->loop, &config, user, &error);
    assert_non_null(r->box);
    return r;
}

static void check_row(const struct row *row)
{
    struct rig *r = rig_new(row);
    world_timer_init(&r->guard, give_up, r);
    world_timer_set(r->world, &r->guard, world_now(r->world) + 20 * CLOCK_SECOND);
    next(r);
    loop_run(r->loop);
    world_timer_stop(r->world, &r->guard);
    if (strcmp(r->told.ptr, row->told) != 0 || r->connections != row->connections)
        fail_msg("%s: %u connections, told:\n%sheard:\n%s", row->label, r->connections, r->told.ptr,
                 r->heard.ptr);
    assert_null(strstr(r->told.ptr, PASSWORD));
    assert_null(strstr(r->heard.ptr, "STORE 1"));
    mailbox_curl_free(r->box);
    loop_free(r->loop);
    free(r);
}

#define LISTED "7.1 7.2 list ok: \n"
#define CLOSED "the server closed the connection\n"
#define SILENT "the server said nothing for 0 s\n"

static const struct row rows[] = {
    {"imap: list, fetch and remove in one session",
     true,
     {NULL, NULL},
     "lfr",
     LISTED "fetch ok: body\nremove ok: \n",
     1},
    {"pop3: a removal ends the session",
     false,
     {NULL, NULL},
     "lfrl",
     LISTED "fetch ok: body\r\n\nremove ok: \n" LISTED,
     2},
    {"pop3: each list is a session",
     false,
     {NULL, NULL},
     "llf",
     LISTED LISTED "fetch ok: body\r\n\n",
     2},
    {"imap: a session that was lost while idle is made anew",
     true,
     {NULL, NULL},
     "lhf",
     LISTED "fetch ok: body\n",
     2},
    {"imap: the password is wrong",
     true,
     {"AUTHENTICATE", "$ NO [AUTHENTICATIONFAILED] no\r\n"},
     "l",
     "list refused: the server does not let us in: A002 NO [AUTHENTICATIONFAILED] no\n",
     1},
    {"imap: a server that repeats the password",
     true,
     {"AUTHENTICATE", "$ NO is '" PASSWORD "' not " PASSWORD "\r\n"},
     "l",
     "list refused: the server does not let us in: A002 NO is '***' not ***\n",
     1},
    {"imap: nobody is let in for the moment",
     true,
     {"AUTHENTICATE", "$ NO [UNAVAILABLE] x\r\n"},
     "l",
     "list trouble: the server does not let us in: A002 NO [UNAVAILABLE] x\n",
     1},
    {"pop3: the password is wrong",
     false,
     {"AG", "-ERR [AUTH] no\r\n"},
     "l",
     "list refused: the server does not let us in: -ERR [AUTH] no\n",
     1},
    {"pop3: the mailbox is locked",
     false,
     {"AG", "-ERR [IN-USE] wait\r\n"},
     "l",
     "list trouble: the server does not let us in: -ERR [IN-USE] wait\n",
     1},
    {"imap: dropped in a list",
     true,
     {"UID SEARCH", "!"},
     "ll",
     "list trouble: " CLOSED "list trouble: " CLOSED,
     2},
    {"pop3: dropped in a message", false, {"TOP", "!"}, "lf", LISTED "fetch trouble: " CLOSED, 1},
    {"imap: silent in a message",
     true,
     {"UID FETCH", ""},
     "lf",
     LISTED "fetch trouble: " SILENT,
     1},
    {"pop3: silent in a list", false, {"UIDL", ""}, "l", "list trouble: " SILENT, 1},
    {"imap: the message went",
     true,
     {"UID FETCH", "$ OK\r\n"},
     "lf",
     LISTED "fetch gone: the message is not in the folder any more\n",
     1},
    {"imap: the server says farewell",
     true,
     {"UID FETCH", "* BYE bye\r\n"},
     "lfl",
     LISTED "fetch trouble: the server ends the session: BYE bye\n" LISTED,
     2},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

/* No connection, no greeting, or something that is no mail store: trouble, whatever it is. */
static void test_not_a_mail_store(void **state)
{
    static const char *const greetings[] = {"!", "", "SSH-2.0-x\r\n", "* BYE no\r\n"};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(greetings) / sizeof(greetings[0]); i++) {
        struct row row = {.label = greetings[i / 2],
                          .imap = i % 2 == 0,
                          .instead = {"GREETING", greetings[i / 2]},
                          .todo = "l"};
        struct rig *r = rig_new(&row);
        next(r);
        loop_run(r->loop);
        if (!span_starts(strbuf_span(&r->told), SPAN("list trouble: ")))
            fail_msg("%s: %s", row.label, r->told.ptr);
        mailbox_curl_free(r->box);
        loop_free(r->loop);
        free(r);
    }
}

static void test_a_cancelled_operation_is_not_answered(void **state)
{
    static const struct row row = {.label = "cancel", .imap = true, .todo = "l"};
    (void)state;
    struct rig *r = rig_new(&row);
    struct mailbox m = mailbox_curl_mailbox(r->box);
    m.ops->cancel(m.self); /* nothing is under way */
    m.ops->fetch(m.self, SPAN("7.2"));
    m.ops->cancel(m.self);
    next(r);
    loop_run(r->loop);
    assert_string_equal(r->told.ptr, LISTED);
    mailbox_curl_free(r->box);
    loop_free(r->loop);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_not_a_mail_store),
        cmocka_unit_test(test_a_cancelled_operation_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
