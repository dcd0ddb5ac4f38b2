/*
 * options.h - relaylab's command line
 *
 * Errors: one sentence that names the option.
 */
#ifndef RELAYLAB_SCENARIOS_OPTIONS_H
#define RELAYLAB_SCENARIOS_OPTIONS_H

#include "scenarios/judge/outcome.h"

enum command {
    COMMAND_RUN,
    COMMAND_LIST,
    COMMAND_LINT,
    COMMAND_EXPLAIN,
    COMMAND_SCHEMA,
    COMMAND_SCORE,
    COMMAND_ADAPTER,
    COMMAND_CHECK,
    COMMAND_DIFF,
    COMMAND_HELP,
    COMMAND_VERSION
};

enum {
    OPTIONS_TAGS_MAX = 16,
    OPTIONS_JOBS_MAX = 64,
    OPTIONS_DETECTORS_MAX = 16,
    OPTIONS_SHARDS_MAX = 1024,
    OPTIONS_REPEAT_MAX = 1000000
};

struct options {
    enum command command;
    enum run_world world;
    uint64_t seed;
    unsigned jobs;
    unsigned wall_s;
    const char *tags[OPTIONS_TAGS_MAX];
    size_t tag_count;
    const char *tap, *jsonl, *junit, *page; /* files; NULL: none. page: run --markdown FILE */
    const char *last; /* where it is kept what failed; NULL: the usual place */
    bool failed, list, until_fail;
    unsigned shard, shards; /* shards 0: all */
    unsigned repeat;        /* rounds; 0: not given */
    bool terminal;          /* standard error is one: progress is shown there */
    bool verbose;
    bool markdown; /* schema: the reference page instead; score: a table for a page */
    const char *detectors[OPTIONS_DETECTORS_MAX]; /* names or manifests */
    size_t detector_count;
    bool json;                            /* score, diff */
    bool explain;                         /* score: each mistake with its transcript */
    bool update;                          /* known failures are written anew */
    const char *config, *inside, *domain; /* check; NULL: not given */
    char **arguments;                     /* files, directories, globs */
    int argument_count;
};

/* argv is put in order: options may stand anywhere. */
bool options_read(struct options *o, int argc, char **argv, struct strbuf *error);
void options_usage(struct strbuf *out);

#endif
