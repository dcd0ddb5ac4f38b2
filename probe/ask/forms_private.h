/*
 * forms_private.h - between the files of probe/forms*
 */
#ifndef RELAYLAB_PROBE_ASK_FORMS_PRIVATE_H
#define RELAYLAB_PROBE_ASK_FORMS_PRIVATE_H

#include "probe/ask/forms.h"

/* The domain with its full-width letters made narrow, as UTS 46 does. */
void forms_map_wide(struct span domain, struct strbuf *out);
/* The {word} at the beginning of `rest`, braces excluded; false: there is none. */
bool forms_take_word(struct span *rest, struct span *word);

#endif
