/*
 * mailbox_file.h - what the mailboxes of this host share: one operation at a time, done by a timer
 *
 * An operation is written down when it is asked for, and done when the world's timer fires, so that
 * no answer comes from inside the call that asked. Cancelling stops the timer.
 *
 * Ownership: struct mailbox_job stands first in an executor, which is the operations' self.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_MAILBOX_FILE_H
#define RELAYLAB_DRIVE_MAILBOX_MAILBOX_FILE_H

#include "drive/world.h"
#include "lib/mailbox/mailbox.h"

enum { MAILBOX_FILE_PATH_MAX = 1024, MAILBOX_FILE_WHY_MAX = 1280 };

enum mailbox_job_kind { MAILBOX_JOB_NONE, MAILBOX_JOB_LIST, MAILBOX_JOB_FETCH, MAILBOX_JOB_REMOVE };

struct mailbox_job {
    struct world *world;
    struct world_timer timer;
    struct mailbox_user user;
    void (*perform)(void *self); /* does what `kind` says and answers by one of the calls below */
    enum mailbox_job_kind kind;
    struct strbuf why; /* filled by whoever fails */
    size_t uid_len;
    char uid[MAILBOX_UID_MAX];
    char why_memory[MAILBOX_FILE_WHY_MAX];
};

extern const struct mailbox_ops mailbox_job_ops;

void mailbox_job_init(struct mailbox_job *j, struct world *w, struct mailbox_user user,
                      void (*perform)(void *self));
struct span mailbox_job_uid(const struct mailbox_job *j);
/* Not now: `perform` is called again after so long. */
void mailbox_job_again(struct mailbox_job *j, int64_t after_ns);
/* The answer to the operation under way; content is looked at for a fetch only. */
void mailbox_job_answer(struct mailbox_job *j, enum mailbox_status status, struct span content,
                        bool truncated);
void mailbox_job_stop(struct mailbox_job *j);

/* "path: sentence of errno" into `why`; whether that may heal. */
enum mailbox_status mailbox_file_fail(struct mailbox_job *j, const char *path, int number);
/* Reads up to cap octets from `from` on; false with errno. */
bool mailbox_file_read(int fd, int64_t from, char *to, size_t cap, size_t *len);

#endif
