/*
 * options.c - one row per option (lib/conf/words.h); of one that comes again the last value holds
 */
#include "scenarios/options.h"

#include <string.h>

#include "lib/conf/words.h"

static bool set_world(struct options *o, const char *value)
{
    for (int w = RUN_VIRTUAL; w <= RUN_BOTH; w++)
        if (strcmp(run_world_name((enum run_world)w), value) == 0) {
            o->world = (enum run_world)w;
            return true;
        }
    return false;
}

static bool set_seed(struct options *o, const char *value)
{
    return span_uint(span_of(value), INT64_MAX, &o->seed);
}

static bool set_jobs(struct options *o, const char *value)
{
    uint64_t n;

    if (!span_uint(span_of(value), OPTIONS_JOBS_MAX, &n) || n == 0)
        return false;
    o->jobs = (unsigned)n;
    return true;
}

static bool set_wall(struct options *o, const char *value)
{
    int64_t ns;

    if (!clock_parse(span_of(value), &ns) || ns < CLOCK_SECOND || ns > 24 * CLOCK_HOUR)
        return false;
    o->wall_s = (unsigned)(ns / CLOCK_SECOND);
    return true;
}

static bool add_tag(struct options *o, const char *value)
{
    if (o->tag_count == OPTIONS_TAGS_MAX || value[0] == '\0')
        return false;
    o->tags[o->tag_count++] = value;
    return true;
}

static bool set_tap(struct options *o, const char *value)
{
    o->tap = value;
    return value[0] != '\0';
}

static bool set_jsonl(struct options *o, const char *value)
{
    o->jsonl = value;
    return value[0] != '\0';
}

static bool set_junit(struct options *o, const char *value)
{
    o->junit = value;
    return value[0] != '\0';
}

static bool set_page(struct options *o, const char *value)
{
    o->page = value;
    return value[0] != '\0';
}

static bool set_last(struct options *o, const char *value)
{
    o->last = value;
    return value[0] != '\0';
}

static bool set_failed(struct options *o, const char *value)
{
    (void)value;
    o->failed = true;
    return true;
}

static bool set_list(struct options *o, const char *value)
{
    (void)value;
    o->list = true;
    return true;
}

static bool set_until_fail(struct options *o, const char *value)
{
    (void)value;
    o->until_fail = true;
    return true;
}

static bool set_repeat(struct options *o, const char *value)
{
    uint64_t n;

    if (!span_uint(span_of(value), OPTIONS_REPEAT_MAX, &n) || n == 0)
        return false;
    o->repeat = (unsigned)n;
    return true;
}

static bool set_shard(struct options *o, const char *value)
{
    struct span rest = span_of(value), first;
    uint64_t i, n;

    if (!span_cut(&rest, '/', &first) || !span_uint(first, OPTIONS_SHARDS_MAX, &i) ||
        !span_uint(rest, OPTIONS_SHARDS_MAX, &n) || i == 0 || i > n)
        return false;
    o->shard = (unsigned)i;
    o->shards = (unsigned)n;
    return true;
}

static bool set_verbose(struct options *o, const char *value)
{
    (void)value;
    o->verbose = true;
    return true;
}

static bool set_markdown(struct options *o, const char *value)
{
    (void)value;
    o->markdown = true;
    return true;
}

static bool add_detector(struct options *o, const char *value)
{
    if (o->detector_count == OPTIONS_DETECTORS_MAX || value[0] == '\0')
        return false;
    o->detectors[o->detector_count++] = value;
    return true;
}

static bool set_json(struct options *o, const char *value)
{
    (void)value;
    o->json = true;
    return true;
}

static bool set_explain(struct options *o, const char *value)
{
    (void)value;
    o->explain = true;
    return true;
}

static bool set_update(struct options *o, const char *value)
{
    (void)value;
    o->update = true;
    return true;
}

static bool set_config(struct options *o, const char *value)
{
    o->config = value;
    return value[0] != '\0';
}

