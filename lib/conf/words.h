/*
 * words.h - a command line, word by word: options of a table, their values, and what is no option
 *
 *     words_init(&w, rows, ROW_COUNT, sizeof rows[0], argc, argv);
 *     while ((kind = words_next(&w, &word, error)) != WORD_END) ...
 *
 * Each row of the table begins with two `const char *`: the option's name, and what its value is
 * called, or NULL where it takes none; what else stands in a row is the program's. A value is the
 * next word, or stands behind "="; behind an option of one letter it may stand at once (-j4). "--"
 * ends the options. "-" is no option. getopt_long is not used: it takes abbreviations, and those
 * change their meaning when an option is added.
 *
 * Ownership: everything points into argv and the table. Limits: WORDS_OPTIONS_MAX rows.
 */
#ifndef RELAYLAB_LIB_CONF_WORDS_H
#define RELAYLAB_LIB_CONF_WORDS_H

#include "lib/base/bytes.h"

enum { WORDS_OPTIONS_MAX = 128, WORDS_NOBODY = WORDS_OPTIONS_MAX };

struct words {
    const void *rows;
    size_t count, size;
    size_t hidden; /* a row that does not hold here; WORDS_NOBODY: all hold */
    char **argv;
    int argc, at;
    bool options_over;
    bool seen[WORDS_OPTIONS_MAX];
};

enum word_kind {
    WORD_END,
    WORD_OPTION,
    WORD_ARGUMENT, /* no option; it is the value */
    WORD_WRONG     /* with one sentence, which names the option */
};

struct word {
    size_t row;
    const char *option; /* its name in the table */
    char *value;        /* NULL: it takes none */
    bool again;         /* it came before */
};

void words_init(struct words *w, const void *rows, size_t count, size_t size, int argc,
                char **argv);
enum word_kind words_next(struct words *w, struct word *out, struct strbuf *error);
/* For an option that may come once: the user would not see which value won. False: it came again.
 */
bool words_once(const struct word *word, struct strbuf *error);
/* "--option: 'value': why"; always false. */
bool words_wrong(const char *option, struct span value, const char *why, struct strbuf *error);
/* A line of --help; the text begins in that column, or later. */
void words_help(struct strbuf *out, const char *name, const char *argument, size_t column,
                const char *help);

#endif
