/*
 * summary.c - rows are grouped three times: by port, by family, by source
 *
 * Enum verdict is ordered from the worst to what says nothing, so the verdict of a group is its
 * least one: a port that relays over IPv6 alone relays.
 */
#include "probe/program/summary.h"

#include "lib/base/json.h"
#include "probe/report/report.h"

enum dimension { BY_PORT, BY_FAMILY, BY_SOURCE, DIMENSIONS };

static unsigned key_of(const struct summary_row *row, enum dimension d)
{
    switch (d) {
    case BY_PORT:
        return row->port;
    case BY_FAMILY:
        return row->family;
    case BY_SOURCE:
    case DIMENSIONS:
        break;
    }
    return row->source;
}

/* The row is the first of its group. */
static bool is_first(const struct summary *s, size_t i, enum dimension d)
{
    size_t first = 0;

    while (key_of(&s->rows[first], d) != key_of(&s->rows[i], d))
        first++;
    return first == i;
}

static enum verdict group_verdict(const struct summary *s, size_t i, enum dimension d)
{
    enum verdict worst = VERDICT_UNREACHABLE;

    for (size_t k = 0; k < s->count; k++)
        if (key_of(&s->rows[k], d) == key_of(&s->rows[i], d) && s->rows[k].verdict < worst)
            worst = s->rows[k].verdict;
    return worst;
}

static size_t group_count(const struct summary *s, enum dimension d)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        count += is_first(s, i, d);
    return count;
}

static size_t count_with(const struct summary *s, enum dimension d, enum verdict v)
{
    size_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        count += is_first(s, i, d) && group_verdict(s, i, d) == v;
    return count;
}

bool summary_is_due(const struct summary *s)
{
    for (int d = 0; d < DIMENSIONS; d++)
        if (group_count(s, (enum dimension)d) > 1)
            return true;
    return false;
}

enum verdict summary_verdict(const struct summary *s)
{
    enum verdict worst = VERDICT_UNREACHABLE;

    for (size_t i = 0; i < s->count; i++)
        worst = s->rows[i].verdict < worst ? s->rows[i].verdict : worst;
    return worst;
}

/* -- for people */

static void add_key(struct strbuf *out, const struct summary *s, size_t i, enum dimension d)
{
    const struct summary_row *row = &s->rows[i];

    switch (d) {
    case BY_PORT:
        strbuf_addu(out, row->port);
        break;
    case BY_FAMILY:
        strbuf_addf(out, "IPv%u", (unsigned)row->family);
        break;
    case BY_SOURCE:
        endpoint_print_address(out, &s->sources[row->source]);
        break;
    case DIMENSIONS:
        break;
    }
}

static const char *const joined[] = {
    [BY_PORT] = " on ", [BY_FAMILY] = " over ", [BY_SOURCE] = " from "};

/* "open on 587", "closed on 25, 465": the groups of one verdict; nothing where there are none. */
static void add_groups(struct strbuf *out, const struct summary *s, enum dimension d,
                       enum verdict v, const char *word)
{
    const char *before = joined[d];

    for (size_t i = 0; i < s->count; i++) {
        if (!is_first(s, i, d) || group_verdict(s, i, d) != v)
            continue;
        strbuf_adds(out, before == joined[d] ? word : "");
        strbuf_adds(out, before);
        add_key(out, s, i, d);
        before = ", ";
    }
}

static void add_head(struct strbuf *out, const struct summary *s, enum dimension d)
{
    static const char *const labels[] = {
        [BY_PORT] = "  ports:    ", [BY_FAMILY] = "  families: ", [BY_SOURCE] = "  sources:  "};
    size_t relaying = count_with(s, d, VERDICT_OPEN);
    bool others_closed = relaying + count_with(s, d, VERDICT_CLOSED) == group_count(s, d);

    strbuf_adds(out, labels[d]);
    if (relaying == 0)
        return;
    add_groups(out, s, d, VERDICT_OPEN, "relays");
    strbuf_adds(out, relaying < group_count(s, d) && others_closed ? " only: " : ": ");
}

static void add_line(struct strbuf *out, const struct summary *s, enum dimension d)
{
    bool any = false;

    add_head(out, s, d);
    for (int v = 0; v <= VERDICT_UNREACHABLE; v++) {
        if (count_with(s, d, (enum verdict)v) == 0)
            continue;
        strbuf_adds(out, any ? ", " : "");
        add_groups(out, s, d, (enum verdict)v, verdict_name((enum verdict)v));
        any = true;
    }
    strbuf_addc(out, '\n');
}

void summary_text(struct strbuf *out, const struct summary *s, bool brief)
{
    strbuf_add_visible(out, s->target);
    strbuf_addf(out, ", all together: %s\n", verdict_name(summary_verdict(s)));
    for (int d = 0; d < DIMENSIONS && !brief; d++)
        if (group_count(s, (enum dimension)d) > 1)
            add_line(out, s, (enum dimension)d);
}

/* -- for programs */

static void json_key(struct json *j, const struct summary *s, size_t i, enum dimension d)
{
    static const char *const names[] = {
        [BY_PORT] = "port", [BY_FAMILY] = "family", [BY_SOURCE] = "source"};
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf text;

    if (d == BY_PORT) {
        json_int(j, names[d], s->rows[i].port);
        return;
    }
    strbuf_init(&text, memory, sizeof(memory));
    add_key(&text, s, i, d);
    json_text(j, names[d], strbuf_span(&text));
}

static void json_groups(struct json *j, const char *key, const struct summary *s, enum dimension d)
{
    json_open(j, key, '[');
    for (size_t i = 0; i < s->count && (d != BY_SOURCE || s->source_count > 0); i++) {
        if (!is_first(s, i, d))
            continue;
        json_open(j, NULL, '{');
        json_key(j, s, i, d);
        json_string(j, "verdict", verdict_name(group_verdict(s, i, d)));
        json_close(j);
    }
    json_close(j);
}

void summary_json(struct strbuf *out, const struct summary *s)
{
    struct json j;

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", REPORT_SCHEMA_VERSION);
    json_text(&j, "summary", s->target);
    json_string(&j, "verdict", verdict_name(summary_verdict(s)));
    json_groups(&j, "ports", s, BY_PORT);
    json_groups(&j, "families", s, BY_FAMILY);
    json_groups(&j, "sources", s, BY_SOURCE);
    json_close(&j);
}
