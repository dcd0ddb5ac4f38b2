/*
 * load.h - reads server configuration and personas: YAML text to struct server_config
 *
 * A persona is a server configuration in a file NAME.yaml, looked up in a list of directories
 * ($RELAYLAB_PERSONAS, the source tree's mockmta/personas beside the program, the installed data
 * directory). A persona may name a persona too.
 *
 * Merging: single values and lists of the outer file replace those of its persona; its rules come
 * before the persona's. Server-level `wire:` entries become rules that go on, before all others.
 * Whatever nobody gave has a default: hostname mx.victim.test, local_domains [victim.test], listen
 * [smtp], message_max 10485760, idle 5min.
 *
 * Ownership: everything is in conf's arena, texts of personas included.
 * Errors are conf errors: file:line:column, the line, a caret, a hint. Nothing is half loaded.
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_LOAD_H
#define RELAYLAB_MOCKMTA_CONFIG_LOAD_H

#include "lib/conf/conf.h"
#include "mockmta/config/config.h"

enum {
    PERSONA_DEPTH_MAX = 4,
    PERSONA_DIRECTORIES_MAX = 5,
    PERSONA_PATH_MAX = 512,
    PERSONAS_MAX = 128
};

struct server_wire { /* one entry of the server's `wire:` */
    unsigned at;     /* as in struct rule; any when not given */
    struct wire_shape shape;
    uint64_t bytes, stop_after; /* as read, before they go into shape */
    struct conf_position position;
};

/* What stands in a file. Its first member's first member is a name, so that it may be an item of
 * CONF_MAP. */
struct server_source {
    struct server_config own;
    const char *persona; /* or NULL */
    struct conf_position persona_at;
    struct server_wire *wires;
    size_t wire_count;
    bool message_max_set, errors_max_set, idle_set;
};

/* The tables of keys, for the loader, the schema and explain; a case includes server_table under
 * servers: NAME. */
extern const struct conf_table server_table; /* struct server_source */
extern const struct conf_table rule_table;   /* struct rule */
extern const struct conf_table wire_table;   /* struct server_wire */

struct persona_path {
    const char *directory[PERSONA_DIRECTORIES_MAX];
    size_t count;
    char memory[PERSONA_DIRECTORIES_MAX][PERSONA_PATH_MAX]; /* behind directory[]: do not copy the
                                                               struct */
};
/* program_directory: where the running program lies, or NULL. */
void persona_path_init(struct persona_path *p, const char *program_directory);
/* Names of all personas that can be found, sorted, each once; at most max. */
size_t persona_names(const struct persona_path *p, struct arena *arena, const char **names,
                     size_t max);

/* Merges `source` (read from conf) with its persona into *out and checks the whole. */
bool server_resolve(struct conf *conf, const struct persona_path *personas,
                    const struct server_source *source, struct server_config *out);
/* A file of its own (mockmta --config FILE) or a persona by name. Of conf, only the arena and
 * bindings need be set. */
bool server_load_file(struct conf *conf, const struct persona_path *personas, const char *path,
                      struct server_config *out);
bool server_load_persona(struct conf *conf, const struct persona_path *personas, const char *name,
                         struct server_config *out);
/* Reads a text file of at most CONF_SIZE_MAX octets into the arena and points conf's file and text
 * at it. */
bool conf_read_file(struct conf *conf, const char *path);

#endif
