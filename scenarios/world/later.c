/*
 * later.c - rows of an earlier run, then probe/home/collect.h over the same ledger
 */
#include "scenarios/world/later.h"

#define EARLIER_RUN "lab-earlier"

static bool write_earlier(struct ledger l, const struct token_pair *tokens, int64_t epoch_s)
{
    const struct ledger_run run = {
        .run = SPAN(EARLIER_RUN),
        .target = SPAN("127.0.0.1:25"),
        .target_name = SPAN("mx.victim.test"),
        .canary = SPAN("probe@canary.test"),
        .sender = SPAN("probe@canary.test"),
        .forms = SPAN("S1-R1"),
        .epoch_s = epoch_s};
    const struct ledger_message message = {
        .run = SPAN(EARLIER_RUN),
        .form = SPAN("S1-R1"),
        .sender = SPAN("probe@canary.test"),
        .recipient = SPAN("probe@canary.test"),
        .message_id = SPAN("earlier@probe.canary.test"),
        .tokens = tokens,
        .attempt = 1,
        .epoch_s = epoch_s};
    const struct ledger_arrival arrival = {
        .kind = LEDGER_DELIVERY,
        .run = SPAN(EARLIER_RUN),
        .form = SPAN("S1-R1"),
        .mailbox = SPAN("canary"),
        .token = span_of(tokens->recipient.text),
        .epoch_s = epoch_s};
    const struct ledger_verdict verdict = {.run = SPAN(EARLIER_RUN),
                                           .verdict = SPAN("open"),
                                           .reason_code = SPAN("delivered"),
                                           .cause = SPAN("run"),
                                           .epoch_s = epoch_s};

    return l.ops->run(l.self, &run) && l.ops->message(l.self, &message) &&
           l.ops->arrival(l.self, &arrival) && l.ops->verdict(l.self, &verdict);
}

bool later_open(struct later *l, const struct token_key *key, int64_t epoch_s,
                struct token_pair *earlier)
{
    l->collecting = false;
    l->verdict = -1;
    l->memory = ledger_memory_new();
    token_make(key, SPAN(EARLIER_RUN), SPAN("S1-R1"), earlier);
    if (l->memory != NULL &&
        write_earlier(ledger_memory_ledger(l->memory), earlier, epoch_s - 86400))
        return true;
    later_close(l);
    return false;
}

static bool known(void *self, struct span token, struct strbuf *whose)
{
    struct later *l = self;
    struct ledger_reader reader = ledger_memory_reader(l->memory);
    struct ledger_match match;

    if (reader.ops->token(reader.self, token, &match) != LEDGER_FOUND ||
        !span_equal(span_of(match.run), SPAN(EARLIER_RUN)))
        return false;
    strbuf_adds(whose, match.run);
    strbuf_addc(whose, ' ');
    strbuf_adds(whose, match.form);
    return true;
}

void later_configure(struct later *l, struct probe_config *config)
{
    config->ledger = ledger_memory_ledger(l->memory);
    config->earlier = (struct probe_earlier){.known = known, .self = l};
}

void later_begin(struct later *l, enum verdict verdict)
{
    l->collecting = collect_init(&l->collect, ledger_memory_ledger(l->memory),
                                 ledger_memory_reader(l->memory));
    l->verdict = l->collecting ? (int)verdict : -1;
}

bool later_mail(struct later *l, struct span mailbox, const struct mail_view *mail, int64_t epoch_s)
{
    struct collected what;

    if (!collect_mail(&l->collect, mailbox, mail, epoch_s, &what)) {
        l->verdict = -1;
        return false;
    }
    if (what.changed && l->verdict >= 0)
        l->verdict = (int)what.now;
    return what.kind != ARRIVAL_FOREIGN && what.kind != ARRIVAL_FORGED;
}

void later_close(struct later *l)
{
    ledger_memory_free(l->memory);
    l->memory = NULL;
    l->collecting = false;
}
