/*
 * curl_session.c - CURLOPT_CONNECT_ONLY for POP3 and IMAP: libcurl goes as far as the login
 *
 * The transfers that libcurl knows cannot do what a guest in somebody's mailbox needs: its IMAP
 * selects a folder and marks what it fetches as seen, and its answers to commands of one's own are
 * cut at 16 KiB a line. So libcurl does what it does best, and lib/mailbox/talk.h the dialogue.
 *
 * Each session has a multi handle of its own with one easy handle: libcurl looks after idle
 * connections of a multi handle when a transfer begins there, and takes one with unread bytes for
 * dead. libcurl's own watches are gone when its part is done; then the socket is watched here.
 *
 * An error of a send is told later, by the timer: no call answers from inside.
 */
#include "drive/mailbox/curl_session.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/loop/loop_watch.h"
#include "drive/host/password.h"
#include "lib/mailbox/talk.h"

enum { TEXT_MAX = 512, REPLY_MAX = 192, WHY_MAX = 512, BLOCK = 16384 };

struct curl_session {
    struct loop *loop;
    struct curl_session_owner owner;
    CURLM *multi;
    CURL *easy; /* NULL: closed */
    struct loop_watch *watch;
    struct world_timer timer; /* libcurl's, or `failed` */
    bool open, failed;
    unsigned generation; /* of the connection: changes when it is closed */
    bool tls_required;
    int64_t connect_ns;
    size_t out_len;
    char out[CURL_SESSION_OUT_MAX];
    char reply[REPLY_MAX]; /* the server's last line before we were let in */
    char error[CURL_ERROR_SIZE];
    CURLU *place; /* the URL, with the user in it */
    char user[TEXT_MAX], password[TEXT_MAX], ca_file[TEXT_MAX * 2];
    char block[BLOCK];
};

static void add_without_password(const struct curl_session *s, struct strbuf *why, const char *text)
{
    size_t len = strlen(s->password);
    const char *at = len == 0 ? NULL : strstr(text, s->password);
    while (at != NULL) {
        strbuf_add_visible(why, (struct span){text, (size_t)(at - text)});
        strbuf_adds(why, "***");
        text = at + len;
        at = strstr(text, s->password);
    }
    strbuf_add_visible(why, span_of(text));
}

static void tell_ended(struct curl_session *s, enum mailbox_status status, struct span why)
{
    curl_session_close(s);
    s->owner.ended(s->owner.self, status, why);
}

static bool will_not_heal(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_USE_SSL_FAILED ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL;
}

static void tell_refused(struct curl_session *s, CURLcode code)
{
    char memory[WHY_MAX];
    struct strbuf why;
    enum mailbox_status status = will_not_heal(code) ? MAILBOX_REFUSED : MAILBOX_TROUBLE;
    strbuf_init(&why, memory, sizeof(memory));
    if (code == CURLE_LOGIN_DENIED) {
        if (!talk_may_heal(span_of(s->reply)))
            status = MAILBOX_REFUSED;
        strbuf_adds(&why, "the server does not let us in: ");
        add_without_password(s, &why, s->reply[0] != '\0' ? s->reply : "no word of why");
        strbuf_adds(&why, s->password[0] == '\0' ? PASSWORD_HINT : "");
    } else if (code == CURLE_USE_SSL_FAILED) {
        strbuf_adds(&why,
                    "the server offers no TLS (STARTTLS), and without it no password is sent");
    } else {
        add_without_password(s, &why, s->error[0] != '\0' ? s->error : curl_easy_strerror(code));
    }
    tell_ended(s, status, strbuf_span(&why));
}

