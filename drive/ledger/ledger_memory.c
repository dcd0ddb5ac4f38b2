/*
 * ledger_memory.c - rows in the order in which they were written, each one block with its text
 * behind it
 *
 * A row is the very struct that was passed in, with its spans moved to the copy; since all five
 * structs are made of spans and numbers, one function moves any of them by a list of its spans. A
 * row that replaces another keeps its place in the order, as the database's does.
 */
#include "drive/ledger/ledger_memory.h"

#include <stdlib.h>
#include <string.h>

enum row_kind { ROW_RUN, ROW_FORM, ROW_MESSAGE, ROW_ARRIVAL, ROW_VERDICT };

enum { SPANS_MAX = 9 };

struct row {
    struct row *next;
    enum row_kind kind;
    union {
        struct ledger_run run;
        struct ledger_form form;
        struct ledger_message message;
        struct ledger_arrival arrival;
        struct ledger_verdict verdict;
    } is;
    struct token_pair tokens;
    char text[];
};

struct ledger_memory {
    struct row *first;
    struct row **last; /* where the next row is hung */
    size_t row_count;
    bool broken;
};

struct ledger_memory *ledger_memory_new(void)
{
    struct ledger_memory *m = calloc(1, sizeof *m);
    if (m != NULL)
        m->last = &m->first;
    return m;
}

void ledger_memory_free(struct ledger_memory *m)
{
    while (m != NULL && m->first != NULL) {
        struct row *next = m->first->next;
        free(m->first);
        m->first = next;
    }
    free(m);
}

void ledger_memory_break(struct ledger_memory *m, bool broken)
{
    m->broken = broken;
}

static size_t spans_of(struct row *r, struct span *out[SPANS_MAX])
{
    struct ledger_run *run = &r->is.run;
    struct ledger_form *f = &r->is.form;
    struct ledger_message *m = &r->is.message;
    struct ledger_arrival *a = &r->is.arrival;
    struct ledger_verdict *v = &r->is.verdict;
    struct span *const lists[][SPANS_MAX] = {
        [ROW_RUN] = {&run->run, &run->target, &run->target_name, &run->vantage, &run->canary,
                     &run->sender, &run->mailboxes, &run->forms, &run->greeting},
        [ROW_FORM] = {&f->run, &f->form, &f->kind, &f->sender, &f->recipient, &f->answer, &f->state,
                      &f->reply},
        [ROW_MESSAGE] = {&m->run, &m->form, &m->sender, &m->recipient, &m->message_id},
        [ROW_ARRIVAL] = {&a->run, &a->form, &a->mailbox, &a->token, &a->head},
        [ROW_VERDICT] = {&v->run, &v->verdict, &v->reason_code, &v->reason, &v->cause},
    };
    size_t count = 0;
    while (count < SPANS_MAX && lists[r->kind][count] != NULL) {
        out[count] = lists[r->kind][count];
        count++;
    }
    return count;
}

/* A copy of `given` with its text behind it; NULL: no memory, or no more rows. */
static struct row *copy_row(struct ledger_memory *m, struct row *given)
{
    struct span *from[SPANS_MAX], *to[SPANS_MAX];
    size_t len = 0, count = spans_of(given, from);
    for (size_t i = 0; i < count; i++)
        len += from[i]->len;
    if (m->broken || m->row_count >= LEDGER_MEMORY_ROWS_MAX)
        return NULL;
    struct row *r = malloc(sizeof *r + len);
    if (r == NULL)
        return NULL;
    memcpy(r, given, sizeof *r);
    spans_of(r, to);
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (from[i]->len > 0)
            memcpy(r->text + len, from[i]->ptr, from[i]->len);
        to[i]->ptr = r->text + len;
        len += from[i]->len;
    }
    if (r->kind == ROW_MESSAGE)
        r->is.message.tokens = &r->tokens;
    return r;
}

static bool append(struct ledger_memory *m, struct row *given)
{
    struct row *r = copy_row(m, given);
    if (r == NULL)
        return false;
    r->next = NULL;
    *m->last = r;
    m->last = &r->next;
    m->row_count++;
    return true;
}

static bool replace(struct ledger_memory *m, struct row **place, struct row *given)
{
    struct row *old = *place, *r = copy_row(m, given);
    if (r == NULL)
        return false;
    r->next = old->next;
    *place = r;
    if (m->last == &old->next)
        m->last = &r->next;
    free(old);
    return true;
}

static struct row *find_run(struct ledger_memory *m, struct span run)
{
    for (struct row *r = m->first; r != NULL; r = r->next)
        if (r->kind == ROW_RUN && span_equal(r->is.run.run, run))
            return r;
    return NULL;
}

