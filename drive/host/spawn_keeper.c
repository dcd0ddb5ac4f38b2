/*
 * spawn_keeper.c - one command from fork to the last of its descendants
 *
 * The keeper is a subreaper (prctl 2): whatever the command starts becomes the keeper's child when
 * its own parent dies, whichever group or session it moved to. So once the command is over, the
 * keeper's children are exactly what was left behind, and are killed until there are none. SIGCHLD
 * comes through a signalfd, so that one poll hears the command, its output and the caller.
 *
 * The keeper is the leader of its own group: Ctrl-C on a terminal ends the caller, and the caller's
 * end reaches the keeper through the control pipe. Should the keeper itself be killed, the kernel
 * kills the command (PR_SET_PDEATHSIG).
 */
#define _GNU_SOURCE /* pipe2, environ */
#include "drive/host/spawn_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_MS = 200, SETTLE_MS = 100, STEP_MS = 5, FINAL_KILLS = 1000 };

struct keeper {
    const struct spawn_config *config;
    struct keeper_report report;
    char *output;
    pid_t child;
    int from, to, out, signals;
    bool over; /* the command itself has ended */
    bool terminated, killed, abandoned;
    int status; /* as waitpid gives it */
    int64_t started_ns, deadline_ns;
};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

static bool is_kept(int fd, const int *kept, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kept[i] == fd)
            return true;
    return fd <= STDERR_FILENO;
}

/* Closes all descriptors but the first three and those that are named. */
static void close_others(const int *kept, size_t count)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        uint64_t fd;

        if (span_uint(span_of(e->d_name), INT32_MAX, &fd) && !is_kept((int)fd, kept, count) &&
            (int)fd != dirfd(d))
            (void)close((int)fd);
    }
    (void)closedir(d);
}

static void default_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &usual, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: becomes the command, or says why not. */
static void become(const struct spawn_config *c, pid_t keeper, int out, int trouble)
{
    char **env = (char **)(void *)c->env;
    int null = open("/dev/null", O_RDONLY);

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(127);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(out, STDERR_FILENO) >= 0 && (c->directory == NULL || chdir(c->directory) == 0)) {
        close_others(&trouble, 1);
        default_signals();
        environ = env;
        (void)execvp(c->argv[0], (char *const *)(void *)c->argv);
    }
    int why = errno;
    (void)!write(trouble, &why, sizeof why);
    _exit(127);
}

/* False: report.status says why. */
static bool start(struct keeper *k)
{
    int out[2], trouble[2], why = 0;
    pid_t self = getpid();

    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(trouble, O_CLOEXEC) != 0) {
        k->report.status = errno;
        return false;
    }
    k->child = fork();
    if (k->child < 0) {
        k->report.status = errno;
        return false;
    }
    if (k->child == 0)
        become(k->config, self, out[1], trouble[1]);
    (void)setpgid(k->child, k->child);
    (void)close(out[1]);
    (void)close(trouble[1]);
    k->out = out[0];
    (void)fcntl(k->out, F_SETFL, O_NONBLOCK);
    ssize_t n = read(trouble[0], &why, sizeof why);
    (void)close(trouble[0]);
    k->report.status = n == (ssize_t)sizeof why ? why : 0;
    return n != (ssize_t)sizeof why;
}

/* False at the end of the output. */
static bool take_output(struct keeper *k)
{
    char chunk[16384];
    ssize_t n = read(k->out, chunk, sizeof chunk);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t room = k->config->output_max - k->report.output_len;
    size_t kept = (size_t)n < room ? (size_t)n : room;
    memcpy(k->output + k->report.output_len, chunk, kept);
    k->report.output_len += kept;
    k->report.output_total += (uint64_t)n;
    if (n > 0)
        return true;
    (void)close(k->out);
    k->out = -1;
    return false;
}

static void reap(struct keeper *k)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != k->child)
            continue;
        k->over = true;
        k->status = status;
    }
}

static void take_signal(struct keeper *k)
{
    struct signalfd_siginfo info;

    (void)!read(k->signals, &info, sizeof info);
    reap(k);
}

static void signal_group(struct keeper *k, int number)
{
    (void)kill(-k->child, number);
}

/* The deadline passed: first a request, then an end. */
static void press(struct keeper *k)
{
    if (!k->terminated) {
        k->terminated = true;
        k->deadline_ns = clock_after(now_ns(), k->config->grace_ns);
        signal_group(k, SIGTERM);
    } else {
        k->killed = true;
        k->deadline_ns = CLOCK_NEVER;
        signal_group(k, SIGKILL);
    }
}

