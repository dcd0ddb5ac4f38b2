/*
 * target_list.c - line after line; the first mistake is shown, the others are counted
 *
 * Each line is read as a target and forgotten: a list of a million is a million small entries, and
 * a target is read again when its turn comes.
 */
#include "probe/program/target_list.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 120, MESSAGE_MAX = 512 };

struct reading {
    struct target_list *list;
    const char *name;
    struct target_shard shard;
    struct target_check check;
    struct strbuf *error;
    struct span line;
    uint32_t number;
    size_t wrong;
    bool no_memory;
};

uint64_t target_hash(struct span text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        h ^= (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        h *= UINT64_C(0x100000001b3);
    }
    h ^= h >> 33; /* the finalizer of MurmurHash3: FNV's low bits alone are weak */
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static void add_shown(struct strbuf *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        strbuf_addc(out, s.ptr[i] >= 32 && s.ptr[i] < 127 ? s.ptr[i] : '?');
}

/* "list.txt:12:1: why", the line, and carets under the culprit. */
static void wrong(struct reading *r, struct span culprit, struct span why)
{
    size_t column = (size_t)(culprit.ptr - r->line.ptr);

    if (r->wrong++ > 0)
        return;
    strbuf_addf(r->error, "%s:%u:%zu: ", r->name, r->number, column + 1);
    strbuf_add(r->error, why);
    if (column + culprit.len > SHOWN_MAX)
        return;
    strbuf_addf(r->error, "\n%5u | ", r->number);
    add_shown(r->error, span_to(r->line, SHOWN_MAX));
    strbuf_adds(r->error, "\n      | ");
    for (size_t i = 0; i < column; i++)
        strbuf_addc(r->error, ' ');
    for (size_t i = 0; i < culprit.len; i++)
        strbuf_addc(r->error, '^');
}

static bool add_entry(struct target_list *list, struct span text, uint32_t line)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : 2 * list->room;
        struct target_entry *entries = realloc(list->entries, room * sizeof(*entries));

        if (entries == NULL)
            return false;
        list->entries = entries;
        list->room = room;
    }
    list->entries[list->count++] = (struct target_entry){text.ptr, (uint32_t)text.len, line};
    return true;
}

static bool is_elsewhere(struct target_shard shard, struct span text)
{
    return shard.count > 0 && target_hash(text) % shard.count != shard.index;
}

static void read_word(struct reading *r, struct span word)
{
    struct span prefix = SPAN("target: ");
    char memory[MESSAGE_MAX];
    struct strbuf why;
    struct target t;

    strbuf_init(&why, memory, sizeof(memory));
    if (!target_read(&t, word, &why) ||
        (r->check.fine != NULL && !r->check.fine(r->check.self, &t, &why))) {
        struct span text = strbuf_span(&why);

        wrong(r, word, span_starts(text, prefix) ? span_from(text, prefix.len) : text);
    } else if (is_elsewhere(r->shard, word)) {
        r->list->elsewhere++;
    } else if (!add_entry(r->list, word, r->number)) {
        r->no_memory = true;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A comment begins a line, or stands behind a blank. */
static struct span without_comment(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] == '#' && (i == 0 || is_blank(line.ptr[i - 1])))
            return span_to(line, i);
    return line;
}

static void read_line(struct reading *r)
{
    struct span word = span_trim(without_comment(r->line));

    if (word.len == 0)
        return;
    for (size_t i = 0; i < word.len; i++) {
        if (is_blank(word.ptr[i])) {
            wrong(r, span_trim(span_from(word, i)), SPAN("one target a line; nothing behind it"));
            return;
        }
    }
    read_word(r, word);
}

/* Open addressing over indices + 1; the first of equals stays. */
static bool leave_out_repeated(struct target_list *list)
{
    size_t size = 16, kept = 0;

    while (size < 2 * list->count)
        size *= 2;
    uint32_t *table = calloc(size, sizeof(*table));
    if (table == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        struct span text = target_list_text(list, i);
        size_t at = (size_t)target_hash(text) & (size - 1);

        while (table[at] != 0 && !span_iequal(target_list_text(list, table[at] - 1), text))
            at = (at + 1) & (size - 1);
        if (table[at] != 0)
            continue;
        list->entries[kept++] = list->entries[i];
        table[at] = (uint32_t)kept;
    }
    list->repeated = list->count - kept;
    list->count = kept;
    free(table);
    return true;
}

bool target_list_read(struct target_list *list, const char *name, struct span text,
                      struct target_shard shard, struct target_check check, struct strbuf *error)
{
    struct span mark = SPAN("\xEF\xBB\xBF"); /* that some editors put first */
    struct reading r = {.list = list, .name = name, .shard = shard, .check = check, .error = error};

    memset(list, 0, sizeof(*list));
    text = span_starts(text, mark) ? span_from(text, mark.len) : text;
    while (!r.no_memory && span_cut(&text, '\n', &r.line)) {
        r.number++;
        if (r.line.len > 0 && r.line.ptr[r.line.len - 1] == '\r')
            r.line.len--;
        read_line(&r);
    }
    if (r.wrong > 1)
        strbuf_addf(error, "\nand %zu more lines are wrong", r.wrong - 1);
    if (r.wrong == 0 && list->count + list->elsewhere == 0 && !r.no_memory) {
        strbuf_addf(error, "%s: no target in it: write one a line, like 192.0.2.1:25", name);
        r.wrong++; /* to have asked nobody is not to have found all closed */
    }
    if (r.no_memory || (r.wrong == 0 && !leave_out_repeated(list))) {
        strbuf_adds(error, "no memory for the list of targets");
        r.wrong++;
    }
    if (r.wrong > 0)
        target_list_clear(list);
    return r.wrong == 0;
}

void target_list_clear(struct target_list *list)
{
    free(list->entries);
    list->entries = NULL;
    list->count = list->room = 0;
}

struct span target_list_text(const struct target_list *list, size_t i)
{
    return (struct span){list->entries[i].text, list->entries[i].len};
}
