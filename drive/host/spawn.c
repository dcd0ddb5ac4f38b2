/*
 * spawn.c - the caller's end: fork a keeper, read its report
 *
 * Each command has a keeper, a process of ours that does nothing else (spawn_keeper.c). So the
 * caller needs no SIGCHLD, which libev gives to its default loop only, and a caller that is killed
 * leaves nothing behind: its end of the control pipe closes with it, and that is the keeper's order
 * to end everything. The report comes through one pipe, whose end is the end of the matter.
 */
#define _GNU_SOURCE /* pipe2 */
#include "drive/host/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/loop/loop_private.h"
#include "drive/host/spawn_keeper.h"

struct spawn {
    pid_t keeper; /* 0: gone */
    int to, from; /* control, report; -1: closed */
    struct spawn_result result;
    struct keeper_report report;
    size_t got; /* octets of report and output */
    char *output;
    size_t output_max;
    ev_io io;
    struct loop *loop; /* NULL: not watched */
    void (*done)(void *self);
    void *self;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static bool open_pipes(int down[2], int up[2])
{
    if (pipe2(down, O_CLOEXEC) != 0)
        return false;
    if (pipe2(up, O_CLOEXEC) == 0)
        return true;
    close_end(&down[0]);
    close_end(&down[1]);
    return false;
}

static void free_spawn(struct spawn *s)
{
    close_end(&s->to);
    close_end(&s->from);
    free(s->output);
    free(s);
}

struct spawn *spawn_start(const struct spawn_config *config, struct strbuf *error)
{
    struct spawn *s = calloc(1, sizeof *s);
    int down[2], up[2];

    if (s == NULL || (s->output = malloc(config->output_max + 1)) == NULL) {
        free(s);
        strbuf_adds(error, "out of memory");
        return NULL;
    }
    s->to = s->from = -1;
    s->output_max = config->output_max;
    if (!open_pipes(down, up)) {
        strbuf_addf(error, "pipe: %s", strerror(errno));
        free_spawn(s);
        return NULL;
    }
    s->keeper = fork();
    if (s->keeper == 0)
        keeper_live(config, down[0], up[1], s->output);
    close_end(&down[0]);
    close_end(&up[1]);
    s->to = down[1];
    s->from = up[0];
    if (s->keeper > 0)
        return s;
    strbuf_addf(error, "fork: %s", strerror(errno));
    s->keeper = 0;
    free_spawn(s);
    return NULL;
}

/* The report is whole, or there is none. */
static void settle(struct spawn *s)
{
    const size_t head = sizeof s->report;

    close_end(&s->to);
    close_end(&s->from);
    while (s->keeper > 0 && waitpid(s->keeper, NULL, 0) < 0 && errno == EINTR)
        continue;
    s->keeper = 0;
    if (s->got < head || s->got != head + s->report.output_len) {
        s->result = (struct spawn_result){.end = SPAWN_LOST};
        return;
    }
    s->result = (struct spawn_result){
        .end = (enum spawn_end)s->report.end,
        .status = s->report.status,
        .stragglers = s->report.stragglers,
        .output_total = s->report.output_total,
        .elapsed_ns = s->report.elapsed_ns,
        .output = {s->output, s->report.output_len},
    };
}

/* False when nothing more will come. */
static bool read_some(struct spawn *s)
{
    const size_t head = sizeof s->report;
    char *at = s->got < head ? (char *)&s->report + s->got : s->output + (s->got - head);
    size_t room = s->got < head ? head - s->got : s->output_max + 1 - (s->got - head);
    ssize_t n = room > 0 ? read(s->from, at, room) : 0;

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    s->got += (size_t)n;
    return n > 0;
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct spawn *s = w->data;

    (void)revents;
    if (read_some(s))
        return;
    ev_io_stop(ev, w);
    s->loop = NULL;
    settle(s);
    s->done(s->self);
}

void spawn_watch(struct spawn *s, struct loop *l, void (*done)(void *self), void *self)
{
    (void)fcntl(s->from, F_SETFL, O_NONBLOCK);
    s->loop = l;
    s->done = done;
    s->self = self;
    ev_io_init(&s->io, on_readable, s->from, EV_READ);
    s->io.data = s;
    ev_io_start(l->ev, &s->io);
}

void spawn_wait(struct spawn *s)
{
    while (s->from >= 0 && read_some(s))
        continue;
    settle(s);
}

const struct spawn_result *spawn_result(const struct spawn *s)
{
    return &s->result;
}

void spawn_free(struct spawn *s)
{
    if (s == NULL)
        return;
    if (s->loop != NULL)
        ev_io_stop(s->loop->ev, &s->io);
    close_end(&s->to);
    close_end(&s->from);
    while (s->keeper > 0 && waitpid(s->keeper, NULL, 0) < 0 && errno == EINTR)
        continue;
    free_spawn(s);
}