static bool set_inside(struct options *o, const char *value)
{
    struct network n;

    o->inside = value;
    return network_parse(span_of(value), &n);
}

static bool set_domain(struct options *o, const char *value)
{
    o->domain = value;
    return value[0] != '\0';
}

static bool set_help(struct options *o, const char *value)
{
    (void)value;
    o->command = COMMAND_HELP;
    return true;
}

static bool set_version(struct options *o, const char *value)
{
    (void)value;
    o->command = COMMAND_VERSION;
    return true;
}

#define COMMANDS "run, list, lint, explain, schema, score, adapter, check, diff"
#define TAG_WANTED "write tags with commas between, !tag for those without; 16 expressions at most"
#define FILE_WANTED "write a file's name, or - for standard output"

static const struct option_row {
    const char *name;
    const char *value; /* NULL: takes none */
    bool (*set)(struct options *o, const char *value);
    const char *wanted; /* what a value must be; NULL with no value */
    const char *doc;
} rows[] = {
    {"--time", "WORLD", set_world, "write virtual, real or both",
     "virtual (default), real, or both: verdicts and dialogues must agree"},
    {"--seed", "N", set_seed, "write a whole number from 0 to 9223372036854775807",
     "of the simulated network and of the tokens (default 1)"},
    {"-j", "N", set_jobs, "write a whole number from 1 to 64",
     "so many cases at once, each in a process (default 1)"},
    {"--tag", "EXPR", add_tag, TAG_WANTED,
     "cases with these tags: a,!b; several times: any of the expressions"},
    {"--tags", "EXPR", add_tag, TAG_WANTED, "the same"},
    {"--tap", "FILE", set_tap, FILE_WANTED, "writes TAP too; - is standard output"},
    {"--jsonl", "FILE", set_jsonl, FILE_WANTED, "writes JSON Lines too; - is standard output"},
    {"--junit", "FILE", set_junit, FILE_WANTED, "writes JUnit XML too; - is standard output"},
    {"--markdown", "FILE", set_page, FILE_WANTED,
     "run: writes a summary as Markdown too, for the page of a CI job"},
    {"--failed", NULL, set_failed, NULL,
     "only the cases that failed the last time they ran; without FILE: all of them"},
    {"--last", "FILE", set_last, "write a file's name",
     "where it is kept what failed (default: last-run in the state directory)"},
    {"--shard", "I/N", set_shard, "write I/N, like 1/4; N is 1024 at most",
     "one of N parts of the cases; a case is always in the same one"},
    {"--repeat", "N", set_repeat, "write a whole number from 1 to 1000000",
     "so many rounds, the seed one higher in each; tells what is flaky"},
    {"--until-fail", NULL, set_until_fail, NULL,
     "rounds until a case fails; with --repeat N at most"},
    {"--list", NULL, set_list, NULL, "run: only says what would run"},
    {"--wall", "DURATION", set_wall, "write a duration from 1s to 24h",
     "limit for one case in real time (default 2min)"},
    {"--verbose", NULL, set_verbose, NULL, "transcripts and reports though all is well"},
    {"--detector", "NAME|FILE", add_detector,
     "write an adapter's name or the file of its manifest; 16 detectors at most",
     "run: this command instead of the probe, in real time; score: several"},
    {"--json", NULL, set_json, NULL,
     "score, diff: one JSON object instead of text; check: JSON Lines"},
    {"--markdown", NULL, set_markdown, NULL,
     "schema: a reference of all keys, as Markdown; score: tables"},
    {"--explain", NULL, set_explain, NULL,
     "score: each mistake with the transcript that shows why"},
    {"--update", NULL, set_update, NULL, "score: writes the detectors' known failures anew"},
    {"--config", "PATH", set_config, "write a directory, or the server's main file",
     "check: the configuration that is started and asked"},
    {"--inside", "NETWORK", set_inside, "write a network, like 192.0.2.0/24",
     "check: the server's own network (default: its neighbours)"},
    {"--domain", "DOMAIN", set_domain, "write a domain",
     "check: one that the server takes mail for (default: as configured)"},
    {"--help", NULL, set_help, NULL, "this text"},
    {"--version", NULL, set_version, NULL, "version"},
};

