/*
 * forms_own.h - forms of the user's own, from a YAML file
 *
 *     forms:
 *       - id: U1
 *         to: "<{x}%{X}@relay.{D}>"
 *         why: our old gateway took its host names for local
 *
 * A form has an id of its own, a recipient, and may have a sender, parameters, an EHLO keyword that
 * it needs and another recipient. The same checks as for a case file, with positions; and two more:
 * its recipient has a token in it, and leads to a domain of ours or to the target.
 *
 * Ownership: everything is in conf's arena.
 */
#ifndef RELAYLAB_PROBE_ASK_FORMS_OWN_H
#define RELAYLAB_PROBE_ASK_FORMS_OWN_H

#include "lib/conf/conf.h"
#include "probe/ask/forms.h"

enum { FORMS_OWN_MAX = 32 };

extern const struct conf_table forms_own_table;

/* conf has the text. False: conf->error. */
bool forms_own_load(struct conf *conf, const struct form_own **own, size_t *count);
/* The same from a file, which it reads. */
bool forms_own_read(struct conf *conf, const char *path, const struct form_own **own,
                    size_t *count);

#endif
