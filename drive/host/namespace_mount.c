/*
 * namespace_mount.c - the files inside: the host's, covered where they must not be seen
 *
 * A mail server that has its directories compiled in needs them to exist. Where the host lacks one,
 * its nearest ancestor is covered by an empty file system in which every entry of the ancestor is
 * bound to what it was; there the directory can be made. The host keeps what it had.
 */
#define _GNU_SOURCE /* mount flags */
#include "drive/host/namespace_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN_MAX = 1024 };

static bool fail(struct strbuf *error, const char *what)
{
    strbuf_addf(error, "%s: %s", what, strerror(errno));
    return false;
}

static bool empty_at(const char *path)
{
    return mount("relaylab", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") == 0;
}

static bool bind_to(const char *from, const char *to)
{
    return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t len = strlen(text);

    if (fd < 0)
        return false;
    bool ok = write(fd, text, len) == (ssize_t)len;
    return close(fd) == 0 && ok;
}

static bool cover_file(size_t number, const struct namespace_file *f, struct strbuf *error)
{
    char path[64];

    if (access(f->path, F_OK) != 0)
        return true;
    (void)snprintf(path, sizeof path, NAMESPACE_PLACE "/.cover/%zu", number);
    return (write_file(path, f->text) && bind_to(path, f->path)) || fail(error, f->path);
}

/* One entry of a covered directory, put back. */
static bool restore(const char *name, const char *from, const char *to)
{
    char source[PATH_LEN_MAX], target[PATH_LEN_MAX], link[PATH_LEN_MAX];
    struct stat st;

    if (snprintf(source, sizeof source, "%s/%s", from, name) >= PATH_LEN_MAX ||
        snprintf(target, sizeof target, "%s/%s", to, name) >= PATH_LEN_MAX ||
        lstat(source, &st) != 0)
        return false;
    if (S_ISLNK(st.st_mode)) {
        ssize_t len = readlink(source, link, sizeof link - 1);

        link[len > 0 ? len : 0] = '\0';
        return len > 0 && symlink(link, target) == 0;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(target, 0755) != 0 : !write_file(target, ""))
        return false;
    return bind_to(source, target);
}

/* `path` becomes a directory in which others can be made, with all its entries. */
static bool open_up(size_t number, const char *path)
{
    char shadow[64];
    struct dirent *e;

    (void)snprintf(shadow, sizeof shadow, NAMESPACE_PLACE "/.shadow%zu", number);
    if (mkdir(shadow, 0700) != 0 || !bind_to(path, shadow) || !empty_at(path))
        return false;
    DIR *d = opendir(shadow);
    if (d == NULL)
        return false;
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)restore(e->d_name, shadow, path);
    (void)closedir(d);
    return true;
}

/* Makes every directory of the path that is not there. */
static bool make_path(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        bool ok = mkdir(path, 0755) == 0 || errno == EEXIST;
        *at = '/';
        if (!ok)
            return false;
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static bool make_place(size_t number, const char *place, struct strbuf *error)
{
    char path[PATH_LEN_MAX], ancestor[PATH_LEN_MAX];
    struct stat st;

    if (!bytes_copy(path, sizeof path, span_of(place)) || path[0] != '/')
        return fail(error, place);
    if (stat(path, &st) != 0) {
        memcpy(ancestor, path, sizeof ancestor);
        do
            *strrchr(ancestor, '/') = '\0';
        while (ancestor[0] != '\0' && stat(ancestor, &st) != 0);
        if (ancestor[0] == '\0' || !open_up(number, ancestor) || !make_path(path))
            return fail(error, place);
    }
    return empty_at(path) || fail(error, place);
}

/* The host's system log must not hear of the laboratory: its socket is a path, not an address. */
static void cover_log(void)
{
    if (access("/dev/log", F_OK) == 0)
        (void)bind_to("/dev/null", "/dev/log");
}

bool namespace_mount(const struct namespace_config *c, struct strbuf *error)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return fail(error, "private mounts");
    /* Not to be had in every container; then /proc shows the host's processes, no more. */
    (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    cover_log();
    if (!empty_at("/run") || mkdir(NAMESPACE_PLACE, 0755) != 0 ||
        mkdir(NAMESPACE_PLACE "/.cover", 0755) != 0)
        return fail(error, "/run");
    for (size_t i = 0; i < c->file_count; i++)
        if (!cover_file(i, &c->files[i], error))
            return false;
    for (size_t i = 0; i < c->place_count; i++)
        if (!make_place(i, c->places[i], error))
            return false;
    /* As far as the host lets us: in a user namespace flags of a mount may be locked. */
    (void)mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    return true;
}
