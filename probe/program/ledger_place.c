/*
 * ledger_place.c - the default path, its directories, and the ledger in it
 */
#include "probe/program/ledger_place.h"

#include "drive/host/state_file.h"

static struct ledger_sqlite *open_named(const char *named, enum ledger_sqlite_mode mode,
                                        struct strbuf *trouble)
{
    char memory[LEDGER_PLACE_MAX];
    struct strbuf why;
    strbuf_init(&why, memory, sizeof memory);
    struct ledger_sqlite *ledger = ledger_sqlite_open(named, mode, &why);
    if (ledger == NULL) {
        strbuf_adds(trouble, "--ledger: ");
        strbuf_add(trouble, strbuf_span(&why));
    }
    return ledger;
}

static struct ledger_sqlite *open_it(const char *named, enum ledger_sqlite_mode mode,
                                     struct strbuf *trouble)
{
    char memory[LEDGER_PLACE_MAX];
    struct strbuf path;
    if (named != NULL)
        return open_named(named, mode, trouble);
    strbuf_init(&path, memory, sizeof memory);
    if (!state_file_path(&path, "ledger.db", trouble))
        return NULL;
    if (mode == LEDGER_SQLITE_MAKE && !state_file_folders(&path, trouble))
        return NULL;
    return ledger_sqlite_open(memory, mode, trouble);
}

struct ledger_sqlite *ledger_place_open(const char *named, struct strbuf *trouble)
{
    return open_it(named, LEDGER_SQLITE_MAKE, trouble);
}

struct ledger_sqlite *ledger_place_open_existing(const char *named, struct strbuf *trouble)
{
    return open_it(named, LEDGER_SQLITE_EXISTING, trouble);
}
