/*
 * mailbox_curl.c - an operation is a session that is open (drive/mailbox/curl_session.h) and a task
 * in it (lib/mailbox/talk.h)
 *
 * One timer serves all: while an operation is under way it is the patience with a silent server,
 * else the end of an idle session, and at once where a task was over before it began. An answer is
 * the last thing that happens in an event: the user may begin the next operation from inside.
 */
#include "drive/mailbox/mailbox_curl.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "drive/mailbox/curl_session.h"
#include "drive/host/password.h"
#include "lib/mailbox/talk.h"

enum { HINTS_MAX = 65536, URL_MAX = 512 };
#define SILENCE_NS (30 * CLOCK_SECOND)
#define IDLE_POP3_NS (2 * CLOCK_SECOND)
#define IDLE_IMAP_NS (20 * CLOCK_SECOND)

struct mailbox_curl {
    struct world *world;
    struct mailbox_user user;
    struct curl_session *session;
    struct talk talk;
    struct world_timer timer;
    int64_t silence_ns;
    bool imap, has_password;
    bool busy;   /* an operation is under way */
    bool reused; /* ... in a session that stood before, and nothing came yet */
    enum talk_task task;
    size_t uid_len;
    char uid[MAILBOX_UID_MAX];
    char folder[TALK_FOLDER_MAX];
    char *content;
    uint32_t *hints;
};

static void arm(struct mailbox_curl *m, int64_t in_ns)
{
    world_timer_set(m->world, &m->timer, world_now(m->world) + in_ns);
}

static void disarm(struct mailbox_curl *m)
{
    if (world_timer_is_set(&m->timer))
        world_timer_stop(m->world, &m->timer);
}

/* Precondition: the operation is over in all our records. */
static void answer(struct mailbox_curl *m, enum mailbox_status status, struct span why)
{
    struct mailbox_user *u = &m->user;
    struct span uid = {m->uid, m->uid_len};
    struct span content = {m->content, status == MAILBOX_OK ? m->talk.content_len : 0};
    switch (m->task) {
    case TALK_LIST:
        u->listed(u->self, status, why);
        break;
    case TALK_FETCH:
        u->fetched(u->self, status, uid, content, status == MAILBOX_OK && m->talk.truncated, why);
        break;
    case TALK_REMOVE:
        u->removed(u->self, status, uid, why);
        break;
    }
}

static void leave(struct mailbox_curl *m)
{
    if (curl_session_is_open(m->session) && !m->talk.broken) {
        strbuf_reset(&m->talk.out);
        talk_leave(&m->talk);
        curl_session_send(m->session, strbuf_span(&m->talk.out));
    }
    curl_session_close(m->session);
}

static void finish(struct mailbox_curl *m)
{
    char memory[2 * TALK_WHY_MAX];
    struct strbuf why;
    m->busy = false;
    if (m->talk.broken) {
        curl_session_close(m->session);
        disarm(m);
    } else {
        arm(m, m->imap ? IDLE_IMAP_NS : IDLE_POP3_NS);
    }
    strbuf_init(&why, memory, sizeof(memory));
    strbuf_adds(&why, m->talk.why);
    if (m->talk.status == MAILBOX_REFUSED && !m->has_password) /* libcurl went on without login */
        strbuf_adds(&why, PASSWORD_HINT);
    answer(m, m->talk.status, strbuf_span(&why));
}

static void say(struct mailbox_curl *m)
{
    if (m->talk.out.len > 0)
        curl_session_send(m->session, strbuf_span(&m->talk.out));
    strbuf_reset(&m->talk.out);
}

static void start_task(struct mailbox_curl *m)
{
    talk_begin(&m->talk, m->task, (struct span){m->uid, m->uid_len});
    say(m);
    arm(m, m->talk.done ? 0 : m->silence_ns);
}

static void on_entry(void *self, struct span uid, uint64_t size)
{
    struct mailbox_curl *m = self;
    if (m->busy)
        m->user.entry(m->user.self, uid, size);
}

static void on_open(void *self)
{
    struct mailbox_curl *m = self;
    struct talk_config config = {
        .protocol = m->imap ? TALK_IMAP : TALK_POP3,
        .folder = span_of(m->folder),
        .entry = on_entry,
        .self = m,
        .content = m->content,
        .content_cap = MAILBOX_CONTENT_MAX,
        .hints = m->hints,
        .hint_cap = m->hints == NULL ? 0 : HINTS_MAX};
    talk_init(&m->talk, &config);
    start_task(m);
}

static void on_data(void *self, struct span bytes)
{
    struct mailbox_curl *m = self;
    bool was_busy = m->busy && !m->talk.done;
    m->reused = false;
    talk_feed(&m->talk, bytes);
    if (was_busy && m->talk.done) {
        finish(m);
    } else if (was_busy) {
        say(m);
        arm(m, m->silence_ns);
    } else if (m->talk.broken && !m->busy) {
        curl_session_close(m->session);
        disarm(m);
    }
}

static void on_ended(void *self, enum mailbox_status status, struct span why)
{
    struct mailbox_curl *m = self;
    if (m->busy && m->reused) {
        m->reused = false;
        arm(m, m->silence_ns);
        curl_session_start(m->session);
        return;
    }
    disarm(m);
    if (!m->busy)
        return;
    m->busy = false;
    answer(m, status, why);
}

