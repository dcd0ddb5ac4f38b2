/*
 * workers.c - a pipe to each worker for job numbers, a pipe back for what came of them
 *
 * The wall limit is the worker's own alarm: SIGALRM ends it wherever it is, and the parent reads
 * the reason from how it died.
 *
 * The parent reads SIGINT and SIGTERM from a descriptor, beside the pipes. A terminal sends them to
 * the workers too: those take no notice, with a handler that does nothing (one that is ignored
 * would stay so in what a worker executes), since a worker that died of it could look like a case
 * that failed. The parent ends them by SIGKILL, and so does the kernel when the parent dies.
 */
#include "scenarios/workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
    pid_t pid;
    int to, from;
    size_t job;
    bool busy;
};

struct crew {
    const struct workers *w;
    struct worker worker[WORKERS_MAX];
    size_t next;  /* job to be given out */
    size_t limit; /* the first that is not */
    size_t done;
    char *story; /* STORY_MAX */
    pid_t parent;
    sigset_t before; /* the signals that were blocked when it began */
    int signals;     /* signalfd */
    int signal;      /* that ends the work; 0: none */
};

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n = read(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* The worker's whole life. */
static void work(const struct workers *w, int from_parent, int to_parent, char *memory)
{
    size_t job;

    while (read_all(from_parent, &job, sizeof job)) {
        struct outcome out;
        struct strbuf story;

        memset(&out, 0, sizeof out); /* padding too: it goes through a pipe */
        strbuf_init(&story, memory, STORY_MAX);
        (void)alarm(w->wall_s);
        w->perform(w->self, job, &out, &story);
        (void)alarm(0);
        if (!write_all(to_parent, &out, sizeof out) ||
            !write_all(to_parent, &story.len, sizeof story.len) ||
            !write_all(to_parent, story.ptr, story.len))
            return;
    }
}

static void take_no_notice(int number)
{
    (void)number;
}

/* Signals as they were, but for those that the parent answers; and no life without it. */
static void settle_in(const struct crew *c)
{
    struct sigaction idle = {.sa_handler = take_no_notice, .sa_flags = SA_RESTART};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != c->parent)
        _exit(0);
    (void)sigemptyset(&idle.sa_mask);
    (void)sigaction(SIGINT, &idle, NULL);
    (void)sigaction(SIGTERM, &idle, NULL);
    (void)sigprocmask(SIG_SETMASK, &c->before, NULL);
    close(c->signals);
}

static void close_others(struct crew *c, const struct worker *own)
{
    for (unsigned i = 0; i < c->w->count; i++) {
        if (&c->worker[i] == own || c->worker[i].pid == 0)
            continue;
        close(c->worker[i].to);
        close(c->worker[i].from);
    }
}

