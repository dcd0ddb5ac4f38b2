/*
 * target.h - who is to be asked, as the user names it: ADDR:PORT, [ADDR6]:PORT, ADDR, NAME,
 * NAME:PORT, mx:DOMAIN or mx:DOMAIN:PORT
 *
 * Without a port it is 25. A name is not looked up here: whoever does fills in `address`, or hands
 * what a resolver found to target_take.
 *
 * Ownership: spans point into the text that was given.
 * Errors: one line in `error`; the value in it is made visible.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_TARGET_H
#define RELAYLAB_PROBE_PROGRAM_TARGET_H

#include "lib/dns/mx.h"
#include "probe/verdict.h"

enum {
    TARGET_NAME_MAX = 254,                   /* with NUL; RFC 1035 2.3.4 */
    TARGET_ADDRESSES_MAX = MX_ADDRESSES_MAX, /* of one name */
    TARGET_TROUBLE_MAX = 192
};

struct target {
    struct span text; /* as given */
    struct span name; /* host name, or the address without port and brackets */
    bool is_name;     /* a host's, or with by_mx a mail domain's */
    bool by_mx;
    bool has_port; /* the text names one */
    uint16_t port;
    size_t address_count; /* 1 when it was an address; 0: a name not looked up yet */
    struct endpoint address[TARGET_ADDRESSES_MAX];
    char trouble[TARGET_TROUBLE_MAX]; /* why the name has no address; of whoever looked it up */
    const char *reason_code;          /* the verdict's then */
    struct mx_result found;           /* host_count 0: no resolver was asked, or it found nothing */
};

bool target_read(struct target *t, struct span text, struct strbuf *error);
/* What a resolver found out about the name. */
void target_take(struct target *t, const struct mx_result *found);
/* The name that the server at that address goes by, {T}; ptr NULL: none is known. `at` is one of
   t->address. */
struct span target_host(const struct target *t, const struct endpoint *at);
/* End of the addresses, from `from` on, that belong to the same MX host. */
size_t target_host_end(const struct target *t, size_t from);
/* The verdict on a name without an address. */
void target_unfound(const struct target *t, struct verdict_result *out);
/* How it was found: one or two sentences; nothing when no resolver was asked. */
void target_print_way(const struct target *t, struct strbuf *out);
/* "what: 'value': ", the beginning of a message about what the user wrote. */
void target_say(struct strbuf *error, const char *what, struct span value);

#endif
