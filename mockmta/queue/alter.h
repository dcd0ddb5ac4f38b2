/*
 * alter.h - what gateways do to a message on its way
 *
 * Ownership: the altered message is appended to `out`. Errors: false when there is no memory.
 */
#ifndef RELAYLAB_MOCKMTA_QUEUE_ALTER_H
#define RELAYLAB_MOCKMTA_QUEUE_ALTER_H

#include "lib/conf/conf.h"
#include "mockmta/config/config.h"
#include "mockmta/memory.h"

extern const struct conf_name alter_names[]; /* of `alter:` */

/* ALTER_NONE and ALTER_AUTOREPLY copy. */
bool alter_message(struct grow *out, struct span content, enum fate_alter how);

#endif
