/*
 * manifest.c - the keys of a manifest, and what no row can say: patterns, placeholders, statuses
 *
 * Patterns are compiled once, at load, so that a wrong one is shown where it stands and costs
 * nothing per case.
 */
#include "scenarios/adapter/manifest.h"

#include "mockmta/config/load.h"
#include "scenarios/adapter/placeholders.h"
#include "scenarios/case/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MEMORY = 4194304, OUTPUT_DEFAULT = 65536, OUTPUT_MOST = 16777216 };

#define AT(member) .offset = offsetof(struct adapter, member)

static const struct conf_name verdict_names[] = {
    {"open", VERDICT_OPEN, "it relays for strangers"},
    {"bounces", VERDICT_BOUNCES, "seven words: accepted, then returned"},
    {"discards", VERDICT_DISCARDS, "seven words: accepted, and nothing came"},
    {"accepts", VERDICT_ACCEPTS, "seven words: accepted, fate unknown"},
    {"inconclusive", VERDICT_INCONCLUSIVE, "the detector could not tell"},
    {"closed", VERDICT_CLOSED, "it does not relay"},
    {"unreachable", VERDICT_UNREACHABLE, "no mail server answered"},
    {"unsupported", ADAPTER_UNSUPPORTED, "the detector cannot ask this server"},
    {NULL, 0, NULL},
};

const struct conf_name adapter_confidence_names[] = {
    {"none", 0, "nothing is said about it"},
    {"likely", 1, "RCPT was accepted"},
    {"accepted", 2, "the message was accepted"},
    {"proven", 3, "the message was seen in the mailbox"},
    {NULL, 0, NULL},
};

static const struct conf_name words_names[] = {
    {"four", WORDS_FOUR, "open, closed, inconclusive, unreachable; judged leniently"},
    {"seven", WORDS_SEVEN, "relayprobe's own words; judged strictly"},
    {NULL, 0, NULL},
};

static const struct conf_name mailbox_names[] = {
    {"maildir", ADAPTER_MAILDIR, "RELAY_MAILBOX is maildir:PATH; deliveries are written there"},
    {"sink", ADAPTER_SINK, "RELAY_MAILBOX is sink://ADDR:PORT, where the detector itself listens"},
    {"none", ADAPTER_NO_MAILBOX, "the detector does not look"},
    {NULL, 0, NULL},
};

static bool parse_exits(struct conf *c, const struct conf_node *n, void *target)
{
    struct adapter *a = (struct adapter *)(void *)((char *)target -
                                                   offsetof(struct adapter, exits));

    if (!conf_is_map(n) || conf_length(n) == 0 || conf_length(n) > ADAPTER_EXITS_MAX)
        return conf_fail(c, n, "write {0: closed, 1: open}",
                         "exit is a mapping of 1 to %d statuses to verdicts", ADAPTER_EXITS_MAX);
    for (a->exit_count = 0; a->exit_count < conf_length(n); a->exit_count++) {
        struct adapter_exit *e = &a->exits[a->exit_count];
        struct conf_node_value memory;
        const char *key;
        uint64_t status;
        const struct conf_node *value = conf_pair(c, n, a->exit_count, &memory, &key);

        if (value == NULL)
            return false;
        if (!span_uint(span_of(key), 255, &status))
            return conf_fail(c, value, "write a number from 0 to 255", "no exit status: %s", key);
        e->status = (int)status;
        if (!conf_read_enum(c, value, verdict_names, &e->verdict))
            return false;
    }
    return true;
}

static bool check_words(struct conf *c, const struct conf_node *n, struct conf_texts *words)
{
    struct conf_node_value memory;

    if (words->count == 0 || words->count > ADAPTER_ARGV_MAX)
        return conf_fail(c, n, NULL, "a command has 1 to %d words", ADAPTER_ARGV_MAX);
    for (size_t i = 0; i < words->count; i++) {
        const struct conf_node *at = conf_is_list(n) ? conf_item(n, i, &memory) : n;
        char text[160];
        struct strbuf why;

        strbuf_init(&why, text, sizeof text);
        if (!placeholders_check(span_of(words->item[i]), &why))
            return conf_fail(c, at, "see doc/adapters.md for all of them; {{ is a brace", "%s",
                             text);
    }
    return true;
}

