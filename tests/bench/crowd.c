/*
 * crowd - many targets in the simulator: a mix of 12 personas, so many at once, one sink
 *
 *     crowd [TARGETS [CONCURRENCY]]     default 100000 1000
 *
 * Prints verdicts that are wrong, then time and memory. Each persona is one server 20 ms away; each
 * target is a whole run of the probe (battery, tokens, controls, verdict) with a run of its own.
 *
 * The detector's memory is counted by itself: structs, what the probes took of the heap, the index
 * of tokens; what malloc adds is not in it. Resident is all that there is, with mocks, sink and
 * simulator. Both are told for the whole run and for its first tenth: what is bounded by
 * concurrency has its peak there already.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drive/sim/sim.h"
#include "mockmta/config/load.h"
#include "mockmta/mock.h"
#include "probe/home/arrivals.h"
#include "probe/home/sink.h"
#include "probe/home/token_index.h"

enum { BLOCK = 16 << 20, KINDS = 12, LOOK_EVERY = 100 /* targets that are done */ };

struct kind {
    const char *persona;
    enum verdict verdict;
};

static const struct kind kinds[KINDS] = {
    {"postfix-554", VERDICT_CLOSED},   {"open", VERDICT_OPEN},
    {"postfix-454", VERDICT_CLOSED},   {"exim", VERDICT_CLOSED},
    {"sendmail", VERDICT_CLOSED},      {"opensmtpd", VERDICT_CLOSED},
    {"auth-required", VERDICT_CLOSED}, {"discard", VERDICT_DISCARDS},
    {"qmail", VERDICT_BOUNCES},        {"blocklisted-client", VERDICT_INCONCLUSIVE},
    {"not-smtp", VERDICT_UNREACHABLE}, {"refuses-then-delivers", VERDICT_OPEN},
};

struct crowd;

struct slot {
    struct crowd *crowd;
    struct slot *next;
    unsigned number, kind;
    char run_id[32];
    struct probe *probe;
};

struct crowd {
    struct sim *sim;
    struct world *world;
    struct token_key key;
    struct token_index tokens;
    struct server_config config[KINDS];
    struct mock *mock[KINDS];
    struct endpoint at[KINDS], sink_at;
    struct slot *slots, *over;
    struct world_timer turn;
    unsigned at_once;
    unsigned long begun, done, wanted, wrong, strays;
    size_t octets_peak, octets_early;   /* of the detector; of the first tenth */
    long resident_peak, resident_early; /* KiB */
};

/* Of this program alone: what getrusage tells counts the memory of whoever started it. */
static long resident_peak_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return kib;
}

static void look_at_memory(struct crowd *c)
{
    size_t octets = token_index_octets(&c->tokens);
    for (unsigned i = 0; i < c->at_once; i++) {
        octets += sizeof *c->slots + probe_size() + c->slots[i].probe->memory.bytes;
    }
    c->octets_peak = octets > c->octets_peak ? octets : c->octets_peak;
    c->resident_peak = resident_peak_kib();
    if (c->done <= c->wanted / 10) {
        c->octets_early = c->octets_peak;
        c->resident_early = c->resident_peak;
    }
}

static struct token_pair pair_of(const struct probe *p, size_t i)
{
    return i < p->result_count ? form_tokens(&p->results[i].form)
                               : p->controls[i - p->result_count].tokens;
}

static void each_token(struct slot *s, bool add)
{
    struct token_index *x = &s->crowd->tokens;
    for (size_t i = 0; i < s->probe->result_count + 2 * s->probe->canary_count; i++) {
        const struct token_pair pair = pair_of(s->probe, i);
        if (add) {
            (void)token_index_add(x, &pair.sender, s->number);
            (void)token_index_add(x, &pair.recipient, s->number);
        } else {
            token_index_remove(x, &pair.sender, s->number);
            token_index_remove(x, &pair.recipient, s->number);
        }
    }
}

static struct probe *probe_in(struct crowd *c, struct span text)
{
    size_t at = 0;
    while ((at = token_find(text, at)) != SIZE_MAX) {
        struct span token = {text.ptr + at, TOKEN_LEN};
        uint32_t number;
        size_t cursor = 0;
        while ((number = token_index_next(&c->tokens, token, &cursor)) != TOKEN_NOBODY) {
            if (arrival_form_in(c->slots[number].probe, token) != ARRIVAL_NO_FORM) {
                return c->slots[number].probe;
            }
        }
        at += TOKEN_LEN;
    }
    return NULL;
}

static void mail_came(void *self, const struct mail_view *mail, bool truncated)
{
    struct crowd *c = self;
    struct probe *p = mail->recipient_count > 0 ? probe_in(c, mail->recipients[0]) : NULL;
    (void)truncated;
    p = p != NULL ? p : probe_in(c, mail->content);
    if (p != NULL) {
        probe_arrival(p, mail);
    } else {
        c->strays++;
    }
}

static void finished(void *self, const struct probe *p)
{
    struct slot *s = self;
    (void)p;
    s->next = s->crowd->over;
    s->crowd->over = s;
    world_timer_set(s->crowd->world, &s->crowd->turn, world_now(s->crowd->world));
}

