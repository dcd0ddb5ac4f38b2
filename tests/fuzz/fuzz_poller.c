/*
 * A mailbox that does what the input says: lists, fetches, removals that succeed, fail or are not
 * answered; and stored messages. One operation at a time, each message shown once, nothing removed
 * that is not ours, always something to wait for.
 */
#include <string.h>

#include "lib/mailbox/poller.h"
#include "lib/mailbox/poller_state.h"
#include "probe/home/stored.h"
#include "tests/fuzz/fuzz.h"

enum { UIDS = 16, CAPACITY = 64 };

enum asked { NOTHING, LIST, FETCH, REMOVE };

struct lab {
    struct poller poller;
    uint64_t seen[512];
    enum asked asked;
    unsigned uid;       /* asked for */
    bool fetched[UIDS]; /* shown to the owner */
    bool removed[UIDS];
    int64_t now_ns;
};

static struct lab lab;

static void ask(struct lab *l, enum asked what)
{
    FUZZ_CHECK(l->asked == NOTHING);
    l->asked = what;
}

static void ask_list(void *self)
{
    ask(self, LIST);
}

static void ask_fetch(void *self, struct span uid)
{
    struct lab *l = self;
    ask(l, FETCH);
    FUZZ_CHECK(uid.len == 1);
    l->uid = (unsigned)(uid.ptr[0] - 'a');
}

static void ask_remove(void *self, struct span uid)
{
    struct lab *l = self;
    ask(l, REMOVE);
    l->uid = (unsigned)(uid.ptr[0] - 'a');
    FUZZ_CHECK(l->fetched[l->uid] && l->uid % 2 == 0 && !l->removed[l->uid]);
}

static void ask_cancel(void *self)
{
    struct lab *l = self;
    FUZZ_CHECK(l->asked != NOTHING);
    l->asked = NOTHING;
}

static const struct mailbox_ops ops = {
    .list = ask_list, .fetch = ask_fetch, .remove = ask_remove, .cancel = ask_cancel};

/* Every second message is ours. */
static bool on_mail(void *self, struct span uid, struct span content, bool truncated)
{
    struct lab *l = self;
    unsigned number = (unsigned)(uid.ptr[0] - 'a');
    (void)content, (void)truncated;
    FUZZ_CHECK(uid.len == 1 && number < UIDS && !l->fetched[number]);
    l->fetched[number] = true;
    return number % 2 == 0;
}

static void answer(unsigned char octet)
{
    struct mailbox_user u = poller_user(&lab.poller);
    enum mailbox_status status = (enum mailbox_status)(octet & 3);
    char uid = (char)('a' + lab.uid);
    const struct span name = {&uid, 1}, none = {NULL, 0};
    enum asked asked = lab.asked;
    lab.asked = NOTHING;
    switch (asked) {
    case NOTHING:
        return;
    case LIST:
        for (unsigned i = 0; i < UIDS; i++) {
            char letter = (char)('a' + (i * 5 + octet) % UIDS);
            if ((octet >> (2 + i % 6) & 1) != 0) {
                u.entry(u.self, (struct span){&letter, 1}, i);
            }
        }
        u.listed(u.self, status, none);
        return;
    case FETCH:
        u.fetched(u.self, status, name, name, false, none);
        return;
    case REMOVE:
        lab.removed[lab.uid] = status != MAILBOX_TROUBLE;
        u.removed(u.self, status, name, none);
        return;
    }
}

static void drive(const unsigned char *data, size_t size)
{
    memset(&lab, 0, sizeof lab);
    FUZZ_CHECK(poller_seen_size(CAPACITY) <= sizeof lab.seen);
    poller_init(&lab.poller, &(struct poller_config){.tidy = size % 2 == 0},
                (struct mailbox){&ops, &lab}, (struct poller_owner){.mail = on_mail, .self = &lab},
                lab.seen, CAPACITY);
    for (size_t i = 0; i < size; i++) {
        int64_t due = poller_deadline(&lab.poller);
        FUZZ_CHECK(due < CLOCK_NEVER);
        if (data[i] % 11 == 0) {
            poller_hurry(&lab.poller);
        } else if (data[i] % 7 == 0 || lab.asked == NOTHING) {
            lab.now_ns = due > lab.now_ns ? due : lab.now_ns;
        } else {
            answer(data[i]);
        }
        poller_tick(&lab.poller, lab.now_ns);
        FUZZ_CHECK((lab.asked != NOTHING) == (lab.poller.phase != POLLER_RESTS));
    }
    poller_stop(&lab.poller);
    FUZZ_CHECK(lab.asked == NOTHING && poller_deadline(&lab.poller) == CLOCK_NEVER);
}

static void inside(struct span part, struct span whole)
{
    if (part.len > 0) {
        FUZZ_CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
    }
}

static void read_stored(struct span content)
{
    struct stored_mail m;
    stored_read(&m, content);
    FUZZ_CHECK(m.view.recipient_count <= STORED_RCPT_MAX);
    inside(m.view.sender, content);
    for (size_t i = 0; i < m.view.recipient_count; i++) {
        inside(m.view.recipients[i], content);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drive(data, size);
    read_stored((struct span){(const char *)data, size});
    return 0;
}
