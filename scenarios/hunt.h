/*
 * hunt.h - the probe's way to a target that is given by name: found first, then address by address
 *
 * What relayprobe's run does for a command line (probe/program/look_up.h,
 * probe/program/question.h), in a case's world: over IPv4 and over IPv6 the first address where an
 * SMTP server answers is asked. The worse of the two verdicts is the case's; the report says how
 * the server was found, and what was heard over the other family.
 *
 * Ownership: the trial's; resolver and texts outlive it. hunt_start calls `found` once, later.
 */
#ifndef RELAYLAB_SCENARIOS_HUNT_H
#define RELAYLAB_SCENARIOS_HUNT_H

#include "probe/report/report.h"
#include "probe/program/target.h"

enum { HUNT_NOTES_MAX = 8, HUNT_NOTE_LEN = 320, HUNT_WAY_LEN = 2048 };

struct hunt_owner {
    void (*found)(void *self);
    void *self;
};

struct hunt {
    struct mx_find find;
    struct target target;
    size_t at; /* address that is asked now; when all is over, the one with the worst verdict */
    bool asked[MX_ADDRESSES_MAX];
    bool second;  /* the other family is asked */
    size_t worst; /* address, of those asked */
    struct hunt_owner owner;
    const struct probe *first;              /* of the first address */
    struct probe *probes[MX_ADDRESSES_MAX]; /* of further addresses */
    size_t note_count;
    struct span notes[HUNT_NOTES_MAX];
    char way[HUNT_WAY_LEN], others[HUNT_WAY_LEN];
    char note_memory[HUNT_NOTES_MAX][HUNT_NOTE_LEN];
};

/* target: a name, or mx:DOMAIN, that target_read takes. False: no memory. */
bool hunt_start(struct hunt *h, struct resolver resolver, const char *target, uint16_t port,
                struct hunt_owner owner);
/* NULL: there is none (left). */
const struct endpoint *hunt_address(const struct hunt *h);
/* Memory for the probe of the present address; `first` for the first. A probe must stay until the
   world is gone, since a session that it broke off may still end there; this memory stays from run
   to run. NULL: no memory. */
struct probe *hunt_probe(struct hunt *h, struct probe *first);
void hunt_clear(struct hunt *h); /* gives that memory back */
/* The probe of this address is finished: to the next one that is to be asked. False: there is none,
   or it is not `wanted`. */
bool hunt_on(struct hunt *h, const struct probe *p, bool wanted);
/* A report on the probe of that address; on none when nothing was found, and the verdict is
   then written to *verdict. */
void hunt_report(struct hunt *h, const struct probe *p, struct verdict_result *verdict,
                 struct report *out);

#endif
