/*
 * session_trust.c - the session is believed no more
 */
#include "probe/ask/session_private.h"

/* It began with a PROXY header, and no wonder. False: it did not. */
static bool header_tainted(struct session *s)
{
    if (!session_has_header(s)) {
        return false;
    }
    s->tainted = true;
    plan_taint_session(s->plan, &s->at);
    if (s->form != NULL) {
        plan_tainted(s->plan, s->form);
        s->form = NULL;
    }
    session_header_refused(s);
    return true;
}

enum session_stage session_taint(struct session *s)
{
    if (header_tainted(s)) {
        return STAGE_QUIT;
    }
    s->notes->tainted = s->tainted = true;
    s->notes->tainted_sessions++;
    plan_taint_session(s->plan, &s->at);
    if (s->refused || s->busy) { /* nor was that said to us as a client */
        s->notes->session_answer = ANSWER_NONE;
        s->refused = s->busy = false;
    }
    if (s->form != NULL) {
        plan_tainted(s->plan, s->form);
        s->form = NULL;
    }
    return STAGE_QUIT;
}
