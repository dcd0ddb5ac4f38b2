/*
 * check.c - a case that nobody wrote: somebody's server, and the questions of a postmaster
 *
 * All of it happens inside the namespace, in one child, which tells what it finds as it finds it; a
 * status comes out. From inside a server relays by design, so that answer is told and changes no
 * status.
 */
#include "scenarios/engine/check_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/engine/world.h"
#include "scenarios/report/events.h"
#include "scenarios/workers.h"

enum {
    CHECK_USAGE = 2,
    CHECK_ENGINE = 71,
    CHECK_MISSING = 77,
    LOADED_MAX = 2097152,
    CHECK_WALL_S = 1800 /* for all ports and lines together */
};

static const int64_t window_ns = 3 * CLOCK_SECOND;

static int complain(int status, const char *what)
{
    (void)fprintf(stderr, "relaylab: %s\n", what);
    return status;
}

bool check_ask(struct check *c, const char *forms, int64_t wait_ns, struct trial_result *r)
{
    check_case_ask(c, forms, wait_ns);
    trial_run(c->trial, &c->c, WORLD_REAL, c->request->seed, r);
    return r->verdict != NULL;
}

void check_flush(struct check *c)
{
    events_write(stdout, strbuf_span(&c->out));
    strbuf_init(&c->out, c->text, sizeof c->text);
}

static const struct form_result *first_delivered(const struct trial_result *r)
{
    for (size_t i = 0; i < r->form_count; i++)
        if (r->forms[i].delivered)
            return &r->forms[i];
    return NULL;
}

/* Everything from outside. From inside a few forms will do, since relaying is right there. */
static bool ask_from(struct check *c, const char *name, const char *source, int *status)
{
    struct trial_result r;

    c->vantage = (struct case_vantage){.name = name, .source = source};
    bool asked = check_ask(c, check_is_outside(c) ? "full" : "quick", window_ns, &r);
    if (asked)
        c->writer->answer(c, &r);
    else
        c->writer->trouble(c, span_of(r.trouble));
    check_flush(c);
    if (!asked)
        return false;
    *status = verdict_exit_status(r.verdict->verdict);
    const struct form_result *form = first_delivered(&r);
    if (check_is_outside(c) && r.verdict->verdict == VERDICT_OPEN && form != NULL) {
        struct form_name id = form_id(&form->form);

        check_experiment(c, id.text);
    }
    return true;
}

/* open weighs most, then what is not known, then closed. */
static int worse(int a, int b)
{
    const int open = verdict_exit_status(VERDICT_OPEN);

    if (a == open || b == open)
        return open;
    return a > b ? a : b;
}

static void ask_all(struct check *c)
{
    for (size_t i = 0; i < c->port_count; i++) {
        int status = 0, inside = 0;

        c->server.port = c->ports[i].number;
        c->wrapped = c->ports[i].wrapped;
        if (!ask_from(c, "outside", ENGINE_OUTSIDE, &status) ||
            !ask_from(c, "inside", c->inside_source, &inside)) {
            c->status = CHECK_ENGINE;
            return;
        }
        c->status = i == 0 ? status : worse(c->status, status);
    }
}

static void inside(void *self, int to)
{
    struct check *c = self;

    c->status = CHECK_ENGINE;
    c->trial = trial_new();
    if (c->trial != NULL && check_describe(c))
        ask_all(c);
    namespace_answer(to, &c->status, sizeof c->status);
}

/* The seventh address of the network, so that it is none of the first few that servers have. */
static bool pick_inside(struct check *c, struct engine_world *w)
{
    struct network n;
    struct strbuf out;

    (void)bytes_copy(c->inside_source, sizeof c->inside_source, SPAN(ENGINE_INSIDE));
    if (c->request->inside == NULL)
        return true;
    if (!network_parse(span_of(c->request->inside), &n) ||
        !engine_world_network(w, c->request->inside))
        return false;
    const size_t last = n.base.family == 4 ? 3 : 15;
    if (n.prefix_bits <= (last + 1) * 8 - 3)
        n.base.bytes[last] |= 7;
    strbuf_init(&out, c->inside_source, sizeof c->inside_source);
    endpoint_print_address(&out, &n.base);
    return n.base.family == 4;
}

