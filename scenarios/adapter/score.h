/*
 * score.h - relaylab score: cases and detectors in one table
 *
 * Every detector is calibrated first, by an open and a closed server; one that says the same of
 * both (or nothing) is not scored, unless it is a baseline. Then every case runs with every
 * detector. There is no overall rank: what a mistake costs is the reader's to say.
 *
 * Exit status as in commands.h: 1 when a detector that has an expectation file (known.h) did not do
 * as it says.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_SCORE_H
#define RELAYLAB_SCENARIOS_ADAPTER_SCORE_H

#include "scenarios/adapter/known.h"
#include "scenarios/options.h"
#include "scenarios/run.h"

#include <stdio.h>

enum { CALIBRATION_OPEN, CALIBRATION_CLOSED, CALIBRATION_COUNT };
enum { SCORE_OUTPUT_MAX = 16777216, SCORE_GROUPS_MAX = 128, SCORE_GROUP_LEN = 16 };

struct score_task {
    const struct options *o;
    const struct persona_path *personas;
    const struct adapter_path *adapters;
    const struct run_job *jobs;
    size_t job_count;
};

struct score_sum {
    uint64_t passed, applicable, total;
    uint64_t decidable; /* the truth is open or closed, and who asks can know it */
    uint64_t decided;   /* of those: open, closed, bounces or discards was said */
    uint64_t missed, alarms, undecided;
    uint64_t silent; /* no verdict: crashed, timed out, nothing said */
    struct detector_use use;
    int64_t wall_ns;
};

struct score_detector {
    struct manifest manifest;
    struct known known;
    char version[64]; /* empty: not known */
    struct outcome calibration[CALIBRATION_COUNT];
    char unscored[128];    /* why it is not; empty: it is */
    struct outcome *cells; /* by case */
    char **stories;        /* with --explain: by case, what went wrong; NULL where nothing did */
    struct score_sum sum;
    unsigned surprises; /* against its expectation file */
};

struct score {
    struct score_task task;
    struct score_detector *detectors;
    size_t detector_count;
    char group[SCORE_GROUPS_MAX][SCORE_GROUP_LEN]; /* caveats, sorted */
    size_t group_count;
};

int score_command(const struct score_task *task);

/* The cell of a case in any detector that was scored: its id, title, truth. NULL: none was. */
const struct outcome *score_case(const struct score *s, size_t index);
/* Fills in s->group, sorted. */
void score_list_groups(struct score *s);
void score_sum_group(const struct score *s, const struct score_detector *d, const char *group,
                     struct score_sum *out);
/* "right", "ALARM", "MISSED", "undecided", "-" (not applicable), "crashed", ... */
const char *score_cell(const struct score_detector *d, size_t index);
void score_text(const struct score *s, struct strbuf *out);
void score_markdown(const struct score *s, struct strbuf *out);
void score_json(const struct score *s, struct strbuf *out);

/* Keeps the story of a cell that failed; does nothing without --explain. */
void score_keep_story(struct score_detector *d, size_t index, struct span story);
/* Each failure with its transcript, case by case. */
void score_explain(const struct score *s, bool markdown, FILE *to);
void score_forget_stories(struct score_detector *d, size_t count);

#endif
