/*
 * ledger.c - names of the kinds of arrivals, as they stand in the database and in exports
 */
#include "lib/ledger_read.h"

static const char *const names[] = {
    [LEDGER_DELIVERY] = "delivery", [LEDGER_REPORT] = "report",     [LEDGER_CALLOUT] = "callout",
    [LEDGER_FORGED] = "forged",     [LEDGER_REPLAYED] = "replayed", [LEDGER_CONTROL] = "control",
    [LEDGER_UNCLEAR] = "unclear",
};

enum { NAME_COUNT = sizeof names / sizeof names[0] };

const char *ledger_arrival_name(enum ledger_arrival_kind kind)
{
    return names[kind];
}

bool ledger_arrival_parse(struct span name, enum ledger_arrival_kind *kind)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        if (span_equal(name, span_of(names[i]))) {
            *kind = (enum ledger_arrival_kind)i;
            return true;
        }
    }
    return false;
}
