/*
 * ledger_memory.h - the ledger without a file: for the simulator, and for runs with --no-ledger
 * that want to read what they wrote
 *
 * The same promises as ledger_sqlite.h, as long as the process lives. Rows are copies.
 *
 * Ownership: ledger_memory_free gives everything back.
 * Limits: LEDGER_MEMORY_ROWS_MAX rows, then calls fail. Look-ups walk all rows.
 */
#ifndef RELAYLAB_DRIVE_LEDGER_LEDGER_MEMORY_H
#define RELAYLAB_DRIVE_LEDGER_LEDGER_MEMORY_H

#include "lib/ledger_read.h"

enum { LEDGER_MEMORY_ROWS_MAX = 65536 };

struct ledger_memory;

struct ledger_memory *ledger_memory_new(void);    /* NULL: no memory */
void ledger_memory_free(struct ledger_memory *m); /* NULL is allowed */
struct ledger ledger_memory_ledger(struct ledger_memory *m);
struct ledger_reader ledger_memory_reader(struct ledger_memory *m);
/* From now on every call fails, as on a full disk (for tests and cases). */
void ledger_memory_break(struct ledger_memory *m, bool broken);

#endif
