/*
 * session_tls.c - STARTTLS in a session, and what the server showed
 *
 * The session is as new behind the handshake (RFC 3207 4.2): EHLO again, and nothing that was said
 * before counts, except what the plan knows. A certificate is never a reason to go: the question is
 * whether mail is relayed, not by whom.
 */
#include <string.h>

#include "probe/ask/session_private.h"
#include "probe/memory.h"

void session_note_tls(struct session *s)
{
    if (s->layer == NULL) {
        return;
    }
    const struct tls_facts *f = tls_layer_facts(s->layer);
    struct target_notes *n = s->notes;
    if (f->begun && n->tls == NULL) {
        n->tls = memory_get(s->config->memory, sizeof(*n->tls));
    }
    if (f->begun && n->tls != NULL && (f->on || !n->tls->on)) {
        *n->tls = *f;
    }
    n->tls_injected |= f->early > 0 && !session_is_early(s); /* else we asked for it */
    n->certificate_asked |= f->asked;
}

/* The handshake stands. */
static void note_asked(struct session *s)
{
    if (!tls_layer_facts(s->layer)->asked && plan_tls_unasked(s->plan)) {
        s->settled++;
    }
}

/* One line for transcripts. */
static void show_tls(struct session *s)
{
    char room[2 * TLS_NAME_MAX];
    struct strbuf line;
    const struct tls_facts *f = tls_layer_facts(s->layer);
    if (s->config->observer.line == NULL) {
        return;
    }
    strbuf_init(&line, room, sizeof(room));
    strbuf_addf(&line, "%s, %s, certificate of %s", f->version, f->cipher,
                f->certificate ? f->subject : "nobody");
    s->config->observer.line(s->config->observer.self, s->at.number, '*', strbuf_span(&line));
}

bool session_is_implicit(const struct session *s)
{
    return s->layer != NULL && s->config->tls_mode == SESSION_TLS_IMPLICIT;
}

/* One round trip more than in TLS 1.3. */
static void count_handshake(struct session *s)
{
    session_count_trips(s, strcmp(tls_layer_facts(s->layer)->version, "TLSv1.3") != 0);
}

/* The handshake, and the greeting behind it. */
void session_greeted_in_tls(struct session *s)
{
    session_count_trips(s, 2);
    session_secured(s);
}

void session_say_starttls(struct session *s)
{
    smtp_client_command(&s->client, STEP_STARTTLS, SPAN("STARTTLS"));
}

enum session_stage session_hear_starttls(struct session *s, const struct reply *reply)
{
    struct target_notes *n = s->notes;
    if (reply_class(reply) == 2) {
        return STAGE_SECURING;
    }
    s->refusals++;
    n->starttls_refused = true;
    n->starttls_reply = session_keep_reply(s, reply);
    plan_tls_refused(s->plan);
    session_rule_out(s);
    if (s->plan->tls.forced) {
        n->last_outcome = OUTCOME_TLS;
        n->last_step = STEP_STARTTLS;
    }
    return reply->code == 421 ? STAGE_QUIT : session_begin_form(s);
}

void session_say_securing(struct session *s)
{
    smtp_client_start_tls(&s->client);
}

void session_secured(struct session *s)
{
    count_handshake(s);
    s->at.encrypted = true;
    session_note_tls(s);
    note_asked(s);
    show_tls(s);
}

/* A user who wants everything after STARTTLS gets nothing where it is not offered. */
enum session_stage session_after_ehlo(struct session *s)
{
    struct plan *p = s->plan;
    if (s->at.context == CONTEXT_PLAIN || session_context(s)->certificate) {
        plan_tls_offered(p, s->notes->starttls_offered);
        session_rule_out(s);
    }
    if (p->tls.forced && !s->at.encrypted && !p->tls.off && !session_is_early(s)) {
        return STAGE_STARTTLS;
    }
    return session_begin_form(s);
}

/* In TLS 1.3 the server's word about certificates comes behind the handshake. */
static bool certificate_refused(struct session *s)
{
    const struct context_row *row = session_context(s);
    if (s->layer == NULL || s->form != NULL || !tls_layer_facts(s->layer)->refused) {
        return false;
    }
    if (row->certificate) {
        plan_context_refused(s->plan, &s->at, row->refused);
    } else if (!plan_tls_certificate_wanted(s->plan)) {
        return false;
    }
    s->settled++;
    return true;
}

void session_lost_in_tls(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    bool broken = s->at.encrypted && !s->plan->tls.implicit && step == STEP_EHLO &&
                  !session_context(s)->certificate && outcome == OUTCOME_TLS;
    bool handshake = step == STEP_STARTTLS || step == STEP_TLS || broken;
    session_note_tls(s);
    if (certificate_refused(s)) {
        return;
    }
    if (handshake && s->form == NULL && outcome != OUTCOME_CANCELLED) {
        plan_tls_lost(s->plan, &s->at, outcome, step);
    }
}
