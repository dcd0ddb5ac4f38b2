/*
 * mailbox_mbox.c - walks the file from end to end for each list, in one window of memory
 *
 * A message begins at a line "From " that stands first or behind an empty line. The walk hashes
 * every message whole (FNV-1a), so one that was still being written gets another uid when it has
 * grown, and a fetch can tell whether what stands at its offset is still the message that was
 * listed. A file that was replaced, cut or rewritten shows new uids by itself: nothing is kept
 * between operations but the size and time of the last file walked, so that a file that did not
 * change is not walked again for a list.
 *
 * The lock is advisory and shared. It is given back by closing the file, as POSIX has it.
 */
#include "drive/mailbox/mailbox_mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/mailbox/mailbox_file.h"

enum { WINDOW_MAX = 65536, LOCK_TRIES = 50 };

static const int64_t lock_pause_ns = 100 * CLOCK_MS;

struct place { /* of one message: from its "From " line to its last line that is not empty */
    int64_t start, end;
    uint64_t hash;
};

struct walk { /* the file as a stream of octets, cut into messages */
    struct place now;
    bool inside;      /* a message has begun */
    bool blank;       /* the line before was empty, or there was none */
    bool line_empty;  /* nothing of this line yet */
    unsigned matched; /* octets of "From " that this line begins with; 6: it cannot any more */
    int64_t line_start;
    int64_t content_end; /* behind the last line that is not empty */
    uint64_t content_hash;
};

struct mailbox_mbox {
    struct mailbox_job job; /* first: the operations' self */
    unsigned tries;         /* for the lock */
    struct stat walked;     /* the file that `places` are of */
    struct place *places;
    size_t place_count, place_cap;
    char path[MAILBOX_FILE_PATH_MAX];
    char content[MAILBOX_CONTENT_MAX];
    char window[WINDOW_MAX];
};

#define HASH_START UINT64_C(14695981039346656037)

static uint64_t hash_on(uint64_t h, char c)
{
    return (h ^ (unsigned char)c) * UINT64_C(1099511628211);
}

static bool place_add(struct mailbox_mbox *m, struct place place)
{
    if (m->place_count == m->place_cap) {
        size_t cap = m->place_cap == 0 ? 64 : 2 * m->place_cap;
        struct place *more = realloc(m->places, cap * sizeof *more);

        if (more == NULL)
            return false;
        m->places = more;
        m->place_cap = cap;
    }
    m->places[m->place_count++] = place;
    return true;
}

static const char separator[] = "From ";
enum { SEPARATOR_LEN = 5, SEPARATOR_NOT = 6 };

/* A line turned out to begin a message: the one before ended where that line began. */
static bool begin_message(struct mailbox_mbox *m, struct walk *w)
{
    bool ok = true;

    if (w->inside) {
        w->now.end = w->content_end;
        w->now.hash = w->content_hash;
        ok = place_add(m, w->now);
    }
    w->inside = true;
    w->now = (struct place){.start = w->line_start, .hash = HASH_START};
    for (unsigned i = 0; i < SEPARATOR_LEN; i++)
        w->now.hash = hash_on(w->now.hash, separator[i]);
    return ok;
}

