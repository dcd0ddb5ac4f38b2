/*
 * ledger_command.c - opens the ledger, prints, closes it
 *
 * No ledger is made for the sake of being read. The report's page is used for output: it is larger
 * than a printer's.
 */
#include "probe/program/ledger_command.h"

#include "probe/program/ledger_place.h"
#include "probe/program/ledger_print.h"
#include "probe/report/report.h"

struct output {
    struct strbuf *error;
};

static bool emit(void *self, struct span text)
{
    return run_print(text, ((struct output *)self)->error);
}

static enum ledger_found print(struct ledger_printer *p, struct ledger_reader reader,
                               const struct options *o)
{
    if (o->mode == MODE_LIST_RUNS)
        return ledger_print_runs(p, reader);
    if (o->mode == MODE_SHOW_RUN)
        return ledger_print_run(p, reader, o->run_name);
    return ledger_export_run(p, reader, o->run_name);
}

int ledger_command(const struct run_config *config, struct strbuf *error)
{
    const struct options *o = config->options;
    struct output output = {error};
    struct ledger_printer printer = {.emit = emit, .self = &output};
    struct ledger_sqlite *ledger = ledger_place_open_existing(o->ledger, error);
    enum ledger_found found;

    if (ledger == NULL)
        return RUN_SYSTEM;
    strbuf_init(&printer.page, config->page, REPORT_MAX);
    found = print(&printer, ledger_sqlite_reader(ledger), o);
    if (found == LEDGER_TROUBLE)
        strbuf_addf(error, "the ledger cannot be read: %s", ledger_sqlite_trouble(ledger));
    ledger_sqlite_close(ledger);
    if (found == LEDGER_TROUBLE || printer.failed)
        return RUN_SYSTEM;
    if (found == LEDGER_UNKNOWN && o->mode != MODE_LIST_RUNS) {
        target_say(error, "no such run in the ledger", o->run_name);
        strbuf_adds(error, "--list-runs names them");
        return RUN_USAGE;
    }
    return RUN_FINE;
}
