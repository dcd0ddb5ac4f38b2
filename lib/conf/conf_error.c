/*
 * conf_error.c - error texts: position, the line, a caret under the culprit, a hint
 *
 * libyaml counts columns in characters, not in bytes, so that the caret stands right under UTF-8
 * text as well. Its own messages are kept, but for the few mistakes that people really make the
 * hint says what to write instead.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/conf/conf_private.h"

enum { EXCERPT_MAX = 160, CARETS_MAX = 60, WORD_MAX = 64 };

struct span conf_line(const struct conf *c, size_t line)
{
    struct span rest = c->text;
    struct span field = {NULL, 0};

    for (size_t i = 0; i < line; i++) {
        if (!span_cut(&rest, '\n', &field)) {
            return (struct span){NULL, 0};
        }
    }
    if (field.len > 0 && field.ptr[field.len - 1] == '\r') {
        field.len--;
    }
    return field;
}

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

/* A character that moves no terminal's cursor: none of U+0080 to U+009F. */
static bool is_shown(struct span character)
{
    bool ascii = character.len == 1 && character.ptr[0] >= ' ' && character.ptr[0] != 0x7F;
    bool control = character.len == 2 && (unsigned char)character.ptr[0] == 0xC2 &&
                   (unsigned char)character.ptr[1] < 0xA0;
    return ascii || (character.len > 1 && !control);
}

/* The line, at most EXCERPT_MAX bytes of it. */
static void add_excerpt(struct strbuf *out, struct span line)
{
    size_t len;

    for (size_t at = 0; at < line.len; at += len) {
        struct span rest = span_from(line, at);
        len = utf8_len(rest);
        struct span character = span_to(rest, len);
        if (at + (len > 0 ? len : 1) > EXCERPT_MAX) {
            strbuf_adds(out, "...");
            return;
        }
        if (is_shown(character)) {
            strbuf_add(out, character);
        } else {
            strbuf_addc(out, rest.ptr[0] == '\t' ? ' ' : '?');
        }
        len = len > 0 ? len : 1;
    }
}

static size_t characters(struct span s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++) {
        count += !continues_character(s.ptr[i]);
    }
    return count;
}

static void add_picture(struct conf *c, struct strbuf *out, struct conf_position at, size_t length,
                        const char *hint)
{
    struct span line = conf_line(c, at.line);
    size_t column = at.column > 0 ? at.column - 1 : 0;
    size_t width = characters(line);
    size_t carets = length > 0 ? length : 1;

    if (column + carets > width) {
        carets = width > column ? width - column : 1;
    }
    strbuf_addf(out, "\n%5u | ", at.line);
    add_excerpt(out, line);
    strbuf_adds(out, "\n      | ");
    if (column < EXCERPT_MAX) {
        for (size_t i = 0; i < column; i++) {
            strbuf_addc(out, ' ');
        }
        for (size_t i = 0; i < carets && i < CARETS_MAX; i++) {
            strbuf_addc(out, '^');
        }
        strbuf_addc(out, ' ');
    }
    strbuf_adds(out, hint != NULL ? hint : "");
    while (out->len > 0 && out->ptr[out->len - 1] == ' ') {
        out->ptr[--out->len] = '\0';
    }
}

__attribute__((format(printf, 5, 0))) static bool fail_va(struct conf *c, struct conf_position at,
                                                          size_t length, const char *hint,
                                                          const char *format, va_list args)
{
    struct strbuf out;
    char message[512];

    if (c->failed) {
        return false;
    }
    c->failed = true;
    (void)vsnprintf(message, sizeof message, format, args);
    strbuf_init(&out, c->error, sizeof c->error);
    strbuf_adds(&out, c->file != NULL ? c->file : "(text)");
    if (at.line > 0) {
        strbuf_addf(&out, ":%u:%u", at.line, at.column);
    }
    strbuf_adds(&out, ": error: ");
    strbuf_adds(&out, message);
    if (at.line > 0) {
        add_picture(c, &out, at, length, hint);
    } else if (hint != NULL) {
        strbuf_addf(&out, " (%s)", hint);
    }
    return false;
}

