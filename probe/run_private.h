/*
 * run_private.h - a run of the program, for the files that make it
 *
 * run.c opens, asks and closes; run_home.c hears what the probe and the mailboxes have to say.
 */
#ifndef RELAYLAB_PROBE_RUN_PRIVATE_H
#define RELAYLAB_PROBE_RUN_PRIVATE_H

#include "drive/loop.h"
#include "probe/collect.h"
#include "probe/mailboxes.h"
#include "probe/run.h"
#include "probe/transcript.h"

enum { NOTES_MAX = 8, NOTE_LEN = 320, WAY_LEN = 2048 };

struct kept_probe { /* in a list, until the loop is gone */
    struct kept_probe *next;
    char run_id[LEDGER_RUN_MAX + 1];
    struct span name; /* of the target */
    struct probe probe;
};

struct app {
    const struct run_config *config;
    const struct options *options;
    struct strbuf *error;
    struct loop *loop;
    struct mailboxes *mailboxes;
    struct collect *collect; /* for mail of earlier runs; NULL without a ledger */
    struct world_timer tick; /* the progress line's */
    struct transcript transcript;
    struct kept_probe *probes; /* the first is the present one */
    struct probe *asking;      /* NULL between targets */
    struct probe *receiving;   /* to which a message is being shown */
    bool ready;                /* the mailboxes were read once */
    bool replayed;             /* the message being shown has a token of an earlier run */
    unsigned addresses;        /* asked so far */
    bool progress_shown, unexpected;
    int worst;
    size_t note_count;
    struct span notes[NOTES_MAX];
    char note_memory[NOTES_MAX][NOTE_LEN];
    char way[WAY_LEN]; /* how the target was found */
    struct {           /* of each mailbox; why empty: it is well */
        char why[192];
        bool lasting;
    } trouble[PROBE_MAILBOXES_MAX];
};

/* The probe's observer; self is the app. */
void run_see_line(void *self, unsigned session, char direction, struct span text);
void run_see_progress(void *self, const char *phase, unsigned done, unsigned total);
void run_see_arrival(void *self, enum arrival_kind kind, const struct form_result *form,
                     const struct mail_view *mail);
void run_see_expect(void *self);
bool run_has_looked(void *self);
void run_see_finished(void *self, const struct probe *p);

/* The mailboxes' owner; self is the app. */
bool run_take_mail(void *self, struct span mailbox, const struct mail_view *mail, bool truncated);
void run_take_callout(void *self, struct span sender, struct span recipient);
void run_take_refusal(void *self, struct span recipient, struct span reply);
void run_take_trouble(void *self, struct span mailbox, struct span why, bool lasting);
void run_take_well(void *self, struct span mailbox);
void run_take_ready(void *self);

/* The progress line. */
bool run_shows_progress(const struct app *a);
void run_clear_progress(struct app *a);
void run_tick(void *self);
/* Into the exit status. */
void run_count_verdict(struct app *a, enum verdict v);

#endif
