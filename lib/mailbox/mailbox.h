/*
 * mailbox.h - what may be asked of a mailbox that stores mail: list, fetch, remove
 *
 * Operations, not bytes: POP3 and IMAP (libcurl), Maildir, mbox and the simulator's memory all
 * execute the same three. One operation is under way at a time; its answer comes later through
 * mailbox_user, never from inside the call that asked. Fetching never marks a message as seen and
 * removes nothing.
 *
 * Ownership: an executor owns what stands behind `self`. Content and entries are lent for the
 * length of the callback.
 * Limits: content is kept up to MAILBOX_CONTENT_MAX (then `truncated`), uids up to MAILBOX_UID_MAX.
 */
#ifndef RELAYLAB_LIB_MAILBOX_MAILBOX_H
#define RELAYLAB_LIB_MAILBOX_MAILBOX_H

#include "lib/base/bytes.h"

enum { MAILBOX_UID_MAX = 128, MAILBOX_CONTENT_MAX = 262144 };

enum mailbox_status {
    MAILBOX_OK,
    MAILBOX_GONE,    /* that message is not there any more */
    MAILBOX_TROUBLE, /* down, dropped, slow: may heal */
    MAILBOX_REFUSED  /* wrong password, bad certificate, no such folder: will not heal by itself */
};

struct mailbox_user {
    /* one call a message, before `listed` */
    void (*entry)(void *self, struct span uid, uint64_t size);
    void (*listed)(void *self, enum mailbox_status status, struct span why);
    void (*fetched)(void *self, enum mailbox_status status, struct span uid, struct span content,
                    bool truncated, struct span why);
    void (*removed)(void *self, enum mailbox_status status, struct span uid, struct span why);
    void *self;
};

struct mailbox_ops {
    void (*list)(void *self);
    void (*fetch)(void *self, struct span uid);
    void (*remove)(void *self, struct span uid);
    void (*cancel)(void *self); /* the operation under way will not be answered */
};

struct mailbox {
    const struct mailbox_ops *ops;
    void *self;
};

#endif
