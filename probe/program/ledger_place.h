/*
 * ledger_place.h - which ledger a run writes, and a reader reads
 *
 * --ledger FILE, or ledger.db in the user's state directory. A file named by the user must work.
 * For the default one that cannot be written there is a sentence, and the run goes on without.
 *
 * Ownership: ledger_sqlite_close.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_LEDGER_PLACE_H
#define RELAYLAB_PROBE_PROGRAM_LEDGER_PLACE_H

#include "drive/ledger/ledger_sqlite.h"

enum { LEDGER_PLACE_MAX = 4096 };

/* To write. named NULL: the default one. NULL with a sentence in `trouble`. */
struct ledger_sqlite *ledger_place_open(const char *named, struct strbuf *trouble);
/* To read what is there already: none is made. */
struct ledger_sqlite *ledger_place_open_existing(const char *named, struct strbuf *trouble);

#endif
