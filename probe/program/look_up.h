/*
 * look_up.h - the names of a command line, looked up before anything is asked
 *
 * The targets, and the mail servers of the canaries' domains (into options.canary_mx, found_route
 * and route_trouble). With --resolver, and for every mx:DOMAIN, by c-ares; other names by the
 * system's own way, with /etc/hosts and all. A name that is not found is no error: the target keeps
 * the reason, which becomes its verdict.
 *
 * Errors: false, with one line in `error`; *status is then 2 where a target may not be asked
 * (options_check_target), else 71.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_LOOK_UP_H
#define RELAYLAB_PROBE_PROGRAM_LOOK_UP_H

#include "probe/program/options.h"

bool look_up_targets(struct options *o, int *status, struct strbuf *error);

#endif
