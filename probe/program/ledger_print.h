/*
 * ledger_print.h - runs of a ledger, for people and for programs
 *
 * Output is made piece by piece, so that a run of any size needs one small page: each piece is
 * handed to `emit`. Octets that peers sent are made visible in text, and valid UTF-8 in JSON.
 *
 * Errors: LEDGER_TROUBLE when the ledger cannot be read; `failed` when emit said false.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_LEDGER_PRINT_H
#define RELAYLAB_PROBE_PROGRAM_LEDGER_PRINT_H

#include "lib/base/json.h"
#include "lib/ledger_read.h"

enum { LEDGER_PAGE_MAX = 8 * LEDGER_HEAD_MAX, LEDGER_EXPORT_VERSION = 1 };

struct ledger_printer {
    struct strbuf page; /* of LEDGER_PAGE_MAX octets */
    bool (*emit)(void *self, struct span text);
    void *self;
    bool failed;
    /* private: what is being printed */
    struct json json;
    const char *section;
    bool pending; /* a run whose verdict was not shown yet */
};

/* One line a run, the newest first: "RUN  TIME  TARGET  VERDICT  messages, deliveries". */
enum ledger_found ledger_print_runs(struct ledger_printer *p, struct ledger_reader reader);
/* One run in full. */
enum ledger_found ledger_print_run(struct ledger_printer *p, struct ledger_reader reader,
                                   struct span run);
/* One JSON object on one line (doc/ledger.md). */
enum ledger_found ledger_export_run(struct ledger_printer *p, struct ledger_reader reader,
                                    struct span run);

#endif
