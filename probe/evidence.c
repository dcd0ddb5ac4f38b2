/*
 * evidence.c - texts and turns, each once
 *
 * The block holds entries of two kinds: texts, and turns, each the last line of a dialogue whose
 * earlier lines its predecessor ends. So a dialogue is named by its last turn, and dialogues that
 * begin alike share their beginnings.
 *
 * Marks are octets that no visible text has. The whole path is looked for before the token in it;
 * what a mark stands for is a function of the form and of the sender that it was asked with, and
 * both are set before a dialogue begins.
 */
#include "probe/evidence.h"

#include <string.h>

enum { STEP = 4, ROOM = EVIDENCE_TEXT_MAX, GROW = 128, LINES_MAX = EVIDENCE_DIALOGUE_MAX / 4 };

enum mark {
    MARK_RECIPIENT = 1, /* as after RCPT TO: */
    MARK_RECIPIENT_BARE,
    MARK_SENDER,
    MARK_SENDER_BARE,
    MARK_RECIPIENT_TOKEN,
    MARK_SENDER_TOKEN,
    MARK_END
};

struct text {
    uint16_t next, len;
    char bytes[];
};

struct turn {
    uint16_t next, before; /* the turn before it; 0: it begins a dialogue */
    uint16_t text;
    uint16_t sum; /* octets of the dialogue so far, as kept */
    char direction;
};

void evidence_init(struct evidence *e, const struct form_identity *who, struct memory *memory)
{
    memset(e, 0, sizeof(*e));
    e->who = who;
    e->memory = memory;
}

void evidence_clear(struct evidence *e)
{
    if (e->memory != NULL) {
        memory_drop(e->memory, e->block, e->cap);
    }
    e->block = NULL;
    e->used = e->cap = 0;
}

/* -- entries */

static const void *entry(const struct evidence *e, uint16_t number)
{
    return e->block + (size_t)number * STEP;
}

/* The number of a new entry, or 0. The first step is never handed out. */
static uint16_t new_entry(struct evidence *e, size_t bytes, size_t limit)
{
    size_t at = e->used > 0 ? e->used : STEP;
    size_t end = (at + bytes + STEP - 1) / STEP * STEP;
    if (end > limit) {
        return 0;
    }
    if (end > e->cap) {
        size_t cap = end + GROW;
        char *block = memory_resize(e->memory, e->block, e->cap, cap);
        if (block == NULL) {
            return 0;
        }
        e->block = block;
        e->cap = (uint32_t)cap;
    }
    e->used = (uint32_t)end;
    return (uint16_t)(at / STEP);
}

static unsigned bucket_of(struct span bytes, unsigned seed)
{
    uint32_t hash = UINT32_C(2166136261) ^ seed; /* FNV-1a */
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * UINT32_C(16777619);
    }
    return (hash ^ hash >> 16) % EVIDENCE_BUCKETS;
}

static uint16_t text_number(struct evidence *e, struct span bytes, size_t limit)
{
    uint16_t *first = &e->texts[bucket_of(bytes, 0)];
    for (uint16_t i = *first; i != 0;) {
        const struct text *t = entry(e, i);
        if (span_equal((struct span){t->bytes, t->len}, bytes)) {
            return i;
        }
        i = t->next;
    }
    uint16_t number = new_entry(e, sizeof(struct text) + bytes.len, limit);
    if (number != 0) {
        struct text *t = (struct text *)(e->block + (size_t)number * STEP);
        t->next = *first;
        t->len = (uint16_t)bytes.len;
        memcpy(t->bytes, bytes.ptr, bytes.len);
        *first = number;
    }
    return number;
}

/* Of a dialogue with one line more: "C: ", the text and a line end. */
static unsigned sum_with(const struct evidence *e, uint16_t before, size_t len)
{
    unsigned sum = before != 0 ? ((const struct turn *)entry(e, before))->sum : 0;
    return sum + (unsigned)len + 4;
}

/* The turn behind `before`; `before` itself when there is no room. */
static uint16_t turn_number(struct evidence *e, uint16_t before, uint16_t text, char direction)
{
    uint16_t *first = &e->turns[(before * 31U + text) % EVIDENCE_BUCKETS];
    for (uint16_t i = *first; i != 0;) {
        const struct turn *t = entry(e, i);
        if (t->before == before && t->text == text && t->direction == direction) {
            return i;
        }
        i = t->next;
    }
    unsigned sum = sum_with(e, before, ((const struct text *)entry(e, text))->len);
    uint16_t number = new_entry(e, sizeof(struct turn), EVIDENCE_MAX);
    if (number == 0) {
        return before;
    }
    struct turn *t = (struct turn *)(e->block + (size_t)number * STEP);
    *t = (struct turn){*first, before, text, (uint16_t)sum, direction};
    *first = number;
    return number;
}

/* -- marks */

static void write_meaning(struct strbuf *out, const struct evidence *e, const struct form_result *r,
                          enum mark mark)
{
    const struct form *f = &r->form;
    const struct sender_row *used = r->sender_used != NULL ? r->sender_used : f->sender;
    char room[ROOM];
    struct strbuf path;
    strbuf_init(&path, room, sizeof(room));
    switch (mark) {
    case MARK_RECIPIENT:
    case MARK_RECIPIENT_BARE:
        form_recipient(f, e->who, mark == MARK_RECIPIENT_BARE, &path);
        break;
    case MARK_SENDER:
    case MARK_SENDER_BARE:
        form_sender(f, used, e->who, mark == MARK_SENDER_BARE, &path);
        break;
    case MARK_RECIPIENT_TOKEN:
        strbuf_adds(&path, form_tokens(f).recipient.text);
        break;
    case MARK_SENDER_TOKEN:
        strbuf_adds(&path, form_tokens(f).sender.text);
        break;
    case MARK_END:
        break;
    }
    strbuf_add_visible(out, strbuf_span(&path));
}