static bool parse_argv(struct conf *c, const struct conf_node *n, void *target)
{
    struct conf_texts *words = target;

    return conf_read_texts(c, n, words) && check_words(c, n, words);
}

static const struct conf_field pattern_fields[] = {
    {.name = "match",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct adapter_pattern, match),
     .doc = "POSIX extended regular expression over the output; ^ and $ are ends of lines"},
    {.name = "verdict",
     .type = CONF_ENUM,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct adapter_pattern, verdict),
     .names = verdict_names,
     .doc = "what it means"},
    {.name = "confidence",
     .type = CONF_ENUM,
     .offset = offsetof(struct adapter_pattern, confidence),
     .names = adapter_confidence_names,
     .doc = "how the detector knows"},
};

static const struct conf_table pattern_table = {
    .name = "pattern",
    .doc = "what a text in the output means",
    .fields = pattern_fields,
    .field_count = sizeof pattern_fields / sizeof pattern_fields[0],
    .size = sizeof(struct adapter_pattern),
    .position_offset = offsetof(struct adapter_pattern, at),
};

static const struct conf_field version_fields[] = {
    {.name = "argv",
     .type = CONF_CUSTOM,
     .flags = CONF_REQUIRED,
     AT(version.argv) - offsetof(struct adapter, version),
     .parse = parse_argv,
     .doc = "the command that prints it"},
    {.name = "match",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(version.match) - offsetof(struct adapter, version),
     .doc = "where it stands in the output; group 1, or all"},
};

static const struct conf_table version_table = {
    .name = "version",
    .doc = "how the detector's version is asked",
    .fields = version_fields,
    .field_count = sizeof version_fields / sizeof version_fields[0],
    .size = sizeof(((struct adapter *)NULL)->version),
};

static const struct conf_field unsupported_fields[] = {
    {.name = "tags",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct adapter_unsupported, tags),
     .doc = "cases with these tags: a,!b"},
    {.name = "why",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     .offset = offsetof(struct adapter_unsupported, why),
     .doc = "one sentence"},
};

static const struct conf_table unsupported_table = {
    .name = "unsupported",
    .doc = "cases that the detector is not for",
    .fields = unsupported_fields,
    .field_count = sizeof unsupported_fields / sizeof unsupported_fields[0],
    .size = sizeof(struct adapter_unsupported),
};

static const struct conf_field limits_fields[] = {
    {.name = "time",
     .type = CONF_DURATION,
     AT(limits.time_ns) - offsetof(struct adapter, limits),
     .doc = "for one case; then SIGTERM. Default 60s"},
    {.name = "grace",
     .type = CONF_DURATION,
     AT(limits.grace_ns) - offsetof(struct adapter, limits),
     .doc = "after SIGTERM; then SIGKILL. Default 2s"},
    {.name = "output",
     .type = CONF_UINT,
     AT(limits.output) - offsetof(struct adapter, limits),
     .min = 1,
     .max = OUTPUT_MOST,
     .doc = "octets of output that are kept. Default 65536"},
};

static const struct conf_table limits_table = {
    .name = "limits",
    .doc = "what the detector may use",
    .fields = limits_fields,
    .field_count = sizeof limits_fields / sizeof limits_fields[0],
    .size = sizeof(((struct adapter *)NULL)->limits),
};