static bool walk_octet(struct mailbox_mbox *m, struct walk *w, char c, int64_t at)
{
    bool ok = true;

    if (w->line_empty && w->matched == 0)
        w->line_start = at;
    w->now.hash = hash_on(w->now.hash, c);
    if (c == '\n') {
        if (!w->line_empty) {
            w->content_end = at + 1;
            w->content_hash = w->now.hash;
        }
        w->blank = w->line_empty;
        w->line_empty = true;
        w->matched = 0;
        return true;
    }
    if (c != '\r')
        w->line_empty = false;
    if (w->matched < SEPARATOR_LEN)
        w->matched = w->blank && c == separator[w->matched] ? w->matched + 1 : SEPARATOR_NOT;
    if (w->matched == SEPARATOR_LEN) {
        ok = begin_message(m, w);
        w->matched = SEPARATOR_NOT;
    }
    return ok;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Fills `places`; the file may grow or shrink meanwhile, and is what it was when read. */
static bool walk_file(struct mailbox_mbox *m, int fd)
{
    struct walk w = {.blank = true, .line_empty = true, .now = {.hash = HASH_START}};
    int64_t at = 0;
    size_t len = 0;

    m->place_count = 0;
    do {
        if (!mailbox_file_read(fd, at, m->window, sizeof m->window, &len))
            return false;
        for (size_t i = 0; i < len; i++)
            if (!walk_octet(m, &w, m->window[i], at + (int64_t)i)) {
                errno = ENOMEM;
                return false;
            }
        at += (int64_t)len;
    } while (len == sizeof m->window && at < MAILBOX_MBOX_SIZE_MAX);
    w.now.end = w.line_empty ? w.content_end : at;
    w.now.hash = w.line_empty ? w.content_hash : w.now.hash;
    if (w.inside && !place_add(m, w.now)) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

static void print_uid(struct strbuf *out, const struct place *p)
{
    strbuf_addf(out, "%" PRId64 "-%016" PRIx64, p->start, p->hash);
}

static enum mailbox_status walk_if_changed(struct mailbox_mbox *m, int fd, const struct stat *st)
{
    if (same_file(&m->walked, st))
        return MAILBOX_OK;
    m->walked = (struct stat){.st_size = -1};
    if (!walk_file(m, fd))
        return mailbox_file_fail(&m->job, m->path, errno);
    if (st->st_size > 0 && m->place_count == 0) {
        strbuf_addf(&m->job.why, "%s: no mbox: there is no \"From \" line in it", m->path);
        return MAILBOX_REFUSED;
    }
    m->walked = *st;
    return MAILBOX_OK;
}

static enum mailbox_status list(struct mailbox_mbox *m, int fd, const struct stat *st)
{
    const struct mailbox_user *u = &m->job.user;
    enum mailbox_status status = walk_if_changed(m, fd, st);

    for (size_t i = 0; status == MAILBOX_OK && i < m->place_count; i++) {
        const struct place *p = &m->places[i];
        char memory[MAILBOX_UID_MAX];
        struct strbuf uid;

        strbuf_init(&uid, memory, sizeof memory);
        print_uid(&uid, p);
        u->entry(u->self, strbuf_span(&uid), (uint64_t)(p->end - p->start));
    }
    return status;
}

static const struct place *find_place(const struct mailbox_mbox *m, struct span wanted)
{
    uint64_t start;

    if (!span_uint(span_to(wanted, span_chr(wanted, '-')), INT64_MAX, &start))
        return NULL;
    for (size_t i = 0; i < m->place_count; i++) {
        char memory[MAILBOX_UID_MAX];
        struct strbuf uid;

        if (m->places[i].start != (int64_t)start)
            continue;
        strbuf_init(&uid, memory, sizeof memory);
        print_uid(&uid, &m->places[i]);
        if (span_equal(strbuf_span(&uid), wanted))
            return &m->places[i];
    }
    return NULL;
}

/* Takes one ">" off lines that begin with ">From ", ">>From " and so on; returns the new length. */
static size_t unquote(char *text, size_t len)
{
    size_t to = 0;
    bool line_start = true;

    for (size_t i = 0; i < len; i++) {
        size_t k = i;

        while (line_start && k < len && text[k] == '>')
            k++;
        if (k > i && len - k >= SEPARATOR_LEN && memcmp(text + k, separator, SEPARATOR_LEN) == 0)
            i++;
        line_start = text[i] == '\n';
        text[to++] = text[i];
    }
    return to;
}

static enum mailbox_status fetch(struct mailbox_mbox *m, int fd, const struct stat *st, size_t *len,
                                 bool *truncated)
{
    enum mailbox_status status = walk_if_changed(m, fd, st);
    const struct place *p = find_place(m, mailbox_job_uid(&m->job));

    if (status != MAILBOX_OK)
        return status;
    if (p == NULL)
        return MAILBOX_GONE;
    size_t whole = (size_t)(p->end - p->start);
    size_t cap = whole < sizeof m->content ? whole : sizeof m->content;
    if (!mailbox_file_read(fd, p->start, m->content, cap, len))
        return mailbox_file_fail(&m->job, m->path, errno);
    *truncated = whole > *len;
    *len = unquote(m->content, *len);
    return MAILBOX_OK;
}

/* False: somebody holds the lock. A file system without locks is read all the same. */
static bool lock(int fd)
{
    struct flock f = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_SETLK, &f) == 0 || (errno != EAGAIN && errno != EACCES);
}

static enum mailbox_status look_at_file(struct mailbox_mbox *m, int fd, size_t *len,
                                        bool *truncated)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return mailbox_file_fail(&m->job, m->path, errno);
    if (!S_ISREG(st.st_mode) || st.st_size > MAILBOX_MBOX_SIZE_MAX) {
        strbuf_addf(&m->job.why, "%s: %s", m->path,
                    S_ISREG(st.st_mode) ? "larger than 1 GiB" : "not a plain file");
        return MAILBOX_REFUSED;
    }
    return m->job.kind == MAILBOX_JOB_LIST ? list(m, fd, &st) : fetch(m, fd, &st, len, truncated);
}

static void perform(void *self)
{
    struct mailbox_mbox *m = self;
    enum mailbox_status status;
    size_t len = 0;
    bool truncated = false;

    if (m->job.kind == MAILBOX_JOB_REMOVE) {
        strbuf_adds(&m->job.why, "messages are not removed from an mbox file");
        mailbox_job_answer(&m->job, MAILBOX_REFUSED, (struct span){NULL, 0}, false);
        return;
    }
    int fd = open(m->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        status = mailbox_file_fail(&m->job, m->path, errno);
    } else if (!lock(fd) && ++m->tries < LOCK_TRIES) {
        (void)close(fd);
        mailbox_job_again(&m->job, lock_pause_ns);
        return;
    } else if (m->tries >= LOCK_TRIES) {
        strbuf_addf(&m->job.why, "%s: locked by another program", m->path);
        status = MAILBOX_TROUBLE;
    } else {
        status = look_at_file(m, fd, &len, &truncated);
    }
    if (fd >= 0)
        (void)close(fd);
    m->tries = 0;
    mailbox_job_answer(&m->job, status, (struct span){m->content, len}, truncated);
}

struct mailbox_mbox *mailbox_mbox_new(struct world *w, const char *path, struct mailbox_user user,
                                      struct strbuf *error)
{
    struct mailbox_mbox *m = malloc(sizeof *m);

    if (m == NULL) {
        strbuf_adds(error, "out of memory");
        return NULL;
    }
    mailbox_job_init(&m->job, w, user, perform);
    m->tries = 0;
    m->walked = (struct stat){.st_size = -1};
    m->places = NULL;
    m->place_count = m->place_cap = 0;
    if (!bytes_copy(m->path, sizeof m->path, span_of(path))) {
        strbuf_adds(error, "the path is too long");
        free(m);
        return NULL;
    }
    return m;
}

struct mailbox mailbox_mbox_mailbox(struct mailbox_mbox *m)
{
    return (struct mailbox){&mailbox_job_ops, m};
}

void mailbox_mbox_free(struct mailbox_mbox *m)
{
    if (m == NULL)
        return;
    mailbox_job_stop(&m->job);
    free(m->places);
    free(m);
}