bool conf_fail_at(struct conf *c, struct conf_position at, size_t length, const char *hint,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fail_va(c, at, length, hint, format, args);
    va_end(args);
    return false;
}

static struct conf_position position_of(yaml_mark_t mark)
{
    return (struct conf_position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* Characters from start to end when both are on one line, else as many as the line has (cut when
 * drawn). */
static size_t length_of(yaml_mark_t start, yaml_mark_t end)
{
    return end.line != start.line      ? EXCERPT_MAX
           : end.column > start.column ? end.column - start.column
                                       : 1;
}

bool conf_fail_mark(struct conf *c, yaml_mark_t start, yaml_mark_t end, const char *hint,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fail_va(c, position_of(start), length_of(start, end), hint, format, args);
    va_end(args);
    return false;
}

bool conf_fail(struct conf *c, const struct conf_node *n, const char *hint, const char *format, ...)
{
    struct conf_position at = {0, 0};
    size_t length = 0;
    va_list args;

    if (n != NULL) {
        at = position_of(conf_yaml(n)->start_mark);
        length = length_of(conf_yaml(n)->start_mark, conf_yaml(n)->end_mark);
    }
    va_start(args, format);
    (void)fail_va(c, at, length, hint, format, args);
    va_end(args);
    return false;
}

/* `key: text: more` - the mistake that everybody makes with SMTP replies. */
static void hint_colon(struct strbuf *hint, struct span line)
{
    struct span trimmed = span_trim(line);
    size_t colon = span_find(trimmed, SPAN(": "));
    struct span value;
    char quote;

    if (colon == SIZE_MAX) {
        strbuf_adds(hint, "is the line indented like its neighbours?");
        return;
    }
    value = span_trim(span_from(trimmed, colon + 1));
    quote = span_chr(value, '"') == SIZE_MAX ? '"' : '\'';
    if (span_find(value, SPAN(": ")) == SIZE_MAX || span_chr(value, quote) != SIZE_MAX ||
        value.ptr[0] == '{' || trimmed.ptr[0] == '{' || span_starts(trimmed, SPAN("- {"))) {
        strbuf_adds(hint, "a text that holds \": \" must be quoted");
        return;
    }
    strbuf_adds(hint, "a text that holds \": \" must be quoted: ");
    strbuf_add(hint, span_to(trimmed, colon + 2));
    strbuf_addc(hint, quote);
    strbuf_add(hint, value);
    strbuf_addc(hint, quote);
}

static bool tab_indents(struct span line)
{
    size_t i = 0;

    while (i < line.len && line.ptr[i] == ' ') {
        i++;
    }
    return i < line.len && line.ptr[i] == '\t';
}

/* The second colon of a flow mapping's value: `{reply: 550 5.7.1 <x>: text}`. */
static bool stands_at_colon(struct span line, size_t column)
{
    return column < line.len && line.ptr[column] == ':';
}

static void hint_yaml(struct strbuf *hint, const char *problem, struct span line, size_t column)
{
    struct span p = span_of(problem);

    if (tab_indents(line)) {
        strbuf_adds(hint, "indent with spaces, not with tabs");
    } else if (span_find(p, SPAN("mapping values are not allowed")) != SIZE_MAX) {
        hint_colon(hint, line);
    } else if (span_find(p, SPAN("did not find expected ','")) != SIZE_MAX) {
        strbuf_adds(hint, stands_at_colon(line, column)
                              ? "a text that holds \": \" must be quoted"
                              : "is a comma, a closing bracket or a quote missing?");
    } else if (span_find(p, SPAN("cannot start any token")) != SIZE_MAX) {
        strbuf_adds(hint, "a text that begins so must be quoted");
    } else if (span_find(p, SPAN("alphabetic or numeric")) != SIZE_MAX) {
        strbuf_adds(hint, "a text that begins with * or & must be quoted");
    } else if (span_find(p, SPAN("unexpected end of stream")) != SIZE_MAX) {
        strbuf_adds(hint, "this quote is never closed");
    } else if (span_find(p, SPAN("did not find expected key")) != SIZE_MAX) {
        strbuf_adds(hint,
                    "is it indented like its neighbours? a text after a quote ends the value");
    }
}

/* Reader errors (bad UTF-8, control characters) have an offset only. */
static struct conf_position position_of_offset(const struct conf *c, size_t offset)
{
    struct conf_position at = {1, 1};
    size_t start = 0;

    for (size_t i = 0; i < offset && i < c->text.len; i++) {
        if (c->text.ptr[i] == '\n') {
            at.line++;
            start = i + 1;
        }
    }
    at.column = (unsigned)characters(span_to(span_from(c->text, start), offset - start)) + 1;
    return at;
}

bool conf_fail_yaml(struct conf *c, const yaml_parser_t *p)
{
    char memory[CONF_HINT_MAX];
    struct strbuf hint;
    const char *problem = p->problem != NULL ? p->problem : "cannot be read";
    yaml_mark_t mark = p->problem_mark;

    strbuf_init(&hint, memory, sizeof memory);
    if (p->error == YAML_READER_ERROR) {
        return conf_fail_at(c, position_of_offset(c, p->problem_offset), 1,
                            "text must be UTF-8 without control characters", "%s", problem);
    }
    if (p->error == YAML_MEMORY_ERROR) {
        return conf_fail_at(c, (struct conf_position){0, 0}, 0, NULL, "out of memory");
    }
    if (strstr(problem, "unexpected end of stream") != NULL) {
        mark = p->context_mark;
    }
    hint_yaml(&hint, problem, conf_line(c, mark.line + 1), mark.column);
    return conf_fail_at(c, position_of(mark), 1, hint.len > 0 ? memory : NULL, "%s", problem);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* Edit distance (insert, delete, replace, swap neighbours), ASCII case folded; both at most
 * WORD_MAX long. */
static unsigned distance(struct span a, struct span b)
{
    unsigned row[3][WORD_MAX + 1] = {{0}};

    for (size_t j = 0; j <= b.len; j++) {
        row[1][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        row[2][0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = lower(a.ptr[i - 1]), y = lower(b.ptr[j - 1]);
            unsigned d = least(row[1][j] + 1, row[2][j - 1] + 1, row[1][j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.ptr[j - 2]) && lower(a.ptr[i - 2]) == y &&
                row[0][j - 2] + 1 < d) {
                d = row[0][j - 2] + 1;
            }
            row[2][j] = d;
        }
        memcpy(row[0], row[1], sizeof row[0]);
        memcpy(row[1], row[2], sizeof row[1]);
    }
    return row[1][b.len];
}

const char *conf_nearest(const char *word, const char *const *names, size_t count)
{
    struct span w = span_of(word);
    const char *best = NULL;
    unsigned best_distance = 3;

    for (size_t i = 0; w.len <= WORD_MAX && i < count; i++) {
        struct span n = span_of(names[i]);
        unsigned d = n.len <= WORD_MAX ? distance(w, n) : best_distance;
        if (d < best_distance && d < w.len && d < n.len) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

void conf_suggest(const char *word, const char *const *names, size_t count, struct strbuf *hint)
{
    const char *nearest = conf_nearest(word, names, count);

    if (nearest != NULL) {
        strbuf_addf(hint, "did you mean \"%s\"?", nearest);
        return;
    }
    strbuf_adds(hint, "one of: ");
    for (size_t i = 0; i < count; i++) {
        if (hint->len + span_of(names[i]).len + 8 > hint->cap) {
            strbuf_adds(hint, ", ...");
            return;
        }
        strbuf_addf(hint, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}