static const struct conf_field adapter_fields[] = {
    {.name = "adapter",
     .type = CONF_TEXT,
     .flags = CONF_REQUIRED,
     AT(name),
     .doc = "its name: letters, digits and -"},
    {.name = "title", .type = CONF_TEXT, AT(title), .doc = "one line"},
    {.name = "argv",
     .type = CONF_CUSTOM,
     .flags = CONF_REQUIRED,
     AT(argv),
     .parse = parse_argv,
     .doc = "the command; a first word with a slash is relative to the manifest",
     .example = "[./detector.sh, \"{host}\", \"{port}\"]"},
    {.name = "version",
     .type = CONF_STRUCT,
     AT(version),
     .sub = &version_table,
     .doc = "how the detector's version is asked"},
    {.name = "words",
     .type = CONF_ENUM,
     AT(words),
     .names = words_names,
     .doc = "the verdicts it can give"},
    {.name = "verdict",
     .type = CONF_STRUCTS,
     AT(patterns),
     .count_offset = offsetof(struct adapter, pattern_count),
     .max = ADAPTER_PATTERNS_MAX,
     .sub = &pattern_table,
     .doc = "patterns, the first that matches wins; without these and exit, RELAY_OUT is read"},
    {.name = "exit",
     .type = CONF_CUSTOM,
     AT(exits),
     .parse = parse_exits,
     .doc = "exit statuses to verdicts, where no pattern matches",
     .example = "{0: closed, 1: open}"},
    {.name = "unsupported",
     .type = CONF_STRUCTS,
     AT(unsupported),
     .count_offset = offsetof(struct adapter, unsupported_count),
     .max = ADAPTER_UNSUPPORTED_MAX,
     .sub = &unsupported_table,
     .doc = "cases that the detector is not for"},
    {.name = "limits",
     .type = CONF_STRUCT,
     AT(limits),
     .sub = &limits_table,
     .doc = "time and output"},
    {.name = "mailbox",
     .type = CONF_ENUM,
     AT(mailbox),
     .names = mailbox_names,
     .doc = "what RELAY_MAILBOX is"},
    {.name = "names",
     .type = CONF_BOOL,
     AT(names),
     .doc =
         "it takes mx:DOMAIN:PORT and NAME:PORT too, and asks the resolver RELAY_DNS; else cases "
         "with such a target are not for it"},
    {.name = "baseline",
     .type = CONF_BOOL,
     AT(baseline),
     .doc = "says the same of every server, on purpose; scored though it is constant"},
};

static void set_limits(struct adapter *a)
{
    if (a->limits.time_ns == 0)
        a->limits.time_ns = 60 * CLOCK_SECOND;
    if (a->limits.grace_ns == 0)
        a->limits.grace_ns = 2 * CLOCK_SECOND;
    if (a->limits.output == 0)
        a->limits.output = OUTPUT_DEFAULT;
}

static bool is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(text);

    return len > 0 && len <= 48 && strspn(text, allowed) == len && text[0] != '-';
}

static bool check_seven(struct conf *c, const struct conf_node *n, const struct adapter *a)
{
    for (size_t i = 0; i < a->pattern_count; i++) {
        int v = a->patterns[i].verdict;

        if (v == VERDICT_BOUNCES || v == VERDICT_DISCARDS || v == VERDICT_ACCEPTS)
            return conf_fail(c, n, "write words: seven", "a detector of four words never says %s",
                             adapter_verdict_name(v));
    }
    return true;
}

static bool check_adapter(struct conf *c, const struct conf_node *n, void *target)
{
    struct adapter *a = target;

    if (!is_name(a->name))
        return conf_fail(c, n, "letters, digits and - ; 48 at most", "not a name: %s", a->name);
    set_limits(a);
    return a->words == WORDS_SEVEN || check_seven(c, n, a);
}

static const struct conf_table adapter_table = {
    .name = "adapter",
    .doc = "how a detector is called, and how its answer is read",
    .fields = adapter_fields,
    .field_count = sizeof adapter_fields / sizeof adapter_fields[0],
    .size = sizeof(struct adapter),
    .check = check_adapter,
};

const struct conf_table *manifest_table(void)
{
    return &adapter_table;
}

static bool compile(struct manifest *m)
{
    for (size_t i = 0; i < m->adapter.pattern_count; i++) {
        struct adapter_pattern *p = &m->adapter.patterns[i];
        int status = regcomp(&p->compiled, p->match, REG_EXTENDED | REG_NEWLINE);
        char why[128];

        p->is_compiled = status == 0;
        if (status == 0)
            continue;
        (void)regerror(status, &p->compiled, why, sizeof why);
        return conf_fail_at(&m->conf, p->at, 5, "POSIX extended: [0-9]+, no \\d",
                            "not a regular expression: %s", why);
    }
    return true;
}

static void add_directory(struct adapter_path *p, const char *base, const char *tail)
{
    struct strbuf b;

    strbuf_init(&b, p->memory[p->count], ADAPTER_PATH_MAX);
    strbuf_addf(&b, "%s%s", base, tail);
    if (!b.truncated && p->count < ADAPTER_DIRECTORIES_MAX) {
        p->directory[p->count] = p->memory[p->count];
        p->count++;
    }
}

