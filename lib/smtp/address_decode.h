/*
 * address_decode.h - what a server that obeys every old convention makes of a recipient
 *
 * address_unwrap (address.h) undoes one routing trick. Some servers go on until a foreign domain
 * stands at the end, and some decode encapsulations: IMCEA (Exchange), SRS and BATV addresses, a
 * VERP address, the original recipient of a DSN parameter. And domains are made canonical: a
 * trailing dot, brackets around a name, full-width letters.
 */
#ifndef RELAYLAB_LIB_SMTP_ADDRESS_DECODE_H
#define RELAYLAB_LIB_SMTP_ADDRESS_DECODE_H

#include "lib/smtp/address.h"

struct address_locals { /* whose domains are undone; empty domains always are */
    bool (*local)(const void *self, struct span domain);
    const void *self;
};

/* Writes local@domain into out. False: nothing was undone, out is empty. */
bool address_decode(const struct address *a, const struct address_locals *locals,
                    struct strbuf *out);

#endif
