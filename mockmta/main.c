/*
 * main.c - mockmta: one mock mail server on sockets
 *
 * Everything that can be checked is checked before a socket is opened: options, files, the log, the
 * directory for messages. Then one line on standard output says where it listens. A message that
 * cannot be saved, or a log that cannot be written, ends the program with 71 before the client is
 * told that its message was accepted.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drive/loop/loop.h"
#include "drive/host/standard_files.h"
#include "lib/base/json.h"
#include "mockmta/config/command_line.h"
#include "mockmta/config/explain.h"
#include "mockmta/config/load.h"
#include "mockmta/log.h"
#include "mockmta/mock.h"
#include "mockmta/queue/save.h"

enum { EXIT_FINE = 0, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_SYSTEM = 71, EXIT_SIGNAL = 128 };
enum { ARENA_ROOM = 8388608, PAGE_ROOM = 262144, LINKS_MAX = 16384 + 1024 };
#define DRAIN_GRACE CLOCK_SECOND

struct program {
    struct command_line line;
    struct persona_path personas;
    struct arena arena;
    struct conf conf;
    struct server_config config;
    struct loop *loop;
    struct world *world;
    struct mock *mock;
    struct log log;
    bool logging;
    struct world_timer drain;
    int status;
    struct endpoint bound[COMMAND_LISTEN_MAX + SERVER_NAMES_MAX];
    const char *bound_name[COMMAND_LISTEN_MAX + SERVER_NAMES_MAX];
    size_t bound_count;
};

static int complain(int status, const char *text)
{
    (void)fprintf(stderr, "mockmta: %s\n", text);
    return status;
}

static int print(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        (void)fprintf(stderr, "mockmta: standard output: %s\n", strerror(errno));
        return EXIT_SYSTEM;
    }
    return EXIT_FINE;
}

/* Configuration. */

