/*
 * wall.h - time as a report needs it, where no world runs
 */
#ifndef RELAYLAB_DRIVE_HOST_WALL_H
#define RELAYLAB_DRIVE_HOST_WALL_H

#include <stdint.h>

int64_t wall_now(void);     /* nanoseconds, monotonic */
int64_t wall_epoch_s(void); /* seconds since 1970 */

#endif
