/*
 * hunt.c - one question, then notes along the way
 */
#include "scenarios/hunt.h"

#include <assert.h>
#include <stdlib.h>

static void on_found(void *self, const struct mx_result *result)
{
    struct hunt *h = self;

    target_take(&h->target, result);
    h->owner.found(h->owner.self);
}

bool hunt_start(struct hunt *h, struct resolver resolver, const char *target, uint16_t port,
                struct hunt_owner owner)
{
    char memory[256];
    struct strbuf error;

    h->at = h->note_count = 0;
    h->owner = owner;
    strbuf_init(&error, memory, sizeof memory);
    bool is_target = target_read(&h->target, span_of(target), &error);
    assert(is_target && h->target.is_name); /* case_check_dns */
    h->target.port = port;
    return mx_find_start(&h->find, resolver, h->target.by_mx ? MX_BY_RECORDS : MX_BY_NAME,
                         h->target.name, port, (struct mx_owner){.found = on_found, .self = h});
}

struct probe *hunt_probe(struct hunt *h, struct probe *first)
{
    if (h->at == 0)
        return first;
    if (h->probes[h->at] == NULL)
        h->probes[h->at] = calloc(1, sizeof *h->probes[h->at]);
    return h->probes[h->at];
}

void hunt_clear(struct hunt *h)
{
    for (size_t i = 0; i < MX_ADDRESSES_MAX; i++) {
        if (h->probes[i] == NULL)
            continue;
        probe_clear(h->probes[i]);
        free(h->probes[i]);
        h->probes[i] = NULL;
    }
}

const struct endpoint *hunt_address(const struct hunt *h)
{
    return h->at < h->target.address_count ? &h->target.address[h->at] : NULL;
}

bool hunt_on(struct hunt *h, const struct probe *p)
{
    struct strbuf note;

    if (h->at + 1 >= h->target.address_count)
        return false;
    if (h->note_count < HUNT_NOTES_MAX - 2) {
        strbuf_init(&note, h->note_memory[h->note_count], HUNT_NOTE_LEN);
        endpoint_print(&note, &h->target.address[h->at]);
        strbuf_addf(&note, " was asked first and was unreachable: %s", p->verdict.reason);
        h->notes[h->note_count++] = strbuf_span(&note);
    }
    h->at++;
    return true;
}

void hunt_report(struct hunt *h, const struct probe *p, struct verdict_result *verdict,
                 struct report *out)
{
    struct strbuf way, others;

    if (p != NULL) {
        report_of(out, p, h->target.text);
    } else {
        target_unfound(&h->target, verdict);
        *out = (struct report){.target = h->target.text, .verdict = verdict};
    }
    strbuf_init(&way, h->way, sizeof h->way);
    target_print_way(&h->target, &way);
    if (way.len > 0)
        h->notes[h->note_count++] = strbuf_span(&way);
    strbuf_init(&others, h->others, sizeof h->others);
    target_print_others(&h->target, h->at + 1, h->target.address_count, &others);
    if (others.len > 0)
        h->notes[h->note_count++] = strbuf_span(&others);
    out->notes = h->notes;
    out->note_count = h->note_count;
}
