/*
 * test_ledger.c - both ledgers by the same rows; and what only a file can do: modes, versions,
 * several at once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/ledger/ledger_memory.h"
#include "drive/ledger/ledger_sqlite.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* How often the disk was waited for: SQLite's calls end here. */
static unsigned sync_count;

int fsync(int fd)
{
    (void)fd;
    sync_count++;
    return 0;
}

int fdatasync(int fildes)
{
    return fsync(fildes);
}

struct fixture {
    char folder[64], path[96];
    struct ledger_sqlite *sqlite;
    struct ledger_memory *memory;
    struct ledger ledger[2];
    struct ledger_reader reader[2];
};

static struct ledger_sqlite *open_ledger(const char *path)
{
    char memory[512];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    struct ledger_sqlite *l = ledger_sqlite_open(path, LEDGER_SQLITE_MAKE, &error);
    if (l == NULL)
        fail_msg("%s", memory);
    return l;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    bytes_copy(f->folder, sizeof f->folder, SPAN("/tmp/relaylab-ledger-XXXXXX"));
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/ledger.db", f->folder);
    f->sqlite = open_ledger(f->path);
    f->memory = ledger_memory_new();
    f->ledger[0] = ledger_sqlite_ledger(f->sqlite);
    f->reader[0] = ledger_sqlite_reader(f->sqlite);
    f->ledger[1] = ledger_memory_ledger(f->memory);
    f->reader[1] = ledger_memory_reader(f->memory);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    ledger_sqlite_close(f->sqlite);
    ledger_memory_free(f->memory);
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", f->path, files[i]);
        unlink(path);
    }
    rmdir(f->folder);
    free(f);
    return 0;
}

/* -- what is written is written down as text, and compared */

static void say(void *self, const char *what, const struct span *text, size_t count, int64_t at)
{
    struct strbuf *out = self;
    strbuf_adds(out, what);
    for (size_t i = 0; i < count; i++) {
        strbuf_addc(out, '|');
        strbuf_add_visible(out, text[i]);
    }
    strbuf_addf(out, "|%d\n", (int)at);
}

static void say_run(void *self, const struct ledger_run *r, const struct ledger_counts *c)
{
    const struct span text[] = {r->run,    r->target,    r->target_name, r->vantage, r->canary,
                                r->sender, r->mailboxes, r->forms,       r->greeting};
    say(self, "run", text, COUNT(text), r->epoch_s);
    strbuf_addf(self, "counts %u %u %u %u %u\n", c->forms, c->messages, c->deliveries, c->reports,
                c->other);
}

static void say_form(void *self, const struct ledger_form *f)
{
    const struct span text[] = {f->run,       f->form,   f->kind,  f->sender,
                                f->recipient, f->answer, f->state, f->reply};
    say(self, "form", text, COUNT(text), f->epoch_s);
}

static void say_message(void *self, const struct ledger_message *m)
{
    const struct span text[] = {m->run,
                                m->form,
                                m->sender,
                                m->recipient,
                                m->message_id,
                                span_of(m->tokens->sender.text),
                                span_of(m->tokens->recipient.text)};
    say(self, "message", text, COUNT(text), m->epoch_s);
    strbuf_addf(self, "attempt %u\n", m->attempt);
}

static void say_arrival(void *self, const struct ledger_arrival *a)
{
    const struct span text[] = {
        span_of(ledger_arrival_name(a->kind)), a->run, a->form, a->mailbox, a->token, a->head};
    say(self, "arrival", text, COUNT(text), a->epoch_s);
}

static void say_verdict(void *self, const struct ledger_verdict *v)
{
    const struct span text[] = {v->run, v->verdict, v->reason_code, v->reason, v->cause};
    say(self, "verdict", text, COUNT(text), v->epoch_s);
}

static struct ledger_visitor visitor_of(struct strbuf *out)
{
    return (struct ledger_visitor){say_run, say_form, say_message, say_arrival, say_verdict, out};
}

