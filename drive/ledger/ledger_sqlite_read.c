/*
 * ledger_sqlite_read.c - rows of the database, shown in the structs in which they were written
 *
 * The list of runs reads each run by a statement of its own: the list holds names only, so that one
 * function knows the columns of a run. Statements that a visitor is called from are never entered
 * twice: visitors get no way to the ledger.
 *
 * Text is read as octets with a length: what a peer sent may hold NUL or be no UTF-8.
 */
#include <string.h>

#include "drive/ledger/ledger_sqlite_private.h"

static struct span column(sqlite3_stmt *s, int i)
{
    const char *ptr = sqlite3_column_blob(s, i);
    return (struct span){ptr, ptr != NULL ? (size_t)sqlite3_column_bytes(s, i) : 0};
}

static unsigned column_count(sqlite3_stmt *s, int i)
{
    return (unsigned)sqlite3_column_int(s, i);
}

static sqlite3_stmt *begin(struct ledger_sqlite *l, enum ledger_statement which, struct span key)
{
    sqlite3_stmt *s = l->statement[which];
    if (sqlite3_bind_parameter_count(s) > 0)
        sqlite3_bind_text(s, 1, key.len > 0 ? key.ptr : "", (int)key.len, SQLITE_STATIC);
    return s;
}

static enum ledger_found end(sqlite3_stmt *s, int status, bool any)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (status != SQLITE_DONE && status != SQLITE_ROW)
        return LEDGER_TROUBLE;
    return any ? LEDGER_FOUND : LEDGER_UNKNOWN;
}

static void see_run(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v)
{
    struct ledger_run r = {
        .run = column(s, 0),
        .target = column(s, 1),
        .target_name = column(s, 2),
        .vantage = column(s, 3),
        .canary = column(s, 4),
        .sender = column(s, 5),
        .mailboxes = column(s, 6),
        .forms = column(s, 7),
        .greeting = column(s, 8),
        .epoch_s = sqlite3_column_int64(s, 9)};
    struct ledger_counts counts = {column_count(s, 10), column_count(s, 11), column_count(s, 12),
                                   column_count(s, 13), column_count(s, 14)};
    (void)run;
    if (v->run != NULL)
        v->run(v->self, &r, &counts);
}

static void see_form(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v)
{
    struct ledger_form f = {
        .run = run,
        .form = column(s, 0),
        .kind = column(s, 1),
        .sender = column(s, 2),
        .recipient = column(s, 3),
        .answer = column(s, 4),
        .state = column(s, 5),
        .reply = column(s, 6),
        .epoch_s = sqlite3_column_int64(s, 7)};
    if (v->form != NULL)
        v->form(v->self, &f);
}

static void see_message(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v)
{
    struct token_pair tokens = {.sender = {""}};
    struct ledger_message m = {
        .run = run,
        .form = column(s, 0),
        .sender = column(s, 1),
        .recipient = column(s, 2),
        .message_id = column(s, 3),
        .tokens = &tokens,
        .attempt = column_count(s, 6),
        .epoch_s = sqlite3_column_int64(s, 7)};
    bytes_copy(tokens.sender.text, sizeof tokens.sender.text, column(s, 4));
    bytes_copy(tokens.recipient.text, sizeof tokens.recipient.text, column(s, 5));
    if (v->message != NULL)
        v->message(v->self, &m);
}

static void see_arrival(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v)
{
    struct ledger_arrival a = {.run = run,
                               .form = column(s, 0),
                               .mailbox = column(s, 2),
                               .token = column(s, 3),
                               .head = column(s, 4),
                               .epoch_s = sqlite3_column_int64(s, 5)};
    if (v->arrival != NULL && ledger_arrival_parse(column(s, 1), &a.kind))
        v->arrival(v->self, &a);
}

static void see_verdict(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v)
{
    struct ledger_verdict verdict = {run,          column(s, 0), column(s, 1),
                                     column(s, 2), column(s, 3), sqlite3_column_int64(s, 4)};
    if (v->verdict != NULL)
        v->verdict(v->self, &verdict);
}

static enum ledger_found each(
    struct ledger_sqlite *l, enum ledger_statement which, struct span run,
    void (*see)(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v),
    const struct ledger_visitor *v)
{
    sqlite3_stmt *s = begin(l, which, run);
    bool any = false;
    int status;
    while ((status = sqlite3_step(s)) == SQLITE_ROW) {
        see(s, run, v);
        any = true;
    }
    return end(s, status, any);
}

static enum ledger_found show(void *self, struct span run, const struct ledger_visitor *v)
{
    static const struct {
        enum ledger_statement which;
        void (*see)(sqlite3_stmt *s, struct span run, const struct ledger_visitor *v);
    } parts[] = {{READ_FORMS, see_form},
                 {READ_MESSAGES, see_message},
                 {READ_ARRIVALS, see_arrival},
                 {READ_VERDICTS, see_verdict}};
    enum ledger_found found = each(self, READ_RUN, run, see_run, v);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && found == LEDGER_FOUND; i++)
        if (each(self, parts[i].which, run, parts[i].see, v) == LEDGER_TROUBLE)
            found = LEDGER_TROUBLE;
    return found;
}

static enum ledger_found runs(void *self, const struct ledger_visitor *v)
{
    struct ledger_sqlite *l = self;
    sqlite3_stmt *s = begin(l, READ_RUNS, span_of(NULL));
    bool any = false, trouble = false;
    int status = SQLITE_DONE;
    while (!trouble && (status = sqlite3_step(s)) == SQLITE_ROW) {
        struct span run = column(s, 0);
        any = true;
        trouble = each(l, READ_RUN, run, see_run, v) == LEDGER_TROUBLE ||
                  each(l, READ_LAST_VERDICT, run, see_verdict, v) == LEDGER_TROUBLE;
    }
    enum ledger_found found = end(s, status, any);
    return trouble ? LEDGER_TROUBLE : found;
}

static enum ledger_found strays(void *self, const struct ledger_visitor *v)
{
    return each(self, READ_STRAYS, span_of(NULL), see_arrival, v);
}

static void read_match(sqlite3_stmt *s, struct ledger_match *out)
{
    memset(out, 0, sizeof *out);
    out->role = sqlite3_column_int(s, 0) != 0 ? LEDGER_RECIPIENT : LEDGER_SENDER;
    bytes_copy(out->run, sizeof out->run, column(s, 2));
    bytes_copy(out->form, sizeof out->form, column(s, 3));
    bytes_copy(out->sender, sizeof out->sender, column(s, 4));
    bytes_copy(out->recipient, sizeof out->recipient, column(s, 5));
    bytes_copy(out->message_id, sizeof out->message_id, column(s, 6));
    out->attempt = column_count(s, 7);
    out->epoch_s = sqlite3_column_int64(s, 8);
    out->deliveries = column_count(s, 9);
}

static enum ledger_found token(void *self, struct span text, struct ledger_match *out)
{
    struct token folded;
    if (!token_fold(text, &folded))
        return LEDGER_UNKNOWN;
    sqlite3_stmt *s = begin(self, READ_TOKEN, span_of(folded.text));
    int status = sqlite3_step(s);
    if (status == SQLITE_ROW)
        read_match(s, out);
    return end(s, status, status == SQLITE_ROW);
}

const struct ledger_reader_ops ledger_sqlite_reader_ops = {runs, show, token, strays};
