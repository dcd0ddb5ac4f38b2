/*
 * collect.c - the ledger as a book of tokens, and the second look at a verdict
 *
 * A book's owner is an index into the bearers of the message at hand: the messages of ours that its
 * tokens name, found one look-up at a time. Only what was sent has a row, so a token that was said
 * in RCPT and never followed by a message belongs to nobody, and mail that bears it is forged.
 *
 * The verdict is derived from the last one and the arrival, not from whether the arrival is new:
 * when the process is killed between the two rows, the next look at the same mail writes what is
 * missing.
 */
#include "probe/home/collect.h"

#include <string.h>

#include "probe/home/record.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- domains of ours */

static void add_domain(struct collect *c, struct span address)
{
    size_t at = span_rchr(address, '@');
    struct span domain = at != SIZE_MAX ? span_from(address, at + 1) : (struct span){NULL, 0};
    for (size_t i = 0; i < c->domain_count; i++) {
        if (span_iequal(domain, span_of(c->domain[i]))) {
            return;
        }
    }
    if (domain.len > 0 && c->domain_count < COLLECT_DOMAINS_MAX &&
        bytes_copy(c->domain[c->domain_count], sizeof(c->domain[0]), domain)) {
        c->domain_count++;
    }
}

static void see_domains(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct collect *c = self;
    struct span rest = r->canary, one;
    (void)counts;
    while (span_cut(&rest, ',', &one)) {
        add_domain(c, span_trim(one));
    }
    add_domain(c, r->sender);
}

bool collect_init(struct collect *c, struct ledger ledger, struct ledger_reader reader)
{
    struct ledger_visitor v = {.run = see_domains, .self = c};
    memset(c, 0, sizeof(*c));
    c->ledger = ledger;
    c->reader = reader;
    return reader.ops->runs(reader.self, &v) != LEDGER_TROUBLE;
}

/* -- what is known of a run */

struct look {
    struct collect *collect;
    const char *form;
};

static void see_run(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct collect *c = ((struct look *)self)->collect;
    bytes_copy(c->run.target, sizeof(c->run.target), r->target);
    bytes_copy(c->run.target_name, sizeof(c->run.target_name), r->target_name);
    bytes_copy(c->run.greeting, sizeof(c->run.greeting), r->greeting);
    c->run.deliveries = counts->deliveries;
}

static void see_form(void *self, const struct ledger_form *f)
{
    struct look *look = self;
    if (span_equal(f->form, span_of(look->form))) {
        bytes_copy(look->collect->run.kind, sizeof(look->collect->run.kind), f->kind);
    }
}

static void see_verdict(void *self, const struct ledger_verdict *v)
{
    struct collect *c = ((struct look *)self)->collect;
    bytes_copy(c->run.verdict, sizeof(c->run.verdict), v->verdict);
    c->run.verdict_epoch_s = v->epoch_s;
}

static void look_at_run(struct collect *c, const char *run, const char *form)
{
    struct look look = {c, form};
    struct ledger_visitor v = {
        .run = see_run, .form = see_form, .verdict = see_verdict, .self = &look};
    memset(&c->run, 0, sizeof(c->run));
    c->trouble |= c->reader.ops->show(c->reader.self, span_of(run), &v) == LEDGER_TROUBLE;
}

/* -- the book */

static int bearer_of(struct collect *c, const struct ledger_match *match, struct span token)
{
    for (size_t i = 0; i < c->bearer_count; i++) {
        const struct ledger_match *known = &c->bearer[i].match;
        if (strcmp(known->run, match->run) == 0 && strcmp(known->form, match->form) == 0) {
            return (int)i;
        }
    }
    if (c->bearer_count == COLLECT_BEARERS_MAX) {
        return ARRIVAL_NO_FORM;
    }
    struct collect_bearer *b = &c->bearer[c->bearer_count];
    b->match = *match;
    token_fold(token, &b->token);
    return (int)c->bearer_count++;
}

