/*
 * curl_session.h - a connection to a POP3 or IMAP server that libcurl made: name, TCP, TLS, login
 *
 * libcurl connects and authenticates (its multi interface on the loop); from then on the bytes are
 * the owner's. Certificates are always verified, and where TLS is wanted a password is never sent
 * without it. No proxy is used, whatever the environment says. One session can be started again and
 * again, one connection at a time.
 *
 * Ownership: curl_session_new allocates and copies the config; the password is wiped in the end.
 * Callbacks come from the loop, never from inside a call; close and start are allowed in them, free
 * is not.
 */
#ifndef RELAYLAB_DRIVE_MAILBOX_CURL_SESSION_H
#define RELAYLAB_DRIVE_MAILBOX_CURL_SESSION_H

#include "drive/loop/loop.h"
#include "lib/mailbox/mailbox.h"

struct curl_session_config {
    const char *url;      /* scheme, host, port; nothing else */
    const char *user;     /* empty: ~/.netrc */
    const char *password; /* empty: ~/.netrc */
    const char *ca_file;  /* NULL: the system's */
    bool tls_required;    /* STARTTLS, where the scheme is not TLS by itself; else it is tried */
    int64_t connect_ns;   /* for everything until we are let in */
};

struct curl_session_owner {
    void (*open)(void *self); /* we are let in */
    void (*data)(void *self, struct span bytes);
    /* Not let in (any status but MAILBOX_OK), or the connection is gone (MAILBOX_TROUBLE). */
    void (*ended)(void *self, enum mailbox_status status, struct span why);
    void *self;
};

struct curl_session;

/* Can the file be read? libcurl would ask only when a server shows its certificate. */
bool curl_session_check_ca(const char *path, struct strbuf *error);
struct curl_session *curl_session_new(struct loop *l, const struct curl_session_config *config,
                                      struct curl_session_owner owner, struct strbuf *error);
void curl_session_start(struct curl_session *s); /* precondition: closed */
bool curl_session_is_open(const struct curl_session *s);
/* At most CURL_SESSION_OUT_MAX octets at once wait to be sent; precondition: it is open. */
enum { CURL_SESSION_OUT_MAX = 4096 };
void curl_session_send(struct curl_session *s, struct span bytes);
void curl_session_close(struct curl_session *s); /* at once; no callback follows */
void curl_session_free(struct curl_session *s);  /* NULL is allowed */

#endif
