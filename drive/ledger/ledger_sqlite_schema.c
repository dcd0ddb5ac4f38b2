/*
 * ledger_sqlite_schema.c - steps from one version of the schema to the next
 *
 * steps[n] makes version n + 1 of version n, and is never changed once released; an empty file is
 * version 0. All steps that are due, and the drawing of the secret, are one immediate transaction:
 * of several processes that open a new file at once the first makes it and the others find it made.
 *
 * A file of somebody else's is never touched: our application_id must be in it unless it has no
 * tables at all.
 */
#include "drive/ledger/ledger_sqlite_schema.h"

#include <string.h>

#include "drive/ledger/ledger_sqlite.h"
#include "drive/host/random.h"

enum { APPLICATION_ID = 0x524c4142 /* "RLAB" */ };

/* clang-format off */
static const char *const steps[LEDGER_SQLITE_VERSION] = {
    "CREATE TABLE ledger (secret BLOB NOT NULL CHECK (length(secret) = 32));"
    "CREATE TABLE runs ("
    "    id INTEGER PRIMARY KEY,"
    "    run TEXT NOT NULL UNIQUE,"
    "    target TEXT NOT NULL,"
    "    target_name TEXT NOT NULL,"
    "    vantage TEXT NOT NULL,"
    "    canary TEXT NOT NULL,"
    "    sender TEXT NOT NULL,"
    "    mailboxes TEXT NOT NULL,"
    "    forms TEXT NOT NULL,"
    "    greeting TEXT NOT NULL,"
    "    at INTEGER NOT NULL);"
    "CREATE TABLE forms ("
    "    id INTEGER PRIMARY KEY,"
    "    run INTEGER NOT NULL REFERENCES runs,"
    "    form TEXT NOT NULL,"
    "    kind TEXT NOT NULL,"
    "    sender TEXT NOT NULL,"
    "    recipient TEXT NOT NULL,"
    "    answer TEXT NOT NULL,"
    "    state TEXT NOT NULL,"
    "    reply TEXT NOT NULL,"
    "    at INTEGER NOT NULL,"
    "    UNIQUE (run, form));"
    "CREATE TABLE messages ("
    "    id INTEGER PRIMARY KEY,"
    "    run INTEGER NOT NULL REFERENCES runs,"
    "    form TEXT NOT NULL,"
    "    attempt INTEGER NOT NULL,"
    "    sender TEXT NOT NULL,"
    "    recipient TEXT NOT NULL,"
    "    message_id TEXT NOT NULL,"
    "    sender_token TEXT NOT NULL,"
    "    recipient_token TEXT NOT NULL,"
    "    at INTEGER NOT NULL);"
    "CREATE INDEX messages_of_run ON messages (run);"
    "CREATE INDEX messages_by_sender_token ON messages (sender_token);"
    "CREATE INDEX messages_by_recipient_token ON messages (recipient_token);"
    "CREATE TABLE arrivals ("
    "    id INTEGER PRIMARY KEY,"
    "    run INTEGER REFERENCES runs,"
    "    form TEXT NOT NULL,"
    "    kind TEXT NOT NULL,"
    "    mailbox TEXT NOT NULL,"
    "    token TEXT NOT NULL,"
    "    head BLOB NOT NULL,"
    "    at INTEGER NOT NULL);"
    "CREATE INDEX arrivals_of_run ON arrivals (run, form);"
    "CREATE INDEX arrivals_by_token ON arrivals (token);"
    "CREATE TABLE verdicts ("
    "    id INTEGER PRIMARY KEY,"
    "    run INTEGER NOT NULL REFERENCES runs,"
    "    verdict TEXT NOT NULL,"
    "    reason_code TEXT NOT NULL,"
    "    reason TEXT NOT NULL,"
    "    cause TEXT NOT NULL,"
    "    at INTEGER NOT NULL);"
    "CREATE INDEX verdicts_of_run ON verdicts (run);",
};
/* clang-format on */

static bool failed(sqlite3 *db, struct strbuf *error)
{
    strbuf_adds(error, sqlite3_errmsg(db));
    return false;
}

static bool run_sql(sqlite3 *db, const char *sql, struct strbuf *error)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || failed(db, error);
}

static bool read_number(sqlite3 *db, const char *sql, int *value, struct strbuf *error)
{
    sqlite3_stmt *s = NULL;
    bool read = sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW;
    if (read)
        *value = sqlite3_column_int(s, 0);
    else
        failed(db, error);
    sqlite3_finalize(s);
    return read;
}

static bool check_owner(sqlite3 *db, int version, struct strbuf *error)
{
    int owner = 0, tables = 0;
    if (!read_number(db, "PRAGMA application_id", &owner, error) ||
        !read_number(db, "SELECT count(*) FROM sqlite_master", &tables, error))
        return false;
    if (owner != APPLICATION_ID && (tables > 0 || version != 0)) {
        strbuf_adds(error, "a database of another program, not a ledger of relaylab");
        return false;
    }
    if (version < 0 || version > LEDGER_SQLITE_VERSION) {
        strbuf_addf(error,
                    "a ledger of version %d, made by a newer relaylab; this one knows up to %d",
                    version, LEDGER_SQLITE_VERSION);
        return false;
    }
    return true;
}

static bool draw_secret(sqlite3 *db, struct strbuf *error)
{
    uint8_t secret[TOKEN_SECRET_LEN];
    sqlite3_stmt *s = NULL;
    if (!random_fill(secret, sizeof secret)) {
        strbuf_adds(error, "the kernel gave no random octets for its secret");
        return false;
    }
    bool drawn = sqlite3_prepare_v2(db, "INSERT INTO ledger (secret) VALUES (?1)", -1, &s, NULL) ==
                     SQLITE_OK &&
                 sqlite3_bind_blob(s, 1, secret, sizeof secret, SQLITE_STATIC) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_DONE;
    if (!drawn)
        failed(db, error);
    sqlite3_finalize(s);
    return drawn;
}

static bool migrate(sqlite3 *db, struct strbuf *error)
{
    char stamp[96];
    int version = 0;
    if (!read_number(db, "PRAGMA user_version", &version, error) ||
        !check_owner(db, version, error))
        return false;
    if (version == LEDGER_SQLITE_VERSION)
        return true;
    for (int i = version; i < LEDGER_SQLITE_VERSION; i++)
        if (!run_sql(db, steps[i], error))
            return false;
    if (version == 0 && !draw_secret(db, error))
        return false;
    sqlite3_snprintf(sizeof stamp, stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                     APPLICATION_ID, LEDGER_SQLITE_VERSION);
    return run_sql(db, stamp, error);
}

static bool read_secret(sqlite3 *db, uint8_t secret[TOKEN_SECRET_LEN], struct strbuf *error)
{
    sqlite3_stmt *s = NULL;
    bool read = sqlite3_prepare_v2(db, "SELECT secret FROM ledger", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW && sqlite3_column_bytes(s, 0) == TOKEN_SECRET_LEN;
    if (read)
        memcpy(secret, sqlite3_column_blob(s, 0), TOKEN_SECRET_LEN);
    else
        strbuf_adds(error, "the ledger has lost its secret");
    sqlite3_finalize(s);
    return read;
}

bool ledger_schema_ready(sqlite3 *db, uint8_t secret[TOKEN_SECRET_LEN], struct strbuf *error)
{
    if (!run_sql(db, "BEGIN IMMEDIATE", error))
        return false;
    if (!migrate(db, error)) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    return run_sql(db, "COMMIT", error) && read_secret(db, secret, error);
}