static int owner(const void *self, struct span token, enum token_role role)
{
    struct collect *c = *(struct collect *const *)self;
    struct ledger_match match;
    enum ledger_found found = c->reader.ops->token(c->reader.self, token, &match);
    c->trouble |= found == LEDGER_TROUBLE;
    if (found != LEDGER_FOUND || ((role & ROLE_SENDER) == 0 && match.role == LEDGER_SENDER) ||
        ((role & ROLE_RECIPIENT) == 0 && match.role == LEDGER_RECIPIENT)) {
        return ARRIVAL_NO_FORM;
    }
    if (span_starts(span_of(match.form), SPAN("control-"))) {
        return ARRIVAL_BEFORE;
    }
    return bearer_of(c, &match, token);
}

static const struct collect_bearer *bearer(const void *self, int index)
{
    const struct collect *c = *(struct collect *const *)self;
    return index >= 0 ? &c->bearer[index] : NULL;
}

/* The recipient's token stood in the reverse-path too: a reply goes there. */
static bool own_name(const void *self, int index)
{
    const struct collect_bearer *b = bearer(self, index);
    struct span recipient = span_of(b != NULL ? b->match.recipient : NULL);
    size_t at = token_find(recipient, 0);
    return at != SIZE_MAX && span_ifind(span_of(b->match.sender),
                                        (struct span){recipient.ptr + at, TOKEN_LEN}) != SIZE_MAX;
}

static bool tagged(const void *self, struct span address, struct span *tag)
{
    const struct collect *c = *(struct collect *const *)self;
    size_t at = span_rchr(address, '@');
    struct span local = span_to(address, at);
    struct span domain = at != SIZE_MAX ? span_from(address, at + 1) : (struct span){NULL, 0};
    size_t plus = span_rchr(local, '+');
    *tag = span_from(local, plus != SIZE_MAX ? plus + 1 : 0);
    for (size_t i = 0; i < c->domain_count; i++) {
        if (span_iequal(domain, span_of(c->domain[i]))) {
            return true;
        }
    }
    return false;
}

static struct span name_of(const void *self, int index, bool greeting)
{
    struct collect *c = *(struct collect *const *)self;
    const struct collect_bearer *b = bearer(self, index);
    if (b == NULL) {
        return (struct span){NULL, 0};
    }
    look_at_run(c, b->match.run, b->match.form);
    bool named = c->run.target_name[0] != '\0'; /* else it was given as an address */
    return span_of(greeting || !named ? c->run.greeting : c->run.target_name);
}

static struct span target_name(const void *self, int index)
{
    return name_of(self, index, false);
}

static struct span greeting_name(const void *self, int index)
{
    return name_of(self, index, true);
}

/* -- the second look */

