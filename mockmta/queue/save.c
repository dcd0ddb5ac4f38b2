/*
 * link(2) refuses a name that exists, rename(2) would take it silently: hence a temporary name, a
 * link, an unlink.
 */
#include "mockmta/queue/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"

enum { SAVE_PATH_MAX = 4096, SAVE_COPIES_MAX = 1000, SAVE_ENVELOPE_BASE = 4096 };

static bool trouble(struct strbuf *error, const char *path)
{
    strbuf_addf(error, "%s: %s", path, strerror(errno));
    return false;
}

static bool write_all(int fd, struct span s)
{
    while (s.len > 0) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n > 0) {
            s = span_from(s, (size_t)n);
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool write_file(const char *path, struct span content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return false;
    }
    bool whole = write_all(fd, content);
    int error = errno;
    if (close(fd) != 0 && whole) {
        whole = false;
        error = errno;
    }
    if (!whole) {
        (void)unlink(path);
        errno = error;
    }
    return whole;
}

static void path_make(char path[SAVE_PATH_MAX], const char *directory, const char *hidden,
                      const char *name, unsigned copy, const char *suffix)
{
    struct strbuf out;
    strbuf_init(&out, path, SAVE_PATH_MAX);
    strbuf_addf(&out, "%s/%s%s", directory, hidden, name);
    if (copy > 1) {
        strbuf_addf(&out, "-%u", copy);
    }
    strbuf_adds(&out, suffix);
}

bool save_check(const char *directory, struct strbuf *error)
{
    char path[SAVE_PATH_MAX];
    char name[32];
    struct strbuf out;
    strbuf_init(&out, name, sizeof name);
    strbuf_addf(&out, "check-%ld", (long)getpid());
    path_make(path, directory, ".", name, 1, ".tmp");
    if (strlen(directory) + 64 > SAVE_PATH_MAX) {
        errno = ENAMETOOLONG;
        return trouble(error, directory);
    }
    if (!write_file(path, SPAN(""))) {
        return trouble(error, directory);
    }
    (void)unlink(path);
    return true;
}

/* Links the temporary file to NAME-copy.suffix; EEXIST is an answer too. */
static bool publish(const char *directory, const char *name, unsigned copy, const char *suffix)
{
    char from[SAVE_PATH_MAX], to[SAVE_PATH_MAX];
    path_make(from, directory, ".", name, 1, suffix);
    path_make(to, directory, "", name, copy, suffix);
    return link(from, to) == 0;
}

static void drop(const char *directory, const char *name, const char *suffix)
{
    char path[SAVE_PATH_MAX];
    path_make(path, directory, ".", name, 1, suffix);
    (void)unlink(path);
}

static bool publish_both(const char *directory, const char *name)
{
    for (unsigned copy = 1; copy < SAVE_COPIES_MAX; copy++) {
        if (publish(directory, name, copy, ".json")) {
            if (publish(directory, name, copy, ".eml")) {
                return true;
            }
            int error = errno;
            char path[SAVE_PATH_MAX];
            path_make(path, directory, "", name, copy, ".json");
            (void)unlink(path);
            errno = error;
        }
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

static void envelope_write(struct strbuf *out, int64_t epoch_s, const struct mock_event *e)
{
    struct json j;
    char memory[ENDPOINT_TEXT_MAX];
    struct strbuf text;
    json_init(&j, out);
    json_open(&j, NULL, '{');
    json_string(&j, "queue_id", e->queue_id);
    strbuf_init(&text, memory, sizeof memory);
    clock_print_rfc3339(&text, epoch_s);
    json_text(&j, "time", strbuf_span(&text));
    strbuf_init(&text, memory, sizeof memory);
    endpoint_print(&text, e->peer);
    json_text(&j, "client", strbuf_span(&text));
    json_text(&j, "sender", e->mail->sender);
    json_open(&j, "recipients", '[');
    for (size_t i = 0; i < e->mail->recipient_count; i++) {
        json_text(&j, NULL, e->mail->recipients[i]);
    }
    json_close(&j);
    json_int(&j, "size", (int64_t)e->mail->content.len);
    json_close(&j);
    strbuf_addc(out, '\n');
}

/* Every octet of a path may become six in JSON. */
static size_t envelope_room(const struct mail_view *mail)
{
    size_t room = SAVE_ENVELOPE_BASE + 6 * mail->sender.len;
    for (size_t i = 0; i < mail->recipient_count; i++) {
        room += 6 * mail->recipients[i].len + 3;
    }
    return room;
}

static bool write_envelope(const char *path, int64_t epoch_s, const struct mock_event *e)
{
    size_t room = envelope_room(e->mail);
    char *memory = malloc(room);
    struct strbuf out;
    if (memory == NULL) {
        return false;
    }
    strbuf_init(&out, memory, room);
    envelope_write(&out, epoch_s, e);
    bool whole = write_file(path, strbuf_span(&out));
    int error = errno;
    free(memory);
    errno = error;
    return whole;
}

bool save_message(const char *directory, int64_t epoch_s, const struct mock_event *e,
                  struct strbuf *error)
{
    char path[SAVE_PATH_MAX];
    drop(directory, e->queue_id, ".eml"); /* what a killed run may have left */
    drop(directory, e->queue_id, ".json");
    path_make(path, directory, ".", e->queue_id, 1, ".eml");
    bool saved = write_file(path, e->mail->content);
    if (saved) {
        path_make(path, directory, ".", e->queue_id, 1, ".json");
        saved = write_envelope(path, epoch_s, e) && publish_both(directory, e->queue_id);
    }
    int trouble_number = errno;
    drop(directory, e->queue_id, ".eml");
    drop(directory, e->queue_id, ".json");
    errno = trouble_number;
    return saved || trouble(error, directory);
}