enum { ROWS = sizeof rows / sizeof rows[0], SHOWN_MAX = 120 };

static size_t find_row(bool (*set)(struct options *o, const char *value))
{
    size_t i = 0;

    while (i < ROWS && rows[i].set != set)
        i++;
    return i;
}

static bool read_command(struct options *o, const char *word)
{
    static const char *const names[] = {"run",   "list",    "lint",  "explain", "schema",
                                        "score", "adapter", "check", "diff",    "help"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], word) == 0) {
            o->command = (enum command)i;
            return true;
        }
    return false;
}

static bool read_option(struct options *o, const struct word *word, struct strbuf *error)
{
    const struct option_row *row = &rows[word->row];

    return row->set(o, word->value) ||
           words_wrong(row->name, span_of(word->value), row->wanted, error);
}

static bool read_argument(struct options *o, char *value, bool first, char **kept,
                          struct strbuf *error)
{
    if (!first) {
        kept[o->argument_count++] = value;
        return true;
    }
    if (read_command(o, value))
        return true;
    strbuf_add_visible(error, span_to(span_of(value), SHOWN_MAX));
    strbuf_adds(error, ": no such command (" COMMANDS ")");
    return false;
}

bool options_read(struct options *o, int argc, char **argv, struct strbuf *error)
{
    bool has_command = false;
    struct words words;
    struct word word;
    enum word_kind kind;

    *o = (struct options){.command = COMMAND_HELP, .seed = 1, .jobs = 1, .wall_s = 120};
    words_init(&words, rows, ROWS, sizeof rows[0], argc, argv);
    words.hidden = find_row(set_page); /* --markdown takes a file behind `run`, none elsewhere */
    while ((kind = words_next(&words, &word, error)) != WORD_END) {
        bool fine = kind == WORD_ARGUMENT ? read_argument(o, word.value, !has_command, argv, error)
                                          : kind == WORD_OPTION && read_option(o, &word, error);

        if (!fine)
            return false;
        has_command |= kind == WORD_ARGUMENT;
        if (o->command == COMMAND_RUN && has_command)
            words.hidden = find_row(set_markdown);
        if (o->command == COMMAND_VERSION || (has_command && o->command == COMMAND_HELP))
            return true;
    }
    o->arguments = argv;
    if (!has_command && argc <= 1) {
        strbuf_adds(error, "no command (" COMMANDS ")");
        return false;
    }
    return true;
}

void options_usage(struct strbuf *out)
{
    strbuf_adds(out,
                "usage: relaylab run|list|lint|explain [OPTION ...] FILE|DIRECTORY|GLOB ...\n"
                "       relaylab score --detector NAME|FILE ... [OPTION ...] FILE|DIRECTORY ...\n"
                "       relaylab adapter check NAME|FILE ...\n"
                "       relaylab check ENGINE --config PATH [--inside NETWORK] [--domain DOMAIN]\n"
                "       relaylab schema [adapter] [--markdown]\n\n"
                "  run      runs cases and judges the verdicts\n"
                "  list     the cases that would run\n"
                "  lint     checks case files whole, runs nothing\n"
                "  explain  what a case is about, in words\n"
                "  schema   the JSON Schema of a case file\n"
                "  score    cases and detectors in one table\n"
                "  adapter  check: does a manifest work?\n"
                "  diff     what changed between two runs: new failures, healed, flaky\n"
                "  check    does this server's configuration relay? (postfix, exim, ...)\n\n");
    for (size_t i = 0; i < ROWS; i++)
        words_help(out, rows[i].name, rows[i].value, 21, rows[i].doc);
}
