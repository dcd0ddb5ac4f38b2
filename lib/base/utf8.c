/*
 * utf8.c - the second byte is the only one whose range depends on the first
 */
#include "lib/base/utf8.h"

size_t utf8_len(struct span s)
{
    const unsigned char *u = (const unsigned char *)s.ptr;
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (s.len == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    if (u[0] < 0xc2 || u[0] > 0xf4)
        return 0;
    len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (s.len < len)
        return 0;
    if (u[0] == 0xe0)
        low = 0xa0;
    else if (u[0] == 0xed)
        high = 0x9f;
    else if (u[0] == 0xf0)
        low = 0x90;
    else if (u[0] == 0xf4)
        high = 0x8f;
    if (u[1] < low || u[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (u[i] < 0x80 || u[i] > 0xbf)
            return 0;
    return len;
}

/* Or a line end: U+2028 and U+2029 are for some readers. */
static bool is_control(struct span c)
{
    unsigned char first = (unsigned char)c.ptr[0];

    if (c.len == 3)
        return span_equal(c, SPAN("\xe2\x80\xa8")) || span_equal(c, SPAN("\xe2\x80\xa9"));
    if (c.len == 2)
        return first == 0xc2 && (unsigned char)c.ptr[1] < 0xa0;
    return c.len < 2 && (first < 0x20 || first >= 0x7f);
}

void utf8_add_line(struct strbuf *out, struct span s)
{
    while (s.len > 0) {
        struct span c = span_to(s, utf8_len(s));

        if (c.len == 0)
            c = (struct span){s.ptr, 1}; /* no UTF-8 */
        if (is_control(c))
            for (size_t i = 0; i < c.len; i++)
                strbuf_addf(out, "\\x%02x", (unsigned)(unsigned char)c.ptr[i]);
        else
            strbuf_add(out, c);
        s = span_from(s, c.len);
    }
}
