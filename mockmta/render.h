/*
 * render.h - writes replies: a rule's, with its templates filled in, and the server's own
 *
 * Templates: ${rcpt} ${sender} (paths without brackets) ${helo} ${hostname} ${client} ${queue_id}
 * ${arg} ${domain} (of the recipient, or of the sender at MAIL) ${banner_date}. Other ${...} stay
 * as they are.
 */
#ifndef RELAYLAB_MOCKMTA_RENDER_H
#define RELAYLAB_MOCKMTA_RENDER_H

#include "mockmta/parts.h"

/* What templates are filled in from; spans are borrowed. */
struct render_facts {
    const struct mock *mock;
    const struct endpoint *client; /* family 0: nobody */
    struct span rcpt, sender, helo, arg, queue_id;
    bool sender_domain; /* ${domain} is the sender's */
};

/* cmd may be NULL: then the recipient is the envelope's last. */
struct render_facts render_facts_session(const struct session *s, const struct smtp_command *cmd);
void render_text(struct strbuf *out, const char *text, const struct render_facts *f);
/* The rule's reply; what does not fit is left to render_more (action->more). */
void render_rule(struct session *s, const struct rule *r, const struct smtp_command *cmd,
                 struct smtp_action *action);
bool render_more(struct session *s, struct strbuf *out);
/* One line of our own: code, enhanced code, text, with CRLF; sets action->code. */
void render_line(struct smtp_action *action, int code, const char *enhanced, struct span text);

#endif
