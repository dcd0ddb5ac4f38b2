/*
 * reply.c - one byte classifier, one end of line
 *
 * The first four bytes of a line (three digits and a separator) are gathered in `head` and judged
 * when the fourth, or the line end, is there; text after them is copied in runs between bytes of
 * note. A CR is held back until the next byte: before LF it is part of the line end, anything else
 * makes it a control character of the text. All state is in the struct, so a reply means the same
 * however it was cut.
 */
#include "lib/smtp/reply.h"

#include <string.h>

/* RELAYLAB_PLANTED_FAULT is set by ci/fuzz-cover alone: its fuzz run must notice the one byte too
   many. */
#ifdef RELAYLAB_PLANTED_FAULT
enum { TEXT_ROOM = REPLY_TEXT_MAX + 1 };
#else
enum { TEXT_ROOM = REPLY_TEXT_MAX };
#endif

void reply_reader_reset(struct reply_reader *r)
{
    memset(&r->reply, 0, offsetof(struct reply, text)); /* the text is as long as text_len says */
    r->status = REPLY_INCOMPLETE;
    r->column = 0;
    r->cr = false;
    r->last = false;
    memset(r->head, 0, sizeof r->head);
}

bool reply_reader_started(const struct reply_reader *r)
{
    return r->status == REPLY_INCOMPLETE && r->reply.bytes > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 1 to 3 digits at *at, moved past them; false when there are none, or more. */
static bool enhanced_number(struct span s, size_t *at, uint16_t *value)
{
    size_t end = *at;
    unsigned sum = 0;
    while (end < s.len && end - *at < 3 && is_digit(s.ptr[end]))
        sum = sum * 10 + (unsigned)(s.ptr[end++] - '0');
    if (end == *at || (end < s.len && is_digit(s.ptr[end])))
        return false;
    *at = end;
    *value = (uint16_t)sum;
    return true;
}

/* RFC 3463 2: class "." subject "." detail at the beginning of a line's text, then SP or the end.
 */
static void read_enhanced(struct reply *p, struct span line)
{
    uint16_t v[3];
    size_t at = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0 && (at >= line.len || line.ptr[at++] != '.'))
            return;
        if (!enhanced_number(line, &at, &v[i]))
            return;
    }
    if (at < line.len && line.ptr[at] != ' ' && line.ptr[at] != '\t')
        return;
    if (v[0] == 2 || v[0] == 4 || v[0] == 5)
        memcpy(p->enhanced, v, sizeof v);
}

static struct span present_line(const struct reply *p)
{
    struct span text = reply_text(p);
    size_t start = span_rchr(text, '\n');
    return start == SIZE_MAX ? text : span_from(text, start + 1);
}

/* Copies what there is room for. A line that is cut here may still have begun with its enhanced
   code: that is read as soon as no more of the line can be kept, provided that the longest code and
   its separator are there. */
static void keep(struct reply *p, const char *data, size_t len)
{
    const size_t enhanced_max = sizeof "5.999.999" + 2;
    size_t room = TEXT_ROOM - (size_t)p->text_len;
    bool cut = len > room;
    if (p->truncated)
        return;
    if (cut)
        len = room;
    memcpy(p->text + p->text_len, data, len);
    p->text_len = (uint16_t)(p->text_len + len);
    p->truncated = cut;
    if (cut && present_line(p).len > enhanced_max)
        read_enhanced(p, present_line(p));
}

static bool fail(struct reply_reader *r, enum reply_status status)
{
    r->status = status;
    return false;
}

/* The code and separator in `head` are complete: `separator` is the fourth byte, or SP for a line
 * that has none. */
static bool end_of_head(struct reply_reader *r, char separator)
{
    struct reply *p = &r->reply;
    int code = (r->head[0] - '0') * 100 + (r->head[1] - '0') * 10 + (r->head[2] - '0');
    if (separator != ' ' && separator != '-')
        return fail(r, REPLY_MALFORMED);
    if (p->line_count > 0) {
        if (code != p->code)
            p->mixed_codes = true;
        keep(p, "\n", 1);
    }
    p->code = code;
    r->last = separator == ' ';
    return true;
}

/* An LF has come. The line's own text is looked at only while all of it is kept. */
static bool end_of_line(struct reply_reader *r)
{
    struct reply *p = &r->reply;
    if (!r->cr)
        p->bare_lf = true;
    if (r->column < 3)
        return fail(r, REPLY_MALFORMED);
    if (r->column == 3 && !end_of_head(r, ' '))
        return false;
    p->line_count++;
    if (!p->truncated)
        read_enhanced(p, present_line(p));
    r->cr = false;
    r->column = 0;
    if (r->last)
        r->status = REPLY_COMPLETE;
    else if (p->line_count >= REPLY_LINES_MAX)
        r->status = REPLY_TOO_LONG;
    return r->status == REPLY_INCOMPLETE;
}

