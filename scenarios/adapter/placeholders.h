/*
 * placeholders.h - what a detector is told: one table for {placeholders} and for the environment
 *
 * A value that a case does not have is not in the environment, and empty in a word. `{options}`
 * stands alone in its word and becomes the case's `probe` section as relayprobe's options. `{{` is
 * a brace.
 *
 * Ownership: values are borrowed; what is made of them lives in the arena that is handed in.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_PLACEHOLDERS_H
#define RELAYLAB_SCENARIOS_ADAPTER_PLACEHOLDERS_H

#include "lib/conf/conf.h"

enum place {
    PLACE_VERSION,
    PLACE_HOST,
    PLACE_PORT,
    PLACE_TARGET,
    PLACE_NAME,
    PLACE_DOMAIN,
    PLACE_SOURCE,
    PLACE_DNS,
    PLACE_HELO,
    PLACE_FROM,
    PLACE_FROM_LOCAL,
    PLACE_FROM_DOMAIN,
    PLACE_RCPT,
    PLACE_RCPT_LOCAL,
    PLACE_RCPT_DOMAIN,
    PLACE_CANARY,
    PLACE_TOKEN,
    PLACE_MAILBOX,
    PLACE_MX,
    PLACE_DEADLINE_MS,
    PLACE_DEADLINE_S,
    PLACE_TLS,
    PLACE_OUT,
    PLACE_DIRECTORY,
    PLACE_PROGRAMS,
    PLACE_COUNT
};

struct places {
    const char *value[PLACE_COUNT]; /* NULL: the case has none */
    struct conf_texts options;      /* of {options} */
};

/* Every { in the word begins a placeholder that there is, or is doubled. False: why. */
bool placeholders_check(struct span word, struct strbuf *why);
/* The command with all placeholders filled in, NULL at the end. NULL: the arena is used up. */
const char *const *placeholders_fill(const struct conf_texts *argv, const struct places *p,
                                     struct arena *arena);
/* NAME=value of all that has a name there, then `more`; NULL at the end. NULL: as above. */
const char *const *placeholders_environment(const struct places *p, const char *const *more,
                                            size_t more_count, struct arena *arena);

#endif
