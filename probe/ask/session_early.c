/*
 * session_early.c - whether what was said in clear behind STARTTLS is answered inside TLS (E3c)
 *
 * STARTTLS and NOOP go out in one write. A server must forget what it heard before the handshake
 * (RFC 3207 4.2); one that has read NOOP by then, and throws nothing away, answers it inside TLS
 * (CVE-2011-0411). There QUIT is all that is said, so no time needs to pass to know: 221 and
 * nothing before it, or another reply and then 221. A second greeting (220) answers nothing.
 *
 * Servers may mind what is done here, and say so in any way: they close, refuse STARTTLS, fail the
 * handshake, remember the client. So the session is the last one, of its own, and once; nothing
 * that happens in it is held against the server, nor against what it said before.
 */
#include "lib/base/clock.h"
#include "probe/ask/session_private.h"

#define PATIENCE_NS CLOCK_MINUTE

bool session_is_early(const struct session *s)
{
    return session_context(s)->early;
}

void session_say_early(struct session *s)
{
    static const uint8_t steps[] = {STEP_STARTTLS, STEP_OTHER};
    smtp_client_group(&s->client, SPAN("STARTTLS\r\nNOOP\r\n"), steps, sizeof(steps), PATIENCE_NS);
}

static void settle(struct session *s, enum smtp_step step, const struct reply *reply, enum answer a)
{
    session_keep_answer(s, step, reply, (struct answer_judgement){a, NULL});
    session_give_answer(s);
}

/* RFC 2920 3.1 and 3207 let a server refuse what is said so. */
enum session_stage session_hear_early(struct session *s, const struct reply *reply)
{
    smtp_client_group_end(&s->client);
    if (reply_class(reply) == 2) {
        return STAGE_SECURING;
    }
    settle(s, STEP_STARTTLS, reply, ANSWER_DENIED);
    s->over = true;
    return STAGE_CLOSE;
}

/* Who answers once too often anyhow shows nothing here. */
enum session_stage session_hear_early_end(struct session *s, const struct reply *reply)
{
    bool shown = s->answer_here && !s->notes->tainted;
    if (reply->code == 221 && shown) {
        session_give_answer(s);
    } else if (reply->code == 221) {
        settle(s, STEP_QUIT, reply, ANSWER_DENIED);
    } else if (reply->code == 421) {
        (void)session_early_turned_away(s, reply, 221);
    } else {
        if (!s->answer_here && reply->code != 220) {
            session_keep_answer(s, STEP_OTHER, reply,
                                (struct answer_judgement){ANSWER_ACCEPTED, NULL});
        }
        return STAGE_EARLY_END;
    }
    s->over = true;
    return STAGE_CLOSE;
}

static void give_up(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    plan_context_unclear(s->plan, &s->at, outcome, step);
    s->form = NULL;
    s->settled++;
}

bool session_early_turned_away(struct session *s, const struct reply *reply, int wanted)
{
    if (!session_is_early(s) || reply->code == wanted) {
        return false;
    }
    give_up(s, OUTCOME_CLOSED, s->client.step);
    return true;
}

bool session_lost_early(struct session *s, enum smtp_outcome outcome, enum smtp_step step)
{
    if (!session_is_early(s)) {
        return false;
    }
    if (!s->over) {
        give_up(s, outcome, step);
    }
    return true;
}
