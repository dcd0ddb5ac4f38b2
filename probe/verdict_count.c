/*
 * verdict_count.c - how many forms of each kind, and how far the plain one got
 */
#include "probe/verdict.h"

bool verdict_refused_for_good(enum answer a)
{
    switch (a) {
    case ANSWER_DENIED:
    case ANSWER_DENIED_AUTH:
    case ANSWER_DENIED_UNKNOWN:
    case ANSWER_NO_MAILBOX:
        return true;
    case ANSWER_NONE:
    case ANSWER_ACCEPTED:
    case ANSWER_SYNTAX:
    case ANSWER_DEFERRED:
    case ANSWER_REFUSED_SENDER:
    case ANSWER_REFUSED_HELO:
    case ANSWER_REFUSED_CLIENT:
    case ANSWER_REFUSED_CONTENT:
    case ANSWER_REFUSED_VERIFY:
    case ANSWER_TLS_REQUIRED:
    case ANSWER_SERVICE:
        return false;
    }
    return false;
}

static void count_form(const struct form_result *r, struct verdict_result *out)
{
    out->total++;
    switch (r->state) {
    case FORM_NOT_ASKED:
        out->not_asked++;
        break;
    case FORM_NOT_APPLICABLE:
        out->not_applicable++;
        break;
    case FORM_DENIED:
        out->refused++;
        break;
    case FORM_ACCEPTED:
        out->accepted++;
        break;
    case FORM_OFFERED:
        if (verdict_refused_for_good(r->answer)) {
            out->refused++;
        } else {
            out->undecided++;
        }
        break;
    case FORM_UNDECIDED:
        out->undecided++;
        break;
    }
}

static enum plain_accepted plain_reached(const struct form_result *plain)
{
    if (plain == NULL || !plain->rcpt_accepted) {
        return PLAIN_NO;
    }
    if (plain->state == FORM_ACCEPTED) {
        return PLAIN_END_OF_DATA;
    }
    return plain->data_accepted ? PLAIN_DATA : PLAIN_RCPT;
}

void verdict_count(const struct verdict_facts *facts, struct verdict_result *out)
{
    *out = (struct verdict_result){.plain_accepted = plain_reached(facts->plain)};
    for (size_t i = 0; i < facts->form_count; i++) {
        if (facts->forms[i].form.kind != FORM_CONTROL) {
            count_form(&facts->forms[i], out);
        }
    }
}