static void count_columns(struct reply_reader *r, size_t n)
{
    size_t sum = r->column + n;
    r->column = sum > UINT16_MAX ? UINT16_MAX : (uint16_t)sum;
}

/* A byte among the first four of a line, no LF and no CR that may yet belong to a line end. */
static bool head_byte(struct reply_reader *r, char c)
{
    static const char low[3] = {'2', '0', '0'}, high[3] = {'5', '9', '9'};
    unsigned at = r->column;
    r->head[at] = c;
    r->column++;
    if (at == 3)
        return end_of_head(r, c);
    if (c < low[at] || c > high[at])
        return fail(r, REPLY_MALFORMED);
    return true;
}

/* LF ends a run of text and must not be kept; the other control characters and 8-bit bytes are kept
 * and noted. */
static void text_byte(struct reply_reader *r, char c)
{
    unsigned char u = (unsigned char)c;
    if (u >= 0x80)
        r->reply.eight_bit = true;
    else if ((u < 0x20 && u != '\t') || u == 0x7f)
        r->reply.control = true;
    keep(&r->reply, &c, 1);
    count_columns(r, 1);
}

/* The byte after a held CR was no LF: the CR was text. */
static bool release_cr(struct reply_reader *r)
{
    r->cr = false;
    if (r->column < 4)
        return head_byte(r, '\r');
    text_byte(r, '\r');
    return true;
}

static bool one_byte(struct reply_reader *r, char c)
{
    if (c == '\n')
        return end_of_line(r);
    if (r->cr && !release_cr(r))
        return false;
    if (c == '\r') {
        r->cr = true;
        return true;
    }
    if (r->column < 4)
        return head_byte(r, c);
    text_byte(r, c);
    return true;
}

/* Plain printable text in the middle of a line, taken in one piece. */
static size_t text_run(struct reply_reader *r, const char *data, size_t len)
{
    size_t n = 0;
    if (r->column < 4 || r->cr)
        return 0;
    while (n < len && data[n] >= ' ' && data[n] < 0x7f)
        n++;
    keep(&r->reply, data, n);
    count_columns(r, n);
    return n;
}

size_t reply_reader_feed(struct reply_reader *r, const char *data, size_t len)
{
    size_t used = 0;
    if (r->status != REPLY_INCOMPLETE)
        return 0;
    while (used < len) {
        size_t room = REPLY_BYTES_MAX - (size_t)r->reply.bytes;
        size_t left = len - used < room ? len - used : room;
        size_t n = text_run(r, data + used, left);
        bool go_on = true;
        if (n == 0) {
            n = 1;
            go_on = one_byte(r, data[used]);
        }
        used += n;
        r->reply.bytes += (unsigned)n;
        if (!go_on)
            break;
        if (r->reply.bytes >= REPLY_BYTES_MAX) {
            r->status = REPLY_TOO_LONG;
            break;
        }
    }
    return used;
}

struct span reply_text(const struct reply *r)
{
    return (struct span){r->text, r->text_len};
}

struct span reply_line(const struct reply *r, unsigned index)
{
    struct span rest = reply_text(r), line;
    for (unsigned i = 0; span_cut(&rest, '\n', &line); i++)
        if (i == index)
            return line;
    return (struct span){NULL, 0};
}

bool reply_has_enhanced(const struct reply *r)
{
    return r->enhanced[0] != 0;
}

int reply_class(const struct reply *r)
{
    return r->code / 100;
}

bool reply_ehlo_keyword(const struct reply *r, struct span keyword, struct span *params)
{
    struct span rest = reply_text(r), line;
    for (unsigned i = 0; span_cut(&rest, '\n', &line); i++) {
        if (i == 0 || !span_istarts(line, keyword))
            continue;
        struct span after = span_from(line, keyword.len);
        /* "AUTH=LOGIN" is how servers before RFC 4954 said it. */
        if (after.len > 0 && after.ptr[0] != ' ' && after.ptr[0] != '\t' && after.ptr[0] != '=')
            continue;
        *params = span_trim(span_from(after, after.len > 0));
        return true;
    }
    return false;
}

void reply_print(struct strbuf *out, const struct reply *r)
{
    struct span rest = reply_text(r), line;
    if (r->code == 0)
        return;
    for (unsigned i = 0; span_cut(&rest, '\n', &line); i++) {
        bool last = rest.ptr == NULL;
        if (i > 0)
            strbuf_adds(out, " / ");
        strbuf_addu(out, (uint64_t)r->code);
        if (line.len > 0 || !last)
            strbuf_addc(out, last ? ' ' : '-');
        strbuf_add_visible(out, line);
    }
}