static bool hire(struct crew *c, struct worker *worker)
{
    int down[2], up[2];

    if (pipe(down) != 0)
        return false;
    if (pipe(up) != 0) {
        close(down[0]);
        close(down[1]);
        return false;
    }
    worker->pid = fork();
    if (worker->pid == 0) {
        settle_in(c);
        close_others(c, worker);
        close(down[1]);
        close(up[0]);
        work(c->w, down[0], up[1], c->story);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    worker->to = down[1];
    worker->from = up[0];
    worker->busy = false;
    return worker->pid > 0;
}

static void dismiss(struct worker *worker, int *status)
{
    close(worker->to);
    close(worker->from);
    while (waitpid(worker->pid, status, 0) < 0 && errno == EINTR)
        continue;
    worker->pid = 0;
    worker->busy = false;
}

static bool give(struct crew *c, struct worker *worker)
{
    if (c->limit > c->next && c->w->enough != NULL && c->w->enough(c->w->self))
        c->limit = c->next;
    if (c->next >= c->limit)
        return true;
    worker->job = c->next++;
    worker->busy = true;
    return write_all(worker->to, &worker->job, sizeof worker->job);
}

/* How it died, for people. */
static void describe(int status, unsigned wall_s, char *out, size_t cap)
{
    struct strbuf b;

    strbuf_init(&b, out, cap);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        strbuf_addf(&b, "the wall limit of %u s was reached", wall_s);
    else if (WIFSIGNALED(status))
        strbuf_addf(&b, "the worker died of signal %d (%s)", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    else
        strbuf_addf(&b, "the worker ended with status %d", WEXITSTATUS(status));
}

static bool replace(struct crew *c, struct worker *worker)
{
    struct outcome out;
    char died[128];
    size_t job = worker->job;
    int status = 0;

    memset(&out, 0, sizeof out);
    out.status = OUTCOME_FAILED;
    out.verdict = -1;
    dismiss(worker, &status);
    describe(status, c->w->wall_s, died, sizeof died);
    c->w->finished(c->w->self, job, &out, (struct span){"", 0}, died);
    c->done++;
    return hire(c, worker) && give(c, worker);
}

static bool receive(struct crew *c, struct worker *worker)
{
    struct outcome out;
    size_t len;

    if (!read_all(worker->from, &out, sizeof out) || !read_all(worker->from, &len, sizeof len) ||
        len >= STORY_MAX || !read_all(worker->from, c->story, len))
        return replace(c, worker);
    worker->busy = false;
    c->w->finished(c->w->self, worker->job, &out, (struct span){c->story, len}, NULL);
    c->done++;
    return give(c, worker);
}

static void hear_signal(struct crew *c)
{
    struct signalfd_siginfo info;

    if (read(c->signals, &info, sizeof info) == (ssize_t)sizeof info)
        c->signal = (int)info.ssi_signo;
}

static bool wait_for_some(struct crew *c)
{
    struct pollfd fds[WORKERS_MAX + 1];
    nfds_t count = 0;
    struct worker *who[WORKERS_MAX];

    for (unsigned i = 0; i < c->w->count; i++)
        if (c->worker[i].busy) {
            who[count] = &c->worker[i];
            fds[count++] = (struct pollfd){.fd = c->worker[i].from, .events = POLLIN};
        }
    fds[count] = (struct pollfd){.fd = c->signals, .events = POLLIN};
    if (poll(fds, count + 1, -1) < 0)
        return errno == EINTR;
    if (fds[count].revents != 0)
        hear_signal(c);
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents != 0 && !receive(c, who[i]))
            return false;
    return true;
}

static bool listen_for_signals(struct crew *c)
{
    sigset_t ours;

    /* A worker that dies must be seen as the end of its pipe, not as a signal. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ours, &c->before);
    c->signals = signalfd(-1, &ours, SFD_CLOEXEC);
    return c->signals >= 0;
}

static bool manage(struct crew *c)
{
    c->parent = getpid();
    c->limit = c->w->job_count;
    if (!listen_for_signals(c))
        return false;
    for (unsigned i = 0; i < c->w->count; i++)
        if (!hire(c, &c->worker[i]) || !give(c, &c->worker[i]))
            return false;
    while (c->done < c->limit && c->signal == 0)
        if (!wait_for_some(c))
            return false;
    return true;
}

/* Those that still work are not waited for. */
static void dismiss_all(struct crew *c)
{
    for (unsigned i = 0; i < c->w->count; i++) {
        int status;

        if (c->worker[i].pid <= 0)
            continue;
        if (c->worker[i].busy)
            (void)kill(c->worker[i].pid, SIGKILL);
        dismiss(&c->worker[i], &status);
    }
}

bool workers_run(const struct workers *w, int *signal_seen, struct strbuf *error)
{
    struct crew *c = calloc(1, sizeof *c);
    bool ok;

    if (c == NULL || (c->story = malloc(STORY_MAX)) == NULL) {
        free(c);
        strbuf_adds(error, "out of memory");
        return false;
    }
    c->w = w;
    c->signals = -1;
    ok = manage(c);
    if (!ok)
        strbuf_addf(error, "workers: %s", strerror(errno));
    dismiss_all(c);
    if (c->signals >= 0)
        close(c->signals);
    *signal_seen = c->signal;
    free(c->story);
    free(c);
    return ok;
}
