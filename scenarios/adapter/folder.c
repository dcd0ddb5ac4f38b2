/*
 * folder.c - mkdtemp, a maildir, and nftw to clear it all away
 *
 * Deliveries that cannot be written are lost for the detector only; the record of the case has
 * them.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "scenarios/adapter/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/host/namespace.h"

enum { OPEN_FOLDERS_MAX = 16 };

static bool join(char *to, const char *path, const char *tail)
{
    struct strbuf b;

    strbuf_init(&b, to, FOLDER_PATH_MAX);
    strbuf_addf(&b, "%s/%s", path, tail);
    return !b.truncated;
}

static bool make_maildir(const struct folder *f)
{
    static const char *const parts[] = {"mail", "mail/tmp", "mail/new", "mail/cur"};
    char path[FOLDER_PATH_MAX];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!join(path, f->path, parts[i]) || mkdir(path, 0700) != 0)
            return false;
    return true;
}

/* In a namespace there is one place to write (drive/host/namespace.h), and outside it is not there.
 */
static bool make_private(struct folder *f)
{
    const char *own = getenv("TMPDIR");
    const char *const bases[] = {NAMESPACE_PLACE, own != NULL ? own : "", "/tmp"};

    errno = ENAMETOOLONG;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++)
        if (bases[i][0] != '\0' && join(f->path, bases[i], "relaylab-XXXXXX") &&
            mkdtemp(f->path) != NULL)
            return true;
    return false;
}

bool folder_make(struct folder *f, struct strbuf *error)
{
    *f = (struct folder){.deliveries = 0};
    if (make_private(f)) {
        if (make_maildir(f) && join(f->maildir, f->path, "mail") &&
            join(f->out, f->path, "verdict.json"))
            return true;
        int why = errno;
        folder_remove(f);
        errno = why;
    }
    strbuf_addf(error, "a folder for the detector: %s", strerror(errno));
    f->path[0] = '\0';
    return false;
}

static void write_file(struct folder *f, struct span head, struct span content, int64_t epoch_s)
{
    char name[64], part[96], from[FOLDER_PATH_MAX], to[FOLDER_PATH_MAX];

    (void)snprintf(name, sizeof name, "%lld.%u.relaylab", (long long)epoch_s, ++f->deliveries);
    (void)snprintf(part, sizeof part, "tmp/%s", name);
    bool fits = join(from, f->maildir, part);
    (void)snprintf(part, sizeof part, "new/%s", name);
    FILE *file = fits && join(to, f->maildir, part) ? fopen(from, "wb") : NULL;
    if (file == NULL)
        return;
    (void)fwrite(head.ptr, 1, head.len, file);
    (void)fwrite(content.ptr, 1, content.len, file);
    if (fclose(file) != 0 || rename(from, to) != 0)
        (void)unlink(from);
}

void folder_deliver(struct folder *f, const struct mail_view *mail, int64_t epoch_s)
{
    for (size_t i = 0; i < mail->recipient_count; i++) {
        char memory[2 * MAIL_PATH_MAX + 64];
        struct strbuf head;

        strbuf_init(&head, memory, sizeof memory);
        strbuf_adds(&head, "Return-Path: <");
        strbuf_add(&head, mail->sender);
        strbuf_adds(&head, ">\r\nDelivered-To: ");
        strbuf_add(&head, mail->recipients[i]);
        strbuf_adds(&head, "\r\n");
        write_file(f, strbuf_span(&head), mail->content, epoch_s);
    }
}

void folder_store(struct folder *f, struct span content, int64_t epoch_s)
{
    write_file(f, (struct span){"", 0}, content, epoch_s);
}

struct span folder_answer(const struct folder *f, char *memory, size_t cap)
{
    int fd = open(f->out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t len = 0;
    ssize_t n;

    if (fd < 0)
        return (struct span){NULL, 0};
    while (len < cap && (n = read(fd, memory + len, cap - len)) > 0)
        len += (size_t)n;
    (void)close(fd);
    return (struct span){memory, len};
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *where)
{
    (void)s;
    (void)flag;
    (void)where;
    (void)remove(path);
    return 0;
}

void folder_remove(struct folder *f)
{
    if (f->path[0] != '\0')
        (void)nftw(f->path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
    f->path[0] = '\0';
}
