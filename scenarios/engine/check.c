/*
 * check.c - a case that nobody wrote: somebody's server, and the questions of a postmaster
 *
 * All of it happens inside the namespace, in one child; a text and a status come out. From inside a
 * server relays by design, so that answer is told and changes no status.
 */
#include "scenarios/engine/check_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/engine/world.h"

enum { CHECK_USAGE = 2, CHECK_ENGINE = 71, CHECK_MISSING = 77, LOADED_MAX = 2097152 };

static const int64_t window_ns = 3 * CLOCK_SECOND;

static int complain(int status, const char *what)
{
    (void)fprintf(stderr, "relaylab: %s\n", what);
    return status;
}

bool check_ask(struct check *c, const char *forms, int64_t wait_ns, struct trial_result *r)
{
    c->c.probe = (struct case_probe){
        .forms = forms,
        .wait_ns = wait_ns,
        .max_time_ns = 20 * CLOCK_SECOND,
        .retry_ns = 2 * CLOCK_SECOND,
        .domain = c->request->domain,
        .pipelining = true,
        .exhaustive = forms == NULL};
    trial_run(c->trial, &c->c, WORLD_REAL, c->request->seed, r);
    return r->verdict != NULL;
}

static bool is_plain(const struct form_result *f)
{
    return strcmp(f->form.id, "S1-R1") == 0;
}

/* Who lets the plain form through lets most of them through: then their names are enough. */
static const struct form_result *tell_forms(struct check *c, const struct trial_result *r)
{
    const struct form_result *first = NULL;

    for (size_t i = 0; i < r->form_count; i++) {
        const struct form_result *f = &r->forms[i];
        const char *label = first == NULL ? "  relayed: " : "           ";

        if (!f->delivered)
            continue;
        first = first != NULL ? first : f;
        if (f != first && is_plain(first))
            strbuf_addf(&c->out, ", %s", f->form.id);
        else
            strbuf_addf(&c->out, "%s %s, sender: %s, recipient: %s%s", label, f->form.id,
                        f->form.sender->name, f->form.recipient->name, is_plain(f) ? "" : "\n");
    }
    if (first != NULL && is_plain(first))
        strbuf_addc(&c->out, '\n');
    return first;
}

static void tell(struct check *c, const struct trial_result *r)
{
    const struct verdict_result *v = r->verdict;

    strbuf_addf(&c->out, "%s: port %u, asked from %s, %s\n  why:      %s\n",
                verdict_name(v->verdict), (unsigned)c->server.port, c->vantage.source,
                strcmp(c->vantage.name, "outside") == 0 ? "a stranger's address"
                                                        : "inside its network",
                v->reason);
    strbuf_addf(&c->out, "  forms:    of %u, %u refused, %u accepted, %u undecided\n", v->total,
                v->refused, v->accepted, v->undecided);
}

/* Its last few lines: what it complains of when it does not answer. */
static void tell_log(struct check *c, struct span log)
{
    const size_t most = 1500;
    struct span tail = span_from(log, log.len > most ? log.len - most : 0), line;

    strbuf_adds(&c->out, "  the end of its log:\n");
    if (log.len > most)
        (void)span_cut(&tail, '\n', &line);
    while (tail.len > 0 && span_cut(&tail, '\n', &line))
        strbuf_addf(&c->out, "    %.*s\n", (int)line.len, line.ptr);
}

static bool ask_from(struct check *c, const char *name, const char *source, int *status)
{
    struct trial_result r;

    c->vantage = (struct case_vantage){.name = name, .source = source};
    const char *forms = strcmp(name, "outside") == 0 ? NULL : "quick";

    if (!check_ask(c, forms, window_ns, &r)) {
        strbuf_addf(&c->out, "%s\n", r.trouble);
        return false;
    }
    tell(c, &r);
    *status = verdict_exit_status(r.verdict->verdict);
    bool open = r.verdict->verdict == VERDICT_OPEN;
    if (*status == verdict_exit_status(VERDICT_UNREACHABLE) ||
        *status == verdict_exit_status(VERDICT_INCONCLUSIVE))
        tell_log(c, r.log);
    const struct form_result *form = tell_forms(c, &r);
    if (open && form != NULL && strcmp(name, "outside") == 0) {
        char id[FORM_ID_MAX];

        memcpy(id, form->form.id, sizeof id);
        check_experiment(c, id);
    } else if (open) {
        strbuf_adds(&c->out, "  note:     relaying for its own network is what a server is for\n");
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
        if (c->ports[i].wrapped) {
            strbuf_addf(&c->out, "port %u: TLS from the first octet; not asked\n",
                        c->ports[i].number);
            continue;
        }
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
    namespace_answer(to, c->out.ptr, c->out.len);
}

static void make_case(struct check *c)
{
    c->mailbox_domains[0] = "canary.test";
    c->mailbox = (struct case_mailbox){.name = "canary", .domains = {c->mailbox_domains, 1}};
    c->server = (struct case_server){.name = "server",
                                     .engine_name = c->engine->name,
                                     .engine = c->engine,
                                     .directory = c->config,
                                     .config = {.hostname = "mx.victim.test"}};
    c->c = (struct case_file){.name = "check",
                              .time = TIME_REAL,
                              .servers = &c->server,
                              .server_count = 1,
                              .mailboxes = &c->mailbox,
                              .mailbox_count = 1,
                              .vantage = &c->vantage,
                              .target = &c->server};
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

static int run(struct check *c, struct engine_world *w)
{
    char *answer = malloc(CHECK_TEXT_MAX + sizeof(int)), why[1024];
    struct strbuf error;
    size_t len = 0;
    int status = CHECK_ENGINE;

    strbuf_init(&error, why, sizeof why);
    strbuf_init(&c->out, c->text, sizeof c->text);
    if (answer == NULL)
        return complain(CHECK_ENGINE, "out of memory");
    enum namespace_end end = namespace_call(engine_world_config(w), inside, c, answer,
                                            CHECK_TEXT_MAX + sizeof(int), &len, &error);
    if (end == NAMESPACE_DONE && len >= sizeof status) {
        memcpy(&status, answer, sizeof status);
        (void)fwrite(answer + sizeof status, 1, len - sizeof status, stdout);
    } else {
        (void)complain(status, why);
    }
    free(answer);
    return status;
}

static int check(struct check *c, struct engine_world *w)
{
    const char *package = engine_missing(c->engine);

    if (package != NULL) {
        (void)fprintf(stderr, "relaylab: %s is missing: ci/deps %s && ci/unpack %s\n", package,
                      c->engine->name, c->engine->name);
        return CHECK_MISSING;
    }
    if (!engine_whole_path(c->request->config, c->config, sizeof c->config)) {
        (void)fprintf(stderr, "relaylab: --config: %s: cannot be read\n", c->request->config);
        return CHECK_USAGE;
    }
    engine_world_init(w);
    engine_world_engine(w, c->engine);
    engine_world_server(w, 0, "mx.victim.test");
    engine_world_host(w, ENGINE_OUTSIDE, "probe.canary.test");
    if (!pick_inside(c, w))
        return complain(CHECK_USAGE, "--inside: write a network, like 192.0.2.0/24");
    make_case(c);
    return run(c, w);
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
        status = engine_load(&conf, r->engine, &engine) ? check(c, w)
                                                        : complain(CHECK_USAGE, conf.error);
    }
    free(block);
    free(w);
    free(c);
    return status;
}
