/*
 * prng.h - a seeded stream of numbers (xoshiro256**, seeded by splitmix64)
 *
 * For simulated networks and generated cases: the same seed gives the same run on every machine.
 * Not for secrets.
 */
#ifndef RELAYLAB_LIB_BASE_PRNG_H
#define RELAYLAB_LIB_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
/* Uniform in [low, high], without modulo bias; low <= high. */
uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high);
/* True in `in` of `of` draws. */
bool prng_chance(struct prng *p, unsigned in, unsigned of);

#endif
