/*
 * mailbox_maildir.c - two folders, read anew for every operation
 *
 * Nothing is kept between operations, so nothing can be out of date. new/ is listed before cur/: a
 * message that is moved meanwhile is seen twice rather than never, and readers know each uid once.
 */
#include "drive/mailbox/mailbox_maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/mailbox/mailbox_file.h"

enum { FOLDER_COUNT = 2 };

static const char *const folders[FOLDER_COUNT] = {"new", "cur"};

struct mailbox_maildir {
    struct mailbox_job job; /* first: the operations' self */
    char path[MAILBOX_FILE_PATH_MAX];
    char content[MAILBOX_CONTENT_MAX];
};

static struct span uid_of(const char *name)
{
    struct span s = span_of(name);

    return span_to(s, span_chr(s, ':'));
}

/* NULL: errno; `path` says which folder. */
static DIR *open_folder(const struct mailbox_maildir *m, const char *folder,
                        char path[MAILBOX_FILE_PATH_MAX + 8])
{
    (void)snprintf(path, MAILBOX_FILE_PATH_MAX + 8, "%s/%s", m->path, folder);
    return opendir(path);
}

/* The next name that is a message's; NULL: no more, or trouble in errno. */
static const char *next_name(DIR *dir)
{
    const struct dirent *e;

    errno = 0;
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            return e->d_name;
    return NULL;
}

static bool list_folder(struct mailbox_maildir *m, DIR *dir)
{
    const struct mailbox_user *u = &m->job.user;
    const char *name;

    while ((name = next_name(dir)) != NULL) {
        u->entry(u->self, uid_of(name), 0);
        if (m->job.kind == MAILBOX_JOB_NONE) /* cancelled */
            return true;
    }
    return errno == 0;
}

/* One folder that is missing holds nothing; two are no Maildir. */
static enum mailbox_status list(struct mailbox_maildir *m)
{
    char path[MAILBOX_FILE_PATH_MAX + 8];
    unsigned missing = 0;

    for (unsigned i = 0; i < FOLDER_COUNT; i++) {
        DIR *dir = open_folder(m, folders[i], path);

        if (dir == NULL && errno == ENOENT && missing++ == 0)
            continue;
        if (dir == NULL)
            return mailbox_file_fail(&m->job, path, errno);
        bool whole = list_folder(m, dir);
        int number = errno;
        (void)closedir(dir);
        if (!whole)
            return mailbox_file_fail(&m->job, path, number);
    }
    return MAILBOX_OK;
}

/* The flags that most messages have, tried first: a folder of ten thousand takes long to walk. */
static bool guess_name(int folder, struct span uid, char to[NAME_MAX + 1])
{
    static const char *const flags[] = {"", ":2,", ":2,S"};
    struct stat st;

    if (span_chr(uid, '/') != SIZE_MAX)
        return false;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct strbuf name;

        strbuf_init(&name, to, NAME_MAX + 1);
        strbuf_add(&name, uid);
        strbuf_adds(&name, flags[i]);
        if (!name.truncated && fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

/* The name of the message with that uid in an open folder. */
static bool find_name(DIR *dir, struct span uid, char to[NAME_MAX + 1])
{
    const char *name;

    if (guess_name(dirfd(dir), uid, to))
        return true;
    while ((name = next_name(dir)) != NULL)
        if (span_equal(uid_of(name), uid))
            return bytes_copy(to, NAME_MAX + 1, span_of(name));
    return false;
}

static enum mailbox_status read_message(struct mailbox_maildir *m, int folder, const char *name,
                                        size_t *len, bool *truncated)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? MAILBOX_GONE
                                                 : mailbox_file_fail(&m->job, name, errno);
    enum mailbox_status status = MAILBOX_OK;
    if (fstat(fd, &st) != 0)
        status = mailbox_file_fail(&m->job, name, errno);
    else if (!S_ISREG(st.st_mode))
        status = MAILBOX_GONE;
    else if (!mailbox_file_read(fd, 0, m->content, sizeof m->content, len))
        status = mailbox_file_fail(&m->job, name, errno);
    *truncated = status == MAILBOX_OK && st.st_size > (off_t)*len;
    (void)close(fd);
    return status;
}

static enum mailbox_status remove_message(struct mailbox_maildir *m, int folder, const char *name)
{
    if (unlinkat(folder, name, 0) == 0)
        return MAILBOX_OK;
    return errno == ENOENT ? MAILBOX_GONE : mailbox_file_fail(&m->job, name, errno);
}

/* Fetches or removes the message with the job's uid, wherever it is now. */
static enum mailbox_status with_message(struct mailbox_maildir *m, size_t *len, bool *truncated)
{
    char path[MAILBOX_FILE_PATH_MAX + 8], name[NAME_MAX + 1];
    enum mailbox_status status = MAILBOX_GONE;
    unsigned missing = 0;

    for (unsigned i = 0; i < FOLDER_COUNT && status == MAILBOX_GONE; i++) {
        DIR *dir = open_folder(m, folders[i], path);

        if (dir == NULL && errno == ENOENT && missing++ == 0)
            continue;
        if (dir == NULL)
            return mailbox_file_fail(&m->job, path, errno);
        if (find_name(dir, mailbox_job_uid(&m->job), name))
            status = m->job.kind == MAILBOX_JOB_REMOVE
                         ? remove_message(m, dirfd(dir), name)
                         : read_message(m, dirfd(dir), name, len, truncated);
        (void)closedir(dir);
    }
    return status;
}

static void perform(void *self)
{
    struct mailbox_maildir *m = self;
    size_t len = 0;
    bool truncated = false;
    enum mailbox_status status = m->job.kind == MAILBOX_JOB_LIST
                                     ? list(m)
                                     : with_message(m, &len, &truncated);

    mailbox_job_answer(&m->job, status, (struct span){m->content, len}, truncated);
}

struct mailbox_maildir *mailbox_maildir_new(struct world *w, const char *path,
                                            struct mailbox_user user, struct strbuf *error)
{
    struct mailbox_maildir *m = malloc(sizeof *m);

    if (m == NULL) {
        strbuf_adds(error, "out of memory");
        return NULL;
    }
    mailbox_job_init(&m->job, w, user, perform);
    if (!bytes_copy(m->path, sizeof m->path, span_of(path))) {
        strbuf_adds(error, "the path is too long");
        free(m);
        return NULL;
    }
    return m;
}

struct mailbox mailbox_maildir_mailbox(struct mailbox_maildir *m)
{
    return (struct mailbox){&mailbox_job_ops, m};
}

void mailbox_maildir_free(struct mailbox_maildir *m)
{
    if (m == NULL)
        return;
    mailbox_job_stop(&m->job);
    free(m);
}
