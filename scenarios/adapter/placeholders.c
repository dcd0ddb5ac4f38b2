/*
 * placeholders.c - rows, and one pass over a word
 */
#include "scenarios/adapter/placeholders.h"

#include <string.h>

enum { WORD_MAX = 4096 };

static const struct {
    const char *name;     /* in braces */
    const char *variable; /* NULL: not in the environment */
} rows[PLACE_COUNT] = {
    [PLACE_VERSION] = {"v", "RELAY_V"},
    [PLACE_HOST] = {"host", "RELAY_HOST"},
    [PLACE_PORT] = {"port", "RELAY_PORT"},
    [PLACE_TARGET] = {"target", "RELAY_TARGET"},
    [PLACE_NAME] = {"name", "RELAY_NAME"},
    [PLACE_DOMAIN] = {"domain", "RELAY_DOMAIN"},
    [PLACE_SOURCE] = {"source", "RELAY_SOURCE"},
    [PLACE_DNS] = {"dns", "RELAY_DNS"},
    [PLACE_HELO] = {"helo", "RELAY_HELO"},
    [PLACE_FROM] = {"from", "RELAY_FROM"},
    [PLACE_FROM_LOCAL] = {"from_local", NULL},
    [PLACE_FROM_DOMAIN] = {"from_domain", NULL},
    [PLACE_RCPT] = {"rcpt", "RELAY_RCPT"},
    [PLACE_RCPT_LOCAL] = {"rcpt_local", NULL},
    [PLACE_RCPT_DOMAIN] = {"rcpt_domain", NULL},
    [PLACE_CANARY] = {"canary", "RELAY_CANARY"},
    [PLACE_TOKEN] = {"token", "RELAY_TOKEN"},
    [PLACE_MAILBOX] = {"mailbox", "RELAY_MAILBOX"},
    [PLACE_MX] = {"mx", "RELAY_MX"},
    [PLACE_DEADLINE_MS] = {"deadline_ms", "RELAY_DEADLINE_MS"},
    [PLACE_DEADLINE_S] = {"deadline_s", NULL},
    [PLACE_TLS] = {"tls", "RELAY_TLS"},
    [PLACE_OUT] = {"out", "RELAY_OUT"},
    [PLACE_DIRECTORY] = {"dir", NULL},
    [PLACE_PROGRAMS] = {"programs", NULL},
};

/* The place that `word` (from its '{' on) names; *used is how long that is. PLACE_COUNT: none. */
static enum place find(struct span word, size_t *used)
{
    size_t end = span_chr(word, '}');
    int i = PLACE_COUNT;

    if (end == SIZE_MAX)
        return PLACE_COUNT;
    *used = end + 1;
    for (i = 0; i < PLACE_COUNT; i++)
        if (span_equal(span_of(rows[i].name), span_from(span_to(word, end), 1)))
            break;
    return (enum place)i;
}

static bool is_options(struct span word)
{
    return span_equal(word, SPAN("{options}"));
}

bool placeholders_check(struct span word, struct strbuf *why)
{
    size_t used;

    if (is_options(word))
        return true;
    for (size_t i = 0; i < word.len; i++) {
        struct span rest = span_from(word, i);

        if (rest.ptr[0] != '{')
            continue;
        if (span_starts(rest, SPAN("{{")))
            i++;
        else if (find(rest, &used) == PLACE_COUNT) {
            size_t end = span_chr(rest, '}');

            strbuf_adds(why, "no such placeholder: ");
            strbuf_add_visible(why, span_to(rest, end == SIZE_MAX ? 40 : end + 1));
            return false;
        }
    }
    return true;
}

static void fill_word(struct span word, const struct places *p, struct strbuf *out)
{
    size_t used = 0;

    for (size_t i = 0; i < word.len; i += used) {
        struct span rest = span_from(word, i);

        used = 1;
        if (span_starts(rest, SPAN("{{"))) {
            strbuf_addc(out, '{');
            used = 2;
        } else if (rest.ptr[0] == '{') {
            enum place place = find(rest, &used);

            strbuf_add(out, span_of(place < PLACE_COUNT ? p->value[place] : NULL));
        } else {
            strbuf_addc(out, rest.ptr[0]);
        }
    }
}

const char *const *placeholders_fill(const struct conf_texts *argv, const struct places *p,
                                     struct arena *arena)
{
    const char **words = arena_get(arena, argv->count + p->options.count + 1, sizeof *words);
    size_t count = 0;

    if (words == NULL)
        return NULL;
    for (size_t i = 0; i < argv->count; i++) {
        char memory[WORD_MAX];
        struct strbuf word;

        if (is_options(span_of(argv->item[i]))) {
            for (size_t k = 0; k < p->options.count; k++)
                words[count++] = p->options.item[k];
            continue;
        }
        strbuf_init(&word, memory, sizeof memory);
        fill_word(span_of(argv->item[i]), p, &word);
        words[count++] = arena_text(arena, strbuf_span(&word));
        if (words[count - 1] == NULL || word.truncated)
            return NULL;
    }
    return words;
}

const char *const *placeholders_environment(const struct places *p, const char *const *more,
                                            size_t more_count, struct arena *arena)
{
    const char **env = arena_get(arena, PLACE_COUNT + more_count + 1, sizeof *env);
    size_t count = 0;

    if (env == NULL)
        return NULL;
    for (int i = 0; i < PLACE_COUNT; i++) {
        char memory[WORD_MAX];
        struct strbuf word;

        if (rows[i].variable == NULL || p->value[i] == NULL)
            continue;
        strbuf_init(&word, memory, sizeof memory);
        strbuf_addf(&word, "%s=%s", rows[i].variable, p->value[i]);
        env[count++] = arena_text(arena, strbuf_span(&word));
        if (env[count - 1] == NULL)
            return NULL;
    }
    for (size_t i = 0; i < more_count; i++)
        env[count++] = more[i];
    return env;
}
