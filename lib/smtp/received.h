/*
 * received.h - trace fields: which host took a message from whom (RFC 5321 4.4)
 *
 * Every server writes its own way, so that reading is lenient: what is not found is empty. The
 * address is what the server saw, from whatever place it was written in: "from helo (name
 * [192.0.2.1])", "from [192.0.2.1] (helo=name)", "from unknown (HELO name) (192.0.2.1)".
 *
 * Ownership: spans point into the header section.
 */
#ifndef RELAYLAB_LIB_SMTP_RECEIVED_H
#define RELAYLAB_LIB_SMTP_RECEIVED_H

#include "lib/base/bytes.h"

struct received {
    struct span from;    /* what the client said it was, or its name; may be an address literal */
    struct span address; /* that it came from, without brackets and "IPv6:" */
    struct span by;
    struct span with; /* "ESMTP" */
    struct span date; /* behind the last semicolon */
};

void received_read(struct span value, struct received *out);
/* The next trace field of a header section from *at on; the newest is first. */
bool received_next(struct span headers, size_t *at, struct received *out);

#endif