static bool is_any(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

struct change { /* first row that holds */
    enum arrival_kind kind;
    bool by_target, canary_side, external; /* what must hold beside the kind */
    const char *was[8];                    /* the verdict must be one of these; "" is none */
    enum verdict now;
    const char *code, *words;
};

enum { COME_HOME = 0 };

/* clang-format off */
static const struct change changes[] = {
    [COME_HOME] = {ARRIVAL_DELIVERY, false, false, false,
     {"", "bounces", "discards", "accepts", "inconclusive", "closed", "unreachable"},
     VERDICT_OPEN, "delivered", "came home"},
    {ARRIVAL_REPORT, false, true, false,
     {"", "bounces", "discards", "inconclusive", "closed"},
     VERDICT_ACCEPTS, "canary-refused", "was passed on, and the canary's own side refused it"},
    {ARRIVAL_REPORT, true, false, true, {"discards"},
     VERDICT_BOUNCES, "bounced", "was returned by the target itself"},
    {ARRIVAL_UNCLEAR, false, false, false, {"", "bounces", "discards", "closed"},
     VERDICT_ACCEPTS, "unclear-arrival", "is named by mail that cannot be told apart"},
};
/* clang-format on */

static const struct change *change_for(const struct collect *c, enum arrival_kind kind,
                                       const struct probe_report *report)
{
    bool external = strcmp(c->run.kind, "external") == 0;
    for (size_t i = 0; i < COUNT(changes); i++) {
        const struct change *row = &changes[i];
        if (row->kind == kind && (!row->by_target || report->by_target) &&
            (!row->canary_side || report->canary_side) && (!row->external || external) &&
            is_any(c->run.verdict, row->was)) {
            return row;
        }
    }
    return NULL;
}

static void say_reason(struct strbuf *out, const struct change *row, const struct collected *what)
{
    strbuf_addf(out, "%s %s ", what->match.form, row->words);
    clock_print_human(out, (what->epoch_s - what->match.epoch_s) * CLOCK_SECOND);
    strbuf_adds(out, " after it was sent");
}

static bool write_verdict(struct collect *c, const struct change *row, struct collected *what,
                          int64_t epoch_s)
{
    struct strbuf reason;
    strbuf_init(&reason, what->reason, sizeof(what->reason));
    say_reason(&reason, row, what);
    what->changed = true;
    what->now = row->now;
    bytes_copy(what->was, sizeof(what->was), span_of(c->run.verdict));
    what->was_epoch_s = c->run.verdict_epoch_s;
    struct ledger_verdict verdict = {.run = span_of(what->match.run),
                                     .verdict = span_of(verdict_name(row->now)),
                                     .reason_code = span_of(row->code),
                                     .reason = strbuf_span(&reason),
                                     .cause = SPAN("collect"),
                                     .epoch_s = epoch_s};
    return c->ledger.ops->verdict(c->ledger.self, &verdict);
}

static bool write_arrival(struct collect *c, enum ledger_arrival_kind kind,
                          const struct collect_bearer *b, struct span token, struct span mailbox,
                          const struct mail_view *mail, int64_t epoch_s)
{
    char room[LEDGER_HEAD_MAX];
    struct strbuf head;
    strbuf_init(&head, room, sizeof(room));
    record_head(&head, mail);
    struct ledger_arrival a = {.kind = kind,
                               .run = span_of(b != NULL ? b->match.run : NULL),
                               .form = span_of(b != NULL ? b->match.form : NULL),
                               .mailbox = mailbox,
                               .token = token,
                               .head = strbuf_span(&head),
                               .epoch_s = epoch_s};
    return c->ledger.ops->arrival(c->ledger.self, &a);
}

/* A message that bears a token of ours: written down, then judged. */
static bool take_owned(struct collect *c, const struct arrival_book *book, const struct arrival *a,
                       struct span mailbox, const struct mail_view *mail, struct collected *out)
{
    const struct collect_bearer *b = &c->bearer[a->form];
    struct probe_report report = {.form = -1};
    enum ledger_arrival_kind kind = a->kind == ARRIVAL_REPORT    ? LEDGER_REPORT
                                    : a->kind == ARRIVAL_UNCLEAR ? LEDGER_UNCLEAR
                                                                 : LEDGER_DELIVERY;
    out->match = b->match;
    out->again = a->kind == ARRIVAL_DELIVERY && b->match.deliveries > 0;
    if (a->kind == ARRIVAL_REPORT) {
        arrival_read_report_by(book, a, &report);
    }
    if (!write_arrival(c, kind, b, span_of(b->token.text), mailbox, mail, out->epoch_s)) {
        return false;
    }
    look_at_run(c, b->match.run, b->match.form);
    bytes_copy(out->target, sizeof(out->target), span_of(c->run.target));
    const struct change *row = c->trouble ? NULL : change_for(c, a->kind, &report);
    return row == NULL || write_verdict(c, row, out, out->epoch_s);
}

bool collect_mail(struct collect *c, struct span mailbox, const struct mail_view *mail,
                  int64_t epoch_s, struct collected *out)
{
    struct arrival_book book = {.owner = owner,
                                .own_name = own_name,
                                .tagged = tagged,
                                .target_name = target_name,
                                .greeting_name = greeting_name,
                                .self = &c};
    struct arrival a;
    bool written = true;
    memset(out, 0, sizeof(*out));
    out->epoch_s = epoch_s;
    c->bearer_count = 0;
    c->trouble = false;
    arrival_judge_by(&book, mail, &a);
    out->kind = a.kind;
    if (a.form >= 0) {
        written = take_owned(c, &book, &a, mailbox, mail, out);
    } else if (a.kind == ARRIVAL_FORGED) {
        struct strbuf mark;
        strbuf_init(&mark, out->mark, sizeof(out->mark));
        strbuf_add_visible(&mark, a.mark);
        written = write_arrival(c, LEDGER_FORGED, NULL, a.mark, mailbox, mail, epoch_s);
    }
    return written && !c->trouble;
}

/* -- runs that have no verdict for what was seen */

enum { SETTLE_MAX = 64 /* runs a call; the next call finds the others */ };

struct unsettled {
    size_t count;
    char run[SETTLE_MAX][LEDGER_RUN_MAX + 1];
    char last[LEDGER_RUN_MAX + 1];
    bool delivered;
};

static void settle_flush(struct unsettled *u)
{
    if (u->delivered && u->count < SETTLE_MAX) {
        memcpy(u->run[u->count++], u->last, sizeof(u->last));
    }
    u->delivered = false;
}

static void settle_run(void *self, const struct ledger_run *r, const struct ledger_counts *counts)
{
    struct unsettled *u = self;
    settle_flush(u);
    bytes_copy(u->last, sizeof(u->last), r->run);
    u->delivered = counts->deliveries > 0;
}

static void settle_verdict(void *self, const struct ledger_verdict *v)
{
    struct unsettled *u = self;
    u->delivered &= !span_equal(v->verdict, span_of(verdict_name(VERDICT_OPEN)));
}

static void first_delivery(void *self, const struct ledger_arrival *a)
{
    struct collected *what = self;
    if (a->kind == LEDGER_DELIVERY && what->epoch_s == 0) {
        bytes_copy(what->match.form, sizeof(what->match.form), a->form);
        what->epoch_s = a->epoch_s;
    }
}

static void its_message(void *self, const struct ledger_message *m)
{
    struct collected *what = self;
    if (what->match.epoch_s == 0 || m->epoch_s < what->match.epoch_s) {
        what->match.epoch_s = m->epoch_s;
    }
}

bool collect_settle(struct collect *c, int64_t epoch_s,
                    void (*changed)(void *self, const struct collected *what), void *self)
{
    struct unsettled u = {0};
    struct ledger_visitor all = {.run = settle_run, .verdict = settle_verdict, .self = &u};
    if (c->reader.ops->runs(c->reader.self, &all) == LEDGER_TROUBLE) {
        return false;
    }
    settle_flush(&u);
    for (size_t i = 0; i < u.count; i++) {
        struct collected what = {.kind = ARRIVAL_DELIVERY, .again = true};
        struct ledger_visitor one = {.message = its_message,
                                     .arrival = first_delivery,
                                     .self = &what};
        c->trouble = c->reader.ops->show(c->reader.self, span_of(u.run[i]), &one) == LEDGER_TROUBLE;
        look_at_run(c, u.run[i], what.match.form);
        memcpy(what.match.run, u.run[i], sizeof(u.run[i]));
        bytes_copy(what.target, sizeof(what.target), span_of(c->run.target));
        what.epoch_s = what.epoch_s != 0 ? what.epoch_s : epoch_s;
        if (c->trouble || !write_verdict(c, &changes[COME_HOME], &what, epoch_s)) {
            return false;
        }
        changed(self, &what);
    }
    return true;
}

/* -- in words */

static const char *verb_of(const struct collected *what)
{
    switch (what->kind) {
    case ARRIVAL_DELIVERY:
        return what->again ? "came home (again)" : "came home";
    case ARRIVAL_REPORT:
        return "is named in a report";
    case ARRIVAL_UNCLEAR:
        return "is named by mail that cannot be told apart";
    case ARRIVAL_CONTROL:
    case ARRIVAL_FOREIGN:
    case ARRIVAL_FORGED:
    case ARRIVAL_REPLAYED:
        break;
    }
    return NULL;
}

void collect_print(struct strbuf *out, const struct collected *what)
{
    if (what->kind == ARRIVAL_FORGED) {
        strbuf_addf(out, "a forged or altered token, which counts for nothing: %s", what->mark);
        return;
    }
    if (verb_of(what) == NULL) {
        return;
    }
    strbuf_addf(out, "run %s, %s: %s, sent ", what->match.run, what->target, what->match.form);
    clock_print_rfc3339(out, what->match.epoch_s);
    strbuf_addf(out, ", %s, seen ", verb_of(what));
    clock_print_rfc3339(out, what->epoch_s);
    if (!what->changed) {
        return;
    }
    strbuf_addf(out, "; verdict %s", verdict_name(what->now));
    if (what->was[0] == '\0') {
        strbuf_adds(out, ", the run had none");
        return;
    }
    strbuf_addf(out, ", was %s at ", what->was);
    clock_print_rfc3339(out, what->was_epoch_s);
}
