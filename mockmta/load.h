/*
 * load.h - reads server configuration and personas: YAML text to struct server_config
 *
 * Personas are looked up by name in a list of directories ($RELAYLAB_PERSONAS, the source tree's mockmta/personas
 * beside the program, the installed data directory), as NAME.yaml.
 *
 * Errors are conf errors: file:line:column, the line, a caret, a hint. Nothing is half loaded.
 */
#ifndef RELAYLAB_MOCKMTA_LOAD_H
#define RELAYLAB_MOCKMTA_LOAD_H

#include "lib/conf/conf.h"
#include "mockmta/config.h"

/* The table of a server's keys, for schema, explain, and for cases (servers: NAME: ...). Its struct is
   struct server_source: a server_config plus the persona's name. */
struct server_source {
    struct server_config own;
    const char *persona; /* or NULL */
    struct conf_position persona_at;
};

extern const struct conf_table server_table; /* struct server_source */
extern const struct conf_table rule_table;   /* struct rule */
extern const struct conf_table wire_table;   /* struct server_wire: at + wire_shape */

/* Merges `source` with its persona (read from disk through `personas`) into *out and checks the whole. */
struct persona_path {
    const char *directory[4];
    size_t count;
};
void persona_path_init(struct persona_path *p, const char *program_directory);
bool server_resolve(struct conf *conf, const struct persona_path *personas, const struct server_source *source,
                    struct server_config *out);
/* A file of its own (mockmta --config FILE) or a persona by name. */
bool server_load_file(struct conf *conf, const struct persona_path *personas, const char *path,
                      struct server_config *out);
bool server_load_persona(struct conf *conf, const struct persona_path *personas, const char *name,
                         struct server_config *out);

#endif
