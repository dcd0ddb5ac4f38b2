/*
 * poller_state.h - struct poller in full, for those who keep one
 *
 * Only poller.c reads or writes what is inside.
 */
#ifndef RELAYLAB_LIB_MAILBOX_POLLER_STATE_H
#define RELAYLAB_LIB_MAILBOX_POLLER_STATE_H

#include "lib/mailbox/poller.h"

enum { POLLER_REMOVALS_MAX = 64, POLLER_WHY_MAX = 256 };

struct poller_uid {
    size_t len;
    char text[MAILBOX_UID_MAX];
};

enum poller_phase {
    POLLER_RESTS,    /* until next_ns */
    POLLER_LISTING,  /* the three operations under way */
    POLLER_FETCHING, /* pending[at] */
    POLLER_REMOVING, /* removals[0] */
    POLLER_BETWEEN,  /* an answer came; tick goes on */
    POLLER_STOPPED
};

enum poller_health { POLLER_UNKNOWN, POLLER_WELL, POLLER_IN_TROUBLE };

struct poller_seen { /* fingerprints, in a table to find them and a ring to forget them in order */
    uint64_t *table;
    uint64_t *ring;
    size_t mask; /* of the table: a power of two, less one */
    size_t capacity, count;
    size_t next; /* in the ring: where the next one goes, the oldest when it is full */
};

struct poller {
    struct poller_config config;
    struct mailbox mailbox;
    struct poller_owner owner;
    struct poller_seen seen;
    enum poller_phase phase;
    enum poller_health health;
    bool ready;          /* listed without trouble at least once */
    bool baseline;       /* what the first list shows is passed over */
    bool lasting;        /* the trouble will not heal by itself */
    bool hurried;        /* look again when this round is over */
    bool owed;           /* a look that was asked for has not begun */
    bool paying;         /* this round is that look */
    uint64_t hurries;    /* looks that were asked for */
    uint64_t covers;     /* of those, the last one that this round answers */
    uint64_t answered;   /* likewise, by a round that was whole */
    bool found;          /* this round showed new mail */
    bool overflow;       /* it listed more new messages than pending takes */
    bool failed;         /* an operation of this round failed: no further ones */
    int64_t next_ns;     /* of the next round; CLOCK_NEVER while one is under way */
    int64_t cancel_ns;   /* of the operation under way */
    int64_t interval_ns; /* between rounds when all is well */
    int64_t trouble_ns;  /* between rounds in trouble */
    uint64_t stumbled;   /* fingerprint of the message at which the last round broke off; 0: none */
    size_t pending_count, pending_at, pending_start, pending_done;
    size_t removal_count;
    struct poller_uid pending[POLLER_PENDING_MAX];
    struct poller_uid removals[POLLER_REMOVALS_MAX];
};

#endif
