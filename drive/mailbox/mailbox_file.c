/*
 * mailbox_file.c - a job written down, done by a timer, answered once
 *
 * Files of this host are read in one go: a list of ten thousand names takes some milliseconds, and
 * cutting that in pieces would let the folder change between them.
 */
#include "drive/mailbox/mailbox_file.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static void fire(void *self)
{
    struct mailbox_job *j = self;

    j->perform(j);
}

static void begin(struct mailbox_job *j, enum mailbox_job_kind kind, struct span uid)
{
    assert(j->kind == MAILBOX_JOB_NONE && uid.len <= MAILBOX_UID_MAX);
    j->kind = kind;
    j->uid_len = uid.len;
    if (uid.len > 0)
        memcpy(j->uid, uid.ptr, uid.len);
    strbuf_reset(&j->why);
    mailbox_job_again(j, 0);
}

static void job_list(void *self)
{
    begin(self, MAILBOX_JOB_LIST, (struct span){NULL, 0});
}

static void job_fetch(void *self, struct span uid)
{
    begin(self, MAILBOX_JOB_FETCH, uid);
}

static void job_remove(void *self, struct span uid)
{
    begin(self, MAILBOX_JOB_REMOVE, uid);
}

static void job_cancel(void *self)
{
    mailbox_job_stop(self);
}

const struct mailbox_ops mailbox_job_ops = {
    .list = job_list, .fetch = job_fetch, .remove = job_remove, .cancel = job_cancel};

void mailbox_job_init(struct mailbox_job *j, struct world *w, struct mailbox_user user,
                      void (*perform)(void *self))
{
    memset(j, 0, sizeof *j);
    j->world = w;
    j->user = user;
    j->perform = perform;
    strbuf_init(&j->why, j->why_memory, sizeof j->why_memory);
    world_timer_init(&j->timer, fire, j);
}

struct span mailbox_job_uid(const struct mailbox_job *j)
{
    return (struct span){j->uid, j->uid_len};
}

void mailbox_job_again(struct mailbox_job *j, int64_t after_ns)
{
    world_timer_set(j->world, &j->timer, clock_after(world_now(j->world), after_ns));
}

void mailbox_job_answer(struct mailbox_job *j, enum mailbox_status status, struct span content,
                        bool truncated)
{
    const struct mailbox_user *u = &j->user;
    const enum mailbox_job_kind kind = j->kind;
    const struct span why = strbuf_span(&j->why);

    j->kind = MAILBOX_JOB_NONE;
    switch (kind) {
    case MAILBOX_JOB_NONE:
        return;
    case MAILBOX_JOB_LIST:
        u->listed(u->self, status, why);
        return;
    case MAILBOX_JOB_FETCH:
        u->fetched(u->self, status, mailbox_job_uid(j), content, truncated, why);
        return;
    case MAILBOX_JOB_REMOVE:
        u->removed(u->self, status, mailbox_job_uid(j), why);
        return;
    }
}

void mailbox_job_stop(struct mailbox_job *j)
{
    j->kind = MAILBOX_JOB_NONE;
    world_timer_stop(j->world, &j->timer);
}

/*
 * What is not there may come with the first message; what we may not read stays so until somebody
 * mends it.
 */
enum mailbox_status mailbox_file_fail(struct mailbox_job *j, const char *path, int number)
{
    strbuf_reset(&j->why);
    strbuf_adds(&j->why, path);
    strbuf_adds(&j->why, ": ");
    strbuf_adds(&j->why, strerror(number));
    return number == EACCES || number == EPERM || number == ENOTDIR || number == EROFS ||
                   number == ELOOP || number == EISDIR
               ? MAILBOX_REFUSED
               : MAILBOX_TROUBLE;
}

bool mailbox_file_read(int fd, int64_t from, char *to, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t got = pread(fd, to + *len, cap - *len, (off_t)(from + (int64_t)*len));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return true;
}
