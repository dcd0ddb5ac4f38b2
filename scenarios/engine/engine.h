/*
 * engine.h - a real mail server as data: how it is got, prepared, started, and known to be ready
 *
 * An engine is a file scenarios/engines/NAME.yaml. Its scripts are plain sh; they run inside the
 * namespace of a run (drive/host/namespace.h), in the private directory of one instance, with these
 * variables: MTA (where ci/unpack unpacks packages), HERE (the private directory; given/ in it has
 * the files of the case), HOSTNAME, DOMAINS (those that the server is to take mail for), ADDRESS
 * and PORT (where it is to listen), SINK_ADDRESS and SINK_PORT (where its relayed mail goes),
 * MAIN (the name of its main configuration file), CHECK (1: given/ is somebody's own
 * configuration, as it stands), TLS (1: it is to offer STARTTLS; tls.pem in HERE has a key and a
 * certificate, with CHECK too), DNS (1: the namespace has a DNS server, at port 53 of 127.0.0.1).
 *
 * Ownership: what is loaded lives in conf's arena.
 * Errors: conf errors, with the position in the engine's file.
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_ENGINE_H
#define RELAYLAB_SCENARIOS_ENGINE_ENGINE_H

#include "lib/conf/conf.h"

enum { ENGINE_PATH_MAX = 1024, ENGINE_NAME_MAX = 32 };

/* The addresses of the small world that engines live in; all of RFC 5737. */
#define ENGINE_ADDRESS "192.0.2.25"   /* of the first server; the next has the next */
#define ENGINE_INSIDE "192.0.2.7"     /* a neighbour of the server */
#define ENGINE_OUTSIDE "198.51.100.7" /* a stranger */

struct engine_hint {     /* what a line of the configuration means when the server is open */
    const char *pattern; /* glob over a whole line */
    const char *says;
    const char *instead; /* what the line is replaced by to see whether it decides; NULL: nothing */
};

struct engine {
    const char *name, *title;
    struct conf_texts packages;   /* the first must be there; all are unpacked */
    struct conf_texts users;      /* lines of passwd that exist inside only */
    struct conf_texts groups;     /* lines of group */
    struct conf_texts places;     /* directories compiled into it */
    const char *main;             /* name of the main configuration file */
    struct conf_texts main_names; /* what it may be called in somebody's directory */
    struct conf_texts also;       /* further files that hints are looked for in */
    const char *prepare, *start, *describe;
    const char *log;
    const char *comment; /* begins a comment; NULL: # */
    bool indent_goes_on; /* an indented line goes on the one above */
    bool one_user;       /* never changes its user: needs no subordinate ids */
    struct engine_hint *hints;
    size_t hint_count;
};

/* The engine of that name. Of conf, only the arena need be set. */
bool engine_load(struct conf *conf, const char *name, struct engine *out);
/* The first of its packages that is not unpacked, or NULL. */
const char *engine_missing(const struct engine *e);
/* Where packages are unpacked. */
bool engine_packages(char *path, size_t cap);
/* The absolute path of something that exists. */
bool engine_whole_path(const char *name, char *path, size_t cap);
/* The name stands in the comma list of $RELAYLAB_REQUIRE: without it, a run fails. */
bool engine_required(const char *name);

extern const struct conf_table engine_table;

#endif
