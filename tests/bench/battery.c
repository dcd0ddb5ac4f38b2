/*
 * battery - full first batteries per second in the simulator: probe, tokens, mock server, report
 *
 *     battery [COUNT]     prints "RATE batteries/s COUNT batteries of FORMS forms"
 *
 * Each battery is a whole run of the probe against persona postfix-554 (with sink and controls) and
 * ends with its JSON report. Only CPU time counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drive/sim/sim.h"
#include "mockmta/config/load.h"
#include "mockmta/mock.h"
#include "probe/probe_state.h"
#include "probe/report/report.h"
#include "probe/home/sink.h"

enum { BLOCK = 4 << 20 };

struct bench {
    struct sim *sim;
    struct world *world;
    struct server_config config;
    struct token_key key;
    struct probe *probe;
    char *report;
    size_t report_bytes;
};

static void mail_came(void *self, const struct mail_view *mail, bool truncated)
{
    struct bench *b = self;
    (void)truncated;
    probe_arrival(b->probe, mail);
}

static void finished(void *self, const struct probe *p)
{
    struct bench *b = self;
    struct report report;
    struct strbuf out;
    strbuf_init(&out, b->report, REPORT_MAX);
    report_of(&report, p, SPAN("mx.victim.test"));
    report_json(&out, &report);
    b->report_bytes += out.len;
    world_stop(b->world);
}

static bool prepare(struct bench *b, struct arena *arena, struct conf *conf)
{
    struct persona_path path;
    static const uint8_t secret[TOKEN_SECRET_LEN] = {1};
    persona_path_init(&path, "build");
    conf_init(conf, arena, "postfix-554", SPAN(""));
    if (!server_load_persona(conf, &path, "postfix-554", &b->config)) {
        fprintf(stderr, "%s\n", conf->error);
        return false;
    }
    b->sim = sim_new(&(struct sim_config){.seed = 1, .epoch_s = 1800000000});
    b->probe = calloc(1, probe_size());
    b->report = malloc(REPORT_MAX);
    b->world = b->sim ? sim_world(b->sim) : NULL;
    return b->sim && b->probe && b->report && token_key_init(&b->key, secret);
}

/* One whole run; false when something of ours failed. */
static bool battery(struct bench *b, uint64_t seed)
{
    struct endpoint at, mx, sink_at;
    char memory[128];
    struct strbuf error;
    struct mock_observer nobody = {.see = NULL};
    struct sink_owner owner = {.mail = mail_came, .self = b};
    struct probe_observer observer = {.finished = finished, .self = b};
    strbuf_init(&error, memory, sizeof memory);
    sim_reset(b->sim, seed);
    endpoint_parse(SPAN("127.0.0.1:0"), true, &at);
    struct mock *mock = mock_new(b->world, &b->config, NULL, 0, NULL, nobody);
    struct sink *sink = sink_new(b->world, owner);
    if (!mock || !sink || !mock_listen(mock, NULL, &at, &mx, &error) ||
        !sink_domain_add(sink, SPAN("canary.test")) || !sink_listen(sink, &at, &sink_at, &error)) {
        return false;
    }
    struct probe_config config = {
        .canary_local = SPAN("probe"),
        .canary_domain = SPAN("canary.test"),
        .sender_local = SPAN("probe"),
        .sender_domain = SPAN("canary.test"),
        .helo = SPAN("probe.canary.test"),
        .contact = SPAN("postmaster@canary.test"),
        .target = mx,
        .target_name = SPAN("mx.victim.test"),
        .local_domain = SPAN("victim.test"),
        .forms = SPAN("first"),
        .mailbox = true,
        .control_route = sink_at,
        .wait_ns = CLOCK_MINUTE,
        .max_time_ns = CLOCK_HOUR,
        .retry_ns = CLOCK_MINUTE,
        .timeouts = smtp_timeouts_rfc5321,
        .key = &b->key,
        .run_id = SPAN("bench")};
    probe_start(b->probe, b->world, &config, &observer);
    sim_run(b->sim, CLOCK_NEVER);
    bool closed = probe_is_finished(b->probe) && probe_verdict(b->probe)->verdict == VERDICT_CLOSED;
    sink_free(sink);
    mock_free(mock);
    return closed;
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

int main(int argc, char **argv)
{
    static struct bench b;
    static char block[BLOCK];
    struct arena arena;
    struct conf conf;
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000;
    arena_init(&arena, block, sizeof block);
    if (!prepare(&b, &arena, &conf)) {
        return 1;
    }
    double start = cpu_seconds();
    for (unsigned long i = 0; i < count; i++) {
        if (!battery(&b, i)) {
            fprintf(stderr, "battery %lu did not end in closed\n", i);
            return 1;
        }
    }
    printf("%.0f batteries/s %lu batteries of %u forms\n", (double)count / (cpu_seconds() - start),
           count, probe_verdict(b.probe)->total);
    return 0;
}
