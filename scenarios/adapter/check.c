/*
 * check.c - four cases of its own (adapters/calibration), run one after another in this process
 *
 * A baseline is constant on purpose, so of it only is asked that it answers at all.
 */
#include "scenarios/adapter/check.h"

#include "scenarios/adapter/process.h"
#include "scenarios/adapter/ruling.h"
#include "scenarios/commands.h"
#include "scenarios/report/events.h"
#include "scenarios/run.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_STORY_MAX = 65536, SILENT_LIMIT_S = 3 };

struct check {
    const struct options *o;
    const struct persona_path *personas;
    const struct adapter_path *adapters;
    struct manifest manifest;
    unsigned failed;
    uint64_t most; /* octets of output in one case */
    char story[CHECK_STORY_MAX];
};

static void line(struct check *k, bool good, const char *what, const char *detail)
{
    char memory[1024];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory - 1);
    strbuf_addf(&out, "%-4s  %-24s  ", good ? "ok" : "FAIL", what);
    strbuf_add_visible(&out, span_of(detail));
    strbuf_addc(&out, '\n');
    events_write(stdout, strbuf_span(&out));
    k->failed += !good;
}

static int complain(int status, const char *what)
{
    char memory[CONF_ERROR_MAX + 512];
    struct strbuf out;

    strbuf_init(&out, memory, sizeof memory);
    strbuf_addf(&out, "relaylab: %s\n", what);
    events_write(stderr, strbuf_span(&out));
    return status;
}

/* False: the case is not there. */
static bool run_case(struct check *k, const struct adapter *a, const char *name,
                     struct outcome *out)
{
    const struct run_config config = {.world = RUN_REAL,
                                      .seed = k->o->seed,
                                      .verbose = k->o->verbose,
                                      .personas = k->personas,
                                      .detector = a,
                                      .adapters = k->adapters};
    char path[ADAPTER_PATH_MAX];
    struct strbuf story;

    *out = (struct outcome){.verdict = -1};
    if (!adapter_path_find(k->adapters, name, path)) {
        line(k, false, name, "the calibration cases are not found in the folder of adapters");
        return false;
    }
    struct runner *r = runner_new(&config);
    if (r == NULL) {
        line(k, false, name, "out of memory");
        return false;
    }
    const struct run_job job = {path, 0};
    strbuf_init(&story, k->story, sizeof k->story);
    runner_perform(r, &job, out, &story);
    runner_free(r);
    return true;
}

static void say(const struct outcome *o, struct strbuf *out)
{
    if (o->said != (int)SAID_VERDICT)
        strbuf_adds(out, said_kind_name((enum said_kind)o->said));
    else
        strbuf_adds(out, adapter_verdict_name(o->verdict));
    if (o->reason[0] != '\0')
        strbuf_addf(out, " (%s)", o->reason);
    strbuf_adds(out, ", ");
    clock_print_human(out, o->elapsed_ns);
}

static void ask(struct check *k, const char *what, const char *name)
{
    const struct adapter *a = &k->manifest.adapter;
    char memory[512];
    struct strbuf text;
    struct outcome o;

    if (!run_case(k, a, name, &o))
        return;
    bool good = a->baseline ? o.said == (int)SAID_VERDICT : o.status == OUTCOME_PASSED;
    strbuf_init(&text, memory, sizeof memory);
    say(&o, &text);
    line(k, good, what, memory);
    if (o.use.output > k->most)
        k->most = o.use.output;
    if (!good || k->o->verbose)
        events_write(stdout, span_of(k->story));
}

/* Nobody is there: any word, and no crash. */
static void ask_nobody(struct check *k)
{
    const struct adapter *a = &k->manifest.adapter;
    char memory[512];
    struct strbuf text;
    struct outcome o;

    if (!run_case(k, a, "calibration/nobody", &o))
        return;
    bool spoke = o.said == (int)SAID_VERDICT || o.said == (int)SAID_UNSUPPORTED;
    strbuf_init(&text, memory, sizeof memory);
    say(&o, &text);
    if (!a->baseline && (o.verdict == VERDICT_OPEN || o.verdict == VERDICT_CLOSED))
        strbuf_adds(&text, "; nobody was there: the detector's mistake, not the manifest's");
    line(k, spoke, "connection refused", memory);
    if (!spoke)
        events_write(stdout, span_of(k->story));
}

/* A server that accepts and is silent, and little time: it must be possible to end the detector. */
static void ask_silent(struct check *k)
{
    struct adapter hurried = k->manifest.adapter;
    char memory[512];
    struct strbuf text;
    struct outcome o;

    hurried.limits.time_ns = SILENT_LIMIT_S * CLOCK_SECOND;
    if (!run_case(k, &hurried, "calibration/silent", &o))
        return;
    bool in_time = o.elapsed_ns <= hurried.limits.time_ns + hurried.limits.grace_ns + CLOCK_SECOND;
    bool left = span_find(span_of(k->story), SPAN("outlived the detector")) != SIZE_MAX;
    strbuf_init(&text, memory, sizeof memory);
    say(&o, &text);
    if (left)
        strbuf_adds(&text, "; processes outlived it");
    line(k, in_time && !left && o.said != (int)SAID_BROKEN, "time limit", memory);
}

static void ask_version(struct check *k)
{
    const struct adapter *a = &k->manifest.adapter;
    char version[64], memory[256];
    struct strbuf why;

    strbuf_init(&why, memory, sizeof memory);
    if (a->version.argv.count == 0)
        line(k, true, "version", "the manifest does not ask for it");
    else if (process_version(a, k->adapters, version, sizeof version, &why))
        line(k, true, "version", version);
    else
        line(k, false, "version", memory);
}

static void tell_output(struct check *k)
{
    char memory[128];
    struct strbuf text;

    strbuf_init(&text, memory, sizeof memory);
    strbuf_addf(&text, "%llu octets at most, of %llu that are kept", (unsigned long long)k->most,
                (unsigned long long)k->manifest.adapter.limits.output);
    line(k, k->most <= k->manifest.adapter.limits.output, "output", memory);
}

static int check_one(struct check *k, const char *name)
{
    k->failed = 0;
    k->most = 0;
    if (!manifest_open(&k->manifest, k->adapters, name)) {
        int status = k->manifest.unreadable ? STATUS_USAGE : STATUS_INVALID;

        complain(status, k->manifest.error);
        manifest_close(&k->manifest);
        return status;
    }
    line(k, true, "manifest", k->manifest.adapter.path);
    ask_version(k);
    ask(k, "calibration: open", "calibration/open");
    ask(k, "calibration: closed", "calibration/closed");
    ask_nobody(k);
    ask_silent(k);
    tell_output(k);
    manifest_close(&k->manifest);
    return k->failed > 0 ? STATUS_FAILED : STATUS_GOOD;
}

int adapter_command(const struct options *o, const struct persona_path *personas,
                    const struct adapter_path *adapters)
{
    int worst = STATUS_GOOD;

    if (o->argument_count < 2 || strcmp(o->arguments[0], "check") != 0)
        return complain(STATUS_USAGE, "adapter: write adapter check NAME|FILE ...");
    struct check *k = calloc(1, sizeof *k);
    if (k == NULL)
        return complain(STATUS_INTERNAL, "out of memory");
    k->o = o;
    k->personas = personas;
    k->adapters = adapters;
    for (int i = 1; i < o->argument_count; i++) {
        int status = check_one(k, o->arguments[i]);

        worst = status > worst ? status : worst;
    }
    free(k);
    return worst;
}
