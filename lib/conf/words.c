/*
 * words.c - rows are looked at by their first two members only, so that every program has its own
 */
#include "lib/conf/words.h"

#include <assert.h>
#include <string.h>

#include "lib/conf/conf.h"

enum { SHOWN_MAX = 120 };

void words_init(struct words *w, const void *rows, size_t count, size_t size, int argc, char **argv)
{
    assert(count <= WORDS_OPTIONS_MAX);
    *w = (struct words){.rows = rows,
                        .count = count,
                        .size = size,
                        .hidden = WORDS_NOBODY,
                        .argv = argv,
                        .argc = argc,
                        .at = 1};
}

/* The first member of a row is its name, the second that of its value. */
static const char *member(const struct words *w, size_t row, size_t which)
{
    const char *at = (const char *)w->rows + row * w->size + which * sizeof(const char *);
    const char *text;
    memcpy(&text, at, sizeof text);
    return text;
}

static bool is_short(struct span name)
{
    return name.len == 2 && name.ptr[1] != '-';
}

/* The row that the word names; *value behind its "=" or its letter, else with ptr NULL. */
static size_t find(const struct words *w, struct span word, struct span *value)
{
    size_t equals = span_chr(word, '=');
    for (size_t i = 0; i < w->count; i++) {
        struct span name = span_of(member(w, i, 0));
        bool whole = span_equal(span_to(word, equals), name);
        bool joined = is_short(name) && member(w, i, 1) != NULL && span_starts(word, name);
        if (i == w->hidden || (!whole && !joined)) {
            continue;
        }
        bool bare = whole && equals == SIZE_MAX;
        size_t from = whole ? equals + 1 : name.len;
        *value = bare ? (struct span){NULL, 0} : span_from(word, from);
        return i;
    }
    return WORDS_NOBODY;
}

static void say_unknown(const struct words *w, struct span name, struct strbuf *error)
{
    const char *names[WORDS_OPTIONS_MAX];
    char memory[SHOWN_MAX + 1];
    struct strbuf shown;
    strbuf_init(&shown, memory, sizeof memory);
    strbuf_add_visible(&shown, span_to(name, SHOWN_MAX));
    for (size_t i = 0; i < w->count; i++) {
        names[i] = member(w, i, 0);
    }
    bool long_enough = span_starts(name, SPAN("--")); /* one letter is near to any other */
    const char *nearest = long_enough ? conf_nearest(memory, names, w->count) : NULL;
    strbuf_add(error, strbuf_span(&shown));
    strbuf_adds(error, ": no such option");
    if (nearest != NULL) {
        strbuf_addf(error, " (did you mean %s?)", nearest);
    }
    strbuf_adds(error, "; --help lists all");
}

bool words_wrong(const char *option, struct span value, const char *why, struct strbuf *error)
{
    strbuf_adds(error, option);
    strbuf_adds(error, ": '");
    strbuf_add_visible(error, span_to(value, SHOWN_MAX));
    strbuf_adds(error, "': ");
    strbuf_adds(error, why);
    return false;
}

bool words_once(const struct word *word, struct strbuf *error)
{
    return !word->again ||
           words_wrong(word->option, span_of(word->value), "given twice; once is allowed", error);
}

static enum word_kind take_option(struct words *w, char *text, struct word *out,
                                  struct strbuf *error)
{
    struct span value;
    size_t row = find(w, span_of(text), &value);
    if (row == WORDS_NOBODY) {
        say_unknown(w, span_to(span_of(text), span_chr(span_of(text), '=')), error);
        return WORD_WRONG;
    }
    const char *wanted = member(w, row, 1);
    *out = (struct word){.row = row, .option = member(w, row, 0), .again = w->seen[row]};
    w->seen[row] = true;
    if (wanted == NULL && value.ptr != NULL) {
        words_wrong(out->option, value, "this option takes no value", error);
        return WORD_WRONG;
    }
    if (wanted != NULL && value.ptr == NULL && w->at == w->argc) {
        strbuf_addf(error, "%s: a value is missing: %s %s", out->option, out->option, wanted);
        return WORD_WRONG;
    }
    if (wanted != NULL) {
        out->value = value.ptr != NULL ? text + (value.ptr - text) : w->argv[w->at++];
    }
    return WORD_OPTION;
}

enum word_kind words_next(struct words *w, struct word *out, struct strbuf *error)
{
    if (w->at < w->argc && !w->options_over && strcmp(w->argv[w->at], "--") == 0) {
        w->options_over = true;
        w->at++;
    }
    if (w->at >= w->argc) {
        return WORD_END;
    }
    char *text = w->argv[w->at++];
    if (w->options_over || text[0] != '-' || text[1] == '\0') {
        *out = (struct word){.row = WORDS_NOBODY, .value = text};
        return WORD_ARGUMENT;
    }
    return take_option(w, text, out, error);
}

void words_help(struct strbuf *out, const char *name, const char *argument, size_t column,
                const char *help)
{
    size_t from = out->len;
    strbuf_addf(out, "  %s%s%s", name, argument != NULL ? " " : "",
                argument != NULL ? argument : "");
    do {
        strbuf_addc(out, ' ');
    } while (out->len < from + column && !out->truncated);
    strbuf_adds(out, help);
    strbuf_addc(out, '\n');
}
