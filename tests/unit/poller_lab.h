/*
 * poller_lab.h - a mailbox made of a script, and a clock that the test moves
 *
 * The fake answers when it is told to, with what the test says; what the poller asked and what its
 * owner heard are written down as words. Include after cmocka.h.
 */
#ifndef RELAYLAB_TESTS_POLLER_LAB_H
#define RELAYLAB_TESTS_POLLER_LAB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/poller.h"
#include "lib/mailbox/poller_state.h"

enum { UIDS_MAX = 12000, CAPACITY = 16384, TOLD_MAX = 8192 };

enum asked { ASKED_NOTHING, ASKED_LIST, ASKED_FETCH, ASKED_REMOVE };

struct lab {
    struct poller poller;
    void *seen;
    enum asked asked;
    char uid[MAILBOX_UID_MAX + 1];
    unsigned lists, fetches, removes, cancels;
    unsigned mails, troubles, lasting, wells, lefts;
    bool stop_at_mail, ours;
    char (*uids)[16]; /* what is in the mailbox */
    size_t uid_count;
    int64_t now_ns;
    struct strbuf told;
    char memory[TOLD_MAX];
};

static inline void ask_list(void *self)
{
    struct lab *lab = self;
    assert_int_equal(lab->asked, ASKED_NOTHING);
    lab->asked = ASKED_LIST;
    lab->lists++;
}

static inline void ask_fetch(void *self, struct span uid)
{
    struct lab *lab = self;
    assert_int_equal(lab->asked, ASKED_NOTHING);
    lab->asked = ASKED_FETCH;
    lab->fetches++;
    assert_true(bytes_copy(lab->uid, sizeof lab->uid, uid));
}

static inline void ask_remove(void *self, struct span uid)
{
    struct lab *lab = self;
    assert_int_equal(lab->asked, ASKED_NOTHING);
    lab->asked = ASKED_REMOVE;
    lab->removes++;
    assert_true(bytes_copy(lab->uid, sizeof lab->uid, uid));
}

static inline void ask_cancel(void *self)
{
    struct lab *lab = self;
    assert_int_not_equal(lab->asked, ASKED_NOTHING);
    lab->asked = ASKED_NOTHING;
    lab->cancels++;
}

static const struct mailbox_ops fake_ops = {
    .list = ask_list, .fetch = ask_fetch, .remove = ask_remove, .cancel = ask_cancel};

static inline void tell(struct lab *lab, const char *what, struct span about)
{
    strbuf_adds(&lab->told, what);
    strbuf_add(&lab->told, about);
    strbuf_addc(&lab->told, ' ');
}

static inline bool hear_mail(void *self, struct span uid, struct span content, bool truncated)
{
    struct lab *lab = self;
    (void)truncated;
    lab->mails++;
    tell(lab, "mail:", uid);
    if (lab->stop_at_mail)
        poller_stop(&lab->poller);
    return lab->ours || span_equal(content, SPAN("ours"));
}

static inline void hear_trouble(void *self, struct span why, bool lasting)
{
    struct lab *lab = self;
    lab->troubles++;
    lab->lasting += lasting;
    tell(lab, lasting ? "lasting:" : "trouble:", why);
}

static inline void hear_well(void *self)
{
    struct lab *lab = self;
    lab->wells++;
    tell(lab, "well", SPAN(""));
}

static inline void hear_left(void *self, struct span uid, struct span why)
{
    struct lab *lab = self;
    (void)why;
    lab->lefts++;
    tell(lab, "left:", uid);
}

static inline struct lab *lab_new(bool skip_present, bool tidy, size_t capacity)
{
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    lab->seen = malloc(poller_seen_size(capacity));
    lab->uids = calloc(UIDS_MAX, sizeof *lab->uids);
    assert_non_null(lab->seen);
    assert_non_null(lab->uids);
    strbuf_init(&lab->told, lab->memory, sizeof lab->memory);
    poller_init(&lab->poller, &(struct poller_config){.skip_present = skip_present, .tidy = tidy},
                (struct mailbox){&fake_ops, lab},
                (struct poller_owner){.mail = hear_mail,
                                      .trouble = hear_trouble,
                                      .well = hear_well,
                                      .self = lab,
                                      .left = hear_left},
                lab->seen, capacity);
    return lab;
}

static inline void lab_free(struct lab *lab)
{
    free(lab->seen);
    free(lab->uids);
    free(lab);
}

static inline void put(struct lab *lab, const char *uid)
{
    assert_true(lab->uid_count < UIDS_MAX);
    (void)snprintf(lab->uids[lab->uid_count++], sizeof lab->uids[0], "%s", uid);
}

static inline void tick(struct lab *lab)
{
    poller_tick(&lab->poller, lab->now_ns);
}

static inline void answer_list(struct lab *lab, enum mailbox_status status)
{
    struct mailbox_user user = poller_user(&lab->poller);
    assert_int_equal(lab->asked, ASKED_LIST);
    for (size_t i = 0; i < lab->uid_count; i++)
        user.entry(user.self, span_of(lab->uids[i]), 100);
    lab->asked = ASKED_NOTHING;
    user.listed(user.self, status, SPAN("why"));
    tick(lab);
}

static inline void answer_fetch(struct lab *lab, enum mailbox_status status, const char *content)
{
    struct mailbox_user user = poller_user(&lab->poller);
    assert_int_equal(lab->asked, ASKED_FETCH);
    lab->asked = ASKED_NOTHING;
    user.fetched(user.self, status, span_of(lab->uid), span_of(content), false, SPAN("why"));
    tick(lab);
}

static inline void answer_remove(struct lab *lab, enum mailbox_status status)
{
    struct mailbox_user user = poller_user(&lab->poller);
    assert_int_equal(lab->asked, ASKED_REMOVE);
    lab->asked = ASKED_NOTHING;
    user.removed(user.self, status, span_of(lab->uid), SPAN("why"));
    tick(lab);
}

/* To the poller's deadline; returns how long that was. */
static inline int64_t advance(struct lab *lab)
{
    int64_t from = lab->now_ns;
    assert_true(poller_deadline(&lab->poller) < CLOCK_NEVER);
    if (poller_deadline(&lab->poller) > lab->now_ns)
        lab->now_ns = poller_deadline(&lab->poller);
    tick(lab);
    return lab->now_ns - from;
}

/* Lists what is there, and fetches everything that is asked for. */
static inline void whole_round(struct lab *lab)
{
    if (lab->asked == ASKED_NOTHING)
        (void)advance(lab);
    answer_list(lab, MAILBOX_OK);
    while (lab->asked == ASKED_FETCH)
        answer_fetch(lab, MAILBOX_OK, "foreign");
}

#endif
