/*
 * report_proof.c - the proof of `open`, in both reports: how the message went, and what was said
 *
 * The oldest trace field is the target's: what it wrote down about whoever handed the message in is
 * what it took us for. A server that relays for strangers mostly does so because it sees another
 * address than the stranger's: a proxy's, a gateway's, its own.
 */
#include "probe/ask/contexts.h"
#include "probe/report/report_private.h"

struct span report_said(const struct probe *p, const struct form_result *r, uint16_t number,
                        char *room)
{
    return evidence_text(&p->evidence, r, number, room, EVIDENCE_TEXT_MAX);
}

static const struct probe_hop *first_hop(const struct probe *p)
{
    return p->proof != NULL && p->proof->hop_room > 0 && p->proof->hops[0].by[0] != '\0'
               ? &p->proof->hops[0]
               : NULL;
}

static unsigned kept_hops(const struct probe *p)
{
    return p->proof->hop_room;
}

/* From the server's yes to the arrival. */
static int64_t delay_of(const struct probe *p, const struct form_result *r)
{
    const struct probe_delivery *d = probe_delivery_of(p, r);

    return d != NULL && d->at_ns > r->answered_ns ? d->at_ns - r->answered_ns : 0;
}

static struct span reached(const struct probe *p, const struct form_result *r,
                           char room[EVIDENCE_TEXT_MAX])
{
    const struct probe_delivery *d = probe_delivery_of(p, r);

    return report_said(p, r, d != NULL ? d->to : 0, room);
}

static void seen_as(struct strbuf *out, const struct probe *p)
{
    const struct probe_hop *hop = first_hop(p);
    struct endpoint seen;
    bool known = hop != NULL && endpoint_parse_address(span_of(hop->address), &seen);
    bool named = context_of(&p->results[p->proof->form].form)->names_address;
    bool stranger = p->config.vantage == VANTAGE_PUBLIC || p->config.vantage == VANTAGE_OUTSIDE;

    if (!known) {
        strbuf_adds(out, "  the message does not say from which address the server took it\n");
        return;
    }
    strbuf_adds(out, "  the server saw us come from ");
    strbuf_adds(out, hop->address);
    if (named && endpoint_scope(&seen) != SCOPE_PUBLIC) {
        strbuf_adds(out, ", as we told it: whoever may name the address that he is judged by is "
                         "refused nothing");
    } else if (p->config.source.family != 0 && !endpoint_same_address(&p->config.source, &seen)) {
        strbuf_adds(out, ", and not from ");
        endpoint_print_address(out, &p->config.source);
        strbuf_adds(out, ": our address was lost on the way (a proxy, a gateway), and with it the "
                         "reason to refuse us");
    } else if (stranger && endpoint_scope(&seen) != SCOPE_PUBLIC) {
        strbuf_adds(out, ", an address of its own networks: ours was lost on the way (a proxy, a "
                         "gateway), and with it the reason to refuse us");
    }
    strbuf_addc(out, '\n');
}

static void chain(struct strbuf *out, const struct probe *p)
{
    unsigned kept = kept_hops(p);

    strbuf_adds(out, "  its way, by the message's own Received fields, oldest first:\n");
    for (unsigned i = 0; i < kept; i++) {
        const struct probe_hop *h = &p->proof->hops[i];

        strbuf_addf(out, "    %s from %s [%s], %s\n", h->by[0] != '\0' ? h->by : "(unnamed)",
                    h->from[0] != '\0' ? h->from : "(nobody)",
                    h->address[0] != '\0' ? h->address : "no address",
                    h->date[0] != '\0' ? h->date : "no date");
    }
    if (p->proof->hop_count > kept)
        strbuf_addf(out, "    and %u more\n", p->proof->hop_count - kept);
    if (kept == 0)
        strbuf_adds(out, "    (none: it has no such field)\n");
}

/* Every mark in the kept text may become a path. */
enum { DIALOGUE_MAX = 8 * EVIDENCE_DIALOGUE_MAX };

static void dialogue(struct strbuf *out, const struct probe *p, const struct form_result *r)
{
    char memory[DIALOGUE_MAX];
    struct strbuf said;
    struct span rest, line;

    strbuf_init(&said, memory, sizeof(memory));
    evidence_print_dialogue(&p->evidence, r, &said);
    rest = strbuf_span(&said);
    strbuf_adds(out, "  what was said:\n");
    while (rest.len > 0 && span_cut(&rest, '\n', &line)) {
        strbuf_adds(out, "    ");
        strbuf_add(out, line);
        strbuf_addc(out, '\n');
    }
}

void report_proof_text(struct strbuf *out, const struct probe *p)
{
    const struct form_result *r;
    char room[EVIDENCE_TEXT_MAX];

    if (p->proof == NULL)
        return;
    r = &p->results[p->proof->form];
    strbuf_addf(out, "\nproof: %s came home to <", form_id(&r->form).text);
    strbuf_add(out, reached(p, r, room));
    strbuf_adds(out, ">, ");
    clock_print_human(out, delay_of(p, r));
    strbuf_adds(out, " after the server took it\n");
    if (p->proof->mailbox[0] != '\0')
        strbuf_addf(out, "  mailbox: %s\n", p->proof->mailbox);
    chain(out, p);
    seen_as(out, p);
    dialogue(out, p, r);
    if (p->proof->file[0] != '\0')
        strbuf_addf(out, "  the message is kept as %s\n", p->proof->file);
}

static void text_or_null(struct json *j, const char *key, const char *text)
{
    json_string(j, key, text[0] != '\0' ? text : NULL);
}

static void hop_object(struct json *j, const struct probe_hop *h)
{
    json_open(j, NULL, '{');
    text_or_null(j, "from", h->from);
    text_or_null(j, "address", h->address);
    text_or_null(j, "by", h->by);
    text_or_null(j, "date", h->date);
    json_close(j);
}

void report_proof_json(struct json *j, const struct probe *p)
{
    const struct form_result *r;
    char memory[DIALOGUE_MAX], room[EVIDENCE_TEXT_MAX];
    struct strbuf said;
    struct span rest, line;

    if (p == NULL || p->proof == NULL) {
        json_null(j, "proof");
        return;
    }
    r = &p->results[p->proof->form];
    json_open(j, "proof", '{');
    json_string(j, "form", form_id(&r->form).text);
    json_text(j, "delivered_to", reached(p, r, room));
    text_or_null(j, "mailbox", p->proof->mailbox);
    json_int(j, "delay_ms", delay_of(p, r) / CLOCK_MS);
    json_bool(j, "token_in_header", p->proof->token_in_header);
    text_or_null(j, "seen_address", first_hop(p) != NULL ? first_hop(p)->address : "");
    json_open(j, "received", '[');
    for (unsigned i = 0; i < kept_hops(p); i++)
        hop_object(j, &p->proof->hops[i]);
    json_close(j);
    json_open(j, "dialogue", '[');
    strbuf_init(&said, memory, sizeof(memory));
    evidence_print_dialogue(&p->evidence, r, &said);
    rest = strbuf_span(&said);
    while (rest.len > 0 && span_cut(&rest, '\n', &line))
        json_text(j, NULL, line);
    json_close(j);
    text_or_null(j, "file", p->proof->file);
    json_close(j);
}
