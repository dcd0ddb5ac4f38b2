/*
 * control_way.c - the most preferred address within the ranges that may be spoken to
 *
 * A less preferred host takes the control as well: it is the canary's own too, and what is asked is
 * whether the mailbox fills. Nothing is guessed where DNS names none.
 */
#include "probe/home/control_way.h"

bool control_way_choose(const struct mx_result *r, struct span domain, bool allow_public,
                        struct endpoint *route, struct strbuf *why)
{
    for (size_t i = 0; i < r->address_count; i++)
        if (allow_public || endpoint_scope(&r->address[i]) != SCOPE_PUBLIC) {
            *route = r->address[i];
            return true;
        }
    if (r->address_count > 0) {
        strbuf_adds(why, "the mail server of ");
        strbuf_add(why, domain);
        strbuf_adds(why, " has a public address, ");
        endpoint_print_address(why, &r->address[0]);
        strbuf_adds(why, "; say --allow-public when it is meant, or --control-route ADDR:PORT");
        return false;
    }
    strbuf_adds(why, "no mail server of ");
    strbuf_add(why, domain);
    strbuf_adds(why, " was found (");
    mx_print_reason(r, why);
    strbuf_adds(why, "); name the one that fills the mailbox with --control-route ADDR:PORT");
    return false;
}