static bool write_run(void *self, const struct ledger_run *run)
{
    struct ledger_memory *m = self;
    struct row given = {.kind = ROW_RUN, .is.run = *run};
    if (run->run.len == 0 || run->run.len > LEDGER_RUN_MAX)
        return false;
    for (struct row **place = &m->first; *place != NULL; place = &(*place)->next) {
        struct row *r = *place;
        if (r->kind == ROW_RUN && span_equal(r->is.run.run, run->run)) {
            given.is.run.epoch_s = r->is.run.epoch_s;
            return replace(m, place, &given);
        }
    }
    return append(m, &given);
}

static bool write_form(void *self, const struct ledger_form *f)
{
    struct ledger_memory *m = self;
    struct row given = {.kind = ROW_FORM, .is.form = *f};
    if (find_run(m, f->run) == NULL)
        return false;
    for (struct row **place = &m->first; *place != NULL; place = &(*place)->next) {
        struct row *r = *place;
        if (r->kind == ROW_FORM && span_equal(r->is.form.run, f->run) &&
            span_equal(r->is.form.form, f->form))
            return replace(m, place, &given);
    }
    return append(m, &given);
}

static bool write_message(void *self, const struct ledger_message *message)
{
    struct row given = {.kind = ROW_MESSAGE, .is.message = *message, .tokens = *message->tokens};
    return find_run(self, message->run) != NULL && append(self, &given);
}

static bool same_arrival(const struct ledger_arrival *a, const struct ledger_arrival *b)
{
    return a->kind == b->kind && span_equal(a->run, b->run) && span_equal(a->form, b->form) &&
           span_equal(a->mailbox, b->mailbox) && span_equal(a->token, b->token) &&
           span_equal(a->head, b->head);
}

static bool write_arrival(void *self, const struct ledger_arrival *a)
{
    struct ledger_memory *m = self;
    struct row given = {.kind = ROW_ARRIVAL, .is.arrival = *a};
    given.is.arrival.head = span_to(a->head, LEDGER_HEAD_MAX);
    if (find_run(m, a->run) == NULL)
        given.is.arrival.run = (struct span){NULL, 0};
    for (const struct row *r = m->first; r != NULL; r = r->next)
        if (r->kind == ROW_ARRIVAL && same_arrival(&r->is.arrival, &given.is.arrival))
            return !m->broken;
    return append(m, &given);
}

static bool write_verdict(void *self, const struct ledger_verdict *v)
{
    struct row given = {.kind = ROW_VERDICT, .is.verdict = *v};
    return find_run(self, v->run) != NULL && append(self, &given);
}

static struct span run_of(const struct row *r)
{
    switch (r->kind) {
    case ROW_RUN:
        return r->is.run.run;
    case ROW_FORM:
        return r->is.form.run;
    case ROW_MESSAGE:
        return r->is.message.run;
    case ROW_ARRIVAL:
        return r->is.arrival.run;
    case ROW_VERDICT:
        break;
    }
    return r->is.verdict.run;
}

static void count(struct ledger_counts *counts, const struct row *r)
{
    switch (r->kind) {
    case ROW_FORM:
        counts->forms++;
        break;
    case ROW_MESSAGE:
        counts->messages++;
        break;
    case ROW_ARRIVAL:
        counts->deliveries += r->is.arrival.kind == LEDGER_DELIVERY;
        counts->reports += r->is.arrival.kind == LEDGER_REPORT;
        counts->other += r->is.arrival.kind != LEDGER_DELIVERY &&
                         r->is.arrival.kind != LEDGER_REPORT;
        break;
    case ROW_RUN:
    case ROW_VERDICT:
        break;
    }
}

static void see(const struct row *r, const struct ledger_visitor *v)
{
    if (r->kind == ROW_FORM && v->form != NULL)
        v->form(v->self, &r->is.form);
    else if (r->kind == ROW_MESSAGE && v->message != NULL)
        v->message(v->self, &r->is.message);
    else if (r->kind == ROW_ARRIVAL && v->arrival != NULL)
        v->arrival(v->self, &r->is.arrival);
    else if (r->kind == ROW_VERDICT && v->verdict != NULL)
        v->verdict(v->self, &r->is.verdict);
}

static void see_run(const struct row *run, const struct ledger_visitor *v)
{
    struct ledger_counts counts = {0};
    for (const struct row *r = run; r != NULL; r = r->next)
        if (span_equal(run_of(r), run->is.run.run))
            count(&counts, r);
    if (v->run != NULL)
        v->run(v->self, &run->is.run, &counts);
}

