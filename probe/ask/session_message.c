/*
 * session_message.c - the form's message on its way, and a message that carries a whole transaction
 *
 * Of a carrier (E16) the first reply to its end says what the server makes of it. QUIT is said
 * then, and every reply until 221 is heard: one too many says that the server took the data to end
 * earlier, and what stood behind for commands. That is evidence of how it reads, and no relaying
 * yet; only what comes home is. No reply is one for RSET to vouch for: a yes anywhere means that
 * the fate is awaited, a no that nothing says otherwise is believed as any after a message.
 */
#include "lib/smtp/mail.h"
#include "probe/ask/carrier.h"
#include "probe/ask/session_private.h"

/* From now on the form is never asked again, whatever comes: a byte of its message may be out. So
 * the owner hears of it first: what it cannot write down is not sent, and the session ends. */
static bool lend_message(struct session *s)
{
    const struct form *f = &s->form->form;
    const struct form_identity *who = s->config->who;
    char from_room[MAIL_PATH_MAX], to_room[MAIL_PATH_MAX], message_room[SESSION_MESSAGE_MAX];
    struct strbuf from, to, message;
    strbuf_init(&from, from_room, sizeof(from_room));
    strbuf_init(&to, to_room, sizeof(to_room));
    strbuf_init(&message, message_room, sizeof(message_room));
    struct canary canary = form_canary(f, who);
    struct token_pair tokens = form_tokens(f);
    form_mailbox(&from, who->token_place, who->sender_local, &tokens.sender, who->sender_domain);
    form_mailbox(&to, who->token_place, canary.local, &tokens.recipient, canary.domain);
    struct form_name id = form_id(f);
    struct mail_probe m = {
        .from = strbuf_span(&from),
        .to = strbuf_span(&to),
        .form_id = span_of(id.text),
        .target = s->config->target_text,
        .helo = s->config->helo,
        .contact = s->config->contact,
        .token = &tokens.recipient,
        .attempt = s->form->attempts,
        .epoch_s = world_epoch(s->world),
    };
    if (session_is_smuggling(s)) {
        carrier_write(&message, f, who, s->sender, &m);
        s->form->sender_used = s->sender;
    } else {
        mail_write_probe(&message, &m);
    }
    const struct session_observer *o = &s->config->observer;
    if (!session_lend(s, strbuf_span(&message)) ||
        (o->sending != NULL && !o->sending(o->self, s->form, &m))) {
        s->unwritten = true;
        smtp_client_close(&s->client); /* without its dot the message is none, RFC 5321 4.1.1.4 */
        return false;
    }
    s->form->body_sent = true;
    return true;
}

void session_say_body(struct session *s)
{
    if (!lend_message(s)) {
        return;
    }
    struct span lent = {s->lent, s->lent_len};
    if (context_of(&s->form->form)->chunk) {
        smtp_client_chunk(&s->client, lent);
    } else {
        smtp_client_body(&s->client, lent);
    }
}

/* -- carriers */

bool session_is_smuggling(const struct session *s)
{
    return session_context(s)->false_end != NULL;
}

enum session_stage session_enter_smuggling(struct session *s)
{
    if (s->context_step == 0 && !plan_may_send(s->plan, s->form)) {
        plan_keep_back(s->plan, s->form);
        session_tell_settled(s, s->form);
        s->form = NULL;
        return STAGE_QUIT;
    }
    return s->context_step < session_context(s)->step_count ? STAGE_STEP : STAGE_SMUGGLED;
}

void session_say_smuggled(struct session *s)
{
    if (lend_message(s)) {
        smtp_client_raw(&s->client, (struct span){s->lent, s->lent_len});
    }
}

/* Whatever the words: what is refused is the whole message, and nothing of it was relayed then. */
static enum answer answer_of(const struct reply *reply)
{
    int class = reply_class(reply);
    return class == 2   ? ANSWER_ACCEPTED
           : class == 5 ? ANSWER_DENIED
           : class == 4 ? ANSWER_DEFERRED
                        : ANSWER_NONE;
}

static void hear_first(struct session *s, const struct reply *reply)
{
    struct answer_judgement j = {answer_of(reply), NULL};
    session_count_refusal(s, reply, j);
    session_keep_answer(s, STEP_END_OF_DATA, reply, j);
    s->retry_hint_s = 0;
}

/* A yes to anything: it may be the one to what was carried. */
static void hear_surplus(struct session *s, const struct reply *reply)
{
    s->form->ended_early = true;
    if (reply_class(reply) <= 3) {
        s->form->answer = ANSWER_ACCEPTED;
    }
}

static enum session_stage conclude(struct session *s)
{
    session_give_answer(s);
    s->over = true;
    return STAGE_CLOSE;
}

/* Who took the data to end early answers before all of it is out. A 421 may come at any time, and
 * answers nothing (RFC 5321 3.8). */
enum session_stage session_hear_smuggled(struct session *s, const struct reply *reply)
{
    if (!s->answer_here) {
        hear_first(s, reply);
    } else if (reply->code != 421) {
        hear_surplus(s, reply);
    }
    if (reply->code == 421) {
        return conclude(s);
    }
    return smtp_client_is_sending(&s->client) ? STAGE_SMUGGLED : STAGE_SMUGGLED_END;
}

void session_say_farewell(struct session *s)
{
    smtp_client_farewell(&s->client, SPAN("QUIT"));
}

enum session_stage session_hear_smuggled_end(struct session *s, const struct reply *reply)
{
    if (reply->code == 221 || reply->code == 421) {
        return conclude(s);
    }
    hear_surplus(s, reply);
    return STAGE_SMUGGLED_END;
}

/* What a peer said before it closed has come; what it said before all else ended may not have. Then
 * its no may not be all that it said. */
bool session_lost_smuggled(struct session *s, enum smtp_outcome outcome)
{
    if (!session_is_smuggling(s) || s->form == NULL || !s->answer_here) {
        return false;
    }
    if (outcome != OUTCOME_CLOSED && s->form->answer == ANSWER_DENIED) {
        s->form->answer = ANSWER_ACCEPTED;
    }
    session_give_answer(s);
    return true;
}