static void begin(struct slot *s)
{
    struct crowd *c = s->crowd;
    struct probe_observer observer = {.finished = finished, .self = s};
    unsigned long number = c->begun++;
    s->kind = (unsigned)(number % KINDS);
    (void)snprintf(s->run_id, sizeof s->run_id, "crowd-%lu", number);
    struct probe_config config = {
        .canary_local = SPAN("probe"),
        .canary_domain = SPAN("canary.test"),
        .target = c->at[s->kind],
        .target_name = SPAN("mx.victim.test"),
        .local_domain = SPAN("victim.test"),
        .mailbox = true,
        .control_route = c->sink_at,
        .wait_ns = CLOCK_MINUTE,
        .max_time_ns = CLOCK_HOUR,
        .timeouts = smtp_timeouts_rfc5321,
        .key = &c->key,
        .rate = 6000,
        .pipelining = true,
        .run_id = span_of(s->run_id)};
    probe_start(s->probe, c->world, &config, &observer);
    each_token(s, true);
}

static void take_turn(void *self)
{
    struct crowd *c = self;
    while (c->over != NULL) {
        struct slot *s = c->over;
        const struct verdict_result *v = probe_verdict(s->probe);
        c->over = s->next;
        c->done++;
        if (c->done % LOOK_EVERY == 1) {
            look_at_memory(c);
        }
        if (v->verdict != kinds[s->kind].verdict && c->wrong++ < 10) {
            printf("wrong: %s: %s: %s\n", kinds[s->kind].persona, verdict_name(v->verdict),
                   v->reason);
        }
        each_token(s, false);
        if (c->begun < c->wanted) {
            begin(s);
        }
    }
}

static bool prepare(struct crowd *c)
{
    static char block[BLOCK];
    static const uint8_t secret[TOKEN_SECRET_LEN] = {1};
    struct sim_config sim = {.seed = 1,
                             .epoch_s = 1800000000,
                             .latency_ns = 10 * CLOCK_MS,
                             .events_max = UINT64_MAX,
                             .time_max_ns = CLOCK_NEVER,
                             .bytes_max = UINT64_MAX};
    struct mock_limits limits = {.queue_max = 1u << 20, .content_max = UINT64_MAX / 2};
    struct sink_owner owner = {.mail = mail_came, .self = c};
    char memory[128];
    struct strbuf error;
    struct persona_path path;
    struct arena arena;
    struct endpoint any;
    strbuf_init(&error, memory, sizeof memory);
    arena_init(&arena, block, sizeof block);
    persona_path_init(&path, "build");
    endpoint_parse(SPAN("127.0.0.1:0"), true, &any);
    c->sim = sim_new(&sim);
    c->world = sim_world(c->sim);
    struct sink *sink = sink_new(c->world, owner);
    sink_set_sessions_max(sink, 1u << 20);
    if (!token_key_init(&c->key, secret) || !sink_domain_add(sink, SPAN("canary.test")) ||
        !sink_listen(sink, &any, &c->sink_at, &error)) {
        return false;
    }
    struct mock_route route = {"canary.test", c->sink_at};
    for (unsigned i = 0; i < KINDS; i++) {
        struct conf conf;
        conf_init(&conf, &arena, kinds[i].persona, SPAN(""));
        if (!server_load_persona(&conf, &path, kinds[i].persona, &c->config[i])) {
            fprintf(stderr, "%s\n", conf.error);
            return false;
        }
        c->mock[i] = mock_new(c->world, &c->config[i], &route, 1, &limits,
                              (struct mock_observer){.no_content = true});
        if (c->mock[i] == NULL || !mock_listen(c->mock[i], NULL, &any, &c->at[i], &error)) {
            return false;
        }
    }
    c->slots = calloc(c->at_once, sizeof *c->slots);
    world_timer_init(&c->turn, take_turn, c);
    for (unsigned i = 0; i < c->at_once; i++) {
        c->slots[i] = (struct slot){.crowd = c, .number = i, .probe = calloc(1, probe_size())};
        begin(&c->slots[i]);
    }
    return true;
}

static void print_figures(const struct crowd *c, double seconds)
{
    double cpu = (double)clock() / CLOCKS_PER_SEC;
    printf("  %lu targets, %u at once: %lu wrong\n", c->done, c->at_once, c->wrong);
    printf("  %.0f s of wall time, %.0f s virtual; CPU %.1f s, %.2f ms a target, both sides\n",
           seconds, (double)world_now(c->world) / (double)CLOCK_SECOND, cpu,
           cpu * 1000 / (double)c->done);
    printf("  detector: %.1f KiB for each in flight at its peak (to reach: 24); %.1f within the "
           "first tenth\n",
           (double)c->octets_peak / 1024 / c->at_once, (double)c->octets_early / 1024 / c->at_once);
    printf(
        "  resident: %.1f MiB at its peak, with mocks, sink and simulator; %.1f within the first "
        "tenth\n",
        (double)c->resident_peak / 1024, (double)c->resident_early / 1024);
}

int main(int argc, char **argv)
{
    static struct crowd c;
    c.wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    c.at_once = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
    time_t start = time(NULL);
    if (!prepare(&c)) {
        fputs("crowd: cannot begin\n", stderr);
        return 1;
    }
    enum sim_end end = sim_run(c.sim, CLOCK_NEVER);
    print_figures(&c, difftime(time(NULL), start));
    return c.done == c.wanted && c.wrong == 0 && end != SIM_MEMORY ? 0 : 1;
}
