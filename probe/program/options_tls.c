/*
 * options_tls.c - when sessions are encrypted, and what is shown there
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

bool option_client_cert(struct reader *r)
{
    return option_file_name(r, &r->o->client_cert);
}

bool option_client_key(struct reader *r)
{
    return option_file_name(r, &r->o->client_key);
}

bool options_check_tls(const struct options *o, struct strbuf *error)
{
    const char *wrong = NULL;

    if (o->client_key != NULL && o->client_cert == NULL)
        wrong = "--client-key needs a --client-cert";
    else if (o->client_cert != NULL && o->tls == OPTIONS_TLS_NONE)
        wrong = "--client-cert and --tls none exclude each other";
    if (wrong != NULL)
        strbuf_adds(error, wrong);
    return wrong == NULL;
}

enum options_tls options_tls_for(const struct options *o, const struct endpoint *target)
{
    bool submissions = o->tls == OPTIONS_TLS_AUTO && target->port == SUBMISSIONS_PORT;

    return submissions ? OPTIONS_TLS_IMPLICIT : o->tls;
}
