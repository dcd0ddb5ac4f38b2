/*
 * mailbox_url.h - what `--mailbox URL` says
 *
 *     sink://ADDR:PORT           our own SMTP listener
 *     maildir:/path  mbox:/path  files of this host
 *     pop3://USER@HOST[:PORT]    STARTTLS wanted, unless HOST is loopback; pop3s:// is TLS at once
 *     imap://USER@HOST[:PORT][/FOLDER]  the same with IMAP; default folder INBOX
 *
 * USER may be left out when ~/.netrc knows it. USER and FOLDER are percent-decoded, so a user
 * `me@example.test` may be written so, or as me%40example.test; paths of files stand as they are. A
 * URL with a password in it is refused: what stands on a command line can be read by every user of
 * the host. Nothing is looked up.
 *
 * Ownership: a struct mailbox_url is a value with its own text, but for `text`, which points into
 * what was parsed (without a password it may be shown).
 * Errors: one line without the option's name, in which no part of a password appears.
 */
#ifndef RELAYLAB_PROBE_HOME_MAILBOX_URL_H
#define RELAYLAB_PROBE_HOME_MAILBOX_URL_H

#include "lib/base/endpoint.h"

enum { MAILBOX_URL_USER_MAX = 256, MAILBOX_URL_HOST_MAX = 256, MAILBOX_URL_PATH_MAX = 1024 };

enum mailbox_kind {
    MAILBOX_SINK,
    MAILBOX_MAILDIR,
    MAILBOX_MBOX,
    MAILBOX_POP3,
    MAILBOX_POP3S,
    MAILBOX_IMAP,
    MAILBOX_IMAPS
};

struct mailbox_url {
    enum mailbox_kind kind;
    struct span text;                /* as given */
    struct endpoint at;              /* sink */
    char user[MAILBOX_URL_USER_MAX]; /* pop3, imap; empty: ~/.netrc knows */
    char host[MAILBOX_URL_HOST_MAX]; /* pop3, imap: a name or an address without brackets */
    uint16_t port;                   /* pop3, imap */
    char path[MAILBOX_URL_PATH_MAX]; /* maildir, mbox: a path; imap: the folder */
};

bool mailbox_url_parse(struct mailbox_url *u, struct span text, struct strbuf *error);
/* True for the kinds that libcurl reads: those that may need a password. */
bool mailbox_url_is_remote(const struct mailbox_url *u);

#endif
