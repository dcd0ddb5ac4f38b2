/*
 * dialogue.c - pieces between {any}, found from left to right
 *
 * The first piece must begin the line and the last must end it; those between may stand anywhere in
 * order, and the leftmost place is always good enough. A line is normalised in one pass: at each
 * place the first thing that fits is replaced.
 */
#include "scenarios/judge/dialogue.h"

#include <string.h>

static const struct span any = {"{any}", 5};

bool dialogue_match(struct span line, struct span pattern)
{
    size_t at = span_find(pattern, any);

    if (at == SIZE_MAX)
        return span_equal(line, pattern);
    if (!span_starts(line, span_to(pattern, at)))
        return false;
    line = span_from(line, at);
    pattern = span_from(pattern, at + any.len);
    while ((at = span_find(pattern, any)) != SIZE_MAX) {
        size_t found = span_find(line, span_to(pattern, at));

        if (found == SIZE_MAX)
            return false;
        line = span_from(line, found + at);
        pattern = span_from(pattern, at + any.len);
    }
    if (line.len < pattern.len)
        return false;
    return span_equal(span_from(line, line.len - pattern.len), pattern);
}

bool dialogue_holds(const struct record *r, unsigned server, uint64_t connection,
                    struct span patterns, struct span *missing)
{
    char memory[RECORD_LINE_MAX];
    struct strbuf line;
    struct record_cursor cursor = {0};
    struct span pattern;

    strbuf_init(&line, memory, sizeof memory);
    while (span_cut(&patterns, '\n', &pattern)) {
        bool found = false;

        pattern = span_trim(pattern);
        if (pattern.len == 0)
            continue;
        while (!found && record_line(r, server, connection, &cursor, &line))
            found = dialogue_match(strbuf_span(&line), pattern);
        if (!found) {
            *missing = pattern;
            return false;
        }
    }
    return true;
}

/* "Tue, 24 Nov 2026 06:42:00 +0000" (RFC 5322 3.3): its length when text begins with one, else 0.
 */
static size_t date_length(struct span text)
{
    static const char shape[] = "Aaa, 99 Aaa 9999 99:99:99 +9999";
    static const char short_day[] = "Aaa, 9 Aaa 9999 99:99:99 +9999";
    const char *const shapes[] = {shape, short_day};

    for (size_t s = 0; s < 2; s++) {
        size_t i = 0;

        for (; shapes[s][i] != '\0' && i < text.len; i++) {
            char want = shapes[s][i], have = text.ptr[i];
            bool fits = want == '9'   ? have >= '0' && have <= '9'
                        : want == 'A' ? have >= 'A' && have <= 'Z'
                        : want == 'a' ? have >= 'a' && have <= 'z'
                        : want == '+' ? have == '+' || have == '-'
                                      : have == want;
            if (!fits)
                break;
        }
        if (shapes[s][i] == '\0')
            return i;
    }
    return 0;
}

/* ":40123" after an address or its bracket; five digits at most. */
static size_t port_length(struct span text, size_t at)
{
    size_t i = at + 1;

    if (text.ptr[at] != ':' || at == 0)
        return 0;
    char before = text.ptr[at - 1];
    if (before != ']' && (before < '0' || before > '9'))
        return 0;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    return i - at >= 5 && i - at <= 6 ? i - at : 0;
}

static size_t queue_id_length(const struct record *r, struct span text)
{
    for (size_t i = 0; i < r->event_count; i++) {
        struct span id = record_text(r, r->events[i].queue_id, r->events[i].queue_id_len);

        if (id.len >= 4 && span_starts(text, id))
            return id.len;
    }
    return 0;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool begins_word(struct span line, size_t at)
{
    return is_word(line.ptr[at]) && (at == 0 || !is_word(line.ptr[at - 1]));
}

/* "+2B" stands for a plus where an address is encoded; then the token is no run of its own. */
static size_t find_token(struct span line, size_t from)
{
    enum { ENCODED = 3 };
    size_t plain = token_find(line, from);

    for (size_t i = from; i + ENCODED + TOKEN_LEN <= line.len && i < plain; i++)
        if (span_istarts(span_from(line, i), SPAN("+2B")) &&
            token_find(span_from(line, i + ENCODED), 0) == 0)
            return i + ENCODED;
    return plain;
}

void dialogue_normalise(const struct record *r, struct span line, struct strbuf *out)
{
    size_t token = find_token(line, 0);

    for (size_t i = 0; i < line.len;) {
        size_t len;

        if (i == token) {
            strbuf_adds(out, "{token}");
            i += TOKEN_LEN;
            token = find_token(line, i);
        } else if ((len = date_length(span_from(line, i))) > 0) {
            strbuf_adds(out, "{date}");
            i += len;
        } else if ((len = port_length(line, i)) > 0) {
            strbuf_adds(out, ":{port}");
            i += len;
        } else if (begins_word(line, i) && (len = queue_id_length(r, span_from(line, i))) > 0) {
            strbuf_adds(out, "{queue-id}");
            i += len;
        } else {
            strbuf_addc(out, line.ptr[i++]);
        }
    }
}

void dialogue_print(const struct record *r, unsigned server, struct strbuf *out)
{
    char memory[RECORD_LINE_MAX];
    struct strbuf line;
    uint64_t count = record_connections(r, server);

    strbuf_init(&line, memory, sizeof memory);
    for (uint64_t connection = 1; connection <= count; connection++) {
        struct record_cursor cursor = {0};

        strbuf_addf(out, "connection %llu\n", (unsigned long long)connection);
        while (record_line(r, server, connection, &cursor, &line)) {
            if (line.ptr[0] == '*')
                continue;
            dialogue_normalise(r, strbuf_span(&line), out);
            strbuf_addc(out, '\n');
        }
    }
}

bool dialogue_difference(struct span a, struct span b, struct span *line_a, struct span *line_b,
                         unsigned *line)
{
    bool more_a = true, more_b = true;

    for (*line = 1; more_a || more_b; (*line)++) {
        *line_a = *line_b = (struct span){"", 0};
        more_a = span_cut(&a, '\n', line_a);
        more_b = span_cut(&b, '\n', line_b);
        if (more_a != more_b || !span_equal(*line_a, *line_b))
            return true;
    }
    return false;
}
