/*
 * check.h - relaylab check: does this configuration relay for strangers?
 *
 * The configuration of a real server is started in a namespace of its own, asked everything from
 * outside and from inside its networks, and judged by what is delivered. Where it is open, the
 * lines that an engine's hints point at are left out one at a time, and what changes the answer is
 * named: that is an experiment, not a guess.
 *
 * Errors: on standard error. Exit status: that of relayprobe for the worst answer from outside;
 * 2 usage, 71 the engine did not come up or there is no namespace, 77 a package is missing.
 */
#ifndef RELAYLAB_SCENARIOS_ENGINE_CHECK_H
#define RELAYLAB_SCENARIOS_ENGINE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct check_request {
    const char *engine;
    const char *config; /* a directory, or the main file */
    const char *inside; /* a network of the server's own, as CIDR; NULL: the server's neighbours */
    const char *domain; /* that it takes mail for; NULL: what the configuration says */
    uint64_t seed;
    bool json; /* JSON Lines instead of text */
};

int check_command(const struct check_request *r);

#endif
