/*
 * A message slot keeps its buffers from one transaction to the next, up to MOCK_CONTENT_KEPT, so
 * that a server in its stride allocates nothing. Paths lie one after the other in `text`, the
 * reverse-path first.
 */
#include "mockmta/parts.h"

struct message *message_take(struct mock *m)
{
    struct message *message = slots_take(&m->message_slots);
    if (message == NULL) {
        return NULL;
    }
    message->previous = message->next = NULL;
    message->mock = m;
    message->timer.at_ns = CLOCK_NEVER;
    message->transaction = 0;
    message->size = 0;
    message->counted = 0;
    message->queue_id[0] = '\0';
    message->peer = (struct endpoint){0};
    message->queued = message->esmtp = message->broken = false;
    message->wish = CONTENT_UNDECIDED;
    message->sender_len = message->helo_at = message->helo_len = 0;
    message->recipient_count = 0;
    return message;
}

void message_give(struct message *message)
{
    message->mock->content_total -= message->counted;
    grow_reset(&message->text, MOCK_CONTENT_KEPT);
    grow_reset(&message->content, MOCK_CONTENT_KEPT);
    slots_give(&message->mock->message_slots, message);
}

bool message_sender_set(struct message *message, struct span path)
{
    message->text.len = 0;
    message->sender_len = path.len;
    return grow_add(&message->text, path);
}

struct recipient *message_recipient_add(struct message *message, struct span path)
{
    size_t at = message->text.len;
    if (message->recipient_count == MAIL_RCPT_MAX || !grow_add(&message->text, path)) {
        return NULL;
    }
    struct recipient *r = &message->recipient[message->recipient_count++];
    *r = (struct recipient){.at = at, .len = path.len, .copies_left = 1};
    return r;
}

bool message_helo_set(struct message *message, struct span helo)
{
    message->helo_at = message->text.len;
    message->helo_len = helo.len;
    return grow_add(&message->text, helo);
}

static struct span text_part(const struct message *message, size_t at, size_t len)
{
    return len == 0 ? SPAN("") : (struct span){message->text.ptr + at, len};
}

struct span message_sender(const struct message *message)
{
    return text_part(message, 0, message->sender_len);
}

struct span message_recipient(const struct message *message, const struct recipient *r)
{
    return text_part(message, r->at, r->len);
}

struct span message_helo(const struct message *message)
{
    return text_part(message, message->helo_at, message->helo_len);
}

static bool fate_needs_content(const struct rule_fate *fate)
{
    return fate != NULL &&
           (fate->kind == FATE_RELAY || fate->kind == FATE_HOLD || fate->kind == FATE_BOUNCE);
}

enum content_wish message_content_wish(const struct message *message)
{
    const struct mock *m = message->mock;
    if ((m->observer.see != NULL && !m->observer.no_content) || m->rules_read_content ||
        m->late_fates_need_content) {
        return CONTENT_KEEP;
    }
    for (unsigned i = 0; i < message->recipient_count; i++) {
        if (fate_needs_content(message->recipient[i].fate)) {
            return CONTENT_KEEP;
        }
    }
    return CONTENT_COUNT;
}

void message_tell(const struct message *message, enum mock_event_kind kind, const struct session *s,
                  const bool *which)
{
    struct span recipients[MAIL_RCPT_MAX];
    struct mail_view view = {.sender = message_sender(message), .recipients = recipients};
    if (message->mock->observer.see == NULL) {
        return;
    }
    for (unsigned i = 0; i < message->recipient_count; i++) {
        if (which == NULL || which[i]) {
            recipients[view.recipient_count++] = message_recipient(message, &message->recipient[i]);
        }
    }
    view.content = grow_span(&message->content);
    mock_tell(message->mock,
              &(struct mock_event){.kind = kind,
                                   .connection = s == NULL ? 0 : s->number,
                                   .peer = s == NULL ? NULL : &s->peer,
                                   .local = s == NULL ? NULL : &s->local,
                                   .text = SPAN(""),
                                   .queue_id = message->queue_id,
                                   .mail = &view,
                                   .size = message->size,
                                   .at = AT_END_OF_DATA});
}