static struct ledger_run run_row(const char *name, int64_t at)
{
    return (struct ledger_run){
        .run = span_of(name),
        .target = SPAN("192.0.2.1:25"),
        .target_name = SPAN("mx.victim.test"),
        .vantage = SPAN("outside"),
        .canary = SPAN("x@canary.test"),
        .sender = SPAN("p@canary.test"),
        .mailboxes = SPAN("sink://a b"),
        .forms = SPAN("standard"),
        .greeting = SPAN("hello"),
        .epoch_s = at};
}

static struct token_pair pair_of(char letter)
{
    struct token_pair pair;
    memset(pair.sender.text, letter, TOKEN_LEN);
    memset(pair.recipient.text, letter, TOKEN_LEN);
    pair.sender.text[TOKEN_LEN] = pair.recipient.text[TOKEN_LEN] = '\0';
    pair.sender.text[0] = 's';
    pair.recipient.text[0] = 'r';
    return pair;
}

static bool write_message(struct ledger l, const char *run, const char *form, char letter,
                          unsigned attempt)
{
    struct token_pair pair = pair_of(letter);
    struct ledger_message m = {
        .run = span_of(run),
        .form = span_of(form),
        .sender = SPAN("p@canary.test"),
        .recipient = SPAN("x@canary.test"),
        .message_id = SPAN("<id@probe.test>"),
        .tokens = &pair,
        .attempt = attempt,
        .epoch_s = 50 + attempt};
    return l.ops->message(l.self, &m);
}

static bool write_form(struct ledger l, const char *run, const char *form, const char *answer)
{
    struct ledger_form f = {
        .run = span_of(run),
        .form = span_of(form),
        .kind = SPAN("external"),
        .sender = SPAN("<>"),
        .recipient = SPAN("<x@canary.test>"),
        .answer = span_of(answer),
        .state = SPAN("accepted"),
        .reply = {"250 a\0b\xff", 8},
        .epoch_s = 40};
    return l.ops->form(l.self, &f);
}

static bool write_arrival(struct ledger l, const char *run, const char *form,
                          enum ledger_arrival_kind kind, const char *head)
{
    struct ledger_arrival a = {.kind = kind,
                               .run = span_of(run),
                               .form = span_of(form),
                               .mailbox = SPAN("sink://127.0.0.1:2525"),
                               .token = SPAN("raaaaaaaaaaaaaaa"),
                               .head = span_of(head),
                               .epoch_s = 60};
    return l.ops->arrival(l.self, &a);
}

static bool write_verdict(struct ledger l, const char *run, const char *verdict, const char *cause,
                          int64_t at)
{
    struct ledger_verdict v = {span_of(run),   span_of(verdict), SPAN("code"),
                               SPAN("why so"), span_of(cause),   at};
    return l.ops->verdict(l.self, &v);
}

static void fill(struct ledger l)
{
    struct ledger_run a = run_row("run-a", 10), b = run_row("run-b", 20), c = run_row("run-c", 20);
    assert_true(l.ops->run(l.self, &a));
    assert_true(l.ops->run(l.self, &b));
    assert_true(l.ops->run(l.self, &c));
    assert_true(write_form(l, "run-a", "S1-R1", "deferred"));
    assert_true(write_message(l, "run-a", "S1-R1", 'a', 1));
    assert_true(write_form(l, "run-b", "S1-R1", "accepted"));
    assert_true(write_message(l, "run-b", "S1-R1", 'b', 1));
    assert_true(write_verdict(l, "run-a", "discards", "run", 70));
    assert_true(write_message(l, "run-a", "S1-R1", 'a', 2));
    assert_true(write_form(l, "run-a", "S2-R1", "denied"));
    assert_true(write_form(l, "run-a", "S1-R1", "accepted"));
    assert_true(write_arrival(l, "run-a", "S1-R1", LEDGER_DELIVERY, "Subject: a\r\n"));
    assert_true(write_arrival(l, "run-a", "S1-R1", LEDGER_DELIVERY, "Subject: a\r\n"));
    assert_true(write_arrival(l, "run-a", "S1-R1", LEDGER_DELIVERY, "Subject: again\r\n"));
    assert_true(write_arrival(l, "run-a", "S1-R1", LEDGER_REPORT, "Subject: a\r\n"));
    assert_true(write_arrival(l, "", "", LEDGER_FORGED, "Subject: a\r\n"));
    assert_true(write_arrival(l, "", "", LEDGER_FORGED, "Subject: a\r\n"));
    assert_true(write_verdict(l, "run-a", "open", "collect", 80));
    a.target_name = SPAN("mail.victim.test");
    a.epoch_s = 99;
    assert_true(l.ops->run(l.self, &a));
}

