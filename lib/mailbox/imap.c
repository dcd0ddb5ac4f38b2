/*
 * imap.c - EXAMINE, UID SEARCH, UID FETCH, and for a removal UID STORE and UID EXPUNGE (RFC 3501,
 * 4315)
 *
 * A response is one line of text whose literals were taken out: where `{n}` and n octets stood, a
 * space is left. Only the literal that is a message's content is kept. The answer to a search may
 * be one line of any length; its numbers are used and dropped as they come.
 *
 * A uid is "UIDVALIDITY.UID": when a folder was made anew, all its messages are new. EXPUNGE
 * without uids would also remove what other programs have marked, and is never said.
 */
#include <string.h>

#include "lib/mailbox/talk_private.h"

enum imap_phase {
    PHASE_IDLE,
    PHASE_EXAMINE,
    PHASE_SEARCH,
    PHASE_FETCH,
    PHASE_SELECT,
    PHASE_STORE,
    PHASE_EXPUNGE
};

enum { LINE_HEAD = TALK_LINE_MAX - 64, LINE_STEP = 32 };

static const struct span nothing = {"", 0};

static void say(struct talk *t, enum imap_phase next, const char *command)
{
    t->phase = next;
    t->tag++;
    strbuf_addc(&t->out, 'r');
    strbuf_addu(&t->out, t->tag);
    strbuf_addc(&t->out, ' ');
    strbuf_adds(&t->out, command);
}

static void end_line(struct talk *t)
{
    strbuf_adds(&t->out, "\r\n");
}

static void say_open(struct talk *t, enum imap_phase next, const char *command)
{
    say(t, next, command);
    strbuf_adds(&t->out, " \"");
    for (size_t i = 0; i < t->config.folder.len; i++) {
        char c = t->config.folder.ptr[i];
        if (c == '"' || c == '\\')
            strbuf_addc(&t->out, '\\');
        strbuf_addc(&t->out, c);
    }
    strbuf_addc(&t->out, '"');
    end_line(t);
    t->opened = false;
    t->validity = 0;
}

static void say_fetch(struct talk *t)
{
    say(t, PHASE_FETCH, "UID FETCH ");
    strbuf_addu(&t->out, t->wanted_uid);
    strbuf_adds(&t->out, " (UID BODY.PEEK[]<0.");
    strbuf_addu(&t->out, t->config.content_cap + 1);
    strbuf_adds(&t->out, ">)");
    end_line(t);
}

static bool read_wanted(struct talk *t)
{
    uint64_t validity, uid;
    size_t dot = span_chr(talk_uid(t), '.');
    if (dot == SIZE_MAX || !span_uint(span_to(talk_uid(t), dot), UINT32_MAX, &validity) ||
        !span_uint(span_from(talk_uid(t), dot + 1), UINT32_MAX, &uid) || uid == 0)
        return false;
    t->wanted_validity = (uint32_t)validity;
    t->wanted_uid = (uint32_t)uid;
    return true;
}

static void gone(struct talk *t)
{
    talk_finish(t, MAILBOX_GONE, "the message is not in the folder any more", nothing);
}

void imap_begin(struct talk *t)
{
    if (t->task != TALK_LIST && !read_wanted(t))
        gone(t);
    else if (t->task == TALK_REMOVE)
        say_open(t, PHASE_SELECT, "SELECT");
    else if (t->task == TALK_FETCH && t->opened && t->validity == t->wanted_validity)
        say_fetch(t);
    else
        say_open(t, PHASE_EXAMINE, "EXAMINE");
}

void imap_leave(struct talk *t)
{
    say(t, PHASE_IDLE, "LOGOUT");
    end_line(t);
}

static void opened(struct talk *t)
{
    bool same = t->validity == t->wanted_validity;
    t->opened = t->phase == PHASE_EXAMINE;
    if (t->task == TALK_LIST) {
        say(t, PHASE_SEARCH, "UID SEARCH ALL");
        end_line(t);
    } else if (!same) {
        gone(t);
    } else if (t->task == TALK_FETCH) {
        say_fetch(t);
    } else {
        say(t, PHASE_STORE, "UID STORE ");
        strbuf_addu(&t->out, t->wanted_uid);
        strbuf_adds(&t->out, " +FLAGS.SILENT (\\Deleted)");
        end_line(t);
    }
}

