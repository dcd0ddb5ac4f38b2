/*
 * log.h - a mock server's events as JSON Lines
 *
 *     {"time":1764000000.123456,"event":"command","connection":1,"at":"RCPT","text":"RCPT
 * TO:<probe@canary.test>"}
 *
 * Lines are gathered and written together: when LOG_FLUSH octets are there, and otherwise within
 * LOG_LINGER. log_flush writes what is left: at the end, and on a signal.
 *
 * Ownership: log_open allocates, log_close flushes and gives back.
 * Errors: a write that fails calls `failed` once, with a sentence; the file then ends with its last
 * whole line.
 */
#ifndef RELAYLAB_MOCKMTA_LOG_H
#define RELAYLAB_MOCKMTA_LOG_H

#include "mockmta/mock.h"

enum { LOG_FLUSH = 32768, LOG_ROOM = 131072, LOG_TEXT_MAX = 8192 };
#define LOG_LINGER (10 * CLOCK_MS)

struct log {
    int fd;
    bool ours; /* opened here */
    bool broken;
    const char *path;
    struct world *world;
    struct strbuf buffer;
    struct world_timer timer;
    void (*failed)(void *self, const char *why);
    void *self;
};

/* "-" is standard output. False with a sentence in error. */
bool log_open(struct log *l, const char *path, struct strbuf *error);
/* After the world is there. */
void log_start(struct log *l, struct world *w, void (*failed)(void *self, const char *why),
               void *self);
void log_event(struct log *l, const struct mock_event *e);
void log_flush(struct log *l);
void log_close(struct log *l);

#endif
