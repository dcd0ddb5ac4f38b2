/*
 * ledger_sqlite_private.h - what the writing and the reading half of the SQLite ledger share
 */
#ifndef RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_PRIVATE_H
#define RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "drive/ledger/ledger_sqlite.h"

/* Prepared when the ledger is opened, kept until it is closed. */
enum ledger_statement {
    WRITE_RUN,
    WRITE_FORM,
    WRITE_MESSAGE,
    WRITE_ARRIVAL,
    WRITE_VERDICT,
    READ_RUNS,
    READ_RUN,
    READ_FORMS,
    READ_MESSAGES,
    READ_ARRIVALS,
    READ_STRAYS,
    READ_VERDICTS,
    READ_LAST_VERDICT,
    READ_TOKEN,
    STATEMENT_COUNT
};

struct ledger_sqlite {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    uint8_t secret[TOKEN_SECRET_LEN];
    bool syncs_each; /* a commit waits for the disk */
};

extern const struct ledger_reader_ops ledger_sqlite_reader_ops;

#endif
