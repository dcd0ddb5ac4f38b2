/*
 * session_private.h - the stages of a session, for the files that hear and say them
 *
 * A stage is what was said last; `hear` judges the reply to it and returns the next stage, `say`
 * says what belongs to that one. session.c has the table, session_form.c the forms,
 * session_control.c the control R43.
 */
#ifndef RELAYLAB_PROBE_ASK_SESSION_PRIVATE_H
#define RELAYLAB_PROBE_ASK_SESSION_PRIVATE_H

#include "probe/ask/contexts.h"
#include "probe/ask/session.h"

enum session_stage {
    STAGE_GREETING,
    STAGE_PAUSE, /* behind the greeting to a PROXY header */
    STAGE_EHLO,
    STAGE_HELO,
    STAGE_STARTTLS,
    STAGE_SECURING,     /* the handshake */
    STAGE_SMUGGLED,     /* a message that carries a transaction */
    STAGE_SMUGGLED_END, /* QUIT behind it: how many replies come? */
    STAGE_EARLY,        /* STARTTLS with a command behind it */
    STAGE_EARLY_END,    /* QUIT behind that handshake: what is answered? */
    STAGE_GROUP,        /* several forms in one write */
    STAGE_STEP,         /* of a context, before its form */
    STAGE_NOTICE,       /* ETRN, TURN: instead of a form */
    STAGE_MAIL,
    STAGE_COMPANION, /* R38: the other recipient of the form */
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_BODY,
    STAGE_RSET,
    STAGE_CONTROL_MAIL,  /* R43, to learn whether the server takes anything from us */
    STAGE_CONTROL_RCPT,  /* <postmaster> */
    STAGE_CONTROL_RCPT2, /* <postmaster@D> */
    STAGE_QUIT,
    STAGE_END, /* QUIT was answered oddly: does another reply follow? */
    STAGE_CLOSE
};

enum session_after {
    AFTER_NEXT,
    AFTER_AGAIN /* same form, other words */,
    AFTER_CONTROL,
    AFTER_PUT_BACK,
    AFTER_KEPT_BACK
};

void session_count_trips(struct session *s, unsigned trips);
/* One line, visible characters: its number in the evidence. */
uint16_t session_keep_reply(const struct session *s, const struct reply *reply);
/* What was said to the form, likewise. */
void session_keep_said(const struct session *s, struct form_result *r, const struct reply *reply);
/* What the client is to say stays until the next one, or the session's end. False: no memory. */
bool session_lend(struct session *s, struct span text);
/* The next form of the plan, or the end. */
enum session_stage session_begin_form(struct session *s);
enum session_stage session_to_rset(struct session *s, enum session_after after);
/* The owner hears what became of the form in this attempt. */
void session_tell_settled(struct session *s, const struct form_result *r);
/* The form's answer goes to the plan. */
void session_give_answer(struct session *s);
/* session_end.c */
/* The connection ended while the form was asked, and nothing that was heard of it stands. */
void session_lose_form(struct session *s, struct form_result *r, enum smtp_outcome outcome,
                       enum smtp_step step);
/* The client's last call. */
void session_done(void *self, struct smtp_client *c, enum smtp_outcome outcome,
                  enum smtp_step step);
/* The session is believed no more; its form counts as not asked. */
enum session_stage session_taint(struct session *s);
/* An unknown no becomes refused-client when R43 did not speak for it. */
void session_settle_unknown(struct session *s);

enum session_stage session_hear_mail(struct session *s, const struct reply *reply);
enum session_stage session_hear_companion(struct session *s, const struct reply *reply);
enum session_stage session_hear_rcpt(struct session *s, const struct reply *reply);
enum session_stage session_hear_data(struct session *s, const struct reply *reply);
enum session_stage session_hear_body(struct session *s, const struct reply *reply);
enum session_stage session_hear_rset(struct session *s, const struct reply *reply);
void session_say_mail(struct session *s);
void session_say_companion(struct session *s);
void session_say_rcpt(struct session *s);
void session_say_data(struct session *s);
void session_say_body(struct session *s);
void session_say_rset(struct session *s);

/* Inside TLS, since the server answers nothing in clear, or the user wants it so. */
bool session_is_as_demanded(const struct session *s);
/* EHLO named the keyword; where TLS is demanded, the one inside. */
bool session_offers(const struct session *s, const char *keyword);
/* The sender that the form is asked with: its own, or what stands in for the plainest. */
const struct sender_row *session_sender_for(const struct session *s, const struct form_result *r);
/* Of the plainest sender: another may stand in for it. */
bool session_asks_in_plain_name(const struct form_result *r);
/* The form has another recipient, before or after its own. */
bool session_has_companion(const struct form_result *r, bool after);
/* Why the form cannot be asked of this server, or NULL. */
const char *session_lacks(const struct session *s, const struct form_result *r);
/* What this server offers no extension for is not worth a session. */
void session_rule_out(struct session *s);
/* An attempt begins: what an earlier one left in the result is gone. */
void session_open_form(struct session *s, struct form_result *r);
/* The present form's lines, without CRLF. */
void session_write_mail(const struct session *s, struct strbuf *line);
void session_write_companion(const struct session *s, struct strbuf *line);
void session_write_rcpt(const struct session *s, struct strbuf *line);
/* The reply becomes the present form's answer. */
void session_keep_answer(struct session *s, enum smtp_step step, const struct reply *reply,
                         struct answer_judgement j);