#define RUN_A                                                                                 \
    "run|run-a|192.0.2.1:25|mail.victim.test|outside|x@canary.test|p@canary.test|sink://a b|" \
    "standard|hello|10\ncounts 2 2 2 1 0\n"
#define RUN_REST                                                                   \
    "|192.0.2.1:25|mx.victim.test|outside|x@canary.test|p@canary.test|sink://a b|" \
    "standard|hello|20\n"
#define LAST_VERDICT "verdict|run-a|open|code|why so|collect|80\n"
#define ARRIVAL(kind, head) \
    "arrival|" kind "|run-a|S1-R1|sink://127.0.0.1:2525|raaaaaaaaaaaaaaa|" head "|60\n"
#define MESSAGE                                                                         \
    "message|run-a|S1-R1|p@canary.test|x@canary.test|<id@probe.test>|saaaaaaaaaaaaaaa|" \
    "raaaaaaaaaaaaaaa|"
#define FORM_END "|accepted|250 a\\x00b\\xff|40\n"

static void what_was_written_is_read(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        char memory[4096];
        struct strbuf out;
        strbuf_init(&out, memory, sizeof memory);
        struct ledger_visitor v = visitor_of(&out);
        struct ledger_reader r = f->reader[i];
        assert_int_equal(r.ops->runs(r.self, &v), LEDGER_UNKNOWN);
        fill(f->ledger[i]);
        assert_int_equal(r.ops->show(r.self, SPAN("run-a"), &v), LEDGER_FOUND);
        assert_string_equal(
            memory, RUN_A
            "form|run-a|S1-R1|external|<>|<x@canary.test>|accepted" FORM_END
            "form|run-a|S2-R1|external|<>|<x@canary.test>|denied" FORM_END MESSAGE
            "51\nattempt 1\n" MESSAGE "52\nattempt 2\n" ARRIVAL("delivery", "Subject: a\\r\\n")
                ARRIVAL("delivery", "Subject: again\\r\\n") ARRIVAL(
                    "report",
                    "Subject: a\\r\\n") "verdict|run-a|discards|code|why so|run|70\n" LAST_VERDICT);
        strbuf_reset(&out);
        assert_int_equal(r.ops->runs(r.self, &v), LEDGER_FOUND);
        assert_string_equal(memory, "run|run-c" RUN_REST "counts 0 0 0 0 0\n"
                                    "run|run-b" RUN_REST "counts 1 1 0 0 0\n" RUN_A LAST_VERDICT);
        strbuf_reset(&out);
        assert_int_equal(r.ops->strays(r.self, &v), LEDGER_FOUND);
        assert_string_equal(memory, "arrival|forged|||sink://127.0.0.1:2525|raaaaaaaaaaaaaaa|"
                                    "Subject: a\\r\\n|60\n");
        strbuf_reset(&out);
        assert_int_equal(r.ops->show(r.self, SPAN("run-z"), &v), LEDGER_UNKNOWN);
        assert_string_equal(memory, "");
        struct ledger_visitor nobody = {.self = NULL};
        assert_int_equal(r.ops->show(r.self, SPAN("run-a"), &nobody), LEDGER_FOUND);
    }
}

