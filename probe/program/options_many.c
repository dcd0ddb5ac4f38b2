/*
 * options_many.c - the options about many targets: the list, how many at once, how fast, which
 * part; how many sessions with one; and what makes one target several questions (question.h)
 */
#include "probe/program/options_private.h"

bool option_targets(struct reader *r)
{
    if (r->value.len == 0)
        return option_wrong(r, "write the name of a file, or - for standard input");
    r->o->targets = r->value.ptr;
    return true;
}

bool option_concurrency(struct reader *r)
{
    uint64_t n = 0;

    if (!span_uint(r->value, OPTIONS_CONCURRENCY_MAX, &n) || n == 0)
        return option_wrong(r, "write a number of targets, from 1 to 16384");
    r->o->concurrency = (unsigned)n;
    return true;
}

bool option_sessions(struct reader *r)
{
    uint64_t n = 0;

    if (!span_uint(r->value, OPTIONS_SESSIONS_MAX, &n) || n == 0)
        return option_wrong(r, "write a number of sessions, from 1 to 8");
    r->o->sessions = (unsigned)n;
    return true;
}

bool option_shard(struct reader *r)
{
    size_t slash = span_chr(r->value, '/');
    uint64_t index = 0, count = 0;

    if (slash == SIZE_MAX || !span_uint(span_to(r->value, slash), 999999, &index) ||
        !span_uint(span_from(r->value, slash + 1), 1000000, &count) || index >= count)
        return option_wrong(r, "write I/N: part I of N, I from 0 to N-1, like 0/4");
    r->o->shard = (struct target_shard){(unsigned)index, (unsigned)count};
    return true;
}

/* It becomes the first part of the runs' names. */
bool option_resume(struct reader *r)
{
    if (r->value.len == 0 || r->value.len > OPTIONS_SET_MAX)
        return option_wrong(r, "write a name of 1 to 16 characters");
    for (size_t i = 0; i < r->value.len; i++) {
        char c = r->value.ptr[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_';

        if (!fits)
            return option_wrong_at(r, "only letters, digits, '.' and '_' can stand in it", i);
    }
    r->o->resume = r->value;
    return true;
}

static bool read_rate(struct reader *r, unsigned *to)
{
    uint64_t rate = 0;

    if (!span_uint(r->value, OPTIONS_RATE_ALL_MAX, &rate) || rate == 0)
        return option_wrong(r, "write a number of connections a minute, from 1 to 6000000");
    *to = (unsigned)rate;
    return true;
}

bool option_network_rate(struct reader *r)
{
    return read_rate(r, &r->o->network_rate);
}

bool option_total_rate(struct reader *r)
{
    return read_rate(r, &r->o->total_rate);
}

bool option_max_messages(struct reader *r)
{
    uint64_t n = 0;

    if (!span_uint(r->value, FORMS_MAX, &n) || n == 0) {
        option_wrong(r, "write a number of messages, from 1 to");
        strbuf_addf(r->error, " %d", FORMS_MAX);
        return false;
    }
    r->o->max_messages = (unsigned)n;
    return true;
}

bool option_source(struct reader *r)
{
    struct options *o = r->o;
    struct endpoint e;

    if (!endpoint_parse_address(r->value, &e))
        return option_wrong(r, "write an address of this host, without a port");
    if (o->source_count == OPTIONS_SOURCES_MAX)
        return option_wrong(r, "at most 8 addresses of ours");
    for (size_t i = 0; i < o->source_count; i++)
        if (endpoint_same_address(&o->source[i], &e))
            return option_wrong(r, "given twice");
    o->source[o->source_count++] = e;
    return true;
}

static bool has_port(const struct options *o, uint64_t port)
{
    for (size_t i = 0; i < o->port_count; i++)
        if (o->port[i] == port)
            return true;
    return false;
}

bool option_ports(struct reader *r)
{
    struct options *o = r->o;
    struct span rest = r->value, word;

    while (span_cut(&rest, ',', &word)) {
        uint64_t port = 0;

        if (!span_uint(span_trim(word), 65535, &port) || port == 0)
            return option_wrong(r, "write ports from 1 to 65535 with commas between, like 25,587");
        if (has_port(o, port))
            return option_wrong(r, "a port stands in it twice");
        if (o->port_count == OPTIONS_PORTS_MAX)
            return option_wrong(r, "at most 8 ports");
        o->port[o->port_count++] = (uint16_t)port;
    }
    return true;
}

bool option_family(struct reader *r)
{
    uint64_t family = 0;

    if (!span_uint(r->value, 6, &family) || (family != 4 && family != 6))
        return option_wrong(r, "write 4 or 6");
    r->o->family = (uint8_t)family;
    return true;
}

bool options_check_many(struct options *o, struct strbuf *error)
{
    const char *missing = NULL;

    if (o->targets != NULL && o->target_count > 0)
        missing = "--targets FILE or TARGET, not both";
    else if (o->shard.count > 0 && o->targets == NULL)
        missing = "--shard needs --targets: it takes a part of a list";
    else if (o->resume.len > 0 && o->no_ledger)
        missing = "--resume and --no-ledger exclude each other: the ledger knows what was asked";
    if (missing != NULL) {
        strbuf_adds(error, missing);
        return false;
    }
    if (o->concurrency == 0)
        o->concurrency = o->targets != NULL ? OPTIONS_CONCURRENCY : 1;
    return true;
}
