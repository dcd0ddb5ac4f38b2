/*
 * Every recipient of a message waits, is being delivered, or is done; a message leaves the queue
 * with its last recipient. One timer a message says when the next of them is due, so thousands of
 * held messages cost nothing. Deliveries are limited: a recipient that finds none free stays due,
 * and the queue is run again when one is.
 *
 * A message made here (bounce, autoreply) is due at once but starts by its timer, never inside the
 * run that made it.
 */
#include "mockmta/parts.h"

static const int64_t retry_after_ns[MOCK_RETRIES] = {
    30 * CLOCK_SECOND, 2 * CLOCK_MINUTE, 10 * CLOCK_MINUTE, 30 * CLOCK_MINUTE, 2 * CLOCK_HOUR};

static void message_run(void *self);

static void tell_recipient(const struct message *message, const struct recipient *r,
                           enum mock_event_kind kind, int code, struct span text)
{
    mock_tell(message->mock,
              &(struct mock_event){.kind = kind,
                                   .text = text.ptr == NULL ? message_recipient(message, r) : text,
                                   .queue_id = message->queue_id,
                                   .code = code});
}

static void tell_why(const struct message *message, const struct recipient *r,
                     enum mock_event_kind kind, int code, struct span why)
{
    char memory[MAIL_PATH_MAX + 512];
    struct strbuf text;
    if (message->mock->observer.see == NULL) {
        return;
    }
    strbuf_init(&text, memory, sizeof memory);
    strbuf_addc(&text, '<');
    strbuf_add(&text, span_to(message_recipient(message, r), MAIL_PATH_MAX));
    strbuf_adds(&text, ">: ");
    strbuf_add(&text, why);
    tell_recipient(message, r, kind, code, strbuf_span(&text));
}

static void queue_add(struct message *message)
{
    struct mock *m = message->mock;
    message->queued = true;
    message->previous = m->queue_last;
    if (m->queue_last != NULL) {
        m->queue_last->next = message;
    } else {
        m->queue_first = message;
    }
    m->queue_last = message;
    m->queue_length++;
    world_timer_init(&message->timer, message_run, message);
}

static void queue_remove(struct message *message)
{
    struct mock *m = message->mock;
    world_timer_stop(m->world, &message->timer);
    *(message->previous != NULL ? &message->previous->next : &m->queue_first) = message->next;
    *(message->next != NULL ? &message->next->previous : &m->queue_last) = message->previous;
    m->queue_length--;
    message->queued = false;
    message_give(message);
    mock_rest(m);
}

/* After anything happened to its recipients: sets the timer anew, or ends the message. */
static void message_rest(struct message *message)
{
    int64_t due = CLOCK_NEVER;
    bool alive = false;
    for (unsigned i = 0; i < message->recipient_count; i++) {
        const struct recipient *r = &message->recipient[i];
        alive = alive || r->state != RECIPIENT_DONE;
        if (r->state == RECIPIENT_WAITING && r->due_ns < due) {
            due = r->due_ns;
        }
    }
    if (!alive) {
        queue_remove(message);
        return;
    }
    if (due == CLOCK_NEVER || (message->mock->starved && due <= world_now(message->mock->world))) {
        world_timer_stop(message->mock->world, &message->timer);
    } else {
        world_timer_set(message->mock->world, &message->timer, due);
    }
}

/* A message of our own making: to one recipient, by the routes or into the local mailbox. */
static void queue_own(struct message *own)
{
    struct recipient *r = &own->recipient[0];
    struct address a = address_parse(message_recipient(own, r));
    bool keep = mock_is_local(own->mock, &a) && mock_route_find(own->mock, a.domain) == NULL;
    r->local = keep;
    r->kind = keep ? FATE_KEEP : FATE_RELAY;
    r->due_ns = world_now(own->mock->world);
    queue_add(own);
    message_rest(own);
}

static void bounce(struct message *message, struct recipient *r,
                   const struct delivery_result *result)
{
    struct mock *m = message->mock;
    r->state = RECIPIENT_DONE;
    if (message->sender_len == 0) {
        tell_why(message, r, MOCK_FAILED, result->code, result->why);
        return;
    }
    struct message *dsn = m->queue_length < 2 * m->limits.queue_max
                              ? bounce_make(message, r, result)
                              : NULL;
    if (dsn == NULL) {
        tell_why(message, r, MOCK_FAILED, result->code, SPAN("no room for a bounce"));
        return;
    }
    tell_recipient(message, r, MOCK_BOUNCED, result->code, (struct span){0});
    queue_own(dsn);
}

static void autoreply(struct message *message, struct recipient *r)
{
    r->state = RECIPIENT_DONE;
    struct message *own = message->sender_len == 0 ? NULL : autoreply_make(message, r);
    if (own == NULL) {
        tell_why(message, r, MOCK_FAILED, 0, SPAN("no autoreply to a null reverse-path"));
        return;
    }
    tell_recipient(message, r, MOCK_DISCARDED, 0, (struct span){0});
    queue_own(own);
}

static void relay(struct message *message, unsigned index)
{
    struct recipient *r = &message->recipient[index];
    struct delivery_result result = {.end = DELIVERY_FAILED};
    switch (relay_start(message, index, &result)) {
    case RELAY_STARTED:
        r->state = RECIPIENT_ACTIVE;
        break;
    case RELAY_BUSY:
        if (message->mock->deliveries != NULL) {
            message->mock->starved = true;
        } else { /* the host is out of something; nothing here will wake us */
            r->due_ns = clock_after(world_now(message->mock->world), CLOCK_SECOND);
        }
        break;
    case RELAY_IMPOSSIBLE:
        bounce(message, r, &result);
        break;
    }
}

