/*
 * manifest.h - an adapter: how a detector is called, and how its answer is read; as data
 *
 * One YAML file a detector, by the tables of lib/conf. `{placeholders}` in its argv stand for what
 * the environment says too (doc/adapters.md); an unknown one is an error where it stands.
 *
 * Ownership: manifest_open reads a file into a block of its own and compiles its patterns;
 * manifest_close gives both back. Made before workers are forked, it is read only from then on.
 * Errors: conf's (file:line:column, the line, a caret), or one line when the file cannot be read.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_MANIFEST_H
#define RELAYLAB_SCENARIOS_ADAPTER_MANIFEST_H

#include "lib/conf/conf.h"
#include "probe/verdict.h"

#include <regex.h>

enum {
    ADAPTER_ARGV_MAX = 64,
    ADAPTER_PATTERNS_MAX = 64,
    ADAPTER_EXITS_MAX = 64,
    ADAPTER_UNSUPPORTED_MAX = 32,
    ADAPTER_DIRECTORIES_MAX = 5,
    ADAPTER_PATH_MAX = 512
};

enum adapter_words { WORDS_FOUR, WORDS_SEVEN };

enum adapter_mailbox {
    ADAPTER_MAILDIR, /* a maildir, into which the case writes what is delivered */
    ADAPTER_SINK,    /* the detector listens itself, where RELAY_MAILBOX says */
    ADAPTER_NO_MAILBOX
};

/* Beside the seven verdicts: what an exit status or a pattern can mean. */
enum { ADAPTER_UNSUPPORTED = VERDICT_UNREACHABLE + 1 };

struct adapter_pattern {
    const char *match; /* POSIX extended regular expression, over the whole output */
    int verdict;       /* enum verdict, or ADAPTER_UNSUPPORTED */
    int confidence;
    regex_t compiled;
    bool is_compiled;
    struct conf_position at;
};

struct adapter_exit {
    int status, verdict;
};

struct adapter_unsupported {
    const char *tags; /* as --tag takes them */
    const char *why;
};

struct adapter {
    const char *name, *title;
    struct conf_texts argv;
    struct {
        struct conf_texts argv;
        const char *match; /* group 1, or the whole match, is the version */
    } version;
    int words; /* enum adapter_words */
    struct adapter_pattern *patterns;
    size_t pattern_count;
    struct adapter_exit exits[ADAPTER_EXITS_MAX];
    size_t exit_count;
    struct adapter_unsupported *unsupported;
    size_t unsupported_count;
    struct {
        int64_t time_ns, grace_ns;
        uint64_t output;
    } limits;
    int mailbox; /* enum adapter_mailbox */
    bool names;  /* it looks its target up itself */
    bool baseline;
    const char *path, *directory; /* of the manifest */
    struct conf_position argv_at;
};

struct adapter_path {
    const char *directory[ADAPTER_DIRECTORIES_MAX];
    size_t count;
    const char *programs; /* where the running program lies, and relayprobe beside it */
    char memory[ADAPTER_DIRECTORIES_MAX][ADAPTER_PATH_MAX];
    char programs_memory[ADAPTER_PATH_MAX];
};

struct manifest {
    void *block;
    struct arena arena;
    struct conf conf;
    struct adapter adapter;
    const struct adapter_path *where;
    bool unreadable;
    char error[CONF_ERROR_MAX + 256];
};

/* $RELAYLAB_ADAPTERS, the source tree's scenarios/adapters beside the program, the installed ones.
   program_directory: NULL when the program does not know where it lies. */
void adapter_path_init(struct adapter_path *p, const char *program_directory);
/* The first folder's file of that name, into `path`; false: no folder has it. */
bool adapter_path_find(const struct adapter_path *p, const char *name, char path[ADAPTER_PATH_MAX]);
/* A file when there is a slash or .yaml in it, else NAME.yaml in the folders. False: m->error. */
bool manifest_open(struct manifest *m, const struct adapter_path *p, const char *name);
void manifest_close(struct manifest *m);
const struct conf_table *manifest_table(void);

/* Why the detector is not for a case with these tags; NULL: it is. */
const char *adapter_declines(const struct adapter *a, const struct conf_texts *tags);

const char *adapter_verdict_name(int verdict); /* the seven, "unsupported"; -1: "none" */
extern const struct conf_name adapter_confidence_names[];

#endif
