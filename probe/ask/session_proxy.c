/*
 * session_proxy.c - sessions that begin with a PROXY header (E15)
 *
 * A server that knows no such header takes it for a bad command: it answers once too often, hangs
 * up, or says that we speak too soon. All that is one answer, "not here": it makes the forms not
 * applicable, is no hang-up of the target's and no reason to doubt it. The reply too many mostly
 * comes right behind the greeting, so there the session pauses; else it is found at EHLO, which is
 * then answered with something else than 250. What the session said of a form before that was seen
 * is taken back as in any session that lost its trust.
 *
 * Version 2 has QUIT in its signature, so that mail servers which do not know it close (221).
 */
#include "lib/base/clock.h"
#include "lib/smtp/proxy.h"
#include "probe/ask/session_private.h"

#define PAUSE_NS (250 * CLOCK_MS)

bool session_has_header(const struct session *s)
{
    return session_context(s)->proxy != 0;
}

struct machine session_say_header(struct session *s, struct machine inner)
{
    char header[PROXY_WRITE_MAX], visible[4 * PROXY_WRITE_MAX];
    struct strbuf out, shown;
    struct span rest;
    strbuf_init(&out, header, sizeof(header));
    strbuf_init(&shown, visible, sizeof(visible));
    context_header(session_context(s), &s->config->target, &out);
    rest = strbuf_span(&out);
    strbuf_add_visible(&shown, rest);
    if (s->config->observer.line != NULL) {
        s->config->observer.line(s->config->observer.self, s->at.number, 'C', strbuf_span(&shown));
    }
    proxy_front_init(&s->front, inner, rest);
    return proxy_front_machine(&s->front);
}

static void end_of_pause(void *self)
{
    struct session *s = self;
    if (s->active && s->stage == STAGE_PAUSE) {
        session_go_on(s);
        world_wake(s->world, s->link);
    }
}

void session_init_pause(struct session *s)
{
    world_timer_init(&s->pause, end_of_pause, s);
}

void session_say_pause(struct session *s)
{
    int64_t end_ns = clock_after(s->client.now_ns, PAUSE_NS);
    world_timer_set(s->world, &s->pause, end_ns);
    smtp_client_wait(&s->client, clock_after(end_ns, CLOCK_SECOND));
}

void session_end_pause(struct session *s)
{
    world_timer_stop(s->world, &s->pause);
}

static void not_here(struct session *s)
{
    plan_context_refused(s->plan, &s->at, session_context(s)->refused);
    s->settled++;
}

/* RFC 5321 3.8: only 421 may come unasked, and nothing comes behind it. */
enum session_stage session_hear_pause(struct session *s, const struct reply *reply)
{
    (void)reply;
    not_here(s);
    s->over = true;
    return STAGE_CLOSE;
}

bool session_header_unknown(struct session *s, const struct reply *reply, int wanted)
{
    if (!session_has_header(s) || reply->code == wanted) {
        return false;
    }
    not_here(s);
    return true;
}

bool session_header_tainted(struct session *s)
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
    not_here(s);
    return true;
}

bool session_lost_with_header(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    bool early = step == STEP_GREETING || step == STEP_EHLO || step == STEP_HELO ||
                 s->stage == STAGE_PAUSE || (step == STEP_TLS && session_is_implicit(s));
    if (!session_has_header(s) || s->form != NULL || !early || outcome == OUTCOME_CANCELLED) {
        return false;
    }
    not_here(s);
    return true;
}
