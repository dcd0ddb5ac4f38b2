/*
 * mailbox_memory.c - a list of messages behind mailbox_file's jobs
 *
 * A uid is a letter and a number: m, a message that was put in; n, noise; s, a stale entry. Noise
 * is not kept: it is written when it is fetched. An operation that would begin while the mailbox is
 * down, or is the nth, ends in trouble; one that is slow looks again when its time has passed, so a
 * mailbox that goes down meanwhile breaks it off too.
 */
#include "drive/mailbox/mailbox_memory.h"

#include <stdlib.h>
#include <string.h>

#include "drive/mailbox/mailbox_file.h"

struct stored {
    struct stored *next;
    int64_t visible_ns;
    size_t number, len;
    char content[];
};

struct mailbox_memory {
    struct mailbox_job job; /* first: the operations' self */
    struct mailbox_faults faults;
    struct stored *first, **last;
    size_t numbers, count;
    uint64_t operations;
    bool waited; /* the slow answer's time has passed */
};

static void give_entry(struct mailbox_memory *m, char letter, size_t number, uint64_t size)
{
    char memory[32];
    struct strbuf uid;

    strbuf_init(&uid, memory, sizeof memory);
    strbuf_addc(&uid, letter);
    strbuf_addu(&uid, number);
    m->job.user.entry(m->job.user.self, strbuf_span(&uid), size);
}

static void list(struct mailbox_memory *m)
{
    int64_t now = world_now(m->job.world);

    for (unsigned i = 0; i < m->faults.noise; i++)
        give_entry(m, 'n', i, 512);
    for (unsigned i = 0; i < m->faults.stale; i++)
        give_entry(m, 's', i, 512);
    for (const struct stored *s = m->first; s != NULL; s = s->next)
        if (s->visible_ns <= now)
            give_entry(m, 'm', s->number, s->len);
}

static struct stored **find(struct mailbox_memory *m, struct span uid)
{
    uint64_t number;
    struct stored **at = &m->first;

    if (uid.len < 2 || uid.ptr[0] != 'm' || !span_uint(span_from(uid, 1), SIZE_MAX, &number))
        return m->last;
    while (*at != NULL && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static void fetch_noise(struct mailbox_memory *m, struct span uid)
{
    char memory[512];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof memory);
    strbuf_adds(&text, "Return-Path: <list@example.test>\r\nDelivered-To: someone@example.test\r\n"
                       "From: <list@example.test>\r\nSubject: digest ");
    strbuf_add(&text, uid);
    strbuf_adds(&text, "\r\n\r\nNothing that concerns anybody here.\r\n");
    mailbox_job_answer(&m->job, MAILBOX_OK, strbuf_span(&text), false);
}

static void fetch(struct mailbox_memory *m)
{
    struct span uid = mailbox_job_uid(&m->job);
    const struct stored *s = *find(m, uid);
    struct span none = {NULL, 0};

    if (uid.len > 0 && uid.ptr[0] == 'n')
        fetch_noise(m, uid);
    else if (s == NULL)
        mailbox_job_answer(&m->job, MAILBOX_GONE, none, false);
    else
        mailbox_job_answer(&m->job, MAILBOX_OK,
                           span_to((struct span){s->content, s->len}, MAILBOX_CONTENT_MAX),
                           s->len > MAILBOX_CONTENT_MAX);
}

static enum mailbox_status take_out(struct mailbox_memory *m)
{
    struct stored **at = find(m, mailbox_job_uid(&m->job));
    struct stored *s = *at;

    if (s == NULL)
        return MAILBOX_GONE;
    *at = s->next;
    if (s->next == NULL)
        m->last = at;
    free(s);
    m->count--;
    return MAILBOX_OK;
}

/* What stands in the way of any operation; MAILBOX_OK: nothing. */
static enum mailbox_status obstacle(struct mailbox_memory *m)
{
    const struct mailbox_faults *f = &m->faults;
    int64_t now = world_now(m->job.world);

    if (f->refuses) {
        strbuf_adds(&m->job.why, "authentication failed");
        return MAILBOX_REFUSED;
    }
    if (now >= f->down_from_ns && now < f->down_to_ns) {
        strbuf_adds(&m->job.why, "connection refused");
        return MAILBOX_TROUBLE;
    }
    if (f->drop_every > 0 && m->operations % f->drop_every == 0) {
        strbuf_adds(&m->job.why, "the connection was closed in the middle of an answer");
        return MAILBOX_TROUBLE;
    }
    return MAILBOX_OK;
}

static void perform(void *self)
{
    struct mailbox_memory *m = self;
    struct span none = {NULL, 0};

    if (m->faults.slow_ns > 0 && !m->waited) {
        m->waited = true;
        mailbox_job_again(&m->job, m->faults.slow_ns);
        return;
    }
    m->waited = false;
    m->operations++;
    enum mailbox_status status = obstacle(m);
    if (status != MAILBOX_OK) {
        mailbox_job_answer(&m->job, status, none, false);
    } else if (m->job.kind == MAILBOX_JOB_FETCH) {
        fetch(m);
    } else if (m->job.kind == MAILBOX_JOB_REMOVE) {
        mailbox_job_answer(&m->job, take_out(m), none, false);
    } else {
        list(m);
        mailbox_job_answer(&m->job, MAILBOX_OK, none, false);
    }
}

struct mailbox_memory *mailbox_memory_new(struct world *w, const struct mailbox_faults *faults,
                                          struct mailbox_user user)
{
    struct mailbox_memory *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    mailbox_job_init(&m->job, w, user, perform);
    m->faults = *faults;
    m->last = &m->first;
    return m;
}

struct mailbox mailbox_memory_mailbox(struct mailbox_memory *m)
{
    return (struct mailbox){&mailbox_job_ops, m};
}

bool mailbox_memory_put(struct mailbox_memory *m, struct span content, int64_t visible_ns)
{
    struct stored *s = malloc(sizeof *s + content.len);

    if (s == NULL)
        return false;
    *s = (struct stored){.visible_ns = visible_ns, .number = m->numbers++, .len = content.len};
    if (content.len > 0)
        memcpy(s->content, content.ptr, content.len);
    *m->last = s;
    m->last = &s->next;
    m->count++;
    return true;
}

size_t mailbox_memory_count(const struct mailbox_memory *m)
{
    return m->count;
}

void mailbox_memory_free(struct mailbox_memory *m)
{
    struct stored *next;

    if (m == NULL)
        return;
    mailbox_job_stop(&m->job);
    for (struct stored *s = m->first; s != NULL; s = next) {
        next = s->next;
        free(s);
    }
    free(m);
}
