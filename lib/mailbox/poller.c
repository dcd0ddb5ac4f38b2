/*
 * poller.c - rounds: list, fetch what is new, remove what is ours
 *
 * Callbacks only write down what came; poller_tick alone asks for the next operation, since it
 * alone is told the time. A round that meets trouble ends there: what it has not fetched is not
 * seen, so the next list shows it again. It is well again only after a whole round, so one message
 * that cannot be fetched does not make it ill and well by turns; and the next round begins behind
 * that message, so it does not stand before all others.
 *
 * What was seen is kept as 64-bit fingerprints of uids: uids are the mailbox's own, not the
 * writer's of a message, and a collision would need billions of them. A message counts as seen when
 * it was fetched or is gone, never when it was only listed.
 */
#include "lib/mailbox/poller.h"

#include <assert.h>
#include <string.h>

#include "lib/mailbox/poller_state.h"

/* Seen */

static size_t table_size(size_t capacity)
{
    size_t size = 16;
    while (size < 2 * capacity) {
        size *= 2;
    }
    return size;
}

size_t poller_seen_size(size_t capacity)
{
    return (table_size(capacity) + capacity) * sizeof(uint64_t);
}

/* FNV-1a, then the last mixing of splitmix64; never 0, which marks a free place. */
static uint64_t fingerprint(struct span uid)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < uid.len; i++) {
        h = (h ^ (unsigned char)uid.ptr[i]) * UINT64_C(1099511628211);
    }
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    h ^= h >> 31;
    return h == 0 ? 1 : h;
}

static void seen_init(struct poller_seen *s, void *memory, size_t capacity)
{
    size_t size = table_size(capacity);
    *s = (struct poller_seen){.table = memory, .mask = size - 1, .capacity = capacity};
    s->ring = s->table + size;
    memset(memory, 0, size * sizeof(uint64_t));
}

/* Its place, or the free place where it belongs. */
static size_t seen_place(const struct poller_seen *s, uint64_t print)
{
    size_t at = (size_t)print & s->mask;
    while (s->table[at] != 0 && s->table[at] != print) {
        at = (at + 1) & s->mask;
    }
    return at;
}

static bool seen_has(const struct poller_seen *s, uint64_t print)
{
    return s->table[seen_place(s, print)] == print;
}

/* Whoever stands behind the gap and was pushed past it moves up. */
static void seen_drop(struct poller_seen *s, uint64_t print)
{
    size_t gap = seen_place(s, print);
    s->table[gap] = 0;
    for (size_t at = (gap + 1) & s->mask; s->table[at] != 0; at = (at + 1) & s->mask) {
        size_t home = (size_t)s->table[at] & s->mask;
        if (((at - home) & s->mask) >= ((at - gap) & s->mask)) {
            s->table[gap] = s->table[at];
            s->table[at] = 0;
            gap = at;
        }
    }
}

static void seen_add(struct poller_seen *s, uint64_t print)
{
    if (s->capacity == 0 || seen_has(s, print)) {
        return;
    }
    if (s->count == s->capacity) {
        seen_drop(s, s->ring[s->next]);
    } else {
        s->count++;
    }
    s->table[seen_place(s, print)] = print;
    s->ring[s->next] = print;
    s->next = (s->next + 1) % s->capacity;
}

/* Uids */

static struct span uid_span(const struct poller_uid *uid)
{
    return (struct span){uid->text, uid->len};
}

static bool uid_set(struct poller_uid *uid, struct span text)
{
    if (text.len == 0 || text.len > MAILBOX_UID_MAX) {
        return false;
    }
    uid->len = text.len;
    memcpy(uid->text, text.ptr, text.len);
    return true;
}

static struct poller_uid *current(struct poller *p)
{
    return &p->pending[p->pending_at];
}

/* Rounds */

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static int64_t longer(int64_t interval_ns, int64_t longest_ns)
{
    return interval_ns > longest_ns / 2 ? longest_ns : 2 * interval_ns;
}

static void begin(struct poller *p, enum poller_phase phase, int64_t now_ns)
{
    p->phase = phase;
    p->cancel_ns = clock_after(now_ns, p->config.operation_ns);
}

static void begin_round(struct poller *p, int64_t now_ns)
{
    p->next_ns = CLOCK_NEVER;
    p->paying = p->owed;
    p->owed = false;
    p->covers = p->hurries;
    p->found = p->overflow = p->failed = p->hurried = false;
    p->pending_count = p->pending_start = p->pending_done = p->pending_at = 0;
    begin(p, POLLER_LISTING, now_ns);
    p->mailbox.ops->list(p->mailbox.self);
}

