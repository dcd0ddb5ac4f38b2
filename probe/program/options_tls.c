/*
 * options_tls.c - --tls: when sessions are encrypted
 */
#include "probe/program/options_private.h"

enum { SUBMISSIONS_PORT = 465 /* RFC 8314 3.3 */ };

bool option_tls(struct reader *r)
{
    static const struct {
        const char *name;
        enum options_tls mode;
    } modes[] = {{"auto", OPTIONS_TLS_AUTO},
                 {"none", OPTIONS_TLS_NONE},
                 {"starttls", OPTIONS_TLS_STARTTLS},
                 {"implicit", OPTIONS_TLS_IMPLICIT}};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (span_iequal(r->value, span_of(modes[i].name))) {
            r->o->tls = modes[i].mode;
            return true;
        }
    }
    return option_wrong(r, "write auto, none, starttls or implicit");
}

enum options_tls options_tls_for(const struct options *o, const struct endpoint *target)
{
    bool submissions = o->tls == OPTIONS_TLS_AUTO && target->port == SUBMISSIONS_PORT;

    return submissions ? OPTIONS_TLS_IMPLICIT : o->tls;
}
