/*
 * carrier.c - the outer message, the false end, and the transaction behind it
 *
 * The inner message has no line that begins with a dot, nor one that is a command: a server that
 * takes the false end and refuses the recipient behind it answers the rest with errors, no more.
 */
#include "probe/ask/carrier.h"

void carrier_write(struct strbuf *out, const struct form *f, const struct form_identity *who,
                   const struct sender_row *from, const struct mail_probe *inner)
{
    char room[MAIL_PATH_MAX];
    struct strbuf sender;
    struct mail_probe outer = *inner;
    strbuf_init(&sender, room, sizeof(room));
    strbuf_add(&sender, who->sender_local);
    strbuf_addc(&sender, '@');
    strbuf_add(&sender, who->sender_domain);
    outer.from = strbuf_span(&sender);
    outer.to = who->extras.local_recipient;
    outer.token = NULL;
    mail_write_carrier(out, &outer);
    strbuf_adds(out, context_of(f)->false_end);
    strbuf_addf(out, "%s FROM:", context_verb(f));
    form_sender(f, from, who, false, out);
    strbuf_adds(out, "\r\nRCPT TO:");
    form_recipient(f, who, false, out);
    strbuf_adds(out, "\r\nDATA\r\n");
    mail_write_probe(out, inner);
}
