/*
 * command_line.h - mockmta's options, read and checked
 *
 * `--name value` or `--name=value`, no abbreviations. Addresses beyond loopback, link-local and
 * private networks are refused unless --allow-public is among the options, wherever it stands.
 *
 * Ownership: texts point into argv; route domains are cut out of it in place.
 * Errors: false, with one line that names the option and what it takes.
 */
#ifndef RELAYLAB_MOCKMTA_CONFIG_COMMAND_LINE_H
#define RELAYLAB_MOCKMTA_CONFIG_COMMAND_LINE_H

#include "mockmta/mock.h"

enum { COMMAND_LISTEN_MAX = 64, COMMAND_ROUTES_MAX = 256 };

enum command_mode { COMMAND_SERVE, COMMAND_LIST, COMMAND_EXPLAIN, COMMAND_VERSION, COMMAND_HELP };

struct command_listen {
    const char *name; /* NULL: by order */
    struct endpoint at;
};

struct command_line {
    enum command_mode mode;
    const char *persona; /* to serve, or to explain */
    const char *config;
    const char *log;
    const char *save;
    uint64_t exit_after; /* 0: never */
    bool allow_public;
    struct command_listen listen[COMMAND_LISTEN_MAX];
    size_t listen_count;
    struct mock_route route[COMMAND_ROUTES_MAX];
    size_t route_count;
};

bool command_line_read(struct command_line *c, int argc, char **argv, struct strbuf *error);
void command_line_help(struct strbuf *out);

#endif
