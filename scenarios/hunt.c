/*
 * hunt.c - one look-up, at most two questions, and notes along the way
 */
#include "scenarios/hunt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

    h->at = h->worst = h->note_count = 0;
    h->second = false;
    memset(h->asked, 0, sizeof h->asked);
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
    h->first = first;
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

static const struct probe *probe_at(const struct hunt *h, size_t at, const struct probe *present)
{
    return at == h->at ? present : at == 0 ? h->first : h->probes[at];
}

/* The next address from `at` on, of that family or of the other one. */
static bool find(const struct hunt *h, uint8_t family, bool same, size_t *at)
{
    while (*at < h->target.address_count && (h->target.address[*at].family == family) != same)
        ++*at;
    return *at < h->target.address_count;
}

static bool next_address(const struct hunt *h, bool unreachable, size_t *at)
{
    uint8_t family = h->target.address[h->at].family;

    *at = h->at + 1;
    if (unreachable && find(h, family, true, at))
        return true;
    *at = 0;
    return !h->second && find(h, family, false, at);
}

static void note_verdict(struct hunt *h, const struct endpoint *at, const struct probe *p)
{
    struct strbuf note;

    if (h->note_count >= HUNT_NOTES_MAX - 2)
        return;
    strbuf_init(&note, h->note_memory[h->note_count], HUNT_NOTE_LEN);
    endpoint_print(&note, at);
    if (p->verdict.verdict == VERDICT_UNREACHABLE)
        strbuf_addf(&note, " was asked %s and was unreachable: %s",
                    at->family == h->target.address[h->worst].family ? "first" : "too",
                    p->verdict.reason);
    else
        strbuf_addf(&note, " was asked too: %s", verdict_name(p->verdict.verdict));
    h->notes[h->note_count++] = strbuf_span(&note);
}

/* All that were asked and do not have the last word. */
static void note_others(struct hunt *h, const struct probe *present)
{
    for (size_t i = 0; i < h->target.address_count; i++)
        if (h->asked[i] && i != h->worst)
            note_verdict(h, &h->target.address[i], probe_at(h, i, present));
}

bool hunt_on(struct hunt *h, const struct probe *p, bool wanted)
{
    bool unreachable = p->verdict.verdict == VERDICT_UNREACHABLE;
    size_t next;

    h->asked[h->at] = true;
    if (p->verdict.verdict < probe_at(h, h->worst, p)->verdict.verdict)
        h->worst = h->at;
    if (!wanted || !next_address(h, unreachable, &next)) {
        note_others(h, p);
        h->at = h->worst;
        return false;
    }
    h->second |= h->target.address[next].family != h->target.address[h->at].family;
    h->at = next;
    return true;
}

static void print_not_asked(const struct hunt *h, struct strbuf *out)
{
    bool any = false;

    for (size_t i = 0; i < h->target.address_count; i++) {
        if (h->asked[i])
            continue;
        strbuf_adds(out, any ? " " : "The name has other addresses, which were not asked: ");
        endpoint_print(out, &h->target.address[i]);
        any = true;
    }
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
    print_not_asked(h, &others);
    if (others.len > 0)
        h->notes[h->note_count++] = strbuf_span(&others);
    out->notes = h->notes;
    out->note_count = h->note_count;
}