/* The run that is newest of those older than `before` (NULL: of all). */
static const struct row *next_run(const struct ledger_memory *m, const struct row *before)
{
    const struct row *best = NULL;
    bool passed = false; /* beyond `before` in the order of writing */
    for (const struct row *r = m->first; r != NULL; r = r->next) {
        passed |= r == before;
        if (r->kind != ROW_RUN || r == before)
            continue;
        bool older = before == NULL || r->is.run.epoch_s < before->is.run.epoch_s ||
                     (r->is.run.epoch_s == before->is.run.epoch_s && !passed);
        if (older && (best == NULL || r->is.run.epoch_s >= best->is.run.epoch_s))
            best = r;
    }
    return best;
}

static enum ledger_found runs(void *self, const struct ledger_visitor *v)
{
    struct ledger_memory *m = self;
    const struct row *run = NULL;
    if (m->broken)
        return LEDGER_TROUBLE;
    while ((run = next_run(m, run)) != NULL) {
        const struct row *last = NULL;
        see_run(run, v);
        for (const struct row *r = run; r != NULL; r = r->next)
            if (r->kind == ROW_VERDICT && span_equal(run_of(r), run->is.run.run))
                last = r;
        if (last != NULL)
            see(last, v);
    }
    return next_run(m, NULL) != NULL ? LEDGER_FOUND : LEDGER_UNKNOWN;
}

static enum ledger_found show(void *self, struct span name, const struct ledger_visitor *v)
{
    struct ledger_memory *m = self;
    const struct row *run = find_run(m, name);
    if (m->broken || run == NULL)
        return m->broken ? LEDGER_TROUBLE : LEDGER_UNKNOWN;
    see_run(run, v);
    for (int kind = ROW_FORM; kind <= ROW_VERDICT; kind++)
        for (const struct row *r = run; r != NULL; r = r->next)
            if ((int)r->kind == kind && span_equal(run_of(r), name))
                see(r, v);
    return LEDGER_FOUND;
}

static enum ledger_found strays(void *self, const struct ledger_visitor *v)
{
    struct ledger_memory *m = self;
    bool any = false;
    for (const struct row *r = m->first; r != NULL; r = r->next) {
        if (r->kind == ROW_ARRIVAL && r->is.arrival.run.len == 0) {
            see(r, v);
            any = true;
        }
    }
    return m->broken ? LEDGER_TROUBLE : any ? LEDGER_FOUND : LEDGER_UNKNOWN;
}

static void fill_match(const struct ledger_memory *m, const struct ledger_message *message,
                       enum ledger_role role, struct ledger_match *out)
{
    memset(out, 0, sizeof *out);
    out->role = role;
    bytes_copy(out->run, sizeof out->run, message->run);
    bytes_copy(out->form, sizeof out->form, message->form);
    bytes_copy(out->sender, sizeof out->sender, message->sender);
    bytes_copy(out->recipient, sizeof out->recipient, message->recipient);
    bytes_copy(out->message_id, sizeof out->message_id, message->message_id);
    out->attempt = message->attempt;
    out->epoch_s = message->epoch_s;
    for (const struct row *r = m->first; r != NULL; r = r->next)
        out->deliveries += r->kind == ROW_ARRIVAL && r->is.arrival.kind == LEDGER_DELIVERY &&
                           span_equal(r->is.arrival.run, message->run) &&
                           span_equal(r->is.arrival.form, message->form);
}

static enum ledger_found token(void *self, struct span text, struct ledger_match *out)
{
    struct ledger_memory *m = self;
    const struct ledger_message *found = NULL;
    enum ledger_role role = LEDGER_SENDER;
    struct token folded;
    if (m->broken)
        return LEDGER_TROUBLE;
    if (!token_fold(text, &folded))
        return LEDGER_UNKNOWN;
    for (const struct row *r = m->first; r != NULL; r = r->next) {
        if (r->kind != ROW_MESSAGE)
            continue;
        bool recipient = token_equal(&r->tokens.recipient, span_of(folded.text));
        bool sender = token_equal(&r->tokens.sender, span_of(folded.text));
        if (recipient || (sender && role == LEDGER_SENDER)) {
            found = &r->is.message;
            role = recipient ? LEDGER_RECIPIENT : LEDGER_SENDER;
        }
    }
    if (found == NULL)
        return LEDGER_UNKNOWN;
    fill_match(m, found, role, out);
    return LEDGER_FOUND;
}

static const struct ledger_ops ops = {write_run, write_form, write_message, write_arrival,
                                      write_verdict};
static const struct ledger_reader_ops reader_ops = {runs, show, token, strays};

struct ledger ledger_memory_ledger(struct ledger_memory *m)
{
    return (struct ledger){&ops, m};
}

struct ledger_reader ledger_memory_reader(struct ledger_memory *m)
{
    return (struct ledger_reader){&reader_ops, m};
}
