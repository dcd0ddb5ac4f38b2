/*
 * instance.h - one running engine, in a private directory, inside the namespace of a run
 *
 * instance_start writes the given files, runs the engine's scripts and waits until the server
 * listens. Everything that the server started ends with instance_stop, and all files are in a file
 * system that goes with the namespace.
 *
 * Ownership: config and engine are the caller's and outlive the instance.
 * Errors: NULL with a sentence and the end of what the scripts and the server said.
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_INSTANCE_H
#define RELAYLAB_SCENARIOS_ENGINE_INSTANCE_H

#include "lib/base/endpoint.h"
#include "scenarios/engine/engine.h"

struct engine_given { /* a file of the configuration */
    const char *name;
    const char *text;
};

struct instance_config {
    const struct engine *engine;
    const char *name; /* of the server in its case: names the directory */
    const char *hostname;
    struct conf_texts domains;
    const struct engine_given *given;
    size_t given_count;
    const char *directory; /* or a directory (or main file) of the host that is copied */
    const char *main;      /* what the main file is called there; NULL: as the engine says */
    bool check;            /* it is somebody's own, as it stands */
    bool tls;              /* it is to offer STARTTLS */
    bool wrapped;          /* TLS from the first octet: it does not greet in clear */
    bool has_dns;          /* a DNS server listens at port 53 of loopback */
    const char *drop;      /* "FILE FIRST,LAST": lines that are left out; NULL: none */
    const char *instead;   /* a line that stands there instead; NULL: none */
    struct endpoint at, sink;
    void (*pause)(void *self); /* while it starts: drive/host/ready.h */
    void *self;
};

struct instance;

struct instance *instance_start(const struct instance_config *c, struct strbuf *error);
void instance_stop(struct instance *i);
/* The last lines of its log. */
void instance_log(const struct instance *i, size_t max, struct strbuf *out);
/* Runs the engine's `describe`. */
bool instance_describe(const struct instance_config *c, struct strbuf *out, struct strbuf *error);

#endif