static void completed(struct talk *t)
{
    switch ((enum imap_phase)t->phase) {
    case PHASE_EXAMINE:
    case PHASE_SELECT:
        opened(t);
        break;
    case PHASE_FETCH:
        if (t->got)
            talk_finish(t, MAILBOX_OK, "", nothing);
        else
            gone(t);
        break;
    case PHASE_STORE:
        say(t, PHASE_EXPUNGE, "UID EXPUNGE ");
        strbuf_addu(&t->out, t->wanted_uid);
        end_line(t);
        break;
    case PHASE_SEARCH:
    case PHASE_EXPUNGE:
        talk_finish(t, MAILBOX_OK, "", nothing);
        break;
    case PHASE_IDLE:
        break;
    }
}

static void refused(struct talk *t, struct span said)
{
    static const char *const what[] = {
        [PHASE_IDLE] = "",
        [PHASE_EXAMINE] = "the server does not open the folder",
        [PHASE_SEARCH] = "the server does not list the folder",
        [PHASE_FETCH] = "the server does not give the message",
        [PHASE_SELECT] = "the server does not open the folder",
        [PHASE_STORE] = "the server does not remove the message",
        [PHASE_EXPUNGE] = "the message is marked as deleted, but the server does not remove it"};
    bool lasts = t->phase != PHASE_SEARCH && t->phase != PHASE_FETCH && !talk_may_heal(said);
    talk_finish(t, lasts ? MAILBOX_REFUSED : MAILBOX_TROUBLE, what[t->phase], said);
}

/* "rN OK ..."; false: not the answer to the command under way. */
static bool read_tagged(struct talk *t, struct span line)
{
    uint64_t tag;
    size_t space = span_chr(line, ' ');
    if (line.len == 0 || line.ptr[0] != 'r' || space == SIZE_MAX ||
        !span_uint(span_from(span_to(line, space), 1), UINT32_MAX, &tag) || tag != t->tag)
        return false;
    struct span said = span_from(line, space + 1);
    if (span_istarts(said, SPAN("OK")))
        completed(t);
    else
        refused(t, said);
    return true;
}

static bool is_fetch(struct span line)
{
    size_t space = span_chr(span_from(line, 2), ' ');
    return span_starts(line, SPAN("* ")) && space != SIZE_MAX &&
           span_istarts(span_from(line, 2 + space), SPAN(" FETCH "));
}

/* Where the value of BODY[] begins in a response to a fetch, or SIZE_MAX. */
static size_t find_content(const struct talk *t, struct span line)
{
    if (t->phase != PHASE_FETCH || t->got || !is_fetch(line))
        return SIZE_MAX;
    size_t at = span_ifind(line, SPAN("BODY[]"));
    if (at == SIZE_MAX)
        return SIZE_MAX;
    size_t space = span_chr(span_from(line, at), ' ');
    return space == SIZE_MAX ? SIZE_MAX : at + space + 1;
}

/* A short message may come as a quoted string, an empty one as NIL. */
static void read_inline(struct talk *t, struct span line)
{
    size_t at = find_content(t, line);
    struct span value = at == SIZE_MAX ? nothing : span_from(line, at);
    if (span_istarts(value, SPAN("NIL")))
        t->got = true;
    if (value.len == 0 || value.ptr[0] != '"')
        return;
    t->got = true;
    for (size_t i = 1; i < value.len && value.ptr[i] != '"'; i++) {
        if (value.ptr[i] == '\\' && i + 1 < value.len)
            i++;
        talk_keep(t, (struct span){value.ptr + i, 1});
    }
}