static void find_personas(struct program *p)
{
    char path[PERSONA_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash = NULL;
    if (len > 0) {
        path[len] = '\0';
        slash = strrchr(path, '/');
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    persona_path_init(&p->personas, slash != NULL ? path : NULL);
}

static bool load(struct program *p)
{
    const struct command_line *line = &p->line;
    struct server_source *none = arena_get(&p->arena, 1, sizeof *none);
    conf_init(&p->conf, &p->arena, line->mode == COMMAND_EXPLAIN ? "--explain" : "--persona",
              SPAN(""));
    if (line->persona != NULL) {
        return server_load_persona(&p->conf, &p->personas, line->persona, &p->config);
    }
    if (line->config != NULL) {
        return server_load_file(&p->conf, &p->personas, line->config, &p->config);
    }
    return none != NULL && server_resolve(&p->conf, &p->personas, none, &p->config);
}

static int list_personas(struct program *p)
{
    const char *names[PERSONAS_MAX];
    size_t count = persona_names(&p->personas, &p->arena, names, PERSONAS_MAX);
    int status = EXIT_FINE;
    for (size_t i = 0; i < count && status == EXIT_FINE; i++) {
        struct server_config config = {0};
        conf_init(&p->conf, &p->arena, names[i], SPAN(""));
        if (!server_load_persona(&p->conf, &p->personas, names[i], &config)) {
            return complain(EXIT_FILE, p->conf.error);
        }
        status = printf("%-22s %s\n", names[i], config.title == NULL ? "" : config.title) < 0
                     ? EXIT_SYSTEM
                     : status;
    }
    if (count == 0) {
        return complain(EXIT_SYSTEM,
                        "no directory of personas was found; RELAYLAB_PERSONAS may name one");
    }
    return print("") != EXIT_FINE ? EXIT_SYSTEM : status;
}

static int explain(struct program *p)
{
    char *page = arena_get(&p->arena, PAGE_ROOM, 1);
    struct strbuf out;
    if (page == NULL) {
        return complain(EXIT_SYSTEM, "out of memory");
    }
    if (!load(p)) {
        return complain(EXIT_USAGE, p->conf.error);
    }
    strbuf_init(&out, page, PAGE_ROOM);
    explain_server(&out, &p->config);
    return print(page);
}

/* Serving. */

static void on_log_failed(void *self, const char *why)
{
    struct program *p = self;
    (void)fprintf(stderr, "mockmta: --log %s: %s\n", p->log.path, why);
    p->status = EXIT_SYSTEM;
    world_stop(p->world);
}

/* The client must not hear that its message was accepted: nothing is sent any more. */
static void end_at_once(struct program *p, const char *why)
{
    (void)fprintf(stderr, "mockmta: --save %s\n", why);
    if (p->logging) {
        log_flush(&p->log);
    }
    _exit(EXIT_SYSTEM);
}

static void on_drain(void *self)
{
    struct program *p = self;
    if (mock_queue_length(p->mock) == 0) {
        world_stop(p->world);
        return;
    }
    world_timer_set(p->world, &p->drain, world_now(p->world) + DRAIN_GRACE);
}

static void on_accepted(struct program *p, const struct mock_event *e)
{
    char memory[1024];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    if (p->line.save != NULL && !save_message(p->line.save, world_epoch(p->world), e, &error)) {
        end_at_once(p, memory);
    }
    if (p->line.exit_after != 0 && mock_messages(p->mock) == p->line.exit_after) {
        mock_drain(p->mock);
        world_timer_set(p->world, &p->drain, world_now(p->world) + DRAIN_GRACE);
    }
}

static void on_event(void *self, struct mock *m, const struct mock_event *e)
{
    struct program *p = self;
    (void)m;
    if (p->logging) {
        log_event(&p->log, e);
    }
    if (e->kind == MOCK_ACCEPTED) {
        on_accepted(p, e);
    }
}

static void on_signal(void *self, int signal_number)
{
    struct program *p = self;
    (void)signal_number;
    world_stop(p->world);
}

static bool listen_at(struct program *p, const char *name, const struct endpoint *at,
                      struct strbuf *error)
{
    struct endpoint *bound = &p->bound[p->bound_count];
    struct strbuf why;
    char memory[256];
    strbuf_init(&why, memory, sizeof memory);
    if (!mock_listen(p->mock, name, at, bound, &why)) {
        strbuf_adds(error, "--listen ");
        endpoint_print(error, at);
        strbuf_addf(error, ": %s", memory);
        return false;
    }
    p->bound_name[p->bound_count++] = name;
    return true;
}

static bool name_is_known(const struct program *p, const char *name)
{
    for (size_t i = 0; i < p->config.listen.count; i++) {
        if (strcmp(p->config.listen.item[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_listeners(const struct program *p, struct strbuf *error)
{
    for (size_t i = 0; i < p->line.listen_count; i++) {
        const char *name = p->line.listen[i].name;
        if (name != NULL && !name_is_known(p, name)) {
            strbuf_addf(error, "--listen \"%s\": no such listener; this server has: ", name);
            for (size_t k = 0; k < p->config.listen.count; k++) {
                strbuf_addf(error, "%s%s", k == 0 ? "" : ", ", p->config.listen.item[k]);
            }
            return false;
        }
    }
    return true;
}

/* Addresses without a name are given to the config's listeners in order, further ones to the first;
   a listener that got none listens on a free port of loopback. */
static bool listen_all(struct program *p, struct strbuf *error)
{
    static const struct endpoint loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    bool served[SERVER_NAMES_MAX] = {false};
    size_t names = p->config.listen.count;
    size_t next = 0;
    for (size_t i = 0; i < p->line.listen_count; i++) {
        const struct command_listen *l = &p->line.listen[i];
        const char *name = l->name != NULL ? l->name
                                           : p->config.listen.item[next < names ? next++ : 0];
        for (size_t k = 0; k < names; k++) {
            served[k] = served[k] || strcmp(p->config.listen.item[k], name) == 0;
        }
        if (!listen_at(p, name, &l->at, error)) {
            return false;
        }
    }
    for (size_t k = 0; k < names; k++) {
        if (!served[k] && !listen_at(p, p->config.listen.item[k], &loopback, error)) {
            return false;
        }
    }
    return true;
}

static void add_endpoint(struct json *j, const struct endpoint *e)
{
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    endpoint_print(&text, e);
    json_string(j, "listen", memory);
}

static int say_ready(const struct program *p)
{
    char memory[16384];
    struct strbuf out;
    struct json j;
    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_string(&j, "event", "ready");
    json_int(&j, "pid", getpid());
    add_endpoint(&j, &p->bound[0]);
    json_open(&j, "listeners", '[');
    for (size_t i = 0; i < p->bound_count; i++) {
        json_open(&j, NULL, '{');
        json_string(&j, "name", p->bound_name[i]);
        add_endpoint(&j, &p->bound[i]);
        json_close(&j);
    }
    json_close(&j);
    json_string(&j, "persona", p->line.persona);
    json_close(&j);
    strbuf_addc(&out, '\n');
    return print(memory);
}

/* As many descriptors as the host allows: a session is one. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct program *p)
{
    int status = say_ready(p);
    if (status != EXIT_FINE) {
        return status;
    }
    loop_run(p->loop);
    return p->status != EXIT_FINE      ? p->status
           : loop_signal(p->loop) != 0 ? EXIT_SIGNAL + loop_signal(p->loop)
                                       : EXIT_FINE;
}

static int open_world(struct program *p, struct strbuf *error)
{
    struct loop_config config = {
        .links_max = LINKS_MAX, .catch_signals = true, .on_signal = on_signal, .self = p};
    bool content = p->line.save != NULL;
    struct mock_observer observer = {.self = p, .no_content = !content};
    struct mock_limits limits = {.routes_max = COMMAND_ROUTES_MAX};
    if (p->logging || content || p->line.exit_after != 0) {
        observer.see = on_event;
    }
    p->loop = loop_new(&config, error);
    if (p->loop == NULL) {
        return EXIT_SYSTEM;
    }
    p->world = loop_world(p->loop);
    world_timer_init(&p->drain, on_drain, p);
    p->mock = mock_new(p->world, &p->config, p->line.route, p->line.route_count, &limits, observer);
    if (p->mock == NULL) {
        strbuf_adds(error, "out of memory");
        return EXIT_SYSTEM;
    }
    return listen_all(p, error) ? EXIT_FINE : EXIT_SYSTEM;
}

static void close_world(struct program *p)
{
    if (p->logging) {
        log_close(&p->log);
    }
    mock_free(p->mock);
    if (p->loop != NULL) {
        loop_free(p->loop);
    }
}

static int serve(struct program *p)
{
    char memory[1024];
    struct strbuf error;
    strbuf_init(&error, memory, sizeof memory);
    if (!load(p)) {
        return complain(p->line.persona != NULL && p->line.config == NULL ? EXIT_USAGE : EXIT_FILE,
                        p->conf.error);
    }
    if (!check_listeners(p, &error)) {
        return complain(EXIT_USAGE, memory);
    }
    if (p->line.save != NULL && !save_check(p->line.save, &error)) {
        (void)fputs("mockmta: --save ", stderr);
        (void)fprintf(stderr, "%s\n", memory);
        return EXIT_SYSTEM;
    }
    if (p->line.log != NULL && !log_open(&p->log, p->line.log, &error)) {
        (void)fprintf(stderr, "mockmta: --log %s\n", memory);
        return EXIT_SYSTEM;
    }
    p->logging = p->line.log != NULL;
    raise_descriptors();
    int status = open_world(p, &error);
    if (p->logging && p->world != NULL) {
        log_start(&p->log, p->world, on_log_failed, p);
    }
    status = status == EXIT_FINE ? run(p) : complain(status, memory);
    close_world(p);
    return p->status != EXIT_FINE ? p->status : status;
}

static int help(void)
{
    char memory[4096];
    struct strbuf out;
    strbuf_init(&out, memory, sizeof memory);
    command_line_help(&out);
    return print(memory);
}

static int act(struct program *p)
{
    find_personas(p);
    switch (p->line.mode) {
    case COMMAND_SERVE:
        return serve(p);
    case COMMAND_LIST:
        return list_personas(p);
    case COMMAND_EXPLAIN:
        return explain(p);
    case COMMAND_VERSION:
        return print("mockmta " RELAYLAB_VERSION "\n");
    case COMMAND_HELP:
        return help();
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct program *p = calloc(1, sizeof *p);
    void *block = malloc(ARENA_ROOM);
    char memory[512];
    struct strbuf error;
    int status;
    standard_files_keep();
    (void)signal(SIGPIPE, SIG_IGN);
    strbuf_init(&error, memory, sizeof memory);
    if (p == NULL || block == NULL) {
        status = complain(EXIT_SYSTEM, "out of memory");
    } else if (!command_line_read(&p->line, argc, argv, &error)) {
        status = complain(EXIT_USAGE, memory);
    } else {
        arena_init(&p->arena, block, ARENA_ROOM);
        status = act(p);
    }
    free(p);
    free(block);
    return status;
}
