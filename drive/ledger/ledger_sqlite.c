/*
 * ledger_sqlite.c - opening a ledger, and the five calls that write
 *
 * Every call is one statement, so that it is a transaction without a BEGIN. A message, an arrival
 * and a verdict are on the disk before their call returns (synchronous = FULL). The rows of runs
 * and forms, fifty times as many, are in the write-ahead log when their call returns, where no end
 * of the process reaches them; they are synced with the next of the others, since it is the whole
 * log that is synced. Transactions are not held open to gather them: another process could not
 * write meanwhile. Rows name their run by number: the subselect gives NULL for a
 * run that is not there, which NOT NULL refuses.
 *
 * The file is made by open(2), not by SQLite, to have its mode from the first instant on; SQLite
 * gives the same mode to the files beside it (-wal, -shm). Switching to the write-ahead log is the
 * one operation for which SQLite does not always wait when another process is at it: it is tried
 * again until the same limit.
 */
#include "drive/ledger/ledger_sqlite_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/ledger/ledger_sqlite_schema.h"

#define RUN_NUMBER "(SELECT id FROM runs WHERE run = ?1)"
#define MATCH_COLUMNS                                                                  \
    "r.run, m.form, m.sender, m.recipient, m.message_id, m.attempt, m.at, "            \
    "(SELECT count(*) FROM arrivals AS a WHERE a.run = m.run AND a.form = m.form AND " \
    "a.kind = 'delivery') "

/* clang-format off */
static const char *const sql[STATEMENT_COUNT] = {
    [WRITE_RUN] =
        "INSERT INTO runs (run, target, target_name, vantage, canary, sender, mailboxes, forms,"
        " greeting, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (run)"
        " DO UPDATE SET target = ?2, target_name = ?3, vantage = ?4, canary = ?5, sender = ?6,"
        " mailboxes = ?7, forms = ?8, greeting = ?9",
    [WRITE_FORM] =
        "INSERT INTO forms (run, form, kind, sender, recipient, answer, state, reply, at) VALUES ("
        RUN_NUMBER ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (run, form) DO UPDATE SET"
        " kind = ?3, sender = ?4, recipient = ?5, answer = ?6, state = ?7, reply = ?8, at = ?9",
    [WRITE_MESSAGE] =
        "INSERT INTO messages (run, form, sender, recipient, message_id, sender_token,"
        " recipient_token, attempt, at) VALUES (" RUN_NUMBER ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [WRITE_ARRIVAL] =
        "INSERT INTO arrivals (run, form, kind, mailbox, token, head, at)"
        " SELECT " RUN_NUMBER ", ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM arrivals"
        " WHERE token = ?5 AND run IS " RUN_NUMBER " AND form = ?2 AND kind = ?3 AND mailbox = ?4"
        " AND head = ?6)",
    [WRITE_VERDICT] =
        "INSERT INTO verdicts (run, verdict, reason_code, reason, cause, at) VALUES ("
        RUN_NUMBER ", ?2, ?3, ?4, ?5, ?6)",
    [READ_RUNS] = "SELECT run FROM runs ORDER BY at DESC, id DESC",
    [READ_RUN] =
        "SELECT run, target, target_name, vantage, canary, sender, mailboxes, forms, greeting, at,"
        " (SELECT count(*) FROM forms AS f WHERE f.run = r.id),"
        " (SELECT count(*) FROM messages AS m WHERE m.run = r.id),"
        " (SELECT count(*) FROM arrivals AS a WHERE a.run = r.id AND a.kind = 'delivery'),"
        " (SELECT count(*) FROM arrivals AS a WHERE a.run = r.id AND a.kind = 'report'),"
        " (SELECT count(*) FROM arrivals AS a WHERE a.run = r.id"
        "    AND a.kind NOT IN ('delivery', 'report'))"
        " FROM runs AS r WHERE run = ?1",
    [READ_FORMS] =
        "SELECT form, kind, sender, recipient, answer, state, reply, at FROM forms"
        " WHERE run = " RUN_NUMBER " ORDER BY id",
    [READ_MESSAGES] =
        "SELECT form, sender, recipient, message_id, sender_token, recipient_token, attempt, at"
        " FROM messages WHERE run = " RUN_NUMBER " ORDER BY id",
    [READ_ARRIVALS] =
        "SELECT form, kind, mailbox, token, head, at FROM arrivals"
        " WHERE run = " RUN_NUMBER " ORDER BY id",
    [READ_STRAYS] =
        "SELECT form, kind, mailbox, token, head, at FROM arrivals WHERE run IS NULL ORDER BY id",
    [READ_VERDICTS] =
        "SELECT verdict, reason_code, reason, cause, at FROM verdicts"
        " WHERE run = " RUN_NUMBER " ORDER BY id",
    [READ_LAST_VERDICT] =
        "SELECT verdict, reason_code, reason, cause, at FROM verdicts"
        " WHERE run = " RUN_NUMBER " ORDER BY id DESC LIMIT 1",
    [READ_TOKEN] =
        "SELECT 1, m.id, " MATCH_COLUMNS "FROM messages AS m JOIN runs AS r ON r.id = m.run"
        " WHERE m.recipient_token = ?1 UNION ALL "
        "SELECT 0, m.id, " MATCH_COLUMNS "FROM messages AS m JOIN runs AS r ON r.id = m.run"
        " WHERE m.sender_token = ?1 ORDER BY 1 DESC, 2 DESC LIMIT 1",
};
/* clang-format on */

