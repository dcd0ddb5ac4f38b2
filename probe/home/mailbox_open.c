/*
 * mailbox_open.c - each kind of mailbox to its executor in drive/
 */
#include "probe/home/mailbox_open.h"

#include <stdlib.h>

#include "drive/loop/loop.h"
#include "drive/mailbox/mailbox_curl.h"
#include "drive/mailbox/mailbox_maildir.h"
#include "drive/mailbox/mailbox_mbox.h"

struct open_mailbox {
    struct mailbox mailbox;
    struct mailbox_curl *curl;
    struct mailbox_maildir *maildir;
    struct mailbox_mbox *mbox;
};

static bool open_remote(struct open_mailbox *m, const struct mailbox_url *url, struct world *w,
                        const struct mailbox_open_config *config, struct mailbox_user user,
                        struct strbuf *error)
{
    bool imap = url->kind == MAILBOX_IMAP || url->kind == MAILBOX_IMAPS;
    struct mailbox_curl_config curl = {
        .imap = imap,
        .tls = url->kind == MAILBOX_POP3S || url->kind == MAILBOX_IMAPS,
        .host = url->host,
        .port = url->port,
        .folder = url->path,
        .user = url->user,
        .password = config->password,
        .ca_file = config->ca_file,
        .silence_ns = config->silence_ns};
    struct loop *loop = loop_of_world(w);
    if (loop == NULL) {
        strbuf_adds(error, "a POP3 or IMAP mailbox needs sockets");
        return false;
    }
    m->curl = mailbox_curl_new(loop, &curl, user, error);
    if (m->curl != NULL)
        m->mailbox = mailbox_curl_mailbox(m->curl);
    return m->curl != NULL;
}

static bool open_kind(struct open_mailbox *m, const struct mailbox_url *url, struct world *w,
                      const struct mailbox_open_config *config, struct mailbox_user user,
                      struct strbuf *error)
{
    switch (url->kind) {
    case MAILBOX_SINK:
        strbuf_adds(error, "a sink is not read, it listens");
        return false;
    case MAILBOX_MAILDIR:
        m->maildir = mailbox_maildir_new(w, url->path, user, error);
        if (m->maildir != NULL)
            m->mailbox = mailbox_maildir_mailbox(m->maildir);
        return m->maildir != NULL;
    case MAILBOX_MBOX:
        m->mbox = mailbox_mbox_new(w, url->path, user, error);
        if (m->mbox != NULL)
            m->mailbox = mailbox_mbox_mailbox(m->mbox);
        return m->mbox != NULL;
    case MAILBOX_POP3:
    case MAILBOX_POP3S:
    case MAILBOX_IMAP:
    case MAILBOX_IMAPS:
        break;
    }
    return open_remote(m, url, w, config, user, error);
}

struct open_mailbox *mailbox_open(const struct mailbox_url *url, struct world *w,
                                  const struct mailbox_open_config *config,
                                  struct mailbox_user user, struct strbuf *error)
{
    struct open_mailbox *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        strbuf_adds(error, "no memory");
        return NULL;
    }
    if (open_kind(m, url, w, config, user, error))
        return m;
    free(m);
    return NULL;
}

struct mailbox mailbox_opened(struct open_mailbox *m)
{
    return m->mailbox;
}

void mailbox_close(struct open_mailbox *m)
{
    if (m == NULL)
        return;
    mailbox_curl_free(m->curl);
    mailbox_maildir_free(m->maildir);
    mailbox_mbox_free(m->mbox);
    free(m);
}