static void rest_well(struct poller *p, int64_t now_ns)
{
    bool was_well = p->health == POLLER_WELL;
    int64_t wait = p->interval_ns;

    p->health = POLLER_WELL;
    p->lasting = false;
    p->trouble_ns = p->config.first_ns;
    p->stumbled = 0;
    if (p->found) {
        wait = p->interval_ns = p->config.first_ns;
    } else {
        p->interval_ns = longer(p->interval_ns, p->config.slow_ns);
    }
    p->next_ns = p->overflow || p->hurried ? now_ns : clock_after(now_ns, wait);
    if (!was_well && p->owner.well != NULL) {
        p->owner.well(p->owner.self);
    }
}

static void rest_in_trouble(struct poller *p, int64_t now_ns)
{
    if (p->lasting) {
        p->trouble_ns = p->config.trouble_ns;
    }
    p->next_ns = clock_after(now_ns, p->trouble_ns);
    p->trouble_ns = longer(p->trouble_ns, p->config.trouble_ns);
    p->interval_ns = p->config.first_ns;
}

static void end_round(struct poller *p, int64_t now_ns)
{
    p->phase = POLLER_RESTS;
    p->owed |= p->paying && (p->failed || p->overflow);
    p->paying = false;
    if (!p->failed && !p->overflow) {
        p->answered = p->covers;
    }
    if (p->failed) {
        rest_in_trouble(p, now_ns);
    } else {
        rest_well(p, now_ns);
    }
}

/* The next message that is still new: the same uid may be listed twice. */
static bool next_pending(struct poller *p)
{
    while (p->pending_done < p->pending_count) {
        p->pending_at = (p->pending_start + p->pending_done++) % p->pending_count;
        if (!seen_has(&p->seen, fingerprint(uid_span(current(p))))) {
            return true;
        }
    }
    return false;
}

static void go_on(struct poller *p, int64_t now_ns)
{
    if (!p->failed && next_pending(p)) {
        begin(p, POLLER_FETCHING, now_ns);
        p->mailbox.ops->fetch(p->mailbox.self, uid_span(current(p)));
    } else if (!p->failed && p->removal_count > 0) {
        begin(p, POLLER_REMOVING, now_ns);
        p->mailbox.ops->remove(p->mailbox.self, uid_span(&p->removals[0]));
    } else {
        end_round(p, now_ns);
    }
}

static void meet_trouble(struct poller *p, enum mailbox_status status, struct span why)
{
    bool lasting = status == MAILBOX_REFUSED;
    bool told = p->health == POLLER_IN_TROUBLE && p->lasting == lasting;

    p->failed = true;
    p->lasting = lasting;
    p->health = POLLER_IN_TROUBLE;
    if (!told && p->owner.trouble != NULL) {
        p->owner.trouble(p->owner.self, why, lasting);
    }
}

static bool under_way(const struct poller *p)
{
    return p->phase == POLLER_LISTING || p->phase == POLLER_FETCHING || p->phase == POLLER_REMOVING;
}

static void give_up_operation(struct poller *p)
{
    char memory[POLLER_WHY_MAX];
    struct strbuf why;

    if (p->phase == POLLER_FETCHING) {
        p->stumbled = fingerprint(uid_span(current(p)));
    }
    p->phase = POLLER_BETWEEN;
    p->mailbox.ops->cancel(p->mailbox.self);
    strbuf_init(&why, memory, sizeof memory);
    strbuf_adds(&why, "no answer within ");
    clock_print(&why, p->config.operation_ns);
    meet_trouble(p, MAILBOX_TROUBLE, strbuf_span(&why));
}

void poller_tick(struct poller *p, int64_t now_ns)
{
    if (under_way(p) && now_ns >= p->cancel_ns) {
        give_up_operation(p);
    }
    if (p->phase == POLLER_BETWEEN) {
        go_on(p, now_ns);
    }
    if (p->phase == POLLER_RESTS && now_ns >= p->next_ns) {
        begin_round(p, now_ns);
    }
}

int64_t poller_deadline(const struct poller *p)
{
    switch (p->phase) {
    case POLLER_RESTS:
        return p->next_ns;
    case POLLER_LISTING:
    case POLLER_FETCHING:
    case POLLER_REMOVING:
        return p->cancel_ns;
    case POLLER_BETWEEN:
        return 0;
    case POLLER_STOPPED:
        return CLOCK_NEVER;
    }
    return CLOCK_NEVER;
}

/* What the executor calls back */

static void on_entry(void *self, struct span uid, uint64_t size)
{
    struct poller *p = self;
    uint64_t print = fingerprint(uid);

    (void)size;
    if (p->phase == POLLER_STOPPED || uid.len == 0 || uid.len > MAILBOX_UID_MAX) {
        return;
    }
    assert(p->phase == POLLER_LISTING);
    if (p->baseline) {
        seen_add(&p->seen, print);
        return;
    }
    if (seen_has(&p->seen, print)) {
        return;
    }
    p->found = true;
    if (p->pending_count == POLLER_PENDING_MAX) {
        p->overflow = true;
        return;
    }
    if (uid_set(&p->pending[p->pending_count], uid)) {
        p->pending_count++;
    }
    if (print == p->stumbled) {
        p->pending_start = p->pending_count;
    }
}