static void bounce_by_fate(struct message *message, struct recipient *r)
{
    const struct rule_fate *fate = r->fate;
    struct delivery_result result = {.end = DELIVERY_FAILED,
                                     .status = fate->status == NULL ? "5.1.1" : fate->status,
                                     .why = span_of(fate->diagnostic)};
    if (fate->diagnostic == NULL) {
        result.why = SPAN("550 5.1.1 User unknown");
    }
    bounce(message, r, &result);
}

static void recipient_run(struct message *message, unsigned index)
{
    struct recipient *r = &message->recipient[index];
    bool only_this[MAIL_RCPT_MAX] = {false};
    switch (r->kind) {
    case FATE_RELAY:
    case FATE_HOLD:
        if (r->fate != NULL && r->fate->alter == ALTER_AUTOREPLY) {
            autoreply(message, r);
        } else {
            relay(message, index);
        }
        break;
    case FATE_BOUNCE:
        bounce_by_fate(message, r);
        break;
    case FATE_KEEP:
        only_this[index] = true;
        r->state = RECIPIENT_DONE;
        message_tell(message, MOCK_KEPT, NULL, only_this);
        break;
    case FATE_NONE:
    case FATE_DISCARD:
        r->state = RECIPIENT_DONE;
        tell_recipient(message, r, MOCK_DISCARDED, 0, (struct span){0});
        break;
    }
}

static void message_run(void *self)
{
    struct message *message = self;
    int64_t now = world_now(message->mock->world);
    for (unsigned i = 0; i < message->recipient_count; i++) {
        const struct recipient *r = &message->recipient[i];
        if (r->state == RECIPIENT_WAITING && r->due_ns <= now) {
            recipient_run(message, i);
        }
    }
    message_rest(message);
}

void queue_run(struct mock *m)
{
    struct message *next;
    int64_t now = world_now(m->world);
    if (!m->starved) {
        return;
    }
    m->starved = false;
    for (struct message *message = m->queue_first; message != NULL && !m->starved; message = next) {
        next = message->next;
        if (!world_timer_is_set(&message->timer) || message->timer.at_ns <= now) {
            message_run(message);
        }
    }
}

void queue_delivered(struct message *message, unsigned index, const struct delivery_result *result)
{
    struct recipient *r = &message->recipient[index];
    int64_t now = world_now(message->mock->world);
    r->state = RECIPIENT_WAITING;
    r->due_ns = now;
    if (result->end == DELIVERED) {
        tell_recipient(message, r, MOCK_RELAYED, result->code, (struct span){0});
        r->copies_left--;
        r->state = r->copies_left == 0 ? RECIPIENT_DONE : RECIPIENT_WAITING;
    } else if (result->end == DELIVERY_DEFERRED && r->attempts < MOCK_RETRIES) {
        r->due_ns = clock_after(now, retry_after_ns[r->attempts++]);
        tell_why(message, r, MOCK_DEFERRED, result->code, result->why);
    } else {
        bounce(message, r, result);
    }
    message_rest(message);
}

/* What becomes of one recipient; true when it is over at once. */
static bool settle(struct message *message, struct recipient *r, const struct rule_fate *fate,
                   int64_t now)
{
    const struct rule_fate *f = r->fate != NULL ? r->fate : fate;
    r->fate = f;
    r->kind = f != NULL ? f->kind : r->local ? FATE_KEEP : FATE_DISCARD;
    if (f != NULL && f->only == ONLY_FIRST && message->mock->fated > 1) {
        r->kind = FATE_DISCARD;
    }
    r->copies_left = f == NULL || f->copies == 0 ? 1 : f->copies;
    r->due_ns = clock_after(now, f == NULL ? 0 : f->after_ns);
    if (r->kind == FATE_DISCARD) {
        tell_recipient(message, r, MOCK_DISCARDED, 0, (struct span){0});
        return true;
    }
    if (r->kind == FATE_HOLD && f != NULL && f->after_ns == 0) {
        tell_why(message, r, MOCK_DEFERRED, 0, SPAN("held"));
        return true;
    }
    return r->kind == FATE_KEEP && r->due_ns <= now;
}

void queue_settle(struct message *message, const struct rule_fate *fate)
{
    struct mock *m = message->mock;
    int64_t now = world_now(m->world);
    bool kept[MAIL_RCPT_MAX];
    bool any_kept = false;
    bool waiting = false;
    m->fated++;
    for (unsigned i = 0; i < message->recipient_count; i++) {
        struct recipient *r = &message->recipient[i];
        bool over = settle(message, r, fate, now);
        kept[i] = over && r->kind == FATE_KEEP;
        any_kept = any_kept || kept[i];
        waiting = waiting || !over;
        r->state = over ? RECIPIENT_DONE : RECIPIENT_WAITING;
    }
    if (any_kept) {
        message_tell(message, MOCK_KEPT, NULL, kept);
    }
    if (!waiting) {
        message_give(message);
        mock_rest(m);
        return;
    }
    queue_add(message);
    message_rest(message);
}

void queue_clear(struct mock *m)
{
    struct message *next;
    for (struct message *message = m->queue_first; message != NULL; message = next) {
        next = message->next;
        world_timer_stop(m->world, &message->timer);
        message->queued = false;
        message_give(message);
    }
    m->queue_first = m->queue_last = NULL;
    m->queue_length = 0;
}
