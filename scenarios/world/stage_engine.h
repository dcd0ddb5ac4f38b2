/*
 * stage_engine.h - private to stage.c: the servers of a case that are real ones
 */
#ifndef RELAYLAB_SCENARIOS_WORLD_STAGE_ENGINE_H
#define RELAYLAB_SCENARIOS_WORLD_STAGE_ENGINE_H

#include "scenarios/world/stage.h"

/* Where it will listen; known before it is started. */
void stage_engine_place(struct stage_server *server);
/* When mailboxes and mocks listen: starts it and waits until it does too. */
bool stage_engine_start(struct stage_server *server, struct strbuf *error);

#endif