static void a_token_names_its_message(void **state)
{
    static const struct {
        const char *label, *token;
        enum ledger_found found;
        enum ledger_role role;
        const char *run;
        unsigned attempt, deliveries;
    } rows[] = {
        {"recipient", "raaaaaaaaaaaaaaa", LEDGER_FOUND, LEDGER_RECIPIENT, "run-a", 2, 2},
        {"sender", "saaaaaaaaaaaaaaa", LEDGER_FOUND, LEDGER_SENDER, "run-a", 2, 2},
        {"upper case", "RAAAAAAAAAAAAAAA", LEDGER_FOUND, LEDGER_RECIPIENT, "run-a", 2, 2},
        {"another run", "rbbbbbbbbbbbbbbb", LEDGER_FOUND, LEDGER_RECIPIENT, "run-b", 1, 0},
        {"one character", "raaaaaaaaaaaaaab", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
        {"truncated", "raaaaaaaaaaaaaa", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
        {"longer", "raaaaaaaaaaaaaaaa", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
        {"a pattern", "r%", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
        {"no token", "r_aaaaaaaaaaaaaa", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
        {"empty", "", LEDGER_UNKNOWN, LEDGER_SENDER, "", 0, 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        struct ledger_reader r = f->reader[i];
        fill(f->ledger[i]);
        for (size_t n = 0; n < COUNT(rows); n++) {
            struct ledger_match match = {.role = LEDGER_SENDER};
            if (r.ops->token(r.self, span_of(rows[n].token), &match) != rows[n].found ||
                match.role != rows[n].role || strcmp(match.run, rows[n].run) != 0 ||
                match.attempt != rows[n].attempt || match.deliveries != rows[n].deliveries)
                fail_msg("%s: %s %u %u", rows[n].label, match.run, match.attempt, match.deliveries);
        }
        struct ledger_match match;
        r.ops->token(r.self, SPAN("raaaaaaaaaaaaaaa"), &match);
        assert_string_equal(match.form, "S1-R1");
        assert_string_equal(match.sender, "p@canary.test");
        assert_string_equal(match.recipient, "x@canary.test");
        assert_string_equal(match.message_id, "<id@probe.test>");
        assert_int_equal(match.epoch_s, 52);
    }
}

static void what_names_no_run_is_refused(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        struct ledger l = f->ledger[i];
        struct ledger_run nameless = run_row("", 1);
        struct ledger_run long_name = run_row("123456789012345678901234567890123", 1);
        assert_false(l.ops->run(l.self, &nameless));
        assert_false(l.ops->run(l.self, &long_name));
        assert_false(write_form(l, "run-z", "S1-R1", "accepted"));
        assert_false(write_message(l, "run-z", "S1-R1", 'z', 1));
        assert_false(write_verdict(l, "run-z", "open", "run", 1));
        fill(l); /* a refusal leaves it as it was */
    }
}

static void a_head_is_cut(void **state)
{
    static char head[LEDGER_HEAD_MAX + 100];
    struct fixture *f = *state;
    memset(head, 'h', sizeof head - 1);
    for (size_t i = 0; i < 2; i++) {
        static char memory[LEDGER_HEAD_MAX + 4096];
        struct strbuf out;
        strbuf_init(&out, memory, sizeof memory);
        struct ledger_visitor v = visitor_of(&out);
        assert_true(write_arrival(f->ledger[i], "", "", LEDGER_CALLOUT, head));
        assert_int_equal(f->reader[i].ops->strays(f->reader[i].self, &v), LEDGER_FOUND);
        assert_int_equal(strspn(strchr(memory, 'h'), "h"), LEDGER_HEAD_MAX);
    }
}

static void broken_memory_says_so(void **state)
{
    struct fixture *f = *state;
    struct ledger_match match;
    struct ledger_visitor v = {.self = NULL};
    struct ledger_reader r = f->reader[1];
    fill(f->ledger[1]);
    ledger_memory_break(f->memory, true);
    assert_false(write_message(f->ledger[1], "run-a", "S1-R1", 'a', 3));
    assert_false(write_arrival(f->ledger[1], "run-a", "S1-R1", LEDGER_DELIVERY, "Subject: a\r\n"));
    assert_int_equal(r.ops->runs(r.self, &v), LEDGER_TROUBLE);
    assert_int_equal(r.ops->show(r.self, SPAN("run-a"), &v), LEDGER_TROUBLE);
    assert_int_equal(r.ops->strays(r.self, &v), LEDGER_TROUBLE);
    assert_int_equal(r.ops->token(r.self, SPAN("raaaaaaaaaaaaaaa"), &match), LEDGER_TROUBLE);
}

/* -- the file */

static void the_file_is_ours_alone(void **state)
{
    static const char *const files[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    fill(f->ledger[0]);
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        struct stat s;
        snprintf(path, sizeof path, "%s%s", f->path, files[i]);
        assert_int_equal(stat(path, &s), 0);
        assert_int_equal(s.st_mode & 0777, 0600);
    }
}

static void it_is_there_again(void **state)
{
    struct fixture *f = *state;
    uint8_t secret[TOKEN_SECRET_LEN], nothing[TOKEN_SECRET_LEN] = {0};
    struct ledger_match match;
    fill(f->ledger[0]);
    memcpy(secret, ledger_sqlite_secret(f->sqlite), sizeof secret);
    assert_memory_not_equal(secret, nothing, sizeof secret);
    struct ledger_sqlite *second = open_ledger(f->path); /* beside the first */
    assert_memory_equal(ledger_sqlite_secret(second), secret, sizeof secret);
    struct ledger_reader r = ledger_sqlite_reader(second);
    assert_int_equal(r.ops->token(r.self, SPAN("rbbbbbbbbbbbbbbb"), &match), LEDGER_FOUND);
    assert_true(write_message(ledger_sqlite_ledger(second), "run-b", "S1-R1", 'c', 1));
    r = f->reader[0];
    assert_int_equal(r.ops->token(r.self, SPAN("rccccccccccccccc"), &match), LEDGER_FOUND);
    ledger_sqlite_close(second);
    ledger_sqlite_close(f->sqlite);
    f->sqlite = open_ledger(f->path);
    assert_memory_equal(ledger_sqlite_secret(f->sqlite), secret, sizeof secret);
}

static void tamper(const char *path, const char *statement)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void refused(const char *path, enum ledger_sqlite_mode mode, const char *part)
{
    char memory[512];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    assert_null(ledger_sqlite_open(path, mode, &error));
    if (strstr(memory, part) == NULL || strchr(memory, '\n') != NULL)
        fail_msg("\"%s\" does not say \"%s\"", memory, part);
}

static void what_is_no_ledger_of_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    tamper(f->path, "PRAGMA user_version = 2");
    refused(f->path, LEDGER_SQLITE_MAKE, "version 2, made by a newer relaylab");
    tamper(f->path, "PRAGMA user_version = -1");
    refused(f->path, LEDGER_SQLITE_MAKE, "version -1");
    tamper(f->path, "PRAGMA user_version = 1; PRAGMA application_id = 5");
    refused(f->path, LEDGER_SQLITE_MAKE, "another program");
    tamper(f->path, "PRAGMA application_id = 0x524c4142; DELETE FROM ledger");
    refused(f->path, LEDGER_SQLITE_MAKE, "lost its secret");
    snprintf(path, sizeof path, "%s/other", f->folder);
    refused(path, LEDGER_SQLITE_EXISTING,
            "No such file or directory: no run was written down there yet");
    tamper(path, "CREATE TABLE t (x)");
    refused(path, LEDGER_SQLITE_MAKE, "another program");
    unlink(path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd,
                           "this is no database, but a text that is long enough for one......."
                           "...................................................",
                           100),
                     100);
    close(fd);
    refused(path, LEDGER_SQLITE_MAKE, "not a database");
    unlink(path);
    refused(f->folder, LEDGER_SQLITE_MAKE, "directory");
    refused("", LEDGER_SQLITE_MAKE, "directory");
    refused(":memory:", LEDGER_SQLITE_EXISTING, "No such file");
    refused("file:nowhere?mode=memory", LEDGER_SQLITE_EXISTING, "No such file");
    refused("/dev/null", LEDGER_SQLITE_MAKE, "not a regular file");
    snprintf(path, sizeof path, "%s/nowhere\n/ledger", f->folder);
    refused(path, LEDGER_SQLITE_MAKE, "nowhere\\n/ledger: No such file");
}

/* An empty file is version 0, and what was made half is made whole. */
static void older_ones_are_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/empty", f->folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    struct ledger_sqlite *l = open_ledger(path);
    fill(ledger_sqlite_ledger(l));
    ledger_sqlite_close(l);
    unlink(path);
}

/* Processes that open one new file at the same instant and write at once: nothing is lost. */
static void several_at_once(void **state)
{
    enum { PROCESSES = 4, MESSAGES = 20 };
    struct fixture *f = *state;
    char path[128], memory[4096];
    struct strbuf out;
    snprintf(path, sizeof path, "%s/many", f->folder);
    ledger_sqlite_close(f->sqlite); /* SQLite's handles are not carried into children */
    f->sqlite = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0)
            continue;
        char error_text[256], name[16];
        struct strbuf error;
        strbuf_init(&error, error_text, sizeof error_text);
        struct ledger_sqlite *l = ledger_sqlite_open(path, LEDGER_SQLITE_MAKE, &error);
        if (l == NULL)
            _exit(1);
        snprintf(name, sizeof name, "run-%d", i);
        struct ledger_run run = run_row(name, i);
        struct ledger writer = ledger_sqlite_ledger(l);
        bool well = writer.ops->run(writer.self, &run);
        for (unsigned n = 1; n <= MESSAGES; n++)
            well = write_message(writer, name, "S1-R1", (char)('a' + i), n) && well;
        ledger_sqlite_close(l);
        _exit(well ? 0 : 2);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct ledger_sqlite *l = open_ledger(path);
    strbuf_init(&out, memory, sizeof memory);
    struct ledger_visitor v = visitor_of(&out);
    assert_int_equal(ledger_sqlite_reader(l).ops->runs(l, &v), LEDGER_FOUND);
    const char *at = memory;
    for (int i = 0; i < PROCESSES; i++) {
        at = strstr(at, "counts 0 20 0 0 0");
        assert_non_null(at);
        at++;
    }
    ledger_sqlite_close(l);
    unlink(path);
}

/* A message, an arrival and a verdict wait for the disk, forms do not. */
static void who_waits_for_the_disk(void **state)
{
    struct fixture *f = *state;
    struct ledger l = f->ledger[0];
    struct ledger_run run = run_row("run-a", 10);
    assert_true(l.ops->run(l.self, &run));
    unsigned before = sync_count;
    for (int i = 0; i < 20; i++)
        assert_true(write_form(l, "run-a", "S1-R1", "denied"));
    assert_int_equal(sync_count, before);
    assert_true(write_message(l, "run-a", "S1-R1", 'a', 1));
    assert_true(sync_count > before);
    before = sync_count;
    assert_true(write_form(l, "run-a", "S2-R1", "denied"));
    assert_int_equal(sync_count, before);
    assert_true(write_arrival(l, "run-a", "S1-R1", LEDGER_DELIVERY, "Subject: a\r\n"));
    assert_true(sync_count > before);
    before = sync_count;
    assert_true(write_verdict(l, "run-a", "open", "run", 70));
    assert_true(sync_count > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        ROW(what_was_written_is_read),
        ROW(a_token_names_its_message),
        ROW(what_names_no_run_is_refused),
        ROW(a_head_is_cut),
        ROW(broken_memory_says_so),
        ROW(the_file_is_ours_alone),
        ROW(it_is_there_again),
        ROW(what_is_no_ledger_of_ours_is_refused),
        ROW(older_ones_are_brought_up_to_date),
        ROW(several_at_once),
        ROW(who_waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
