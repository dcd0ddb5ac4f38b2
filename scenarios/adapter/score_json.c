/*
 * score_json.c - the scorecard as one JSON object
 */
#include "lib/base/json.h"
#include "scenarios/adapter/ruling.h"
#include "scenarios/adapter/score.h"

enum { SCORE_SCHEMA_VERSION = 1 };

static void write_sum(struct json *j, const struct score_sum *s)
{
    json_int(j, "missed_relays", (int64_t)s->missed);
    json_int(j, "false_alarms", (int64_t)s->alarms);
    json_int(j, "undecided", (int64_t)s->undecided);
    json_int(j, "no_verdict", (int64_t)s->silent);
    json_int(j, "decided", (int64_t)s->decided);
    json_int(j, "decidable", (int64_t)s->decidable);
    json_int(j, "passed", (int64_t)s->passed);
    json_int(j, "applicable", (int64_t)s->applicable);
    json_int(j, "total", (int64_t)s->total);
    json_int(j, "mails", (int64_t)s->use.mails);
    json_int(j, "connections", (int64_t)s->use.connections);
    json_int(j, "commands", (int64_t)s->use.commands);
    json_int(j, "commands_after_quit", (int64_t)s->use.after_quit);
    json_int(j, "bare_lfs", (int64_t)s->use.bare_lfs);
    json_int(j, "wall_ms", s->wall_ns / CLOCK_MS);
}

static void write_detector(struct json *j, const struct score *s, const struct score_detector *d)
{
    const struct adapter *a = &d->manifest.adapter;

    json_open(j, NULL, '{');
    json_string(j, "name", a->name);
    json_string(j, "title", a->title);
    json_string(j, "version", d->version[0] != '\0' ? d->version : NULL);
    json_string(j, "words", a->words == WORDS_SEVEN ? "seven" : "four");
    json_bool(j, "baseline", a->baseline);
    json_string(j, "unscored", d->unscored[0] != '\0' ? d->unscored : NULL);
    write_sum(j, &d->sum);
    json_open(j, "caveats", '{');
    for (size_t i = 0; i < s->group_count; i++) {
        struct score_sum sum;

        score_sum_group(s, d, s->group[i], &sum);
        json_open(j, s->group[i], '{');
        write_sum(j, &sum);
        json_close(j);
    }
    json_close(j);
    json_close(j);
}

static void write_result(struct json *j, const struct score_detector *d, size_t index)
{
    const struct outcome *o = &d->cells[index];
    bool ran = d->unscored[0] == '\0' && o->status != OUTCOME_SKIPPED;

    json_open(j, d->manifest.adapter.name, '{');
    json_string(j, "result", score_cell(d, index));
    json_string(j, "status", d->unscored[0] != '\0' ? "skip" : outcome_status_name(o->status));
    if (ran) {
        json_string(j, "verdict", o->verdict >= 0 ? adapter_verdict_name(o->verdict) : NULL);
        json_string(j, "mark", o->said == (int)SAID_VERDICT ? mark_name(o->mark) : NULL);
        json_int(j, "mails", (int64_t)o->use.mails);
        json_int(j, "connections", (int64_t)o->use.connections);
        json_int(j, "commands_after_quit", (int64_t)o->use.after_quit);
        json_int(j, "bare_lfs", (int64_t)o->use.bare_lfs);
        json_int(j, "wall_ms", o->elapsed_ns / CLOCK_MS);
    }
    json_string(j, "reason", o->reason);
    if (d->stories != NULL)
        json_string(j, "story", d->stories[index]);
    json_close(j);
}

static void write_case(struct json *j, const struct score *s, size_t index)
{
    const struct outcome *o = score_case(s, index);

    if (o == NULL)
        return;
    json_open(j, NULL, '{');
    json_string(j, "id", o->id);
    json_string(j, "path", s->task.jobs[index].path);
    json_string(j, "title", o->title);
    json_string(j, "truth", o->truth != TRUTH_UNSET ? case_truth_name(o->truth) : NULL);
    json_string(j, "caveat", o->caveat);
    json_open(j, "results", '{');
    for (size_t i = 0; i < s->detector_count; i++)
        write_result(j, &s->detectors[i], index);
    json_close(j);
    json_close(j);
}

void score_json(const struct score *s, struct strbuf *out)
{
    struct json j;

    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_int(&j, "schema_version", SCORE_SCHEMA_VERSION);
    json_open(&j, "detectors", '[');
    for (size_t i = 0; i < s->detector_count; i++)
        write_detector(&j, s, &s->detectors[i]);
    json_close(&j);
    json_open(&j, "cases", '[');
    for (size_t i = 0; i < s->task.job_count; i++)
        write_case(&j, s, i);
    json_close(&j);
    json_close(&j);
    strbuf_addc(out, '\n');
}
