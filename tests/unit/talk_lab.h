/*
 * talk_lab.h - plays a mail store's server to a talk, line by line, at every split
 *
 * A row is a dialogue: what the client is to say, and what it is answered. What the server says is
 * cut once at every place, in turn, and last into single octets; the outcome must not change.
 */
#ifndef RELAYLAB_TESTS_UNIT_TALK_LAB_H
#define RELAYLAB_TESTS_UNIT_TALK_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/talk.h"

enum { LAB_TURNS_MAX = 8, LAB_TASKS_MAX = 3, LAB_CONTENT_MAX = 64, LAB_HINTS = 8 };

struct lab_turn {
    const char *client, *server; /* client NULL: the end */
};

struct lab_task {
    enum talk_task task;
    const char *uid; /* NULL: no further task */
    struct lab_turn turn[LAB_TURNS_MAX];
    enum mailbox_status status;
    const char *shown; /* uids of a list, each with a comma; the content of a fetch */
    const char *why;   /* a part of it */
    bool truncated, broken;
};

struct lab_row {
    const char *label;
    struct lab_task task[LAB_TASKS_MAX];
};

struct lab {
    struct talk talk;
    char shown_memory[1024], content[LAB_CONTENT_MAX];
    uint32_t hints[LAB_HINTS];
    struct strbuf shown;
    size_t split; /* SIZE_MAX: single octets */
    bool cut_somewhere;
};

static void lab_entry(void *self, struct span uid, uint64_t size)
{
    struct lab *lab = self;
    assert_int_equal(size, 0);
    strbuf_add(&lab->shown, uid);
    strbuf_addc(&lab->shown, ',');
}

static void lab_feed(struct lab *lab, struct span bytes)
{
    lab->cut_somewhere = lab->cut_somewhere || lab->split < bytes.len;
    if (lab->split == SIZE_MAX) {
        for (size_t i = 0; i < bytes.len; i++)
            talk_feed(&lab->talk, span_to(span_from(bytes, i), 1));
        return;
    }
    talk_feed(&lab->talk, span_to(bytes, lab->split));
    talk_feed(&lab->talk, span_from(bytes, lab->split));
}

static void lab_check(struct lab *lab, const struct lab_task *task, const char *label)
{
    const struct talk *t = &lab->talk;
    if (task->task == TALK_FETCH)
        strbuf_add(&lab->shown, (struct span){lab->content, t->content_len});
    if (!t->done || t->status != task->status || t->truncated != task->truncated ||
        t->broken != task->broken ||
        (task->shown != NULL && strcmp(lab->shown.ptr, task->shown) != 0) ||
        (task->why != NULL && strstr(t->why, task->why) == NULL))
        fail_msg("%s: split %zu: done %d, status %d, truncated %d, broken %d, shown '%s', why '%s'",
                 label, lab->split, t->done, t->status, t->truncated, t->broken, lab->shown.ptr,
                 t->why);
}

static void lab_play(struct lab *lab, const struct lab_task *task, const char *label)
{
    strbuf_init(&lab->shown, lab->shown_memory, sizeof(lab->shown_memory));
    talk_begin(&lab->talk, task->task, span_of(task->uid));
    for (size_t i = 0; i < LAB_TURNS_MAX && task->turn[i].client != NULL; i++) {
        if (strcmp(lab->talk.out.ptr, task->turn[i].client) != 0)
            fail_msg("%s: split %zu: the client says '%s'", label, lab->split, lab->talk.out.ptr);
        strbuf_reset(&lab->talk.out);
        lab_feed(lab, span_of(task->turn[i].server));
    }
    assert_int_equal(lab->talk.out.len, 0);
    lab_check(lab, task, label);
}

/* True: a further split is possible. */
static bool lab_run_once(const struct lab_row *row, enum talk_protocol protocol, size_t split)
{
    struct lab lab = {.split = split};
    struct talk_config config = {
        .protocol = protocol,
        .folder = SPAN("IN\"BOX"),
        .entry = lab_entry,
        .self = &lab,
        .content = lab.content,
        .content_cap = sizeof(lab.content),
        .hints = lab.hints,
        .hint_cap = LAB_HINTS};
    talk_init(&lab.talk, &config);
    for (size_t i = 0; i < LAB_TASKS_MAX && row->task[i].uid != NULL; i++)
        lab_play(&lab, &row->task[i], row->label);
    return lab.cut_somewhere;
}

static void lab_run(const struct lab_row *rows, size_t count, enum talk_protocol protocol)
{
    for (size_t i = 0; i < count; i++) {
        size_t split = 0;
        while (lab_run_once(&rows[i], protocol, split))
            split++;
        (void)lab_run_once(&rows[i], protocol, SIZE_MAX);
    }
}

#endif
