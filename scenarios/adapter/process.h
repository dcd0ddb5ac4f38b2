/*
 * process.h - the detector as a command, told where to ask and as whom
 *
 * Fills in the contract (doc/adapters.md) from a case: placeholders, environment, folder; starts
 * the command; reads what it said when it is over.
 *
 * Ownership: the process is the caller's memory, from process_start to process_clear, and must not
 * move. What it borrows from adapter, case and identity must outlive it.
 * Errors: process_start says in `error` what could not be made; there is nothing to clear then.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_PROCESS_H
#define RELAYLAB_SCENARIOS_ADAPTER_PROCESS_H

#include "scenarios/adapter/folder.h"
#include "scenarios/adapter/said.h"
#include "scenarios/world/trial.h"

enum { PROCESS_ARENA = 131072 };

struct process_task {
    const struct adapter *adapter;
    const struct adapter_path *where;
    const struct case_file *c;
    const struct trial_identity *id;
    const struct token_pair *tokens;
    const struct endpoint *mailbox_at; /* ADAPTER_SINK: where the detector listens */
    const struct endpoint *mx_at;      /* the canary's own way in */
    struct endpoint dns_at;            /* the case's resolver; family 0: it has none */
    struct loop *loop;
    void (*done)(void *self); /* from the loop, once */
    void *self;
};

struct process {
    const struct adapter *adapter;
    struct folder folder;
    struct spawn *spawn;
    struct arena arena;
    char memory[PROCESS_ARENA];
};

bool process_start(struct process *p, const struct process_task *task, struct strbuf *error);
/* The detector listens itself, and the case's first mailbox is one that shows mail at once. */
bool process_has_sink(const struct adapter *a, const struct case_file *c);
/* Once `done` was called. */
void process_read(struct process *p, struct said *out);
const struct spawn_result *process_end(const struct process *p);
void process_clear(struct process *p);

/* The manifest's version command, run to its end without a case. False: note says why. */
bool process_version(const struct adapter *a, const struct adapter_path *where, char *version,
                     size_t cap, struct strbuf *why);

#endif
