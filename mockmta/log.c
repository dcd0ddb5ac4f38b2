/*
 * The buffer has room for the longest line behind a full one, so a line is written into place; one
 * that is too long all the same (a hundred recipients full of control characters) is written again
 * without its texts.
 *
 * On a full disk the file is cut back to its last whole line, and nothing more is written.
 */
#include "mockmta/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"

bool log_open(struct log *l, const char *path, struct strbuf *error)
{
    char *memory = malloc(LOG_ROOM);
    *l = (struct log){.fd = STDOUT_FILENO, .path = path};
    if (memory == NULL) {
        strbuf_adds(error, "no memory for the log");
        return false;
    }
    strbuf_init(&l->buffer, memory, LOG_ROOM);
    if (strcmp(path, "-") != 0) {
        l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        l->ours = true;
    }
    if (l->fd < 0) {
        strbuf_addf(error, "%s: %s", path, strerror(errno));
        free(memory);
        return false;
    }
    return true;
}

static void on_linger(void *self)
{
    log_flush(self);
}

void log_start(struct log *l, struct world *w, void (*failed)(void *self, const char *why),
               void *self)
{
    l->world = w;
    l->failed = failed;
    l->self = self;
    world_timer_init(&l->timer, on_linger, l);
}

static void fail(struct log *l, size_t written)
{
    int error = errno;
    size_t whole = written;
    while (whole > 0 && l->buffer.ptr[whole - 1] != '\n') {
        whole--;
    }
    off_t end = lseek(l->fd, 0, SEEK_END); /* fails on a pipe, where nothing can be taken back */
    if (end >= (off_t)(written - whole) && whole < written &&
        ftruncate(l->fd, end - (off_t)(written - whole)) != 0) {
        error = errno;
    }
    l->broken = true;
    if (l->failed != NULL) {
        l->failed(l->self, strerror(error));
    }
}

void log_flush(struct log *l)
{
    size_t written = 0;
    if (l->world != NULL) {
        world_timer_stop(l->world, &l->timer);
    }
    while (written < l->buffer.len && !l->broken) {
        ssize_t n = write(l->fd, l->buffer.ptr + written, l->buffer.len - written);
        if (n > 0) {
            written += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            fail(l, written);
        }
    }
    strbuf_reset(&l->buffer);
}

void log_close(struct log *l)
{
    log_flush(l);
    if (l->ours && close(l->fd) != 0 && !l->broken && l->failed != NULL) {
        l->failed(l->self, strerror(errno));
    }
    free(l->buffer.ptr);
    *l = (struct log){.fd = -1};
}

/* Seconds since 1970 with six decimals; virtual time starts at the world's epoch too. */
static void add_time(struct strbuf *out, const struct world *w, int64_t at_ns)
{
    uint64_t micros = (uint64_t)(at_ns % CLOCK_SECOND / CLOCK_US);
    char digits[7] = ".";
    for (size_t i = 6; i >= 1; i--) {
        digits[i] = (char)('0' + micros % 10);
        micros /= 10;
    }
    strbuf_adds(out, "{\"time\":");
    strbuf_addu(out, (uint64_t)(w->epoch_s + at_ns / CLOCK_SECOND));
    strbuf_add(out, (struct span){digits, sizeof digits});
}

static void add_endpoint(struct json *j, const char *key, const struct endpoint *e)
{
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf text;
    strbuf_init(&text, memory, sizeof memory);
    endpoint_print(&text, e);
    json_text(j, key, strbuf_span(&text));
}

static void add_mail(struct json *j, const struct mock_event *e, bool whole)
{
    json_int(j, "size", (int64_t)e->size);
    if (!whole) {
        json_int(j, "recipient_count", (int64_t)e->mail->recipient_count);
        return;
    }
    json_text(j, "sender", e->mail->sender);
    json_open(j, "recipients", '[');
    for (size_t i = 0; i < e->mail->recipient_count; i++) {
        json_text(j, NULL, e->mail->recipients[i]);
    }
    json_close(j);
}

static bool has_command(enum mock_event_kind kind)
{
    return kind == MOCK_COMMAND || kind == MOCK_REPLY || kind == MOCK_RULE || kind == MOCK_CLOSED;
}

/* The opening bracket and the time are in the buffer already, so that the JSON writer only adds to
 * an object. */
static void add_fields(struct log *l, const struct mock_event *e, bool whole)
{
    struct json j;
    json_init(&j, &l->buffer);
    j.depth = 1;
    j.closer[0] = '}';
    j.any[1] = true;
    json_string(&j, "event", mock_event_name(e->kind));
    if (e->connection != 0) {
        json_int(&j, "connection", (int64_t)e->connection);
    }
    if (e->kind == MOCK_CONNECT) {
        add_endpoint(&j, "peer", e->peer);
        add_endpoint(&j, "local", e->local);
    }
    if (has_command(e->kind)) {
        json_string(&j, "at", smtp_event_name(e->at));
    }
    if (e->queue_id != NULL) {
        json_string(&j, "queue_id", e->queue_id);
    }
    if (e->code != 0) {
        json_int(&j, "code", e->code);
    }
    if (e->mail != NULL) {
        add_mail(&j, e, whole);
    } else if (e->kind != MOCK_CONNECT && whole) {
        json_text(&j, "text", span_to(e->text, LOG_TEXT_MAX));
    }
    json_close(&j);
    strbuf_addc(&l->buffer, '\n');
}

static void add_line(struct log *l, const struct mock_event *e, bool whole)
{
    add_time(&l->buffer, l->world, e->at_ns);
    add_fields(l, e, whole);
}

void log_event(struct log *l, const struct mock_event *e)
{
    size_t start = l->buffer.len;
    if (l->broken) {
        return;
    }
    add_line(l, e, true);
    if (l->buffer.truncated) {
        l->buffer.len = start;
        l->buffer.truncated = false;
        add_line(l, e, false);
    }
    if (l->buffer.len >= LOG_FLUSH) {
        log_flush(l);
    } else if (start == 0) {
        world_timer_set(l->world, &l->timer, e->at_ns + LOG_LINGER);
    }
}
