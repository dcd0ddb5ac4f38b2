/*
 * namespace_users.c - who is who inside a user namespace
 *
 * Whoever calls becomes root inside. Further users need ids that the host's administrator set aside
 * for the caller (/etc/subuid), and newuidmap, which may hand them out. Without them there is one
 * user, which is enough for a mail server that never changes its own.
 */
#define _GNU_SOURCE /* getpwuid_r */
#include "drive/host/namespace_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct id_range {
    unsigned first, count;
};

/* "name:first:count" */
static bool read_line(struct span line, struct span name, struct id_range *out)
{
    struct span field;
    uint64_t first, count;

    if (!span_cut(&line, ':', &field) || !span_equal(field, name) ||
        !span_cut(&line, ':', &field) || !span_uint(field, UINT32_MAX, &first) ||
        !span_uint(span_trim(line), UINT32_MAX, &count))
        return false;
    *out = (struct id_range){(unsigned)first, (unsigned)count};
    return true;
}

/* The line of /etc/subuid or /etc/subgid for this user. */
static bool find_range(const char *path, const char *name, struct id_range *out)
{
    char line[256];
    FILE *f = fopen(path, "r");
    bool found = false;

    if (f == NULL)
        return false;
    while (!found && fgets(line, sizeof line, f) != NULL)
        found = read_line(span_to(span_of(line), strcspn(line, "\n")), span_of(name), out);
    (void)fclose(f);
    return found;
}

static bool run_helper(const char *helper, pid_t child, unsigned own, const struct id_range *range)
{
    char pid[32], self[32], first[32], count[32];
    int status = 0;

    (void)snprintf(pid, sizeof pid, "%d", (int)child);
    (void)snprintf(self, sizeof self, "%u", own);
    (void)snprintf(first, sizeof first, "%u", range->first);
    (void)snprintf(count, sizeof count, "%u", range->count);
    pid_t p = fork();
    if (p == 0) {
        int null = open("/dev/null", O_WRONLY);

        (void)dup2(null, STDERR_FILENO);
        (void)execlp(helper, helper, pid, "0", self, "1", "1", first, count, (char *)NULL);
        _exit(127);
    }
    while (p > 0 && waitpid(p, &status, 0) < 0 && errno == EINTR)
        continue;
    return p > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool map_many(pid_t child)
{
    char memory[4096];
    struct passwd entry, *found = NULL;
    struct id_range uids, gids;

    if (getpwuid_r(geteuid(), &entry, memory, sizeof memory, &found) != 0 || found == NULL)
        return false;
    return find_range("/etc/subuid", found->pw_name, &uids) &&
           find_range("/etc/subgid", found->pw_name, &gids) &&
           run_helper("newuidmap", child, geteuid(), &uids) &&
           run_helper("newgidmap", child, getegid(), &gids);
}

static bool write_proc(pid_t child, const char *file, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)child, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return ok;
}

static bool map_one(pid_t child)
{
    char uid[64], gid[64];

    (void)snprintf(uid, sizeof uid, "0 %u 1\n", (unsigned)geteuid());
    (void)snprintf(gid, sizeof gid, "0 %u 1\n", (unsigned)getegid());
    return write_proc(child, "uid_map", uid) && write_proc(child, "setgroups", "deny") &&
           write_proc(child, "gid_map", gid);
}

bool namespace_map_users(pid_t child, bool many, struct strbuf *error)
{
    if (many) {
        if (map_many(child))
            return true;
        strbuf_adds(error, "no subordinate ids for the server's users; run as root, or install "
                           "uidmap and give this user a line in /etc/subuid and /etc/subgid");
        return false;
    }
    if (map_one(child))
        return true;
    strbuf_addf(error, "the user map: %s", strerror(errno));
    return false;
}
