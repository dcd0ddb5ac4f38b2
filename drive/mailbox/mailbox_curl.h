/*
 * mailbox_curl.h - POP3 and IMAP mailboxes (lib/mailbox/mailbox.h), by libcurl on the loop
 *
 * A session is kept for operations that follow closely: a short while with POP3, whose servers lock
 * the mailbox and show new mail in a new session only, longer with IMAP. A connection that was lost
 * while it was idle is made anew, once, unseen by the user.
 *
 * Ownership: mailbox_curl_new allocates and copies the config; mailbox_curl_free ends what is under
 * way, unanswered. Not to be freed inside a callback.
 * Limits: MAILBOX_CONTENT_MAX; a server that is silent for silence_ns is in trouble.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_MAILBOX_CURL_H
#define RELAYLAB_DRIVE_MAILBOX_MAILBOX_CURL_H

#include "drive/loop/loop.h"
#include "lib/mailbox/mailbox.h"

struct mailbox_curl_config {
    bool imap, tls; /* tls: from the first octet; else STARTTLS, which is only tried on loopback */
    const char *host; /* a name or an address without brackets */
    uint16_t port;
    const char *folder;   /* IMAP; printable ASCII */
    const char *user;     /* empty: ~/.netrc */
    struct span password; /* empty, or no user: ~/.netrc */
    const char *ca_file;  /* NULL: the system's */
    int64_t silence_ns;   /* 0: 30 s */
};

struct mailbox_curl;

struct mailbox_curl *mailbox_curl_new(struct loop *l, const struct mailbox_curl_config *config,
                                      struct mailbox_user user, struct strbuf *error);
struct mailbox mailbox_curl_mailbox(struct mailbox_curl *m);
void mailbox_curl_free(struct mailbox_curl *m); /* NULL is allowed */

#endif
