/*
 * explain.h - a server's rules in words, for people
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_EXPLAIN_H
#define RELAYLAB_MOCKMTA_CONFIG_EXPLAIN_H

#include "mockmta/config/config.h"

void explain_server(struct strbuf *out, const struct server_config *config);

#endif