void session_count_refusal(struct session *s, const struct reply *reply, struct answer_judgement j);

/* The answer shows that the path was read, so that its spelling is one that the target likes.
   "Later" may be said before that. */
bool session_read_path(enum answer a);
/* The form's recipient was taken. Who takes the plain one takes most, and each goes alone anyway:
   no groups from then on. */
void session_note_taken(struct session *s);

/* session_group.c */
/* Takes forms for a group from the plan. False: none can be asked so, now. */
bool session_begin_group(struct session *s);
/* The present form, with what is left of its context's steps. False: it cannot be asked so. */
bool session_begin_group_of_one(struct session *s);
void session_say_group(struct session *s);
enum session_stage session_hear_group(struct session *s, const struct reply *reply);
/* A command of the group is on its way: the form that it belongs to becomes the present one. */
void session_group_said(struct session *s);
/* The session ended with replies missing: their forms are asked one by one from now on. */
/* They go back, and nobody is blamed. */
void session_group_back(struct session *s);
void session_group_lost(struct session *s, enum smtp_outcome outcome);

/* session_context.c */
const struct context_row *session_context(const struct session *s);
/* How the session introduces itself: EHLO, HELO, or with its first form. */
enum session_stage session_hello(struct session *s);
/* The name that it gives. */
void session_add_name(const struct session *s, struct strbuf *out);
/* The greeting was refused, and it was not our own. False: it was. */
bool session_hello_refused(struct session *s, enum smtp_step step, const struct reply *reply);
/* The form was chosen: the context's steps first, where it has any. */
enum session_stage session_enter_context(struct session *s);
/* A step's reply: false when the context is not had; then its form was seen to. */
bool session_step_had(struct session *s, const struct reply *reply);
void session_write_step(const struct session *s, unsigned step, struct strbuf *line);
void session_say_step(struct session *s);
void session_say_notice(struct session *s);
enum session_stage session_hear_notice(struct session *s, const struct reply *reply);
enum session_stage session_hear_step(struct session *s, const struct reply *reply);
/* MAIL was refused because the greeting is missing. */
bool session_wants_hello(struct session *s, const struct reply *reply);
/* The session ended by itself; of interest when that was in a greeting that is not our own. */
void session_lost_in_context(struct session *s, enum smtp_outcome outcome, enum smtp_step step);

/* The session introduces itself. */
void session_go_on(struct session *s);

/* session_proxy.c */
void session_init_pause(struct session *s);
void session_say_pause(struct session *s);
enum session_stage session_hear_pause(struct session *s, const struct reply *reply);
void session_end_pause(struct session *s);
bool session_has_header(const struct session *s);
/* A machine that says the header, and then is `inner`. */
struct machine session_say_header(struct session *s, struct machine inner);
/* The reply is another than a server would give that read the header; its forms are settled. */
bool session_header_unknown(struct session *s, const struct reply *reply, int wanted);
/* The session lost its trust, and no wonder. False: it has no header. */
bool session_header_tainted(struct session *s);
/* It ended before a form was asked, because of the header. False: it has none. */
bool session_lost_with_header(struct session *s, enum smtp_outcome outcome, enum smtp_step step);

/* session_message.c */
bool session_is_smuggling(const struct session *s);
/* The form was chosen: what begins its carrier, or that. */
enum session_stage session_enter_smuggling(struct session *s);
void session_say_smuggled(struct session *s);
enum session_stage session_hear_smuggled(struct session *s, const struct reply *reply);
/* QUIT, and every reply from then on is heard. */
void session_say_farewell(struct session *s);
enum session_stage session_hear_smuggled_end(struct session *s, const struct reply *reply);
/* The session ended by itself behind the first reply. False: it was elsewhere. */
bool session_lost_smuggled(struct session *s, enum smtp_outcome outcome);

/* session_early.c */
bool session_is_early(const struct session *s);
void session_say_early(struct session *s);
enum session_stage session_hear_early(struct session *s, const struct reply *reply);
enum session_stage session_hear_early_end(struct session *s, const struct reply *reply);
/* The session was not let so far; what was said to it is nobody's answer. False: it is another. */
bool session_early_turned_away(struct session *s, const struct reply *reply, int wanted);
/* It ended by itself, likewise. */
bool session_lost_early(struct session *s, enum smtp_outcome outcome, enum smtp_step step);

/* session_tls.c */
bool session_is_implicit(const struct session *s);
void session_note_tls(struct session *s);
void session_greeted_in_tls(struct session *s);
void session_say_starttls(struct session *s);
enum session_stage session_hear_starttls(struct session *s, const struct reply *reply);
void session_say_securing(struct session *s);
void session_secured(struct session *s);
/* EHLO was taken: STARTTLS, a form, or the end. */
enum session_stage session_after_ehlo(struct session *s);
/* The session ended by itself; of interest when that was in the handshake. */
void session_lost_in_tls(struct session *s, enum smtp_outcome outcome, enum smtp_step step);

enum session_stage session_hear_control_mail(struct session *s, const struct reply *reply);
enum session_stage session_hear_control_rcpt(struct session *s, const struct reply *reply);
enum session_stage session_hear_control_rcpt2(struct session *s, const struct reply *reply);
void session_say_control_rcpt(struct session *s);
void session_say_control_rcpt2(struct session *s);

#endif
