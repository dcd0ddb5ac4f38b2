/*
 * prng.c - xoshiro256** 1.0 (Blackman and Vigna), its state filled by splitmix64
 *
 * splitmix64 never yields four zeros in a row, so the state is never the one that xoshiro cannot
 * leave.
 */
#include "lib/base/prng.h"

#include <assert.h>

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        p->state[i] = splitmix64(&seed);
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Draws below 2^64 mod n are thrown away: what is left divides evenly. */
uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high)
{
    assert(low <= high);
    uint64_t n = high - low + 1;
    if (n == 0)
        return prng_next(p);
    uint64_t reject_below = (0 - n) % n;
    uint64_t draw;
    do
        draw = prng_next(p);
    while (draw < reject_below);
    return low + draw % n;
}

bool prng_chance(struct prng *p, unsigned in, unsigned of)
{
    assert(of > 0);
    return prng_range(p, 0, (uint64_t)of - 1) < in;
}