static bool failed(struct ledger_sqlite *l, const char *path, struct strbuf *error, const char *why)
{
    strbuf_add_visible(error, span_of(path));
    strbuf_adds(error, ": ");
    strbuf_adds(error, why);
    ledger_sqlite_close(l);
    return false;
}

/* So that it is ours alone from the first instant on. */
static bool make_file(const char *path, struct strbuf *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat s;
    if (fd < 0)
        return failed(NULL, path, error, strerror(errno));
    bool regular = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    close(fd);
    return regular || failed(NULL, path, error, "not a regular file");
}

static bool use_write_ahead_log(sqlite3 *db)
{
    enum { PAUSE_MS = 20 };
    int status = SQLITE_OK;
    for (int waited_ms = 0; waited_ms <= LEDGER_SQLITE_WAIT_MS; waited_ms += PAUSE_MS) {
        status = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (status != SQLITE_BUSY && status != SQLITE_LOCKED)
            return status == SQLITE_OK;
        sqlite3_sleep(PAUSE_MS);
    }
    return false;
}

/* Whether a commit waits for the disk, from now on. */
static bool sync_each(struct ledger_sqlite *l, bool each)
{
    if (l->syncs_each == each)
        return true;
    const char *pragma = each ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";
    if (sqlite3_exec(l->db, pragma, NULL, NULL, NULL) != SQLITE_OK)
        return false;
    l->syncs_each = each;
    return true;
}

static bool prepare(struct ledger_sqlite *l)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->statement[i],
                               NULL) != SQLITE_OK)
            return false;
    return true;
}

static bool make_ready(struct ledger_sqlite *l, const char *path, struct strbuf *error)
{
    char memory[256];
    struct strbuf why;
    strbuf_init(&why, memory, sizeof memory);
    sqlite3_busy_timeout(l->db, LEDGER_SQLITE_WAIT_MS);
    if (!ledger_schema_ready(l->db, l->secret, &why))
        return failed(l, path, error, memory);
    if (!use_write_ahead_log(l->db) ||
        sqlite3_exec(l->db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK ||
        !sync_each(l, true) || !prepare(l))
        return failed(l, path, error, sqlite3_errmsg(l->db));
    return true;
}

/* A name that SQLite would take for something else ("", ":memory:", "file:x") is a file's all the
   same. */
static bool plain_path(const char *given, char path[PATH_MAX], struct strbuf *error)
{
    struct strbuf text;
    strbuf_init(&text, path, PATH_MAX);
    strbuf_adds(&text, given[0] == '/' ? "" : "./");
    strbuf_adds(&text, given);
    return !text.truncated || failed(NULL, given, error, strerror(ENAMETOOLONG));
}

struct ledger_sqlite *ledger_sqlite_open(const char *given, enum ledger_sqlite_mode mode,
                                         struct strbuf *error)
{
    char path[PATH_MAX];
    if (!plain_path(given, path, error))
        return NULL;
    if (mode == LEDGER_SQLITE_MAKE && !make_file(path, error))
        return NULL;
    struct ledger_sqlite *l = calloc(1, sizeof *l);
    if (l == NULL) {
        strbuf_adds(error, "no memory for the ledger");
        return NULL;
    }
    if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        int number = l->db != NULL ? sqlite3_system_errno(l->db) : ENOMEM;
        failed(l, path, error, number != 0 ? strerror(number) : "it cannot be opened");
        strbuf_adds(error, number == ENOENT ? ": no run was written down there yet" : "");
        return NULL;
    }
    return make_ready(l, path, error) ? l : NULL;
}

