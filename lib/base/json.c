/*
 * json.c - a writer without look-ahead
 *
 * any[depth] says whether the bracket at that depth holds something already; that is all a comma
 * needs. Text is copied in runs: only quotes, backslashes, control characters and bytes above 127
 * stop a run.
 */
#include "lib/base/json.h"

#include "lib/base/utf8.h"

#include <assert.h>

void json_init(struct json *j, struct strbuf *out)
{
    *j = (struct json){.out = out};
}

static void add_escape(struct strbuf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    char escape[6] = {'\\', c, '0', '0', hex[u >> 4], hex[u & 15]};
    size_t len = 2;
    if (c == '\n') {
        escape[1] = 'n';
    } else if (c == '\r') {
        escape[1] = 'r';
    } else if (c == '\t') {
        escape[1] = 't';
    } else if (c != '"' && c != '\\') {
        escape[1] = 'u';
        len = 6;
    }
    strbuf_add(out, (struct span){escape, len});
}

/* Writes the odd byte or sequence that ended a run; returns how much of s it was. */
static size_t add_special(struct strbuf *out, struct span s)
{
    unsigned char u = (unsigned char)s.ptr[0];
    if (u < 0x80) {
        add_escape(out, s.ptr[0]);
        return 1;
    }
    size_t len = utf8_len(s);
    if (len == 0) {
        strbuf_add(out, SPAN("\xef\xbf\xbd"));
        return 1;
    }
    strbuf_add(out, span_to(s, len));
    return len;
}

static void add_quoted(struct strbuf *out, struct span s)
{
    size_t run = 0, i = 0;
    strbuf_addc(out, '"');
    while (i < s.len) {
        unsigned char u = (unsigned char)s.ptr[i];
        if (u >= 0x20 && u < 0x7f && u != '"' && u != '\\') {
            i++;
            continue;
        }
        strbuf_add(out, (struct span){s.ptr + run, i - run});
        i += add_special(out, span_from(s, i));
        run = i;
    }
    strbuf_add(out, span_from(s, run));
    strbuf_addc(out, '"');
}

static void begin_value(struct json *j, const char *key)
{
    if (j->any[j->depth])
        strbuf_addc(j->out, ',');
    j->any[j->depth] = true;
    if (key != NULL) {
        add_quoted(j->out, span_of(key));
        strbuf_addc(j->out, ':');
    }
}

void json_open(struct json *j, const char *key, char bracket)
{
    assert(j->depth < JSON_DEPTH_MAX);
    assert(bracket == '{' || bracket == '[');
    begin_value(j, key);
    strbuf_addc(j->out, bracket);
    j->closer[j->depth++] = bracket == '{' ? '}' : ']';
    j->any[j->depth] = false;
}

void json_close(struct json *j)
{
    assert(j->depth > 0);
    strbuf_addc(j->out, j->closer[--j->depth]);
}

void json_text(struct json *j, const char *key, struct span value)
{
    begin_value(j, key);
    add_quoted(j->out, value);
}

void json_string(struct json *j, const char *key, const char *value)
{
    if (value == NULL)
        json_null(j, key);
    else
        json_text(j, key, span_of(value));
}

void json_int(struct json *j, const char *key, int64_t value)
{
    begin_value(j, key);
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        strbuf_addc(j->out, '-');
        magnitude = ~magnitude + 1;
    }
    strbuf_addu(j->out, magnitude);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin_value(j, key);
    strbuf_adds(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    begin_value(j, key);
    strbuf_adds(j->out, "null");
}
