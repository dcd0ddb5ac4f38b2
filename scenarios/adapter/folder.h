/*
 * folder.h - a detector's private folder: where it starts, its maildir, its answer
 *
 * Made afresh for each run, where the namespace allows it or under TMPDIR (else /tmp), and removed
 * with all that the detector left in it. Deliveries are written as a delivery agent writes them:
 * one file a recipient in new/, moved there whole from tmp/, with Return-Path and Delivered-To on
 * top.
 *
 * Ownership: a value; folder_remove ends it. Errors: a sentence with strerror.
 */
#ifndef RELAYLAB_SCENARIOS_ADAPTER_FOLDER_H
#define RELAYLAB_SCENARIOS_ADAPTER_FOLDER_H

#include "lib/smtp/mail.h"

enum { FOLDER_PATH_MAX = 512 };

struct folder {
    char path[FOLDER_PATH_MAX];    /* empty: there is none */
    char maildir[FOLDER_PATH_MAX]; /* path/mail */
    char out[FOLDER_PATH_MAX];     /* path/verdict.json: not there until the detector writes it */
    unsigned deliveries;
};

bool folder_make(struct folder *f, struct strbuf *error);
void folder_deliver(struct folder *f, const struct mail_view *mail, int64_t epoch_s);
/* A message as it is stored already, envelope and all. */
void folder_store(struct folder *f, struct span content, int64_t epoch_s);
/* What stands in `out`, at most cap octets. ptr NULL: there is no such file. */
struct span folder_answer(const struct folder *f, char *memory, size_t cap);
void folder_remove(struct folder *f);

#endif