static void flush(struct curl_session *s)
{
    size_t sent = 0, done = 0;
    CURLcode code = CURLE_OK;
    while (done < s->out_len && code == CURLE_OK) {
        code = curl_easy_send(s->easy, s->out + done, s->out_len - done, &sent);
        done += code == CURLE_OK ? sent : 0;
    }
    memmove(s->out, s->out + done, s->out_len - done);
    s->out_len -= done;
    if (code != CURLE_OK && code != CURLE_AGAIN) {
        s->failed = true;
        world_timer_set(loop_world(s->loop), &s->timer, world_now(loop_world(s->loop)));
    }
    loop_watch_set(s->watch, s->out_len > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void on_ready(void *self, int fd, unsigned events)
{
    struct curl_session *s = self;
    unsigned generation = s->generation;
    (void)fd;
    if ((events & WATCH_WRITE) != 0)
        flush(s);
    for (;;) {
        size_t got = 0;
        CURLcode code = curl_easy_recv(s->easy, s->block, sizeof(s->block), &got);
        if (code == CURLE_AGAIN)
            return;
        if (code != CURLE_OK || got == 0) {
            tell_ended(s, MAILBOX_TROUBLE, SPAN("the server closed the connection"));
            return;
        }
        s->owner.data(s->owner.self, (struct span){s->block, got});
        if (s->generation != generation)
            return;
    }
}

static void let_in(struct curl_session *s)
{
    struct watcher watcher = {on_ready, s};
    curl_socket_t fd = CURL_SOCKET_BAD;
    CURLcode code = curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (code == CURLE_OK && fd != CURL_SOCKET_BAD)
        s->watch = loop_watch_new(s->loop, fd, watcher);
    if (s->watch == NULL) {
        tell_ended(s, MAILBOX_TROUBLE, SPAN("the connection was lost at once"));
        return;
    }
    s->open = true;
    loop_watch_set(s->watch, WATCH_READ);
    s->owner.open(s->owner.self);
}

/* libcurl has worked: is it done? */
static void look(struct curl_session *s)
{
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(s->multi, &left);
    if (message == NULL || message->msg != CURLMSG_DONE)
        return;
    if (message->data.result == CURLE_OK)
        let_in(s);
    else
        tell_refused(s, message->data.result);
}

static void act(struct curl_session *s, curl_socket_t fd, int events)
{
    int running = 0;
    if (s->easy == NULL || s->open)
        return;
    (void)curl_multi_socket_action(s->multi, fd, events, &running);
    look(s);
}

static void on_socket_ready(void *self, int fd, unsigned events)
{
    act(self, fd,
        ((events & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((events & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *self)
{
    struct curl_session *s = self;
    if (s->failed)
        tell_ended(s, MAILBOX_TROUBLE, SPAN("the server closed the connection"));
    else
        act(s, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl wants a socket watched; `known` is the watch of an earlier call. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *known)
{
    struct curl_session *s = self;
    struct loop_watch *watch = known;
    struct watcher watcher = {on_socket_ready, s};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        loop_watch_free(watch);
        (void)curl_multi_assign(s->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL) {
        watch = loop_watch_new(s->loop, fd, watcher);
        if (watch == NULL)
            return -1;
        (void)curl_multi_assign(s->multi, fd, watch);
    }
    loop_watch_set(watch, ((what & CURL_POLL_IN) != 0 ? (unsigned)WATCH_READ : 0u) |
                              ((what & CURL_POLL_OUT) != 0 ? (unsigned)WATCH_WRITE : 0u));
    return 0;
}

static int set_timer(CURLM *multi, long wait_ms, void *self)
{
    struct curl_session *s = self;
    struct world *w = loop_world(s->loop);
    (void)multi;
    if (s->failed)
        return 0;
    if (wait_ms >= 0)
        world_timer_set(w, &s->timer, world_now(w) + wait_ms * CLOCK_MS);
    else if (world_timer_is_set(&s->timer))
        world_timer_stop(w, &s->timer);
    return 0;
}

/* Each line of the server's, until we are let in; the last one may say why we are not. The types
 * are libcurl's.
 * NOLINTBEGIN(readability-non-const-parameter) */
static size_t keep_reply(char *data, size_t size, size_t count, void *self)
{
    struct curl_session *s = self;
    struct span line = {data, size * count};
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    (void)bytes_copy(s->reply, sizeof(s->reply), line);
    return size * count;
}

static size_t drop(char *data, size_t size, size_t count, void *self)
{
    (void)data;
    (void)self;
    return size * count;
}
/* NOLINTEND(readability-non-const-parameter) */

static bool set_up(struct curl_session *s)
{
    CURL *e = s->easy;
    bool good = true;
#define SET(option, value) good = good && curl_easy_setopt(e, option, value) == CURLE_OK
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_CURLU, s->place);
    SET(CURLOPT_PROTOCOLS_STR, "pop3,pop3s,imap,imaps");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(s->connect_ns / CLOCK_MS));
    SET(CURLOPT_USE_SSL, s->tls_required ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (s->ca_file[0] != '\0') {
        SET(CURLOPT_CAINFO, s->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (s->password[0] != '\0') {
        SET(CURLOPT_USERNAME, s->user);
        SET(CURLOPT_PASSWORD, s->password);
    } else {
        SET(CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL); /* looks for the user of the URL */
    }
    SET(CURLOPT_HEADERFUNCTION, keep_reply);
    SET(CURLOPT_HEADERDATA, s);
    SET(CURLOPT_WRITEFUNCTION, drop);
    SET(CURLOPT_ERRORBUFFER, s->error);
#undef SET
    return good;
}

/* The user is part of the URL: so ~/.netrc is searched for that user's password. */
static bool set_place(CURLU *place, const struct curl_session_config *config)
{
    return curl_url_set(place, CURLUPART_URL, config->url, 0) == CURLUE_OK &&
           (config->user[0] == '\0' ||
            curl_url_set(place, CURLUPART_USER, config->user, CURLU_URLENCODE) == CURLUE_OK);
}

bool curl_session_check_ca(const char *path, struct strbuf *error)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && getc(file) != EOF;

    if (!good) {
        bool empty = file != NULL && ferror(file) == 0;
        strbuf_add_visible(error, span_of(path));
        strbuf_addf(error, ": %s", empty ? "is empty" : strerror(errno));
    }
    if (file != NULL)
        (void)fclose(file);
    return good;
}

static bool take_config(struct curl_session *s, const struct curl_session_config *config,
                        struct strbuf *error)
{
    s->multi = curl_multi_init();
    s->place = curl_url();
    if (s->multi == NULL || s->place == NULL) {
        strbuf_adds(error, "no memory");
        return false;
    }
    s->tls_required = config->tls_required;
    s->connect_ns = config->connect_ns;
    if (set_place(s->place, config) &&
        bytes_copy(s->user, sizeof(s->user), span_of(config->user)) &&
        bytes_copy(s->password, sizeof(s->password), span_of(config->password)) &&
        bytes_copy(s->ca_file, sizeof(s->ca_file), span_of(config->ca_file)))
        return true;
    strbuf_adds(error, "the host, the user or the CA file's name cannot be used, or is too long");
    return false;
}

struct curl_session *curl_session_new(struct loop *l, const struct curl_session_config *config,
                                      struct curl_session_owner owner, struct strbuf *error)
{
    struct curl_session *s = calloc(1, sizeof(*s));
    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        strbuf_adds(error, "no memory");
        free(s);
        return NULL;
    }
    s->loop = l;
    s->owner = owner;
    world_timer_init(&s->timer, on_timer, s);
    if (!take_config(s, config, error)) {
        curl_session_free(s);
        return NULL;
    }
    (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    return s;
}

void curl_session_start(struct curl_session *s)
{
    assert(s->easy == NULL);
    s->reply[0] = s->error[0] = '\0';
    s->out_len = 0;
    s->easy = curl_easy_init();
    s->failed = s->easy == NULL || !set_up(s) ||
                curl_multi_add_handle(s->multi, s->easy) != CURLM_OK;
    if (s->failed)
        world_timer_set(loop_world(s->loop), &s->timer, world_now(loop_world(s->loop)));
}

bool curl_session_is_open(const struct curl_session *s)
{
    return s->open;
}

void curl_session_send(struct curl_session *s, struct span bytes)
{
    assert(s->open && bytes.len <= sizeof(s->out) - s->out_len);
    memcpy(s->out + s->out_len, bytes.ptr, bytes.len);
    s->out_len += bytes.len;
    flush(s);
}

void curl_session_close(struct curl_session *s)
{
    loop_watch_free(s->watch);
    s->watch = NULL;
    s->open = false;
    s->generation++;
    if (s->easy != NULL) {
        (void)curl_multi_remove_handle(s->multi, s->easy);
        curl_easy_cleanup(s->easy);
    }
    s->easy = NULL;
    s->failed = false;
    if (world_timer_is_set(&s->timer))
        world_timer_stop(loop_world(s->loop), &s->timer);
}

void curl_session_free(struct curl_session *s)
{
    if (s == NULL)
        return;
    curl_session_close(s);
    (void)curl_multi_cleanup(s->multi);
    curl_url_cleanup(s->place);
    if (world_timer_is_set(&s->timer)) /* libcurl's last word */
        world_timer_stop(loop_world(s->loop), &s->timer);
    OPENSSL_cleanse(s->password, sizeof(s->password));
    free(s);
    curl_global_cleanup();
}