void adapter_path_init(struct adapter_path *p, const char *program_directory)
{
    const char *own = getenv("RELAYLAB_ADAPTERS");

    *p = (struct adapter_path){.programs = NULL};
    if (own != NULL)
        add_directory(p, own, "");
    if (program_directory != NULL) { /* build/, and build/san-.../, and bin/ beside share/ */
        bytes_copy(p->programs_memory, sizeof p->programs_memory, span_of(program_directory));
        p->programs = p->programs_memory;
        add_directory(p, program_directory, "/../scenarios/adapters");
        add_directory(p, program_directory, "/../../scenarios/adapters");
        add_directory(p, program_directory, "/../share/relaylab/adapters");
    }
    if (p->count < ADAPTER_DIRECTORIES_MAX)
        add_directory(p, RELAYLAB_DATADIR, "/adapters");
}

static bool fail(struct manifest *m, const char *name, const char *why)
{
    struct strbuf b;

    strbuf_init(&b, m->error, sizeof m->error);
    strbuf_add_visible(&b, span_to(span_of(name), 400));
    strbuf_addf(&b, ": %s", why);
    m->unreadable = true;
    return false;
}

static bool is_file_name(const char *name)
{
    return strchr(name, '/') != NULL || span_iends(span_of(name), SPAN(".yaml"));
}

bool adapter_path_find(const struct adapter_path *p, const char *name, char path[ADAPTER_PATH_MAX])
{
    for (size_t i = 0; i < p->count; i++) {
        struct strbuf b;

        strbuf_init(&b, path, ADAPTER_PATH_MAX);
        strbuf_addf(&b, "%s/%s.yaml", p->directory[i], name);
        FILE *f = b.truncated ? NULL : fopen(path, "r");
        if (f == NULL)
            continue;
        (void)fclose(f);
        return true;
    }
    return false;
}

static const char *find(struct manifest *m, const char *name)
{
    char path[ADAPTER_PATH_MAX];

    if (is_file_name(name))
        return name;
    return adapter_path_find(m->where, name, path) ? arena_text(&m->arena, span_of(path)) : NULL;
}

static bool load(struct manifest *m, const char *path)
{
    struct span file = span_of(path);
    size_t slash = span_rchr(file, '/');

    if (!conf_load(&m->conf, &adapter_table, &m->adapter) || !compile(m)) {
        bytes_copy(m->error, sizeof m->error, span_of(m->conf.error));
        return false;
    }
    m->adapter.path = path;
    m->adapter.directory = slash == SIZE_MAX
                               ? "."
                               : arena_text(&m->arena, span_to(file, slash > 0 ? slash : 1));
    if (m->adapter.title == NULL)
        m->adapter.title = m->adapter.name;
    return m->adapter.directory != NULL || fail(m, path, "too large");
}

bool manifest_open(struct manifest *m, const struct adapter_path *p, const char *name)
{
    *m = (struct manifest){.block = malloc(MANIFEST_MEMORY), .where = p};
    if (m->block == NULL)
        return fail(m, name, "out of memory");
    arena_init(&m->arena, m->block, MANIFEST_MEMORY);
    const char *path = find(m, name);
    if (path == NULL)
        return fail(m, name, "no such adapter (a file, or a name in scenarios/adapters)");
    conf_init(&m->conf, &m->arena, path, (struct span){"", 0});
    if (!conf_read_file(&m->conf, path)) {
        bytes_copy(m->error, sizeof m->error, span_of(m->conf.error));
        m->unreadable = true;
        return false;
    }
    return load(m, path);
}

void manifest_close(struct manifest *m)
{
    for (size_t i = 0; i < m->adapter.pattern_count; i++)
        if (m->adapter.patterns[i].is_compiled)
            regfree(&m->adapter.patterns[i].compiled);
    m->adapter.pattern_count = 0;
    free(m->block);
    m->block = NULL;
}

const char *adapter_declines(const struct adapter *a, const struct conf_texts *tags)
{
    for (size_t i = 0; i < a->unsupported_count; i++)
        if (select_tags(tags, span_of(a->unsupported[i].tags)))
            return a->unsupported[i].why;
    return NULL;
}

const char *adapter_verdict_name(int verdict)
{
    for (size_t i = 0; verdict_names[i].name != NULL; i++)
        if (verdict_names[i].value == verdict)
            return verdict_names[i].name;
    return "none";
}
