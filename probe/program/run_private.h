/*
 * run_private.h - a run of the program, for the files that make it
 *
 * run.c opens, waits and closes; run_jobs.c takes target after target, run_ask.c question after
 * question, run_seats.c keeps their probes, run_report.c prints; run_home.c hears what the probes
 * and the mailboxes have to say; run_shown.c is the progress line.
 */
#ifndef RELAYLAB_PROBE_PROGRAM_RUN_PRIVATE_H
#define RELAYLAB_PROBE_PROGRAM_RUN_PRIVATE_H

#include "drive/dns/dns_ares.h"
#include "drive/loop/loop.h"
#include "probe/home/collect.h"
#include "probe/home/mailboxes.h"
#include "probe/program/pace.h"
#include "probe/program/run.h"
#include "probe/program/summary.h"
#include "probe/home/token_index.h"
#include "probe/report/transcript.h"

enum {
    NOTES_MAX = 8,
    NOTE_LEN = 320,
    WAY_LEN = 2048,
    KEPT_MAX = 64,   /* probes that are over, and may still hear of a delivery */
    HELD_MAX = 64,   /* targets that wait for their network's turn */
    OPENING_MAX = 32 /* first controls under way at the same time */
};

struct app;
struct job;

struct seat { /* a probe: being asked, then kept for a while */
    struct app *app;
    struct job *job; /* NULL: it was reported */
    struct seat *next;
    uint32_t number; /* in app.seats */
    char run_id[LEDGER_RUN_MAX + 1];
    struct span name;    /* of the target */
    unsigned strays_ago; /* app.strays when it began */
    struct mailboxes_hurry hurry;
    struct probe probe;
};

struct job_notes { /* what this program has to say about a target: one that is a name, mostly */
    size_t count;
    struct span note[NOTES_MAX];
    char memory[NOTES_MAX][NOTE_LEN];
    char way[WAY_LEN]; /* how the target was found */
};

struct job { /* a target that was begun */
    struct app *app;
    struct job *next, *prev;
    struct span text;
    const struct target *target; /* NULL: an address, read again when it is needed */
    struct target *own;          /* to be freed */
    struct mx_find *find;        /* while it is looked up */
    struct job_notes *notes;     /* NULL: none yet */
    struct seat *seat;           /* NULL: nobody is asking */
    struct question question;    /* that is asked, or is next */
    bool more;                   /* there is one */
    bool asked;                  /* one at least; else the ledger knew all */
    bool answered, unreachable;  /* at the present host: some question was, some was not */
    struct summary_row *rows;    /* of the questions that are over; NULL: none, or only one */
    size_t row_count;
};

struct app {
    const struct run_config *config;
    const struct options *options;
    struct strbuf *error;
    struct loop *loop;
    struct mailboxes *mailboxes;
    struct dns_ares *resolver;
    struct pace *pace;       /* NULL: none is kept */
    struct collect *collect; /* for mail of earlier runs; NULL without a ledger */
    struct world_timer tick; /* the progress line's */
    struct world_timer turn; /* something can be done: run_jobs.c */
    struct transcript transcript;
    struct seat **seats; /* by number */
    struct token_index tokens;
    struct seat *over;             /* finished, not reported yet */
    struct seat *kept, **kept_end; /* reported, the oldest first */
    size_t kept_count;
    struct job *jobs;
    size_t job_count, concurrency;
    size_t target_count, next; /* of the list; the next one to be begun */
    size_t held[HELD_MAX], held_count;
    unsigned done, by_verdict[VERDICT_UNREACHABLE + 1], known; /* known: of the ledger */
    unsigned strays;        /* with a mark of ours, and a token of nobody who is asking */
    unsigned unsaved;       /* messages that --save-proof could not keep */
    struct seat *receiving; /* to which a message is being shown */
    bool ready;             /* the mailboxes were read once */
    bool replayed;          /* the message being shown has a token of an earlier run */
    bool ended, failed;     /* nothing is left to do; for a reason that `error` tells */
    bool progress_shown, unexpected;
    unsigned addresses; /* asked so far */
    int worst;
    int64_t begun_ns;
    struct target scratch;
    struct { /* of each mailbox; why empty: it is well */
        char why[192];
        bool lasting;
    } trouble[PROBE_MAILBOXES_MAX];
};

/* run.c */
struct span run_target_text(const struct app *a, size_t i);
bool run_is_many(const struct app *a); /* several at once, or a list */

/* run_jobs.c: begins what can be begun; ends the loop when nothing is left. */
void run_take_turn(void *self);
void run_turn_soon(struct app *a);
void run_stop_asking(struct app *a); /* Ctrl-C */
void run_jobs_free(struct app *a);
void run_job_end(struct job *j); /* all that is to be asked was */
bool run_is_stopping(const struct app *a);
void run_out_of_memory(struct app *a, const char *what); /* one sentence */

/* run_ask.c: the questions of a job whose addresses are known; it ends itself. */
void run_ask_first(struct job *j);
void run_ask_settle(struct job *j); /* its probe is finished */

/* run_seats.c */
struct seat *run_seat_new(struct app *a, struct job *j); /* NULL: no memory */
void run_seat_register(struct seat *s); /* its probe has begun: its tokens are known from now on */
void run_seat_keep(struct app *a, struct seat *s); /* it was reported */
void run_seat_free(struct seat *s);
/* The run's name of the job's present question, LEDGER_RUN_MAX + 1 octets. */
void run_name(struct job *j, char *room);
/* --resume: the ledger has a verdict on that question. */
bool run_is_known(struct job *j, enum verdict *verdict);

/* run_report.c: one line or page for each target; false: standard output does not take it. */
bool run_report_seat(struct job *j, struct seat *s, struct span name);
bool run_report_unknown(struct job *j, const struct verdict_result *verdict);
bool run_report_not_asked(struct app *a, struct span target);
bool run_report_summary(struct job *j);
const struct target *run_job_target(struct job *j);
void run_note_way(struct job *j);
void run_note_unreachable(struct job *j, const struct endpoint *at, const struct probe *p);
void run_note_others(struct job *j);

/* The probe's observer; self is the seat. */
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
/* Whatever the mailboxes are known to suffer from, a probe that begins must know. */
void run_tell_trouble(struct app *a, struct seat *s);

/* run_shown.c: the progress line. */
bool run_shows_progress(const struct app *a);
void run_show_progress(struct app *a);
void run_clear_progress(struct app *a);
void run_tick(void *self);
void run_write_down(struct app *a, struct span text); /* a note in the transcript */
/* Into the exit status. */
void run_count_verdict(struct app *a, enum verdict v);

#endif
