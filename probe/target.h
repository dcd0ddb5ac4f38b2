/*
 * target.h - who is to be asked, as the user names it: ADDR:PORT, [ADDR6]:PORT, ADDR, NAME or
 * NAME:PORT
 *
 * Without a port it is 25. A name is not looked up here: whoever does fills in `address`.
 *
 * Ownership: spans point into the text that was given.
 * Errors: one line in `error`; the value in it is made visible.
 */
#ifndef RELAYLAB_PROBE_TARGET_H
#define RELAYLAB_PROBE_TARGET_H

#include "lib/base/endpoint.h"

enum {
    TARGET_NAME_MAX = 254,    /* with NUL; RFC 1035 2.3.4 */
    TARGET_ADDRESSES_MAX = 8, /* of one name */
    TARGET_TROUBLE_MAX = 96
};

struct target {
    struct span text; /* as given */
    struct span name; /* host name, or the address without port and brackets */
    bool is_name;
    uint16_t port;
    size_t address_count; /* 1 when it was an address; 0: a name not looked up yet */
    struct endpoint address[TARGET_ADDRESSES_MAX];
    char trouble[TARGET_TROUBLE_MAX]; /* why the name has no address; of whoever looked it up */
};

bool target_read(struct target *t, struct span text, struct strbuf *error);
/* "what: 'value': ", the beginning of a message about what the user wrote. */
void target_say(struct strbuf *error, const char *what, struct span value);

#endif