static void ask_in_private(struct check *c, struct engine_world *w)
{
    char why[1024];
    struct strbuf error;
    size_t len = 0;

    strbuf_init(&error, why, sizeof why);
    enum namespace_end end = namespace_call(engine_world_config(w), inside, c, &c->status,
                                            sizeof c->status, &len, &error);
    if (end != NAMESPACE_DONE || len != sizeof c->status)
        c->status = complain(CHECK_ENGINE, why);
}

/* In a worker, which dies with us; its status travels where a case's verdict does. */
static void perform(void *self, size_t job, struct outcome *out, struct strbuf *story)
{
    struct check *c = self;

    (void)job;
    (void)story;
    ask_in_private(c, c->world);
    out->verdict = c->status;
}

static void finished(void *self, size_t job, const struct outcome *out, struct span story,
                     const char *died)
{
    struct check *c = self;

    (void)job;
    (void)story;
    c->status = died != NULL ? complain(CHECK_ENGINE, died) : out->verdict;
}

/* Ctrl-C ends it with what was told until then, and with all that it started. */
static int run(struct check *c)
{
    const struct workers w = {.count = 1,
                              .wall_s = CHECK_WALL_S,
                              .job_count = 1,
                              .perform = perform,
                              .finished = finished,
                              .self = c};
    char why[256];
    struct strbuf error;
    int signal = 0;

    strbuf_init(&error, why, sizeof why);
    if (!workers_run(&w, &signal, &error))
        return complain(CHECK_ENGINE, why);
    if (signal != 0)
        c->status = 128 + signal;
    c->writer->end(c, signal);
    check_flush(c);
    return c->status;
}

static bool is_readable(const char *directory, const char *name)
{
    char path[ENGINE_PATH_MAX + 256];

    (void)snprintf(path, sizeof path, "%s/%.200s", directory, name);
    return access(path, R_OK) == 0;
}

/* Who names the wrong directory must not hear what a server without a configuration does. */
static bool find_main(struct check *c)
{
    const struct engine *e = c->engine;
    struct stat about;

    if (!engine_whole_path(c->request->config, c->config, sizeof c->config) ||
        stat(c->config, &about) != 0 || access(c->config, R_OK) != 0) {
        (void)fprintf(stderr, "relaylab: --config: %s: %s\n", c->request->config, strerror(errno));
        return false;
    }
    if (!S_ISDIR(about.st_mode) || is_readable(c->config, e->main))
        return true;
    for (size_t i = 0; i < e->main_names.count; i++)
        if (is_readable(c->config, e->main_names.item[i])) {
            c->server.directory_main = e->main_names.item[i];
            return true;
        }
    (void)fprintf(stderr, "relaylab: --config: %s has no %s that can be read\n", c->request->config,
                  e->main);
    return false;
}

static int check(struct check *c, struct engine_world *w)
{
    const char *package = engine_missing(c->engine);

    if (package != NULL) {
        (void)fprintf(
            stderr,
            "relaylab: %s is missing: ci/deps %s\n"
            "In relaylab's source tree that command unpacks it into build/mta; RELAYLAB_MTA "
            "names that\ndirectory for a relaylab that stands elsewhere.\n",
            package, c->engine->name);
        return CHECK_MISSING;
    }
    engine_world_init(w);
    engine_world_engine(w, c->engine);
    engine_world_server(w, 0, "mx.victim.test");
    engine_world_host(w, ENGINE_OUTSIDE, "probe.canary.test");
    if (!pick_inside(c, w))
        return complain(CHECK_USAGE, "--inside: write a network, like 192.0.2.0/24");
    w->has_dns = true;
    check_case_init(c);
    if (!find_main(c))
        return CHECK_USAGE;
    c->world = w;
    return run(c);
}

int check_command(const struct check_request *r)
{
    struct check *c = calloc(1, sizeof *c);
    struct engine_world *w = calloc(1, sizeof *w);
    void *block = malloc(LOADED_MAX);
    struct engine engine;
    struct arena arena;
    struct conf conf = {.arena = &arena};
    int status = CHECK_ENGINE;

    if (c == NULL || w == NULL || block == NULL) {
        status = complain(CHECK_ENGINE, "out of memory");
    } else {
        arena_init(&arena, block, LOADED_MAX);
        c->request = r;
        c->engine = &engine;
        c->writer = r->json ? &check_json : &check_text;
        strbuf_init(&c->out, c->text, sizeof c->text);
        status = engine_load(&conf, r->engine, &engine) ? check(c, w)
                                                        : complain(CHECK_USAGE, conf.error);
    }
    free(block);
    free(w);
    free(c);
    return status;
}
