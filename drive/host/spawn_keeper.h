/*
 * spawn_keeper.h - the process between a caller and its command (private to spawn.c)
 */
#ifndef RELAYLAB_DRIVE_HOST_SPAWN_KEEPER_H
#define RELAYLAB_DRIVE_HOST_SPAWN_KEEPER_H

#include "drive/host/spawn.h"

/* What goes through the result pipe, before the output. */
struct keeper_report {
    int end, status;
    unsigned stragglers;
    uint64_t output_total;
    int64_t elapsed_ns;
    size_t output_len;
};

/* The life of the forked keeper: runs the command to its end and writes a report to `to`. When
   `from` ends (the caller died, or wants no more) it ends the command at once. Never returns. */
void keeper_live(const struct spawn_config *config, int from, int to, char *output);

#endif
