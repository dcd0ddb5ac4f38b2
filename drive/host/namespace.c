/*
 * namespace.c - the two ends of a call: a child that is born inside, and a parent that listens
 *
 * The child is made by clone(2) with all namespaces at once, so that no process of ours is ever
 * half inside. It waits until the parent has written its user map, furnishes its world, and says
 * '+' (or '-' and why not) before it does its work; the end of its pipe is the end of the answer.
 */
#define _GNU_SOURCE /* clone flags, pipe2 */
#include "drive/host/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/host/namespace_private.h"

#define REMEDY                                                                              \
    "; run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), " \
    "in a container with --privileged or --cap-add SYS_ADMIN,NET_ADMIN"

enum { WHY_MAX = 512 };

struct call {
    const struct namespace_config *config;
    void (*inside)(void *self, int to);
    void *self;
    int go[2], answer[2];
    bool users; /* a user namespace too */
};

void namespace_answer(int to, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(to, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        at += n;
        len -= (size_t)n;
    }
}

/* The death signal was asked for a moment after birth: had the parent died before, the pipe to it
   would have no reader. */
static void check_parent(int to)
{
    struct pollfd fd = {.fd = to, .events = 0};

    if (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0)
        _exit(1);
}

static void live(struct call *c)
{
    char memory[WHY_MAX], ready;
    struct strbuf why;
    int to = c->answer[1];

    (void)close(c->go[1]);
    (void)close(c->answer[0]);
    if (read(c->go[0], &ready, 1) != 1)
        _exit(1);
    (void)close(c->go[0]);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    check_parent(to);
    strbuf_init(&why, memory, sizeof memory);
    strbuf_addc(&why, '-');
    if (!namespace_mount(c->config, &why) || !namespace_network(c->config, &why)) {
        namespace_answer(to, why.ptr, why.len);
        _exit(1);
    }
    if (c->config->hostname != NULL)
        (void)sethostname(c->config->hostname, strlen(c->config->hostname));
    (void)setenv("TMPDIR", NAMESPACE_PLACE, 1);
    namespace_answer(to, "+", 1);
    c->inside(c->self, to);
    _exit(0);
}

static pid_t bear(struct call *c)
{
    unsigned long flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    if (c->users)
        flags |= CLONE_NEWUSER;
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void read_answer(int from, char *out, size_t cap, size_t *len)
{
    *len = 0;
    for (;;) {
        ssize_t n = read(from, out + *len, cap - *len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        *len += (size_t)n;
    }
}

/* What the furnishing came to: '+', or '-' and a sentence. */
static bool read_begin(int from, struct strbuf *error)
{
    char first, why[WHY_MAX];
    ssize_t n;
    size_t len;

    do
        n = read(from, &first, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1 && first == '+')
        return true;
    read_answer(from, why, sizeof why, &len);
    strbuf_add(error, len > 0 ? (struct span){why, len} : SPAN("the child died"));
    strbuf_adds(error, REMEDY);
    return false;
}

static bool describe_end(pid_t child, struct strbuf *error)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        strbuf_addf(error, "killed by signal %d (%s)", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    else
        strbuf_addf(error, "ended with status %d", WEXITSTATUS(status));
    return false;
}

static void discard_end(pid_t child)
{
    char memory[128];
    struct strbuf ignored;

    strbuf_init(&ignored, memory, sizeof memory);
    (void)kill(child, SIGKILL);
    (void)describe_end(child, &ignored);
}

static enum namespace_end listen_to(struct call *c, pid_t child, char *out, size_t cap, size_t *len,
                                    struct strbuf *error)
{
    int from = c->answer[0];

    if (c->users && !namespace_map_users(child, c->config->many_users, error)) {
        discard_end(child);
        return NAMESPACE_REFUSED;
    }
    (void)!write(c->go[1], "g", 1);
    if (!read_begin(from, error)) {
        discard_end(child);
        return NAMESPACE_REFUSED;
    }
    read_answer(from, out, cap, len);
    return describe_end(child, error) ? NAMESPACE_DONE : NAMESPACE_LOST;
}

enum namespace_end namespace_call(const struct namespace_config *config,
                                  void (*inside)(void *self, int to), void *self, void *out,
                                  size_t cap, size_t *len, struct strbuf *error)
{
    struct call c = {.config = config, .inside = inside, .self = self, .users = geteuid() != 0};
    enum namespace_end end = NAMESPACE_REFUSED;

    *len = 0;
    if (pipe2(c.go, O_CLOEXEC) != 0 || pipe2(c.answer, O_CLOEXEC) != 0) {
        strbuf_addf(error, "pipe: %s", strerror(errno));
        return NAMESPACE_REFUSED;
    }
    pid_t child = bear(&c);
    if (child == 0)
        live(&c);
    if (child < 0)
        strbuf_addf(error, "no namespaces: %s" REMEDY, strerror(errno));
    (void)close(c.go[0]);
    (void)close(c.answer[1]);
    if (child > 0)
        end = listen_to(&c, child, out, cap, len, error);
    (void)close(c.go[1]);
    (void)close(c.answer[0]);
    return end;
}
