/*
 * defaults.h - what a closed server says when no rule takes an event
 *
 * The machine's own objections (bad syntax, bad sequence) come first; local recipients are taken,
 * foreign ones are denied.
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_DEFAULTS_H
#define RELAYLAB_MOCKMTA_CONFIG_DEFAULTS_H

#include "mockmta/parts.h"

void default_reply(const struct session *s, const struct smtp_command *cmd,
                   struct smtp_action *action);

#endif
