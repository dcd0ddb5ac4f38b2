/*
 * xml.h - text for XML 1.0, in content and between quotes alike
 *
 * Whatever the bytes are, the result is well-formed: `& < > " '` are written as entities, tab, CR
 * and LF as character references between quotes and CR also in content (a parser would make other
 * characters of them). Control characters, which XML 1.0 forbids however they are written, become
 * \xHH; bytes that are no UTF-8, and U+FFFE and U+FFFF, become U+FFFD.
 */
#ifndef RELAYLAB_LIB_BASE_XML_H
#define RELAYLAB_LIB_BASE_XML_H

#include "lib/base/bytes.h"

void xml_add_text(struct strbuf *out, struct span s);
void xml_add_quoted(struct strbuf *out, struct span s); /* with quotes around */
/* " name=\"value\"" */
void xml_add_attribute(struct strbuf *out, const char *name, struct span value);

#endif
