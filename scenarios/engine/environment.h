/*
 * environment.h - the variables of an engine's scripts
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_ENVIRONMENT_H
#define RELAYLAB_SCENARIOS_ENGINE_ENVIRONMENT_H

#include "scenarios/engine/instance.h"

enum { ENVIRONMENT_VARIABLES = 28, ENVIRONMENT_TEXT_MAX = 8192 };

struct environment { /* points into itself: is not copied */
    const char *list[ENVIRONMENT_VARIABLES];
    char text[ENVIRONMENT_TEXT_MAX];
};

bool environment_make(struct environment *e, const struct instance_config *c, const char *here,
                      struct strbuf *error);

#endif