static void replace(struct strbuf *out, struct span text, struct span word, enum mark mark)
{
    size_t at;
    while (word.len > 0 && (at = span_find(text, word)) != SIZE_MAX) {
        strbuf_add(out, span_to(text, at));
        strbuf_addc(out, (char)mark);
        text = span_from(text, at + word.len);
    }
    strbuf_add(out, text);
}

/* Visible text. Only what has an address in it can have a mark; the sender's are for our own lines,
 * since a reply outlives the attempt that it was given to. */
static void write_marked(struct strbuf *out, const struct evidence *e, const struct form_result *r,
                         char direction, struct span text)
{
    bool plain = span_chr(text, '@') == SIZE_MAX && span_chr(text, '<') == SIZE_MAX;
    bool mail = direction == 'C' && span_istarts(text, SPAN("MAIL"));
    char rooms[2][ROOM], meaning[ROOM];
    struct strbuf from, to, word;
    strbuf_init(&from, rooms[0], ROOM);
    strbuf_add(&from, text);
    for (int mark = MARK_RECIPIENT; mark < MARK_END && !plain; mark++) {
        bool sender = mark == MARK_SENDER || mark == MARK_SENDER_BARE;
        bool recipient = mark == MARK_RECIPIENT || mark == MARK_RECIPIENT_BARE;
        if ((sender && !mail) || (recipient && mail)) {
            continue;
        }
        strbuf_init(&word, meaning, ROOM);
        strbuf_init(&to, from.ptr == rooms[0] ? rooms[1] : rooms[0], ROOM);
        write_meaning(&word, e, r, (enum mark)mark);
        replace(&to, strbuf_span(&from), strbuf_span(&word), (enum mark)mark);
        from = to;
    }
    strbuf_add(out, strbuf_span(&from));
}

/* r NULL: a text that was kept without marks. */
static void print_text(struct strbuf *out, const struct evidence *e, const struct form_result *r,
                       uint16_t number)
{
    const struct text *t = entry(e, number);
    for (size_t i = 0; i < t->len; i++) {
        if (t->bytes[i] > 0 && t->bytes[i] < MARK_END) {
            write_meaning(out, e, r, (enum mark)t->bytes[i]);
        } else {
            strbuf_addc(out, t->bytes[i]);
        }
    }
}

uint16_t evidence_keep(struct evidence *e, const struct form_result *r, struct span text)
{
    char room[ROOM];
    struct strbuf marked;
    strbuf_init(&marked, room, sizeof(room));
    if (r != NULL) {
        write_marked(&marked, e, r, 'S', text);
    } else {
        strbuf_add(&marked, text);
    }
    bool fits = text.len > 0 && text.len < ROOM;
    return fits ? text_number(e, strbuf_span(&marked), 2 * EVIDENCE_MAX - STEP) : 0;
}

struct span evidence_text(const struct evidence *e, const struct form_result *r, uint16_t number,
                          char *room, size_t cap)
{
    struct strbuf out;
    strbuf_init(&out, room, cap);
    if (e != NULL && number != 0) {
        print_text(&out, e, r, number);
    }
    return strbuf_span(&out);
}

struct span evidence_plain(const struct evidence *e, uint16_t number)
{
    const struct text *t = number != 0 ? entry(e, number) : NULL;
    return t != NULL ? (struct span){t->bytes, t->len} : (struct span){"", 0};
}

/* -- dialogues */

void evidence_line(struct evidence *e, struct form_result *r, char direction, struct span text)
{
    char rooms[2][ROOM];
    struct strbuf seen, line;
    bool begins = direction == 'C' && span_istarts(span_from(text, 4), SPAN(" FROM:"));
    bool message = direction == 'C' && span_chr(text, '\n') != SIZE_MAX;
    strbuf_init(&seen, rooms[0], ROOM);
    strbuf_init(&line, rooms[1], ROOM);
    strbuf_add_visible(&seen, message ? SPAN("(the message)") : text);
    write_marked(&line, e, r, direction, strbuf_span(&seen));
    uint16_t before = begins ? 0 : r->dialogue;
    bool fits = !seen.truncated && sum_with(e, before, line.len) < EVIDENCE_DIALOGUE_MAX;
    uint16_t number = fits ? text_number(e, strbuf_span(&line), EVIDENCE_MAX) : 0;
    r->dialogue = number != 0 ? turn_number(e, before, number, direction) : before;
}

void evidence_print_dialogue(const struct evidence *e, const struct form_result *r,
                             struct strbuf *out)
{
    uint16_t turns[LINES_MAX];
    size_t count = 0;
    for (uint16_t i = r->dialogue; i != 0 && count < LINES_MAX;) {
        turns[count++] = i;
        i = ((const struct turn *)entry(e, i))->before;
    }
    while (count > 0) {
        const struct turn *t = entry(e, turns[--count]);
        strbuf_addc(out, t->direction);
        strbuf_adds(out, ": ");
        print_text(out, e, r, t->text);
        strbuf_addc(out, '\n');
    }
}