static void on_timer(void *self)
{
    struct mailbox_curl *m = self;
    char memory[128];
    struct strbuf why;
    if (!m->busy) {
        leave(m);
        return;
    }
    if (m->talk.done && curl_session_is_open(m->session)) {
        finish(m);
        return;
    }
    m->busy = false;
    curl_session_close(m->session);
    strbuf_init(&why, memory, sizeof(memory));
    strbuf_adds(&why, "the server said nothing for ");
    strbuf_addu(&why, (uint64_t)(m->silence_ns / CLOCK_SECOND));
    strbuf_adds(&why, " s");
    answer(m, MAILBOX_TROUBLE, strbuf_span(&why));
}

static void begin(struct mailbox_curl *m, enum talk_task task, struct span uid)
{
    assert(!m->busy && uid.len <= sizeof(m->uid));
    m->busy = true;
    m->task = task;
    m->uid_len = uid.len;
    if (uid.len > 0)
        memcpy(m->uid, uid.ptr, uid.len);
    if (!m->imap && task == TALK_LIST)
        leave(m); /* POP3 shows new mail in a new session only */
    m->reused = curl_session_is_open(m->session);
    if (m->reused) {
        start_task(m);
        return;
    }
    m->talk.done = false;
    curl_session_start(m->session);
    arm(m, m->silence_ns + CLOCK_SECOND); /* libcurl's own limit comes first, and knows more */
}

static void mailbox_list(void *self)
{
    begin(self, TALK_LIST, (struct span){NULL, 0});
}

static void mailbox_fetch(void *self, struct span uid)
{
    begin(self, TALK_FETCH, uid);
}

static void mailbox_remove(void *self, struct span uid)
{
    begin(self, TALK_REMOVE, uid);
}

static void mailbox_cancel(void *self)
{
    struct mailbox_curl *m = self;
    if (!m->busy)
        return;
    m->busy = false;
    curl_session_close(m->session);
    disarm(m);
}

static const struct mailbox_ops ops = {.list = mailbox_list,
                                       .fetch = mailbox_fetch,
                                       .remove = mailbox_remove,
                                       .cancel = mailbox_cancel};

static bool is_loopback(const char *host)
{
    struct endpoint address;
    if (endpoint_parse_address(span_of(host), &address))
        return endpoint_scope(&address) == SCOPE_LOOPBACK;
    return span_iequal(span_of(host), SPAN("localhost"));
}

static void print_url(struct strbuf *out, const struct mailbox_curl_config *c)
{
    bool brackets = strchr(c->host, ':') != NULL;
    strbuf_adds(out, c->imap ? "imap" : "pop3");
    strbuf_adds(out, c->tls ? "s://" : "://");
    strbuf_adds(out, brackets ? "[" : "");
    strbuf_adds(out, c->host);
    strbuf_adds(out, brackets ? "]:" : ":");
    strbuf_addu(out, c->port);
    strbuf_addc(out, '/');
}

static bool open_session(struct mailbox_curl *m, struct loop *l,
                         const struct mailbox_curl_config *c, struct strbuf *error)
{
    struct curl_session_owner owner = {on_open, on_data, on_ended, m};
    char url[URL_MAX], password[PASSWORD_MAX];
    struct strbuf text;
    struct curl_session_config config = {
        .url = url,
        .user = c->user,
        .password = password,
        .ca_file = c->ca_file,
        .tls_required = c->tls || !is_loopback(c->host),
        .connect_ns = m->silence_ns};
    strbuf_init(&text, url, sizeof(url));
    print_url(&text, c);
    if (bytes_copy(password, sizeof(password), m->has_password ? c->password : SPAN("")))
        m->session = curl_session_new(l, &config, owner, error);
    else
        strbuf_adds(error, "the password is too long");
    OPENSSL_cleanse(password, sizeof(password));
    return m->session != NULL;
}

struct mailbox_curl *mailbox_curl_new(struct loop *l, const struct mailbox_curl_config *config,
                                      struct mailbox_user user, struct strbuf *error)
{
    struct mailbox_curl *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        strbuf_adds(error, "no memory");
        return NULL;
    }
    m->world = loop_world(l);
    m->user = user;
    m->imap = config->imap;
    m->has_password = config->password.len > 0 && config->user[0] != '\0';
    m->silence_ns = config->silence_ns > 0 ? config->silence_ns : SILENCE_NS;
    m->content = malloc(MAILBOX_CONTENT_MAX);
    m->hints = m->imap ? NULL : malloc(HINTS_MAX * sizeof(m->hints[0]));
    world_timer_init(&m->timer, on_timer, m);
    bool fits = bytes_copy(m->folder, sizeof(m->folder), span_of(config->folder));
    if (!fits)
        strbuf_adds(error, "the folder's name is too long");
    else if (m->content == NULL || (!m->imap && m->hints == NULL))
        strbuf_adds(error, "no memory");
    else if (open_session(m, l, config, error))
        return m;
    mailbox_curl_free(m);
    return NULL;
}

struct mailbox mailbox_curl_mailbox(struct mailbox_curl *m)
{
    return (struct mailbox){.ops = &ops, .self = m};
}

void mailbox_curl_free(struct mailbox_curl *m)
{
    if (m == NULL)
        return;
    disarm(m);
    if (m->session != NULL && !m->busy)
        leave(m);
    curl_session_free(m->session);
    free(m->content);
    free(m->hints);
    free(m);
}
