/*
 * ledger_sqlite_schema.h - the tables of the ledger, and how older ones become them
 */
#ifndef RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_SCHEMA_H
#define RELAYLAB_DRIVE_LEDGER_LEDGER_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "lib/base/token.h"

/* Makes or migrates the tables in one transaction, and reads the secret. False with a sentence. */
bool ledger_schema_ready(sqlite3 *db, uint8_t secret[TOKEN_SECRET_LEN], struct strbuf *error);

#endif