static void read_validity(struct talk *t, struct span line)
{
    static const char name[] = "[UIDVALIDITY ";
    uint64_t value;
    size_t at = span_ifind(line, SPAN(name));
    if (at == SIZE_MAX)
        return;
    struct span rest = span_from(line, at + sizeof(name) - 1);
    if (span_uint(span_to(rest, span_chr(rest, ']')), UINT32_MAX, &value))
        t->validity = (uint32_t)value;
}

static void found(struct talk *t, struct span number)
{
    char memory[32];
    struct strbuf uid;
    uint64_t value;
    if (t->phase != PHASE_SEARCH || t->task != TALK_LIST ||
        !span_uint(number, UINT32_MAX, &value) || value == 0)
        return;
    strbuf_init(&uid, memory, sizeof(memory));
    strbuf_addu(&uid, t->validity);
    strbuf_addc(&uid, '.');
    strbuf_addu(&uid, value);
    t->config.entry(t->config.self, strbuf_span(&uid), 0);
}

static const struct span search = {"* SEARCH ", 9};

static void line_came(struct talk *t)
{
    struct span line = {t->line, t->line_len};
    t->line_len = 0;
    if (span_istarts(line, search))
        found(t, span_trim(span_from(line, search.len)));
    else if (span_istarts(line, SPAN("* BYE")))
        talk_break(t, "the server ends the session", span_from(line, 2));
    else if (t->phase == PHASE_EXAMINE || t->phase == PHASE_SELECT)
        read_validity(t, line);
    else
        read_inline(t, line);
    (void)read_tagged(t, line);
}

/* A response goes on behind a literal: "{n}" or "{n+}" at the end of a line (RFC 7888). */
static bool begin_literal(struct talk *t)
{
    struct span line = {t->line, t->line_len};
    size_t open = span_rchr(line, '{');
    uint64_t size;
    if (open == SIZE_MAX || line.ptr[line.len - 1] != '}' || !span_starts(line, SPAN("* ")))
        return false;
    struct span digits = span_to(span_from(line, open + 1), line.len - open - 2);
    if (digits.len > 0 && digits.ptr[digits.len - 1] == '+')
        digits.len--;
    if (!span_uint(digits, INT64_MAX, &size))
        return false;
    t->line_len = open;
    t->taking = find_content(t, span_to(line, open)) == open;
    t->got = t->got || t->taking;
    t->literal_left = size;
    t->in_literal = size > 0;
    return true;
}

/* How many octets were used. */
static size_t literal_came(struct talk *t, struct span bytes)
{
    size_t used = bytes.len < t->literal_left ? bytes.len : (size_t)t->literal_left;
    t->literal_left -= used;
    t->in_literal = t->literal_left > 0;
    if (t->taking)
        talk_keep(t, span_to(bytes, used));
    else
        t->body_len += used;
    if (t->body_len > TALK_BODY_MAX)
        talk_break(t, "the server sends more than was asked for", nothing);
    return used;
}

/* The numbers of a search go as they come; of other long lines the middle goes. */
static void character_came(struct talk *t, char c)
{
    if (c == ' ' && t->line_len > search.len &&
        span_istarts((struct span){t->line, t->line_len}, search)) {
        found(t, span_trim(span_from((struct span){t->line, t->line_len}, search.len)));
        t->line_len = search.len;
        return;
    }
    if (t->line_len == sizeof(t->line)) {
        memmove(t->line + LINE_HEAD, t->line + LINE_HEAD + LINE_STEP,
                sizeof(t->line) - LINE_HEAD - LINE_STEP);
        t->line_len -= LINE_STEP;
    }
    t->line[t->line_len++] = c;
}

void imap_feed(struct talk *t, struct span bytes)
{
    for (size_t i = 0; i < bytes.len && !t->broken; i++) {
        if (t->in_literal) {
            i += literal_came(t, span_from(bytes, i)) - 1;
        } else if (bytes.ptr[i] != '\n') {
            character_came(t, bytes.ptr[i]);
        } else {
            if (t->line_len > 0 && t->line[t->line_len - 1] == '\r')
                t->line_len--;
            if (t->line_len == 0 || !begin_literal(t))
                line_came(t);
        }
    }
}
