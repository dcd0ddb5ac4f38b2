/*
 * random.h - octets that nobody can guess, from the kernel
 *
 * For token secrets and run names. Everything that must be repeatable takes lib/base/prng.h
 * instead.
 */
#ifndef RELAYLAB_DRIVE_HOST_RANDOM_H
#define RELAYLAB_DRIVE_HOST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* False, with errno set, when the kernel has none to give. */
bool random_fill(void *to, size_t len);

#endif
