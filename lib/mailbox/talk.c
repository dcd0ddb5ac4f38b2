/*
 * talk.c - what both dialogues have in common: a task, its end, and the content of a message
 */
#include "lib/mailbox/talk.h"

#include <assert.h>
#include <string.h>

#include "lib/mailbox/talk_private.h"

enum { SAID_MAX = 160 };

void talk_init(struct talk *t, const struct talk_config *config)
{
    memset(t, 0, sizeof(*t));
    t->config = *config;
    strbuf_init(&t->out, t->out_memory, sizeof(t->out_memory));
    if (config->hints != NULL)
        memset(config->hints, 0, config->hint_cap * sizeof(config->hints[0]));
}

void talk_begin(struct talk *t, enum talk_task task, struct span uid)
{
    assert(!t->busy && !t->broken && uid.len <= sizeof(t->uid));
    t->busy = true;
    t->done = false;
    t->task = task;
    t->status = MAILBOX_OK;
    t->why[0] = '\0';
    t->content_len = 0;
    t->body_len = 0;
    t->truncated = t->got = t->scanned = false;
    t->number = 0;
    t->uid_len = uid.len;
    if (uid.len > 0)
        memcpy(t->uid, uid.ptr, uid.len);
    if (t->config.protocol == TALK_POP3)
        pop3_begin(t);
    else
        imap_begin(t);
}

void talk_feed(struct talk *t, struct span bytes)
{
    if (t->config.protocol == TALK_POP3)
        pop3_feed(t, bytes);
    else
        imap_feed(t, bytes);
}

void talk_leave(struct talk *t)
{
    if (t->config.protocol == TALK_POP3)
        strbuf_adds(&t->out, "QUIT\r\n");
    else
        imap_leave(t);
}

struct span talk_uid(const struct talk *t)
{
    return (struct span){t->uid, t->uid_len};
}

void talk_finish(struct talk *t, enum mailbox_status status, const char *what, struct span said)
{
    struct strbuf why;
    if (!t->busy)
        return;
    t->busy = false;
    t->done = true;
    t->phase = 0;
    t->status = status;
    strbuf_init(&why, t->why, sizeof(t->why));
    strbuf_adds(&why, what);
    if (said.len > 0) {
        strbuf_adds(&why, ": ");
        strbuf_add_visible(&why, span_to(said, SAID_MAX));
    }
}

void talk_break(struct talk *t, const char *what, struct span said)
{
    t->broken = true;
    talk_finish(t, MAILBOX_TROUBLE, what, said);
}

void talk_keep(struct talk *t, struct span octets)
{
    size_t room = t->config.content == NULL ? 0 : t->config.content_cap - t->content_len;
    size_t kept = octets.len < room ? octets.len : room;
    if (kept > 0)
        memcpy(t->config.content + t->content_len, octets.ptr, kept);
    t->content_len += kept;
    t->body_len += octets.len;
    t->truncated = t->truncated || kept < octets.len;
}

bool talk_may_heal(struct span reply)
{
    static const char *const codes[] = {
        "[IN-USE]",    "[LOGIN-DELAY]", "[SYS/TEMP]",     "[INUSE]",   "[LIMIT]",
        "[SERVERBUG]", "[UNAVAILABLE]", "internal error", "try again", "temporar"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (span_ifind(reply, span_of(codes[i])) != SIZE_MAX)
            return true;
    return false;
}