void ledger_sqlite_close(struct ledger_sqlite *l)
{
    if (l == NULL)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(l->statement[i]);
    int status = sqlite3_close(l->db);
    assert(status == SQLITE_OK); /* nothing is left that could keep it open */
    free(l);
}

static void bind(sqlite3_stmt *s, int column, struct span text)
{
    sqlite3_bind_text(s, column, text.len > 0 ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}

/* Runs a statement that gives no rows, and makes it ready for the next time. */
static bool done(struct ledger_sqlite *l, sqlite3_stmt *s, bool synced)
{
    bool written = sync_each(l, synced) && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return written;
}

static bool write_run(void *self, const struct ledger_run *r)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = l->statement[WRITE_RUN];
    const struct span text[] = {r->run,    r->target,    r->target_name, r->vantage, r->canary,
                                r->sender, r->mailboxes, r->forms,       r->greeting};
    if (r->run.len == 0 || r->run.len > LEDGER_RUN_MAX)
        return false;
    for (int i = 0; i < 9; i++)
        bind(s, i + 1, text[i]);
    sqlite3_bind_int64(s, 10, r->epoch_s);
    return done(l, s, false);
}

static bool write_form(void *self, const struct ledger_form *f)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = l->statement[WRITE_FORM];
    const struct span text[] = {f->run,       f->form,   f->kind,  f->sender,
                                f->recipient, f->answer, f->state, f->reply};
    for (int i = 0; i < 8; i++)
        bind(s, i + 1, text[i]);
    sqlite3_bind_int64(s, 9, f->epoch_s);
    return done(l, s, false);
}

static bool write_message(void *self, const struct ledger_message *m)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = l->statement[WRITE_MESSAGE];
    const struct span text[] = {m->run,
                                m->form,
                                m->sender,
                                m->recipient,
                                m->message_id,
                                span_of(m->tokens->sender.text),
                                span_of(m->tokens->recipient.text)};
    for (int i = 0; i < 7; i++)
        bind(s, i + 1, text[i]);
    sqlite3_bind_int64(s, 8, m->attempt);
    sqlite3_bind_int64(s, 9, m->epoch_s);
    return done(l, s, true);
}

static bool write_arrival(void *self, const struct ledger_arrival *a)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = l->statement[WRITE_ARRIVAL];
    struct span head = span_to(a->head, LEDGER_HEAD_MAX);
    bind(s, 1, a->run);
    bind(s, 2, a->form);
    bind(s, 3, span_of(ledger_arrival_name(a->kind)));
    bind(s, 4, a->mailbox);
    bind(s, 5, a->token);
    sqlite3_bind_blob(s, 6, head.len > 0 ? head.ptr : "", (int)head.len, SQLITE_STATIC);
    sqlite3_bind_int64(s, 7, a->epoch_s);
    return done(l, s, true);
}

static bool write_verdict(void *self, const struct ledger_verdict *v)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = l->statement[WRITE_VERDICT];
    const struct span text[] = {v->run, v->verdict, v->reason_code, v->reason, v->cause};
    for (int i = 0; i < 5; i++)
        bind(s, i + 1, text[i]);
    sqlite3_bind_int64(s, 6, v->epoch_s);
    return done(l, s, true);
}

static const struct ledger_ops ops = {write_run, write_form, write_message, write_arrival,
                                      write_verdict};

struct ledger ledger_sqlite_ledger(struct ledger_sqlite *l)
{
    return (struct ledger){&ops, l};
}

struct ledger_reader ledger_sqlite_reader(struct ledger_sqlite *l)
{
    return (struct ledger_reader){&ledger_sqlite_reader_ops, l};
}

const uint8_t *ledger_sqlite_secret(const struct ledger_sqlite *l)
{
    return l->secret;
}

const char *ledger_sqlite_trouble(const struct ledger_sqlite *l)
{
    return sqlite3_errmsg(l->db);
}