static void on_listed(void *self, enum mailbox_status status, struct span why)
{
    struct poller *p = self;

    if (p->phase == POLLER_STOPPED) {
        return;
    }
    assert(p->phase == POLLER_LISTING);
    p->phase = POLLER_BETWEEN;
    if (status == MAILBOX_TROUBLE || status == MAILBOX_REFUSED) {
        meet_trouble(p, status, why);
        return;
    }
    p->ready = true;
    p->baseline = false;
}

/* The uid is copied: the owner may stop and free what lent it. */
static void keep_for_removal(struct poller *p, const struct poller_uid *uid)
{
    if (p->removal_count < POLLER_REMOVALS_MAX) {
        p->removals[p->removal_count++] = *uid;
    } else if (p->owner.left != NULL) {
        p->owner.left(p->owner.self, uid_span(uid), SPAN("too many wait for their removal"));
    }
}

static void on_fetched(void *self, enum mailbox_status status, struct span uid, struct span content,
                       bool truncated, struct span why)
{
    struct poller *p = self;

    (void)uid;
    if (p->phase == POLLER_STOPPED) {
        return;
    }
    assert(p->phase == POLLER_FETCHING);
    const struct poller_uid *asked = current(p);
    uint64_t print = fingerprint(uid_span(asked));
    p->phase = POLLER_BETWEEN;
    if (status == MAILBOX_TROUBLE || status == MAILBOX_REFUSED) {
        p->stumbled = print;
        meet_trouble(p, status, why);
        return;
    }
    seen_add(&p->seen, print);
    if (status == MAILBOX_OK && p->owner.mail(p->owner.self, uid_span(asked), content, truncated) &&
        p->config.tidy && p->phase != POLLER_STOPPED) {
        keep_for_removal(p, asked);
    }
}

static void forget_removal(struct poller *p)
{
    p->removal_count--;
    memmove(&p->removals[0], &p->removals[1], p->removal_count * sizeof p->removals[0]);
}

static void on_removed(void *self, enum mailbox_status status, struct span uid, struct span why)
{
    struct poller *p = self;

    (void)uid;
    if (p->phase == POLLER_STOPPED) {
        return;
    }
    assert(p->phase == POLLER_REMOVING && p->removal_count > 0);
    p->phase = POLLER_BETWEEN;
    if (status == MAILBOX_TROUBLE) {
        meet_trouble(p, status, why);
        return;
    }
    struct poller_uid asked = p->removals[0];
    forget_removal(p);
    if (status == MAILBOX_REFUSED && p->owner.left != NULL) {
        p->owner.left(p->owner.self, uid_span(&asked), why);
    }
}

struct mailbox_user poller_user(struct poller *p)
{
    return (struct mailbox_user){.entry = on_entry,
                                 .listed = on_listed,
                                 .fetched = on_fetched,
                                 .removed = on_removed,
                                 .self = p};
}

/* Life */

size_t poller_size(void)
{
    return sizeof(struct poller);
}

void poller_init(struct poller *p, const struct poller_config *config, struct mailbox mailbox,
                 struct poller_owner owner, void *seen_memory, size_t capacity)
{
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->config.first_ns = or_default(config->first_ns, CLOCK_SECOND);
    p->config.slow_ns = or_default(config->slow_ns, 15 * CLOCK_SECOND);
    p->config.trouble_ns = or_default(config->trouble_ns, CLOCK_MINUTE);
    p->config.operation_ns = or_default(config->operation_ns, CLOCK_MINUTE);
    p->mailbox = mailbox;
    p->owner = owner;
    p->baseline = config->skip_present;
    p->interval_ns = p->trouble_ns = p->config.first_ns;
    p->cancel_ns = CLOCK_NEVER;
    seen_init(&p->seen, seen_memory, capacity);
}

uint64_t poller_hurry(struct poller *p)
{
    p->baseline = false;
    p->owed = true;
    p->hurries++;
    if (p->phase == POLLER_STOPPED || p->lasting) {
        return p->hurries;
    }
    p->interval_ns = p->config.first_ns;
    if (p->phase == POLLER_RESTS) {
        p->next_ns = 0;
    } else {
        p->hurried = true;
    }
    return p->hurries;
}

bool poller_is_current(const struct poller *p)
{
    return !p->owed && !p->paying;
}

bool poller_is_answered(const struct poller *p, uint64_t hurry)
{
    return p->answered >= hurry;
}

bool poller_ready(const struct poller *p)
{
    return p->ready;
}

bool poller_is_read(const struct poller *p)
{
    return p->phase == POLLER_RESTS && p->health == POLLER_WELL && !p->failed && !p->overflow;
}

void poller_stop(struct poller *p)
{
    bool cancel = under_way(p);

    p->phase = POLLER_STOPPED;
    if (cancel) {
        p->mailbox.ops->cancel(p->mailbox.self);
    }
}
