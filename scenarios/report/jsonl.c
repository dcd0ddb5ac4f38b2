/*
 * jsonl.c - results as JSON Lines: one object a case, and one for the sum
 */
#include "lib/base/json.h"
#include "scenarios/report/events.h"

enum { JSONL_SCHEMA_VERSION = 1, JSONL_LINE_MAX = 32768, JSONL_STORY_MAX = 65536 };

static void begin(struct event_writer *w, size_t jobs)
{
    (void)w;
    (void)jobs;
}

static void write_result(struct json *j, const struct event *e)
{
    const struct outcome *o = e->out;

    json_open(j, NULL, '{');
    json_int(j, "schema_version", JSONL_SCHEMA_VERSION);
    json_string(j, "event", "result");
    json_int(j, "number", (int64_t)e->number);
    if (e->round > 0)
        json_int(j, "round", (int64_t)e->round);
    json_string(j, "id", o->id);
    json_string(j, "path", e->path);
    json_string(j, "title", o->title);
    json_string(j, "status", outcome_status_name(o->status));
    json_string(j, "world", run_world_name(o->world));
    json_int(j, "seed", (int64_t)(o->seed & INT64_MAX));
    json_string(j, "truth", o->truth != TRUTH_UNSET ? case_truth_name(o->truth) : NULL);
    json_string(j, "verdict", o->verdict >= 0 ? verdict_name((enum verdict)o->verdict) : NULL);
    json_string(j, "reason_code", o->reason_code);
    json_string(j, "reason", o->reason);
    json_string(j, "mark", o->verdict >= 0 ? mark_name(o->mark) : NULL);
    json_int(j, "elapsed_ms", o->elapsed_ns / CLOCK_MS);
    json_int(j, "wall_ms", o->wall_ns / CLOCK_MS);
    json_int(j, "connections", (int64_t)o->connections);
    json_int(j, "deliveries", o->deliveries);
    json_string(j, "died", e->died);
    json_text(j, "story", span_to(e->story, JSONL_STORY_MAX));
    json_close(j);
}

static void result(struct event_writer *w, const struct event *e)
{
    /* A story of control characters only would grow sixfold. */
    char memory[JSONL_LINE_MAX + 6 * JSONL_STORY_MAX];
    struct strbuf out;
    struct json j;

    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    write_result(&j, e);
    strbuf_addc(&out, '\n');
    events_write(w->to, strbuf_span(&out));
}

static void end(struct event_writer *w, const struct event_totals *t)
{
    char memory[512];
    struct strbuf out;
    struct json j;

    strbuf_init(&out, memory, sizeof memory);
    json_init(&j, &out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", JSONL_SCHEMA_VERSION);
    json_string(&j, "event", "summary");
    json_int(&j, "passed", (int64_t)t->passed);
    json_int(&j, "failed", (int64_t)t->failed);
    json_int(&j, "skipped", (int64_t)t->skipped);
    if (t->rounds > 1) {
        json_int(&j, "rounds", (int64_t)t->rounds);
        json_int(&j, "flaky", (int64_t)t->flaky_count);
    }
    if (t->signal != 0) {
        json_int(&j, "unfinished", (int64_t)t->unfinished);
        json_int(&j, "signal", t->signal);
    }
    json_close(&j);
    strbuf_addc(&out, '\n');
    events_write(w->to, strbuf_span(&out));
}

const struct event_writer jsonl_writer = {.begin = begin, .result = result, .end = end};