static int poll_ms(const struct keeper *k)
{
    int64_t left = k->deadline_ns - now_ns();

    if (k->deadline_ns == CLOCK_NEVER)
        return -1;
    if (left <= 0)
        return 0;
    return left > CLOCK_HOUR ? (int)(CLOCK_HOUR / CLOCK_MS) : (int)(left / CLOCK_MS) + 1;
}

static void abandon(struct keeper *k)
{
    k->abandoned = true;
    signal_group(k, SIGKILL);
}

static void run(struct keeper *k)
{
    while (!k->over) {
        struct pollfd fds[3] = {{.fd = k->signals, .events = POLLIN},
                                {.fd = k->out, .events = POLLIN},
                                {.fd = k->abandoned ? -1 : k->from, .events = POLLIN}};

        if (poll(fds, 3, poll_ms(k)) < 0 && errno != EINTR)
            abandon(k);
        if (fds[2].revents != 0)
            abandon(k);
        if (fds[1].revents != 0)
            (void)take_output(k);
        if (fds[0].revents != 0)
            take_signal(k);
        if (!k->over && now_ns() >= k->deadline_ns)
            press(k);
    }
    k->report.elapsed_ns = now_ns() - k->started_ns;
}

/* Kills the keeper's children, whatever group they are in. How many there were, as far as one
   reading tells. */
static unsigned kill_children(void)
{
    char path[64], memory[4096];
    struct span list, one;
    unsigned count = 0;
    uint64_t pid;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, memory, sizeof memory) : 0;
    if (fd >= 0)
        (void)close(fd);
    list = (struct span){memory, len > 0 ? (size_t)len : 0};
    while (list.len > 0 && span_cut(&list, ' ', &one)) {
        /* A number that was cut short at the end is another process. */
        if (list.ptr == NULL || !span_uint(one, INT32_MAX, &pid))
            continue;
        (void)kill((pid_t)pid, SIGKILL);
        count++;
    }
    return count;
}

/* Who is about to end anyway (the other half of a pipe, a child that hears SIGTERM too) may. */
static void settle(struct keeper *k)
{
    int64_t until_ns = k->terminated ? k->deadline_ns : clock_after(now_ns(), SETTLE_MS * CLOCK_MS);

    if (k->killed || k->abandoned)
        return;
    while (now_ns() < until_ns) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);

        if (pid < 0)
            return;
        if (pid == 0)
            (void)poll(NULL, 0, STEP_MS);
    }
}

/* Whoever is left is ended; their parents' death makes their children ours. */
static void end_stragglers(struct keeper *k)
{
    settle(k);
    signal_group(k, SIGKILL);
    for (int i = 0; i < FINAL_KILLS; i++) {
        unsigned count = kill_children();

        if (count > k->report.stragglers)
            k->report.stragglers = count;
        if (waitpid(-1, NULL, count > 0 ? 0 : WNOHANG) <= 0)
            return;
    }
}

/* What was written before the end is still in the pipe. */
static void drain(struct keeper *k)
{
    struct pollfd fd = {.fd = k->out, .events = POLLIN};

    while (k->out >= 0 && poll(&fd, 1, DRAIN_MS) > 0)
        if (!take_output(k))
            return;
}

static void conclude(struct keeper *k)
{
    if (k->terminated) {
        k->report.end = SPAWN_TIMED_OUT;
        k->report.status = k->killed ? SIGKILL : 0;
    } else if (WIFSIGNALED(k->status)) {
        k->report.end = SPAWN_SIGNALED;
        k->report.status = WTERMSIG(k->status);
    } else {
        k->report.end = SPAWN_EXITED;
        k->report.status = WEXITSTATUS(k->status);
    }
}

static void write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

static void prepare(struct keeper *k)
{
    const int kept[] = {k->from, k->to};
    sigset_t all;

    (void)setpgid(0, 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    close_others(kept, 2);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)sigemptyset(&all);
    (void)sigaddset(&all, SIGCHLD);
    k->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    k->started_ns = now_ns();
    k->deadline_ns = clock_after(k->started_ns, k->config->limit_ns);
}

void keeper_live(const struct spawn_config *config, int from, int to, char *output)
{
    struct keeper k = {.config = config, .from = from, .to = to, .out = -1, .output = output};

    prepare(&k);
    if (start(&k)) {
        run(&k);
        end_stragglers(&k);
        drain(&k);
        conclude(&k);
    } else {
        k.report.end = SPAWN_NOT_STARTED;
    }
    write_all(to, &k.report, sizeof k.report);
    write_all(to, output, k.report.output_len);
    _exit(0);
}
