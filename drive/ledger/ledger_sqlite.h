/*
 * ledger_sqlite.h - the ledger as an SQLite database: one file, written by several processes at
 * once
 *
 * Write-ahead log, each call one transaction. It outlives the process when the call returns; a
 * message, an arrival and a verdict are on the disk then, and all that was written before them. The
 * schema is versioned (PRAGMA user_version): an older one is brought up to date when the file is
 * opened, a newer one is refused. doc/ledger.md has the schema. The file is made with mode 0600:
 * the secret of the tokens is in it, drawn once when the file is made.
 *
 * Ownership: ledger_sqlite_close gives everything back. The path is copied.
 * Errors: NULL with one sentence in `error`. Of a failed call ledger_sqlite_trouble says why.
 * Limits: another process may hold the database for LEDGER_SQLITE_WAIT_MS; then a call fails.
 */
#ifndef RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_H
#define RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_H

#include "lib/ledger_read.h"

enum { LEDGER_SQLITE_VERSION = 1, LEDGER_SQLITE_WAIT_MS = 5000 };

struct ledger_sqlite;

enum ledger_sqlite_mode {
    LEDGER_SQLITE_MAKE, /* made when it is not there */
    LEDGER_SQLITE_EXISTING
};

struct ledger_sqlite *ledger_sqlite_open(const char *given, enum ledger_sqlite_mode mode,
                                         struct strbuf *error);
void ledger_sqlite_close(struct ledger_sqlite *l); /* NULL is allowed */
struct ledger ledger_sqlite_ledger(struct ledger_sqlite *l);
struct ledger_reader ledger_sqlite_reader(struct ledger_sqlite *l);
/* TOKEN_SECRET_LEN octets. */
const uint8_t *ledger_sqlite_secret(const struct ledger_sqlite *l);
/* Why the last call failed; a sentence of SQLite, valid until the next call. */
const char *ledger_sqlite_trouble(const struct ledger_sqlite *l);

#endif
